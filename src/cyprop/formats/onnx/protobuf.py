"""The wire format of Protocol Buffers: a message is a row of fields, each a number and a value.

The reader gives views of the bytes it was given, and copies nothing. A length is compared with what
is left, a number has at most ten bytes, and a message within a message is opened only by whoever
asks for it, so that no depth of nesting can be made up. The writer puts pieces of bytes in a row.

Source: "Encoding", protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from cyprop.errors import FormatError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # the wire types
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
MAX_FIELD = (1 << 29) - 1

# A field: its number, its wire type, and an int for a varint, else a view of its bytes.
Field = tuple[int, int, "int | memoryview"]


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number from 0 to 2**64 - 1 that begins at `at`, and where it ends.

    Raises
    ------
    FormatError
        If it goes on after the end, after ten bytes, or is larger.
    """
    value = shift = 0
    for place in range(at, min(at + 10, len(data))):
        byte = data[place]
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, place + 1
        shift += 7
    raise FormatError("a number in it goes on after its end, so it is damaged or cut short")


def fields(data: memoryview) -> Iterator[Field]:
    """Each field of a message, in the order of the file.

    Raises
    ------
    FormatError
        If a field is none, or longer than what is left.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if not 1 <= number <= MAX_FIELD:
            raise FormatError(f"it has a field of the number {number}, so it is damaged")
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, at = read_varint(data, at)
        elif wire in FIXED_SIZES:
            size = FIXED_SIZES[wire]
        else:
            raise FormatError(f"it has a field of the wire type {wire}, so it is damaged")
        if size > end - at:
            raise FormatError(
                f"a field in it takes {size} bytes, and {end - at} are left, so it is damaged or"
                " cut short"
            )
        yield number, wire, data[at : at + size]
        at += size


def signed(value: int) -> int:
    """The int64 that a varint stands for."""
    return value - (1 << 64) if value >> 63 else value


def numbers(data: memoryview, most: int) -> array[int]:
    """The int64 numbers of a packed field, of which there may be so many.

    Raises
    ------
    FormatError
        If there are more, or the last is cut short.
    """
    found, at = array("q"), 0
    while at < len(data):
        value, at = read_varint(data, at)
        found.append(signed(value))
        if len(found) > most:
            raise FormatError(f"it has a list of more than {most} whole numbers")
    return found


def text(data: int | memoryview, longest: int = 1 << 12) -> str:
    """A string field, whose length in bytes is bounded.

    Raises
    ------
    FormatError
        If it is longer, not UTF-8, or no string.
    """
    if isinstance(data, int) or len(data) > longest:
        raise FormatError(f"it has a name of more than {longest} bytes, or that is none")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise FormatError("it has a name that is not UTF-8, so it is damaged") from None


def varint(value: int) -> bytes:
    """A number from −2**63 to 2**64 - 1, as the wire has it."""
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def number_field(number: int, value: int) -> bytes:
    """A field of a whole number."""
    return varint(number << 3 | VARINT) + varint(value)


def opening(number: int, size: int) -> bytes:
    """What stands in front of the bytes of a field that has so many."""
    return varint(number << 3 | LENGTH) + varint(size)


def bytes_field(number: int, value: bytes | str) -> bytes:
    """A field of bytes, of a text, or of a message that has been written."""
    data = value.encode() if isinstance(value, str) else value
    return opening(number, len(data)) + data


def message(number: int, parts: Iterable[bytes]) -> bytes:
    """A field that is a message of these fields."""
    return bytes_field(number, b"".join(parts))
