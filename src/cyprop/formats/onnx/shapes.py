"""Operators of ONNX that give elements another shape and leave them in their order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.errors import FormatError
from cyprop.formats.onnx.graph import Node
from cyprop.formats.onnx.tensor import FLOATS, MAX_LIST, MAX_RANK, TYPES

Array = npt.NDArray[Any]
Shape = tuple[int | None, ...] | None
Others = Sequence[Array | None]


def on_last_axis(shape: Shape, axis: int, node: Node) -> None:
    """Refuse an axis that is not the last."""
    last = (-1,) if shape is None else (-1, len(shape) - 1)
    if axis not in last:
        raise FormatError(f"{node.what} is along axis {axis}, expected the last")


def same(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    """Identity, and what is one in prediction."""
    if len(others) > 1 and others[1] is not None and others[1].any():
        raise FormatError(f"{node.what} is in training mode, expected that of prediction")
    return shape


def cast(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    if known["to"] not in FLOATS:
        raise FormatError(f"{node.what} makes whole numbers or texts, expected float32 or float64")
    return shape


def flatten(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    if shape is None:
        return (None, None)
    axis = known["axis"]
    if not -len(shape) <= axis <= len(shape):
        raise FormatError(f"{node.what} has the axis {axis} of {len(shape)}")
    axis = axis + len(shape) if axis < 0 else axis
    return (_product(shape[:axis]), _product(shape[axis:]))


def reshape(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    target = _list(others[0] if others else None, node)
    if target.count(-1) > 1 or min(target, default=0) < -1 or len(target) > MAX_RANK:
        raise FormatError(f"{node.what} has the shape {target[:MAX_RANK]}")
    found: list[int | None] = []
    # What is left of the input's sizes when those that are kept are taken out.
    left: list[int | None] | None = None if shape is None else list(shape)
    for i, size in enumerate(target):
        if size == 0 and not known["allowzero"]:
            if shape is not None and i >= len(shape):
                raise FormatError(f"{node.what} keeps the size of axis {i}, which is not there")
            found.append(None if shape is None else shape[i])
            if left is not None:
                left[i] = 1
        else:
            found.append(size)
    if -1 in target:
        others_of_it = math.prod(size for size in target if size > 0)
        whole = _product(left)
        at = target.index(-1)
        found[at] = None
        if whole is not None and others_of_it and whole % others_of_it == 0:
            found[at] = whole // others_of_it
    return tuple(found)


def squeeze(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    if shape is None:
        raise FormatError(f"{node.what} takes a value of unknown shape")
    axes = known["axes"] or (_list(others[0], node) if others and others[0] is not None else None)
    if axes is None:
        if None in shape:
            raise FormatError(f"{node.what} drops axes that it does not name")
        return tuple(size for size in shape if size != 1)
    dropped = {_axis(axis, len(shape), node) for axis in axes}
    if any(shape[axis] not in (1, None) for axis in dropped):
        raise FormatError(f"{node.what} drops an axis that is not of size 1")
    return tuple(size for i, size in enumerate(shape) if i not in dropped)


def unsqueeze(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    if shape is None:
        raise FormatError(f"{node.what} takes a value of unknown shape")
    axes = known["axes"] or _list(others[0] if others else None, node)
    rank = len(shape) + len(axes)
    if rank > MAX_RANK:
        raise FormatError(f"{node.what} makes {rank} dimensions, expected at most {MAX_RANK}")
    added = {_axis(axis, rank, node) for axis in axes}
    sizes = iter(shape)
    if len(added) != len(axes):
        raise FormatError(f"{node.what} names an axis twice")
    return tuple(1 if i in added else next(sizes) for i in range(rank))


def transpose(shape: Shape, others: Others, known: dict[str, Any], node: Node) -> Shape:
    if shape is None:
        raise FormatError(f"{node.what} takes a value of unknown shape")
    axes = permutation(shape, known, node)
    moved = [axis for axis in axes if shape[axis] != 1]
    if moved != sorted(moved):
        raise FormatError(f"{node.what} changes the order of the elements, expected what keeps it")
    return tuple(shape[axis] for axis in axes)


def permutation(shape: tuple[int | None, ...], known: dict[str, Any], node: Node) -> list[int]:
    """The axes of a Transpose, in their new order."""
    axes: list[int] = known["perm"] or list(range(len(shape)))[::-1]
    if sorted(axes) != list(range(len(shape))):
        raise FormatError(f"{node.what} has the permutation {axes[:MAX_RANK]}")
    return axes


Move = Callable[[Shape, Others, dict[str, Any], Node], Shape]

# Of each operator what becomes of the shape, its attributes, and how many inputs there may be.
MOVES: dict[str, tuple[Move, dict[str, Any], int]] = {
    "Identity": (same, {}, 1),
    "Dropout": (same, {"ratio": 0.5, "seed": 0, "is_test": 0}, 3),
    "Cast": (cast, {"to": 0, "saturate": 1, "round_mode": b""}, 1),
    "Flatten": (flatten, {"axis": 1}, 1),
    "Reshape": (reshape, {"allowzero": 0}, 2),
    "Squeeze": (squeeze, {"axes": list}, 2),
    "Unsqueeze": (unsqueeze, {"axes": list}, 2),
    "Transpose": (transpose, {"perm": list}, 1),
}


def moved_constant(array: Array, others: Others, known: dict[str, Any], node: Node) -> Array:
    """A constant in another shape, or of another type."""
    if node.op == "Transpose":
        return array.transpose(permutation(array.shape, known, node))
    if node.op == "Cast":
        target = np.dtype(TYPES.get(known["to"], "u1"))
        if target == array.dtype:
            return array
        if array.size > MAX_LIST or "V" in (target.kind, array.dtype.kind) or known["to"] == 16:
            raise FormatError(f"{node.what} makes other numbers of weights, expected float32")
        with np.errstate(all="ignore"):
            return array.astype(target)
    if node.op == "Dropout":
        raise FormatError(f"{node.what} takes a constant, expected what comes before it")
    shape = MOVES[node.op][0](array.shape, others, known, node)
    if shape is None or None in shape or math.prod(size or 0 for size in shape) != array.size:
        raise FormatError(f"{node.what} makes {array.shape} of {shape}")
    return array.reshape([size or 0 for size in shape])


def _list(array: Array | None, node: Node) -> list[int]:
    if array is None or array.dtype.kind not in "iu" or array.ndim > 1 or array.size > MAX_RANK:
        raise FormatError(f"{node.what} has a shape or axes that are no short list of numbers")
    found: list[int] = array.reshape(-1).tolist()
    return found


def _axis(axis: int, rank: int, node: Node) -> int:
    if not -rank <= axis < rank:
        raise FormatError(f"{node.what} has the axis {axis} of {rank}")
    return axis % rank


def _product(sizes: Sequence[int | None] | None) -> int | None:
    """The product of sizes; None if one is open."""
    if sizes is None:
        return None
    found = 1
    for size in sizes:
        if size is None:
            return None
        found *= size
    return found
