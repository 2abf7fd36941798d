"""A look for numbers that are not finite, without the GIL."""

cdef Py_ssize_t first_nonfinite(Py_ssize_t dtype, Py_ssize_t n, const char *x) noexcept nogil
