"""The three products of a layer, and any BLAS's gemm for them in a compiled loop.

A BLAS counts columns first, so each product is asked for as its transpose.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import native
from benchmarks.fixed import Loop
from benchmarks.timing import Candidate

LOOP_OPERATIONS = 2e8  # floating-point operations a call into a compiled loop does, at least


@dataclass(frozen=True)
class Operation:
    """One product as cyprop takes it: its name, its arguments with the output last.

    Rows lie as in a network: each starts at a cache line, and those of W, Z and dZ are as wide for
    cyprop as whole lines are. `n_out` is the width that others multiply, without what fills a line.
    """

    name: str
    arguments: tuple[Any, ...]
    n_out: int
    bias: Any = None

    @property
    def out(self) -> Any:
        return self.arguments[-1]

    @property
    def factors_and_out(self) -> tuple[Any, Any, Any]:
        """Two matrices and their product, of the true width."""
        if self.name == "forward":
            A_prev, W, _, Z = self.arguments
            return A_prev, W[:, : self.n_out], Z[:, : self.n_out]
        if self.name == "backward_W":
            A_prev, dZ, dW = self.arguments
            return A_prev.T, dZ[:, : self.n_out], dW[:, : self.n_out]
        dZ, W, dA_prev = self.arguments
        return dZ[:, : self.n_out], W[:, : self.n_out].T, dA_prev

    @property
    def repeats(self) -> int:
        """How often a compiled loop multiplies a call."""
        first, second, _ = self.factors_and_out
        return max(1, int(LOOP_OPERATIONS / (2 * first.size * second.shape[1])))


def leading(array: Any) -> tuple[Any, bool]:
    """Elements from a row to the next, and whether rows are columns."""
    transposed = array.strides[0] == array.itemsize < array.strides[1]
    return max(array.strides) // array.itemsize, transposed


@dataclass(frozen=True)
class Gemm:
    """What gemm is told, columns first: C (m, n) = op(A) (m, k) · op(B) (k, n)."""

    transposed: tuple[bool, bool]
    m: int
    n: int
    k: int
    matrices: tuple[Any, Any, Any]
    leading: tuple[int, int, int]


def columns_first(operation: Operation) -> Gemm:
    first, second, out = operation.factors_and_out
    (lda, a), (ldb, b), (ldc, _) = (leading(array) for array in (second, first, out))
    n, m = out.shape
    return Gemm((a, b), m, n, first.shape[1], (second, first, out), (lda, ldb, ldc))


@cache
def loop() -> Any:
    """The compiled loop over a function of any BLAS.

    Raises
    ------
    UnavailableError
    """
    return native.prepared("gemm_loop.c").gemm_loop


def candidates(label: str, library: Path, name: str, operation: Operation) -> list[Candidate]:
    """That library's gemm in a compiled loop, if there is one; `name` has {} in place of s or d."""
    told = columns_first(operation)
    dtype = operation.out.dtype
    try:
        function = getattr(ctypes.CDLL(str(library)), name.format("s" if dtype == "f4" else "d"))
        looped = loop()
    except (OSError, AttributeError, native.UnavailableError):
        return []
    # 64 bits each: whoever reads 32 of them reads the lower half, which comes first.
    sizes = np.array([told.m, told.n, told.k, *told.leading], np.int64)
    one, zero = np.ones(1, dtype), np.zeros(1, dtype)
    letters = b"".join(b"T" if transposed else b"N" for transposed in told.transposed)
    arrays = (sizes, one, zero, *told.matrices)
    arguments = (
        ctypes.c_long(operation.repeats),
        ctypes.cast(function, ctypes.c_void_p),
        ctypes.c_char_p(letters),
        *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
    )
    return [
        Candidate(label, Loop(looped, arguments, (arrays, letters)), per_call=operation.repeats)
    ]
