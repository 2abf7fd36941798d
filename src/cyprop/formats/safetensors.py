"""Networks as files: safetensors, in the layout of the matching PyTorch ``nn.Sequential``.

A file is the length of its header (8 bytes, little-endian), the header, and the payload: the
parameters, little-endian, without gaps. The header is JSON in ASCII without blanks, padded with
fewer than 8 spaces to a multiple of 8 bytes::

    {"__metadata__":{"cyprop":"2","crc32":"89abcdef","network":"{…}","note:author":"Ada"},
     "0.weight":{"dtype":"F32","shape":[30,784],"data_offsets":[0,94080]},
     "0.bias":{"dtype":"F32","shape":[30],"data_offsets":[94080,94200]},"2.weight":…}

- ``cyprop``: the number of the format. `save` writes format 2, `load` reads 1 and 2; any other is
  refused.
- ``crc32``: 8 hexadecimal digits, of the header with 00000000 in this place and the payload.
- ``network``: the description, JSON again: ``version`` (of the cyprop that wrote it) and what
  `Network` takes but for the seed, ``sizes``, ``activation`` (a list, of the hidden layers),
  ``output_activation``, ``loss``, ``optimizer`` and ``dtype``, in this order. An activation, a loss
  or an optimizer is its name, or {"name": …, "hyperparameters": {…}} with all that it has, as
  decimal numbers, or true and false for a switch.
- ``training``: where `save` was asked for it, what a training needs to go on (training_state.py).
- ``note:KEY``: the user's notes, in ascending order of KEY.

The penalties ``l1`` and ``l2``, numbers, and ``dropout``, a list of one for each hidden layer, come
after ``dtype`` where they are not off, and then maps, names and labels where there are any
(ends.py). The order of such entries is fixed once and for all, and each is left out where it is at
its default; so is a hyperparameter that a rule gets later. Files of networks that do without stay
the same, byte for byte, and older versions read them. Arrays that an entry needs are tensors whose
names begin with ``cyprop.``, after those of the layers. A version that does not know an entry
refuses the file with a sentence that names it. Only a change that older versions would misread
takes a new number.

Format 1 is that of version 0.1. It differs in its number alone, since all rules of that time are
written in the same way. A rule that came later does not stand in it.

Layer l is ``2l.weight``, of shape (n_out, n_in), and ``2l.bias``: in an ``nn.Sequential`` each
activation takes an index too ("identity" is ``nn.Identity``). Parameters keep their bits, whatever
they are, also NaN, infinity and -0.0: a file tells what the network is, not whether it is good.

The same network and notes give the same bytes. That is why safetensors_header.py makes the header:
the safetensors package writes metadata in random order. `load` makes the header anew from what
describes the network and compares, so that it accepts nothing but what `save` writes, or wrote in
format 1. It opens the file once, and so reads one version of it, whatever is renamed to its path
meanwhile. It checks the file's size before it reads the payload, and the CRC before it makes the
network, then once more while it reads the parameters into that, a piece at a time. Only the
description is parsed as nested JSON, and its length is bounded. So `load` needs little more memory
than the network.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import safetensors

from cyprop.checks.numbers import is_dict, shown
from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.formats import atomic, ends, kept, training_state
from cyprop.formats import safetensors_header as header
from cyprop.formats.reading import opened
from cyprop.version import __version__

N = TypeVar("N", bound=Engine)

PIECE = 1 << 18  # bytes of the payload at a time

__all__ = ["FormatError", "load", "read_metadata", "save"]


def save(
    network: Engine,
    path: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
    training: bool = False,
) -> None:
    """Write a network to a file, which is replaced whole or not at all.

    Parameters
    ----------
    network : Network
    path : path
        As `Network.save` says.
    metadata : dict of str to str, optional
        Notes of the user, which `read_metadata` gives back.
    training : bool, default False
        Whether what learning needs to go on is kept too.

    Raises
    ------
    TypeError
        If path is not a path of str, metadata not a dict of str to str, or training not a bool.
    ValueError
        If no file can be called so, metadata has lone surrogates, it or the number of layers is
        too large for a header, or the random generator is not NumPy's PCG64.
    OSError
        If the file cannot be written.

    Notes
    -----
    Thread-safety: any number of threads at once; each sees the weights of a complete update.
    """
    target = atomic.checked_path(path)
    notes = _checked_notes({} if metadata is None else metadata)
    if not isinstance(training, bool):
        raise TypeError(f"training is {shown(training)}, expected True or False")
    if training:
        write(network, target, kept.snapshot(network), notes)
        return
    write(network, target, kept.snapshot_without_training(network), notes)


def write(network: Engine, path: str, snapshot: kept.Snapshot, notes: dict[str, str]) -> None:
    """Write what was a network at one time to a file, whose path has been checked."""
    settings = snapshot.settings
    text = bytearray(
        header.make(settings, __version__, notes, snapshot.training, snapshot.ends), "ascii"
    )
    columns = [np.asarray(column, "<f8").tobytes() for column in snapshot.columns]

    def payload() -> Iterator[bytes]:
        """Made twice rather than kept, since it is as large as all that is saved."""
        little = settings.dtype.newbyteorder("<")
        parameters, *others = snapshot.vectors
        arrays = chain(
            _arrays(*memory.views(network, parameters)),
            snapshot.map_arrays,
            *(_arrays(*memory.views(network, vector)) for vector in others),
        )
        for array in arrays:
            yield array.astype(little, copy=False).tobytes()
        yield from columns

    text[header.DIGITS] = _digits(_header_crc(text), payload())
    atomic.write(path, chain([len(text).to_bytes(8, "little"), bytes(text)], payload()))


def load(cls: type[N], path: str | os.PathLike[str]) -> N:
    """Read a network that `save` has written.

    Parameters
    ----------
    cls : type
        Network or a subclass, whose own constructor is not called.
    path : path

    Returns
    -------
    Network
        Equal to the one saved, of the class `cls`. Where the training was saved too, learning goes
        on as it would have; else the optimizer's state starts afresh.

    Raises
    ------
    FormatError
        If the file is anything else; one sentence says what is wrong.
    TypeError, ValueError
        If path is not a path of str, or no file can be called so.
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    return _load(cls, path, None)[0]


def load_snapshot(cls: type[N], path: str | os.PathLike[str]) -> tuple[N, kept.Snapshot]:
    """What `load` gives, and what the file has of a training, if it has one.

    Thread-safety: any number of threads at once.
    """
    return _load(cls, path, None)


def load_with_metadata(cls: type[N], path: str | os.PathLike[str]) -> tuple[N, dict[str, str]]:
    """What `load` and `read_metadata` give, of one version of a file that others replace.

    Thread-safety: any number of threads at once.
    """
    notes: dict[str, str] = {}
    return _load(cls, path, notes)[0], notes


def _load(
    cls: type[N], path: str | os.PathLike[str], notes: dict[str, str] | None
) -> tuple[N, kept.Snapshot]:
    """The network, and its notes too where there is a dict to add them to."""
    with opened(path) as file:
        description, crc, digits = _read_header(file, notes)
        try:
            network = memory.make(cls, description.settings)
            snapshot = kept.blank(network, description.training, description.ends)
        except ValueError as error:
            raise FormatError(str(error)) from None
        if _digits(crc, _fill(network, file, snapshot)) != digits:
            raise FormatError("it changed while it was read")
        try:
            kept.restore(network, snapshot)
        except (TypeError, ValueError) as error:
            raise FormatError(str(error)) from None
    return network, snapshot


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the notes that `save` was given as metadata.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to str
        Empty if there were none.

    Raises
    ------
    FormatError
        If the file is damaged, or not written by `save`; one sentence says what is wrong.
    TypeError, ValueError
        If path is not a path of str, or no file can be called so.
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    notes: dict[str, str] = {}
    with opened(path) as file:
        _read_header(file, notes)
    return notes


def _checked_notes(metadata: Any) -> dict[str, str]:
    if not is_dict(metadata):
        raise TypeError(f"metadata is {metadata!r}, expected a dict of str to str")
    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise TypeError(f"metadata has the entry {key!r}: {value!r}, expected a str for a str")
        if not (header.is_unicode(key) and header.is_unicode(value)):
            raise ValueError(
                f"metadata has the entry {key!r}: {value!r}, which is not Unicode text"
            )
    return metadata


def _arrays(
    weights: Iterable[npt.NDArray[Any]], biases: Iterable[npt.NDArray[Any]]
) -> Iterator[npt.NDArray[Any]]:
    """Views of the parameters, in the order and shapes of ``header.tensors``."""
    for W, b in zip(weights, biases, strict=True):
        yield W.T
        yield b


def _header_crc(text: bytes | bytearray) -> int:
    """The CRC of a header, whatever digits are in it now."""
    whole = memoryview(text)
    crc = zlib.crc32(whole[: header.DIGITS.start])
    crc = zlib.crc32(header.NO_DIGITS, crc)
    return zlib.crc32(whole[header.DIGITS.stop :], crc)


def _digits(crc: int, payload: Iterable[bytes | memoryview]) -> bytes:
    """The digits that go into a header of that CRC in front of that payload."""
    for piece in payload:
        crc = zlib.crc32(piece, crc)
    return b"%08x" % crc


def _read_header(
    file: BinaryIO, notes: dict[str, str] | None = None
) -> tuple[header.Description, int, bytes]:
    """What the header says, its CRC, and the digits of the file's.

    The notes are added to those given. All that can be checked without the network has been.
    """
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise FormatError("it is not a safetensors file: it is empty")
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > min(size - 8, header.MAX_HEADER):
        raise FormatError("it is not a safetensors file, or was cut short")
    opening = _ascii(file.read(min(length, header.OPENING)))
    description = header.read_description(opening)
    end = description.notes_start
    expected = 8 + length + header.payload_size(*description[:3])
    if size != expected:
        raise FormatError(f"it has {size} bytes, expected {expected}")
    file.seek(8)
    text = file.read(length)
    crc, digits = _header_crc(text), text[header.DIGITS]
    if _digits(crc, iter(lambda: file.read(PIECE), b"")) != digits:
        raise FormatError("its CRC is wrong, so it is damaged")
    whole = _ascii(text)
    del text  # notes may be long
    for note in header.read_notes(whole, end):
        key, value, end = note
        if notes is not None:
            notes[key] = value
    header.check_tensors(whole, end, description)
    return description, crc, digits


def _fill(network: Engine, file: BinaryIO, snapshot: kept.Snapshot) -> Iterator[memoryview]:
    """Read all tensors, a piece at a time; the bytes of each are given out too."""
    settings, training = snapshot.settings, snapshot.training
    opened: Any = safetensors.safe_open  # it has no types
    try:
        with opened(_path_of(file), framework="numpy") as tensors:
            arrays = _arrays(*memory.arrays(network))
            for tensor, array in zip(header.tensors(settings), arrays, strict=True):
                part = tensors.get_slice(tensor.name)
                for place in _pieces(array.shape, PIECE // array.itemsize):
                    array[place] = part[place]
                    yield _bytes_of(array[place])
            names = ends.vectors(snapshot.ends, settings)
            for vector, array in zip(names, snapshot.map_arrays, strict=True):
                array[:] = tensors.get_slice(vector.name)[:]
                yield _bytes_of(array)
            if training is None:
                return
            columns = iter(snapshot.columns)
            own_vectors = iter(snapshot.vectors)
            for vector in training_state.vectors(training, settings):
                part = tensors.get_slice(vector.name)
                if vector.name.startswith("cyprop.history."):
                    column = next(columns)
                    column[:] = part[:].tolist()
                    yield _bytes_of(np.array(column, np.float64))
                    continue
                start = 0
                for array in _arrays(*memory.views(network, next(own_vectors))):
                    array[...] = part[start : start + array.size].reshape(array.shape)
                    yield _bytes_of(array)
                    start += array.size
    except safetensors.SafetensorError:
        return  # which the CRC tells


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """Its numbers, little-endian and without gaps."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data.cast("B")


def _path_of(file: BinaryIO) -> str:
    """A path to the file that is open, though another may have taken its place meanwhile.

    Where there is no such path, on Windows, a file that is open cannot be replaced.
    """
    descriptor = f"/dev/fd/{file.fileno()}"
    return descriptor if os.path.exists(descriptor) else os.fspath(file.name)


def _pieces(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut an array into pieces of at most that many elements, in the order they lie in."""
    if len(shape) == 1:
        for start in range(0, shape[0], most):
            yield (slice(start, min(start + most, shape[0])),)
        return
    n_rows, n_columns = shape
    some = max(1, most // n_columns)
    for row in range(0, n_rows, some):
        for columns in _pieces((n_columns,), most):
            yield slice(row, min(row + some, n_rows)), *columns


def _ascii(text: bytes) -> str:
    try:
        return str(text, "ascii")
    except UnicodeDecodeError:
        raise FormatError("its header is not ASCII") from None
