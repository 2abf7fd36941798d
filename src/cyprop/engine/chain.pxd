"""The chain rule over a model, which the engine calls without the GIL."""

from libc.math cimport NAN, isfinite

from cyprop.engine.model cimport UPDATE, Batch, Model, Part, Sink, Tape, rows_of, tape_in, whole


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


cdef inline double learn(Model *model, const char *x, const char *y, char *scratch) noexcept nogil:
    """One update from one sample, unless a number would not be finite, and then NaN; else the loss
    before."""
    cdef double loss = 0
    cdef Part part = whole()
    cdef Batch batch = rows_of(model, 1, x, y)
    cdef Tape tape = tape_in(model, 1, scratch)
    cdef Sink sink = Sink(UPDATE, NULL, NULL)
    forward(model, &part, &batch, &tape, &loss)
    if isfinite(loss) and backward(model, &part, &batch, &tape, &sink):
        return NAN
    return loss
