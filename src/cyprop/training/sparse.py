"""Sparse matrices: looked at as a whole, and made dense a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array

PIECE = 1 << 16  # numbers that are looked at together
ORDINARY = 2.0**29  # below which no update has to look at X again (engine/finite.pyx)


def is_sparse(value: Any) -> bool:
    """Whether it is a matrix or array of scipy.sparse, told without importing that."""
    kinds = type(value).__mro__
    return hasattr(value, "tocsr") and any(k.__module__.startswith("scipy.sparse") for k in kinds)


class SparseRows:
    """A CSR matrix or array of scipy.sparse, of which some rows at a time are made dense.

    Parameters
    ----------
    X : CSR matrix, (n, n_in)
    name : str
        What to call it in a message.
    n_in : int
    dtype : float32 or float64

    Attributes
    ----------
    shape : tuple of int
    ordinary : bool
        Whether every |X| is known to be below 2²⁹, and so nothing needs to be looked at again.

    Raises
    ------
    TypeError
        If it is of another format than CSR, or holds anything but real numbers.
    ValueError
        If it has another shape, is inconsistent, or holds NaN, infinity or what the dtype cannot
        hold (the message says where).
    """

    shape: tuple[int, int]
    ordinary: bool

    def __init__(self, X: Any, name: str, n_in: int, dtype: np.dtype[Any]) -> None:
        kind = type(X).__name__
        if getattr(X, "format", "") != "csr":
            code = name.rpartition(" ")[2]
            raise TypeError(
                f"{name} is a {kind} of scipy.sparse, expected CSR: give {code}.tocsr()"
            )
        if X.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {X.dtype}, expected a sparse matrix of real numbers")
        if X.ndim != 2 or X.shape[1] != n_in:
            raise ValueError(f"{name} has shape {X.shape}, expected (n, {n_in})")
        try:
            X.check_format(full_check=True)
        except ValueError as error:
            raise ValueError(f"{name} is a {kind} that is inconsistent: {error}") from None
        self._X, self._name, self._dtype = X, name, dtype
        self.shape = X.shape
        self._room = np.empty((0, n_in), dtype)
        self.ordinary = self._check_numbers()

    def _check_numbers(self) -> bool:
        X, largest = self._X, 0.0
        for start in range(0, len(X.data), PIECE):
            with np.errstate(over="ignore"):
                piece = X.data[start : start + PIECE].astype(self._dtype)
            finite = np.isfinite(piece)
            if not finite.all():
                i = start + int(finite.argmin())
                row = int(np.searchsorted(X.indptr, i, side="right")) - 1
                raise ValueError(
                    f"{self._name} holds {X.data[i]} at row {row}, column {X.indices[i]},"
                    f" expected finite numbers that fit {self._dtype}"
                )
            largest = max(largest, float(np.abs(piece).max()))
        # Entries of the same place are added up when they are made dense: that may be any number.
        return bool(X.has_canonical_format and largest < ORDINARY)

    def parts(self) -> tuple[Array, Array, Array]:
        """The numbers, their columns, and where rows begin."""
        return self._X.data, self._X.indices, self._X.indptr

    def dense(self, rows: slice | Array) -> Array:
        """These rows, in memory that the next call uses again."""
        X = self._X[rows]
        with np.errstate(over="ignore"):
            X = X.astype(self._dtype, copy=False)
        n = X.shape[0]
        if len(self._room) < n:
            self._room = np.empty((n, self.shape[1]), self._dtype)
        dense: Array = X.toarray(out=self._room[:n])
        return dense
