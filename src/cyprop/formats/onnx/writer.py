"""Writes a network as an ONNX file: Gemm and activations, in operators of opset 17.

`input` and `output` are matrices (batch, n_in) and (batch, n_out) of the network's dtype; `batch`
is open. Parameters keep their bits. An activation is one operator where opset 17 has it and ONNX
Runtime computes it in that dtype; written.py spells the others. Maps are Sub and Mul, in
float64. Names of columns and class labels, which ONNX has no place for, are JSON in the metadata of
the model, under names that begin with ``cyprop.``.

Source: onnx/onnx.proto and docs/Operators.md of ONNX 1.16.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import Map
from cyprop.engine import maps, memory
from cyprop.formats import atomic
from cyprop.formats.onnx import written
from cyprop.formats.onnx.protobuf import bytes_field, message, number_field, opening
from cyprop.formats.onnx.written import TYPES, Pieces
from cyprop.rules import Activation
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop.engine.engine import Engine

Array = npt.NDArray[Any]

IR_VERSION = 8  # the one of opset 17
OPSET = 17
MOST_BYTES = (1 << 31) - 1  # of a message of Protocol Buffers
BATCH = "batch"


class Around(NamedTuple):
    """What stands in front of a network and behind it, and what its columns are called."""

    inputs: Map | None = None
    outputs: Map | None = None
    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | None = None
    labels: Sequence[Any] | None = None


def to_onnx(network: Engine, path: str | os.PathLike[str]) -> None:
    """Write a network as an ONNX file, which is replaced whole or not at all.

    Parameters
    ----------
    network : Network
    path : path

    Raises
    ------
    TypeError
        If path is not a path of str.
    ValueError
        If no file can be called so, or the network takes more than 2 GiB.
    OSError
        If the file cannot be written.

    Notes
    -----
    Thread-safety: any number of threads at once; each sees the weights of a complete update.
    """
    target = atomic.checked_path(path)
    settings = memory.settings_of(network)
    size = settings.n_parameters * settings.dtype.itemsize
    if size > MOST_BYTES - (1 << 20):
        raise ValueError(f"the network has {size} bytes of weights, and ONNX takes less than 2 GiB")
    parameters = memory.empty_like_parameters(network)
    found, _ = maps.with_maps(network, lambda network: memory.read_parameters(network, parameters))
    names = maps.names_of(network)
    around = Around(found.inputs, found.outputs, names.inputs, names.outputs, names.labels)
    layers = zip(*memory.views(network, parameters), settings.activations, strict=True)
    atomic.write(target, model(layers, settings.sizes, settings.dtype, around))


def model(
    layers: Iterable[tuple[Array, Array, Activation]],
    sizes: Sequence[int],
    dtype: np.dtype[Any],
    around: Around,
) -> list[bytes]:
    """The bytes of the file, in pieces."""
    pieces = Pieces(dtype.name)
    at = _mapped(pieces, "input", around.inputs, "scaled_input", dtype)
    layers = list(layers)
    for number, (W, b, rule) in enumerate(layers, start=1):
        ends = number == len(layers) and around.outputs is None
        weights = pieces.tensor(f"W{number}", W), pieces.tensor(f"b{number}", b)
        Z = "output" if ends and rule.name == "identity" else f"Z{number}"
        pieces.node("Gemm", [at, *weights], Z)
        at = written.activation(pieces, rule, Z, "output" if ends else f"A{number}")
    if around.outputs is not None:
        _mapped(pieces, at, around.outputs, "output", dtype)
    graph = [
        *pieces.nodes,
        bytes_field(2, "cyprop"),
        *pieces.tensors,
        _value(11, "input", sizes[0], dtype),
        _value(12, "output", sizes[-1], dtype),
    ]
    head = number_field(1, IR_VERSION) + bytes_field(2, "cyprop") + bytes_field(3, __version__)
    tail = message(8, [bytes_field(1, ""), number_field(2, OPSET)]) + _metadata(around)
    return [head, opening(7, sum(map(len, graph))), *graph, tail]


def _mapped(pieces: Pieces, at: str, known: Map | None, to: str, dtype: np.dtype[Any]) -> str:
    """The value `at` after a map, which is computed in float64."""
    if known is None:
        return at
    wide = dtype.itemsize == 8
    if not wide:
        at = pieces.node("Cast", [at], f"{to}_in_float64", to=TYPES["float64"])
    offset, scale = (
        pieces.tensor(f"{to}_{what}", np.asarray(part, np.float64))
        for what, part in zip(("offset", "scale"), known, strict=True)
    )
    at = pieces.node("Sub", [at, offset], f"{to}_shifted")
    at = pieces.node("Mul", [at, scale], to if wide else f"{to}_before_rounding")
    return at if wide else pieces.node("Cast", [at], to, to=TYPES[dtype.name])


def _value(number: int, name: str, size: int, dtype: np.dtype[Any]) -> bytes:
    """The input or the output: a matrix whose number of rows is open."""
    shape = message(1, [bytes_field(2, BATCH)]) + message(1, [number_field(1, size)])
    tensor = number_field(1, TYPES[dtype.name]) + bytes_field(2, shape)
    return message(number, [bytes_field(1, name), message(2, [bytes_field(1, tensor)])])


def _metadata(around: Around) -> bytes:
    """The names of columns and the labels, each an entry of the model."""
    entries = around._asdict()
    return b"".join(
        message(14, [bytes_field(1, f"cyprop.{key}"), bytes_field(2, json.dumps(list(value)))])
        for key, value in entries.items()
        if key not in ("inputs", "outputs") and value is not None
    )
