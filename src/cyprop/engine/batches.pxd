"""Many rows, a few at a time, without the GIL."""

from cyprop.engine.model cimport Batch, Model, Sink

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
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
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

cdef Py_ssize_t train_scratch_size(
    const Model *model, Py_ssize_t batch_size, Py_ssize_t n_parts) noexcept nogil
cdef Py_ssize_t train(
    Model *model, const Batch *data, Py_ssize_t batch_size, Py_ssize_t start, double *total,
    char *scratch, Py_ssize_t n_parts) noexcept nogil
