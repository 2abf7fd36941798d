"""PyTorch's files of a state_dict, ``.pt`` and ``.pth``: no PyTorch, and no unpickling.

``torch.save`` writes a zip file whose members are stored: ``NAME/data.pkl``, which
pickle_machine.py reads, ``NAME/data/KEY`` with the numbers of one storage each, and
``NAME/byteorder``. A tensor is a view of a storage; its offset, shape and stride are compared with
what the storage has before there is an array. Storages that no layer needs, such as an optimizer's,
are not read. state_dict.py makes a network of the arrays.

The format of before PyTorch 1.6, a row of pickles, is refused with a sentence, and so are
TorchScript archives, which hold code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import is_dict
from cyprop.errors import FormatError
from cyprop.formats.bfloat16 import from_bfloat16
from cyprop.formats.chain import Chain
from cyprop.formats.pytorch import pickle_machine
from cyprop.formats.pytorch.pickle_machine import Storage, Tensor
from cyprop.formats.pytorch.state_dict import AnyActivation, chain_of
from cyprop.formats.reading import size_of
from cyprop.formats.zip_members import Archive
from cyprop.rules import Activation, ActivationName

Array = npt.NDArray[Any]

# How a pickle of the older format begins: with a number that tells it from others.
BEFORE_1_6 = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# Where a dict that holds more has the state_dict.
HELD_AS = ("state_dict", "model_state_dict", "model")
ROOM = 1 << 19  # bytes that the objects of a pickle may take beyond the size of the file
WEIGHTS: dict[str, np.dtype[Any]] = {
    "torch.FloatStorage": np.dtype(np.float32),
    "torch.DoubleStorage": np.dtype(np.float64),
    "torch.HalfStorage": np.dtype(np.float16),
    "torch.BFloat16Storage": np.dtype(np.uint16),  # the upper half of a float32
}
BFLOAT16 = "torch.BFloat16Storage"


def read(
    file: BinaryIO,
    *,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
) -> Chain:
    """The network of a state_dict in a file.

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
        If the file is not a state_dict of a chain of linear layers.
    TypeError, ValueError
        If an argument is missing or not one of the above.

    Notes
    -----
    The chain, and what is read on the way to it, takes no more than the file and 1 MiB, and twice
    as much for the layers that are in half precision.
    Thread-safety: any number of threads, each with a file of its own.
    """
    tensors = StateDict(file)
    return chain_of(
        tensors, activation=activation, output_activation=output_activation, layers=layers
    )


class StateDict(Mapping[str, Array]):
    """The tensors of a file by name, in its order, read when they are asked for.

    Parameters
    ----------
    file : binary file

    Raises
    ------
    FormatError
        If it is not what ``torch.save`` writes for a state_dict. Of a single tensor when it is
        asked for.
    """

    def __init__(self, file: BinaryIO) -> None:
        size = size_of(file)
        if file.read(len(BEFORE_1_6)) == BEFORE_1_6:
            raise FormatError(
                "it is in the format of before PyTorch 1.6, expected a zip file: save it again with"
                " PyTorch, torch.save(torch.load(path, weights_only=True), path)"
            )
        self._archive = Archive(file)
        self._folder = _folder(self._archive)
        self._order: Literal["<", ">"] = _byte_order(self._archive, self._folder)
        text = self._archive.read(f"{self._folder}data.pkl")
        self._tensors = _state_dict(pickle_machine.run(text, size + ROOM))
        self._storages: dict[str, Array] = {}
        self._room = size  # bytes that all arrays given out may have together

    def __len__(self) -> int:
        return len(self._tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __getitem__(self, name: str) -> Array:
        """A read-only array in native byte order; bfloat16 as float32."""
        tensor = self._tensors[name]
        if tensor.storage.kind not in WEIGHTS:
            raise FormatError(
                f"its {name!r} is of a {tensor.storage.kind}, expected numbers of float, double,"
                " half or bfloat16"
            )
        self._check(name, tensor)
        numbers = self._storage(tensor.storage)
        view = np.lib.stride_tricks.as_strided(
            numbers[tensor.offset :],
            tensor.shape,
            # The step of a dimension of one is never made, and may be anything.
            tuple(
                step * numbers.itemsize if size > 1 else 0
                for size, step in zip(tensor.shape, tensor.stride, strict=True)
            ),
            writeable=False,
        )
        return from_bfloat16(view) if tensor.storage.kind == BFLOAT16 else view

    def shape(self, name: str) -> tuple[int, ...]:
        """What a tensor says of itself, before it is read."""
        return self._tensors[name].shape

    def _check(self, name: str, tensor: Tensor) -> None:
        """Refuse a view that leaves its storage or is larger, and all that exceed the file."""
        n, last = 1, tensor.offset
        for size, step in zip(tensor.shape, tensor.stride, strict=True):
            n *= size
            last += (size - 1) * step
        if n == 0 or n > tensor.storage.n or last >= tensor.storage.n:
            raise FormatError(
                f"its {name!r} is not inside its storage: shape {tensor.shape}, stride"
                f" {tensor.stride}, offset {tensor.offset}, in {tensor.storage.n} numbers"
            )
        self._room -= n * WEIGHTS[tensor.storage.kind].itemsize
        if self._room < 0:
            raise FormatError("its tensors share storages, and are together larger than the file")

    def _storage(self, storage: Storage) -> Array:
        """The numbers of a storage, which is read once."""
        found = self._storages.get(storage.key)
        dtype = WEIGHTS[storage.kind]
        if found is None:
            member = f"{self._folder}data/{storage.key}"
            text = self._archive.read(member)
            if len(text) != storage.n * dtype.itemsize:
                raise FormatError(
                    f"its {member!r} has {len(text)} bytes, expected {storage.n} numbers of"
                    f" {dtype.itemsize} bytes"
                )
            found = np.frombuffer(text, dtype.newbyteorder(self._order)).astype(dtype, copy=False)
            self._storages[storage.key] = found
        if found.dtype != dtype or len(found) != storage.n:
            raise FormatError(f"its storage {storage.key!r} is of two kinds")
        return found


def _folder(archive: Archive) -> str:
    """What stands in front of ``data.pkl``: the name of the archive and a slash."""
    found = [name for name in archive.names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(found) != 1:
        raise FormatError("it is a zip file without one NAME/data.pkl, expected one of torch.save")
    folder = found[0].removesuffix("data.pkl")
    if any(name.startswith(f"{folder}code/") for name in archive.names):
        raise FormatError(
            "it is a TorchScript archive, which holds code; expected a state_dict, as"
            " torch.save(model.state_dict(), path) writes it"
        )
    return folder


def _byte_order(archive: Archive, folder: str) -> Literal["<", ">"]:
    member = f"{folder}byteorder"
    if member not in archive:
        return "<"  # of before PyTorch 2.1, by processors that nearly all are little-endian
    found = archive.read(member, most=16)
    if found == b"little":
        return "<"
    if found == b"big":
        return ">"
    raise FormatError(f"its byteorder is {found!r}, expected b'little' or b'big'")


def _state_dict(found: Any) -> dict[str, Tensor]:
    """The tensors by name: of the dict itself, or of the one that it holds."""
    if is_dict(found) and not any(isinstance(value, Tensor) for value in found.values()):
        held = [key for key in HELD_AS if is_dict(found.get(key))]
        if len(held) > 1:
            raise FormatError(f"it holds several state_dicts: {', '.join(held)}; expected one")
        found = found[held[0]] if held else found
    if not is_dict(found) or not found:
        raise FormatError(
            "it does not hold a state_dict, expected one, or a dict with one as"
            f" {', '.join(map(repr, HELD_AS))}"
        )
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise FormatError(
                f"its entry {str(name)[:80]!r} is a {type(value).__name__}, expected tensors alone"
            )
    return found
