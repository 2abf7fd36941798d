"""Safetensors files of PyTorch: tensors by name, without the metadata that cyprop writes.

A file with the key of cyprop in its metadata is never read here: safetensors.py reads it by its own
rules, or refuses it. The header is JSON, and looked at as the safetensors package does: tensors
follow each other without gaps, and fill the file. That package reads numbers that NumPy has no
dtype for with PyTorch alone, and keeps several times the header.

Such files have no order of their own, since that package sorts tensors, so names are put in natural
order: 2 before 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.formats.bfloat16 import from_bfloat16
from cyprop.formats.bounded_json import parsed
from cyprop.formats.chain import Chain
from cyprop.formats.pytorch.state_dict import AnyActivation, chain_of
from cyprop.formats.reading import size_of
from cyprop.rules import Activation, ActivationName

Array = npt.NDArray[Any]

OWN_KEY = "cyprop"
METADATA = "__metadata__"
MOST_TENSORS = 4096
WEIGHTS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
}
# Bytes of the others, which no layer may have, but which may stand beside it.
SIZES = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class Entry(NamedTuple):
    """What the header says of one tensor; places are in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def begins_like_one(start: bytes, size: int) -> bool:
    """Whether a file of so many bytes, which begins so, may be a safetensors file."""
    return (
        len(start) > 8 and 2 <= int.from_bytes(start[:8], "little") <= size - 8 and start[8] == 0x7B
    )


def is_own(file: BinaryIO) -> bool:
    """Whether the metadata of a safetensors file has the key of cyprop, however damaged it is."""
    size = size_of(file)
    header = file.read(8 + min(size, 1 << 16))[8:]
    # A file of cyprop begins so; of one that was made by others the whole header is parsed.
    if header.startswith(b'{"__metadata__":{"cyprop"'):
        return True
    try:
        return OWN_KEY in _metadata(_header(file)[0])
    except FormatError:
        return False


def read(
    file: BinaryIO,
    *,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
) -> Chain:
    """The network of a state_dict in a safetensors file.

    Parameters
    ----------
    file : binary file
        It can be sought in.
    activation, output_activation, layers
        As of `state_dict.chain_of`.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        If the file is not a state_dict of a chain of linear layers, or is of cyprop.
    TypeError, ValueError
        If an argument is missing or not one of the above.

    Notes
    -----
    Thread-safety: any number of threads, each with a file of its own.
    """
    tensors = Tensors(file)
    return chain_of(
        tensors, activation=activation, output_activation=output_activation, layers=layers
    )


class Tensors:
    """The tensors of a safetensors file by name, in natural order, read when they are asked for."""

    def __init__(self, file: BinaryIO) -> None:
        header, start, size = _header(file)
        if OWN_KEY in _metadata(header):
            raise FormatError("its metadata has the key 'cyprop', expected a file of PyTorch")
        self._file = file
        names = sorted((name for name in header if name != METADATA), key=_natural)
        if len(names) > MOST_TENSORS:
            raise FormatError(f"it has {len(names)} tensors, expected at most {MOST_TENSORS}")
        self._entries = {name: _entry(name, header[name], start) for name in names}
        _check_that_they_fill(self._entries, start, size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __getitem__(self, name: str) -> Array:
        """A read-only array in native byte order; bfloat16 as float32."""
        entry = self._entries[name]
        if entry.dtype not in WEIGHTS:
            known = ", ".join(WEIGHTS)
            raise FormatError(f"its {name[:200]!r} is of {entry.dtype}, expected one of {known}")
        self._file.seek(entry.start)
        text = self._file.read(entry.end - entry.start)
        if len(text) != entry.end - entry.start:
            raise FormatError("it changed while it was read")
        dtype = WEIGHTS[entry.dtype]
        found = np.frombuffer(text, dtype).astype(dtype.newbyteorder("="), copy=False)
        found = found.reshape(entry.shape)
        return from_bfloat16(found) if entry.dtype == "BF16" else found

    def shape(self, name: str) -> tuple[int, ...]:
        """What the header says, before the tensor is read."""
        return self._entries[name].shape


def _header(file: BinaryIO) -> tuple[dict[Any, Any], int, int]:
    """The header, where it ends, and how many bytes the file has."""
    size = size_of(file)
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > size - 8:
        raise FormatError("it is not a safetensors file, or was cut short")
    header = parsed(file.read(length), size, "its header")
    if not is_dict(header):
        raise FormatError("its header is not a JSON object")
    return header, 8 + length, size


def _metadata(header: dict[Any, Any]) -> dict[Any, Any]:
    found = header.get(METADATA, {})
    if not is_dict(found):
        raise FormatError("its metadata is not a JSON object")
    if not all(isinstance(value, str) for value in found.values()):
        raise FormatError("its metadata has values that are no texts")
    return found


def _entry(name: str, said: Any, start: int) -> Entry:
    """One tensor; its bytes are as many as its shape and dtype say."""
    if is_dict(said) and said.keys() == {"dtype", "shape", "data_offsets"}:
        dtype, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
        if isinstance(dtype, str) and _are_sizes(shape) and _are_sizes(offsets):
            if dtype not in WEIGHTS and dtype not in SIZES:
                known = ", ".join(WEIGHTS)
                raise FormatError(
                    f"its {name[:200]!r} is of {dtype[:40]!r}, expected one of {known}"
                )
            n_bytes = prod(shape) * (WEIGHTS[dtype].itemsize if dtype in WEIGHTS else SIZES[dtype])
            if len(offsets) == 2 and offsets[1] - offsets[0] == n_bytes:
                return Entry(dtype, tuple(shape), start + offsets[0], start + offsets[1])
    raise FormatError(f"its header does not say where {name[:200]!r} is")


def _are_sizes(value: Any) -> bool:
    return (
        is_list(value)
        and len(value) <= 8
        and all(type(entry) is int and 0 <= entry < 1 << 48 for entry in value)
    )


def _check_that_they_fill(entries: dict[str, Entry], start: int, size: int) -> None:
    """FormatError unless tensors follow each other without gaps, to the end of the file."""
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.end)):
        if entry.start != start:
            raise FormatError("its tensors overlap, or there are gaps between them")
        start = entry.end
    if start != size:
        raise FormatError(f"its tensors end at byte {start}, and the file has {size}")


def _natural(name: str) -> list[tuple[int, int, str]]:
    """What sorts names so that numbers in them count as numbers."""
    parts = re.split(r"(\d+)", name)
    return [
        (1, len(digits := part.lstrip("0")), digits) if at % 2 else (0, 0, part)
        for at, part in enumerate(parts)
    ]
