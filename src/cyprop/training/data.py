"""What a training learns from, checked: arrays in memory as the network takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import check_same_rows, matrix
from cyprop.checks.labels import targets_of_rows
from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.engine.finite import is_ordinary, place_of_nonfinite
from cyprop.engine.maps import maps_of
from cyprop.training.targets import check_meaning

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array


def checked_data(
    network: Engine, X: Any, Y: Any, x_name: str = "X", y_name: str = "Y"
) -> tuple[Array, Array, bool]:
    """X and Y as the network's arrays, every number finite and every target one of the loss; and
    whether no number in X is so large that updates must look at it again.

    Raises
    ------
    TypeError, ValueError
        As `cyprop.checks.arrays.matrix`; and ValueError naming the row and column of
        the first NaN or infinity, or of the first target that the loss cannot mean.
    RuntimeError
        If the network has not been initialised.
    """
    settings = memory.settings_of(network)
    with np.errstate(over="ignore"):
        X = matrix(X, x_name, settings.sizes[0], settings.dtype)
        Y = _read_targets(network, Y, y_name)
    check_same_rows(X, Y, x_name, y_name)
    ordinary = is_ordinary(X)
    if not ordinary:
        _check_finite(X, x_name)
    _check_targets(network, Y, y_name)
    return X, Y, ordinary


def checked_targets(network: Engine, Y: Any, name: str) -> Array:
    """Y as the network's array; errors as those of `checked_data`."""
    with np.errstate(over="ignore"):
        found = _read_targets(network, Y, name)
    _check_targets(network, found, name)
    return found


def _read_targets(network: Engine, Y: Any, name: str) -> Array:
    settings = memory.settings_of(network)
    return targets_of_rows(Y, name, settings.n_targets, settings.dtype, settings.n_classes)


def _check_targets(network: Engine, Y: Array, name: str) -> None:
    _check_finite(Y, name)
    check_meaning(*as_compared(network, Y, name), memory.settings_of(network))


def as_compared(network: Engine, Y: Array, name: str) -> tuple[Array, str]:
    """Y as the loss compares it with the last layer, and what to call it in a sentence."""
    outputs = maps_of(network).outputs
    if outputs is None:
        return Y, name
    n_targets = Y.shape[1]
    with np.errstate(over="ignore"):
        compared: Array = Y / outputs.scale[:n_targets] + outputs.offset[:n_targets]
    return compared, f"{name}, through the output map,"


def _check_finite(array: Array, name: str) -> None:
    place = place_of_nonfinite(array)
    if place is not None:
        raise ValueError(
            f"{name} holds {array[place]} at row {place[0]}, column {place[1]},"
            f" expected finite numbers that fit {array.dtype}"
        )


def check_parameters(network: Engine) -> None:
    """Raise ValueError for the first weight or bias that is not finite: nothing comes of it."""
    if memory.is_finite(network):
        return
    for what, arrays in zip(("weights", "biases"), memory.arrays(network), strict=True):
        for layer, array in enumerate(arrays):
            wrong = np.argwhere(~np.isfinite(array))
            if len(wrong):
                place = tuple(wrong[0].tolist())
                raise ValueError(
                    f"{what}[{layer}] holds {array[place]} at {list(place)} before training,"
                    " expected finite numbers; nothing was trained"
                )
