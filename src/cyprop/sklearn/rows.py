"""Rows to learn from and to ask about: arrays, or sparse matrices that are made dense by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.engine import memory
from cyprop.engine.course import Course
from cyprop.engine.finite import is_ordinary
from cyprop.engine.threads import threads_for_batches, work_of_row
from cyprop.training.sparse import is_sparse

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.network import Network

AT_ONCE = 1 << 18  # numbers of a sparse matrix that are dense at a time


class Data(NamedTuple):
    """Rows to learn from.

    Attributes
    ----------
    X : ndarray or CSR matrix, (n, n_in)
        An array is of the network's dtype, C-contiguous and aligned.
    Y : ndarray, (n, n_targets)
        Of the network's dtype, C-contiguous.
    weights : ndarray of float64, (n,), or None
    """

    X: Any
    Y: Array
    weights: Array | None

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.Y)


def kernels_rows(X: Any, dtype: Any, name: str = "X") -> Any:
    """X as a network of that dtype reads it in place; a sparse matrix as CSR.

    Raises
    ------
    ValueError
        If a number is beyond what the dtype can hold.
    """
    if is_sparse(X):
        return X.tocsr()
    with np.errstate(over="ignore"):
        found = np.require(X, dtype, ["C", "A"])
    if found.dtype != X.dtype and not np.isfinite(found).all():
        raise ValueError(f"{name} holds a number that {dtype} cannot hold, which the weights have")
    return np.asarray(found)


def dense(X: Any, dtype: Any) -> Array:
    """Some rows of a CSR matrix as an array that a network reads in place."""
    found: Array = np.ascontiguousarray(X.toarray(), dtype)
    return found


def pieces(n: int, n_in: int, batch_size: int) -> Iterator[slice]:
    """Stretches of n rows, of whole batches each: those that are made dense at a time."""
    step = max(AT_ONCE // (n_in * batch_size), 1) * batch_size
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def outputs_of(network: Network, X: Any, n_threads: int = 1) -> Array:
    """What the network predicts of rows that may be sparse."""
    if not is_sparse(X):
        return network.predict(X, None, n_threads)
    X = X.tocsr()
    dtype = memory.settings_of(network).dtype
    found = [
        network.predict(dense(X[piece], dtype), None, n_threads)
        for piece in pieces(X.shape[0], X.shape[1], 1)
    ]
    return np.concatenate(found)


class Batches:
    """An epoch in batches, over and over, with a penalty that the rows of a batch share.

    Parameters
    ----------
    network : Network
    data : Data
    batch_size, n_threads : int
    clip_norm : float or None
    shared_l2, penalty_counts : float
        As `Course` takes them.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        batch_size: int,
        n_threads: int,
        clip_norm: float | None,
        shared_l2: float,
        penalty_counts: float,
    ) -> None:
        self._network, self._data, self._batch_size = network, data, batch_size
        work = work_of_row(memory.settings_of(network))
        self._n_parts = threads_for_batches(n_threads, data.n, batch_size, work)
        self._options = clip_norm, None, shared_l2, penalty_counts
        self.n_batches: int = -(-data.n // batch_size)
        self._course = None
        if not is_sparse(data.X):
            self._course = self._course_of(data.X, data.Y, data.weights, is_ordinary(data.X))

    def _course_of(self, X: Array, Y: Array, weights: Array | None, ordinary: bool) -> Course:
        return Course(
            *(self._network, X, Y, weights, self._batch_size, self._n_parts, ordinary),
            *self._options,
        )

    def epoch(self, order: Array | None, rates: Array | None) -> float:
        """Learn from all rows once; the sum of the losses of batches, each times its rows.

        `order` says which row comes when, and `rates` has the learning rate of each batch. Where a
        loss or an update was not finite, the sum is not either, and it ended there.
        """
        n = self._data.n
        if self._course is not None:
            return _learn(self._course, n, order, rates, 0.0)
        total = 0.0
        X, Y, weights = self._data
        dtype = memory.settings_of(self._network).dtype
        for piece in pieces(n, X.shape[1], self._batch_size):
            rows: Any = piece if order is None else order[piece]
            course = self._course_of(
                dense(X[rows], dtype), Y[rows], None if weights is None else weights[rows], False
            )
            size = self._batch_size
            own = None if rates is None else rates[piece.start // size : -(-piece.stop // size)]
            total = _learn(course, piece.stop - piece.start, None, own, total)
            if not math.isfinite(total):
                break
        return total


def _learn(course: Course, n: int, order: Array | None, rates: Array | None, total: float) -> float:
    """Learn from n rows; total with their losses added."""
    row = 0
    while row < n and math.isfinite(total):
        total, row = course.train(order, rates, row, total)
    return total
