"""Rows that are not in memory as a network takes them: of mapped files and of sparse matrices.

A batch is read, made dense and checked when its turn comes, so neither the file nor the dense
matrix is ever in memory as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import plain, read_array
from cyprop.checks.labels import targets_of_rows
from cyprop.engine import memory
from cyprop.training.data import checked_data, checked_targets
from cyprop.training.mapped import Files, mapping_of
from cyprop.training.sparse import SparseRows, is_sparse

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine

AT_ONCE = 4096  # targets


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
        self._network, self._y_name = network, y_name
        self._names = x_name, y_name
        self._files = Files({x_name: X, y_name: Y})
        self._sparse = SparseRows(X, x_name, n_in, settings.dtype) if is_sparse(X) else None
        if self._sparse is None:
            self.X: Any = plain_rows(X, x_name, f"an array of shape (n, {n_in})")
        else:
            self.X = self._sparse
        self.Y = plain_rows(Y, y_name, f"an array of shape (n, {settings.n_targets})")
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
            self.look_at_targets(slice(start, start + AT_ONCE), lambda Y, name: None)

    def look_at_targets(self, rows: Any, look: Callable[[Array, str], None]) -> None:
        """Check the targets of these rows, and show them to a function with what to call them.

        Raises
        ------
        TypeError, ValueError
            As `checked_data` and the function, but for rows, which are named by their numbers in Y.
        """
        self._files.check()
        with self._renumbering(rows, self.Y[rows].shape):
            look(checked_targets(self._network, self.Y[rows], self._y_name), self._y_name)

    def read(self, rows: Array) -> tuple[Array, Array, bool]:
        """The rows of these numbers as `checked_data` gives them, until the next call.

        Raises
        ------
        TypeError, ValueError
            As `checked_data`; rows are named by their numbers in X and Y. And ValueError if a file
            was cut short since it was mapped.
        """
        self._files.check()
        chosen: Any = rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            chosen = slice(int(rows[0]), int(rows[-1]) + 1)  # which takes no copy of a file's rows
        take = self._files.take
        X = take(self.X, chosen) if self._sparse is None else self._sparse.dense(chosen)
        Y = take(self.Y, chosen)
        if self._is_known:  # all of it has been looked at
            return X, self._targets(Y), True
        with self._renumbering(rows, Y.shape):
            return checked_data(self._network, X, Y, *self._names)

    def all_targets(self) -> Array:
        """Every target as the network takes it."""
        self._files.check()
        return self._targets(self.Y)

    def sample(self) -> tuple[Array, ...]:
        """Arrays of which a look at some rows tells these data from others."""
        self._files.check()
        return *((self.X,) if self._sparse is None else self._sparse.parts()), self.Y

    def _targets(self, Y: Any) -> Array:
        settings = memory.settings_of(self._network)
        n_targets, n_classes = settings.n_targets, settings.n_classes
        return targets_of_rows(Y, self._y_name, n_targets, settings.dtype, n_classes)

    @contextmanager
    def _renumbering(self, rows: Any, shape: tuple[int, ...]) -> Generator[None, None, None]:
        """Have errors name rows by their numbers in the whole, and targets by their whole shape."""
        try:
            yield
        except (TypeError, ValueError) as error:
            said = str(error).replace(f"has shape {shape}", f"has shape {self.Y.shape}")
            raise type(error)(renumbered(said, np.arange(self.n)[rows])) from None

    def release(self) -> None:
        """Give what was read of files back to the system."""
        self._files.release()


def renumbered(message: str, rows: Array) -> str:
    """A sentence about a row of a batch as one about the row that it is of the whole."""
    return re.sub(r"at row (\d+)", lambda found: f"at row {rows[int(found[1])]}", message)


def plain_rows(array: Any, name: str, expected: str) -> Array:
    """A mapped file as an array whose pieces are ordinary arrays; errors as `read_array`."""
    return plain(read_array(array, name, expected))
