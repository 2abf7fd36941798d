"""Configurations of Keras models, as JSON has them: the layers that data goes through, in order.

A Sequential is its list of layers. A Functional says of each layer where its inputs come from; here
it is followed from its output back to its input, and must not branch. What is inside another model,
has another shape than rows of columns, or is not of Keras's own layers is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.formats.bounded_json import said

SEQUENTIAL, FUNCTIONAL = "Sequential", ("Functional", "Model")
MOST_LAYERS = 4096
NAME = re.compile(r"[\w>]{1,80}", re.ASCII)


class Entry(NamedTuple):
    """A layer in a configuration."""

    kind: str  # the name of its class
    name: str
    config: dict[str, Any]
    key: str  # what its group in a .keras file is called: the class and a counter
    inbound: Any = None


def path_of(model: Any, output: str | None = None) -> list[Entry]:
    """The layers that data goes through, from the inputs to the outputs.

    Parameters
    ----------
    model : dict
        With class_name and config.
    output : str, optional
        The name of the layer that the outputs come from, if a Functional has several.

    Returns
    -------
    list of Entry

    Raises
    ------
    FormatError
        If it is no chain.
    """
    kind, config = (
        (model.get("class_name"), model.get("config")) if is_dict(model) else (None, None)
    )
    if kind == SEQUENTIAL:
        if output is not None:
            raise FormatError(f"it is a Sequential, which has one output, not {output[:80]!r}")
        found = list(_entries(config, kind))
    elif kind in FUNCTIONAL and is_dict(config):
        found = _followed(config, list(_entries(config, kind)), output)
    else:
        raise FormatError(
            f"it is a model of the class {said(kind)}, expected a Sequential or a Functional"
        )
    return _flat(found, config)


def _entries(config: Any, kind: Any) -> Iterator[Entry]:
    """All layers of a model, in the order in which their groups are counted."""
    listed = config.get("layers") if is_dict(config) else config  # of Keras 2.2, a list alone
    if not is_list(listed) or len(listed) > MOST_LAYERS:
        raise FormatError(f"its configuration has no list of at most {MOST_LAYERS} layers")
    counts: dict[str, int] = {}
    for layer in listed:
        if not (is_dict(layer) and is_dict(layer.get("config"))):
            raise FormatError("its configuration has a layer without a configuration")
        of_class, inside = layer.get("class_name"), layer["config"]
        name = layer.get("name", inside.get("name"))
        if not (isinstance(of_class, str) and isinstance(name, str) and NAME.fullmatch(of_class)):
            raise FormatError("its configuration has a layer without a class or a name")
        if "layers" in inside:
            raise FormatError(
                f"the layer {of_class} {name[:80]!r} is a model in a model, expected no"
                " models but the one"
            )
        _check_own(layer, of_class, name)
        key = snake_case(of_class)
        n = counts.get(key, -1) + 1
        if kind != SEQUENTIAL or of_class != "InputLayer":
            counts[key] = n
        yield Entry(of_class, name, inside, f"{key}_{n}" if n else key, layer.get("inbound_nodes"))


def _check_own(layer: dict[Any, Any], kind: str, name: str) -> None:
    """Refuse what is not one of Keras's own layers."""
    module, registered = layer.get("module"), layer.get("registered_name")
    own = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
    if not own or registered not in (None, kind) or ">" in kind:
        raise FormatError(
            f"the layer {kind} {name[:80]!r} is of {said(module or kind)},"
            " expected one of Keras's own"
        )


def snake_case(name: str) -> str:
    """What Keras calls a group of a class: Dense is dense, LeakyReLU is leaky_re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


# Functional models


def _followed(config: dict[Any, Any], entries: list[Entry], output: str | None) -> list[Entry]:
    """The layers from the input to an output, each of which has one layer in front of it."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        raise FormatError("its configuration has two layers of one name")
    inputs, outputs = (
        _tensors(config.get(f"{end}_layers"), by_name) for end in ("input", "output")
    )
    if len(inputs) != 1:
        raise FormatError(f"it has {len(inputs)} inputs, expected one")
    if output is None and len(outputs) != 1:
        names = ", ".join(repr(name[:80]) for name in outputs[:12])
        raise FormatError(f"it has {len(outputs)} outputs: give output=…, one of {names}")
    if output is not None and output not in outputs:
        names = ", ".join(repr(name[:80]) for name in outputs[:12])
        raise FormatError(f"it has no output {output[:80]!r}; it has {names}")
    entry = by_name[outputs[0] if output is None else output]
    found = [entry]
    while entry.name != inputs[0]:
        if len(found) > len(entries):
            raise FormatError("its layers go round in a circle")
        entry = by_name[_only_input(entry, by_name)]
        found.append(entry)
    return found[::-1]


def _only_input(entry: Entry, by_name: dict[str, Entry]) -> str:
    """The name of the layer in front of one."""
    nodes = entry.inbound
    if not is_list(nodes) or len(nodes) != 1:
        raise FormatError(
            f"the layer {entry.kind} {entry.name[:80]!r} is called"
            f" {len(nodes) if is_list(nodes) else 0} times, expected once"
        )
    node = nodes[0]
    tensors: Any = node
    if is_dict(node):  # of Keras 3
        arguments = node.get("args")
        tensors = []
        listed: list[Any] = arguments if is_list(arguments) else []
        if len(listed) == 1 and is_list(listed[0]):  # of a layer that takes several
            listed = listed[0]
        for argument in listed:
            inside = argument.get("config") if is_dict(argument) else None
            tensors.append(inside.get("keras_history") if is_dict(inside) else None)
    names = _tensors(tensors, by_name)
    if len(names) != 1:
        raise FormatError(
            f"the layer {entry.kind} {entry.name[:80]!r} has {len(names)} inputs, expected one"
        )
    return names[0]


def _tensors(value: Any, by_name: dict[str, Entry]) -> list[str]:
    """The layers that tensors come from, of [name, 0, 0] or of a list of such."""
    if is_list(value) and value and isinstance(value[0], str):
        value = [value]
    names: list[str] = []
    for tensor in value if is_list(value) else []:
        name = tensor[0] if is_list(tensor) and tensor else None
        if not isinstance(name, str) or name not in by_name:
            raise FormatError("its configuration does not say how its layers follow each other")
        if tensor[1:3] != [0, 0]:
            raise FormatError(
                f"the layer {by_name[name].kind} {name[:80]!r} is called several times, or has"
                " several outputs; expected one of both"
            )
        names.append(name)
    return names


# Shapes


def _flat(entries: list[Entry], config: Any) -> list[Entry]:
    """The layers without Flatten, which rows of columns do not need; others need rows."""
    found: list[Entry] = []
    n_dimensions = _dimensions(config.get("build_input_shape") if is_dict(config) else None)
    for entry in entries:
        own = entry.config
        n_dimensions = (
            _dimensions(own.get("batch_shape", own.get("batch_input_shape"))) or n_dimensions
        )
        if entry.kind == "Flatten":
            n_dimensions = 2
            continue
        if entry.kind != "InputLayer" and n_dimensions not in (None, 2):
            raise FormatError(
                f"the layer {entry.kind} {entry.name[:80]!r} takes {n_dimensions} dimensions,"
                " expected rows of columns, or a Flatten in front of it"
            )
        found.append(entry)
    return found


def _dimensions(shape: Any) -> int | None:
    return len(shape) if is_list(shape) else None
