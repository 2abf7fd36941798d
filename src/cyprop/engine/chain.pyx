"""The chain rule, once, in order, over the layers.

    forward    A⁽⁰⁾ = X;   Z = A_prev · W + b,   A = f(Z)             for each layer upwards
    backward   dA = ∂C/∂A⁽ᴸ⁾;   dZ = dA · f′,   dW = A_prevᵀ · dZ,
               db = Σ_rows dZ,   dA_prev = dZ · Wᵀ                    for each layer downwards

and, where they are asked for: D = A · M in place of A for the next layer, and dA = dD · M (dropout);
the derivative of a penalty added to dW.

dX means ∂C/∂X, and C the mean of the loss over a batch (`backward`), or whatever a given ∂C/∂A⁽ᴸ⁾ is
the derivative of (`pull_back`). Each derivative is one function of pieces.pxd: output_error or
given_error, error_of_layer, error_below, weight_gradient, bias_gradient. `descend` puts them together,
for all that is derived or learned.

Layers may be frozen: learning then neither derives nor updates their W and b, and goes down no further
than the lowest layer that learns.

Learning updates a strip of W as soon as its dW and its share of dA_prev are known, while both are in
the first-level cache: the gradient never goes to memory.

Where rows of W are shorter than a cache line, `forward` reads on into the next rows and gets, past
n_out, numbers that nobody uses. Padding of dZ is kept at zero, so that padding never adds to a
gradient. Scratch belongs to the caller. Nothing here can fail.

Here one thread does it all. A team of threads shares a batch in another order, with the same bits
(together.pyx).
"""

from libc.math cimport NAN, isfinite
from libc.string cimport memcpy

from cyprop.engine.model cimport (
    UPDATE, A_of, Batch, D_of, Layer, Model, Part, Sink, Tape, Z_of, sizes_size,
    biases_of, count_update, drops, learns, next_update, rows_of, share, sink_of, tape_in,
    weights_of, whole,
)
from cyprop.engine.parts cimport interrupted, wait_for_others
from cyprop.engine.pieces cimport (
    Link, activate, choose_input, clear_padding, drop_out, error_behind_dropout, error_below,
    error_of_layer, given_error, output_error, penalty, step, step_rows,
)
from cyprop.engine.strips cimport (
    POLL, STRIP_ROWS, derive_biases, derive_weights, strip_of, strip_size,
)
from cyprop.engine.trial cimport (
    begin_update, is_bounded, is_plainly_tame, is_tame, tried,
)
from cyprop.kernels.table cimport Table


cdef Py_ssize_t predict_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return 2 * n * model.widest * model.itemsize


cdef void predict(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    char *out, char *scratch,
) noexcept nogil:
    """A⁽ᴸ⁾ of n rows into out, which is (n, n_out) without gaps."""
    cdef const Table *kernels = model.kernels
    cdef const Layer *layer = NULL
    cdef const char *A_prev = X
    cdef char *A = scratch
    cdef Py_ssize_t A_prev_stride = X_stride
    cdef Py_ssize_t l, i, row
    for l in range(model.n_layers):
        layer = &model.layers[l]
        A = scratch + (l % 2) * n * model.widest * model.itemsize
        kernels.dense_forward[model.dtype](
            n, layer.n_in, layer.width, A_prev, A_prev_stride, NULL,
            weights_of(model, layer), layer.W_stride, biases_of(model, layer), A, layer.stride)
        activate(model, layer, n, A, A)
        A_prev = A
        A_prev_stride = layer.stride
    row = layer.n_out * model.itemsize
    for i in range(n):
        memcpy(out + i * row, A + i * layer.stride * model.itemsize, row)


cdef Py_ssize_t tape_size(const Model *model, Py_ssize_t n, Py_ssize_t n_parts) noexcept nogil:
    """Of the scratch that a tape for n rows takes, with a strip for each of n_parts.

    A team keeps dZ of every layer. It may be smaller than n_parts, or one thread alone.
    """
    cdef Py_ssize_t dZ = 2 * model.widest
    if n_parts > 1:
        dZ = max(dZ, model.widths)
    return n * (model.kept + dZ) * model.itemsize + n_parts * (
        strip_size(model) + (sizes_size(model) if n_parts > 1 else 0))


cdef void forward(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, double *C,
) noexcept nogil:
    """Keep Z and A of every layer on the tape; and the loss of each row in C if there are targets."""
    cdef const Layer *layer = NULL
    cdef const char *A_prev
    cdef char *Z = NULL
    cdef char *A = NULL
    cdef const Py_ssize_t *order = NULL
    cdef Py_ssize_t A_prev_stride = batch.X_stride
    cdef Py_ssize_t l, first, last
    cdef bint dropping = drops(model, batch)
    first, last = share(part, batch.n, 1)
    A_prev = batch.X + first * batch.X_stride * model.itemsize
    if batch.order != NULL:
        order = batch.order + first
        A_prev = batch.X
    if first < last:
        for l in range(model.n_layers):
            layer = &model.layers[l]
            Z = Z_of(model, layer, tape, first)
            A = A_of(model, layer, tape, first)
            model.kernels.dense_forward[model.dtype](
                last - first, layer.n_in, layer.width, A_prev, A_prev_stride, order,
                weights_of(model, layer), layer.W_stride, biases_of(model, layer), Z, layer.stride)
            activate(model, layer, last - first, Z, A)
            order = NULL
            A_prev = A
            if dropping and layer.dropout > 0:
                drop_out(model, layer, batch, tape, first, last - first)
                A_prev = D_of(model, layer, tape, first)
            A_prev_stride = layer.stride
        if batch.Y != NULL:
            model.loss.forward[model.dtype](
                last - first, layer.n_out, Z, A, layer.stride,
                batch.Y + first * batch.Y_stride * model.itemsize, batch.Y_stride, C + first,
                model.loss_hyperparameters)


cdef bint pass_on(
    const Model *model, const Part *part, const Link *link, Py_ssize_t k, Py_ssize_t k_end,
) noexcept nogil:
    """dA_prev of the inputs from k to k_end, and no dW; true if interrupted."""
    cdef Py_ssize_t n_rows = POLL // (link.n * link.layer.W_stride)
    n_rows = max(n_rows // STRIP_ROWS, <Py_ssize_t> 1) * STRIP_ROWS
    while k < k_end:
        n_rows = min(n_rows, k_end - k)
        error_below(model, link, k, n_rows)
        k += n_rows
        if part.stoppable and k < k_end and interrupted(part):
            return True
    return False


cdef inline bint may_learn(Model *model, const Link *link) noexcept nogil:
    """Whether a layer's update leaves every number finite (trial.pyx)."""
    cdef Link copied
    if is_bounded(model):
        if is_plainly_tame(model, link):
            return True
        copied = link[0]             # so that the compiler may keep the link itself in registers
        if is_tame(model, &copied):
            return True
    copied = link[0]
    return tried(model, &copied)


cdef bint descend(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    bint dZ_is_known,
) noexcept nogil:
    """From dA of the output layer (or its dZ, if that is known) down to the first."""
    cdef Link link
    cdef char *swap
    cdef Py_ssize_t l, lowest = model.lowest if learns(sink) else 0
    cdef bint stopped, dropping = drops(model, batch)
    link.n = link.n_own = batch.n
    link.first = 0
    link.order = NULL
    link.dZ = tape.dZ
    link.dA_prev = tape.dA_prev
    link.strip = strip_of(model, tape, part)
    for l in range(model.n_layers - 1, lowest - 1, -1):
        link.layer = &model.layers[l]
        choose_input(model, batch, tape, dropping, &link)
        if l == lowest:
            link.dA_prev = sink.dX
        if not dZ_is_known:
            if dropping and link.layer.dropout > 0:
                error_behind_dropout(model, tape, &link)
            error_of_layer(model, tape, &link)
        clear_padding(model, &link)
        dZ_is_known = False
        if learns(sink) and link.layer.frozen:
            stopped = pass_on(model, part, &link, 0, link.layer.n_in)
        else:
            if sink.target == UPDATE and not may_learn(model, &link):
                return True
            stopped = derive_weights(model, part, &link, sink, 0, link.layer.n_in)
            if not stopped:
                derive_biases(model, &link, sink)
        if stopped:
            return True
        swap = link.dZ
        link.dZ = link.dA_prev
        link.dA_prev = swap
    return False


cdef bint backward(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
) noexcept nogil:
    """`come_back`, for other modules."""
    return come_back(model, part, batch, tape, sink)


cdef inline bint come_back(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
) noexcept nogil:
    """The derivatives of the mean of C over the rows that `forward` has just seen, into the sink.

    True if stoppable parts were interrupted; where the sink is an update, some strips are then
    updated, and the others as before. True also if the update has `overflowed`, and stopped before
    any number became infinite.
    """
    if sink.target == UPDATE:
        begin_update(model)
    output_error(model, part, batch, tape)
    return descend(model, part, batch, tape, sink, model.loss.gives_dZ)


cdef bint pull_back(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const char *dA,
    const Sink *sink,
) noexcept nogil:
    """The derivatives of a C of the caller's, given its derivative dA by A⁽ᴸ⁾, (n, n_out), no gaps."""
    given_error(model, part, tape, dA)
    return descend(model, part, batch, tape, sink, False)


cdef void step_by(
    Model *model, const Part *part, const char *gradient,
) noexcept nogil:
    """θ ← θ − step(dθ) for a whole gradient, laid out like the parameters; padding takes no part."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k, k_end, offset
    if part.index == 0:
        begin_update(model)
    wait_for_others(part)
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        k, k_end = share(part, layer.n_in, 1)
        offset = layer.offset + k * layer.W_stride
        step_rows(model, layer, k, k_end - k, gradient + offset * model.itemsize, padded=False)
        if part.index == 0:
            offset = layer.b_offset
            step(
                model, offset, layer.n_out, gradient + offset * model.itemsize,
                model.hyperparameters_of_biases)


cdef double learn(
    Model *model, const char *x, const char *y, const double *weight, char *scratch,
) noexcept nogil:
    """One update from one sample, by weight times its gradient; NULL: once.

    The loss before; NaN if a number would not have been finite, and then there was no update.
    """
    cdef double loss = 0
    cdef Part part = whole()
    cdef Batch batch = rows_of(model, 1, x, y)
    cdef Tape tape = tape_in(model, 1, scratch)
    cdef Sink sink = sink_of(UPDATE)
    batch.weights = weight
    batch.update = next_update(model)
    forward(model, &part, &batch, &tape, &loss)
    if model.penalised:
        loss += penalty(model)
    if isfinite(loss):
        if come_back(model, &part, &batch, &tape, &sink):
            return NAN
        count_update(model)
    return loss
