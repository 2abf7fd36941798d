"""Rows that the parts of a task take, some at a time, until none is left.

A part that begins late, or whose processor is slower, takes fewer. Which part a row goes through makes
no difference to its bits.
"""

from cyprop.engine.team cimport count

cdef enum:
    ROWS_AT_ONCE = 64            # so that their activations stay in the cache
    TILES = 8                    # what their number is a multiple of, where it can be
    TIMES = 4                    # that each part takes some at least, so that all end about together


cdef struct Rows:
    Py_ssize_t n, at_once
    long times                   # that some were taken


cdef inline Py_ssize_t some(Py_ssize_t n) noexcept nogil:
    """As many of n rows as go through a network together where they need not all."""
    return min(n, <Py_ssize_t> ROWS_AT_ONCE)


cdef inline Rows rows_to_take(Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil:
    cdef Py_ssize_t at_once = ROWS_AT_ONCE
    if n_parts > 1:
        at_once = min(at_once, max(n // (n_parts * TIMES * TILES), <Py_ssize_t> 1) * TILES)
    return Rows(n, at_once, 0)


cdef inline (Py_ssize_t, Py_ssize_t) take_rows(Rows *rows) noexcept nogil:
    """From which row on, and how many; fewer than one: none is left."""
    cdef Py_ssize_t first = (count(&rows.times, 1) - 1) * rows.at_once
    return first, min(rows.at_once, rows.n - first)
