"""What stands in front of a network or behind it: a shift and a factor for each column.

Readers meet them one step after the other, a subtraction, a division, a BatchNorm, and compose
them here in float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import Map
from cyprop.formats.bfloat16 import from_bfloat16

Array = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]

PIECE = 1 << 16  # elements of a layer that are in float64 at a time


class Scaling(NamedTuple):
    """(x − offset)·scale + shift, of one number for all columns or of one for each.

    Of the three, a Map has the first two. The third is apart, since neither BatchNorm nor a scale
    of 0 leaves the offset exact.
    """

    offset: Vector
    scale: Vector
    shift: Vector

    def then(self, factor: Any, shift: Any) -> Scaling:
        """These columns, times a factor and plus a shift; exact where the three allow it."""
        factor, shift = np.asarray(factor, np.float64), np.asarray(shift, np.float64)
        if not (self.scale - 1).any() and not self.shift.any() and not (factor - 1).any():
            return Scaling(self.offset - shift, self.scale, self.shift)
        return Scaling(self.offset, self.scale * factor, self.shift * factor + shift)

    def then_all_of(self, other: Scaling) -> Scaling:
        """These columns, and then the steps of another Scaling."""
        if other.does_nothing:
            return self
        if self.does_nothing:
            return other
        return self.then(other.scale, other.constant)

    @property
    def constant(self) -> Vector:
        """What a row of zeros becomes."""
        return np.asarray(self.shift - self.offset * self.scale)

    @property
    def does_nothing(self) -> bool:
        """Whether every column stays as it is."""
        return not ((self.scale - 1).any() or self.offset.any() or self.shift.any())

    @property
    def n_columns(self) -> int:
        """How many columns it has numbers for; 1 if it has the same for any number of them."""
        return max(part.size for part in self)

    @property
    def is_map(self) -> bool:
        """Whether a Map can say the same: no column that has a shift has a scale of 0."""
        with np.errstate(all="ignore"):
            offsets = self.offset - self.shift / self.scale
        return bool(np.isfinite(np.where(self.shift == 0, self.offset, offsets)).all())

    def as_map(self, n_columns: int) -> Map | None:
        """The Map of so many columns, None if it does nothing; only if `is_map`."""
        if self.does_nothing:
            return None
        offset = self.offset
        if self.shift.any():
            offset = offset - np.divide(
                self.shift, self.scale, out=np.zeros(n_columns), where=self.shift != 0
            )
        parts = (np.broadcast_to(part, (n_columns,)) for part in (offset, self.scale))
        return Map(*(np.array(part, np.float64) for part in parts))

    def of_columns(self, columns: slice | npt.NDArray[np.intp]) -> Scaling:
        """The numbers of these columns alone."""
        return Scaling(*(part[columns] if part.size > 1 else part for part in self))


NOTHING = Scaling(np.zeros(()), np.ones(()), np.zeros(()))


def widened(array: Array) -> Array:
    """Numbers of half precision as float32, others as they are.

    Whole numbers of 16 bits are the bits of bfloat16, for which NumPy has no dtype.
    """
    if array.dtype == np.uint16:
        return from_bfloat16(array)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def folded(
    W: Array, b: Array, front: Scaling, behind: Scaling, dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """W' = diag(f)·W·diag(s) and b' = (b + h·W)·s + t, rounded once.

    f and h are the scale and the constant in front of the layer, s and t those behind it.
    """
    if front.does_nothing and behind.does_nothing:
        return widened(W).astype(dtype, copy=False), widened(b).astype(dtype, copy=False)
    n_in, n_out = W.shape
    f, h = (np.broadcast_to(x, (n_in,)) for x in (front.scale, front.constant))
    s, t = (np.broadcast_to(x, (n_out,)) for x in (behind.scale, behind.constant))
    new_W, new_b = np.empty((n_in, n_out), dtype), widened(b).astype(np.float64)
    rows = max(1, PIECE // n_out)
    with np.errstate(all="ignore"):
        for first in range(0, n_in, rows):
            some = slice(first, first + rows)
            piece = widened(W[some]).astype(np.float64)
            new_b += h[some] @ piece
            new_W[some] = f[some, None] * piece * s
        return new_W, (new_b * s + t).astype(dtype)
