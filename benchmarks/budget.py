"""The time that a run may take, where `--time` gives one: shared out over its cases as it goes.

A suite that walks through its cases with `each` never needs to know how long one takes: a case gets
its part of what is left, and those for which nothing is left are skipped and named.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Case = TypeVar("Case")

LEAST_ROUNDS = 3  # of a case that is measured at all

_end: float | None = None  # of the run
_case_end: float | None = None
skipped: list[str] = []


def duration(text: str) -> float:
    """Seconds, of text such as "90", "90s", "10m" or "1h"."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a time as 90s, 10m or 1h, not {text!r}")
    return seconds


def start(seconds: float) -> None:
    """From now on so many seconds, for this whole process."""
    global _end
    _end = time.monotonic() + seconds


def left(otherwise: float) -> float:
    """Seconds that are left of this run, or that many where it has no end."""
    return otherwise if _end is None else _end - time.monotonic()


def each(
    cases: Iterable[Case],
    name: Callable[[Case], str] = str,
    weight: Callable[[Case], float] = lambda _: 1.0,
) -> Iterator[Case]:
    """The first case, and others while there is time; the names of the rest go to `skipped`.

    A case's part of the time that is left is as large as its weight beside those of the rest.
    Within a case, `each` may be used again: it shares out the time of that case.
    """
    global _case_end
    outer = _end if _case_end is None else _case_end
    waiting = list(cases)
    for place, case in enumerate(waiting):
        if outer is None:
            yield case
            continue
        seconds = outer - time.monotonic()
        if seconds <= 0 and place > 0:
            skipped.append(name(case))
            continue
        share = weight(case) / sum(map(weight, waiting[place:]))
        before, _case_end = _case_end, time.monotonic() + seconds * share
        try:
            yield case
        finally:
            _case_end = before


def is_over(rounds: int) -> bool:
    """Whether a case that has been measured so many times has had its time."""
    end = _end if _case_end is None else _case_end
    return end is not None and rounds >= LEAST_ROUNDS and time.monotonic() >= end
