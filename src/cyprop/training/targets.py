"""Which targets a loss can mean, and which an output can reach."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from cyprop.checks.numbers import shown

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.rules import Activation
    from cyprop.settings import Settings

Range = tuple[float, float]

# A loss or an activation that is not here takes or gives any number.
MEANT: dict[str, Range] = {
    "binary_cross_entropy": (0, 1),
    "cross_entropy": (0, math.inf),
    "poisson": (0, math.inf),
}
REACHED: dict[str, Range] = {
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "hard_tanh": (-1, 1),
    "softsign": (-1, 1),
    "relu6": (0, 6),
    "relu": (0, math.inf),
    "softplus": (0, math.inf),
    "exponential": (0, math.inf),
    "log_sigmoid": (-math.inf, 0),
    "log_softmax": (-math.inf, 0),
    # Rounded down where that is no short number.
    "gelu": (-0.17, math.inf),
    "gelu_tanh": (-0.1701, math.inf),
    "silu": (-0.2785, math.inf),
    "mish": (-0.3089, math.inf),
    "hard_swish": (-0.375, math.inf),
    "selu": (-1.7581, math.inf),
}
DOWN_TO_ALPHA = ("elu", "celu")  # these reach from −alpha on

# What people use for no and yes, and how that becomes 0 and 1.
LABELS = {(-1, 1): "labels -1 and 1? give (Y + 1) / 2", (1, 2): "labels 1 and 2? give Y - 1"}


def check_meaning(Y: Array, name: str, settings: Settings) -> None:
    """Raise ValueError for the first target that the loss cannot mean."""
    loss = settings.loss.name
    bounds = MEANT.get(loss)
    place = None if bounds is None else _first_outside(Y, bounds)
    if bounds is not None and place is not None:
        raise ValueError(
            f"{_what(Y, name, place)}, expected targets {_shown(bounds)} for {loss}{_hint(Y)}"
        )


def warn_of_what_is_out_of_reach(Y: Array, name: str, settings: Settings, level: int) -> bool:
    """Warn of the first target that the output cannot come near, whatever it learns.

    `level` is the caller's frame as `warnings.warn` counts it. Returns whether there was one.
    """
    sentence = out_of_reach(Y, name, settings)
    if sentence is None:
        return False
    warnings.warn(sentence, stacklevel=level + 1)
    return True


def out_of_reach(Y: Array, name: str, settings: Settings) -> str | None:
    """What to say of the first target that the output cannot come near; None: of none."""
    bounds = reached(settings.activations[-1])
    if bounds is None or settings.loss.name in MEANT:
        return None
    place = _first_outside(Y, bounds)
    if place is None:
        return None
    return (
        f"{_what(Y, name, place)}, which an output of {settings.activation_names[-1]} cannot"
        f" reach, since it is {_shown(bounds)}; use output_activation='identity', or scale the"
        " targets"
    )


def reached(activation: Activation) -> Range | None:
    """The range of an activation; None: all numbers."""
    if activation.name in DOWN_TO_ALPHA:
        return (-activation.alpha, math.inf)
    return REACHED.get(activation.name)


def _first_outside(Y: Array, bounds: Range) -> tuple[int, int] | None:
    """The row and column of the first target outside the bounds; no temporary if there is none."""
    low, high = bounds
    if Y.min() >= low and Y.max() <= high:
        return None
    wrong = np.clip(Y, low, high) != Y
    row, column = np.unravel_index(int(wrong.argmax()), Y.shape)
    return int(row), int(column)


def _what(Y: Array, name: str, place: tuple[int, int]) -> str:
    return f"{name} holds {shown(Y[place].item())} at row {place[0]}, column {place[1]}"


def _shown(bounds: Range) -> str:
    low, high = bounds
    if math.isinf(low):
        return f"of at most {high}"
    return f"from {low} to {high}" if math.isfinite(high) else f"of at least {low}"


def _hint(Y: Array) -> str:
    """What to do with labels of another kind than 0 and 1."""
    found = tuple(np.unique(Y).tolist())
    return f"; {LABELS[found]}" if found in LABELS else ""
