"""The chain rule in pieces: each derivative once, as an equation, over one layer (`Link`) of a batch.

dX means ∂C/∂X and has the shape of X. chain.pyx puts the pieces together.
"""

from libc.math cimport INFINITY
from libc.string cimport memcpy, memset

from cyprop.engine.model cimport (
    MAX_STATES, A_of, Batch, D_of, Layer, M_of, Model, Part, Sink, Tape, Z_of,
    blocks_of, share, weights_of,
)
from cyprop.kernels.table cimport Dropout, Optimizer

cdef struct Link:                    # a layer on the way down: what it was given and what it passes on
    const Layer *layer
    Py_ssize_t n                     # samples, all of them,
    Py_ssize_t first, n_own          # and those of this part
    const char *A_prev
    Py_ssize_t A_prev_stride
    const Py_ssize_t *order          # of A_prev, as a batch's
    bint ordinary                    # every |A_prev| is known to be below 2²⁹
    char *dZ
    char *dA_prev                    # NULL where it is not wanted
    Py_ssize_t dA_prev_stride
    char *strip                      # of dW, this part's own


cdef inline Py_ssize_t independent_columns(const Layer *layer, Py_ssize_t *n) noexcept nogil:
    """How many columns of n rows an activation takes; rows without gaps are as good as one."""
    cdef Py_ssize_t columns = layer.width
    if layer.activation.couples_units:
        return layer.n_out
    if columns == layer.stride:
        columns *= n[0]
        n[0] = 1
    return columns


cdef inline void choose_input(
    const Model *model, const Batch *batch, const Tape *tape, bint dropping, Link *link,
) noexcept nogil:
    """Where a layer's A_prev is, and how its dA_prev lies."""
    cdef const Layer *below
    if link.layer == model.layers:
        link.A_prev = batch.X
        link.ordinary = batch.ordinary
        link.A_prev_stride = batch.X_stride
        link.order = batch.order
        link.dA_prev_stride = link.layer.n_in
    else:
        below = link.layer - 1
        link.A_prev = A_of(model, below, tape, 0)
        link.ordinary = below.activation.bounded
        if dropping and below.dropout > 0:
            link.A_prev = D_of(model, below, tape, 0)
            link.ordinary = link.ordinary and below.dropout <= 0.99
        link.A_prev_stride = link.dA_prev_stride = below.stride


cdef inline void activate(
    const Model *model, const Layer *layer, Py_ssize_t n, const char *Z, char *A,
) noexcept nogil:
    """A = f(Z); padding is activated along with the rest where units are independent."""
    cdef Py_ssize_t columns = independent_columns(layer, &n)
    layer.activation.forward[model.dtype](n, columns, Z, A, layer.stride, layer.hyperparameters)


cdef inline void drop_out(
    const Model *model, const Layer *layer, const Batch *batch, const Tape *tape, Py_ssize_t first,
    Py_ssize_t n,
) noexcept nogil:
    """D = A · M, where M is 0 for the units that are silent, for n rows from `first` on."""
    cdef Dropout dropout = Dropout(layer.dropout, model.seed, batch.update, layer - model.layers)
    model.kernels.drop[model.dtype](
        n, layer.width, &dropout, first, A_of(model, layer, tape, first),
        M_of(model, layer, tape, first), D_of(model, layer, tape, first), layer.stride)


cdef inline void error_behind_dropout(
    const Model *model, const Tape *tape, const Link *link,
) noexcept nogil:
    """dA = dD · M, in place"""
    cdef const Layer *layer = link.layer
    model.kernels.silence[model.dtype](
        link.n_own, layer.width, M_of(model, layer, tape, link.first),
        link.dZ + link.first * layer.stride * model.itemsize, layer.stride)


cdef inline void clear_padding(const Model *model, const Link *link) noexcept nogil:
    """Of this part's rows of dZ, which would have what stands in the padding of W and b, times f′.

    No derivative reads further than the rows of W are long.
    """
    cdef Py_ssize_t i, n_out = link.layer.n_out, stride = link.layer.stride
    cdef Py_ssize_t size = (link.layer.W_stride - n_out) * model.itemsize
    if size > 0:
        for i in range(link.first, link.first + link.n_own):
            memset(link.dZ + (i * stride + n_out) * model.itemsize, 0, size)


cdef inline void output_error(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape,
) noexcept nogil:
    """dA = ∂C/∂A⁽ᴸ⁾, C = Σᵢ wᵢ·Cᵢ / Σᵢ wᵢ; or dZ at once, where the loss gives that"""
    cdef const Layer *layer = &model.layers[model.n_layers - 1]
    cdef Py_ssize_t first, last
    cdef char *dA
    first, last = share(part, batch.n, 1)
    dA = tape.dZ + first * layer.stride * model.itemsize
    model.loss.backward[model.dtype](
        last - first, layer.n_out, batch.n, A_of(model, layer, tape, first), layer.stride,
        batch.Y + first * batch.Y_stride * model.itemsize, batch.Y_stride, dA, layer.stride,
        model.loss_hyperparameters)
    if batch.weights != NULL:
        model.kernels.weigh[model.dtype](
            last - first, layer.n_out, batch.n, batch.weights + first, batch.weight, dA, layer.stride)


cdef inline void given_error(
    const Model *model, const Part *part, const Tape *tape, const char *dA,
) noexcept nogil:
    """dA = ∂C/∂A⁽ᴸ⁾ from an array (n, n_out) without gaps"""
    cdef const Layer *layer = &model.layers[model.n_layers - 1]
    cdef Py_ssize_t row = layer.n_out * model.itemsize, stride = layer.stride * model.itemsize
    cdef Py_ssize_t i, first, last
    first, last = share(part, tape.n, 1)
    for i in range(first, last):
        memcpy(tape.dZ + i * stride, dA + i * row, row)


cdef inline void error_of_layer(
    const Model *model, const Tape *tape, const Link *link,
) noexcept nogil:
    """dZ = dA · f′, in place"""
    cdef const Layer *layer = link.layer
    cdef char *dZ = link.dZ + link.first * layer.stride * model.itemsize
    cdef Py_ssize_t n = link.n_own, columns = independent_columns(layer, &n)
    layer.activation.backward[model.dtype](
        n, columns,
        Z_of(model, layer, tape, link.first), A_of(model, layer, tape, link.first), layer.stride,
        dZ, dZ, layer.stride, layer.hyperparameters)


cdef inline void error_below(
    const Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows,
) noexcept nogil:
    """dA_prev = dZ · Wᵀ for the inputs from k on"""
    cdef Py_ssize_t n_out = link.layer.n_out
    model.kernels.dense_backward_A[model.dtype](
        link.n, n_rows, n_out, min(link.layer.W_stride, (n_out + 3) // 4 * 4),
        link.dZ, link.layer.stride,
        weights_of(model, link.layer) + k * link.layer.W_stride * model.itemsize,
        link.layer.W_stride, link.dA_prev + k * model.itemsize, link.dA_prev_stride)


cdef inline void weight_gradient(
    const Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows, char *dW,
) noexcept nogil:
    """dW = A_prevᵀ · dZ for the inputs from k on"""
    model.kernels.dense_backward_W[model.dtype](
        link.n, n_rows, link.layer.W_stride, link.A_prev + k * model.itemsize,
        link.A_prev_stride, link.order, link.dZ, link.layer.stride, dW, link.layer.W_stride)


cdef inline void add_penalty(
    const Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows, char *dW,
) noexcept nogil:
    """dW ← dW + l1 · sign(W) + l2 · W for the inputs from k on"""
    cdef Py_ssize_t stride = link.layer.W_stride
    model.kernels.add_penalty[model.dtype](
        n_rows, link.layer.n_out, weights_of(model, link.layer) + k * stride * model.itemsize, dW,
        stride, model.l1, model.l2)


cdef inline void clip_rows(
    const Model *model, const Layer *layer, const Sink *sink, Py_ssize_t k, Py_ssize_t n_rows,
    char *dW,
) noexcept nogil:
    """dW ← clip(dW, ±clip_value), and Σ dW² of each block of the rows from k on; row n_in is db.

    Padding is zero, and stays so.
    """
    if sink.clip_value < INFINITY:
        model.kernels.clip[model.dtype](n_rows * layer.W_stride, dW, sink.clip_value)
    model.kernels.squares_of_blocks[model.dtype](
        n_rows, layer.n_out, dW, layer.W_stride, sink.squares + layer.first_block + blocks_of(k))


cdef inline double penalty(const Model *model) noexcept nogil:
    """l1 · Σ|w| + l2/2 · Σw² over all weights, and no biases"""
    cdef const Layer *layer
    cdef Py_ssize_t l
    cdef double total = 0
    for l in range(model.n_layers):
        layer = &model.layers[l]
        total += model.kernels.penalty[model.dtype](
            layer.n_in, layer.n_out, weights_of(model, layer), layer.W_stride, model.l1, model.l2)
    return total


cdef inline void bias_gradient(const Model *model, const Link *link, char *db) noexcept nogil:
    """db = Σ_rows dZ"""
    model.kernels.dense_backward_b[model.dtype](
        link.n, link.layer.W_stride, link.dZ, link.layer.stride, db)


cdef inline void step(
    Model *model, Py_ssize_t offset, Py_ssize_t n, const char *d_theta,
    const double *hyperparameters,
) noexcept nogil:
    """θ ← θ − step(dθ) for the n parameters from offset on, by what holds for weights or for biases."""
    cdef const Optimizer *optimizer = model.optimizer
    cdef void *states[MAX_STATES]
    cdef Py_ssize_t s
    for s in range(optimizer.n_states):
        states[s] = model.states[s] + offset * model.itemsize
    optimizer.step[model.dtype](
        n, model.parameters + offset * model.itemsize, d_theta, states,
        hyperparameters, model.tally)


cdef inline void step_rows(
    Model *model, const Layer *layer, Py_ssize_t k, Py_ssize_t n_rows, const char *dW, bint padded,
) noexcept nogil:
    """W ← W − step(dW) for the inputs from k on; padded: dW has zeros in its padding"""
    cdef Py_ssize_t stride = layer.W_stride, offset = layer.offset + k * stride, i
    # A step by zero changes nothing in the padding of W, but for a decay.
    if stride == layer.n_out or (padded and not model.decays):
        step(model, offset, n_rows * stride, dW, model.hyperparameters)
    else:
        for i in range(n_rows):
            step(
                model, offset + i * stride, layer.n_out, dW + i * stride * model.itemsize,
                model.hyperparameters)


cdef inline bint step_outer(
    Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows,
) noexcept nogil:
    """W ← W − step(A_prevᵀ·dZ) for the inputs from k on, without dW; false if there is no such step."""
    cdef const Layer *layer = link.layer
    return model.step_outer != NULL and model.step_outer(
        link.n, n_rows, min(layer.width, layer.W_stride),
        link.A_prev + k * model.itemsize, link.A_prev_stride, link.order, link.dZ, layer.stride,
        weights_of(model, layer) + k * layer.W_stride * model.itemsize, layer.W_stride,
        model.hyperparameters)
