"""The chain rule, once, in order, over the layers.

    forward    A⁽⁰⁾ = X;   Z = A_prev · W + b,   A = f(Z)             for each layer upwards
    backward   dA = ∂C/∂A⁽ᴸ⁾;   dZ = dA · f′,   dW = A_prevᵀ · dZ,
               db = Σ_rows dZ,   dA_prev = dZ · Wᵀ                    for each layer downwards

dX means ∂C/∂X, and C the mean of the loss over a batch (`backward`), or whatever a given ∂C/∂A⁽ᴸ⁾ is
the derivative of (`pull_back`). Each derivative is one function below: output_error or given_error,
error_of_layer, error_below, weight_gradient, bias_gradient; `descend` puts them together, for all that
is derived or learned.

Learning updates a strip of W as soon as its dW and its share of dA_prev are known, while both are in
the first-level cache: the gradient never goes to memory.

Where rows of W are shorter than a cache line, `forward` reads on into the next rows and gets, past
n_out, numbers that nobody uses. Padding of dZ is kept at zero, so that padding never adds to a
gradient. Scratch belongs to the caller. Nothing here can fail.

A team of threads shares a batch: each member takes some of its rows through `forward` and to dZ,
then some of the rows of W through dA_prev, dW and the update. No sum is ever split, so bits do not
depend on how many there are. Between the two they wait for each other.
"""

from libc.string cimport memcpy, memset

from cyprop.engine.model cimport (
    ALIGNMENT, MAX_STATES, NOTHING, UPDATE, VECTOR, A_of, Batch, Layer, Model, Part, Sink, Tape,
    Z_of, biases_of, share, weights_of,
)
from cyprop.engine.team cimport LOOK, Team, desert, meet, now, stop, stops
from cyprop.engine.turns cimport n_forks
from cyprop.kernels.table cimport Optimizer, Table

cdef extern from "Python.h":
    int PyErr_CheckSignals()
    void PyErr_SetString(object kind, const char *text)

cdef enum:
    POLL = 1 << 24          # multiplications between two looks for Ctrl-C
    STRIP_BYTES = 16384     # of dW at a time while learning: half a first-level cache
    STRIP_ROWS = 32         # of W at least, and in multiples: what a tile of dA_prev likes


cdef inline void activate(
    const Model *model, const Layer *layer, Py_ssize_t n, const char *Z, char *A,
) noexcept nogil:
    """A = f(Z); padding is activated along with the rest where units are independent."""
    layer.activation.forward[model.dtype](
        n, layer.n_out if layer.activation.couples_units else layer.width, Z, A, layer.stride,
        layer.hyperparameters)


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


cdef inline Py_ssize_t strip_size(const Model *model) noexcept nogil:
    return STRIP_BYTES + STRIP_ROWS * model.widest * model.itemsize


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
            A_prev_stride = layer.stride
        if batch.Y != NULL:
            model.loss.forward[model.dtype](
                last - first, layer.n_out, Z, A, layer.stride,
                batch.Y + first * batch.Y_stride * model.itemsize, batch.Y_stride, C + first,
                model.loss_hyperparameters)
    wait_for_others(part)


cdef inline void clear_padding(
    const Model *model, Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t stride, char *dA,
) noexcept nogil:
    cdef Py_ssize_t i
    if n_out < stride:
        for i in range(n):
            memset(dA + (i * stride + n_out) * model.itemsize, 0,
                   (stride - n_out) * model.itemsize)


cdef inline void step(
    Model *model, Py_ssize_t offset, Py_ssize_t n, const char *d_theta,
) noexcept nogil:
    """θ ← θ − step(dθ) for the n parameters from offset on."""
    cdef const Optimizer *optimizer = model.optimizer
    cdef void *states[MAX_STATES]
    cdef Py_ssize_t s
    for s in range(optimizer.n_states):
        states[s] = model.states[s] + offset * model.itemsize
    optimizer.step[model.dtype](
        n, model.parameters + offset * model.itemsize, d_theta, states,
        model.hyperparameters, model.tally)


cdef inline void begin_update(Model *model, const Part *part) noexcept nogil:
    if part.index == 0 and model.optimizer.begin != NULL:
        model.optimizer.begin(model.hyperparameters, model.tally)


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


cdef struct Link:                    # a layer on the way down: what it was given and what it passes on
    const Layer *layer
    Py_ssize_t n                     # samples, all of them,
    Py_ssize_t first, n_own          # and those of this part
    const char *A_prev
    Py_ssize_t A_prev_stride
    const Py_ssize_t *order          # of A_prev, as a batch's
    char *dZ
    char *dA_prev                    # NULL where it is not wanted
    Py_ssize_t dA_prev_stride
    char *strip                      # of dW, this part's own


cdef inline void output_error(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape,
) noexcept nogil:
    """dA = ∂C/∂A⁽ᴸ⁾; or dZ at once, where the loss brings its own activation"""
    cdef const Layer *layer = &model.layers[model.n_layers - 1]
    cdef Py_ssize_t first, last
    cdef char *dA
    first, last = share(part, batch.n, 1)
    dA = tape.dZ + first * layer.stride * model.itemsize
    model.loss.backward[model.dtype](
        last - first, layer.n_out, batch.n, A_of(model, layer, tape, first), layer.stride,
        batch.Y + first * batch.Y_stride * model.itemsize, batch.Y_stride, dA, layer.stride,
        model.loss_hyperparameters)
    clear_padding(model, last - first, layer.n_out, layer.stride, dA)


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
    clear_padding(model, last - first, layer.n_out, layer.stride, tape.dZ + first * stride)


cdef inline void error_of_layer(
    const Model *model, const Tape *tape, const Link *link,
) noexcept nogil:
    """dZ = dA · f′, in place"""
    cdef const Layer *layer = link.layer
    cdef char *dZ = link.dZ + link.first * layer.stride * model.itemsize
    layer.activation.backward[model.dtype](
        link.n_own, layer.n_out if layer.activation.couples_units else layer.width,
        Z_of(model, layer, tape, link.first), A_of(model, layer, tape, link.first), layer.stride,
        dZ, dZ, layer.stride, layer.hyperparameters)


cdef inline void error_below(
    const Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows, Py_ssize_t n_terms,
) noexcept nogil:
    """dA_prev = dZ · Wᵀ for the inputs from k on; n_terms may reach into the padding of dZ and W"""
    model.kernels.dense_backward_A[model.dtype](
        link.n, n_rows, n_terms, link.dZ, link.layer.stride,
        weights_of(model, link.layer) + k * link.layer.W_stride * model.itemsize,
        link.layer.W_stride, link.dA_prev + k * model.itemsize, link.dA_prev_stride)


cdef inline void weight_gradient(
    const Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows, char *dW,
) noexcept nogil:
    """dW = A_prevᵀ · dZ for the inputs from k on"""
    model.kernels.dense_backward_W[model.dtype](
        link.n, n_rows, link.layer.W_stride, link.A_prev + k * model.itemsize,
        link.A_prev_stride, link.order, link.dZ, link.layer.stride, dW, link.layer.W_stride)


cdef inline void bias_gradient(const Model *model, const Link *link, char *db) noexcept nogil:
    """db = Σ_rows dZ"""
    model.kernels.dense_backward_b[model.dtype](
        link.n, link.layer.W_stride, link.dZ, link.layer.stride, db)


cdef inline bint step_outer(
    Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows,
) noexcept nogil:
    """W ← W − step(A_prevᵀ·dZ) for the inputs from k on, without dW; false if there is no such step."""
    cdef const Layer *layer = link.layer
    cdef const Optimizer *optimizer = model.optimizer
    return optimizer.step_outer[model.dtype] != NULL and optimizer.step_outer[model.dtype](
        link.n, n_rows, min(layer.width, layer.W_stride),
        link.A_prev + k * model.itemsize, link.A_prev_stride, link.order, link.dZ, layer.stride,
        weights_of(model, layer) + k * layer.W_stride * model.itemsize, layer.W_stride,
        model.hyperparameters)


cdef inline void learn_strip(
    Model *model, const Link *link, Py_ssize_t k, Py_ssize_t n_rows,
) noexcept nogil:
    """Update W for the inputs from k on."""
    cdef const Layer *layer = link.layer
    if not step_outer(model, link, k, n_rows):
        weight_gradient(model, link, k, n_rows, link.strip)
        step(model, layer.offset + k * layer.W_stride, n_rows * layer.W_stride, link.strip)


cdef inline bint derive_weights(
    Model *model, const Part *part, const Link *link, const Sink *sink,
) noexcept nogil:
    """dA_prev and dW of this part's inputs (rows of W), a strip at a time; true if interrupted."""
    cdef const Layer *layer = link.layer
    cdef Py_ssize_t k, k_end, n_rows = layer.n_in, n_terms = layer.n_out, work = 0
    k, k_end = share(part, layer.n_in, 1 if link.dA_prev == NULL else ALIGNMENT // model.itemsize)
    if sink.target == UPDATE or (
        part.stoppable and link.n * n_rows * layer.W_stride > POLL
    ):
        n_rows = strip_rows(model, layer)
    if link.n == 1 and sink.target != NOTHING:
        # One sample's dA_prev takes outputs by fours; its first layer needs no strips.
        n_terms = min(layer.W_stride, (n_terms + 3) // 4 * 4)
        if sink.target == UPDATE and link.dA_prev == NULL and step_outer(model, link, k, k_end - k):
            return False
    while k < k_end:
        n_rows = min(n_rows, k_end - k)
        if link.dA_prev != NULL:
            error_below(model, link, k, n_rows, n_terms)
        if sink.target == UPDATE:
            learn_strip(model, link, k, n_rows)
        elif sink.target == VECTOR:
            weight_gradient(
                model, link, k, n_rows,
                sink.gradient + (layer.offset + k * layer.W_stride) * model.itemsize)
        k += n_rows
        work += link.n * n_rows * layer.W_stride
        if part.stoppable and work > POLL:
            work = 0
            if interrupted(part):
                return True
    return False


cdef inline void derive_biases(Model *model, const Link *link, const Sink *sink) noexcept nogil:
    cdef Py_ssize_t offset = link.layer.b_offset
    if sink.target == UPDATE:
        bias_gradient(model, link, link.strip)
        step(model, offset, link.layer.W_stride, link.strip)
    elif sink.target == VECTOR:
        bias_gradient(model, link, sink.gradient + offset * model.itemsize)


cdef inline void choose_input(
    const Model *model, const Batch *batch, const Tape *tape, const Sink *sink, Link *link,
) noexcept nogil:
    """Where a layer's A_prev is, and where its dA_prev goes."""
    cdef const Layer *below
    if link.layer == model.layers:
        link.A_prev = batch.X
        link.A_prev_stride = batch.X_stride
        link.order = batch.order
        link.dA_prev = sink.dX
        link.dA_prev_stride = link.layer.n_in
    else:
        below = link.layer - 1
        link.A_prev = A_of(model, below, tape, 0)
        link.A_prev_stride = link.dA_prev_stride = below.stride


cdef bint descend(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    bint dZ_is_known,
) noexcept nogil:
    """From dA of the output layer (or its dZ, if that is known) down to the first."""
    cdef Link link
    cdef char *swap
    cdef Py_ssize_t l
    cdef bint stopped
    link.n = batch.n
    link.first, link.n_own = share(part, batch.n, 1)
    link.n_own -= link.first
    link.order = NULL
    link.dZ = tape.dZ
    link.dA_prev = tape.dA_prev
    link.strip = tape.strips + part.index * strip_size(model)
    for l in range(model.n_layers - 1, -1, -1):
        link.layer = &model.layers[l]
        choose_input(model, batch, tape, sink, &link)
        if not dZ_is_known:
            error_of_layer(model, tape, &link)
        dZ_is_known = False
        if wait_for_others(part):
            return True
        stopped = derive_weights(model, part, &link, sink)
        if stopped and part.n_parts == 1:
            return True
        if part.index == 0 and not stopped:
            derive_biases(model, &link, sink)
        if wait_for_others(part):
            return True
        if l > 0:
            clear_padding(
                model, link.n_own, link.layer.n_in, link.dA_prev_stride,
                link.dA_prev + link.first * link.dA_prev_stride * model.itemsize)
        swap = link.dZ
        link.dZ = link.dA_prev
        link.dA_prev = swap
    return False


cdef bint backward(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
) noexcept nogil:
    """The derivatives of the mean of C over the rows that `forward` has just seen, into the sink.

    True if stoppable parts were interrupted; where the sink is an update, some strips are then
    updated, and the others as before.
    """
    if sink.target == UPDATE:
        begin_update(model, part)
    output_error(model, part, batch, tape)
    return descend(model, part, batch, tape, sink, model.loss.output_activation != NULL)


cdef bint pull_back(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const char *dA,
    const Sink *sink,
) noexcept nogil:
    """The derivatives of a C of the caller's, given its derivative dA by A⁽ᴸ⁾, (n, n_out), no gaps."""
    given_error(model, part, tape, dA)
    return descend(model, part, batch, tape, sink, False)


cdef void step_by(Model *model, const Part *part, const char *gradient) noexcept nogil:
    """θ ← θ − step(dθ) for a whole gradient, laid out like the parameters; padding takes no part."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k, k_end, offset
    begin_update(model, part)
    wait_for_others(part)
    for l in range(model.n_layers):
        layer = &model.layers[l]
        k, k_end = share(part, layer.n_in, 1)
        offset = layer.offset + k * layer.W_stride
        if layer.W_stride == layer.n_out:
            step(model, offset, (k_end - k) * layer.n_out, gradient + offset * model.itemsize)
        else:
            for k in range(k, k_end):
                offset = layer.offset + k * layer.W_stride
                step(model, offset, layer.n_out, gradient + offset * model.itemsize)
        if part.index == 0:
            offset = layer.b_offset
            step(model, offset, layer.n_out, gradient + offset * model.itemsize)
