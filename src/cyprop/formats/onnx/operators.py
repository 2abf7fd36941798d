"""What the operators of ONNX with weights or axes do on the way through a chain.

Each handler is given the Walk and the node. Attributes that an operator is not known to have are
refused, and so is whatever would mix rows or reorder columns.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from cyprop.errors import FormatError
from cyprop.formats.maps import widened
from cyprop.formats.onnx.graph import Node
from cyprop.formats.onnx.shapes import MOVES, moved_constant, on_last_axis
from cyprop.formats.onnx.tensor import Tensor
from cyprop.formats.onnx.walk import (
    Array,
    Layout,
    Live,
    Walk,
    arguments,
    attributes,
    handles,
    number_of,
    small,
    value_of,
    vector,
)
from cyprop.rules import Activation, rule_named


@handles("Gemm")
def gemm(walk: Walk, node: Node) -> None:
    known = attributes(walk, node, alpha=1.0, beta=1.0, transA=0, transB=0)
    x, w, c = arguments(node, 2, 3)
    value_of(walk, node, x)
    if known["transA"]:
        raise FormatError(f"{node.what} has transA, expected rows of samples")
    W = number_of(walk, node, w)
    W = W.T if known["transB"] else W
    b = number_of(walk, node, c) if c else None
    shape = walk.live[x].layout.shape
    if shape is None:
        walk.live[x].layout.shape = (None, None)  # which a Gemm asks for
    elif len(shape) != 2:
        raise FormatError(f"{node.what} takes values of {len(shape)} dimensions, expected 2")
    if b is not None and b.ndim == 2 and b.shape[0] == 1:
        b = b[0]
    layout = walk.end_of_expression(x)
    if known["alpha"] == known["beta"] == 1 or (known["alpha"] == 1 and b is None):
        walk.builder.affine(W, b, node.what)
    else:
        if b is not None and b.ndim > 1:
            raise FormatError(f"{node.what} has another bias for each row, expected one for all")
        walk.builder.affine(W, None, node.what)
        shift = 0.0 if b is None else known["beta"] * widened(b).astype(np.float64)
        walk.builder.scale(known["alpha"], shift, node.what, fold=True)
    begin_layer(walk, node, layout, W)


@handles("MatMul")
def matmul(walk: Walk, node: Node) -> None:
    attributes(walk, node)
    x, w = arguments(node, 2, 2)
    value_of(walk, node, x)
    W = number_of(walk, node, w)
    layout = walk.end_of_expression(x)
    walk.builder.affine(W, None, node.what)
    begin_layer(walk, node, layout, W)


def begin_layer(
    walk: Walk, node: Node, before: Layout, W: Array, output: bytes | None = None
) -> None:
    """Go on from a layer, whose weights must fit the last axis."""
    if before.n_columns not in (None, len(W)):
        raise FormatError(
            f"{node.what} takes {len(W)} columns, and what comes before it has {before.n_columns}"
        )
    shape = None if before.shape is None else (*before.shape[:-1], W.shape[1])
    walk.begin(node.outputs[0] if output is None else output, Layout(shape))


@handles("BatchNormalization")
def batch_normalization(walk: Walk, node: Node) -> None:
    known = attributes(walk, node, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    x, *names = arguments(node, 5, 5)
    if known["training_mode"]:
        raise FormatError(f"{node.what} is in training mode, expected that of prediction")
    gamma, beta, mean, variance = (vector(walk, node, name) for name in names)
    layout = value_of(walk, node, x).layout
    if layout.shape is None or len(layout.shape) != 2:
        rank = "an unknown number of" if layout.shape is None else len(layout.shape)
        raise FormatError(f"{node.what} takes {rank} dimensions, expected 2")
    walk.end_of_expression(x)
    if len({part.size for part in (gamma, beta, mean, variance)}) != 1:
        raise FormatError(f"{node.what} has numbers for different numbers of columns")
    with np.errstate(all="ignore"):
        factor = gamma / np.sqrt(variance + known["epsilon"])
        shift = beta - mean * factor
    walk.builder.scale(factor, shift, node.what, fold=True)
    walk.begin(node.outputs[0], layout)


LINEAR = ("coefficients", "intercepts", "post_transform")
LINEAR_CLASSIFIER = (*LINEAR, "multi_class")


@handles("LinearRegressor", domain="ai.onnx.ml")
def linear_regressor(walk: Walk, node: Node) -> None:
    known = attributes(walk, node, **_linear_defaults(LINEAR), targets=1)
    _linear(walk, node, known, known["targets"], node.outputs[0])


@handles("LinearClassifier", domain="ai.onnx.ml")
def linear_classifier(walk: Walk, node: Node) -> None:
    labels = {"classlabels_ints": list, "classlabels_strings": tuple}
    known = attributes(walk, node, **_linear_defaults(LINEAR_CLASSIFIER), **labels)
    n_classes = len(known["classlabels_ints"] or known["classlabels_strings"] or ())
    if n_classes < 2:
        raise FormatError(f"{node.what} has {n_classes} classes, expected two or more")
    if walk.made_of(node.outputs[-1], "Normalizer") and known["post_transform"] != b"SOFTMAX":
        raise FormatError(f"{node.what} is normalised, expected that behind a softmax alone")
    _linear(walk, node, known, n_classes, node.outputs[-1])


def _linear_defaults(names: tuple[str, ...]) -> dict[str, Any]:
    others = {"post_transform": b"NONE", "multi_class": 0}
    return {name: others.get(name, np.ndarray) for name in names}


def _linear(walk: Walk, node: Node, known: dict[str, Any], n_out: int, output: bytes) -> None:
    """A linear model, whose weights are attributes: (n_out, n_in) in float32."""
    rules = {b"NONE": "identity", b"SOFTMAX": "softmax", b"LOGISTIC": "sigmoid"}
    [x] = arguments(node, 1, 1)
    layout = value_of(walk, node, x).layout
    coefficients, intercepts = known["coefficients"], known["intercepts"]
    if (
        coefficients is None
        or n_out < 1
        or coefficients.size % n_out
        or known["post_transform"] not in rules
    ):
        raise FormatError(f"{node.what} has no weights for {n_out} outputs, or an unknown end")
    walk.end_of_expression(x)
    walk.keep(output, coefficients)
    W = coefficients.reshape(n_out, -1).T
    walk.builder.affine(
        W, intercepts if intercepts is not None and intercepts.size else None, node.what
    )
    rule: Any = rule_named("activation", rules[known["post_transform"]], {})
    walk.builder.activation(rule, node.what)
    begin_layer(walk, node, layout, W, output)


@handles("Scaler", domain="ai.onnx.ml")
def scaler(walk: Walk, node: Node) -> None:
    known = attributes(walk, node, offset=np.ndarray, scale=np.ndarray)
    [x] = arguments(node, 1, 1)
    layout = value_of(walk, node, x).layout
    walk.end_of_expression(x)
    offset, scale = (
        known[key].astype(np.float64) if known[key] is not None else np.full(1, default)
        for key, default in (("offset", 0.0), ("scale", 1.0))
    )
    walk.builder.scale(1.0, -offset, node.what)
    walk.builder.scale(scale, 0.0, node.what)
    walk.begin(node.outputs[0], layout)


@handles("Softmax", "LogSoftmax")
def softmax(walk: Walk, node: Node) -> None:
    old = walk.graph.opsets.get("", 0) < 13
    known = attributes(walk, node, axis=1 if old else -1)
    [x] = arguments(node, 1, 1)
    layout = value_of(walk, node, x).layout
    walk.end_of_expression(x)
    on_last_axis(layout.shape, known["axis"], node)
    if layout.n_columns not in (None, walk.builder.n_columns):
        raise FormatError(f"{node.what} is over {layout.n_columns} columns of a row, expected all")
    rule = Activation("softmax" if node.op == "Softmax" else "log_softmax")
    walk.builder.activation(rule, node.what)
    walk.begin(node.outputs[0], layout)


@handles("Split", "Slice", "Gather")
def choice(walk: Walk, node: Node) -> None:
    """Some of the columns; of a Split, the one part that goes on."""
    x = node.inputs[0] if node.inputs else b""
    layout = value_of(walk, node, x).layout
    walk.end_of_expression(x)
    n_columns = layout.n_columns
    if n_columns is None or n_columns != (walk.builder.n_columns or n_columns):
        raise FormatError(f"{node.what} chooses among columns whose number is not known")
    which, columns = _CHOICES[node.op](walk, node, layout, n_columns)
    walk.builder.select(columns, node.what)
    shape = (*(layout.shape or ())[:-1], walk.builder.n_columns)
    walk.begin(node.outputs[which], Layout(shape))


def _split(walk: Walk, node: Node, layout: Layout, n_columns: int) -> tuple[int, Any]:
    known = attributes(walk, node, axis=0, split=list, num_outputs=0)
    _, sizes = arguments(node, 1, 2)
    on_last_axis(layout.shape, known["axis"], node)
    parts = len(node.outputs)
    found = known["split"] or (small(walk.constant(sizes), node.what, "sizes") if sizes else None)
    if found is None:
        size = -(-n_columns // parts)
        found = [min(size, max(0, n_columns - i * size)) for i in range(parts)]
    if len(found) != parts or min(found) < 0 or sum(found) != n_columns:
        raise FormatError(f"{node.what} splits {n_columns} columns into {found}")
    used = [i for i, name in enumerate(node.outputs) if name in walk.wanted]
    if len(used) != 1:
        raise FormatError(f"{node.what} takes the columns apart, expected one part that goes on")
    first = sum(found[: used[0]])
    return used[0], slice(first, first + found[used[0]])


def _slice(walk: Walk, node: Node, layout: Layout, n_columns: int) -> tuple[int, Any]:
    known = attributes(walk, node, starts=list, ends=list, axes=list)
    _, *names = arguments(node, 1, 5)
    starts, ends, axes, steps = (
        small(walk.constant(name), node.what, "bounds") if name else known.get(key)
        for name, key in zip(names, ("starts", "ends", "axes", "steps"), strict=True)
    )
    if not (starts and ends and len(starts) == len(ends) == 1 and len(axes or [0]) == 1):
        raise FormatError(f"{node.what} is along several axes, expected the last")
    on_last_axis(layout.shape, (axes or [0])[0], node)
    step = (steps or [1])[0]
    if len(steps or [1]) != 1 or step < 1:
        raise FormatError(f"{node.what} turns the columns round, expected a step of at least 1")
    return 0, slice(starts[0], ends[0], step)


def _gather(walk: Walk, node: Node, layout: Layout, n_columns: int) -> tuple[int, Any]:
    known = attributes(walk, node, axis=0)
    _, name = arguments(node, 2, 2)
    on_last_axis(layout.shape, known["axis"], node)
    indices = number_of(walk, node, name)
    if indices.ndim != 1:
        raise FormatError(f"{node.what} has indices of {indices.ndim} dimensions, expected a list")
    return 0, small(indices, node.what, "indices")


_CHOICES = {"Split": _split, "Slice": _slice, "Gather": _gather}


@handles("Constant")
def constant(walk: Walk, node: Node) -> None:
    known = node.attributes(
        walk.graph.beside,
        ("value", "value_float", "value_floats", "value_int", "value_ints"),
    )
    if len(known) != 1:
        raise FormatError(f"{node.what} has {len(known)} values, expected one")
    value: Any = next(iter(known.values()))
    if isinstance(value, Tensor):
        walk.keep(node.outputs[0], value.array())
    elif isinstance(value, np.ndarray):
        walk.keep(node.outputs[0], cast("Array", value))
    elif isinstance(value, int | float | list):
        dtype = np.float32 if isinstance(value, float) else np.int64
        walk.keep(node.outputs[0], np.array(value, dtype))
    else:
        raise FormatError(f"{node.what} has a value that is no number")


@handles(*MOVES)
def move(walk: Walk, node: Node) -> None:
    """What gives the elements another shape, and leaves them in their order, or nothing at all."""
    shape_of, defaults, most = MOVES[node.op]
    known = attributes(walk, node, **defaults)
    x, *names = arguments(node, 1, most)
    others = [number_of(walk, node, name) if name else None for name in names]
    if x not in walk.live:
        array = moved_constant(number_of(walk, node, x), others, known, node)
        walk.same_numbers(node.outputs[0], array)
        return
    live = walk.live[x]
    shape = shape_of(live.layout.shape, others, known, node)
    layout = live.layout if shape == live.layout.shape and shape is not None else Layout(shape)
    if node.op in ("Identity", "Dropout", "Cast"):
        layout = live.layout
    walk.live[node.outputs[0]] = Live(live.form, layout)
