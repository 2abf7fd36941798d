"""Files that are replaced whole or not at all, and devices and FIFOs, which are written through.

What is written goes to a temporary file beside the target, whose name has a hash of the target's.
The writer holds a lock on it, so the next writer of the same target can tell the leftover of a
killed process, which it removes, from a file that is still being written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from cyprop.checks.numbers import shown

NOT_FILES = {stat.S_IFBLK: "a block device", stat.S_IFSOCK: "a socket"}
MOST_LINKS = 40  # that lead from one to the next, as on Linux
ACL = "system.posix_acl_access"


def checked_path(path: str | os.PathLike[str]) -> str:
    """The path as a str; TypeError for anything else, ValueError for what no file can be called."""
    found: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(found, str):
        raise TypeError(f"path is {shown(path)}, expected a str or a path of str")
    try:
        encoded = os.fsencode(found)
    except UnicodeEncodeError:
        raise ValueError(f"path is {shown(found)}, which the file system cannot encode") from None
    if b"\0" in encoded:
        raise ValueError(f"path is {shown(found)}, expected no NUL character in it")
    return str(found)


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Write `pieces` to `path`; notes and errors as `replacing`."""
    with replacing(path) as file:
        file.writelines(pieces)


@contextmanager
def replacing(path: str) -> Generator[BinaryIO, None, None]:
    """A file to write to, which becomes `path` when the block ends without an error.

    Whoever reads `path` meanwhile, or after a crash, finds the old file or the new one. A symbolic
    link stays, and the file it leads to is replaced; other hard links keep what they had. A new
    file gets the permissions that ``open`` would give it. An old one keeps its mode, and its owner,
    group and extended attributes where the process may set them; until it is replaced nobody but
    the process's user can read the new one. A character device, a FIFO, and an open file of this
    process (/dev/stdout) take what is written as it comes.

    Parameters
    ----------
    path : str

    Raises
    ------
    OSError
        If it cannot be written; it names `path`, which is as before, and no temporary file is left.
    """
    try:
        place = _written_through(path)
        with _opened(place) if place is not None else _temporary(path) as file:
            yield file
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), path) from error


def _written_through(path: str) -> str | int | None:
    """What to open where nothing can be replaced, a path or a descriptor; None for a file."""
    descriptor = _own_descriptor(path)
    if descriptor is not None:
        return descriptor
    kind = _kind(path)
    if kind in NOT_FILES:
        raise OSError(errno.EINVAL, f"it is {NOT_FILES[kind]}, expected a file")
    if kind == stat.S_IFDIR or path.endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return path if kind in (stat.S_IFCHR, stat.S_IFIFO) else None


def _kind(path: str) -> int | None:
    """The kind of file that a path leads to, as one of ``stat.S_IF…``; None if there is none."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        if not path:
            raise
        return None


def _own_descriptor(path: str) -> int | None:
    """The open file of this process that a path such as /dev/stdout leads to, if it does."""
    for _ in range(MOST_LINKS):
        folder, name = os.path.split(path)
        place = re.sub(f"^/proc/{os.getpid()}/", "/proc/self/", os.path.realpath(folder))
        if place in ("/proc/self/fd", "/dev/fd") and name.isdecimal():
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except OSError:
            break
    return None


@contextmanager
def _opened(place: str | int) -> Generator[BinaryIO, None, None]:
    """A device or FIFO by its path, or what is open as a descriptor, which stays open."""
    with open(os.dup(place) if isinstance(place, int) else place, "wb") as file:
        yield file


@contextmanager
def _temporary(path: str) -> Generator[BinaryIO, None, None]:
    """A file beside the one that the path leads to, which it becomes when all is written."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    prefix = f".cyprop-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"
    _remove_leftovers(folder, prefix)
    # What nobody else can read yet is made so; a new file is as readable as it will be.
    mode = 0o666 if _kind(target) is None else 0o600
    temporary, descriptor = _locked_file(os.path.join(folder, prefix), mode)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if _kind(target) is not None:
                _take_rights(target, descriptor)
            os.fsync(descriptor)
            if _kind(target) not in (None, stat.S_IFREG):
                raise OSError(errno.EBUSY, "it is no longer a file")
            if sys.platform == "win32":  # which renames no open file
                file.close()
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _locked_file(prefix: str, mode: int) -> tuple[str, int]:
    """A new file whose name begins so, locked and open for writing: its name and descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        name = f"{prefix}{secrets.token_hex(8)}.tmp"
        descriptor = os.open(name, flags, mode)
        _lock(descriptor, wait=True)
        # Whoever took it for a leftover, before it was locked, has removed it.
        with suppress(FileNotFoundError):
            os.stat(name)
            return name, descriptor
        os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    """Lock an open file, if the system and the file system can and nobody else has."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove_leftovers(folder: str, prefix: str) -> None:
    """Remove temporary files whose writers have gone, as far as they can be told and removed."""
    for path in _named(folder, prefix):
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with suppress(OSError):
            descriptor = os.open(path, flags)
            try:
                if _lock(descriptor, wait=False):
                    os.unlink(path)
            finally:
                os.close(descriptor)


def _named(folder: str, prefix: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(".tmp"):
                yield entry.path


def _take_rights(source: str, descriptor: int) -> None:
    """Give an open file the owner, group, extended attributes and mode of another, as it may."""
    if sys.platform == "win32":
        return
    old = os.stat(source)
    for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
        with suppress(OSError):
            os.fchown(descriptor, owner, group)
    _take_attributes(source, descriptor)
    new, mode = os.fstat(descriptor), stat.S_IMODE(old.st_mode)
    if new.st_gid != old.st_gid:  # the new group may do what all others may
        mode = mode & ~0o070 | (mode & 0o007) << 3
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        mode &= 0o777
    os.fchmod(descriptor, mode)


def _take_attributes(source: str, descriptor: int) -> None:
    """Give an open file the extended attributes of another, such as its access control list."""
    if sys.platform != "linux":
        return
    with suppress(OSError):  # one that the folder gave it
        os.removexattr(descriptor, ACL)
    with suppress(OSError):
        for name in os.listxattr(source):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(source, name))


def _sync_folder(folder: str) -> None:
    """Make the new name survive a crash, on systems that can open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
