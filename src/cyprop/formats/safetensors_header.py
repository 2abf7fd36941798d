"""The header of a saved network: made from what describes the network, and checked against that.

The layout is explained in safetensors.py. Both directions share every line that says what a header
looks like, so a header is accepted exactly if it could have been made here, or by the version of
cyprop that wrote its format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cyprop.checks.names import NO_NAMES
from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.formats import ends, training_state
from cyprop.formats.ends import NO_ENDS, Ends
from cyprop.formats.training_state import MAX_TRAINING, Training, Vector
from cyprop.rules import Rule, activation_of, loss_of, optimizer_of, rule_named
from cyprop.settings import DTYPES, Settings

FORMAT = "2"  # that is written; with the older ones it makes up FORMATS
FORMATS = ("1", "2")
MAX_HEADER = 100_000_000  # bytes; the safetensors package reads no longer ones
MAX_DESCRIPTION = 1 << 16  # characters in the header: some 2,000 layers, or 3,000 names
MAX_NESTED = 1 << 13  # brackets in it: a list takes 20 times the memory of its text
CODES = {"float32": "F32", "float64": "F64"}
SIZES = {"float32": 4, "float64": 8}
MAX_SIZE = 1 << 46  # units of a layer; more cannot be addressed
PIECE = 1 << 14  # characters of a text that are compared at a time
KEYS = ("version", "sizes", "activation", "output_activation", "loss", "optimizer", "dtype")
SETTINGS_KEYS = ("l1", "l2", "dropout")  # which follow where they are not off,
EXTRA_KEYS = (*SETTINGS_KEYS, *ends.KEYS)  # as these do where there are any

# Of each rule that format 1 knew: the hyperparameters it had then, whatever it has had since.
FORMAT_1: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sigmoid", "tanh", "relu", "identity", "softmax"), ()),
    **dict.fromkeys(("mse", "cross_entropy", "binary_cross_entropy"), ()),
    "sgd": ("learning_rate", "momentum"),
    "adam": ("learning_rate", "beta1", "beta2", "epsilon"),
}

START = '{{"__metadata__":{{"cyprop":"{}","crc32":"'  # with the format, of one digit
AFTER_CRC = '","network":'
NO_DIGITS = b"00000000"  # stand for the CRC's own while it is made
DIGITS = slice(len(START.format(FORMAT)), len(START.format(FORMAT)) + 8)
BEFORE_TRAINING = ',"training":'
UP_TO_TRAINING = DIGITS.stop + len(AFTER_CRC) + MAX_DESCRIPTION
OPENING = UP_TO_TRAINING + len(BEFORE_TRAINING) + MAX_TRAINING  # holds all up to the notes
ANY_FORMAT = re.compile(r'\{"__metadata__":\{"cyprop":"([0-9]{1,9})"')
CRC = re.compile("[0-9a-f]{8}")

JSON = json.JSONDecoder()


class Tensor(NamedTuple):
    """Where an array of the network stands in the payload, in bytes."""

    name: str
    shape: tuple[int, ...]
    start: int
    end: int


class Description(NamedTuple):
    """What a header says of its network and training, and where in it the notes begin."""

    settings: Settings
    ends: Ends
    training: Training | None
    notes_start: int


def describe(
    settings: Settings, version: str, number: str = FORMAT, own_ends: Ends = NO_ENDS
) -> str:
    """What a network is made from, as JSON, in the format of that number."""
    write = _written_in_format_1 if number == "1" else _written
    *hidden, output = settings.activations
    entries = {
        "version": version,
        "sizes": settings.sizes,
        "activation": [write(rule) for rule in hidden],
        "output_activation": write(output),
        "loss": write(settings.loss),
        "optimizer": write(settings.optimizer),
        "dtype": settings.dtype.name,
        **settings.extras(),
        **ends.entries(own_ends),
    }
    return json.dumps(entries, separators=(",", ":"))


def tensors(settings: Settings) -> Iterator[Tensor]:
    """Of each layer the weights, then the biases, as they stand in the payload's beginning."""
    itemsize = settings.dtype.itemsize
    start = 0
    for layer, (n_in, n_out) in enumerate(pairwise(settings.sizes)):
        middle = start + n_in * n_out * itemsize
        end = middle + n_out * itemsize
        yield Tensor(f"{2 * layer}.weight", (n_out, n_in), start, middle)
        yield Tensor(f"{2 * layer}.bias", (n_out,), middle, end)
        start = end


def vectors(settings: Settings, own_ends: Ends, training: Training | None) -> Iterator[Vector]:
    """The arrays behind those of the layers, in the order in which they stand in the payload."""
    yield from ends.vectors(own_ends, settings)
    if training is not None:
        yield from training_state.vectors(training, settings)


def payload_size(settings: Settings, own_ends: Ends, training: Training | None) -> int:
    """How many bytes all tensors take."""
    size = settings.n_parameters * settings.dtype.itemsize
    return size + sum(v.n * SIZES[v.dtype] for v in vectors(settings, own_ends, training))


def make(
    settings: Settings,
    version: str,
    notes: dict[str, str],
    training: Training | None = None,
    own_ends: Ends = NO_ENDS,
) -> str:
    """The header, with zeros for the digits of the CRC.

    Raises
    ------
    ValueError
        If there are more layers, names or notes than a header has room for.
    """
    description = json.dumps(describe(settings, version, FORMAT, own_ends))
    if len(description) > MAX_DESCRIPTION:
        names = "" if own_ends.names == NO_NAMES else " and their names"
        raise ValueError(
            f"describing {len(settings.sizes) - 1} layers{names} takes {len(description)} bytes,"
            f" and a file has room for {MAX_DESCRIPTION}"
        )
    if _is_nested(description):
        raise ValueError(f"the layers and names have more than {MAX_NESTED} brackets together")
    pieces = [START.format(FORMAT), NO_DIGITS.decode(), AFTER_CRC, description]
    if training is not None:
        text = json.dumps(training_state.describe(training))
        if len(text) > MAX_TRAINING:
            raise ValueError(
                f"describing the training takes {len(text)} bytes, and a file has room for"
                f" {MAX_TRAINING}"
            )
        pieces += [BEFORE_TRAINING, text]
    pieces += [_note(key, value) for key, value in sorted(notes.items())]
    pieces += _after_notes(settings, own_ends, training)
    text = "".join(pieces)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"metadata makes a header of {len(text)} bytes, expected at most {MAX_HEADER}"
        )
    return text + _padding(len(text))


def read_description(opening: str) -> Description:
    """The network's settings, from the first `OPENING` characters of a header.

    Raises
    ------
    FormatError
        If neither `make`, nor that of the version of its format, would have written it.
    """
    found = ANY_FORMAT.match(opening)
    if not found:
        raise FormatError("it is not a network saved by cyprop")
    number = found[1]
    if number not in FORMATS:
        known = " and ".join(FORMATS)
        raise FormatError(f"it has format {number}, this version of cyprop reads formats {known}")
    if not (
        opening.startswith(START.format(number))
        and CRC.match(opening, DIGITS.start)
        and opening.startswith(AFTER_CRC, DIGITS.stop)
    ):
        raise FormatError("its metadata does not begin with a CRC and a description")
    text, end = _string(opening[:UP_TO_TRAINING], DIGITS.stop + len(AFTER_CRC))
    if _is_nested(text):
        raise FormatError(f"the description of the network has more than {MAX_NESTED} brackets")
    try:
        entries = JSON.decode(text)
    except (ValueError, RecursionError):
        raise FormatError("the description of the network is not JSON") from None
    settings, version = _checked_entries(entries)
    own_ends = ends.parse(entries, settings)
    if number == "1":
        _check_names_of_format_1(settings)
        later = [key for key in entries if key in EXTRA_KEYS]
        if later:
            raise FormatError(f"its format is 1, which has no {later[0]!r}")
    if describe(settings, version, number, own_ends) != text:
        raise FormatError("the description of the network is not written as save writes it")
    training = None
    if opening.startswith(BEFORE_TRAINING, end):
        text, end = _string(opening, end + len(BEFORE_TRAINING))
        training = training_state.parse(text, settings)
        if number == "1":
            raise FormatError("its format is 1, which has no training")
    return Description(settings, own_ends, training, end)


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
            raise FormatError(f"the note {key[:40]!r} is not Unicode text")
        if last is not None and key <= last:
            raise FormatError(f"the note {key[:40]!r} is out of order")
        yield key, value, end
        last, at = key, end


def check_tensors(text: str, at: int, description: Description) -> None:
    """Check the header from the end of the notes to its own end.

    Raises
    ------
    FormatError
        If `make` would have written anything else there.
    """
    for piece in _after_notes(*description[:3]):
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


def _is_nested(text: str) -> bool:
    """Whether a text has more brackets than a description may have, be they in names."""
    return text.count("[") + text.count("{") > MAX_NESTED


def _after_notes(settings: Settings, own_ends: Ends, training: Training | None) -> Iterator[str]:
    """The header from the end of the notes to its padding, in pieces."""
    yield "}"
    code = CODES[settings.dtype.name]
    end = 0
    for name, shape, start, end in tensors(settings):
        sizes = ",".join(map(str, shape))
        yield f',"{name}":{{"dtype":"{code}","shape":[{sizes}],"data_offsets":[{start},{end}]}}'
    for name, n, dtype in vectors(settings, own_ends, training):
        start, end = end, end + n * SIZES[dtype]
        yield (
            f',{json.dumps(name)}:{{"dtype":"{CODES[dtype]}","shape":[{n}],'
            f'"data_offsets":[{start},{end}]}}'
        )
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


def _written(rule: Rule) -> str | dict[str, Any]:
    """A rule with its hyperparameters; those that it got after format 1 only if they are set."""
    known = rule_named(rule._kind, rule.name, {}).hyperparameters
    first = FORMAT_1.get(rule.name, tuple(known))
    values = rule.hyperparameters
    return _with(rule, [key for key in known if key in first or values[key] != known[key]])


def _written_in_format_1(rule: Rule) -> str | dict[str, Any]:
    """A rule with no hyperparameters but those that it had in format 1."""
    return _with(rule, FORMAT_1[rule.name])


def _with(rule: Rule, keys: Sequence[str]) -> str | dict[str, Any]:
    """A rule as its name alone, or as its name and these hyperparameters."""
    if not keys:
        return rule.name
    return {"name": rule.name, "hyperparameters": {key: rule.hyperparameters[key] for key in keys}}


def _check_names_of_format_1(settings: Settings) -> None:
    for rule in (*settings.activations, settings.loss, settings.optimizer):
        if rule.name not in FORMAT_1:
            raise FormatError(f"its format is 1, which has no {rule.name!r}")


def _checked_entries(entries: Any) -> tuple[Settings, str]:
    """A parsed description as settings and a version."""
    _check_keys(entries)
    _check_types(entries)
    try:
        settings = Settings(
            entries["sizes"],
            [activation_of(_checked_rule(entry, "activation")) for entry in entries["activation"]],
            activation_of(_checked_rule(entries["output_activation"], "activation")),
            loss_of(_checked_rule(entries["loss"], "loss")),
            optimizer_of(_checked_rule(entries["optimizer"], "optimizer")),
            entries["dtype"],
            **{key: entries[key] for key in SETTINGS_KEYS if key in entries},
        )
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
    return settings, entries["version"]


def _check_keys(entries: Any) -> None:
    known = *KEYS, *EXTRA_KEYS
    unknown = [key for key in entries if key not in known] if is_dict(entries) else []
    if unknown:
        raise FormatError(
            f"the description of the network has the entry {unknown[0][:40]!r}, which this version"
            " of cyprop does not know"
        )
    if not is_dict(entries) or tuple(entries)[: len(KEYS)] != KEYS:
        raise FormatError(
            "the description of the network does not have, in this order, the keys"
            f" {', '.join(KEYS)}"
        )


def _check_types(entries: dict[str, Any]) -> None:
    """Check what is no rule; names and hyperparameters are left to rules and settings."""
    sizes = entries["sizes"]
    if not is_list(sizes) or len(sizes) < 2:
        raise FormatError("sizes is not a list of at least two numbers")
    if not all(type(size) is int and 1 <= size <= MAX_SIZE for size in sizes):
        raise FormatError("sizes has an entry that is not a whole number from 1 to 2**46")
    if not is_list(entries["activation"]):
        raise FormatError("activation is not a list of names")
    if not isinstance(entries["version"], str):
        raise FormatError("version is not a text")
    if not isinstance(entries["dtype"], str) or entries["dtype"] not in DTYPES:
        raise FormatError(f"dtype is not one of {', '.join(DTYPES)}")
    rates = entries.get("dropout", [])
    if not is_list(rates) or not all(
        type(number) is float
        for number in (*rates, *(entries.get(key, 0.0) for key in ("l1", "l2")))
    ):
        raise FormatError("l1, l2 or dropout is not made of decimal numbers")


def _checked_rule(entry: Any, kind: str) -> Rule:
    """The rule that an entry of the description stands for."""
    if isinstance(entry, str):
        return rule_named(kind, entry, {})
    if not is_dict(entry) or tuple(entry) != ("name", "hyperparameters"):
        raise FormatError(f"{kind} is not a name, or a name and hyperparameters")
    name, values = entry["name"], entry["hyperparameters"]
    if not isinstance(name, str) or not is_dict(values):
        raise FormatError(f"{kind} is not a name, or a name and hyperparameters")
    if not all(type(value) in (float, bool) for value in values.values()):
        raise FormatError(f"{kind} has a hyperparameter that is no decimal number")
    return rule_named(kind, name, values)
