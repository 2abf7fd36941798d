"""The table of kernels: what one instruction set offers, and what the engine calls.

A kernel's arrays are passed as `void *`, so one table type serves both dtypes: entry [0] of a pair
is the float32 kernel, entry [1] the float64 one. Strides are counted in elements, from one row to
the next; within a row elements are adjacent. Where there is an order, A_prev's samples are the rows of
the array that it names; NULL: all, in turn. No kernel allocates, raises, or touches an element
outside the n_out (or n_in) columns it was given. The hyperparameters of a rule come in the order in
which it registers them.
"""

cdef enum:
    LINE_BYTES = 64           # a cache line; what W, b and every row of scratch start at
    MAX_ENTRIES = 32          # activations, losses, optimizers: of each at most this many
    MAX_HYPERPARAMETERS = 8
    MAX_STATES = 4
    BLOCK_ROWS = 8            # of a gradient whose squares are added up together

ctypedef void (*DenseForward)(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const void *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const void *W, Py_ssize_t W_stride, const void *b,
    void *Z, Py_ssize_t Z_stride) noexcept nogil

ctypedef void (*DenseBackwardW)(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const void *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const void *dZ, Py_ssize_t dZ_stride,
    void *dW, Py_ssize_t dW_stride) noexcept nogil

ctypedef void (*DenseBackwardB)(
    Py_ssize_t n, Py_ssize_t n_out,
    const void *dZ, Py_ssize_t dZ_stride, void *db) noexcept nogil

# Rows of dZ and W may be read up to n_readable elements, and count up to n_out.
ctypedef void (*DenseBackwardA)(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, Py_ssize_t n_readable,
    const void *dZ, Py_ssize_t dZ_stride,
    const void *W, Py_ssize_t W_stride,
    void *dA_prev, Py_ssize_t dA_prev_stride) noexcept nogil

# Z and A share a stride, and so do dA and dZ. Z may be A, and dA may be dZ.
ctypedef void (*ActivationForward)(
    Py_ssize_t n, Py_ssize_t n_out,
    const void *Z, void *A, Py_ssize_t A_stride,
    const double *hyperparameters) noexcept nogil

ctypedef void (*ActivationBackward)(
    Py_ssize_t n, Py_ssize_t n_out,
    const void *Z, const void *A, Py_ssize_t A_stride,
    const void *dA, void *dZ, Py_ssize_t dZ_stride,
    const double *hyperparameters) noexcept nogil

ctypedef void (*LossForward)(
    Py_ssize_t n, Py_ssize_t n_out,
    const void *Z, const void *A, Py_ssize_t A_stride,
    const void *Y, Py_ssize_t Y_stride, double *C,
    const double *hyperparameters) noexcept nogil

ctypedef void (*LossBackward)(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const void *A, Py_ssize_t A_stride,
    const void *Y, Py_ssize_t Y_stride,
    void *dA, Py_ssize_t dA_stride,
    const double *hyperparameters) noexcept nogil

ctypedef void (*OptimizerBegin)(const double *hyperparameters, double *tally) noexcept nogil

ctypedef void (*OptimizerStep)(
    Py_ssize_t n, void *theta, const void *d_theta, void *const *states,
    const double *hyperparameters, const double *tally) noexcept nogil

# How far a step goes at most, as a multiple of the largest gradient that there was, in float32 (0) or
# float64 (1); infinite where nothing bounds it. What the states gather is bounded by it too, or by what
# rounding leaves; a decay that makes no parameter larger does not count.
ctypedef double (*OptimizerReach)(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil

# Where a step is a multiple of dW, the product that gives dW can make it, with no gradient in between.
ctypedef bint (*OptimizerStepOuter)(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const void *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const void *dZ, Py_ssize_t dZ_stride,
    void *W, Py_ssize_t W_stride, const double *hyperparameters) noexcept nogil

# The largest |A| of n rows; NaN if one is, and 0 of no columns.
ctypedef double (*Largest)(
    Py_ssize_t n, Py_ssize_t n_out, const void *A, Py_ssize_t A_stride,
    const Py_ssize_t *order) noexcept nogil

# D = A · M, and M, for rows of one update from `first` on; A, M and D share a stride.
cdef struct Dropout:
    double rate
    unsigned long long seed
    long long update
    Py_ssize_t layer

ctypedef void (*Drop)(
    Py_ssize_t n, Py_ssize_t n_out, const Dropout *dropout, Py_ssize_t first,
    const void *A, void *M, void *D, Py_ssize_t stride) noexcept nogil

# dA = dD · M, in place
ctypedef void (*Silence)(
    Py_ssize_t n, Py_ssize_t n_out, const void *M, void *dA, Py_ssize_t stride) noexcept nogil

# dA_i ← dA_i · w_i / weight · n_batch for each row of a batch whose rows weigh `weight` together
ctypedef void (*Weigh)(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch, const double *weights, double weight,
    void *dA, Py_ssize_t dA_stride) noexcept nogil

ctypedef double (*Penalty)(
    Py_ssize_t n_in, Py_ssize_t n_out, const void *W, Py_ssize_t W_stride,
    double l1, double l2) noexcept nogil

# dW gets the derivative of the penalty; W and dW share a stride.
ctypedef void (*AddPenalty)(
    Py_ssize_t n_in, Py_ssize_t n_out, const void *W, void *dW, Py_ssize_t W_stride,
    double l1, double l2) noexcept nogil

# Of each BLOCK_ROWS rows one sum.
ctypedef void (*SquaresOfBlocks)(
    Py_ssize_t n, Py_ssize_t n_out, const void *dW, Py_ssize_t dW_stride,
    double *sums) noexcept nogil

# n numbers, each clipped to ±bound
ctypedef void (*Clip)(Py_ssize_t n, void *dW, double bound) noexcept nogil

# n numbers times a factor; both may be the same place
ctypedef void (*Scale)(Py_ssize_t n, const void *dW, double factor, void *scaled) noexcept nogil

# x′ = (x − offset) · scale of each column; X and the mapped rows may be the same place where there is
# no order
ctypedef void (*MapRows)(
    Py_ssize_t n, Py_ssize_t n_columns, const void *X, Py_ssize_t X_stride, const Py_ssize_t *order,
    const void *offset, const void *scale, void *mapped, Py_ssize_t mapped_stride) noexcept nogil

# y / scale + offset of each column
ctypedef void (*MapBack)(
    Py_ssize_t n, Py_ssize_t n_columns, const void *Y, Py_ssize_t Y_stride,
    const void *offset, const void *scale, void *mapped, Py_ssize_t mapped_stride) noexcept nogil

# Each column times its scale, of rows without gaps; both may be the same place.
ctypedef void (*ScaleColumns)(
    Py_ssize_t n, Py_ssize_t n_columns, const void *dA, const void *scale,
    void *scaled) noexcept nogil

cdef struct Hyperparameter:
    const char *name
    double default
    double low                     # low < value < high; low <= value where low_allowed
    bint low_allowed
    double high
    bint is_switch                 # 0 or 1, which Python knows as False and True

cdef struct Rule:                  # what an activation, a loss and an optimizer begin with
    const char *name
    Py_ssize_t n_hyperparameters
    Hyperparameter hyperparameters[MAX_HYPERPARAMETERS]

cdef struct Activation:
    Rule rule
    const char *initialisation     # "glorot", "he" or "lecun": how weights in front of it are drawn
    bint couples_units             # a unit's output depends on the whole row (softmax)
    bint keeps_Z                   # backward reads Z, not A alone
    bint bounded                   # |A| is below 2²⁹, whatever Z is
    bint positive                  # A is above 0, unless it is too small for a number
    ActivationForward forward[2]
    ActivationBackward backward[2]

cdef struct Loss:                  # several may share a name: one for each output activation
    Rule rule
    const char *output_activation  # that it goes with; NULL: any
    bint gives_dZ                  # backward gives dZ at once, and forward reads Z as well as A
    Py_ssize_t outputs_per_target  # 1, or 2 where a row of Y has half as many columns as one of A
    LossForward forward[2]
    LossBackward backward[2]

cdef struct Optimizer:
    Rule rule
    Py_ssize_t n_states            # flat vectors shaped like the parameters, zero at first
    Py_ssize_t weight_decay        # which hyperparameter pulls weights, never biases, to zero; or -1
    OptimizerBegin begin           # NULL, or called once before the steps of an update
    OptimizerReach reach           # NULL where it is not known: every update is then tried first
    OptimizerStep step[2]
    OptimizerStepOuter step_outer[2]   # NULL, or `step` by A_prevᵀ·dZ; false: it has done nothing

cdef struct Table:
    DenseForward dense_forward[2]
    DenseBackwardW dense_backward_W[2]
    DenseBackwardB dense_backward_b[2]
    DenseBackwardA dense_backward_A[2]
    Largest largest[2]
    Drop drop[2]
    Silence silence[2]
    Weigh weigh[2]
    Penalty penalty[2]
    AddPenalty add_penalty[2]
    SquaresOfBlocks squares_of_blocks[2]
    Clip clip[2]
    Scale scale[2]
    MapRows map_rows[2]
    MapBack map_back[2]
    ScaleColumns scale_columns[2]
    Py_ssize_t n_activations, n_losses, n_optimizers
    Activation activations[MAX_ENTRIES]
    Loss losses[MAX_ENTRIES]
    Optimizer optimizers[MAX_ENTRIES]
