"""A look for numbers that are not finite, without the GIL: one read of them."""

cimport numpy as cnp
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from cyprop.engine.below cimport below32, below64

import numpy as np

cnp.import_array()


cdef inline bint all_finite32(Py_ssize_t n, const char *x) noexcept nogil:
    """An exponent of all ones, which NaN and infinity have, carries into the sign by adding one."""
    cdef uint32_t bits, carried = 0
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&bits, x + 4 * i, 4)
        carried |= (bits & <uint32_t> 0x7f800000) + <uint32_t> 0x00800000
    return carried >> 31 == 0


cdef inline bint all_finite64(Py_ssize_t n, const char *x) noexcept nogil:
    cdef uint64_t bits, carried = 0
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&bits, x + 8 * i, 8)
        carried |= (bits & <uint64_t> 0x7ff0000000000000) + <uint64_t> 0x0010000000000000
    return carried >> 63 == 0


cdef Py_ssize_t first_nonfinite(Py_ssize_t dtype, Py_ssize_t n, const char *x) noexcept nogil:
    """Where among n numbers the first NaN or infinity is; n if there is none. One read of them."""
    cdef Py_ssize_t i = 0, size = 4 if dtype == 0 else 8, count
    while i < n:
        count = min(n - i, <Py_ssize_t> 1024)
        if not (
            all_finite32(count, x + i * size) if dtype == 0 else all_finite64(count, x + i * size)
        ):
            while (
                all_finite32(1, x + i * size) if dtype == 0 else all_finite64(1, x + i * size)
            ):
                i += 1
            return i
        i += count
    return n


cdef bint all_ordinary(Py_ssize_t dtype, Py_ssize_t n, const char *x) noexcept nogil:
    """Whether n numbers are all below 2²⁹ in size."""
    cdef Py_ssize_t size = 4 if dtype == 0 else 8, whole = n // 4 * 4
    cdef char rest[32]
    memset(rest, 0, sizeof(rest))
    memcpy(rest, x + whole * size, (n - whole) * size)
    if dtype == 0:
        return below32(whole, x) and below32(4, rest)
    return below64(whole, x) and below64(4, rest)


def is_ordinary(array):
    """Whether all numbers of a contiguous array of floats are below 2²⁹ in size."""
    cdef Py_ssize_t size = cnp.PyArray_SIZE(array)
    cdef Py_ssize_t dtype = cnp.PyArray_TYPE(<cnp.ndarray> array) != cnp.NPY_FLOAT32
    cdef const char *data = cnp.PyArray_BYTES(<cnp.ndarray> array)
    cdef bint found
    with nogil:
        found = all_ordinary(dtype, size, data)
    return bool(found)


def place_of_nonfinite(array):
    """Where the first NaN or infinity of a contiguous array of floats is, as an index, or None."""
    cdef Py_ssize_t size = cnp.PyArray_SIZE(array), found
    cdef Py_ssize_t dtype = cnp.PyArray_TYPE(<cnp.ndarray> array) != cnp.NPY_FLOAT32
    cdef const char *data = cnp.PyArray_BYTES(<cnp.ndarray> array)
    with nogil:
        found = first_nonfinite(dtype, size, data)
    return None if found == size else tuple(map(int, np.unravel_index(found, array.shape)))
