"""Checks of what a person passes: of kinds, and of numbers, each answered in one sentence."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any, TypeGuard


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a list, of whatever."""
    return isinstance(value, list)


def is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    """Whether it is a dict, of whatever."""
    return isinstance(value, dict)


def is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether it is a sequence, of whatever, but not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def whole_number(value: Any, name: str, low: int = 1) -> int:
    """`value` as an int of at least `low`; TypeError for anything fractional or not a number."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, expected a whole number") from None
    if number < low:
        raise ValueError(f"{name} is {number}, expected at least {low}")
    return number


def real_number(
    value: Any, name: str, low: float, high: float, *, low_allowed: bool = False
) -> float:
    """`value` as a finite float in the open range (low, high), or [low, high)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}, expected a number")
    number = float(value)
    above = number >= low if low_allowed else number > low
    if not (math.isfinite(number) and above and number < high):
        bound = f"at least {low:g}" if low_allowed else f"above {low:g}"
        limit = f" and below {high:g}" if math.isfinite(high) else ""
        raise ValueError(f"{name} is {value!r}, expected a finite number {bound}{limit}")
    return number
