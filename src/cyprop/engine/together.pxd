"""The chain rule on a team of threads, over a batch."""

from cyprop.engine.model cimport Batch, Model, Part, Sink, Tape

cdef Tape tape_of_part(
    const Model *model, const Part *part, Py_ssize_t n, char *scratch) noexcept nogil
cdef bint derive_errors(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, double *C, const char *dA,
    const Sink *sink) noexcept nogil
cdef bint derive_parameters(
    Model *model, const Part *part, const Batch *batch, const Tape *tape,
    const Sink *sink) noexcept nogil
