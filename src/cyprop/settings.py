"""What Network's constructor accepts; anything else is refused in one sentence."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from cyprop.checks.numbers import is_sequence, whole_number
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.rules import Optimizer, named

DTYPES = ("float32", "float64")


def checked_sizes(sizes: Any) -> list[int]:
    entries: Any = sizes.tolist() if isinstance(sizes, np.ndarray) else sizes
    if not is_sequence(entries):
        raise TypeError(f"sizes is {sizes!r}, expected a sequence of whole numbers")
    if len(entries) < 2:
        raise ValueError(
            f"sizes has {len(entries)} entries, expected at least two: inputs and outputs"
        )
    return [whole_number(size, f"sizes[{i}]") for i, size in enumerate(entries)]


def checked_name(value: Any, what: str, known: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is {value!r}, expected one of {', '.join(known)}")
    if value not in known:
        raise ValueError(f"{what} {value!r} is unknown; known are {', '.join(known)}")
    return value


def checked_activations(
    activation: Any, output_activation: Any, loss: str, n_layers: int
) -> list[str]:
    known = activations.names()
    if isinstance(activation, str):
        hidden = [activation] * (n_layers - 1)
        default = activation
    elif is_sequence(activation):
        hidden = list(activation)
        if len(hidden) != n_layers - 1:
            raise ValueError(
                f"activation names {len(hidden)} layers, expected {n_layers - 1} hidden ones"
            )
        default = hidden[-1] if hidden else "sigmoid"
    else:
        raise TypeError(f"activation is {activation!r}, expected a name or a sequence of names")
    own = losses.output_activation(loss)
    output = output_activation if output_activation is not None else own or default
    for name in {default, *hidden, output}:
        checked_name(name, "activation", known)
    if own is not None and output != own:
        raise ValueError(f"loss {loss!r} needs output_activation {own!r}, not {output!r}")
    return [*hidden, output]


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    found: np.dtype[Any] | None = None
    with suppress(TypeError):
        found = np.dtype(dtype)
    if dtype is None or found is None or found.name not in DTYPES or not found.isnative:
        raise ValueError(f"dtype is {dtype!r}, expected 'float32' or 'float64'")
    return found


def checked_optimizer(optimizer: Any, dtype: np.dtype[Any]) -> Optimizer:
    if isinstance(optimizer, str):
        optimizer = named(optimizer)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r}, expected an Optimizer such as SGD() or a name"
        )
    for key, value in optimizer.hyperparameters.items():
        with np.errstate(over="ignore", under="ignore"):
            rounded = dtype.type(value)
        if not np.isfinite(rounded) or (rounded == 0) != (value == 0):
            raise ValueError(f"{key} is {value!r}, expected a number that {dtype} can hold")
    return optimizer
