"""Learning from many batches, without the GIL."""

from cyprop.engine.model cimport Batch, Model

cdef struct Recipe:                  # what an update is made with, beside the optimizer
    const double *rates              # the learning rates, from the first row's update on; NULL: its own
    double clip_value                # the largest |dθ| that is let through, and
    double clip_norm                 # the largest ‖dθ‖; infinite where there is no such bound
    double shared_l2                 # the l2 that the rows of a batch share; negative: the network's
    double penalty_counts            # how often a shared penalty counts in the loss

cdef Py_ssize_t train_scratch_size(
    const Model *model, const Recipe *recipe, Py_ssize_t batch_size,
    Py_ssize_t n_parts) noexcept nogil
cdef Py_ssize_t train(
    Model *model, const Batch *data, const Recipe *recipe, Py_ssize_t batch_size, Py_ssize_t start,
    double *total, char *scratch, Py_ssize_t n_parts) noexcept nogil
