"""dW, and what becomes of it, a strip of rows of W at a time.

Learning updates a strip as soon as its dW and its share of dA_prev are known, while both are in the
first-level cache: the gradient never goes to memory.
"""

from cyprop.engine.model cimport UPDATE, VECTOR, Layer, Model, Part, Sink, Tape
from cyprop.engine.parts cimport interrupted
from cyprop.engine.pieces cimport (
    Link, add_penalty, bias_gradient, clip_rows, error_below, step, step_outer, step_rows,
    weight_gradient,
)

cdef enum:
    POLL = 1 << 24          # multiplications between two looks for Ctrl-C
    STRIP_BYTES = 16384     # of dW at a time while learning: half a first-level cache
    STRIP_ROWS = 96         # of W at least, and in multiples: whole tiles of dA_prev and blocks of dW
    ROWS_OF_ONE = 32        # the same of one sample, which is over before W leaves the cache


cdef inline Py_ssize_t strip_size(const Model *model) noexcept nogil:
    return STRIP_BYTES + STRIP_ROWS * model.widest * model.itemsize


cdef inline char *strip_of(const Model *model, const Tape *tape, const Part *part) noexcept nogil:
    """The part's own strip of dW."""
    return tape.strips + part.index * strip_size(model)


cdef inline Py_ssize_t strip_rows(
    const Model *model, const Layer *layer, Py_ssize_t least,
) noexcept nogil:
    cdef Py_ssize_t fitting = STRIP_BYTES // (layer.W_stride * model.itemsize)
    return max(fitting // least, <Py_ssize_t> 1) * least


cdef inline void learn_strip(
    Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows,
) noexcept nogil:
    """Update W for the inputs from k on."""
    cdef const Layer *layer = link.layer
    if not step_outer(model, link, k, n_rows):
        weight_gradient(model, link, k, n_rows, link.strip)
        if model.penalised:
            add_penalty(model, link, k, n_rows, link.strip)
        step_rows(model, layer, k, n_rows, link.strip, padded=True)


cdef inline bint derive_weights(
    Model *model, const Part *part, const Link *link, const Sink *sink, Py_ssize_t k, Py_ssize_t k_end,
) noexcept nogil:
    """dW of the inputs (rows of W) from k to k_end, and dA_prev where it is wanted, a strip at a time;
    true if interrupted."""
    cdef const Layer *layer = link.layer
    cdef char *dW
    cdef Py_ssize_t n_rows = layer.n_in, least = ROWS_OF_ONE if link.n == 1 else STRIP_ROWS, work = 0
    if n_rows > least and (sink.target == UPDATE or sink.squares != NULL or (
        part.stoppable and link.n * n_rows * layer.W_stride > POLL
    )):
        n_rows = strip_rows(model, layer, least)
    if link.n == 1 and sink.target == UPDATE and link.dA_prev == NULL:
        if step_outer(model, link, k, k_end - k):      # the first layer of one sample needs no strips
            return False
    while k < k_end:
        n_rows = min(n_rows, k_end - k)
        if link.dA_prev != NULL:
            error_below(model, link, k, n_rows)
        if sink.target == UPDATE:
            learn_strip(model, link, k, n_rows)
        elif sink.target == VECTOR:
            dW = sink.gradient + (layer.offset + k * layer.W_stride) * model.itemsize
            weight_gradient(model, link, k, n_rows, dW)
            if sink.penalised:
                add_penalty(model, link, k, n_rows, dW)
            if sink.squares != NULL:
                clip_rows(model, layer, sink, k, n_rows, dW)
        k += n_rows
        work += link.n * n_rows * layer.W_stride
        if part.stoppable and work > POLL:
            work = 0
            if interrupted(part):
                return True
    return False


cdef inline void derive_biases(Model *model, const Link *link, const Sink *sink) noexcept nogil:
    cdef Py_ssize_t offset = link.layer.b_offset
    cdef char *db
    if sink.target == UPDATE:
        bias_gradient(model, link, link.strip)
        step(
            model, offset, link.layer.W_stride, link.strip, model.hyperparameters_of_biases)
    elif sink.target == VECTOR:
        db = sink.gradient + offset * model.itemsize
        bias_gradient(model, link, db)
        if sink.squares != NULL:
            clip_rows(model, link.layer, sink, link.layer.n_in, 1, db)
