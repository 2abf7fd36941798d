"""Many rows, a few at a time, without the GIL."""

from cyprop.engine.chain cimport Model

cdef Py_ssize_t predict_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef void predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch,
    Py_ssize_t n_parts) noexcept nogil

cdef Py_ssize_t input_gradient_of_rows_scratch_size(
    const Model *model, Py_ssize_t n) noexcept nogil
cdef void input_gradient_of_rows(
    const Model *model, Py_ssize_t n, const char *X, const char *dA, char *dX,
    char *scratch) noexcept nogil

cdef Py_ssize_t loss_of_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef double loss_of_rows(
    const Model *model, Py_ssize_t n, const char *X, const char *Y, char *scratch,
    Py_ssize_t n_parts) noexcept nogil

cdef Py_ssize_t gradient_of_rows_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil
cdef double gradient_of_rows(
    Model *model, Py_ssize_t n, const char *X, const char *Y, char *gradient, char *dX,
    char *scratch) noexcept nogil

cdef Py_ssize_t train_scratch_size(
    const Model *model, Py_ssize_t batch_size, Py_ssize_t n_parts) noexcept nogil
cdef Py_ssize_t train(
    Model *model, Py_ssize_t n, const char *X, const char *Y, const Py_ssize_t *order,
    Py_ssize_t batch_size, Py_ssize_t start, double *total, char *scratch,
    Py_ssize_t n_parts) noexcept nogil

cdef Py_ssize_t first_nonfinite(Py_ssize_t dtype, Py_ssize_t n, const char *x) noexcept nogil
