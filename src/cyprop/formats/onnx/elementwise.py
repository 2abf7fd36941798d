"""Operators of ONNX that work element by element: each makes an expression of the last step.

What has a number for each column is no expression; it ends one, and is a scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cyprop.errors import FormatError
from cyprop.formats.maps import widened
from cyprop.formats.onnx import forms, spellings
from cyprop.formats.onnx.forms import Form, TooLongError
from cyprop.formats.onnx.graph import Node
from cyprop.formats.onnx.walk import (
    ACTIVATIONS,
    HANDLERS,
    Array,
    Condition,
    Handler,
    Layout,
    Live,
    Walk,
    arguments,
    attributes,
    columns_of,
    handles,
    number_of,
    value_of,
    vector,
)


def set_form(walk: Walk, node: Node, form: Form | None, layout: Layout) -> None:
    """Let the output of a node be an expression."""
    if form is None:
        raise FormatError(f"{node.what} is no part of an activation; {ACTIVATIONS}")
    walk.live[node.outputs[0]] = Live(form, layout)


def guarded(handler: Handler) -> Handler:
    """The handler of an expression, which may get too long to be an activation."""

    def run(walk: Walk, node: Node) -> None:
        try:
            handler(walk, node)
        except (TooLongError, OverflowError, RecursionError):
            raise FormatError(
                f"{node.what} ends a computation that is no activation; {ACTIVATIONS}"
            ) from None

    return run


@guarded
def function(walk: Walk, node: Node) -> None:
    """A function of one input, whose attributes are numbers."""
    name, defaults = spellings.FUNCTIONS[node.domain, node.op]
    known = attributes(walk, node, **defaults)
    [x] = arguments(node, 1, 1)
    live = value_of(walk, node, x)
    set_form(walk, node, forms.apply(name, live.form, *known.values()), live.layout)


HANDLERS.update(dict.fromkeys(spellings.FUNCTIONS, function))

SPECIAL: dict[str, tuple[Callable[..., Form | None], dict[str, Any]]] = {
    "Neg": (spellings.negative, {}),
    "Reciprocal": (forms.reciprocal, {}),
    "Selu": (spellings.selu, spellings.SELU),
    "HardSigmoid": (spellings.hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "Softsign": (spellings.softsign, {}),
    "Gelu": (spellings.gelu, {"approximate": b"none"}),
    "Swish": (spellings.swish, {"alpha": 1.0}),
}


@handles(*SPECIAL)
@guarded
def special(walk: Walk, node: Node) -> None:
    """A function of one input that is put together of others."""
    make, defaults = SPECIAL[node.op]
    known = attributes(walk, node, **defaults)
    [x] = arguments(node, 1, 1)
    live = value_of(walk, node, x)
    set_form(walk, node, make(live.form, **known), live.layout)


@handles("Clip")
@guarded
def clip(walk: Walk, node: Node) -> None:
    known = attributes(walk, node, min=-math.inf, max=math.inf)
    x, *names = arguments(node, 1, 3)
    live = value_of(walk, node, x)
    bounds: list[float] = []
    for name, key in zip(names, ("min", "max"), strict=True):
        given = vector(walk, node, name) if name else np.array([known[key]])
        if given.size != 1:
            raise FormatError(f"{node.what} has {given.size} bounds, expected one")
        bounds.append(float(given[0]))
    low, high = (
        -math.inf if bounds[0] <= -3e38 else bounds[0],
        math.inf if bounds[1] >= 3e38 else bounds[1],
    )
    set_form(walk, node, forms.clipped(live.form, low, high), live.layout)


@handles("PRelu")
@guarded
def prelu(walk: Walk, node: Node) -> None:
    attributes(walk, node)
    x, name = arguments(node, 2, 2)
    live, slopes = value_of(walk, node, x), vector(walk, node, name)
    if slopes.size == 0 or (slopes != slopes[0]).any():
        raise FormatError(f"{node.what} has a slope for each column, expected one for all")
    set_form(walk, node, forms.apply("leaky_relu", live.form, float(slopes[0])), live.layout)


@handles(*spellings.ARITHMETIC)
@guarded
def arithmetic(walk: Walk, node: Node) -> None:
    """Two values of the chain, or one and a constant; numbers for each column are a scale."""
    attributes(walk, node)
    names = arguments(node, 2, 2)
    found: list[Live | Array] = [
        walk.live[name] if name in walk.live else number_of(walk, node, name) for name in names
    ]
    lives = [part for part in found if isinstance(part, Live)]
    if not lives:
        raise FormatError(f"{node.what} computes with constants alone, expected none of that")
    if len(lives) == 2:
        if lives[0].layout is not lives[1].layout:
            raise FormatError(f"{node.what} takes values of different shapes, expected one chain")
        form = spellings.ARITHMETIC[node.op](lives[0].form, lives[1].form)
        set_form(walk, node, form, lives[0].layout)
        return
    live, at = lives[0], 1 if isinstance(found[0], Live) else 0
    array: Any = found[at]
    if node.op == "Add" and live.form == forms.X and _is_bias(walk, node, array, live.layout):
        return
    if array.size == 1:
        number = Form(float(widened(array.reshape(-1))[0]), ())
        pair = (live.form, number) if at == 1 else (number, live.form)
        rank = max(array.ndim, len(live.layout.shape or ()))
        layout = live.layout
        if layout.shape is not None and len(layout.shape) < rank:
            layout = Layout((*([1] * (rank - len(layout.shape))), *layout.shape))
        set_form(walk, node, spellings.ARITHMETIC[node.op](*pair), layout)
        return
    _scale(walk, node, names[1 - at], array, at)


def _is_bias(walk: Walk, node: Node, array: Array, layout: Layout) -> bool:
    """Take the constant as the bias of a layer without one, if it is that."""
    if array.size not in (1, walk.builder.n_columns) or layout.shape is None and array.ndim > 1:
        return False
    b = columns_of(array, layout, node.what) if array.size > 1 else array.reshape(-1)
    if b is None or not walk.builder.bias(b, node.what):
        return False
    walk.begin(node.outputs[0], layout)
    return True


def _scale(walk: Walk, node: Node, x: bytes, array: Array, at: int) -> None:
    """A number for each column, at the place `at` of the two inputs."""
    layout = walk.end_of_expression(x)
    columns = columns_of(array, layout, node.what)
    if columns is None:
        raise FormatError(
            f"{node.what} has numbers of shape {list(array.shape)} for values of shape"
            f" {list(layout.shape or [])}, expected one for each column"
        )
    c = widened(columns).astype(np.float64)
    with np.errstate(all="ignore"):
        scales = {
            ("Add", 0): (1.0, c),
            ("Add", 1): (1.0, c),
            ("Sub", 0): (-1.0, c),
            ("Sub", 1): (1.0, -c),
            ("Mul", 0): (c, 0.0),
            ("Mul", 1): (c, 0.0),
            ("Div", 1): (1 / c, 0.0),
        }
    if (node.op, at) not in scales:
        raise FormatError(f"{node.what} has a number for each column, expected one for all")
    walk.builder.scale(*scales[node.op, at], node.what)
    walk.begin(node.outputs[0], layout)


@handles("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def comparison(walk: Walk, node: Node) -> None:
    attributes(walk, node)
    a, b = arguments(node, 2, 2)
    first = a in walk.live
    live = value_of(walk, node, a if first else b)
    bound = vector(walk, node, b if first else a)
    if bound.size != 1:
        raise FormatError(f"{node.what} has a bound for each column, expected one for all")
    above = node.op.startswith("Greater") == first
    walk.conditions[node.outputs[0]] = Condition(live, float(bound[0]), above)


@handles("Where")
@guarded
def where(walk: Walk, node: Node) -> None:
    attributes(walk, node)
    name, *choices = arguments(node, 3, 3)
    if name not in walk.conditions:
        raise FormatError(f"{node.what} chooses by what is no comparison; {ACTIVATIONS}")
    condition = walk.conditions[name]
    layout = condition.live.layout
    parts: list[Form] = []
    for choice in choices:
        if choice in walk.live:
            if walk.live[choice].layout is not layout:
                raise FormatError(f"{node.what} takes values of different shapes")
            parts.append(walk.live[choice].form)
        else:
            number = vector(walk, node, choice)
            if number.size != 1:
                raise FormatError(f"{node.what} has a number for each column, expected one")
            parts.append(Form(float(number[0]), ()))
    above, below = parts if condition.above else parts[::-1]
    u, bound = condition.live.form, condition.bound
    set_form(walk, node, forms.where_above(u, bound, above, below), layout)
