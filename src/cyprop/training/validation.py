"""Rows that are not learned from: what a network makes of them after an epoch."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cyprop.checks.numbers import shown
from cyprop.engine import memory
from cyprop.engine.course import Course
from cyprop.training.sources import sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from cyprop.checks.arrays import Array
    from cyprop.training.rows import Rows


class Held(Protocol):
    """What all kinds of held-out rows can do."""

    def loss(self, network: Any) -> float:
        """The mean loss over them."""
        ...

    def outputs(self, network: Any) -> tuple[Array, Array, Array | None]:
        """Their targets, the network's outputs, and their weights if there are any."""
        ...


class Pair:
    """Arrays of their own, such as `checked_data` gives."""

    X: Array
    Y: Array
    weights: Array | None

    def __init__(self, X: Array, Y: Array, weights: Array | None, n_threads: int) -> None:
        self.X, self.Y, self.weights, self._n_threads = X, Y, weights, n_threads

    def loss(self, network: Any) -> float:
        """As `evaluate`, and by it, which a subclass may have written for itself."""
        weights = () if self.weights is None else (self.weights,)
        return number(network.evaluate(self.X, self.Y, self._n_threads, *weights))

    def identity(self) -> str:
        """What tells these rows from others."""
        weights = () if self.weights is None else (self.weights,)
        return f"{len(self.X)} rows ({sampled(self.X, self.Y, *weights)})"

    def outputs(self, network: Any) -> tuple[Array, Array, Array | None]:
        """As `predict`."""
        return self.Y, network.predict(self.X, None, self._n_threads), self.weights


class Share:
    """Some rows of the arrays in memory that are learned from; they are not copied."""

    X: Array
    Y: Array
    weights: Array | None
    rows: Array

    def __init__(
        self,
        network: Any,
        X: Array,
        Y: Array,
        ordinary: bool,
        weights: Array | None,
        rows: Array,
        batch_size: int,
        n_threads: int,
    ) -> None:
        self._course = Course(network, X, Y, weights, batch_size, 1, ordinary)
        self.X, self.Y, self.weights, self.rows = X, Y, weights, rows
        self._batch_size, self._n_threads = batch_size, n_threads

    def loss(self, network: Any) -> float:
        """With the bits that `evaluate` has for the rows."""
        return self._course.evaluate(self.rows, self._n_threads)

    def outputs(self, network: Any) -> tuple[Array, Array, Array | None]:
        """Of a batch of rows at a time."""
        A = outputs_of(network, self.X, self.rows, self._batch_size, self._n_threads)
        weights = None if self.weights is None else self.weights[self.rows]
        return self.Y[self.rows], A, weights


class ReadShare:
    """Rows that are read when they are needed, a batch at a time."""

    def __init__(
        self,
        data: Rows,
        weights: Array | None,
        rows: Array | None,
        batch_size: int,
        n_threads: int,
    ) -> None:
        self._data, self._weights, self._n_threads = data, weights, n_threads
        rows = np.arange(data.n) if rows is None else rows
        self._pieces = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]

    def loss(self, network: Any) -> float:
        """The mean of the pieces' means, by what they weigh."""
        total = weight = 0.0
        for rows in self._pieces:
            X, Y, _ = self._data.read(rows)
            if self._weights is None:
                own: tuple[Any, ...] = ()
                piece = float(len(rows))
            else:
                own = (self._weights[rows],)
                piece = float(own[0].sum())
            if piece > 0:
                total += piece * number(network.evaluate(X, Y, self._n_threads, *own))
                weight += piece
        self._data.release()
        return total / weight

    def identity(self) -> str:
        """What tells these rows from others."""
        weights = () if self._weights is None else (self._weights,)
        return f"{self._data.n} rows ({sampled(*self._data.sample(), *weights)})"

    def look_at_targets(self, look: Callable[[Array, str], None]) -> None:
        """Show them, and what to call them, a batch of rows at a time."""
        for rows in self._pieces:
            self._data.look_at_targets(rows, look)

    def outputs(self, network: Any) -> tuple[Array, Array, Array | None]:
        """The outputs are kept, and the targets; the inputs are not."""
        found: list[tuple[Array, Array]] = []
        for rows in self._pieces:
            X, Y, _ = self._data.read(rows)
            found.append((Y, network.predict(X, None, self._n_threads)))
        self._data.release()
        Y, A = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        weights = None if self._weights is None else self._weights[np.concatenate(self._pieces)]
        return Y, A, weights


def number(loss: Any) -> float:
    """A loss that the `evaluate` of a user's class may have found."""
    if isinstance(loss, bool | np.bool_) or not isinstance(loss, Real):
        raise TypeError(f"evaluate gave {shown(loss)}, expected a number")
    return float(loss)


def outputs_of(
    network: Any, X: Array, rows: Array | None, batch_size: int, n_threads: int
) -> Array:
    """What the network makes of rows of X."""
    if rows is None:
        whole: Array = network.predict(X, None, n_threads)
        return whole
    settings = memory.settings_of(network)
    A = np.empty((len(rows), settings.sizes[-1]), settings.dtype)
    for start in range(0, len(rows), batch_size):
        end = start + batch_size
        A[start:end] = network.predict(X[rows[start:end]], None, n_threads)
    return A
