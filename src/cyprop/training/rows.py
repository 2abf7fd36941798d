"""Rows that are not in memory as a network takes them: of mapped files and of sparse matrices.

A batch is read, made dense and checked when its turn comes, so neither the file nor the dense
matrix is ever in memory as a whole.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import plain
from cyprop.checks.labels import targets_of_rows
from cyprop.engine import memory
from cyprop.training.data import checked_data

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine

PAGES_TO_KEEP = 1 << 24  # bytes that are read of a mapped file before its pages are given back
SHARED = ("r", "r+", "w+")  # modes of a memmap whose pages hold nothing that the file does not


def mapping_of(array: Any) -> np.memmap[Any, Any] | None:
    """The memmap that an array is, or is a view of."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return array
        array = array.base
    return None


def is_sparse(value: Any) -> bool:
    """Whether it is a matrix or array of scipy.sparse, told without importing that."""
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


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
        self._network = network
        self._names = x_name, y_name
        self._mapped = [m for m in map(mapping_of, (X, Y)) if m is not None]
        self._unreleased = 0
        self.X = checked_csr(X, x_name, settings.sizes[0]) if is_sparse(X) else plain_rows(X)
        self.Y = Y if mapping_of(Y) is None else plain_rows(Y)
        n_in = self.X.shape[1] if self.X.ndim == 2 else 1 if self.X.ndim == 1 else 0
        if n_in != settings.sizes[0]:
            raise ValueError(
                f"{x_name} has shape {self.X.shape}, expected (n, {settings.sizes[0]})"
            )
        if not hasattr(self.Y, "__getitem__") or mapping_of(Y) is None:
            self.Y = np.asarray(self.Y)
        self.n: int = self.X.shape[0]
        n_targets = self.Y.shape[0] if self.Y.ndim else 0
        if n_targets != self.n:
            raise ValueError(
                f"{x_name} has {self.n} rows and {y_name} has {n_targets}, expected the same number"
            )
        if self.n == 0:
            raise ValueError(f"{x_name} has no rows, expected at least one")
        if mapping_of(Y) is None:
            self._check_targets()

    def _check_targets(self) -> None:
        """Look at all targets now, a piece at a time, since they are in memory anyway."""
        settings = memory.settings_of(self._network)
        blank = np.zeros((1, settings.sizes[0]), settings.dtype)
        for start in range(0, self.n, 4096):
            Y = self.Y[start : start + 4096]
            rows = np.arange(start, start + len(Y))
            X = np.broadcast_to(blank, (len(Y), settings.sizes[0]))
            self._checked(X, Y, rows)

    def read(self, rows: Array) -> tuple[Array, Array, bool]:
        """The rows of these numbers as `checked_data` gives them.

        Raises
        ------
        TypeError, ValueError
            As `checked_data`; rows are named by their numbers in X and Y.
        """
        chosen: Any = rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            chosen = slice(int(rows[0]), int(rows[-1]) + 1)  # which takes no copy of a file's rows
        X, Y = self.X[chosen], self.Y[chosen]
        if is_sparse(X):
            X = self._dense(X)
        found = self._checked(X, Y, rows)
        if self._mapped:
            self._unreleased += X.nbytes
            if self._unreleased > PAGES_TO_KEEP:
                self.release()
        return found

    def all_targets(self) -> Array:
        """Every target as the network takes it."""
        settings = memory.settings_of(self._network)
        name = self._names[1]
        return targets_of_rows(self.Y, name, settings.n_targets, settings.dtype, settings.n_classes)

    def _dense(self, X: Any) -> Array:
        dtype = memory.settings_of(self._network).dtype
        with np.errstate(over="ignore"):
            return X.astype(dtype, copy=False).toarray(order="C")

    def _checked(self, X: Any, Y: Any, rows: Array) -> tuple[Array, Array, bool]:
        try:
            return checked_data(self._network, X, Y, *self._names)
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


def checked_csr(X: Any, name: str, n_in: int) -> Any:
    """A sparse matrix in rows, looked at as a whole: only what it holds, not its zeros.

    Raises
    ------
    TypeError
        If it is of another format than CSR, or holds anything but real numbers.
    ValueError
        If it has another shape, is inconsistent, or holds NaN or infinity (the message says where).
    """
    kind = type(X).__name__
    if getattr(X, "format", "") != "csr":
        code = name.rpartition(" ")[2]
        raise TypeError(f"{name} is a {kind} of scipy.sparse, expected CSR: give {code}.tocsr()")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {X.dtype}, expected a sparse matrix of real numbers")
    if X.ndim != 2 or X.shape[1] != n_in:
        raise ValueError(f"{name} has shape {X.shape}, expected (n, {n_in})")
    try:
        X.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"{name} is a {kind} that is inconsistent: {error}") from None
    wrong = np.flatnonzero(~np.isfinite(X.data))
    if len(wrong):
        row = int(np.searchsorted(X.indptr, wrong[0], side="right")) - 1
        raise ValueError(
            f"{name} holds {X.data[wrong[0]]} at row {row}, column {X.indices[wrong[0]]},"
            " expected finite numbers"
        )
    return X
