"""Where the batches of an epoch come from: arrays in memory, rows that are read, or an iterable.

A source trains batch after batch, and says after each step how far it has got. From that place
another process can go on, given the same data, and end in the same bits.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from cyprop.engine.course import Course

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine
    from cyprop.training.rows import Rows

SAMPLED = 64  # rows that tell one set of data from another


class Place(NamedTuple):
    """How far an epoch has got."""

    batches: int = 0  # that are done
    total: float = 0.0  # of the losses of their rows, times their weights
    weight: float = 0.0  # of these rows


class Clips(NamedTuple):
    """Bounds on the gradient of an update."""

    norm: float | None
    value: float | None


class OfRows:
    """What `Arrays` and `Read` share: rows that have numbers, weights, and a place in a batch."""

    weights: Array | None
    rows: Array | None
    n_rows: int
    batch_size: int
    n_batches: int
    weight: float  # of all rows together

    def __init__(self, weights: Array | None, rows: Array | None, n: int, batch_size: int) -> None:
        self.weights, self.rows = weights, rows
        self.n_rows = n if rows is None else len(rows)
        self.batch_size = batch_size
        self.n_batches = -(-self.n_rows // batch_size)
        counted = weights if weights is None or rows is None else weights[rows]
        self.weight = float(self.n_rows) if counted is None else float(counted.sum())

    def order(self, permutation: Array | None) -> Array | None:
        """Which row comes when, given an order of as many rows."""
        if self.rows is None or permutation is None:
            return permutation if self.rows is None else self.rows
        return self.rows[permutation]


class Arrays(OfRows):
    """Arrays in memory, such as `checked_data` gives.

    Parameters
    ----------
    network : Network
    X, Y : ndarray, (n, n_in) and (n, n_targets)
    ordinary : bool
        Whether every |X| is known to be below 2²⁹.
    weights : ndarray of float64, (n,), or None
    rows : ndarray of intp or None
        The rows to learn from, in ascending order; None: all.
    batch_size, n_parts : int
    clips : Clips
    """

    course: Course
    X: Array
    Y: Array
    given_weights: Array | None  # of the weights those that are not of classes

    def __init__(
        self,
        network: Engine,
        X: Array,
        Y: Array,
        ordinary: bool,
        weights: Array | None,
        rows: Array | None,
        batch_size: int,
        n_parts: int,
        clips: Clips,
    ) -> None:
        super().__init__(weights, rows, len(X), batch_size)
        self.course = Course(network, X, Y, weights, batch_size, n_parts, ordinary, *clips)
        self.X, self.Y, self.given_weights = X, Y, None

    def steps(self, epoch: int, order: Array | None, rates: Any, place: Place) -> Iterator[Place]:
        """Train from that place on, some milliseconds a step.

        The last place has all batches, or a total that is not finite and the batch it is of.
        """
        total, row = place.total, place.batches * self.batch_size
        while row < self.n_rows:
            total, row = self.course.train(order, rates, row, total)
            is_finite = math.isfinite(total)
            done = -(-row // self.batch_size) if is_finite else row // self.batch_size
            yield Place(done, total, self.weight)
            if not is_finite:
                return

    def weights_of_metrics(self) -> Array | None:
        """What the rows to learn from count in a metric, which no weights of classes change."""
        given = self.given_weights
        return given if given is None or self.rows is None else given[self.rows]

    def identity(self) -> dict[str, str]:
        """What tells these data from others, as far as a look at some rows does."""
        return {
            "rows": f"{len(self.X)}",
            "data": sampled(self.X, self.Y),
            **identity_of(self.weights, self.rows),
        }


class Read(OfRows):
    """Rows that are read when a batch needs them; arguments as those of `Arrays`."""

    data: Rows

    def __init__(
        self,
        network: Engine,
        data: Rows,
        weights: Array | None,
        rows: Array | None,
        batch_size: int,
        n_parts: int,
        clips: Clips,
    ) -> None:
        super().__init__(weights, rows, data.n, batch_size)
        self._network, self._n_parts, self._clips = network, n_parts, clips
        self.data = data

    def steps(self, epoch: int, order: Array | None, rates: Any, place: Place) -> Iterator[Place]:
        """Train from that place on, a batch a step."""
        total = place.total
        for number in range(place.batches, self.n_batches):
            start = number * self.batch_size
            end = min(start + self.batch_size, self.n_rows)
            rows = np.arange(start, end) if order is None else order[start:end]
            X, Y, ordinary = self.data.read(rows)
            weights = None if self.weights is None else self.weights[rows]
            course = Course(
                self._network, X, Y, weights, len(X), self._n_parts, ordinary, *self._clips
            )
            total = learned(course, len(X), rates, number, total)
            yield Place(number + bool(math.isfinite(total)), total, self.weight)
            if not math.isfinite(total):
                return
        self.data.release()

    def identity(self) -> dict[str, str]:
        """What tells these data from others, as far as a look at some rows does."""
        return {
            "rows": f"{self.data.n}",
            "data": sampled(*self.data.sample()),
            **identity_of(self.weights, self.rows),
        }


class Source(Protocol):
    """What all kinds of sources can do, those of batches.py too."""

    @property
    def n_rows(self) -> int | None:
        """How many rows there are to learn from; None where nobody knows."""
        ...

    @property
    def n_batches(self) -> int | None:
        """How many batches an epoch has; None where nobody knows."""
        ...

    def order(self, permutation: Array | None) -> Array | None:
        """Which row comes when, given an order of as many rows as there are to learn from."""
        ...

    def steps(self, epoch: int, order: Any, rates: Any, place: Place) -> Iterator[Place]:
        """Train from that place on, yielding how far it has got."""
        ...

    def identity(self) -> dict[str, str]:
        """What tells these data from others, by names of its parts."""
        ...


def learned(course: Course, n_rows: int, rates: Any, number: int, total: float) -> float:
    """Train on the one batch that a course is of; the total with its losses added."""
    rate = None if rates is None else np.array([rates[number]])
    row = 0
    while row < n_rows and math.isfinite(total):
        total, row = course.train(None, rate, row, total)
    return total


def sampled(*arrays: Array) -> str:
    """A checksum of some rows of each array, from the first to the last."""
    crc = 0
    for array in arrays:
        places = np.linspace(0, len(array) - 1, min(len(array), SAMPLED)).astype(np.intp)
        crc = zlib.crc32(np.ascontiguousarray(array[places]).tobytes(), crc)
    return f"{crc:08x}"


def identity_of(weights: Array | None, rows: Array | None) -> dict[str, str]:
    """Checksums of the weights of rows, and of which rows are learned from."""
    return {
        "weights of rows": "none" if weights is None else sampled(weights),
        "rows to learn from": "all" if rows is None else f"{zlib.crc32(rows.tobytes()):08x}",
    }
