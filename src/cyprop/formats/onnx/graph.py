"""An ONNX file as nodes and tensors: what is in its messages, before anybody asks what it means.

Source: onnx/onnx.proto of ONNX 1.16. Names stay bytes, as they are in the file; they are decoded
only where a sentence shows them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from cyprop.errors import FormatError
from cyprop.formats.onnx import protobuf
from cyprop.formats.onnx.protobuf import FIXED32, LENGTH, VARINT
from cyprop.formats.onnx.tensor import (
    MAX_LIST,
    Beside,
    Tensor,
    integers,
    joined,
)

# How many nodes, tensors and other entries there may be, beside one for each thousand bytes: each
# becomes an object of some hundred bytes, be it written in two.
MOST_ENTRIES = 1000
BYTES_FOR_ONE_MORE = 1000
MOST_NAMES = 64  # of inputs, outputs and attributes of a node
LONGEST_NAME = 1 << 12
OWN = b"cyprop."  # what the names of entries begin with that cyprop writes
LONGEST_ENTRY = 1 << 16  # of these
MAX_IR_VERSION = 1000  # far beyond the present 13

DOMAINS = {b"": "", b"ai.onnx": "", b"ai.onnx.ml": "ai.onnx.ml", b"com.microsoft": "com.microsoft"}

# The fields of a Model, and the wire type of each; a file is an ONNX file by these.
MODEL = {1: VARINT, 2: LENGTH, 3: LENGTH, 4: LENGTH, 5: VARINT, 6: LENGTH, 7: LENGTH, 8: LENGTH}
MODEL |= {14: LENGTH, 20: LENGTH, 25: LENGTH, 26: LENGTH}
# The field that holds an attribute of each type, and what it is if the field is left out.
VALUES: dict[int, tuple[int, Any]] = {1: (2, 0.0), 2: (3, 0), 3: (4, b""), 4: (5, None)}
VALUES |= {6: (7, b""), 7: (8, ()), 8: (9, ())}
FLOATS, INTS, STRINGS = 6, 7, 8


class Node:
    """A NodeProto: an operator, and the names of what goes in and comes out."""

    __slots__ = ("_data", "domain", "inputs", "name", "op", "outputs")
    name: bytes
    op: str
    domain: str
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]

    def __init__(self, data: memoryview) -> None:
        inputs: list[bytes] = []
        outputs: list[bytes] = []
        self._data = data
        self.name = b""
        self.op = self.domain = ""
        for number, wire, value in protobuf.fields(data):
            if number in (1, 2):
                (inputs if number == 1 else outputs).append(name_of(wire, value))
                if len(inputs) + len(outputs) > MOST_NAMES:
                    raise FormatError(f"a node has more than {MOST_NAMES} inputs and outputs")
            elif number == 3:
                self.name = name_of(wire, value)
            elif number == 4:
                self.op = protobuf.text(value, MOST_NAMES)
            elif number == 7:
                found = name_of(wire, value)
                self.domain = DOMAINS.get(found) or shown_name(found)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    @property
    def what(self) -> str:
        """What a sentence calls it."""
        name = self.name or (self.outputs[0] if self.outputs else b"")
        op = f"{self.domain}.{self.op}" if self.domain else self.op
        return f"the node {op if op.isprintable() else repr(op)} {shown_name(name)!r}"

    def attributes(self, beside: Beside, known: tuple[str, ...]) -> dict[str, Any]:
        """The value of each attribute; FormatError for one that is not known.

        It is a float, an int, bytes, a Tensor, an array of float32, a list of int, or a tuple of
        bytes.
        """
        found: dict[str, Any] = {}
        for number, wire, value in protobuf.fields(self._data):
            if number != 5:
                continue
            if wire != LENGTH:
                raise FormatError(f"{self.what} has an attribute that is none")
            data: Any = value
            name = "".join(
                protobuf.text(v, MOST_NAMES) for n, _, v in protobuf.fields(data) if n == 1
            )
            if name not in known:
                has = f"known are {', '.join(known)}" if known else "none is known"
                raise FormatError(f"{self.what} has the attribute {name!r}; {has}")
            if name in found:
                raise FormatError(f"{self.what} has the attribute {name!r} twice")
            found[name] = _value(data, name, beside)
        return found


class Value:
    """A ValueInfoProto: the name, the type of elements, and the shape, None where it is open."""

    __slots__ = ("kind", "name", "shape")
    name: bytes
    kind: int
    shape: tuple[int | None, ...] | None

    def __init__(self, data: memoryview) -> None:
        self.name = b""
        self.kind = 0
        self.shape = None
        for number, wire, value in protobuf.fields(data):
            if number == 1:
                self.name = name_of(wire, value)
            elif number == 2:
                for inner, part in _messages(value):
                    if inner == 1:
                        self._take_type(part)

    def _take_type(self, data: memoryview) -> None:
        for number, _wire, value in protobuf.fields(data):
            if number == 1 and isinstance(value, int):
                self.kind = value
            elif number == 2:
                sizes: list[int | None] = []
                for inner, part in _messages(value):
                    if inner == 1:
                        sizes.append(_size(part))
                    if len(sizes) > MOST_NAMES:
                        raise FormatError(f"an input has more than {MOST_NAMES} dimensions")
                self.shape = tuple(sizes)


class Graph:
    """The nodes in their order, the tensors by name, and the inputs and outputs of a file.

    Parameters
    ----------
    data : memoryview
        The whole file.
    beside : Beside

    Raises
    ------
    FormatError
        If it is not an ONNX file, damaged, or made of more entries than its bytes allow.
    """

    def __init__(self, data: memoryview, beside: Beside) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[bytes, Tensor] = {}
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.opsets: dict[str, int] = {}
        self.metadata: dict[str, str] = {}
        self.beside = beside
        self.size: int = len(data)
        self._most = MOST_ENTRIES + len(data) // BYTES_FOR_ONE_MORE
        graph: memoryview | None = None
        for number, wire, value in protobuf.fields(data):
            if MODEL.get(number, wire) != wire:
                raise FormatError("it is not an ONNX file, or damaged")
            if number == 7:
                if graph is not None:
                    raise FormatError("it has two graphs, expected one")
                graph = value  # type: ignore[assignment]
            elif number == 8:
                self._take_opset(value)
            elif number == 14:
                self._take_metadata(value)
            elif number == 25:
                self._check_function(value)
        if graph is None:
            raise FormatError("it is not an ONNX file: it has no graph")
        for number, wire, value in protobuf.fields(graph):
            self._take(number, wire, value)

    def _take(self, number: int, wire: int, value: Any) -> None:
        if number not in (1, 5, 11, 12):
            return
        if wire != LENGTH:
            raise FormatError("its graph has an entry that is no message, so it is damaged")
        self._count()
        if number == 1:
            self.nodes.append(Node(value))
        elif number == 5:
            name = next((name_of(w, v) for n, w, v in protobuf.fields(value) if n == 8), b"")
            if name in self.tensors:
                raise FormatError(f"it has the tensor {shown_name(name)!r} twice")
            self.tensors[name] = Tensor(value, self.beside)
        else:
            (self.inputs if number == 11 else self.outputs).append(Value(value))

    def _take_metadata(self, value: Any) -> None:
        """Keep what cyprop has written; the rest is notes of others, of any length."""
        parts = {number: part for number, _, part in protobuf.fields(value)}
        key = parts.get(1, memoryview(b""))
        if not isinstance(key, int) and bytes(key[: len(OWN)]) == OWN:
            self._count()
            entry = parts.get(2, memoryview(b""))
            self.metadata[protobuf.text(key)] = protobuf.text(entry, LONGEST_ENTRY)

    def _take_opset(self, value: Any) -> None:
        parts = {number: part for number, _, part in protobuf.fields(value)}
        domain = bytes(parts.get(1, b"")) if not isinstance(parts.get(1), int) else b"?"
        version = parts.get(2, 0)
        if domain in DOMAINS and isinstance(version, int):
            self.opsets[DOMAINS[domain]] = protobuf.signed(version)

    def _check_function(self, value: Any) -> None:
        """Refuse a function in the file that would take the place of an operator."""
        domain = b""
        for number, wire, part in protobuf.fields(value):
            if number == 10:
                domain = name_of(wire, part)
        if domain in DOMAINS:
            raise FormatError("it gives operators of ONNX another meaning, by functions of its own")

    def _count(self) -> None:
        self._most -= 1
        if self._most < 0:
            raise FormatError(
                f"it has more than {MOST_ENTRIES} nodes and tensors, and one more for each"
                f" {BYTES_FOR_ONE_MORE} bytes"
            )


def is_onnx(head: bytes) -> bool:
    """Whether a file that begins so is an ONNX file: a version, then fields of a Model.

    Parameters
    ----------
    head : bytes
        Of the file, some 64 bytes or more.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    data, at = memoryview(head), 0
    try:
        key, at = protobuf.read_varint(data, 0)
        version, at = protobuf.read_varint(data, at)
        if key != 1 << 3 | VARINT or not 1 <= version <= MAX_IR_VERSION:
            return False
        while at < len(data):
            key, at = protobuf.read_varint(data, at)
            if MODEL.get(key >> 3) != key & 7:
                return False
            size, at = protobuf.read_varint(data, at)
            if key == 7 << 3 | LENGTH:
                return True
            at += size if key & 7 == LENGTH else 0
    except FormatError:  # a number goes on beyond the head
        return at > 2
    return at > 2


def name_of(wire: int, value: Any) -> bytes:
    """A name, as it is in the file; FormatError if it is none, or too long."""
    if wire != LENGTH or len(value) > LONGEST_NAME:
        raise FormatError(f"it has a name of more than {LONGEST_NAME} bytes, or that is none")
    return bytes(value)


def shown_name(name: bytes) -> str:
    """A name as a sentence can hold it."""
    text = name.decode("utf-8", "replace")
    return text if len(text) <= MOST_NAMES else f"{text[:MOST_NAMES]}…"


def _messages(value: Any) -> Iterator[tuple[int, Any]]:
    """The number and the bytes of each field of a message that is a message itself."""
    if isinstance(value, int):
        raise FormatError("it has a type that is none, so it is damaged")
    for number, wire, part in protobuf.fields(value):
        if wire == LENGTH:
            yield number, part


def _size(data: memoryview) -> int | None:
    """The size that a dimension is said to have; None if it is open."""
    for number, _wire, value in protobuf.fields(data):
        if number == 1 and isinstance(value, int):
            return protobuf.signed(value) if protobuf.signed(value) > 0 else None
    return None


def _value(data: memoryview, name: str, beside: Beside) -> Any:
    """The value of an AttributeProto."""
    kind = 0
    found: dict[int, Any] = {}
    for number, wire, value in protobuf.fields(data):
        if number == 20 and isinstance(value, int):
            kind = value
        elif number == 2 and wire == FIXED32:
            found[number] = struct.unpack("<f", value)[0]  # type: ignore[arg-type]
        elif number == 3 and isinstance(value, int):
            found[number] = protobuf.signed(value)
        elif number == 4 and isinstance(value, memoryview):
            found[number] = bytes(value[: LONGEST_NAME + 1])
        elif number == 5 and isinstance(value, memoryview):
            found[number] = Tensor(value, beside)
        elif number == 7:
            found[number] = joined(found.get(number, bytearray()), wire, value, FIXED32)
        elif number == 8:
            found.setdefault(number, []).extend(integers(wire, value))
        elif number == 9:
            found.setdefault(number, []).append(name_of(wire, value))
        if number in (8, 9) and len(found[number]) > MAX_LIST:
            raise FormatError(f"the attribute {name!r} is a list of more than {MAX_LIST} entries")
    if kind not in VALUES:
        kind = next((k for k, (field, _) in VALUES.items() if field in found), -1)
    if kind == -1:
        raise FormatError(f"the attribute {name!r} is a graph, or of an unknown type")
    field, default = VALUES[kind]
    value = found.get(field, default)
    if value is None:
        raise FormatError(f"the attribute {name!r} has no value")
    if kind == FLOATS:
        if len(value) % 4:
            raise FormatError(f"the attribute {name!r} is a list of numbers whose end is missing")
        return np.frombuffer(value, "<f4")
    return list(value) if kind == INTS else tuple(value) if kind == STRINGS else value
