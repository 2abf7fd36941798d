"""LIBXSMM: a kernel made for each shape while it runs, called in a compiled loop. float32 only."""

import ctypes

import numpy as np

from benchmarks import native
from benchmarks.fixed import Loop
from benchmarks.gemm import Operation, columns_first
from benchmarks.timing import Candidate

NAME = "LIBXSMM"

try:
    LIBRARY = native.prepared("xsmm_loop.c", native.LIBXSMM)
except native.UnavailableError as error:
    raise ImportError(str(error)) from None


def products(operation: Operation) -> list[Candidate]:
    if operation.out.dtype != np.float32:
        return []
    told = columns_first(operation)
    sizes = np.array([told.m, told.n, told.k, *told.leading], np.int64)
    letters = b"".join(b"T" if transposed else b"N" for transposed in told.transposed)
    shape = ctypes.c_char_p(letters), ctypes.c_void_p(sizes.ctypes.data)
    if not LIBRARY.xsmm_has(*shape):
        return []
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in told.matrices)
    arguments = (ctypes.c_long(operation.repeats), *shape, *pointers)
    call = Loop(LIBRARY.xsmm_loop, arguments, (sizes, letters, *told.matrices))
    return [Candidate("LIBXSMM, compiled loop", call, per_call=operation.repeats)]
