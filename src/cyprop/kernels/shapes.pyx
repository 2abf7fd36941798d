"""Checks of the arrays that a kernel's face is handed, in one sentence each.

None passes for a memoryview of shape zero, so a face checks the array that defines a size first.
"""

from cython cimport floating
from libc.stdint cimport uintptr_t


cdef Py_ssize_t matrix(
    str name, const floating[:, :] array, Py_ssize_t n_rows, Py_ssize_t n_columns,
) except? -1:
    """The distance from a row to the next, in elements; an error if no kernel can take it."""
    cdef Py_ssize_t size = sizeof(floating)
    if array is None:
        raise TypeError(f"{name} is None, expected a matrix")
    if array.shape[0] != n_rows or array.shape[1] != n_columns:
        raise ValueError(
            f"{name} has shape ({array.shape[0]}, {array.shape[1]}),"
            f" expected ({n_rows}, {n_columns})"
        )
    if n_rows == 0 or n_columns == 0:
        raise ValueError(f"{name} is empty, expected at least one row and one column")
    if n_columns > 1 and array.strides[1] != size:
        raise ValueError(f"{name} must have the columns of a row adjacent in memory")
    if (n_rows > 1 and array.strides[0] % size) or <uintptr_t> &array[0, 0] % <uintptr_t> size:
        raise ValueError(f"{name} is misaligned for its dtype")
    return array.strides[0] // size if n_rows > 1 else n_columns


cdef int vector(str name, const floating[:] array, Py_ssize_t size) except -1:
    """An error unless a kernel can take `array` as (size,)."""
    if array is None:
        raise TypeError(f"{name} is None, expected a vector")
    if array.shape[0] != size:
        raise ValueError(f"{name} has shape ({array.shape[0]},), expected ({size},)")
    if size == 0:
        raise ValueError(f"{name} is empty, expected at least one element")
    if size > 1 and array.strides[0] != <Py_ssize_t> sizeof(floating):
        raise ValueError(f"{name} must have its elements adjacent in memory")
    if <uintptr_t> &array[0] % <uintptr_t> sizeof(floating):
        raise ValueError(f"{name} is misaligned for its dtype")
    return 0


cdef int same_stride(str names, Py_ssize_t stride, Py_ssize_t other) except -1:
    """ValueError unless the rows of two arrays are the same distance apart."""
    if stride != other:
        raise ValueError(
            f"rows of {names} must be the same distance apart, not {stride} and {other} elements"
        )
    return 0
