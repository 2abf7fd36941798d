"""How many threads a call gets: those it asked for, fewer where more would not make it faster."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from cyprop.checks.numbers import shown, whole_number
from cyprop.engine.team import Kept

MOST = 256  # members that a team can have (team.h)

# What each thread must have to do, in multiplications of one pass over the weights. Measured on two
# cores of a Zen 4: starting a thread takes some 50 µs, so two overtook one at 2^22 a call; of a
# batch they did at 2^18 for 16-64-64-4, 2^19 for 784-30-10 and 2^20 for 784-300-10.
LEAST_OF_A_CALL = 1 << 22
LEAST_OF_A_BATCH = 1 << 19
LEAST_OF_A_STEP = 1 << 18  # parameters


def processors() -> int:
    """How many this process may run on; threads that share one only wait for each other."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_for_rows(n_threads: Any, n: int, n_parameters: int) -> int:
    """How many of `n_threads` are of use on n rows, each passing the parameters once.

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
    return max(1, min(wanted, processors(), n, n * n_parameters // LEAST_OF_A_CALL))


def threads_for_batches(n_threads: Any, n: int, batch_size: int, n_parameters: int) -> int:
    """How many of `n_threads` are of use in training on n rows in batches, in which they meet."""
    return min(
        threads_for_rows(n_threads, n, n_parameters),
        max(1, batch_size * n_parameters // LEAST_OF_A_BATCH),
    )


def threads_for_parameters(n_threads: Any, n_parameters: int) -> int:
    """How many of `n_threads` are of use in one step of the optimizer over all parameters."""
    wanted = threads_for_rows(n_threads, MOST, LEAST_OF_A_CALL)
    return max(1, min(wanted, n_parameters // LEAST_OF_A_STEP))


def kept_threads(n_threads: int) -> AbstractContextManager[object]:
    """While it is entered, calls of this thread share the threads that the first of them starts.

    They have ended when it is left.
    """
    return Kept() if n_threads > 1 else nullcontext()
