"""The chain rule over a model, which the engine calls without the GIL."""

from cyprop.engine.model cimport Batch, Model, Part, Sink, Tape
from cyprop.engine.pieces cimport Link

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
cdef bint pass_on(
    const Model *model, const Part *part, const Link *link, Py_ssize_t k,
    Py_ssize_t k_end) noexcept nogil
cdef void step_by(Model *model, const Part *part, const char *gradient) noexcept nogil


cdef double learn(
    Model *model, const char *x, const char *y, const double *weight, char *scratch) noexcept nogil
