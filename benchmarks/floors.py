"""The physical floor, measured by floors.c in the same run as everything else."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from benchmarks import native
from benchmarks.fixed import Loop
from benchmarks.timing import Candidate

BLOCK = 512  # bytes: floors.c reads eight vectors at a time
BYTES_A_CALL = 1 << 21
FMA_REPEATS = 100_000


class Floors:
    """The compiled loops."""

    def __init__(self) -> None:
        self.library = native.prepared("floors.c")
        self.library.fma_float32.restype = ctypes.c_double
        self.library.fma_float64.restype = ctypes.c_double
        self.library.fma_operations.restype = ctypes.c_long

    def read(self, n_bytes: int) -> Candidate:
        return self._memory("floor: read the weights once", self.library.read_memory, n_bytes)

    def rewrite(self, n_bytes: int) -> Candidate:
        return self._memory(
            "floor: read and rewrite the weights", self.library.rewrite_memory, n_bytes
        )

    def read_and_rewrite(self, n_bytes: int) -> Candidate:
        return self._memory(
            "floor: read, then read and rewrite", self.library.read_and_rewrite_memory, n_bytes
        )

    def _memory(self, label: str, function: Any, n_bytes: int) -> Candidate:
        size = max(BLOCK, -(-n_bytes // BLOCK) * BLOCK)
        memory = np.zeros(size + 64, np.uint8)
        address = (memory.ctypes.data + 63) // 64 * 64
        repeats = max(1, BYTES_A_CALL // size)
        arguments = (ctypes.c_long(repeats), ctypes.c_void_p(address), ctypes.c_size_t(size))

        call = Loop(function, arguments, (memory,))
        # Rounding up to whole blocks would make a tiny floor too high.
        return Candidate(label, call, per_call=repeats * size / n_bytes, kind="reference")

    def fma(self, dtype: str, operations_a_unit: float = 1) -> Candidate:
        """Seconds that so many floating-point operations take in registers."""
        function = getattr(self.library, f"fma_{dtype}")
        operations = self.library.fma_operations(np.dtype(dtype).itemsize)
        return Candidate(
            "floor: the multiplications in registers",
            function,
            [(ctypes.c_long(FMA_REPEATS),)],
            FMA_REPEATS * operations / operations_a_unit,
            "reference",
        )


def load() -> tuple[Floors | None, list[str]]:
    """The floors, or a note why there are none."""
    try:
        return Floors(), []
    except native.UnavailableError as error:
        return None, [f"floors ({error})"]
