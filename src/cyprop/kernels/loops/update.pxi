# Optimizers: θ ← θ − step(dθ), one loop over a stretch of the flat parameter vector. The engine may
# call step on any stretch, in any order, once per update; `begin` is called before the first.
# States are vectors laid out like θ; memory is a few numbers kept from one update to the next.
#
# To add one: write its step here and register it under a name with its hyperparameters. Nothing else
# needs to know: cyprop.Optimizer("name", …) finds it.

cdef Optimizer *optimizer


cdef void sgd_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *memory,
) noexcept nogil:
    """v ← momentum·v + dθ,  θ ← θ − learning_rate·v;  without momentum v is dθ"""
    cdef Py_ssize_t i
    cdef floating learning_rate = <floating> hyperparameters[0]
    cdef floating momentum = <floating> hyperparameters[1]
    cdef floating *restrict v
    if momentum == 0:
        for i in range(n):
            theta[i] = fma(-learning_rate, d_theta[i], theta[i])
        return
    v = states[0]
    for i in range(n):
        v[i] = fma(momentum, v[i], d_theta[i])
        theta[i] = fma(-learning_rate, v[i], theta[i])

cdef inline void step_in_registers(
    Py_ssize_t lines, Py_ssize_t n_rows, const int *index, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """w ← w − rate · (a · dZ) for the rows of W in index (NULL: for all), a strip of columns.

    Rounded as by dense_backward_W followed by sgd_step. lines is a constant in a call, and so is
    whether there is an index.
    """
    cdef floating dz[MAX_ROW_LINES][MAX_LINE]
    cdef Py_ssize_t lanes = LINE_BYTES // sizeof(floating)
    cdef floating a
    cdef floating *restrict w
    cdef Py_ssize_t i, k, line, lane
    if lines > ROW_LINES:
        return                  # never asked for; says so to the compiler
    for line in range(lines):
        for lane in range(lanes):
            dz[line][lane] = dZ[line * lanes + lane]
    for i in range(n_rows):
        k = index[i] if index != NULL else i
        a = A_prev[k]
        w = W + k * W_stride
        for line in range(lines):
            for lane in range(lanes):
                w[line * lanes + lane] = fma(-rate, a * dz[line][lane] + 0, w[line * lanes + lane])


cdef void step_all(
    Py_ssize_t n_rows, Py_ssize_t n_out, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """The same for all rows and whole lines of outputs, spread evenly over strips."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t left = n_out // line, strips = (left + ROW_LINES - 1) // ROW_LINES, lines
    while left:
        lines = (left + strips - 1) // strips
        if lines == 1:
            step_in_registers(1, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 2:
            step_in_registers(2, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 3:
            step_in_registers(3, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 4:
            step_in_registers(4, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + lines * line
        W = W + lines * line
        left -= lines
        strips -= 1


cdef void step_listed(
    Py_ssize_t n_rows, Py_ssize_t n_out, const int *index, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """The same for the rows in index."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), left = n_out // line, lines
    while left and n_rows:
        lines = 4 if left >= 4 and ROW_LINES >= 4 else 2 if left >= 2 and ROW_LINES >= 2 else 1
        if lines == 4:
            step_in_registers(4, n_rows, index, rate, A_prev, dZ, W, W_stride)
        elif lines == 2:
            step_in_registers(2, n_rows, index, rate, A_prev, dZ, W, W_stride)
        else:
            step_in_registers(1, n_rows, index, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + lines * line
        W = W + lines * line
        left -= lines


cdef inline void step_few(
    Py_ssize_t lanes, Py_ssize_t n_rows, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """The same for all rows and less than a line of outputs, whose number may be a constant."""
    cdef Py_ssize_t k, lane
    for k in range(n_rows):
        for lane in range(lanes):
            W[k * W_stride + lane] = fma(-rate, A_prev[k] * dZ[lane] + 0, W[k * W_stride + lane])


cdef void step_of_terms(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, floating rate,
    const floating *const *A_prev, const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ for n_out of at most MAX_PANEL, passing over the terms where A_prev is
    zero, and the rows of W that have no others."""
    cdef floating column[SAMPLES]
    cdef floating dw[MAX_PANEL]
    cdef int index[SAMPLES]
    cdef floating *restrict w
    cdef Py_ssize_t i, j, k, count
    for k in range(n_in):
        for i in range(n):
            column[i] = A_prev[i][k]
        count = list_nonzero(n, column, index)
        if count:
            for j in range(n_out):
                dw[j] = 0
            add_listed(count, n_out, index, column, dZ, dZ_stride, dw)
            w = W + k * W_stride
            for j in range(n_out):
                w[j] = fma(-rate, dw[j] + 0, w[j])


cdef bint sgd_step_outer(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict W, Py_ssize_t W_stride, const double *hyperparameters,
) noexcept nogil:
    """W ← W − learning_rate · A_prevᵀ·dZ; only without momentum

    For whole lines of outputs, or less than one of one sample. Where A_prev is zero nothing changes,
    and where much of it is, those rows are not touched.
    """
    cdef const floating *samples[SAMPLES]
    cdef int index[LIST_SIZE]
    cdef floating rate = <floating> hyperparameters[0]
    cdef Py_ssize_t k = 0, rows
    if hyperparameters[1] != 0 or n > SAMPLES:
        return False
    list_samples(0, n, A_prev, A_prev_stride, order, samples)
    if n == 1 and n_out * sizeof(floating) < LINE_BYTES:
        if n_out == 1 and W_stride == 1:
            step_few(1, n_in, rate, samples[0], dZ, W, 1)
        elif n_out == 8:
            step_few(8, n_in, rate, samples[0], dZ, W, W_stride)
        elif n_out == 4:
            step_few(4, n_in, rate, samples[0], dZ, W, W_stride)
        else:
            step_few(n_out, n_in, rate, samples[0], dZ, W, W_stride)
        return True
    if n_out * sizeof(floating) % LINE_BYTES:
        return False
    if n > 1 and mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride, order):
        if n_out > MAX_PANEL:
            return False
        step_of_terms(n, n_in, n_out, rate, samples, dZ, dZ_stride, W, W_stride)
        return True
    if n > 1:
        product(True, True, rate, False, n_in, n, n_out, samples, dZ, dZ_stride,
                <const floating *> NULL, 0, W, W_stride)
        return True
    A_prev = samples[0]
    if 4 * count_zeros(n_in, A_prev) <= n_in:
        rows = ROWS_OF_LARGE if n_in * n_out * sizeof(floating) > LARGE_BYTES else n_in
        while k < n_in:
            step_all(min(rows, n_in - k), n_out, rate, A_prev + k, dZ, W + k * W_stride, W_stride)
            k += rows
    while k < n_in:
        rows = min(n_in - k, <Py_ssize_t> LIST_SIZE)
        step_listed(
            list_nonzero(rows, A_prev + k, index), n_out, index, rate,
            A_prev + k, dZ, W + k * W_stride, W_stride)
        k += rows
    return True

optimizer = new_optimizer(b"sgd", 1)
hyperparameter(&optimizer.rule, b"learning_rate", 0.1, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"momentum", 0.0, 0, True, 1)
optimizer.step[0] = <OptimizerStep> sgd_step[float]
optimizer.step[1] = <OptimizerStep> sgd_step[double]
optimizer.step_outer[0] = <OptimizerStepOuter> sgd_step_outer[float]
optimizer.step_outer[1] = <OptimizerStepOuter> sgd_step_outer[double]


cdef void adam_begin(const double *hyperparameters, double *memory) noexcept nogil:
    """memory: 1 − beta1^t and 1 − beta2^t at the t-th update, from those of the one before"""
    memory[0] = fma64(hyperparameters[1], memory[0], 1.0 - hyperparameters[1])
    memory[1] = fma64(hyperparameters[2], memory[1], 1.0 - hyperparameters[2])


cdef void adam_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *memory,
) noexcept nogil:
    """m ← beta1·m + (1 − beta1)·dθ,  v ← beta2·v + (1 − beta2)·dθ²,
    θ ← θ − learning_rate · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + epsilon)

    Kingma and Ba (2015), algorithm 1.
    """
    cdef Py_ssize_t i
    cdef floating beta1 = <floating> hyperparameters[1]
    cdef floating beta2 = <floating> hyperparameters[2]
    cdef floating epsilon = <floating> hyperparameters[3]
    cdef floating rate = <floating> (hyperparameters[0] / memory[0])
    cdef floating scale = <floating> (1.0 / sqrt(memory[1]))
    cdef floating keep1 = <floating> (1.0 - hyperparameters[1])
    cdef floating keep2 = <floating> (1.0 - hyperparameters[2])
    cdef floating *restrict m = states[0]
    cdef floating *restrict v = states[1]
    cdef floating g
    for i in range(n):
        g = d_theta[i]
        m[i] = fma(beta1, m[i], keep1 * g)
        v[i] = fma(beta2, v[i], keep2 * g * g)
        theta[i] = theta[i] - rate * m[i] / fma(square_root(v[i]), scale, epsilon)

optimizer = new_optimizer(b"adam", 2)
hyperparameter(&optimizer.rule, b"learning_rate", 0.001, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"beta1", 0.9, 0, True, 1)
hyperparameter(&optimizer.rule, b"beta2", 0.999, 0, True, 1)
hyperparameter(&optimizer.rule, b"epsilon", 1e-8, 0, False, INFINITY)
optimizer.begin = adam_begin
optimizer.step[0] = <OptimizerStep> adam_step[float]
optimizer.step[1] = <OptimizerStep> adam_step[double]
