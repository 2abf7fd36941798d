"""What a network's file has of maps, names and labels.

In the description, behind all else and each only where there is one: ``maps``, of "inputs" and
"outputs" those that have one, then ``input_names``, ``output_names`` and ``labels``, lists. The
numbers of the maps are tensors behind those of the layers and in front of a training's, vectors of
the network's dtype: ``cyprop.input_offset``, ``cyprop.input_scale``, ``cyprop.output_offset`` and
``cyprop.output_scale``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import Maps
from cyprop.checks.names import NO_NAMES, Names, checked_labels, checked_names
from cyprop.checks.numbers import is_list
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.formats.training_state import Vector
from cyprop.settings import Settings

KEYS = ("maps", "input_names", "output_names", "labels")  # in the order in which they stand
PARTS = ("offset", "scale")


class Ends(NamedTuple):
    """What stands before the first layer and behind the last, without the numbers of maps."""

    inputs: bool = False  # whether there is a map
    outputs: bool = False
    names: Names = NO_NAMES


NO_ENDS = Ends()


def ends_of(found: Maps, names: Names) -> Ends:
    return Ends(found.inputs is not None, found.outputs is not None, names)


def entries(ends: Ends) -> dict[str, Any]:
    """What the description says of them."""
    mapped = [name for name in ("inputs", "outputs") if getattr(ends, name)]
    found = dict(zip(KEYS, (mapped or None, *ends.names), strict=True))
    return {key: value for key, value in found.items() if value is not None}


def parse(entries: dict[str, Any], settings: Settings) -> Ends:
    """The ends that a description is of.

    Raises
    ------
    FormatError
        If a network with these settings cannot have them.
    """
    mapped = entries.get("maps", [])
    if mapped not in ([], ["inputs"], ["outputs"], ["inputs", "outputs"]):
        raise FormatError("maps is not a list of 'inputs', 'outputs' or both")
    for key in KEYS:
        if key in entries and not is_list(entries[key]):
            raise FormatError(f"{key} is not a list")
    if "outputs" in mapped and settings.loss.name == "cross_entropy":
        raise FormatError("maps has 'outputs', which loss 'cross_entropy' goes without")
    try:
        names = Names(
            checked_names(entries.get("input_names"), "input_names", settings.sizes[0]),
            checked_names(entries.get("output_names"), "output_names", settings.sizes[-1]),
            checked_labels(entries.get("labels"), settings),
        )
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
    return Ends("inputs" in mapped, "outputs" in mapped, names)


def vectors(ends: Ends, settings: Settings) -> Iterator[Vector]:
    """The arrays of the maps, in the order in which they stand in the payload."""
    for name, n in (("input", settings.sizes[0]), ("output", settings.sizes[-1])):
        if getattr(ends, f"{name}s"):
            for part in PARTS:
                yield Vector(f"cyprop.{name}_{part}", n, settings.dtype.name)


def arrays(found: Maps) -> tuple[npt.NDArray[Any], ...]:
    """The same arrays, of a network."""
    return tuple(array for pair in found if pair is not None for array in pair)


def blank_arrays(ends: Ends, settings: Settings) -> tuple[npt.NDArray[Any], ...]:
    """Room for what a file has of them."""
    return tuple(np.zeros(n, dtype) for _, n, dtype in vectors(ends, settings))


def give(network: Engine, ends: Ends, numbers: tuple[npt.NDArray[Any], ...]) -> None:
    """Give them to a new network.

    Raises
    ------
    ValueError
        If a map has a number that none can have.
    """
    pairs = iter(zip(numbers[::2], numbers[1::2], strict=True))
    inputs = next(pairs) if ends.inputs else None
    outputs = next(pairs) if ends.outputs else None
    put_around(network, inputs, outputs, *ends.names)


def put_around(
    network: Engine,
    inputs: Any = None,
    outputs: Any = None,
    input_names: Any = None,
    output_names: Any = None,
    labels: Any = None,
) -> None:
    """Give a network maps, names and labels, each as one may set it, in place of all it has.

    Raises
    ------
    TypeError, ValueError
        If the network cannot have them.
    """
    settings = memory.settings_of(network)
    names = Names(
        checked_names(input_names, "input_names", settings.sizes[0]),
        checked_names(output_names, "output_names", settings.sizes[-1]),
        checked_labels(labels, settings),
    )
    maps.set_maps(network, inputs, outputs)
    while not maps.set_names(network, maps.names_of(network), names):
        pass
