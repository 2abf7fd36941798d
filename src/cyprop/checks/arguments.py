"""Arguments that a call does not have, answered with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def check_no_others(
    others: Mapping[str, object], called: str, method: Any, instead: Mapping[str, str]
) -> None:
    """Raise TypeError for the first of `others`: with what is written instead, or what there is."""
    for key in others:
        code = method.__code__
        has = ", ".join(code.co_varnames[1 : code.co_argcount]) or "none"
        raise TypeError(f"{called} has no argument {key!r}: {instead.get(key, f'it has {has}')}")
