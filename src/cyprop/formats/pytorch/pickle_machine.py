"""Runs the pickle of a state_dict, without Python's unpickler, and calls nothing.

Python's own unpickler, with whatever functions, can be led to take memory for a memo of billions of
entries by six bytes, or to overflow the stack on a tuple in a tuple in a tuple that becomes the key
of a dict. This machine knows the operations that ``torch.save`` writes (pickle protocol 2), and
refuses all others. Each object it makes is paid for out of a fixed room of bytes; keys of dicts are
numbers and strings. Names of functions and classes are looked up in `KNOWN`, whose entries are
functions of this module, and never imported.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeGuard

from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError

LONGEST_NAME = 200  # characters of a name in a message
OF_A_SLOT = 24  # bytes of an entry of the stack, the memo or a list, while these grow too
OF_AN_ENTRY = 160  # bytes of an entry of a dict, while it grows too
MARK: Any = object()
MISSING: Any = object()


class Storage(NamedTuple):
    """The numbers of one or several tensors: a member of the archive."""

    kind: str  # as in KINDS
    key: str
    n: int  # how many numbers


class Tensor(NamedTuple):
    """A view of a storage, not looked at yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Name(NamedTuple):
    """A function or a class that a pickle names, one of KNOWN."""

    name: str


KINDS = {
    f"torch.{kind}Storage"
    for kind in (
        *("Float", "Double", "Half", "BFloat16"),
        *("Long", "Int", "Short", "Char", "Byte", "Bool"),  # counts beside the weights; never read
    )
}


def _ordered_dict(*arguments: Any) -> Any:
    """An OrderedDict comes empty, and gets its entries afterwards."""
    return {} if not arguments else MISSING


def _tensor(*arguments: Any) -> Any:
    if len(arguments) not in (6, 7):
        return MISSING
    storage, offset, shape, stride = arguments[:4]
    if not (isinstance(storage, Storage) and _is_size(offset)):
        return MISSING
    if not (_is_shape(shape) and _is_shape(stride) and len(shape) == len(stride)):
        return MISSING
    return Tensor(storage, offset, shape, stride)


def _parameter(*arguments: Any) -> Any:
    return arguments[0] if len(arguments) == 3 and isinstance(arguments[0], Tensor) else MISSING


KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= sys.maxsize


def _is_shape(value: Any) -> bool:
    return is_plain_tuple(value) and len(value) <= 8 and all(map(_is_size, value))


def is_plain_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    """Whether it is a tuple, and not one of the classes above."""
    return type(value) is tuple


def run(text: bytes, room: int) -> Any:
    """What a pickle describes: dicts, lists, numbers, strings, and Tensors.

    Parameters
    ----------
    text : bytes
        The pickle.
    room : int
        How many bytes all objects may take together.

    Returns
    -------
    object
        Of the plain kinds above; an OrderedDict is a dict.

    Raises
    ------
    FormatError
        If it is damaged, takes more room, or needs what is not known here.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    return _Machine(text, room).run()


class _Machine:
    def __init__(self, text: bytes, room: int) -> None:
        self._text, self._room, self._at = text, room, 0
        self._stack: list[Any] = []
        self._memo: list[Any] = []

    def run(self) -> Any:
        """Follow the operations to the last."""
        while True:
            code = self._take(1)
            if code == b".":
                return self._pop()
            operation = OPERATIONS.get(code)
            if operation is None:
                raise FormatError(
                    f"its pickle has the operation {code!r}, which torch.save does not write for a"
                    " state_dict"
                )
            operation(self)

    # Reading

    def _take(self, n: int) -> bytes:
        found = self._text[self._at : self._at + n]
        if len(found) < n:
            raise FormatError("its pickle is cut short")
        self._at += n
        return found

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _line(self) -> str:
        end = self._text.find(b"\n", self._at, self._at + 4 * LONGEST_NAME)
        if end < 0:
            self._damaged()
        line = self._text[self._at : end]
        self._at = end + 1
        return _decoded(line)

    # The stack

    def _pay(self, n_bytes: int) -> None:
        self._room -= n_bytes
        if self._room < 0:
            raise FormatError("its pickle makes more objects than a state_dict of that size needs")

    def _push(self, value: Any) -> None:
        """Put a value that is new on the stack."""
        self._pay(sys.getsizeof(value) + OF_A_SLOT)
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is MARK:
            self._damaged()
        return self._stack.pop()

    def _top(self, kind: Callable[[Any], bool]) -> Any:
        if not self._stack or not kind(self._stack[-1]):
            self._damaged()
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is MARK:
                found = self._stack[at + 1 :]
                del self._stack[at:]
                return found
        self._damaged()

    def _damaged(self) -> NoReturn:
        raise FormatError(f"its pickle is damaged, at byte {self._at}")

    # Operations

    def mark(self) -> None:
        self._pay(OF_A_SLOT)
        self._stack.append(MARK)

    def protocol(self) -> None:
        if self._take(1) != b"\2":
            raise FormatError("its pickle is not of protocol 2, which torch.save writes")

    def text(self) -> None:
        encoded = self._take(self._number("<L"))
        # One wide character makes all of a string wide, and it grows while it is decoded.
        self._pay(len(encoded) * (1 if encoded.isascii() else 8))
        self._push(_decoded(encoded))

    def long(self) -> None:
        self._push(int.from_bytes(self._take(self._number("<B")), "little", signed=True))

    def make_tuple(self) -> None:
        self._push(tuple(self._pop_to_mark()))

    def name(self) -> None:
        name = f"{self._line()}.{self._line()}"
        if name not in KNOWN and name not in KINDS:
            raise FormatError(
                f"it holds {name[:LONGEST_NAME]!r}, which is never unpickled here; expected a"
                " state_dict, as torch.save(model.state_dict(), path) writes it"
            )
        self._push(Name(name))

    def remember(self, layout: str) -> None:
        place = self._number(layout)
        if place > len(self._memo) or not self._stack or self._stack[-1] is MARK:
            self._damaged()
        self._pay(OF_A_SLOT)
        self._memo[place : place + 1] = [self._stack[-1]]

    def recall(self, layout: str) -> None:
        place = self._number(layout)
        if place >= len(self._memo):
            self._damaged()
        self._pay(OF_A_SLOT)
        self._stack.append(self._memo[place])

    def persistent(self) -> None:
        value = self._pop()
        if not (
            is_plain_tuple(value)
            and len(value) == 5
            and value[0] == "storage"
            and isinstance(value[1], Name)
            and value[1].name in KINDS
            and type(value[2]) is str
            and type(value[3]) is str
            and _is_size(value[4])
        ):
            raise FormatError("its pickle refers to something that is not a storage of numbers")
        self._push(Storage(value[1].name, value[2], value[4]))

    def reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not is_plain_tuple(arguments) or not isinstance(function, Name):
            self._damaged()
        make = KNOWN.get(function.name)
        made = MISSING if make is None else make(*arguments)
        if made is MISSING:
            raise FormatError(
                f"its pickle calls {function.name!r} with what torch.save does not write"
            )
        self._push(made)

    def build(self) -> None:
        """Drop what an OrderedDict has beside its entries: versions of modules."""
        self._pop()
        self._top(is_dict)

    def append(self) -> None:
        value = self._pop()
        self._add([value])

    def appends(self) -> None:
        self._add(self._pop_to_mark())

    def _add(self, values: list[Any]) -> None:
        self._pay(OF_A_SLOT * len(values))
        self._top(is_list).extend(values)

    def set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def set_items(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, pairs: list[Any]) -> None:
        target = self._top(is_dict)
        if len(pairs) % 2:
            self._damaged()
        self._pay(OF_AN_ENTRY * (len(pairs) // 2))
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) not in (str, int):
                raise FormatError("its pickle has a dict whose keys are not names or numbers")
            target[key] = value


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("its pickle has a name that is not UTF-8") from None


def _tuple_of(n: int) -> Callable[[_Machine], None]:
    def operation(machine: _Machine) -> None:
        values = [machine._pop() for _ in range(n)]
        machine._push(tuple(reversed(values)))

    return operation


OPERATIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,
    b"(": _Machine.mark,
    b"c": _Machine.name,
    b"q": lambda machine: machine.remember("<B"),
    b"r": lambda machine: machine.remember("<L"),
    b"h": lambda machine: machine.recall("<B"),
    b"j": lambda machine: machine.recall("<L"),
    b")": lambda machine: machine._push(()),
    b"t": _Machine.make_tuple,
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"}": lambda machine: machine._push({}),
    b"]": lambda machine: machine._push([]),
    b"a": _Machine.append,
    b"e": _Machine.appends,
    b"s": _Machine.set_item,
    b"u": _Machine.set_items,
    b"b": _Machine.build,
    b"R": _Machine.reduce,
    b"Q": _Machine.persistent,
    b"X": _Machine.text,
    b"N": lambda machine: machine._push(None),
    b"\x88": lambda machine: machine._push(True),
    b"\x89": lambda machine: machine._push(False),
    b"K": lambda machine: machine._push(machine._number("<B")),
    b"M": lambda machine: machine._push(machine._number("<H")),
    b"J": lambda machine: machine._push(machine._number("<l")),
    b"G": lambda machine: machine._push(machine._number(">d")),
    b"\x8a": _Machine.long,
}
