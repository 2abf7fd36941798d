"""Trying an update before it is made."""

from cyprop.engine.below cimport below32, below64
from cyprop.engine.model cimport TAME, Layer, Model, Sizes
from cyprop.engine.pieces cimport Link

cdef enum:
    SMALL = 64              # numbers that are looked at here rather than by a kernel

cdef double tame(const Model *model) noexcept nogil
cdef void look_at_states(Model *model) noexcept nogil
cdef void begin_update(Model *model) noexcept nogil
cdef bint is_tame(const Model *model, const Link *link) noexcept nogil
cdef bint sizes_are_tame(
    const Model *model, const Link *link, const Sizes *sizes) noexcept nogil
cdef void measure_rows(const Model *model, const Link *link, Sizes *sizes) noexcept nogil
cdef void measure_weights(
    const Model *model, const Layer *layer, Py_ssize_t k, Py_ssize_t n_rows,
    Sizes *sizes) noexcept nogil
cdef void gather_sizes(const Sizes *found, Sizes *sizes) noexcept nogil
cdef void take_back_beginning(Model *model) noexcept nogil
cdef bint tried(Model *model, const Link *link) noexcept nogil
cdef bint step_is_tame(Model *model, const char *gradient) noexcept nogil
cdef bint step_is_finite(Model *model, const char *gradient, char *room) noexcept nogil


cdef inline bint is_bounded(const Model *model) noexcept nogil:
    """Whether no step from a tame gradient can be large: it reaches up to 2⁴⁰ times as far."""
    return model.reach <= 1099511627776.0 and model.wild == TAME


cdef inline Py_ssize_t by_fours(Py_ssize_t n) noexcept nogil:
    return (n + 3) & ~<Py_ssize_t> 3


cdef inline bint below(const Model *model, Py_ssize_t n, const char *x) noexcept nogil:
    """Whether n numbers, a multiple of four, are all below 2²⁹ in size."""
    return below64(n, x) if model.dtype else below32(n, x)


cdef inline bint is_plainly_tame(const Model *model, const Link *link) noexcept nogil:
    """`is_tame` of one sample of ordinary size, in a few instructions; padding may make it false."""
    cdef const Layer *layer = link.layer
    if link.n > 1 or layer.width > SMALL or model.penalised:
        return False
    if not below(model, by_fours(layer.n_out), link.dZ):
        return False
    if link.ordinary:
        return True
    # Rows of A have padding to the next multiple of four, rows of X have not.
    return layer.n_in <= SMALL and (layer > model.layers or layer.n_in % 4 == 0) and below(
        model, by_fours(layer.n_in), link.A_prev)
