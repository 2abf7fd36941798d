"""Which layers a person means, by their numbers: 0 is the first hidden layer, and so on."""

from __future__ import annotations

import operator
from typing import Any

from cyprop.checks.arrays import is_array
from cyprop.checks.numbers import is_sequence, shown


def layer_number(value: Any, name: str, n_layers: int) -> int:
    """`value` as the number of a layer, from 0 to n_layers - 1.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If the network has no such layer.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {shown(value)}, expected the whole number of a layer") from None
    if not 0 <= number < n_layers:
        raise ValueError(f"{name} is {shown(number)}, expected a layer from 0 to {n_layers - 1}")
    return number


def layer_numbers(value: Any, name: str, n_layers: int) -> tuple[int, ...]:
    """`value` as the numbers of some layers, or of none, in ascending order.

    Raises
    ------
    TypeError
        If it is not a sequence of whole numbers.
    ValueError
        If the network has no such layer, or one is named twice.
    """
    if not (is_sequence(value) or (is_array(value) and value.ndim == 1)):
        raise TypeError(
            f"{name} is {shown(value)}, expected a sequence of layers, such as (0, 1); () is none"
        )
    numbers = sorted(layer_number(entry, f"{name}[{i}]", n_layers) for i, entry in enumerate(value))
    for below, number in zip(numbers, numbers[1:], strict=False):
        if below == number:
            raise ValueError(f"{name} is {shown(value)}, which names layer {number} twice")
    return tuple(numbers)
