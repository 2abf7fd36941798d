"""Networks from files of any kind, which is told by what is in them, whatever they are called."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

from cyprop.checks.numbers import shown
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.formats import atomic, reading

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.formats.chain import Chain
    from cyprop.formats.pytorch.state_dict import AnyActivation
    from cyprop.rules import Activation, ActivationName, Loss, LossName

N = TypeVar("N", bound=Engine)

START = 64  # bytes that tell a kind, but for what a zip file holds
ZIP, HDF5 = (b"PK\x03\x04", b"PK\x05\x06"), b"\x89HDF\r\n\x1a\n"  # of the zips one is empty
PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))

KNOWN = (
    "safetensors of cyprop or PyTorch, a state_dict of PyTorch (.pt), ONNX, Keras (.keras, .h5), or"
    " a policy of stable-baselines3 (.zip)"
)


class Kind(NamedTuple):
    """A format: how messages name it, which options it takes, and what reads it."""

    name: str
    options: tuple[str, ...]
    read: Callable[..., Chain] | None = None  # None for cyprop's own


OF_A_STATE_DICT = ("activation", "output_activation", "layers")
OF_A_CHAIN = ("loss", "dtype")


def load(
    cls: type[N],
    path: str | os.PathLike[str],
    *,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
    output: str | None = None,
    loss: LossName | Loss | None = None,
    dtype: npt.DTypeLike | None = None,
) -> N:
    """Read a network that cyprop or another library has written.

    Parameters
    ----------
    cls : type
        Network or a subclass, whose own constructor is not called.
    path, activation, output_activation, layers, output, loss, dtype
        As of `cyprop.load`, which says what they may be.

    Returns
    -------
    Network

    Raises
    ------
    FormatError, TypeError, ValueError, ImportError, OSError
        As of `cyprop.load`.

    Notes
    -----
    No file is executed, unpickled, or unpacked to a disk.
    Thread-safety: any number of threads at once.
    """
    chain = read(
        path,
        activation=activation,
        output_activation=output_activation,
        layers=layers,
        output=output,
        loss=loss,
        dtype=dtype,
    )[1]
    if chain is not None:
        return made(cls, path, chain, loss, dtype)
    from cyprop.formats import safetensors

    return safetensors.load(cls, path)


def read(path: str | os.PathLike[str], **options: Any) -> tuple[Kind, Chain | None]:
    """What kind of file it is, and the chain in it; None in one of cyprop, which is not read yet.

    Options are those of `load`, None where they are not given, and so is what is raised.
    """
    given = {name: value for name, value in options.items() if value is not None}
    with reading.opened(path) as file:
        kind = kind_of(file, os.path.dirname(atomic.checked_path(path)))
        known = options_of(kind)
        for name, value in given.items():
            if name not in known:
                takes = ", ".join(known) or "no options"
                raise ValueError(f"{name} is {shown(value)}, and {kind.name} takes {takes}")
        if kind.read is None:
            return kind, None
        file.seek(0)
        chosen = {name: given[name] for name in kind.options if name in given}
        return kind, kind.read(file, **chosen)


def made(
    cls: type[N],
    path: str | os.PathLike[str],
    chain: Chain,
    loss: LossName | Loss | None,
    dtype: npt.DTypeLike | None,
) -> N:
    """The network of a chain that is in a file, whose name goes into a FormatError."""
    try:
        return chain.network(cls, loss=loss, dtype=dtype)
    except FormatError as error:
        raise FormatError(f"cannot load {os.fspath(path)!r}: {error}") from None


def kind_of(file: BinaryIO, folder: str | None) -> Kind:
    """What kind of file it is, by its content.

    Parameters
    ----------
    file : binary file
        It can be sought in.
    folder : str or None
        Where the external data of an ONNX file is; None if it may have none.

    Raises
    ------
    FormatError
        If it is none of the known kinds.
    """
    size = reading.size_of(file)
    start = file.read(START)
    if not size:
        raise FormatError("it is empty")
    if start[8:9] == b"{":  # or there is no need of its reader
        from cyprop.formats.pytorch import safetensors as torch_safetensors

        if torch_safetensors.begins_like_one(start, size):
            if torch_safetensors.is_own(file):
                return Kind("a file of cyprop", ())
            return Kind("a safetensors file", OF_A_STATE_DICT, torch_safetensors.read)
    if start.startswith(ZIP):
        return _in_a_zip(file)
    if start.startswith(HDF5):
        return _keras()
    if start.startswith(PICKLES):
        return _pickled(file)
    from cyprop.formats.onnx import reader as onnx

    if onnx.is_onnx(start):
        return Kind("an ONNX file", ("output",), partial(onnx.read_opened, folder=folder))
    raise FormatError(f"it is of no known kind, expected {KNOWN}")


def _in_a_zip(file: BinaryIO) -> Kind:
    from cyprop.formats.pytorch import archive as pytorch
    from cyprop.formats.pytorch import sb3
    from cyprop.formats.zip_members import Archive

    names = Archive(file).names
    if sb3.POLICY in names:
        return Kind("a policy of stable-baselines3", (*OF_A_STATE_DICT, "output"), sb3.read)
    if "config.json" in names:
        return _keras()
    if any(name.endswith("/data.pkl") for name in names):
        return Kind("a state_dict of PyTorch", OF_A_STATE_DICT, pytorch.read)
    held = ", ".join(repr(name[:40]) for name in names[:3])
    raise FormatError(f"it is a zip file of {held or 'nothing'}, expected {KNOWN}")


def _keras() -> Kind:
    from cyprop.formats.keras import files as keras

    return Kind("a file of Keras", ("output",), keras.read)


def _pickled(file: BinaryIO) -> Kind:
    """A state_dict in the older format, which its own reader refuses; others are refused here."""
    from cyprop.formats.pytorch import archive as pytorch

    file.seek(0)
    if file.read(len(pytorch.BEFORE_1_6)) == pytorch.BEFORE_1_6:
        return Kind("a state_dict of PyTorch", OF_A_STATE_DICT, pytorch.read)
    raise FormatError(
        "it is a pickle, which is code and never unpickled here; cyprop.from_sklearn,"
        " cyprop.from_torch and cyprop.from_keras take the object itself"
    )


def options_of(kind: Kind) -> tuple[str, ...]:
    """The options that a kind of file takes, for those who show them."""
    return (*kind.options, *(OF_A_CHAIN if kind.read is not None else ()))
