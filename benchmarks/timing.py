"""Time several functions side by side, so that noise hits all of them alike."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import budget

SHORTEST = 1e-3  # seconds that one reading lasts at least
LONGEST_RETAKEN = 20e-3  # a longer reading counts even if it was interrupted
TRIES = 20
MANY = 32


@dataclass(frozen=True)
class Timing:
    """Seconds a call: the median, the quartiles and the number of readings."""

    median: float
    low: float
    high: float
    repeats: int


@dataclass
class Candidate:
    """Something to time.

    `calls` are the arguments of the calls to make, one after another; a call does `per_call` units
    of work, and times are given for one unit. `kind` is "ours", "peer", "native" (cyprop from
    compiled code), "call" (what calling costs), or "reference" (no library, or another task).
    """

    label: str
    function: Callable[..., Any]
    calls: Sequence[tuple[Any, ...]] = ((),)
    per_call: float = 1
    kind: str = "peer"
    readings: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = ", ".join(f"a{i}" for i in range(len(self.calls[0])))
        target = f"{names}," if names else "_"
        source = (
            "def loop(function, calls, passes, clock):\n"
            "    start = clock()\n"
            "    for _ in passes:\n"
            f"        for {target} in calls:\n"
            f"            function({names})\n"
            "    return clock() - start\n"
        )
        scope: dict[str, Any] = {}
        exec(source, scope)
        self._loop = scope["loop"]
        self._passes = 1
        self._short = False

    def read(self) -> float:
        """Seconds a unit, over the calibrated number of passes."""
        time_taken = self._loop(
            self.function, self.calls, range(self._passes), time.perf_counter_ns
        )
        return time_taken * 1e-9 / (self._passes * len(self.calls) * self.per_call)

    def undisturbed(self) -> float:
        """A reading during which nobody else was given this processor, if one can be had.

        Otherwise a busy machine would be measured instead of the function. Nor does it count what
        the candidate before has left in the caches: before a short reading comes a call untimed.
        """
        if self._short:
            self.function(*self.calls[0])
        for _ in range(TRIES):
            start, busy_start = time.perf_counter_ns(), time.process_time_ns()
            reading = self.read()
            busy = time.process_time_ns() - busy_start
            wall = time.perf_counter_ns() - start
            if busy > 0.97 * wall or wall * 1e-9 > LONGEST_RETAKEN:
                break
        return reading

    def calibrate(self, shortest: float) -> None:
        """Choose as many passes as make a reading last `shortest` seconds."""
        self._passes = 1
        while (taken := self.read() * self._passes * len(self.calls) * self.per_call) < shortest:
            self._passes = max(self._passes * 2, int(self._passes * shortest / max(taken, 1e-9)))
        self._short = taken < LONGEST_RETAKEN
        if self._passes > MANY and len(self.calls) < MANY:  # or starting a pass would count
            self.calls = list(self.calls) * MANY
            self._passes //= MANY

    def timing(self) -> Timing:
        if len(self.readings) < 2:
            return Timing(*(self.readings * 3), len(self.readings))
        low, median, high = statistics.quantiles(self.readings, n=4, method="inclusive")
        return Timing(median, low, high, len(self.readings))


def compare(
    candidates: Sequence[Candidate], repeats: int, shortest: float = SHORTEST
) -> list[Timing]:
    """Time the candidates in turn, `repeats` rounds, each round starting with another one.

    There are fewer rounds where the time of the case is over before.
    """
    for candidate in candidates:
        candidate.read()
        candidate.calibrate(shortest)
        candidate.readings.clear()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for i in range(repeats):
            if budget.is_over(i):
                break
            for j in range(len(candidates)):
                candidate = candidates[(i + j) % len(candidates)]
                candidate.readings.append(candidate.undisturbed())
    finally:
        if collecting:
            gc.enable()
    return [candidate.timing() for candidate in candidates]
