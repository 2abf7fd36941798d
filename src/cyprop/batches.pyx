"""Many rows, a few at a time, without the GIL: predicting, measuring the loss, training.

X is (n, n_in) and Y (n, n_out), C-contiguous and of the model's dtype. Scratch belongs to the
caller. Nothing here can fail.
"""

from libc.math cimport isfinite
from libc.string cimport memcpy

from cyprop.chain cimport (
    ALIGNMENT, backward, forward, input_size, output_size, predict, predict_scratch_size,
    training_scratch_size,
)

cdef enum:
    ROWS_AT_ONCE = 64            # so that their activations stay in the cache
    TURN = 1 << 24               # multiplications after which training stops for a look at Ctrl-C


cdef Py_ssize_t predict_rows_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return predict_scratch_size(model, min(n, <Py_ssize_t> ROWS_AT_ONCE))


cdef void predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch,
) noexcept nogil:
    """A⁽ᴸ⁾ of n rows into out (n, n_out)."""
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model)
    cdef Py_ssize_t i = 0, rows
    while i < n:
        rows = min(n - i, <Py_ssize_t> ROWS_AT_ONCE)
        predict(model, rows, X + i * n_in * model.itemsize, n_in,
                out + i * n_out * model.itemsize, scratch)
        i += rows


cdef Py_ssize_t loss_of_rows_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return training_scratch_size(model, min(n, <Py_ssize_t> ROWS_AT_ONCE))


cdef double loss_of_rows(
    const Model *model, Py_ssize_t n, const char *X, const char *Y, char *scratch,
) noexcept nogil:
    """The sum of C over n rows, in order."""
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model)
    cdef Py_ssize_t i = 0, rows
    cdef double total = 0
    while i < n:
        rows = min(n - i, <Py_ssize_t> ROWS_AT_ONCE)
        forward(model, rows, X + i * n_in * model.itemsize, n_in,
                Y + i * n_out * model.itemsize, n_out, scratch, &total)
        i += rows
    return total


cdef Py_ssize_t train_scratch_size(const Model *model, Py_ssize_t batch_size) noexcept nogil:
    """A training scratch, and the rows of one batch gathered in front of it."""
    return training_scratch_size(model, batch_size) + gathered_size(model, batch_size)


cdef inline Py_ssize_t gathered_size(const Model *model, Py_ssize_t batch_size) noexcept nogil:
    cdef Py_ssize_t row = (input_size(model) + output_size(model)) * model.itemsize
    return (batch_size * row + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef Py_ssize_t train(
    Model *model, Py_ssize_t n, const char *X, const char *Y, const Py_ssize_t *order,
    Py_ssize_t batch_size, Py_ssize_t start, double *total, char *scratch,
) noexcept nogil:
    """Train on batch after batch from row `start` on, for a few milliseconds or to the end.

    With an order, batches are made up of the rows it names. The losses of the rows, before their
    updates, are added to total. Returns the row to go on from. A batch whose loss is not finite is
    not learned, and is where it stops.
    """
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model)
    cdef Py_ssize_t x_row = n_in * model.itemsize, y_row = n_out * model.itemsize
    cdef char *gathered_X = scratch
    cdef char *gathered_Y = scratch + batch_size * x_row
    cdef char *inner = scratch + gathered_size(model, batch_size)
    cdef const char *X_batch
    cdef const char *Y_batch
    cdef Py_ssize_t work = 0, rows, i
    while start < n and work < TURN:
        rows = min(batch_size, n - start)
        if order == NULL:
            X_batch = X + start * x_row
            Y_batch = Y + start * y_row
        else:
            for i in range(rows):
                memcpy(gathered_X + i * x_row, X + order[start + i] * x_row, x_row)
                memcpy(gathered_Y + i * y_row, Y + order[start + i] * y_row, y_row)
            X_batch = gathered_X
            Y_batch = gathered_Y
        forward(model, rows, X_batch, n_in, Y_batch, n_out, inner, total)
        if not isfinite(total[0]):
            break
        backward(model, rows, X_batch, n_in, Y_batch, n_out, inner, NULL, NULL)
        start += rows
        work += rows * model.n_parameters
    return start
