"""The model as plain C data, and the chain rule over it. What the engine calls without the GIL."""

from libc.math cimport isfinite
from libc.stdint cimport uintptr_t

from cyprop.kernels.table cimport (
    MAX_HYPERPARAMETERS, MAX_STATES, Activation, Loss, Optimizer, Table,
)

cdef enum:
    ALIGNMENT = 64        # bytes, a cache line; what W, b and every row of scratch start at

cdef struct Layer:
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t width                 # n_out rounded up to whole cache lines, in elements
    Py_ssize_t stride                # from one row of A or Z to the next
    Py_ssize_t W_stride              # from one row of W to the next; less than a line for few outputs
    Py_ssize_t offset                # of W in the parameter vector, in elements
    Py_ssize_t b_offset              # of b
    Py_ssize_t A_offset              # of A in the scratch of one row, in elements
    Py_ssize_t Z_offset              # the same for Z; equal to A_offset where Z need not be kept
    const Activation *activation
    double activation_hyperparameters[MAX_HYPERPARAMETERS]

cdef struct Model:
    const Table *kernels
    Py_ssize_t dtype                 # 0 float32, 1 float64: the entry of a pair in the table
    Py_ssize_t itemsize
    Py_ssize_t n_layers
    Layer *layers
    Py_ssize_t n_parameters          # padding included
    Py_ssize_t widest                # the widest stride of a layer
    Py_ssize_t kept                  # scratch elements a row needs when A (and Z) is kept
    char *parameters
    const Loss *loss
    double loss_hyperparameters[MAX_HYPERPARAMETERS]
    const Optimizer *optimizer
    double hyperparameters[MAX_HYPERPARAMETERS]
    double tally[MAX_HYPERPARAMETERS]  # kept from one update to the next
    char *states[MAX_STATES]

cdef struct Part:                    # of a batch, or of its rows; see `share`
    Py_ssize_t index
    Py_ssize_t n_parts
    void *team                       # that the others belong to too; NULL if there are none
    bint stoppable                   # by Ctrl-C, between strips; the same for all parts
    const Py_ssize_t *order          # which rows of X the batch is made of; NULL: all, in turn

cdef inline Part whole() noexcept nogil:
    """All of it, for one thread."""
    return Part(0, 1, NULL, False, NULL)

cdef inline (Py_ssize_t, Py_ssize_t) share(
    const Part *part, Py_ssize_t n, Py_ssize_t unit,
) noexcept nogil:
    """The part's own of n things, in whole units: from where, to where."""
    cdef Py_ssize_t n_units
    if part.n_parts == 1:
        return 0, n
    n_units = (n + unit - 1) // unit
    return (
        min(n, n_units * part.index // part.n_parts * unit),
        min(n, n_units * (part.index + 1) // part.n_parts * unit),
    )

cdef bint interrupted(const Part *part) noexcept nogil
cdef bint wait_for_others(const Part *part) noexcept nogil

cdef inline char *aligned(void *memory) noexcept nogil:
    """The first cache line that starts in memory."""
    return <char *> ((<uintptr_t> memory + ALIGNMENT - 1) & ~<uintptr_t> (ALIGNMENT - 1))

cdef inline Py_ssize_t input_size(const Model *model) noexcept nogil:
    return model.layers[0].n_in

cdef inline Py_ssize_t output_size(const Model *model) noexcept nogil:
    return model.layers[model.n_layers - 1].n_out

cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil
cdef Py_ssize_t row_stride(Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil
cdef Py_ssize_t weight_stride(Py_ssize_t n_out, Py_ssize_t itemsize) noexcept nogil

cdef Py_ssize_t predict_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil
cdef void predict(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    char *out, char *scratch) noexcept nogil

cdef Py_ssize_t training_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil
cdef void forward(
    const Model *model, const Part *part, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    const char *Y, Py_ssize_t Y_stride, char *scratch, double *C) noexcept nogil
cdef bint backward(
    Model *model, const Part *part, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    const char *Y, Py_ssize_t Y_stride, char *scratch,
    char *gradient, char *dA0) noexcept nogil

cdef inline double learn(Model *model, const char *x, const char *y, char *scratch) noexcept nogil:
    """One update from one sample, unless its loss is not finite; the loss before."""
    cdef double loss = 0
    cdef Part part = whole()
    forward(model, &part, 1, x, input_size(model), y, output_size(model), scratch, &loss)
    if isfinite(loss):
        backward(
            model, &part, 1, x, input_size(model), y, output_size(model), scratch, NULL, NULL)
    return loss

cdef Py_ssize_t input_gradient_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil
cdef void input_gradient(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride, const char *dA,
    char *dX, char *scratch) noexcept nogil
