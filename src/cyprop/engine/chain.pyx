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

A team of threads shares a batch: each member takes some of its rows through `forward` and to dZ,
then some of the rows of W through dA_prev, dW and the update. No sum is ever split, so bits do not
depend on how many there are. Between the two they wait for each other.
"""

from libc.math cimport NAN, isfinite
from libc.string cimport memcpy

from cyprop.engine.model cimport (
    LINE_BYTES, UPDATE, VECTOR, A_of, Batch, D_of, Layer, Model, Part, Sink, Tape, Z_of,
    biases_of, count_update, drops, learns, next_update, rows_of, share, sink_of, tape_in,
    weights_of, whole,
)
from cyprop.engine.pieces cimport (
    Link, activate, add_penalty, bias_gradient, clear_padding, clip_rows, drop_out,
    error_behind_dropout,
    error_below, error_of_layer, given_error, output_error, penalty, step, step_outer,
    step_rows, weight_gradient,
)
from cyprop.engine.team cimport LOOK, Team, desert, meet, now, stop, stops
from cyprop.engine.trial cimport (
    begin_update, is_bounded, is_plainly_tame, is_tame, tried,
)
from cyprop.engine.turns cimport n_forks
from cyprop.kernels.table cimport BLOCK_ROWS, Table

cdef extern from "Python.h":
    int PyErr_CheckSignals()
    void PyErr_SetString(object kind, const char *text)

cdef enum:
    POLL = 1 << 24          # multiplications between two looks for Ctrl-C


cdef bint wait_for_others(const Part *part) noexcept nogil:
    """Until all parts are here; true if they have been told to stop."""
    return part.team != NULL and part.n_parts > 1 and meet(<Team *> part.team)


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
    """Of the scratch that a tape for n rows takes, with a strip for each of n_parts."""
    return (
        n * (model.kept + 2 * model.widest) * model.itemsize
        + n_parts * strip_size(model)
    )


cdef inline Py_ssize_t strip_rows(const Model *model, const Layer *layer) noexcept nogil:
    cdef Py_ssize_t fitting = STRIP_BYTES // (layer.W_stride * model.itemsize)
    return max(fitting // STRIP_ROWS, 1) * STRIP_ROWS


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
    wait_for_others(part)


cdef bint interrupted(const Part *part) noexcept nogil:
    """Whether Python has something to raise, such as KeyboardInterrupt; it is then set.

    The first part looks, in the thread that Python has called. The others learn of it here, or
    when they next wait for each other. A handler may fork, and a child has no team.
    """
    cdef bint found = False
    cdef long n_forks_before = n_forks
    if part.index == 0:
        with gil:
            found = PyErr_CheckSignals() != 0
            if n_forks != n_forks_before and part.n_parts > 1:
                desert(<Team *> part.team)
                if not found:
                    PyErr_SetString(
                        RuntimeError, "a signal handler forked in the midst of a call on several"
                        " threads, of which the child has one; call it again")
                found = True
        if found and part.team != NULL:
            stop(<Team *> part.team)
    return found or (part.team != NULL and stops(<Team *> part.team))


cdef bint look(const Part *part, long long *next_look) noexcept nogil:
    """`interrupted`, for parts that are stoppable, and asked of Python only every 30 ms."""
    cdef long long time
    if not part.stoppable:
        return False
    if part.index > 0:
        return stops(<Team *> part.team)
    time = now()
    if time < next_look[0]:
        return False
    next_look[0] = time + LOOK
    return interrupted(part)


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
    Model *model, const Part *part, const Link *link, const Sink *sink,
) noexcept nogil:
    """dA_prev and dW of this part's inputs (rows of W), a strip at a time; true if interrupted."""
    cdef const Layer *layer = link.layer
    cdef char *dW
    cdef Py_ssize_t k = 0, k_end = layer.n_in, n_rows = layer.n_in, work = 0
    if part.n_parts > 1:
        k, k_end = share(
            part, layer.n_in,
            BLOCK_ROWS if link.dA_prev == NULL else LINE_BYTES // model.itemsize)
    if n_rows > STRIP_ROWS and (sink.target == UPDATE or sink.squares != NULL or (
        part.stoppable and link.n * n_rows * layer.W_stride > POLL
    )):
        n_rows = strip_rows(model, layer)
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


cdef bint pass_on(Model *model, const Part *part, const Link *link) noexcept nogil:
    """dA_prev of this part's inputs alone, as a frozen layer passes it on; true if interrupted."""
    cdef Py_ssize_t k, k_end, n_rows = POLL // (link.n * link.layer.W_stride)
    n_rows = max(n_rows // STRIP_ROWS, <Py_ssize_t> 1) * STRIP_ROWS
    k, k_end = share(part, link.layer.n_in, LINE_BYTES // model.itemsize)
    while k < k_end:
        n_rows = min(n_rows, k_end - k)
        error_below(model, link, k, n_rows)
        k += n_rows
        if part.stoppable and k < k_end and interrupted(part):
            return True
    return False


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


cdef inline bint may_learn(Model *model, const Part *part, const Link *link) noexcept nogil:
    """Whether a layer's update leaves every number finite (trial.pyx); all parts find the same."""
    cdef Link copied
    cdef bint tame = False, bounded = is_bounded(model)
    # X and W may change meanwhile in the hands of others: where they are looked at, one part does it.
    cdef bint asks = part.n_parts > 1 and (
        model.penalised or (link.layer == model.layers and not link.ordinary))
    if bounded and not asks and is_plainly_tame(model, link):
        return True
    copied = link[0]                 # so that the compiler may keep the link itself in registers
    if part.index == 0 or not asks:
        tame = bounded and is_tame(model, &copied)
    if asks:
        if part.index == 0:
            model.tame = tame
        wait_for_others(part)
        tame = model.tame
    if tame:
        return True
    if part.index == 0:
        tried(model, &copied)
    wait_for_others(part)
    return not model.overflowed


cdef bint descend(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    bint dZ_is_known,
) noexcept nogil:
    """From dA of the output layer (or its dZ, if that is known) down to the first."""
    cdef Link link
    cdef char *swap
    cdef Py_ssize_t l, lowest = model.lowest if learns(sink) else 0
    cdef bint stopped, dropping = drops(model, batch)
    link.n = batch.n
    link.first, link.n_own = share(part, batch.n, 1)
    link.n_own -= link.first
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
        if wait_for_others(part):
            return True
        if learns(sink) and link.layer.frozen:
            stopped = pass_on(model, part, &link)
        else:
            if sink.target == UPDATE and not may_learn(model, part, &link):
                return True
            stopped = derive_weights(model, part, &link, sink)
            if part.index == 0 and not stopped:
                derive_biases(model, &link, sink)
        if stopped and part.n_parts == 1:
            return True
        if wait_for_others(part):
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
    if sink.target == UPDATE and part.index == 0:
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
