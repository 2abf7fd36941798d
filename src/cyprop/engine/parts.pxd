"""What the parts of a task do beside their share of it: wait for each other, and look for Ctrl-C."""

from cyprop.engine.model cimport Model, Part
from cyprop.engine.team cimport Team, meet

cdef enum:
    PIECE = 1 << 24         # multiplications of a large batch after which Ctrl-C is looked for
    SMALL = 1 << 13         # parameters that need little room in the first-level cache,
    FEW = 128               # and rows whose A and dZ then have room beside them


cdef inline bint wait_for_others(const Part *part) noexcept nogil:
    """Until all parts are here; true if they have been told to stop, and then all are."""
    return part.n_parts > 1 and meet(<Team *> part.team)


cdef inline Py_ssize_t n_pieces_of(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    """In how many pieces each part takes its share of n rows through the network."""
    cdef Py_ssize_t pieces = n * model.n_parameters // n_parts // PIECE + 1
    if n_parts > 1 and model.n_parameters <= SMALL:      # one thread gains nothing by it
        pieces = max(pieces, n // n_parts // FEW)
    return pieces


cdef bint interrupted(const Part *part) noexcept nogil
cdef bint look(const Part *part, long long *next_look) noexcept nogil
