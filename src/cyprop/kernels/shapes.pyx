"""Checks of the arrays that Python hands to a kernel, in one sentence each."""

from libc.stdint cimport uintptr_t


cdef Py_ssize_t matrix(
    str name, const void *address, Py_ssize_t itemsize, Py_ssize_t *shape, Py_ssize_t *strides,
    Py_ssize_t n_rows, Py_ssize_t n_columns,
) except? -1:
    """The distance from a row to the next, in elements; ValueError if a kernel can't take it."""
    if shape[0] != n_rows or shape[1] != n_columns:
        raise ValueError(
            f"{name} has shape ({shape[0]}, {shape[1]}), expected ({n_rows}, {n_columns})"
        )
    if (n_columns > 1 and strides[1] != itemsize) or (n_rows > 1 and strides[0] % itemsize):
        raise ValueError(f"{name} must have the columns of a row adjacent in memory")
    if <uintptr_t> address % <uintptr_t> itemsize:
        raise ValueError(f"{name} is misaligned for its dtype")
    return strides[0] // itemsize if n_rows > 1 else n_columns


cdef int vector(
    str name, const void *address, Py_ssize_t itemsize, Py_ssize_t size, Py_ssize_t expected,
) except -1:
    if size != expected:
        raise ValueError(f"{name} has {size} elements, expected {expected}")
    if <uintptr_t> address % <uintptr_t> itemsize:
        raise ValueError(f"{name} is misaligned for its dtype")
    return 0
