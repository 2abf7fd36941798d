"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable


def checked_path(path: str | os.PathLike[str]) -> str:
    """The path as a str; TypeError for anything else."""
    found = os.fspath(path)
    if not isinstance(found, str):
        raise TypeError(f"path is {path!r}, expected a str or a path of str")
    return found


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Write `pieces` to a temporary file beside `path`, sync it, and rename it to `path`.

    Whoever reads `path` meanwhile, or after a crash, finds the old file or the new one. A symbolic
    link stays, and the file it leads to is replaced. A new file gets the permissions that ``open``
    would give it, an old one keeps its own.

    Parameters
    ----------
    path : str
    pieces : iterable of bytes

    Raises
    ------
    OSError
        If it cannot be written; it names `path`, which is as before, and no temporary file is left.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".cyprop-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, path) from error
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the new name survive a crash, on systems that can open a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
