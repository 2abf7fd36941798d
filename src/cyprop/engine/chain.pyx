"""The chain rule, once, in order, over the layers.

    forward    A⁽⁰⁾ = X;   Z = A_prev · W + b,   A = f(Z)             for each layer upwards
    backward   dA = ∂C/∂A⁽ᴸ⁾;   dZ = dA · f′,   dW = A_prevᵀ · dZ,
               db = Σ_rows dZ,   dA_prev = dZ · Wᵀ                    for each layer downwards

dX means ∂C/∂X; in `input_gradient` C is whatever the given dA is the derivative of. Learning updates
a strip of W as soon as its dW and its share of dA_prev are known, while both are in the first-level
cache: the gradient never goes to memory.

Parameters are one vector: of each layer the rows of W, each padded to whole cache lines, then b
padded likewise. Rows of a multiple of 1 KiB get one line more, which is not read when predicting:
otherwise rows that a loop visits side by side would compete for the same few places of the cache.
Rows of less than a line are padded to a power of two instead, so that one output costs one number an
input and not a line: `forward` reads on into the next rows and gets, past n_out, numbers that
nobody uses. Padding of W and b stays as it was; padding of dZ is kept at zero, so that padding never
adds to a gradient. Scratch belongs to the caller. Nothing here can fail.

A team of threads shares a batch: each member takes some of its rows through `forward` and to dZ,
then some of the rows of W through dA_prev, dW and the update. No sum is ever split, so bits do not
depend on how many there are. Between the two they wait for each other.
"""

from libc.string cimport memcpy, memset

from cyprop.kernels.table cimport Optimizer, Table
from cyprop.engine.team cimport Team, meet, stop, stops

cdef extern from "Python.h":
    int PyErr_CheckSignals()

cdef enum:
    POLL = 1 << 24          # multiplications between two looks for Ctrl-C
    STRIP_BYTES = 16384     # of dW at a time while learning: half a first-level cache
    STRIP_ROWS = 32         # of W at least, and in multiples: what a tile of dA_prev likes


cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t itemsize) noexcept nogil:
    """n elements as whole cache lines."""
    cdef Py_ssize_t line = ALIGNMENT // itemsize
    return (n + line - 1) // line * line


cdef Py_ssize_t row_stride(Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil:
    """From one row of that many elements (whole cache lines) to the next, in elements."""
    return width + (ALIGNMENT // itemsize if width * itemsize % 1024 == 0 else 0)


cdef Py_ssize_t weight_stride(Py_ssize_t n_out, Py_ssize_t itemsize) noexcept nogil:
    """From one row of W to the next, in elements."""
    cdef Py_ssize_t fitting = 1
    if n_out * itemsize > ALIGNMENT:
        return row_stride(round_up(n_out, itemsize), itemsize)
    while fitting < n_out:
        fitting *= 2
    return fitting


cdef inline char *weights_of(const Model *model, const Layer *layer) noexcept nogil:
    return model.parameters + layer.offset * model.itemsize


cdef inline const char *biases_of(const Model *model, const Layer *layer) noexcept nogil:
    return model.parameters + layer.b_offset * model.itemsize


cdef inline void activate(
    const Model *model, const Layer *layer, Py_ssize_t n, const char *Z, char *A,
) noexcept nogil:
    """A = f(Z); padding is activated along with the rest where units are independent."""
    layer.activation.forward[model.dtype](
        n, layer.n_out if layer.activation.couples_units else layer.width, Z, A, layer.stride,
        layer.activation_hyperparameters)


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


cdef Py_ssize_t training_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    """A and Z of every layer, then dA of one layer and of the one below, then a strip a part."""
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
    const Model *model, const Part *part, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    const char *Y, Py_ssize_t Y_stride, char *scratch, double *C,
) noexcept nogil:
    """Keep Z and A of every layer in scratch, and the loss of each row in C unless Y is NULL."""
    cdef const Table *kernels = model.kernels
    cdef Py_ssize_t size = model.itemsize, first, last
    cdef const Layer *layer = NULL
    cdef const char *A_prev
    cdef char *Z = NULL
    cdef char *A = NULL
    cdef Py_ssize_t A_prev_stride = X_stride
    cdef Py_ssize_t l
    cdef const Py_ssize_t *order = NULL
    first, last = share(part, n, 1)
    A_prev = X + first * X_stride * size
    if part.order != NULL:
        order = part.order + first
        A_prev = X
    if first < last:
        for l in range(model.n_layers):
            layer = &model.layers[l]
            Z = scratch + (n * layer.Z_offset + first * layer.stride) * size
            A = scratch + (n * layer.A_offset + first * layer.stride) * size
            kernels.dense_forward[model.dtype](
                last - first, layer.n_in, layer.width, A_prev, A_prev_stride, order,
                weights_of(model, layer), layer.W_stride, biases_of(model, layer), Z, layer.stride)
            activate(model, layer, last - first, Z, A)
            order = NULL
            A_prev = A
            A_prev_stride = layer.stride
        if Y != NULL:
            model.loss.forward[model.dtype](
                last - first, layer.n_out, Z, A, layer.stride,
                Y + first * Y_stride * size, Y_stride, C + first, model.loss_hyperparameters)
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


cdef inline bint step_outer(
    Model *model, const Layer *layer, Py_ssize_t n, Py_ssize_t n_rows,
    const char *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order, const char *dZ, char *W,
) noexcept nogil:
    """The same for rows of W, straight from A_prevᵀ·dZ, if the optimizer can."""
    cdef const Optimizer *optimizer = model.optimizer
    return optimizer.step_outer[model.dtype] != NULL and optimizer.step_outer[model.dtype](
        n, n_rows, min(layer.width, layer.W_stride), A_prev, A_prev_stride, order,
        dZ, layer.stride, W, layer.W_stride, model.hyperparameters)


cdef bint interrupted(const Part *part) noexcept nogil:
    """Whether Python has something to raise, such as KeyboardInterrupt; it is then set.

    The first part looks, in the thread that Python has called. The others learn of it here, or
    when they next wait for each other.
    """
    cdef bint found = False
    if part.index == 0:
        with gil:
            found = PyErr_CheckSignals() != 0
        if found and part.team != NULL:
            stop(<Team *> part.team)
    return found or (part.team != NULL and stops(<Team *> part.team))


cdef bint backward(
    Model *model, const Part *part, Py_ssize_t n, const char *X, Py_ssize_t X_stride,
    const char *Y, Py_ssize_t Y_stride, char *scratch,
    char *gradient, char *dA0,
) noexcept nogil:
    """The derivatives of the mean of C over the n rows that `forward` has just seen.

    With a gradient vector (laid out like the parameters), they are written there, and ∂C/∂X into
    dA0 (n, n_in without gaps) unless that is NULL. Without one, the parameters are updated.
    True if stoppable parts were interrupted; some strips are then updated, and the others as before.
    """
    cdef const Table *kernels = model.kernels
    cdef Py_ssize_t size = model.itemsize, dtype = model.dtype
    cdef bint learning = gradient == NULL
    cdef char *dZ = scratch + n * model.kept * size
    cdef char *dA_prev = dZ + n * model.widest * size
    cdef char *strip = dA_prev + n * model.widest * size + part.index * strip_size(model)
    cdef char *swap
    cdef const Layer *layer = &model.layers[model.n_layers - 1]
    cdef const Layer *below
    cdef const char *A_prev
    cdef const Py_ssize_t *order = NULL
    cdef char *W
    cdef char *dW
    cdef char *db
    cdef Py_ssize_t l, k, k_end, n_rows, n_terms, A_prev_stride, dA_prev_stride, first, n_own, own
    cdef Py_ssize_t work = 0
    cdef bint dZ_is_known = model.loss.output_activation != NULL

    if learning and part.index == 0 and model.optimizer.begin != NULL:
        model.optimizer.begin(model.hyperparameters, model.tally)

    # dA of the output layer (or dZ, when the loss brings its own activation)
    first, n_own = share(part, n, 1)
    n_own -= first
    own = first * layer.stride * size
    model.loss.backward[dtype](
        n_own, layer.n_out, n, scratch + n * layer.A_offset * size + own, layer.stride,
        Y + first * Y_stride * size, Y_stride, dZ + own, layer.stride, model.loss_hyperparameters)
    clear_padding(model, n_own, layer.n_out, layer.stride, dZ + own)

    for l in range(model.n_layers - 1, -1, -1):
        layer = &model.layers[l]
        if l == 0:
            A_prev = X
            A_prev_stride = X_stride
            order = part.order
            dA_prev_stride = layer.n_in
            dA_prev = dA0
        else:
            below = &model.layers[l - 1]
            A_prev = scratch + n * below.A_offset * size
            A_prev_stride = dA_prev_stride = below.stride

        # dZ = dA · f′, in place
        own = first * layer.stride * size
        if not dZ_is_known:
            layer.activation.backward[dtype](
                n_own, layer.n_out if layer.activation.couples_units else layer.width,
                scratch + n * layer.Z_offset * size + own,
                scratch + n * layer.A_offset * size + own, layer.stride,
                dZ + own, dZ + own, layer.stride, layer.activation_hyperparameters)
        dZ_is_known = False
        if wait_for_others(part):
            return True

        # dA_prev = dZ · Wᵀ and dW = A_prevᵀ · dZ, a strip of inputs (rows of W) at a time
        k, k_end = share(part, layer.n_in, 1 if dA_prev == NULL else ALIGNMENT // size)
        n_rows = strip_rows(model, layer) if learning else layer.n_in
        n_terms = layer.n_out
        if n == 1:
            # one sample's dA_prev takes outputs by fours; its first layer needs no strips
            n_terms = min(layer.W_stride, (n_terms + 3) // 4 * 4)
            if learning and dA_prev == NULL and step_outer(
                model, layer, n, k_end - k, A_prev + k * size, A_prev_stride, order, dZ,
                weights_of(model, layer) + k * layer.W_stride * size
            ):
                k = k_end
        while k < k_end:
            n_rows = min(n_rows, k_end - k)
            W = weights_of(model, layer) + k * layer.W_stride * size
            if dA_prev != NULL:
                kernels.dense_backward_A[dtype](
                    n, n_rows, n_terms, dZ, layer.stride, W, layer.W_stride,
                    dA_prev + k * size, dA_prev_stride)
            if not (learning and step_outer(
                model, layer, n, n_rows, A_prev + k * size, A_prev_stride, order, dZ, W
            )):
                dW = strip if learning else gradient + (layer.offset + k * layer.W_stride) * size
                kernels.dense_backward_W[dtype](
                    n, n_rows, layer.W_stride, A_prev + k * size, A_prev_stride, order,
                    dZ, layer.stride, dW, layer.W_stride)
                if learning:
                    step(model, layer.offset + k * layer.W_stride, n_rows * layer.W_stride, dW)
            k += n_rows
            work += n * n_rows * layer.W_stride
            if part.stoppable and work > POLL:
                work = 0
                if interrupted(part):
                    if part.n_parts == 1:
                        return True
                    break

        # db = Σ_rows dZ
        if part.index == 0:
            db = strip if learning else gradient + layer.b_offset * size
            kernels.dense_backward_b[dtype](n, layer.W_stride, dZ, layer.stride, db)
            if learning:
                step(model, layer.b_offset, layer.W_stride, db)
        if wait_for_others(part):
            return True

        # the layer below: its dA is this dA_prev
        if l > 0:
            clear_padding(
                model, n_own, layer.n_in, dA_prev_stride, dA_prev + first * dA_prev_stride * size)
        swap = dZ
        dZ = dA_prev
        dA_prev = swap
    return False


cdef Py_ssize_t input_gradient_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return training_scratch_size(model, n, 0)


cdef void input_gradient(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride, const char *dA,
    char *dX, char *scratch,
) noexcept nogil:
    """dX = dA · ∂A⁽ᴸ⁾/∂X of each of n rows; dA (n, n_out) and dX (n, n_in) have no gaps."""
    cdef Py_ssize_t size = model.itemsize
    cdef char *dZ = scratch + n * model.kept * size
    cdef char *dA_prev = dZ + n * model.widest * size
    cdef char *swap
    cdef const Layer *layer = &model.layers[model.n_layers - 1]
    cdef Part part = whole()
    cdef Py_ssize_t l, i, dA_prev_stride
    forward(model, &part, n, X, X_stride, NULL, 0, scratch, NULL)
    for i in range(n):
        memcpy(dZ + i * layer.stride * size, dA + i * layer.n_out * size, layer.n_out * size)
    for l in range(model.n_layers - 1, -1, -1):
        layer = &model.layers[l]
        dA_prev_stride = layer.n_in
        if l == 0:
            dA_prev = dX
        else:
            dA_prev_stride = model.layers[l - 1].stride

        # dZ = dA · f′, in place; what may lie in the padding, denormals say, would take longer
        clear_padding(model, n, layer.n_out, layer.stride, dZ)
        layer.activation.backward[model.dtype](
            n, layer.n_out if layer.activation.couples_units else layer.width,
            scratch + n * layer.Z_offset * size, scratch + n * layer.A_offset * size, layer.stride,
            dZ, dZ, layer.stride, layer.activation_hyperparameters)

        # dA_prev = dZ · Wᵀ
        model.kernels.dense_backward_A[model.dtype](
            n, layer.n_in, layer.n_out, dZ, layer.stride, weights_of(model, layer), layer.W_stride,
            dA_prev, dA_prev_stride)
        swap = dZ
        dZ = dA_prev
        dA_prev = swap
