"""From the input of an ONNX graph to one of its outputs, node by node, into a Builder.

At any place there is a last step that the Builder knows, and names of values that are element-wise
expressions of it. A layer, or whatever else has numbers for each column, ends such an expression,
which must be an activation then. A value from before that step is out of reach, so a graph whose
branches join again is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cyprop.errors import FormatError
from cyprop.formats.chain import Builder
from cyprop.formats.maps import widened
from cyprop.formats.onnx import forms, spellings
from cyprop.formats.onnx.forms import Form
from cyprop.formats.onnx.graph import Graph, Node, Value, shown_name
from cyprop.formats.onnx.tensor import MAX_LIST

Array = npt.NDArray[Any]
Shape = tuple[int | None, ...] | None

EXPECTED = "expected Gemm, MatMul, Add, BatchNormalization, activations and what keeps the order"
ACTIVATIONS = "expected an activation that cyprop has, with scales in front and behind at most"


class Layout:
    """The shape that values have; two have the same elements side by side if it is one object."""

    __slots__ = ("shape",)
    shape: Shape

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @property
    def n_columns(self) -> int | None:
        """The size of the last axis, None if it is open."""
        return self.shape[-1] if self.shape else None


class Live:
    """A value that depends on the input: an expression of the last step, and its layout."""

    __slots__ = ("form", "layout")
    form: Form
    layout: Layout

    def __init__(self, form: Form, layout: Layout) -> None:
        self.form, self.layout = form, layout


class Condition:
    """Where an expression is above a number, or below it."""

    __slots__ = ("above", "bound", "live")
    live: Live
    bound: float
    above: bool

    def __init__(self, live: Live, bound: float, above: bool) -> None:
        self.live, self.bound, self.above = live, bound, above


class Walk:
    """What is known on the way, and what operators do with it.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder: Builder = Builder(room=0)
        self.live: dict[bytes, Live] = {}
        self.conditions: dict[bytes, Condition] = {}
        self._constants: dict[bytes, Array] = {}
        self.last: str = "the input"  # what made the expression that comes next
        self.wanted: set[bytes] = set()

    def follow(self, target: bytes) -> None:
        """Take the steps to the output of that name, or to a value inside the graph."""
        nodes = self._on_the_way(target)
        start = self._input_of(nodes, target)
        self.live = {start.name: Live(forms.X, Layout(start.shape))}
        self.wanted = {name for node in nodes for name in node.inputs} | {target}
        for node in nodes:
            self._take(node)
        if target not in self.live:
            raise FormatError(f"the output {shown_name(target)!r} is not made of an input")
        self.end_of_expression(target)

    def constant(self, name: bytes) -> Array | None:
        """The tensor of that name, if it is one that does not depend on the input."""
        if name not in self._constants and name in self.graph.tensors:
            self.keep(name, self.graph.tensors[name].array())
        return self._constants.get(name)

    def keep(self, name: bytes, array: Array) -> None:
        """Let a name stand for numbers of the file."""
        self.builder.room = (self.builder.room or 0) + array.size
        self._constants[name] = array

    def same_numbers(self, name: bytes, array: Array) -> None:
        """Let a name stand for numbers that another name stands for already."""
        self._constants[name] = array

    def end_of_expression(self, name: bytes) -> Layout:
        """Tell the Builder what the value of that name is, which is the last step from now on."""
        live = self.live[name]
        if live.form != forms.X:
            narrow = not self.builder.is_wide
            try:
                found = spellings.taken_apart(live.form, narrow)
            except ValueError as error:
                raise FormatError(f"{self.last} has a number out of range: {error}") from None
            if found is None:
                raise FormatError(
                    f"{self.last} ends a computation that is no activation; {ACTIVATIONS}"
                )
            before, rule, behind = found
            if before != spellings.NO_CHANGE:
                self.builder.scale(*before, self.last)
            self.builder.activation(rule, self.last)
            if behind != spellings.NO_CHANGE:
                self.builder.scale(*behind, self.last)
        self.live = {}
        self.conditions = {}
        return live.layout

    def made_of(self, name: bytes, op: str) -> bool:
        """Whether an operator takes the value of that name."""
        return any(node.op == op and name in node.inputs for node in self.graph.nodes)

    def begin(self, name: bytes, layout: Layout) -> None:
        """Let the value of that name be the last step that the Builder knows."""
        self.live = {name: Live(forms.X, layout)}

    def _take(self, node: Node) -> None:
        if not node.outputs:
            raise FormatError(f"{node.what} has no output")
        handler = HANDLERS.get((node.domain, node.op))
        if handler is None:
            raise FormatError(f"{node.what} is no part of a chain of layers; {EXPECTED}")
        for name in node.inputs:
            here = not name or name in self.live or name in self.conditions
            if not here and self.constant(name) is None:
                raise FormatError(
                    f"{node.what} takes {shown_name(name)!r}, which is no longer at hand: a branch"
                    " of the graph joins here, expected one chain"
                )
        handler(self, node)
        self.last = node.what

    def _on_the_way(self, target: bytes) -> list[Node]:
        """The nodes that an output depends on, in the order of the file."""
        made_by: dict[bytes, int] = {}
        for at, node in enumerate(self.graph.nodes):
            for name in filter(None, node.outputs):
                if name in made_by or name in self.graph.tensors:
                    raise FormatError(
                        f"{node.what} makes {shown_name(name)!r}, which is made twice"
                    )
                made_by[name] = at
        found: set[int] = set()
        waiting = [target]
        while waiting:
            i = made_by.get(waiting.pop())
            if i is not None and i not in found:
                found.add(i)
                waiting += self.graph.nodes[i].inputs
        return [self.graph.nodes[i] for i in sorted(found)]

    def _input_of(self, nodes: list[Node], target: bytes) -> Value:
        """The only input that these nodes take."""
        made = {name for node in nodes for name in node.outputs}
        taken = {name for node in nodes for name in node.inputs} | ({target} - made)
        found = [
            v for v in self.graph.inputs if v.name in taken and v.name not in self.graph.tensors
        ]
        if not found:
            raise FormatError(f"the output {shown_name(target)!r} is not made of an input")
        if len(found) != 1:
            names = ", ".join(repr(shown_name(value.name)) for value in found[:8])
            raise FormatError(f"it has the inputs {names}, expected one that has all columns")
        if found[0].name in made:
            raise FormatError(f"it computes its own input {shown_name(found[0].name)!r}")
        return found[0]


class Handler(Protocol):
    """What is called for a node, to follow the graph over it."""

    def __call__(self, walk: Walk, node: Node) -> None: ...


HANDLERS: dict[tuple[str, str], Handler] = {}


def handles(*operators: str, domain: str = "") -> Callable[[Handler], Handler]:
    """Decorate what handles operators of these names."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update({(domain, op): handler for op in operators})
        return handler

    return register


def attributes(walk: Walk, node: Node, **known: Any) -> dict[str, Any]:
    """The attributes of a node, or the defaults; FormatError for one of another kind.

    Where there is no default, the type that it must have stands in its place: np.ndarray for
    numbers, list for whole ones, tuple for texts.
    """
    found = node.attributes(walk.graph.beside, tuple(known))
    for name, value in found.items():
        default = known[name]
        kind: type[Any] = default if isinstance(default, type) else type(default)
        if not isinstance(value, kind):
            raise FormatError(f"{node.what} has the attribute {name!r} of another kind")
    defaults = {
        name: None if isinstance(default, type) else default for name, default in known.items()
    }
    return {**defaults, **found}


def arguments(node: Node, least: int, most: int) -> list[bytes]:
    """The names of the inputs, empty where one is left out."""
    if not least <= len(node.inputs) <= most:
        raise FormatError(f"{node.what} has {len(node.inputs)} inputs, expected {least}")
    return [*node.inputs, *([b""] * (most - len(node.inputs)))]


def value_of(walk: Walk, node: Node, name: bytes) -> Live:
    """The input of that name, if it depends on the input of the graph."""
    if name not in walk.live:
        kind = "a constant" if walk.constant(name) is not None else "no value of the chain"
        raise FormatError(f"{node.what} takes {kind} where a chain has what comes before it")
    return walk.live[name]


def number_of(walk: Walk, node: Node, name: bytes) -> Array:
    """The constant of that name."""
    found = walk.constant(name)
    if found is None:
        raise FormatError(
            f"{node.what} takes {shown_name(name)!r}, which depends on the input, expected a"
            " constant"
        )
    return found


def vector(walk: Walk, node: Node, name: bytes) -> Array:
    """The constant of that name as a vector of float64."""
    found = widened(number_of(walk, node, name))
    if found.dtype.kind != "f":
        raise FormatError(f"{node.what} has numbers of {found.dtype}, expected float32 or float64")
    return found.reshape(-1).astype(np.float64)


def columns_of(array: Array, layout: Layout, what: str) -> Array | None:
    """A constant as one number for each column, in the order of the elements of a row.

    None if it has a number for each element of a shape that it would widen, or for each channel.
    """
    shape = list(array.shape)
    while shape and shape[0] == 1:
        shape = shape[1:]
    known = layout.shape
    if known is not None:
        tail = known[len(known) - len(shape) :] if len(shape) <= len(known) else ()
        if len(shape) > len(known):
            return None
        for own, other in zip(shape, tail, strict=True):
            if other is not None and own != other:
                return None
    elif len(shape) > 1:
        return None
    if array.dtype.kind != "f" and array.dtype != np.uint16:
        raise FormatError(f"{what} has numbers of {array.dtype}, expected float32 or float64")
    return array.reshape(-1)


def small(array: Array | None, what: str, which: str) -> list[int]:
    """A constant list of whole numbers, such as a shape or axes."""
    if array is None:
        raise FormatError(f"{what} computes its {which}, expected a constant")
    if array.dtype.kind not in "iu" or array.ndim > 1 or array.size > MAX_LIST:
        raise FormatError(f"{what} has {which} that are not a list of whole numbers")
    found: list[int] = array.reshape(-1).tolist()
    return found
