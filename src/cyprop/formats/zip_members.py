"""The members of a zip file, read one at a time, and never more bytes than the file has.

Python's own zipfile keeps an object of half a kilobyte for each of the entries, which take 46 bytes
in the file, and unpacks whatever a member declares. Here the number of entries is bounded, all that
is ever read of one file is together not larger than the file (and UNPACKED more), and a member is
found under its exact name or not at all. Nothing is written to a disk.

The layout is that of PKWARE's APPNOTE.TXT, 6.3.10: the directory is at the end, sizes of members
are those of the directory, and a local header in front of each member says where its bytes begin.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple, cast

from cyprop.errors import FormatError
from cyprop.formats.reading import size_of

MOST_MEMBERS = 2048
UNPACKED = 1 << 18  # bytes that all members together may have beyond those of the file
PIECE = 1 << 18  # bytes that are checked or unpacked at a time
LONGEST_END = 22 + 0xFFFF  # bytes of the end of a zip, with its comment

MAGIC = b"PK\x03\x04"
STORED, DEFLATED = 0, 8
VERSION = 63  # of the format, 6.3: a member that needs a later one is not understood
ENCRYPTED = 0x2041  # the flags of encrypted members, and of an encrypted directory,
PATCHED = 0x20  # and of members that are changes of others

END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR_64 = struct.Struct("<4sLQL")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")


class Member(NamedTuple):
    """What the directory says of one member."""

    method: int
    crc: int
    packed: int
    size: int
    offset: int
    end: int = 0  # where the next one, or the directory, begins


class Archive:
    """A zip file that is open.

    Parameters
    ----------
    file : binary file
        It can be sought in, and stays open as long as this is used.

    Raises
    ------
    FormatError
        If it is not a zip file, or one with more than 2,048 members, a name twice, or encryption.

    Notes
    -----
    Thread-safety: of one thread.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = size_of(file)
        self._left = self._size + UNPACKED
        self._members = _directory(file, self._size)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all members, in the order of the directory."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """How many bytes a member has when it is unpacked, as the directory says."""
        return self._member(name).size

    def read(self, name: str, most: int | None = None) -> bytes:
        """All of a member, whose CRC is right.

        Parameters
        ----------
        name : str
        most : int, optional
            How many bytes it may have.

        Raises
        ------
        FormatError
            If there is no such member, it is damaged or too large, or all that was read so far is
            together larger than the file.
        """
        member = self._member(name)
        if most is not None and member.size > most:
            raise FormatError(f"its {name!r} has {member.size} bytes, expected at most {most}")
        start = self._start(name, member)
        self._take(name, member.size)
        self._file.seek(start)
        if member.method == STORED:
            found = self._file.read(member.size)
        else:
            found = self._unpacked(name, member)
        if len(found) != member.size or zlib.crc32(found) != member.crc:
            raise FormatError(f"its {name!r} is damaged: its size or its CRC is wrong")
        return found

    def opened(self, name: str) -> BinaryIO:
        """A member as a file of its own, whose CRC is right: of the same file where it is stored.

        Raises
        ------
        FormatError
            As `read`.
        """
        member = self._member(name)
        if member.method != STORED:
            return io.BytesIO(self.read(name))
        window = Window(self._file, self._start(name, member), member.size)
        self._take(name, member.size)
        crc = 0
        for piece in iter(lambda: window.read(PIECE), b""):
            crc = zlib.crc32(piece, crc)
        if crc != member.crc:
            raise FormatError(f"its {name!r} is damaged: its CRC is wrong")
        window.seek(0)
        return cast(BinaryIO, window)

    def _member(self, name: str) -> Member:
        member = self._members.get(name)
        if member is None:
            raise FormatError(f"it has no member {name!r}")
        return member

    def _take(self, name: str, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise FormatError(
                f"its members up to {name!r} are together larger than the file and {UNPACKED} bytes"
            )

    def _start(self, name: str, member: Member) -> int:
        """Where the bytes of a member begin, behind its local header."""
        self._file.seek(member.offset)
        header = self._file.read(LOCAL.size)
        if len(header) < LOCAL.size or header[:4] != MAGIC:
            raise FormatError(f"its {name!r} is not where the directory says")
        lengths: tuple[int, int] = struct.unpack_from("<2H", header, LOCAL.size - 4)
        n_name, n_extra = lengths
        if self._file.read(n_name) != name.encode("utf-8"):
            raise FormatError(f"its {name!r} has another name in front of its bytes")
        start = member.offset + LOCAL.size + n_name + n_extra
        if start + member.packed > member.end:
            raise FormatError(f"its {name!r} reaches into what stands behind it")
        return start

    def _unpacked(self, name: str, member: Member) -> bytes:
        """A deflated member: as many bytes as it declares, and no more than one beyond them."""
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        found, left = bytearray(), member.packed
        try:
            while left and not unpack.eof and len(found) <= member.size:
                packed = self._file.read(min(PIECE, left))
                left -= len(packed)
                while packed and len(found) <= member.size:
                    found += unpack.decompress(packed, min(PIECE, member.size + 1 - len(found)))
                    packed = unpack.unconsumed_tail
        except zlib.error:
            raise FormatError(f"its {name!r} is damaged: it cannot be unpacked") from None
        return bytes(found)


class Window(io.RawIOBase):
    """A part of a file as a file of its own, which reads through to the other.

    Parameters
    ----------
    file : binary file
    start, size : int
        Where the part begins, and how many bytes it has.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file: Any = file
        self._start, self._size = start, size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which is then the result."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes; how many there were is the result."""
        n = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        found = int(self._file.readinto(memoryview(buffer)[:n]))
        self._at += found
        return found


def _directory(file: BinaryIO, size: int) -> dict[str, Member]:
    """The entries of the directory, by name."""
    n_entries, n_bytes, offset = _end(file, size)
    if n_entries > MOST_MEMBERS:
        raise FormatError(f"it has {n_entries} members, expected at most {MOST_MEMBERS}")
    file.seek(offset)
    text = file.read(n_bytes)
    members: dict[str, Member] = {}
    at = 0
    for _ in range(n_entries):
        name, member, at = _entry(text, at)
        if name in members:
            raise FormatError(f"it has two members {name!r}")
        members[name] = member
    end = offset
    for name, member in sorted(members.items(), key=lambda item: item[1].offset, reverse=True):
        members[name] = member._replace(end=end)
        end = member.offset
    return members


def _end(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """How many entries the directory has, how many bytes, and where it begins.

    It ends where what says so begins, so that there is one way to read a file, and no other.
    """
    start = max(0, size - LONGEST_END)
    file.seek(start)
    tail = file.read(LONGEST_END)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END.size:
        raise FormatError("it is not a zip file, or was cut short")
    _, disk, first_disk, _, n_entries, n_bytes, offset, n_comment = END.unpack_from(tail, at)
    if len(tail) - at - END.size != n_comment:
        raise FormatError("it is not a zip file, or was cut short")
    if disk or first_disk:
        raise FormatError("it is one of several parts of a zip file, expected a whole one")
    end = start + at
    wide = _end_64(file, end)
    if wide is not None:
        n_entries, n_bytes, offset, end = wide
    if offset + n_bytes != end:
        raise FormatError("its directory is not where the end of it says")
    return n_entries, n_bytes, offset


def _end_64(file: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """What `_end` says, and where that stands, in a file whose numbers may need 64 bits."""
    if end < LOCATOR_64.size:
        return None
    file.seek(end - LOCATOR_64.size)
    magic, _, at, _ = LOCATOR_64.unpack(file.read(LOCATOR_64.size))
    if magic != b"PK\x06\x07":
        return None
    file.seek(min(at, end))
    record = file.read(END_64.size)
    if len(record) < END_64.size or record[:4] != b"PK\x06\x06":
        raise FormatError("its directory is not where the end of it says")
    *_, n_entries, n_bytes, offset = END_64.unpack(record)
    return n_entries, n_bytes, offset, at


def _entry(text: bytes, at: int) -> tuple[str, Member, int]:
    """The name of one entry, what it says, and where the next one begins."""
    if len(text) - at < ENTRY.size or text[at : at + 4] != b"PK\x01\x02":
        raise FormatError("its directory is damaged")
    _, _, needed, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, *_, offset = (
        ENTRY.unpack_from(text, at)
    )
    at += ENTRY.size
    end = at + n_name + n_extra + n_comment
    try:
        name = text[at : at + n_name].decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("it has a member whose name is not UTF-8") from None
    if end > len(text):
        raise FormatError("its directory is damaged")
    if needed & 0xFF > VERSION:  # above it stands the system
        raise FormatError(f"its {name!r} needs a later version of the format of zip files")
    if flags & ENCRYPTED:
        raise FormatError(f"its {name!r} is encrypted")
    extra = text[at + n_name : at + n_name + n_extra]
    size, packed, offset = _in_64_bits(extra, [size, packed, offset])
    if flags & PATCHED or method not in (STORED, DEFLATED) or (method == STORED and size != packed):
        raise FormatError(f"its {name!r} is neither stored nor deflated")
    return name, Member(method, crc, packed, size, offset), end


def _in_64_bits(extra: bytes, numbers: list[int]) -> list[int]:
    """The sizes and the offset of an entry, those that did not fit taken from its extra field."""
    if 0xFFFFFFFF not in numbers:
        return numbers
    while len(extra) >= 4:
        kind, n_bytes = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + n_bytes], extra[4 + n_bytes :]
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            return [next(wide, n) if n == 0xFFFFFFFF else n for n in numbers]
    return numbers
