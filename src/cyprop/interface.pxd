"""cyprop for compiled code: `cimport cyprop` gives these names; docs/embedding.md explains them.

Nothing here needs the GIL, but `model_of`. Nothing allocates, raises, or waits for a lock. What
returns an int or a count returns one of the negative codes if something is wrong.
"""

cdef extern from *:
    """
    struct cyprop_model;
    """
    cdef struct Model "cyprop_model":
        pass

cdef enum:
    OK = 0
    NULL_POINTER = -1
    STALE = -2
    WRONG_DTYPE = -3
    NEGATIVE_COUNT = -4
    MISALIGNED = -5
    NOT_FINITE = -6
    BUSY = -7
    HALF_UPDATED = -8
    BAD_WEIGHT = -9

cdef enum:
    FLOAT32 = 32
    FLOAT64 = 64

# What Network.handle() returns, as a pointer. Needs the GIL; raises TypeError for anything else.
cdef Model *model_of(object handle) except NULL

# One English sentence, never NULL.
cdef const char *error_message(int code) noexcept nogil

cdef Py_ssize_t n_inputs(const Model *model) noexcept nogil
cdef Py_ssize_t n_outputs(const Model *model) noexcept nogil
cdef Py_ssize_t n_parameters(const Model *model) noexcept nogil
cdef int dtype(const Model *model) noexcept nogil          # FLOAT32 or FLOAT64

# Bytes that are enough for each function below with up to n rows, from any address.
cdef Py_ssize_t scratch_size(const Model *model, Py_ssize_t n) noexcept nogil

# One row: x (n_inputs) gives out (n_outputs).
cdef int predict_float32(
    const Model *model, const float *x, float *out, void *scratch) noexcept nogil
cdef int predict_float64(
    const Model *model, const double *x, double *out, void *scratch) noexcept nogil

# n rows: X (n, n_inputs) gives out (n, n_outputs).
cdef int predict_rows_float32(
    const Model *model, Py_ssize_t n, const float *X, float *out, void *scratch) noexcept nogil
cdef int predict_rows_float64(
    const Model *model, Py_ssize_t n, const double *X, double *out, void *scratch) noexcept nogil

# One update from one sample, x (n_inputs) and y (n_outputs; half as many for gaussian_nll); loss is
# that before it. If it is NOT_FINITE, there was no update.
cdef int learn_one_float32(
    Model *model, const float *x, const float *y, double *loss, void *scratch) noexcept nogil
cdef int learn_one_float64(
    Model *model, const double *x, const double *y, double *loss, void *scratch) noexcept nogil

# The same by weight times the gradient; weight is finite and at least 0.
cdef int learn_weighted_float32(
    Model *model, const float *x, const float *y, double weight, double *loss,
    void *scratch) noexcept nogil
cdef int learn_weighted_float64(
    Model *model, const double *x, const double *y, double weight, double *loss,
    void *scratch) noexcept nogil

# dX = dA · ∂A/∂X of each of n rows: dA (n, n_outputs) gives dX (n, n_inputs).
cdef int input_gradient_float32(
    const Model *model, Py_ssize_t n, const float *X, const float *dA, float *dX,
    void *scratch) noexcept nogil
cdef int input_gradient_float64(
    const Model *model, Py_ssize_t n, const double *X, const double *dA, double *dX,
    void *scratch) noexcept nogil
