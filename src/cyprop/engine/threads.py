"""How many threads a call gets: those it asked for, fewer where more would not make it faster."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from cyprop.checks.numbers import shown, whole_number
from cyprop.engine.team import Kept

if TYPE_CHECKING:
    from cyprop.settings import Settings

MOST = 256  # members that a team can have (meeting.h)

# What each thread must have to do, in multiplications (`work_of_row`). Measured on two cores of a
# Zen 5: a call starts its threads in some 100 µs; of a batch, where they meet twice and fetch what
# the others have updated, two overtake one at LEAST_OF_A_BATCH each for 784-30-10.
LEAST_OF_A_CALL = 1 << 22
LEAST_OF_A_BATCH = 1 << 20
LEAST_OF_A_STEP = 1 << 18  # parameters
WORK_OF_A_UNIT = 64  # multiplications that take as long as its activation, derivative and bias


def processors() -> int:
    """How many this process may run on; threads that share one only wait for each other."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def work_of_row(settings: Settings) -> int:
    """What a row takes to go through a network, in multiplications of a wide layer."""
    return settings.n_parameters + WORK_OF_A_UNIT * sum(settings.sizes[1:])


def threads_for_rows(n_threads: Any, n: int, work: int) -> int:
    """How many of `n_threads` are of use on n rows of so much work each.

    Raises
    ------
    TypeError, ValueError
        If n_threads is not a whole number from 1 to 256.
    """
    wanted = whole_number(n_threads, "n_threads")
    if wanted > MOST:
        raise ValueError(f"n_threads is {shown(wanted)}, expected at most {MOST}")
    if wanted == 1:
        return 1
    return max(1, min(wanted, processors(), n, n * work // LEAST_OF_A_CALL))


def threads_for_batches(n_threads: Any, n: int, batch_size: int, work: int) -> int:
    """How many of `n_threads` are of use in training on n rows in batches, in which they meet."""
    return min(threads_for_rows(n_threads, n, work), max(1, batch_size * work // LEAST_OF_A_BATCH))


def threads_for_parameters(n_threads: Any, n_parameters: int) -> int:
    """How many of `n_threads` are of use in one step of the optimizer over all parameters."""
    wanted = threads_for_rows(n_threads, MOST, LEAST_OF_A_CALL)
    return max(1, min(wanted, n_parameters // LEAST_OF_A_STEP))


def kept_threads(n_threads: int) -> AbstractContextManager[object]:
    """While it is entered, calls of this thread share the threads that the first of them starts.

    They have ended when it is left.
    """
    return Kept() if n_threads > 1 else nullcontext()
