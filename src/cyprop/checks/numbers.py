"""Checks of what a person passes: of kinds, and of numbers, each answered in one sentence."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any, TypeGuard

LONGEST_SHOWN = 100  # characters of a value in a sentence


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a list, of whatever."""
    return isinstance(value, list)


def is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    """Whether it is a dict, of whatever."""
    return isinstance(value, dict)


def is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether it is a sequence, of whatever, but not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def class_of(value: object) -> type[Any]:
    """Its class, for those who ask for the name of that, or where it is from."""
    return type(value)


def shown(value: Any) -> str:
    """The value as a sentence can hold it: what Python shows, cut where that is very long."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out whole numbers of thousands of digits
        return "a number of thousands of digits"
    if "\n" in text:  # of arrays and tables, which take several lines
        text = " ".join(text.split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def counted(n: int) -> str:
    """How many entries a sequence has, as a sentence says it."""
    return "1 entry" if n == 1 else f"{n} entries"


def whole_number(value: Any, name: str, low: int = 1) -> int:
    """`value` as an int of at least `low`; TypeError for anything fractional or not a number."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {shown(value)}, expected a whole number") from None
    if number < low:
        raise ValueError(f"{name} is {shown(number)}, expected at least {low}")
    return number


def real_number(
    value: Any, name: str, low: float, high: float, *, low_allowed: bool = False
) -> float:
    """`value` as a finite float in the open range (low, high), or [low, high).

    Raises
    ------
    TypeError
        If it is not a real number; a bool is not one.
    ValueError
        If it is NaN, infinite, too large for a float, or outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {shown(value)}, expected a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(
            f"{name} is {shown(value)}, expected a number that a float can hold"
        ) from None
    above = number >= low if low_allowed else number > low
    if not (math.isfinite(number) and above and number < high):
        bound = f"at least {low:g}" if low_allowed else f"above {low:g}"
        limit = f" and below {high:g}" if math.isfinite(high) else ""
        raise ValueError(f"{name} is {shown(value)}, expected a finite number {bound}{limit}")
    return number
