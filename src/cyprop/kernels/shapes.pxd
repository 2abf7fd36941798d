"""Checks of the arrays that a kernel's face is handed, in one sentence each."""

from cython cimport floating

cdef Py_ssize_t matrix(
    str name, const floating[:, :] array, Py_ssize_t n_rows, Py_ssize_t n_columns) except? -1

cdef int vector(str name, const floating[:] array, Py_ssize_t size) except -1

cdef int same_stride(str names, Py_ssize_t stride, Py_ssize_t other) except -1
