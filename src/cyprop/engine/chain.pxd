"""The chain rule over a model, which the engine calls without the GIL."""

from cyprop.engine.model cimport Batch, Model, Part, Sink, Tape

cdef enum:
    STRIP_BYTES = 16384     # of dW at a time while learning: half a first-level cache
    STRIP_ROWS = 96         # of W at least, and in multiples: whole tiles of dA_prev and blocks of dW


cdef inline Py_ssize_t strip_size(const Model *model) noexcept nogil:
    return STRIP_BYTES + STRIP_ROWS * model.widest * model.itemsize


cdef inline char *strip_of(const Model *model, const Tape *tape, const Part *part) noexcept nogil:
    """The part's own strip of dW."""
    return tape.strips + part.index * strip_size(model)


cdef bint interrupted(const Part *part) noexcept nogil
cdef bint look(const Part *part, long long *next_look) noexcept nogil
cdef bint wait_for_others(const Part *part) noexcept nogil

cdef Py_ssize_t predict_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil
cdef void predict(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    char *out, char *scratch) noexcept nogil

cdef Py_ssize_t tape_size(const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef void forward(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape,
    double *C) noexcept nogil
cdef bint backward(
    Model *model, const Part *part, const Batch *batch, const Tape *tape,
    const Sink *sink) noexcept nogil
cdef bint pull_back(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const char *dA,
    const Sink *sink) noexcept nogil
cdef void step_by(Model *model, const Part *part, const char *gradient) noexcept nogil


cdef double learn(
    Model *model, const char *x, const char *y, const double *weight, char *scratch) noexcept nogil
