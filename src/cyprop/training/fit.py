"""Epochs over a data set: shuffling, validation, progress, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.arrays import check_same_rows, matrix
from cyprop.checks.numbers import whole_number
from cyprop.engine.threads import threads_for_batches
from cyprop.errors import DivergenceError
from cyprop.training.history import History
from cyprop.training.progress import epoch_lines

if TYPE_CHECKING:
    from cyprop.network import Network

Array = npt.NDArray[Any]


def checked_data(
    network: Network, X: Any, Y: Any, x_name: str = "X", y_name: str = "Y"
) -> tuple[Array, Array]:
    """X and Y as the network's arrays, every number finite.

    Raises
    ------
    TypeError, ValueError
        As `cyprop.arrays.matrix`; and ValueError naming the row and column of
        the first NaN or infinity.
    RuntimeError
        If the network has not been initialised.
    """
    if not network.weights:
        raise RuntimeError("the network has not been initialised")
    with np.errstate(over="ignore"):
        X = matrix(X, x_name, network.sizes[0], network.dtype)
        Y = matrix(Y, y_name, network.sizes[-1], network.dtype)
    check_same_rows(X, Y, x_name, y_name)
    for array, name in ((X, x_name), (Y, y_name)):
        place = network._first_nonfinite(array)
        if place is not None:
            raise ValueError(
                f"{name} holds {array[place]} at row {place[0]}, column {place[1]},"
                f" expected finite numbers that fit {network.dtype}"
            )
    return X, Y


def epochs(
    network: Network,
    X: Any,
    Y: Any,
    *,
    n_epochs: int,
    batch_size: int,
    shuffle: bool = True,
    validation_data: tuple[Any, Any] | None = None,
    n_threads: int = 1,
) -> Iterator[History]:
    """Train epoch by epoch, yielding the history so far after each; stop asking to stop training.

    Everything is checked before the first epoch. Parameters, errors: see `Network.fit`.
    """
    n_epochs = whole_number(n_epochs, "epochs", low=0)
    batch_size = whole_number(batch_size, "batch_size")
    X, Y = checked_data(network, X, Y)
    batch_size = min(batch_size, len(X))
    n_parts = threads_for_batches(n_threads, len(X), batch_size, network.n_parameters)
    validation = None
    if validation_data is not None:
        try:
            X_validation, Y_validation = validation_data
        except (TypeError, ValueError):
            raise TypeError("validation_data must be a pair (X, Y)") from None
        validation = checked_data(
            network, X_validation, Y_validation, "validation X", "validation Y"
        )
    return _epochs(network, X, Y, n_epochs, batch_size, shuffle, validation, n_threads, n_parts)


def _epochs(
    network: Network,
    X: Array,
    Y: Array,
    n_epochs: int,
    batch_size: int,
    shuffle: bool,
    validation: tuple[Array, Array] | None,
    n_threads: int,
    n_parts: int,
) -> Iterator[History]:
    history = History()
    last_finite = np.empty_like(network.parameters)
    for epoch in range(n_epochs):
        network._read_parameters(last_finite)
        order = network._rng.permutation(len(X)) if shuffle else None
        started = time.perf_counter()
        loss = _one_epoch(network, X, Y, order, batch_size, epoch, last_finite, n_parts)
        history.seconds.append(time.perf_counter() - started)
        history.loss.append(loss)
        if validation is not None:
            history.validation_loss.append(network.evaluate(*validation, n_threads))
        yield history


def _one_epoch(
    network: Network,
    X: Array,
    Y: Array,
    order: Array | None,
    batch_size: int,
    epoch: int,
    last_finite: Array,
    n_parts: int,
) -> float:
    """The mean loss of one pass over the rows; on divergence the parameters go back."""
    n, total, row = len(X), 0.0, 0
    while row < n:
        total, row = network._train(X, Y, order, batch_size, row, total, n_parts)
        if not np.isfinite(total):
            network._set_state(last_finite)
            raise DivergenceError(epoch, row // batch_size)
    if not network._is_finite():
        network._set_state(last_finite)
        raise DivergenceError(epoch, (n - 1) // batch_size, "a parameter")
    return total / n


def fit(
    network: Network,
    X: Any,
    Y: Any,
    *,
    n_epochs: int,
    batch_size: int,
    shuffle: bool,
    validation_data: tuple[Any, Any] | None,
    progress: bool,
    n_threads: int,
) -> History:
    """`Network.fit`, which see."""
    history = History()
    steps = epochs(
        network,
        X,
        Y,
        n_epochs=n_epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        validation_data=validation_data,
        n_threads=n_threads,
    )
    for so_far in epoch_lines(steps, n_epochs) if progress else steps:
        history = so_far
    return history
