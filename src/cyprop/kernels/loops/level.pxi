# One instruction set's kernels, in one module. The compiler flags make the difference (setup.py);
# the source, and so the order of every sum, is the same.

from cpython.pycapsule cimport PyCapsule_New

from cyprop.kernels.table cimport (
    BLOCK_ROWS, LINE_BYTES, MAX_ENTRIES, MAX_HYPERPARAMETERS, MAX_STATES, Activation,
    ActivationBackward, ActivationForward, AddPenalty, Clip, DenseBackwardA, DenseBackwardB,
    DenseBackwardW, DenseForward, Drop, Dropout, Hyperparameter, Largest, Loss, LossBackward,
    LossForward, MapBack, MapRows, Optimizer, OptimizerReach, OptimizerStep, OptimizerStepOuter,
    Penalty, Rule, Scale, ScaleColumns, Silence, SquaresOfBlocks, Table, Weigh,
)

cdef Table table

include "registry.pxi"
include "arithmetic.pxi"
include "elementary.pxi"
include "product.pxi"
include "rows.pxi"
include "sparse.pxi"
include "narrow.pxi"
include "dense.pxi"
include "activation.pxi"
include "elementwise.pxi"
include "loss.pxi"
include "outer.pxi"
include "gradient.pxi"
include "dropout.pxi"
include "maps.pxi"

# Optimizers, a file each: θ ← θ − step(dθ), one loop over a stretch of the flat parameter vector. The
# engine may call step on any stretch, in any order, once per update; `begin` is called before the
# first. States are vectors laid out like θ; a tally is a few numbers kept from one update to the next.
#
# To add one: write its step in a file of its own, register it there under a name with its
# hyperparameters, and include it here, with how far its steps reach, or else every update is tried
# before it is made. Nothing else needs to know: cyprop.Optimizer("name", …)
# finds it.
cdef Optimizer *optimizer


cdef inline double rounded(double value, Py_ssize_t dtype) noexcept nogil:
    """A hyperparameter as the steps use it."""
    return value if dtype else <double> <float> value

include "sgd.pxi"
include "adam.pxi"
include "adamw.pxi"
include "rmsprop.pxi"
include "adagrad.pxi"
include "adam_of_sklearn.pxi"

wide_shuffles()[0] = has_wide_shuffles()

table.dense_forward[0] = <DenseForward> dense_forward[float]
table.dense_forward[1] = <DenseForward> dense_forward[double]
table.dense_backward_W[0] = <DenseBackwardW> dense_backward_W[float]
table.dense_backward_W[1] = <DenseBackwardW> dense_backward_W[double]
table.dense_backward_b[0] = <DenseBackwardB> dense_backward_b[float]
table.dense_backward_b[1] = <DenseBackwardB> dense_backward_b[double]
table.dense_backward_A[0] = <DenseBackwardA> dense_backward_A[float]
table.dense_backward_A[1] = <DenseBackwardA> dense_backward_A[double]
table.largest[0] = <Largest> largest[float]
table.largest[1] = <Largest> largest[double]

capsule = PyCapsule_New(&table, "cyprop.kernels.Table", NULL)
