"""Checks of the arrays that Python hands to a kernel, in one sentence each."""

cdef Py_ssize_t matrix(
    str name, const void *address, Py_ssize_t itemsize, Py_ssize_t *shape, Py_ssize_t *strides,
    Py_ssize_t n_rows, Py_ssize_t n_columns) except? -1

cdef int vector(
    str name, const void *address, Py_ssize_t itemsize, Py_ssize_t size,
    Py_ssize_t expected) except -1
