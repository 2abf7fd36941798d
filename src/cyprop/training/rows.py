"""Rows that are not in memory as a network takes them: of mapped files and of sparse matrices.

A batch is read, made dense and checked when its turn comes, so neither the file nor the dense
matrix is ever in memory as a whole.
"""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import plain, read_array
from cyprop.checks.labels import targets_of_rows
from cyprop.engine import memory
from cyprop.training.data import checked_data, checked_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine

PAGES_TO_KEEP = 1 << 24  # bytes that are read of a mapped file before its pages are given back
PAGE = 1 << 12  # bytes that come with a row that is read alone, at least
PIECE = 1 << 16  # numbers of a sparse matrix that are looked at together
SHARED = ("r", "r+", "w+")  # modes of a memmap whose pages hold nothing that the file does not


def mapping_of(array: Any) -> np.memmap[Any, Any] | None:
    """The memmap that an array is, or is a view of; None where a mask lies over it."""
    if isinstance(array, np.ma.MaskedArray):
        return None
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return array
        array = array.base
    return None


def is_sparse(value: Any) -> bool:
    """Whether it is a matrix or array of scipy.sparse, told without importing that."""
    kinds = type(value).__mro__
    return hasattr(value, "tocsr") and any(k.__module__.startswith("scipy.sparse") for k in kinds)


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
        self._mapped = [
            (name, mapped, file_of(mapped))
            for name, mapped in zip(self._names, map(mapping_of, (X, Y)), strict=True)
            if mapped is not None
        ]
        self._unreleased = 0
        sizes, dtype = settings.sizes, settings.dtype
        if is_sparse(X):
            self.X: Any = checked_csr(X, x_name, sizes[0], dtype)
        else:
            self.X = plain_rows(X, x_name, f"an array of shape (n, {sizes[0]})")
        self.Y = plain_rows(Y, y_name, f"an array of shape (n, {settings.n_targets})")
        n_in = self.X.shape[1] if self.X.ndim == 2 else 1 if self.X.ndim == 1 else 0
        if n_in != sizes[0]:
            raise ValueError(f"{x_name} has shape {self.X.shape}, expected (n, {sizes[0]})")
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
        for start in range(0, self.n, 4096):
            self.look_at_targets(slice(start, start + 4096), lambda Y, name: None)

    def look_at_targets(self, rows: Any, look: Callable[[Array, str], None]) -> None:
        """Check the targets of these rows, and show them to a function with what to call them.

        Raises
        ------
        TypeError, ValueError
            As `checked_data` and the function, but for rows, which are named by their numbers in Y.
        """
        self._check_files()
        Y, name = self.Y[rows], self._names[1]
        try:
            look(checked_targets(self._network, Y, name), name)
        except (TypeError, ValueError) as error:
            said = str(error).replace(f"has shape {Y.shape}", f"has shape {self.Y.shape}")
            numbers = np.arange(self.n)[rows]
            raise type(error)(renumbered(said, numbers)) from None

    def read(self, rows: Array) -> tuple[Array, Array, bool]:
        """The rows of these numbers as `checked_data` gives them.

        Raises
        ------
        TypeError, ValueError
            As `checked_data`; rows are named by their numbers in X and Y. And ValueError if a file
            was cut short since it was mapped: a look beyond its end would kill the process.
        """
        self._check_files()
        chosen: Any = rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            chosen = slice(int(rows[0]), int(rows[-1]) + 1)  # which takes no copy of a file's rows
        if self._mapped:
            least = 0 if isinstance(chosen, slice) else PAGE
            sizes = [mapped[:1].nbytes for _, mapped, _ in self._mapped]
            self._unreleased += len(rows) * max(least, *sizes)
            if self._unreleased > PAGES_TO_KEEP:
                self.release()
        X, Y = self.X[chosen], self.Y[chosen]
        if is_sparse(X):
            X = self._dense(X)
        return self._checked(X, Y, rows)

    def all_targets(self) -> Array:
        """Every target as the network takes it."""
        self._check_files()
        settings = memory.settings_of(self._network)
        name = self._names[1]
        return targets_of_rows(self.Y, name, settings.n_targets, settings.dtype, settings.n_classes)

    def sample(self) -> tuple[Array, ...]:
        """Arrays of which a look at some rows tells these data from others."""
        self._check_files()
        X = (self.X.data, self.X.indices, self.X.indptr) if is_sparse(self.X) else (self.X,)
        return *X, self.Y

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
        advice = getattr(mmap, "MADV_DONTNEED", None)
        for _, mapped, file in self._mapped:
            if file is not None and advice is not None and mapped.mode in SHARED:
                file.madvise(advice)

    def _check_files(self) -> None:
        """Raise ValueError if a file has become shorter than what was mapped of it."""
        for name, _, file in self._mapped:
            if file is not None and file.size() < len(file):
                raise ValueError(
                    f"{name} is of a file that now has {file.size()} bytes, expected {len(file)}"
                    " or more, as when it was mapped"
                )


def file_of(mapped: np.memmap[Any, Any]) -> mmap.mmap | None:
    """What a memmap is a view of in the end."""
    base: Any = mapped
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def renumbered(message: str, rows: Array) -> str:
    """A sentence about a row of a batch as one about the row that it is of the whole."""
    return re.sub(r"at row (\d+)", lambda found: f"at row {rows[int(found[1])]}", message)


def plain_rows(array: Any, name: str, expected: str) -> Array:
    """A mapped file as an array whose pieces are ordinary arrays; errors as `read_array`."""
    return plain(read_array(array, name, expected))


def checked_csr(X: Any, name: str, n_in: int, dtype: np.dtype[Any]) -> Any:
    """A sparse matrix in rows, looked at as a whole: only what it holds, not its zeros.

    Raises
    ------
    TypeError
        If it is of another format than CSR, or holds anything but real numbers.
    ValueError
        If it has another shape, is inconsistent, or holds a number that is not finite or that the
        dtype cannot hold (the message says where).
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
    for start in range(0, len(X.data), PIECE):
        with np.errstate(over="ignore"):
            finite = np.isfinite(X.data[start : start + PIECE].astype(dtype))
        if not finite.all():
            i = start + int(finite.argmin())
            row = int(np.searchsorted(X.indptr, i, side="right")) - 1
            raise ValueError(
                f"{name} holds {X.data[i]} at row {row}, column {X.indices[i]},"
                f" expected finite numbers that fit {dtype}"
            )
    return X
