"""How all readers open a file: once, and without waiting, with its name in every FormatError."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

from cyprop.errors import FormatError
from cyprop.formats import atomic


@contextmanager
def opened(path: str | os.PathLike[str]) -> Generator[BinaryIO, None, None]:
    """The file, whose name goes into every FormatError."""
    source = atomic.checked_path(path)
    with open(source, "rb", opener=_open_at_once) as file:
        try:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FormatError("it is a device, a FIFO or a socket, expected a file")
            yield file
        except FormatError as error:
            raise FormatError(f"cannot load {source!r}: {error}") from None


def size_of(file: BinaryIO) -> int:
    """How many bytes an open file has; it stands at its beginning afterwards."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a FIFO too is opened without waiting for somebody to write to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
