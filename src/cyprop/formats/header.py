"""The header of a saved network: made from what describes the network, and checked against that.

The layout is explained in storage.py. Both directions share every line that says what a header
looks like, so a header is accepted exactly if it could have been made here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.rules import named

FORMAT = "1"
MAX_HEADER = 100_000_000  # bytes; the safetensors package reads no longer ones
MAX_DESCRIPTION = 1 << 15  # characters in the header: some 2,000 layers
DTYPES = {"float32": ("F32", 4), "float64": ("F64", 8)}
MAX_SIZE = 1 << 46  # units of a layer; more cannot be addressed
PIECE = 1 << 14  # characters of a text that are compared at a time
KEYS = ("version", "sizes", "activation", "output_activation", "loss", "optimizer", "dtype")

START = f'{{"__metadata__":{{"cyprop":"{FORMAT}","crc32":"'
AFTER_CRC = '","network":'
NO_DIGITS = b"00000000"  # stand for the CRC's own while it is made
DIGITS = slice(len(START), len(START) + 8)
OPENING = len(START) + 8 + len(AFTER_CRC) + MAX_DESCRIPTION  # holds all up to the notes
ANY_FORMAT = re.compile(r'\{"__metadata__":\{"cyprop":"([0-9]{1,9})"')
ALL_BUT_DIGITS = re.compile(re.escape(START) + "[0-9a-f]{8}" + re.escape(AFTER_CRC))

JSON = json.JSONDecoder()


class Tensor(NamedTuple):
    """Where an array of the network stands in the payload, in bytes."""

    name: str
    shape: tuple[int, ...]
    start: int
    end: int


def describe(arguments: dict[str, Any], version: str) -> str:
    """What a network is made from, as JSON."""
    optimizer = arguments["optimizer"]
    entries = {
        **arguments,
        "version": version,
        "optimizer": {"name": optimizer.name, "hyperparameters": optimizer.hyperparameters},
    }
    return json.dumps({key: entries[key] for key in KEYS}, separators=(",", ":"))


def tensors(arguments: dict[str, Any]) -> Iterator[Tensor]:
    """Of each layer the weights, then the biases, as they stand in the payload."""
    itemsize = DTYPES[arguments["dtype"]][1]
    start = 0
    for layer, (n_in, n_out) in enumerate(pairwise(arguments["sizes"])):
        middle = start + n_in * n_out * itemsize
        end = middle + n_out * itemsize
        yield Tensor(f"{2 * layer}.weight", (n_out, n_in), start, middle)
        yield Tensor(f"{2 * layer}.bias", (n_out,), middle, end)
        start = end


def payload_size(arguments: dict[str, Any]) -> int:
    """How many bytes all tensors take."""
    sizes: list[int] = arguments["sizes"]
    return (
        sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes)) * DTYPES[arguments["dtype"]][1]
    )


def make(arguments: dict[str, Any], version: str, notes: dict[str, str]) -> str:
    """The header, with zeros for the digits of the CRC.

    Raises
    ------
    ValueError
        If there are more layers or notes than a header has room for.
    """
    description = json.dumps(describe(arguments, version))
    if len(description) > MAX_DESCRIPTION:
        raise ValueError(
            f"describing {len(arguments['sizes']) - 1} layers takes {len(description)} bytes,"
            f" and a file has room for {MAX_DESCRIPTION}"
        )
    pieces = [START, NO_DIGITS.decode(), AFTER_CRC, description]
    pieces += [_note(key, value) for key, value in sorted(notes.items())]
    pieces += _after_notes(arguments)
    text = "".join(pieces)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"metadata makes a header of {len(text)} bytes, expected at most {MAX_HEADER}"
        )
    return text + _padding(len(text))


def read_description(opening: str) -> tuple[dict[str, Any], int]:
    """The network's arguments from the first `OPENING` characters, and where the notes begin.

    Raises
    ------
    FormatError
        If `make` would not have written it.
    """
    found = ANY_FORMAT.match(opening)
    if not found:
        raise FormatError("it is not a network saved by cyprop")
    if found[1] != FORMAT:
        raise FormatError(f"it has format {found[1]}, this version of cyprop reads format {FORMAT}")
    found = ALL_BUT_DIGITS.match(opening)
    if not found:
        raise FormatError("its metadata does not begin with a CRC and a description")
    text, end = _string(opening, found.end())
    try:
        entries = JSON.decode(text)
    except (ValueError, RecursionError):
        raise FormatError("the description of the network is not JSON") from None
    arguments, version = _checked_entries(entries)
    if describe(arguments, version) != text:
        raise FormatError("the description of the network is not written as save writes it")
    return arguments, end


def read_notes(text: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Each note in a header, its key and text, and where it ends.

    Raises
    ------
    FormatError
        If a note is not as `make` writes it, or out of order.
    """
    last = None
    while text.startswith(',"', at):
        name, end = _string(text, at + 1)
        if not name.startswith("note:") or text[end : end + 1] != ":":
            raise FormatError(f"its metadata has the unknown key {name[:40]!r}")
        key = name.removeprefix("note:")
        value, end = _string(text, end + 1)
        if not (is_unicode(key) and is_unicode(value)):
            raise FormatError(f"the note {key[:40]!r} is no Unicode text")
        if last is not None and key <= last:
            raise FormatError(f"the note {key[:40]!r} is out of order")
        yield key, value, end
        last, at = key, end


def check_tensors(text: str, at: int, arguments: dict[str, Any]) -> None:
    """Check the header from the end of the notes to its own end.

    Raises
    ------
    FormatError
        If `make` would have written anything else there.
    """
    for piece in _after_notes(arguments):
        if not text.startswith(piece, at):
            raise FormatError(
                f"its header has {text[at : at + len(piece)]!r} in place of {piece!r}"
            )
        at += len(piece)
    if text[at:] != _padding(at):
        raise FormatError(f"its header has {text[at : at + 40]!r} after the last tensor")


def is_unicode(text: str) -> bool:
    """Whether other readers of JSON would take it: it has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _note(key: str, value: str) -> str:
    return f",{json.dumps('note:' + key)}:{json.dumps(value)}"


def _after_notes(arguments: dict[str, Any]) -> Iterator[str]:
    """The header from the end of the notes to its padding, in pieces."""
    yield "}"
    code = DTYPES[arguments["dtype"]][0]
    for name, shape, start, end in tensors(arguments):
        sizes = ",".join(map(str, shape))
        yield f',"{name}":{{"dtype":"{code}","shape":[{sizes}],"data_offsets":[{start},{end}]}}'
    yield "}"


def _padding(length: int) -> str:
    return " " * (-length % 8)


def _string(text: str, at: int) -> tuple[str, int]:
    """The JSON string that begins at `at`, and where it ends; only as json.dumps writes it."""
    if text[at : at + 1] == '"':
        try:
            value, end = JSON.raw_decode(text, at)
        except ValueError:
            pass
        else:
            if _is_written(value, text, at + 1, end - 1):
                return value, end
    raise FormatError(f"its metadata has {text[at : at + 40]!r} in place of a string")


def _is_written(value: str, text: str, at: int, end: int) -> bool:
    """Whether json.dumps would put `value` between the quotes so; a piece at a time, for memory."""
    for first in range(0, len(value), PIECE):
        piece = json.dumps(value[first : first + PIECE])[1:-1]
        if not text.startswith(piece, at):
            return False
        at += len(piece)
    return at == end


def _checked_entries(entries: Any) -> tuple[dict[str, Any], str]:
    """A parsed description as arguments of Network and a version; names are left to Network."""
    if not is_dict(entries) or tuple(entries) != KEYS:
        raise FormatError(
            f"the description of the network does not have the keys {', '.join(KEYS)}"
        )
    sizes, activation, optimizer = entries["sizes"], entries["activation"], entries["optimizer"]
    if not is_list(sizes) or len(sizes) < 2:
        raise FormatError("sizes is not a list of at least two numbers")
    if not all(type(size) is int and 1 <= size <= MAX_SIZE for size in sizes):
        raise FormatError("sizes has an entry that is not a whole number from 1 to 2**46")
    if not is_list(activation) or not all(isinstance(name, str) for name in activation):
        raise FormatError("activation is not a list of names")
    for key in ("version", "output_activation", "loss"):
        if not isinstance(entries[key], str):
            raise FormatError(f"{key} is not a text")
    if not isinstance(entries["dtype"], str) or entries["dtype"] not in DTYPES:
        raise FormatError(f"dtype is not one of {', '.join(DTYPES)}")
    if not is_dict(optimizer) or tuple(optimizer) != ("name", "hyperparameters"):
        raise FormatError("optimizer is not a name and hyperparameters")
    name, values = optimizer["name"], optimizer["hyperparameters"]
    if not isinstance(name, str) or not is_dict(values):
        raise FormatError("optimizer is not a name and hyperparameters")
    if not all(type(value) is float for value in values.values()):
        raise FormatError("optimizer has a hyperparameter that is not a decimal number")
    try:
        chosen = named(name, values)
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
    arguments = {key: entries[key] for key in KEYS if key != "version"}
    return {**arguments, "optimizer": chosen}, entries["version"]
