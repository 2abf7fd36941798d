"""Rows that are not in memory as a network takes them: of mapped files and of sparse matrices.

A batch is read, made dense and checked when its turn comes, so neither the file nor the dense
matrix is ever in memory as a whole.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import plain
from cyprop.checks.labels import targets_of_rows
from cyprop.engine import memory
from cyprop.training.data import checked_data, checked_targets
from cyprop.training.sparse import SparseRows, is_sparse

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine

PAGES_TO_KEEP = 1 << 26  # bytes of a mapped file that are in memory before they are given back
AROUND = 1 << 21  # bytes that the system maps, at most, around one that is asked for: a huge page
AT_ONCE = 4096  # targets
SHARED = ("r", "r+", "w+")  # modes of a memmap whose pages hold nothing that the file does not


def mapping_of(array: Any) -> np.memmap[Any, Any] | None:
    """The memmap that an array is, or is a view of."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return array
        array = array.base
    return None


class Rows:
    """X and Y, of which at least one is a mapped file or X is a sparse matrix.

    Parameters
    ----------
    network : Network
    X : array or CSR matrix, (n, n_in)
    Y : array_like, (n, n_targets), or labels (n,)

    Raises
    ------
    TypeError, ValueError
        If X or Y has another shape or kind, or X is a sparse matrix that holds NaN, infinity, or
        places outside of itself. What is in a file is looked at when it is read.
    """

    def __init__(self, network: Engine, X: Any, Y: Any, x_name: str = "X", y_name: str = "Y"):
        settings = memory.settings_of(network)
        n_in = settings.sizes[0]
        self._network = network
        self._names = x_name, y_name
        self._mapped = [m for m in map(mapping_of, (X, Y)) if m is not None]
        self._unreleased = 0
        self._sparse = SparseRows(X, x_name, n_in, settings.dtype) if is_sparse(X) else None
        self.X = plain_rows(X) if self._sparse is None else self._sparse
        self.Y = plain_rows(Y)
        shape = self.X.shape if len(self.X.shape) != 1 else (*self.X.shape, 1)
        if len(shape) != 2 or shape[1] != n_in:
            raise ValueError(f"{x_name} has shape {self.X.shape}, expected (n, {n_in})")
        self.n: int = shape[0]
        n_targets = self.Y.shape[0] if self.Y.ndim else 0
        if n_targets != self.n:
            raise ValueError(
                f"{x_name} has {self.n} rows and {y_name} has {n_targets}, expected the same number"
            )
        if self.n == 0:
            raise ValueError(f"{x_name} has no rows, expected at least one")
        targets_are_known = mapping_of(Y) is None
        if targets_are_known:
            self._check_targets()
        self._is_known = targets_are_known and self._sparse is not None and self._sparse.ordinary

    def _check_targets(self) -> None:
        """Look at all targets now, a piece at a time, since they are in memory anyway."""
        for start in range(0, self.n, AT_ONCE):
            Y = self.Y[start : start + AT_ONCE]
            with self._renumbering(np.arange(start, start + len(Y))):
                checked_targets(self._network, Y, self._names[1])

    def read(self, rows: Array) -> tuple[Array, Array, bool]:
        """The rows of these numbers as `checked_data` gives them, until the next call.

        Raises
        ------
        TypeError, ValueError
            As `checked_data`; rows are named by their numbers in X and Y.
        """
        chosen: Any = rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            chosen = slice(int(rows[0]), int(rows[-1]) + 1)  # which takes no copy of a file's rows
        X = self.X[chosen] if self._sparse is None else self._sparse.dense(chosen)
        Y = self.Y[chosen]
        if self._is_known:  # all of it has been looked at
            return X, self._targets(Y), True
        with self._renumbering(rows):
            found = checked_data(self._network, X, Y, *self._names)
        if self._mapped:
            together = isinstance(chosen, slice)
            self._unreleased += X.nbytes if together else len(rows) * AROUND
            if self._unreleased > PAGES_TO_KEEP:
                self.release()
        return found

    def all_targets(self) -> Array:
        """Every target as the network takes it."""
        return self._targets(self.Y)

    def _targets(self, Y: Any) -> Array:
        settings = memory.settings_of(self._network)
        n_targets, n_classes = settings.n_targets, settings.n_classes
        return targets_of_rows(Y, self._names[1], n_targets, settings.dtype, n_classes)

    @contextmanager
    def _renumbering(self, rows: Array) -> Generator[None, None, None]:
        """Have errors name rows by their numbers in the whole."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise type(error)(renumbered(str(error), rows)) from None

    def release(self) -> None:
        """Give the pages of the files back to the system; what was read of them stays in its cache.

        Otherwise all of a file that was ever read would count as this process's memory.
        """
        self._unreleased = 0
        for mapped in self._mapped:
            base: Any = mapped
            while isinstance(base, np.ndarray):
                base = base.base
            advice = getattr(mmap, "MADV_DONTNEED", None)
            if isinstance(base, mmap.mmap) and advice is not None and mapped.mode in SHARED:
                base.madvise(advice)


def renumbered(message: str, rows: Array) -> str:
    """A sentence about a row of a batch as one about the row that it is of the whole."""
    return re.sub(r"at row (\d+)", lambda found: f"at row {rows[int(found[1])]}", message)


def plain_rows(array: Any) -> Array:
    """A mapped file as an array whose pieces are ordinary arrays."""
    return plain(array) if isinstance(array, np.ndarray) else np.asarray(array)
