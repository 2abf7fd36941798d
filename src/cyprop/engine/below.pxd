"""Whether numbers are of ordinary size, below 2²⁹ (below.h)."""

cdef extern from "below.h" nogil:
    # n is a multiple of four
    bint below32 "cyprop_below32"(Py_ssize_t n, const char *x) noexcept
    bint below64 "cyprop_below64"(Py_ssize_t n, const char *x) noexcept
