"""Many rows, a few at a time, without the GIL."""

from libc.string cimport memcpy

from cyprop.engine.model cimport Batch, Model, Part, Sink, Tape, whole_lines


cdef inline Py_ssize_t losses_size(Py_ssize_t n) noexcept nogil:
    return whole_lines(n * sizeof(double))


cdef inline double sum_of(const Batch *batch, const double *C, double total) noexcept nogil:
    """total and then the C of each row, in order, times its weight if it has one"""
    cdef Py_ssize_t i
    if batch.weights == NULL:
        for i in range(batch.n):
            total += C[i]
    else:
        for i in range(batch.n):
            if batch.weights[i] > 0:
                total += batch.weights[i] * C[i]
    return total


cdef inline double weight_of(const Batch *batch) noexcept nogil:
    """What the rows weigh together"""
    cdef Py_ssize_t i
    cdef double total = 0
    if batch.weights == NULL:
        return batch.n
    for i in range(batch.n):
        total += batch.weights[i]
    return total


cdef inline void gather_targets(
    const Model *model, Py_ssize_t n, const char *Y, const Py_ssize_t *order, char *gathered,
) noexcept nogil:
    """The n rows of Y that an order names, one behind the other."""
    cdef Py_ssize_t i, row = model.n_targets * model.itemsize
    for i in range(n):
        memcpy(gathered + i * row, Y + order[i] * row, row)


cdef bint forward_in_pieces(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape,
    double *C) noexcept nogil

cdef Py_ssize_t predict_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef bint predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch,
    Py_ssize_t n_parts, bint stoppable) noexcept nogil

cdef Py_ssize_t input_gradient_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef bint input_gradient(
    const Model *model, Py_ssize_t n, const char *X, const char *dA, char *dX, char *scratch,
    Py_ssize_t n_parts, bint stoppable) noexcept nogil

cdef Py_ssize_t loss_of_rows_scratch_size(
    const Model *model, const Batch *data, Py_ssize_t n_parts) noexcept nogil
cdef bint loss_of_rows(
    const Model *model, const Batch *data, double *total, char *scratch,
    Py_ssize_t n_parts) noexcept nogil

cdef Py_ssize_t derive_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef bint derive(
    Model *model, const Batch *batch, const char *dA, const Sink *sink, double *total,
    char *scratch, Py_ssize_t n_parts) noexcept nogil

cdef bint step_by_vector(
    Model *model, const char *gradient, char *scratch, Py_ssize_t n_parts) noexcept nogil
