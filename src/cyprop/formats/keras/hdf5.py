"""HDF5 files, read with h5py, of which nothing is followed that leads out of them.

Names are looked up one by one, and each must be a hard link: soft and external links are refused,
and so are data sets that lie in other files, are put together from others, or are compressed. What
is read is declared and stored with the same number of bytes, inside the file.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import prod
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cyprop.errors import FormatError
from cyprop.formats.reading import size_of

MAGIC = b"\x89HDF\r\n\x1a\n"
LONGEST_LIST = 4096  # entries of an attribute
LONGEST_NAME = 1024  # bytes of one of them

# What h5py raises for damaged files, beside RuntimeError and its like.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError)


class Store:
    """An HDF5 file that is open; `opened` makes it.

    Notes
    -----
    h5py and the library below it take memory of their own for a file that is open.
    Thread-safety: of one thread; h5py has a lock for all.
    """

    def __init__(self, h5py: Any, file: Any, size: int) -> None:
        self._h5py, self._file, self._size = h5py, file, size
        self._left = size

    def __contains__(self, path: Sequence[str]) -> bool:
        try:
            self._found(path)
        except FormatError:
            return False
        return True

    def array(self, path: Sequence[str]) -> npt.NDArray[Any]:
        """The numbers of a data set.

        Parameters
        ----------
        path : sequence of str
            The names of groups, and of the data set in the last of them.

        Raises
        ------
        FormatError
            If there is none, or not in the file itself; or if all that was read is larger.
        """
        what = _shown(path)
        with _damage(what):
            data = self._found(path)
            if not isinstance(data, self._h5py.Dataset):
                raise FormatError(f"its {what} is not a data set")
            plist, layouts = data.id.get_create_plist(), self._h5py.h5d
            if plist.get_external_count() or plist.get_nfilters():
                raise FormatError(f"its {what} is compressed, or in another file")
            if plist.get_layout() not in (layouts.CONTIGUOUS, layouts.COMPACT):
                raise FormatError(
                    f"its {what} is in pieces, expected one piece, as Keras writes it"
                )
            n_bytes = prod(data.shape or ()) * data.dtype.itemsize
            stored = data.id.get_storage_size()
            if data.shape is None or stored != n_bytes or data.dtype.kind not in "fiu":
                raise FormatError(f"its {what} has {stored} bytes of numbers, expected {n_bytes}")
            self._take(n_bytes)
            found = np.empty(data.shape, data.dtype)
            if n_bytes:
                data.read_direct(found)
        return found.astype(found.dtype.newbyteorder("="), copy=False)

    def text(self, path: Sequence[str], name: str) -> bytes | None:
        """An attribute that is one string; None if there is none."""
        what = f"{_shown(path)} attribute {name!r}"
        with _damage(what):
            owner = self._found(path)
            if name not in owner.attrs:
                return None
            attribute = owner.attrs.get_id(name)
            self._check(attribute, what)
            if attribute.shape != ():
                raise FormatError(f"its {what} is not one string")
            found = owner.attrs[name]
        if isinstance(found, str):
            found = found.encode("utf-8", "surrogateescape")
        if not isinstance(found, bytes):
            raise FormatError(f"its {what} is not a string")
        return found

    def names(self, path: Sequence[str], name: str) -> list[str]:
        """An attribute that is a list of strings; empty if it is a list of nothing."""
        what = f"{_shown(path)} attribute {name!r}"
        with _damage(what):
            owner = self._found(path)
            if name not in owner.attrs:
                raise FormatError(f"it has no {what}")
            attribute = owner.attrs.get_id(name)
            self._check(attribute, what)
            if len(attribute.shape) != 1 or attribute.shape[0] > LONGEST_LIST:
                raise FormatError(f"its {what} is not a list of at most {LONGEST_LIST} names")
            if attribute.shape == (0,):
                return []
            entries = [
                entry.decode("utf-8") if isinstance(entry, bytes) else entry
                for entry in owner.attrs[name]
            ]
        if not all(isinstance(entry, str) for entry in entries):
            raise FormatError(f"its {what} is not a list of names")
        return entries

    def _check(self, attribute: Any, what: str) -> None:
        n_bytes = prod(attribute.shape or ()) * attribute.dtype.itemsize
        if attribute.shape is None or n_bytes > self._size:
            raise FormatError(f"its {what} is larger than the file")
        if attribute.dtype.kind not in "SO" and n_bytes:
            raise FormatError(f"its {what} is not text")

    def _found(self, path: Sequence[str]) -> Any:
        """A group or a data set, reached over hard links alone."""
        place = self._file
        with _damage(_shown(path)):
            for name in path:
                if not isinstance(place, self._h5py.Group) or "/" in name or name in ("", "."):
                    raise FormatError(f"it has no {_shown(path)}")
                encoded = name.encode("utf-8")
                if not place.id.links.exists(encoded):
                    raise FormatError(f"it has no {_shown(path)}")
                if place.id.links.get_info(encoded).type != self._h5py.h5l.TYPE_HARD:
                    raise FormatError(
                        f"its {_shown(path)} is a soft or an external link, expected data"
                    )
                place = place[name]
        return place

    def _take(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise FormatError("its data sets are together larger than the file")


@contextmanager
def opened(file: BinaryIO) -> Generator[Store, None, None]:
    """An HDF5 file.

    Parameters
    ----------
    file : binary file
        It can be sought in.

    Raises
    ------
    ImportError
        If h5py is not installed.
    FormatError
        If it is not an HDF5 file, or damaged.
    """
    try:
        h5py = import_module("h5py")
    except ImportError:
        raise ImportError(
            "files of Keras need h5py, which is not installed: pip install 'cyprop[keras]'"
        ) from None
    size = size_of(file)
    with _damage("HDF5"):
        inside = h5py.File(file, "r")
    try:
        yield Store(h5py, inside, size)
    finally:
        with _damage("HDF5"):
            inside.close()


@contextmanager
def _damage(what: str) -> Generator[None, None, None]:
    """What h5py raises for a damaged file as a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except DAMAGE as error:
        said = " ".join(str(error).split())[:200]
        raise FormatError(f"its {what} cannot be read: {said}") from None


def _shown(path: Sequence[str]) -> str:
    return repr("/".join(path)[:200])
