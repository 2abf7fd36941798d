"""Tensors of an ONNX file as arrays: views of the file, or read from the external data beside it.

Field numbers are those of onnx.proto; docs/design.md says what hostile files meet.
"""

from __future__ import annotations

import math
import os
import stat
from array import array
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import shown
from cyprop.errors import FormatError
from cyprop.formats.onnx import protobuf
from cyprop.formats.onnx.protobuf import FIXED32, FIXED64, LENGTH, VARINT

Array = npt.NDArray[Any]

MAX_RANK = 16
MAX_LIST = 1 << 14  # whole numbers in a list; weights are none
MAX_TEXTS = 1 << 12  # in a list
MAX_FILES = 64  # of external data
LONGEST_LABEL = 1 << 10

# Of each type of elements the dtype. bfloat16, 16, stays the whole numbers that its bits are; a
# Builder takes them as such.
STRINGS, BOOL, EXTERNAL = 8, 9, 1
TYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", BOOL: "u1"}
TYPES |= {10: "<f2", 11: "<f8", 16: "<u2"}
FLOATS = (1, 10, 11, 16)
NAMES = {4: "uint16", STRINGS: "texts", 12: "uint32", 13: "uint64", 14: "complex64"}


class Beside:
    """The folder of a model, whose other files may hold tensors of it.

    A tensor names a file by a plain name. Neither a symbolic link nor one of several hard links is
    followed, so that a model shows nobody what is elsewhere. Each file is opened once.

    Parameters
    ----------
    folder : str or None
        None where the model is not a file, and has none beside it.
    """

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self._files: dict[str, tuple[BinaryIO, int]] = {}
        self._left = 0  # bytes that may still be read: each byte once, in all

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        for file, _size in self._files.values():
            file.close()

    def read(self, location: str, offset: int, size: int) -> bytes:
        """So many bytes of the file of that name; FormatError if it may not or cannot be read."""
        file, there = self._opened(location)
        if offset < 0 or size > there - offset:
            raise FormatError(
                f"a tensor takes {size} bytes at {offset} of the external data {location!r},"
                f" which has {there}"
            )
        self._left -= size
        if self._left < 0:
            raise FormatError("tensors share their external data, expected some for each")
        file.seek(offset)
        data = file.read(size)
        if len(data) != size:
            raise FormatError(f"the external data {location!r} was cut short while it was read")
        return data

    def _opened(self, location: str) -> tuple[BinaryIO, int]:
        if location in self._files:
            return self._files[location]
        if self.folder is None:
            raise FormatError("it has external data, and was not given as a path")
        if location in ("", ".", "..") or any(sign in location for sign in "/\\\0:"):
            raise FormatError(
                f"its external data is {shown(location)}, expected the name of a file beside it"
            )
        if len(self._files) >= MAX_FILES:
            raise FormatError(f"it has more than {MAX_FILES} files of external data")
        flags = os.O_RDONLY | sum(
            getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
        )
        path = os.path.join(self.folder, location)
        try:
            is_link = os.path.islink(path)
            file = os.fdopen(os.open(path, flags), "rb")
        except OSError as error:
            raise FormatError(
                f"its external data {location!r} cannot be opened: {error.strerror}"
            ) from None
        status = os.fstat(file.fileno())
        if is_link or not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            file.close()
            raise FormatError(
                f"its external data {location!r} is a link, a device or a folder, expected a file"
            )
        self._files[location] = file, status.st_size
        self._left += status.st_size
        return self._files[location]


class Tensor:
    """A TensorProto, whose fields are read when they are asked for; its data stays where it is."""

    __slots__ = ("beside", "data")
    data: memoryview
    beside: Beside

    def __init__(self, data: memoryview, beside: Beside) -> None:
        self.data, self.beside = data, beside

    def shape(self) -> tuple[int, ...]:
        """How many elements there are along each axis, as the file says."""
        return tuple(_Fields(self.data).shape)

    def array(self) -> Array:
        """The numbers, read-only; a view of the file where that is possible."""
        found = _Fields(self.data)
        if found.kind not in TYPES:
            name = NAMES.get(found.kind, f"type {found.kind}")
            raise FormatError(f"it has a tensor of {name}, expected float32 or float64")
        dtype = np.dtype(TYPES[found.kind])
        size = math.prod(found.shape) * dtype.itemsize
        if found.place == EXTERNAL:
            data: Any = self.beside.read(*_place(found.entries, size))
        elif found.place != 0:
            raise FormatError("it has a tensor whose place is unknown")
        else:
            data = found.raw if found.raw is not None else found.typed(dtype)
        if len(data) != size:
            raise FormatError(
                f"a tensor of shape {found.shape} has {len(data)} bytes of data, expected {size}"
            )
        elements = np.frombuffer(data, dtype)
        return (elements != 0 if found.kind == BOOL else elements).reshape(found.shape)

    def labels(self) -> list[str] | list[int]:
        """The elements as texts, or as whole numbers."""
        found = _Fields(self.data)
        if found.kind == STRINGS:
            return found.texts
        array = self.array()
        if array.dtype.kind != "i" or array.size > MAX_LIST:
            raise FormatError("its classes are not whole numbers or texts, or are too many")
        labels: list[int] = array.ravel().tolist()
        return labels


class _Fields:
    """The fields of a TensorProto."""

    def __init__(self, data: memoryview) -> None:
        self.shape: list[int] = []
        self.kind = self.place = 0
        self.raw: memoryview | None = None
        self.fixed: memoryview | bytearray = bytearray()
        self.integers: array[int] = array("q")
        self.texts: list[str] = []
        self.entries: list[memoryview] = []
        for number, wire, value in protobuf.fields(data):
            self._take(number, wire, value)
        if any(size < 0 for size in self.shape):
            raise FormatError("it has a tensor of a negative size")

    def _take(self, number: int, wire: int, value: Any) -> None:
        if number == 1:
            self.shape += integers(wire, value, MAX_RANK)
            if len(self.shape) > MAX_RANK:
                raise FormatError(f"it has a tensor of more than {MAX_RANK} dimensions")
        elif number in (2, 14) and wire == VARINT:
            self.kind, self.place = (value, self.place) if number == 2 else (self.kind, value)
        elif number == 3:
            raise FormatError("it has a tensor in segments, expected a whole one")
        elif number in (4, 10):
            self.fixed = joined(self.fixed, wire, value, FIXED32 if number == 4 else FIXED64)
        elif number in (5, 7):
            self.integers.extend(integers(wire, value))
            if len(self.integers) > MAX_LIST:
                raise FormatError(f"it has a list of more than {MAX_LIST} whole numbers")
        elif number == 6:
            self.texts.append(protobuf.text(value, LONGEST_LABEL))
            if len(self.texts) > MAX_TEXTS:
                raise FormatError(f"it has a list of more than {MAX_TEXTS} texts")
        elif number == 9 and wire == LENGTH:
            self.raw = value
        elif number == 13 and len(self.entries) < MAX_RANK and wire == LENGTH:
            self.entries.append(value)

    def typed(self, dtype: np.dtype[Any]) -> Any:
        """The elements that are not raw, as bytes."""
        if dtype.kind == "f" and dtype.itemsize > 2:
            return self.fixed
        held = np.dtype("<u2") if dtype.kind == "f" else dtype  # the bits of a float16
        info = np.iinfo(held)
        if any(not info.min <= number <= info.max for number in self.integers):
            raise FormatError(f"it has a number that {held} cannot hold, so it is damaged")
        return np.array(self.integers, held).tobytes()


def integers(wire: int, value: Any, most: int = MAX_LIST) -> array[int]:
    """The whole numbers of a repeated field, packed or not, of which there may be so many."""
    if wire == VARINT:
        return array("q", [protobuf.signed(value)])
    if wire == LENGTH:
        return protobuf.numbers(value, most)
    raise FormatError("it has a list of whole numbers that are none, so it is damaged")


def joined(
    before: memoryview | bytearray, wire: int, value: Any, alone: int
) -> memoryview | bytearray:
    """The bytes of a repeated field of fixed size; a view if it is packed, and one piece."""
    if wire not in (LENGTH, alone):
        raise FormatError("it has numbers of the wrong size, so it is damaged")
    if not len(before) and wire == LENGTH:
        return memoryview(value)
    joint = before if isinstance(before, bytearray) else bytearray(before)
    joint += value
    return joint


def _place(entries: list[memoryview], n_bytes: int) -> tuple[str, int, int]:
    """Where the external data of a tensor is: the file's name, the first byte, and how many."""
    found = {"location": "", "offset": "0", "length": str(n_bytes)}
    for entry in entries:
        key, value = string_entry(entry)
        found[key] = value
    for key in ("offset", "length"):
        if not (found[key].isascii() and found[key].isdigit() and len(found[key]) < 19):
            raise FormatError(f"the {key} of external data is {shown(found[key])}, expected bytes")
    if int(found["length"]) != n_bytes:
        raise FormatError(
            f"a tensor has {found['length']} bytes of external data, expected {n_bytes}"
        )
    return found["location"], int(found["offset"]), n_bytes


def string_entry(data: memoryview) -> tuple[str, str]:
    """The key and the value of a StringStringEntryProto."""
    parts = {number: value for number, _, value in protobuf.fields(data) if number in (1, 2)}
    nothing = memoryview(b"")
    return protobuf.text(parts.get(1, nothing)), protobuf.text(parts.get(2, nothing))
