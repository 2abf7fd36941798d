# W ← W − rate · A_prevᵀ · dZ, with no dW in between: what plain gradient descent does to a dense layer.
#
# The sums and the roundings are those of dense_backward_W followed by sgd_step, so the bits are the
# same. Where A_prev is zero nothing changes, and where much of it is, those rows of W are not touched.


cdef inline void step_in_registers(
    Py_ssize_t lines, Py_ssize_t lanes, Py_ssize_t n_rows, const int *index, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """w ← w − rate · (a · dZ) for the rows of W in index (NULL: for all), and some lines of so many
    columns.

    lines and lanes are constants in a call, and so is whether there is an index.
    """
    cdef floating dz[MAX_ROW_LINES][WIDE * MAX_LINE]
    cdef floating a
    cdef floating *restrict w
    cdef Py_ssize_t i, k, line, lane
    # This never happens; it lets the compiler drop the other sizes.
    if lines > MAX_ROW_LINES or lanes > WIDE * MAX_LINE:
        return
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


cdef inline Py_ssize_t step_wide(
    Py_ssize_t n_rows, Py_ssize_t n_out, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ of one sample along long parts of rows, since memory is rewritten
    fastest in the order it lies in. How many outputs were done; some lines may be left."""
    cdef Py_ssize_t lanes = WIDE * LINE_BYTES // sizeof(floating), done = 0, groups
    cdef const int *all_rows = NULL
    while n_out - done >= lanes:
        groups = min((n_out - done) // lanes, <Py_ssize_t> PART_OF_ROW // WIDE)
        if groups == 1:
            step_in_registers(1, lanes, n_rows, all_rows, rate, A_prev, dZ, W, W_stride)
        elif groups == 2:
            step_in_registers(2, lanes, n_rows, all_rows, rate, A_prev, dZ, W, W_stride)
        elif groups == 3:
            step_in_registers(3, lanes, n_rows, all_rows, rate, A_prev, dZ, W, W_stride)
        else:
            step_in_registers(4, lanes, n_rows, all_rows, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + groups * lanes
        W = W + groups * lanes
        done += groups * lanes
    return done


cdef void step_all(
    Py_ssize_t n_rows, Py_ssize_t n_out, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ of one sample, for whole lines of outputs: in groups of even size, or
    as wide as registers allow."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), left, groups, lines
    if WHOLE_ROWS and n_out > WIDE * line:
        left = step_wide(n_rows, n_out, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + left
        W = W + left
        n_out -= left
    left = n_out // line
    groups = (left + ROW_LINES - 1) // ROW_LINES
    while left:
        lines = (left + groups - 1) // groups
        if lines == 1:
            step_in_registers(1, line, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 2:
            step_in_registers(2, line, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 3:
            step_in_registers(3, line, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        elif lines == 4:
            step_in_registers(4, line, n_rows, <const int *> NULL, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + lines * line
        W = W + lines * line
        left -= lines
        groups -= 1


cdef inline void step_some_at_a_time(
    Py_ssize_t n_in, Py_ssize_t n_out, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """The same for some rows at a time where all do not fit a cache, and from the last ones on, which
    the forward pass has just read."""
    cdef Py_ssize_t rows = n_in, bytes = n_in * n_out * sizeof(floating)
    if WHOLE_ROWS and n_out * sizeof(floating) > WIDE * LINE_BYTES and bytes >= NEAR_BYTES:
        rows = ROWS_OF_FAR
    elif not WHOLE_ROWS and bytes >= LARGE_BYTES:
        rows = ROWS_OF_LARGE
    while n_in:
        rows = min(rows, n_in)
        n_in -= rows
        step_all(rows, n_out, rate, A_prev + n_in, dZ, W + n_in * W_stride, W_stride)


cdef void step_listed(
    Py_ssize_t n_rows, Py_ssize_t n_out, const int *index, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ of one sample, for the rows of W in index and whole lines."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), left = n_out // line, lines
    while left and n_rows:
        lines = 4 if left >= 4 and ROW_LINES >= 4 else 2 if left >= 2 and ROW_LINES >= 2 else 1
        if lines == 4:
            step_in_registers(4, line, n_rows, index, rate, A_prev, dZ, W, W_stride)
        elif lines == 2:
            step_in_registers(2, line, n_rows, index, rate, A_prev, dZ, W, W_stride)
        else:
            step_in_registers(1, line, n_rows, index, rate, A_prev, dZ, W, W_stride)
        dZ = dZ + lines * line
        W = W + lines * line
        left -= lines


cdef inline void step_few(
    Py_ssize_t lanes, Py_ssize_t n_rows, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ of one sample, for less than a line of outputs.

    lanes, their number, may be a constant in a call.
    """
    cdef Py_ssize_t k, lane
    for k in range(n_rows):
        for lane in range(lanes):
            W[k * W_stride + lane] = fma(-rate, A_prev[k] * dZ[lane] + 0, W[k * W_stride + lane])


cdef void step_of_nonzero(
    Py_ssize_t n_in, Py_ssize_t n_out, floating rate,
    const floating *A_prev, const floating *dZ, floating *restrict W, Py_ssize_t W_stride,
) noexcept nogil:
    """W ← W − rate · A_prevᵀ·dZ of one sample, for whole lines of outputs and the inputs that are not
    zero."""
    cdef int index[LIST_SIZE + LINE_OF_PLACES]
    cdef Py_ssize_t k = 0, rows
    while k < n_in:
        rows = min(n_in - k, <Py_ssize_t> LIST_SIZE)
        step_listed(
            list_nonzero(rows, A_prev + k, index), n_out, index, rate,
            A_prev + k, dZ, W + k * W_stride, W_stride)
        k += rows


cdef bint sgd_step_outer(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict W, Py_ssize_t W_stride, const double *hyperparameters,
) noexcept nogil:
    """W ← W − learning_rate · A_prevᵀ·dZ; only without momentum

    It takes whole lines of outputs or, of one sample, less than a line. False: nothing was done.
    """
    cdef const floating *samples[SAMPLES]
    cdef floating rate = <floating> hyperparameters[0]
    cdef floating factor
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
    if n > 1:
        factor = -rate
        if mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride, order):
            columns_of_terms(
                n, n_in, n_out, samples, dZ, dZ_stride, <const floating *> NULL, 0,
                &factor, W, W_stride)
        else:
            product_by_columns(
                STEP, n_in, n, n_out, samples, A_prev_stride if order == NULL else 0,
                dZ, dZ_stride, <const floating *> NULL, 0, &factor, W, W_stride)
        return True
    if 4 * count_zeros(n_in, samples[0]) > n_in:
        step_of_nonzero(n_in, n_out, rate, samples[0], dZ, W, W_stride)
    else:
        step_some_at_a_time(n_in, n_out, rate, samples[0], dZ, W, W_stride)
    return True
