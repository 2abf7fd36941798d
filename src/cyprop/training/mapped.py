"""Mapped files: told from other arrays, given back to the system, looked at for their length."""

from __future__ import annotations

import mmap
from typing import Any, cast

import numpy as np

PAGES_TO_KEEP = 1 << 26  # bytes of files that may be in memory before they are given back
AROUND = 1 << 21  # bytes that the system maps, at most, around one that is asked for: a huge page
SCATTERED = 16  # rows from here and there that are read together
SHARED = ("r", "r+", "w+")  # modes of a memmap whose pages hold nothing that the file does not


def mapping_of(array: Any) -> Any:
    """The memmap that an array is, or is a view of; None where a mask lies over it."""
    if isinstance(array, np.ma.MaskedArray):
        return None
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return cast("Any", array)
        array = cast("Any", array.base)
    return None


class Files:
    """Those of some arrays that are mapped files.

    Parameters
    ----------
    arrays : dict
        By what to call them in a message.
    """

    def __init__(self, arrays: dict[str, Any]) -> None:
        found = {name: mapping_of(array) for name, array in arrays.items()}
        self._mapped = [
            (name, mapped, file_of(mapped)) for name, mapped in found.items() if mapped is not None
        ]
        self._unreleased = 0

    def check(self) -> None:
        """Raise ValueError if a file has become shorter than what was mapped of it.

        A look beyond its end would kill the process.
        """
        for name, _, file in self._mapped:
            if file is not None and file.size() < len(file):
                raise ValueError(
                    f"{name} is of a file that now has {file.size()} bytes, expected {len(file)}"
                    " or more, as when it was mapped"
                )

    def take(self, array: Any, rows: Any) -> Any:
        """Rows of one of the arrays: a view of a slice, or a copy of scattered ones.

        These are copied a few at a time, so that the pages around them do not add up.
        """
        if not self._mapped:
            return array[rows]
        if isinstance(rows, slice):
            found = array[rows]
            self._count(found.nbytes)
            return found
        taken = np.empty((len(rows), *array.shape[1:]), array.dtype)
        for start in range(0, len(rows), SCATTERED):
            some = rows[start : start + SCATTERED]
            self._count(len(some) * AROUND)
            taken[start : start + SCATTERED] = array[some]
        return taken

    def _count(self, n_bytes: int) -> None:
        """Know that so many are read next, and give back what was read before if it is much."""
        self._unreleased += n_bytes
        if self._unreleased > PAGES_TO_KEEP:
            self.release()
            self._unreleased = n_bytes

    def release(self) -> None:
        """Give the pages of the files back to the system; what was read of them stays in its cache.

        Otherwise all of a file that was ever read would count as this process's memory.
        """
        self._unreleased = 0
        advice = getattr(mmap, "MADV_DONTNEED", None)
        for _, mapped, file in self._mapped:
            if file is not None and advice is not None and mapped.mode in SHARED:
                file.madvise(advice)


def file_of(mapped: Any) -> mmap.mmap | None:
    """What a memmap is a view of in the end."""
    base: Any = mapped
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
