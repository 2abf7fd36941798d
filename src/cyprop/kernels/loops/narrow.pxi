# Z = A_prev · W + b for few outputs: those that fit a cache line, 16 of float32 or 8 of float64.
#
# One sum an output would leave the processor waiting: each addition for the one before, with nothing
# beside it. So a sum is four: p₀ starts from b, the others from 0, and input i goes to p of i mod 4;
# z = (p₀ + p₁) + (p₂ + p₃), for one row as for many, and no zero is passed over.
#
# dW of less than a line of outputs is computed as dWᵀ = dZᵀ · A_prev, with the inputs side by side in
# vectors, since of a row of dW most of a line would be padding. An element is the same sum as ever,
# over the samples in order.


cdef inline void narrow_rows(
    Py_ssize_t rows, Py_ssize_t lanes, Py_ssize_t n_in, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Some rows of Z side by side. rows and lanes (its columns) are constants in a call."""
    cdef floating p0[MAX_TILE_ROWS][MAX_LINE]
    cdef floating p1[MAX_TILE_ROWS][MAX_LINE]
    cdef floating p2[MAX_TILE_ROWS][MAX_LINE]
    cdef floating p3[MAX_TILE_ROWS][MAX_LINE]
    cdef const floating *a
    cdef const floating *w
    cdef Py_ssize_t i = 0, row, lane
    # This never happens; it lets the compiler drop the other sizes.
    if rows > NARROW_ROWS:
        return
    for row in range(rows):
        for lane in range(lanes):
            p0[row][lane] = b[lane]
            p1[row][lane] = p2[row][lane] = p3[row][lane] = 0
    while i + 4 <= n_in:
        w = W + i * W_stride
        for row in range(rows):
            a = A_prev[row] + i
            for lane in range(lanes):
                p0[row][lane] = fma(a[0], w[lane], p0[row][lane])
                p1[row][lane] = fma(a[1], w[W_stride + lane], p1[row][lane])
                p2[row][lane] = fma(a[2], w[2 * W_stride + lane], p2[row][lane])
                p3[row][lane] = fma(a[3], w[3 * W_stride + lane], p3[row][lane])
        i += 4
    w = W + i * W_stride
    if i < n_in:
        for row in range(rows):
            for lane in range(lanes):
                p0[row][lane] = fma(A_prev[row][i], w[lane], p0[row][lane])
    if i + 1 < n_in:
        for row in range(rows):
            for lane in range(lanes):
                p1[row][lane] = fma(
                    A_prev[row][i + 1], w[W_stride + lane], p1[row][lane])
    if i + 2 < n_in:
        for row in range(rows):
            for lane in range(lanes):
                p2[row][lane] = fma(
                    A_prev[row][i + 2], w[2 * W_stride + lane], p2[row][lane])
    for row in range(rows):
        for lane in range(lanes):
            Z[row * Z_stride + lane] = (
                (p0[row][lane] + p1[row][lane]) + (p2[row][lane] + p3[row][lane]))


cdef inline void one_output(
    Py_ssize_t n_in, const floating *A_prev, const floating *W, const floating *b,
    floating *restrict Z,
) noexcept nogil:
    """One row of Z, whose first element alone is wanted; W has no gaps."""
    cdef floating p[4]
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), i = 0, lane
    p[0] = b[0]
    p[1] = p[2] = p[3] = 0
    while i + 4 <= n_in:
        for lane in range(4):
            p[lane] = fma(A_prev[i + lane], W[i + lane], p[lane])
        i += 4
    for lane in range(n_in - i):
        p[lane] = fma(A_prev[i + lane], W[i + lane], p[lane])
    Z[0] = (p[0] + p[1]) + (p[2] + p[3])
    for lane in range(1, line):
        Z[lane] = 0


cdef inline bint few_outputs(
    Py_ssize_t n, Py_ssize_t n_in, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z a line wide where W has fewer columns, and zeros behind them; false: nothing was done."""
    if floating is float:
        return few_outputs32(n, n_in, A_prev, W, W_stride, b, Z, Z_stride)
    else:
        return few_outputs64(n, n_in, A_prev, W, W_stride, b, Z, Z_stride)


cdef inline bint one_of_few(
    Py_ssize_t n_in, const floating *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b, floating *restrict Z,
) noexcept nogil:
    """`few_outputs` of one row."""
    if floating is float:
        return one_of_few32(n_in, A_prev, W, W_stride, b, Z)
    else:
        return one_of_few64(n_in, A_prev, W, W_stride, b, Z)


cdef void narrow_row(
    Py_ssize_t n_in, const floating *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b, floating *restrict Z,
) noexcept nogil:
    """One row of Z, a line wide.

    Where rows of W are shorter, so many elements are W's own, and nobody uses the others.
    """
    if W_stride == 1:
        one_output(n_in, A_prev, W, b, Z)
        return
    narrow_rows(1, LINE_BYTES // sizeof(floating), n_in, &A_prev, W, W_stride, b, Z, 0)


cdef void narrow_columns(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z of less than a line, one element after the other."""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(n_out):
            narrow_rows(1, 1, n_in, A_prev + i, W + j, W_stride, b + j, Z + i * Z_stride + j, 0)


cdef inline void every_fourth(
    Py_ssize_t rows, Py_ssize_t first, Py_ssize_t n_in, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *start, floating *restrict p,
) noexcept nogil:
    """The sums over the inputs first, first + 4, … of some rows, a constant in a call, a line wide."""
    cdef floating sums[MAX_TILE_ROWS][MAX_LINE]
    cdef const floating *w
    cdef floating a
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), i = first, row, lane
    for row in range(rows):
        for lane in range(line):
            sums[row][lane] = start[lane] if start != NULL else 0
    while i < n_in:
        w = W + i * W_stride
        for row in range(rows):
            a = A_prev[row][i]
            for lane in range(line):
                sums[row][lane] = fma(a, w[lane], sums[row][lane])
        i += 4
    for row in range(rows):
        for lane in range(line):
            p[row * line + lane] = sums[row][lane]


cdef void narrow_tile(
    Py_ssize_t rows, Py_ssize_t n_in, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """4 or 6 rows of Z, a line wide, in four passes: so many rows share what is read of W, for whose
    four sums at once there are too few registers."""
    cdef floating p[4][6 * MAX_LINE]
    cdef const floating *start = b
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), first, row, lane
    for first in range(4):
        if rows == 6:
            every_fourth(6, first, n_in, A_prev, W, W_stride, start, p[first])
        else:
            every_fourth(4, first, n_in, A_prev, W, W_stride, start, p[first])
        start = NULL
    for row in range(rows):
        for lane in range(line):
            Z[row * Z_stride + lane] = (
                (p[0][row * line + lane] + p[1][row * line + lane])
                + (p[2][row * line + lane] + p[3][row * line + lane]))


cdef void narrow_forward(
    Py_ssize_t n, Py_ssize_t n_in, const floating *const *A_prev,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z a line wide, some rows at a time."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), rows
    if W_stride < line and few_outputs(n, n_in, A_prev, W, W_stride, b, Z, Z_stride):
        return
    while n > 0:
        rows = NARROW_ROWS if n >= NARROW_ROWS else 1
        if PASS_ROWS == 6 and n >= 4 and n_in >= LONG_PASS:
            rows = 4 if n < 6 or n == 8 else 6
            narrow_tile(rows, n_in, A_prev, W, W_stride, b, Z, Z_stride)
        elif rows == 1:
            narrow_row(n_in, A_prev[0], W, W_stride, b, Z)
        else:
            narrow_rows(NARROW_ROWS, line, n_in, A_prev, W, W_stride, b, Z, Z_stride)
        A_prev = A_prev + rows
        Z = Z + rows * Z_stride
        n -= rows


cdef inline void turned_tile(
    Py_ssize_t n_out, Py_ssize_t lines, Py_ssize_t n, const floating *const *A_prev, Py_ssize_t k,
    const floating *dZ, Py_ssize_t dZ_stride, floating *restrict dW_turned,
) noexcept nogil:
    """dWᵀ += dZᵀ · A_prev for some lines of inputs, from k on, without gaps.

    n_out (1, 2 or 4) and lines are constants in a call.
    """
    cdef floating sums[4][MAX_LANES]
    cdef const floating *a
    cdef floating dz
    cdef Py_ssize_t lanes = lines * (LINE_BYTES // sizeof(floating)), i, j, lane
    for j in range(n_out):
        for lane in range(lanes):
            sums[j][lane] = dW_turned[j * lanes + lane]
    for i in range(n):
        a = A_prev[i] + k
        for j in range(n_out):
            dz = dZ[i * dZ_stride + j]
            for lane in range(lanes):
                sums[j][lane] = fma(a[lane], dz, sums[j][lane])
    for j in range(n_out):
        for lane in range(lanes):
            dW_turned[j * lanes + lane] = sums[j][lane]


cdef void turned_columns(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *const *A_prev,
    const floating *dZ, Py_ssize_t dZ_stride, const floating *start,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = start + A_prevᵀ · dZ for 1, 2 or 4 outputs and at least a line of inputs.

    The last tile is moved back to end with the last input, and what it has in common with the one
    before it is thrown away.
    """
    cdef floating turned[8 * MAX_LINE]
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), k = 0, lines, lanes, first, i, j
    cdef Py_ssize_t most = 4 if n_out == 1 else 2 if n_out == 2 else FOUR_LINES
    while k < n_in:
        lines = most if n_in - k >= most * line else 1
        lanes = lines * line
        first = max(k + lanes - n_in, <Py_ssize_t> 0)
        k -= first
        for j in range(n_out):
            for i in range(lanes):
                turned[j * lanes + i] = start[(k + i) * dW_stride + j] if start != NULL else 0
        if n_out == 1 and lines == 4:
            turned_tile(1, 4, n, A_prev, k, dZ, dZ_stride, turned)
        elif n_out == 1:
            turned_tile(1, 1, n, A_prev, k, dZ, dZ_stride, turned)
        elif n_out == 2 and lines == 2:
            turned_tile(2, 2, n, A_prev, k, dZ, dZ_stride, turned)
        elif n_out == 2:
            turned_tile(2, 1, n, A_prev, k, dZ, dZ_stride, turned)
        elif lines == 2 and FOUR_LINES == 2:
            turned_tile(4, 2, n, A_prev, k, dZ, dZ_stride, turned)
        else:
            turned_tile(4, 1, n, A_prev, k, dZ, dZ_stride, turned)
        for i in range(first, lanes):
            for j in range(n_out):
                dW[(k + i) * dW_stride + j] = turned[j * lanes + i] + 0
        k += lanes


cdef void narrow_gradient(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *const *A_prev,
    const floating *dZ, Py_ssize_t dZ_stride, const floating *start,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = start + A_prevᵀ · dZ for less than a line of outputs and at least a line of inputs."""
    cdef Py_ssize_t j = 0, count
    while j < n_out:
        count = 4 if j + 4 <= n_out else 2 if j + 2 <= n_out else 1
        turned_columns(
            n, n_in, count, A_prev, dZ + j, dZ_stride, start + j if start != NULL else start, dW + j,
            dW_stride)
        j += count
