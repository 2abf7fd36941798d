# What is done with gradients between deriving and stepping: weights of samples, penalties, clipping.
# Sums are of 32 lanes and then of the lanes, in an order that is written here: a chain of additions for
# each vector, and enough of them to hide their latency.

cdef enum:
    SUM_LANES = 32


cdef inline double sum_of_lanes(double *lanes) noexcept nogil:
    """Lane i and lane i + 16, then i and i + 8, and so on to one."""
    cdef Py_ssize_t half = SUM_LANES // 2, lane
    while half > 0:
        for lane in range(half):
            lanes[lane] = lanes[lane] + lanes[lane + half]
        half = half // 2
    return lanes[0]


cdef void weigh(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch, const double *weights, double weight,
    floating *dA, Py_ssize_t dA_stride,
) noexcept nogil:
    """dA_i ← dA_i · w_i / weight · n_batch for each row i"""
    cdef Py_ssize_t i, j
    cdef floating factor
    for i in range(n):
        factor = <floating> (weights[i] / weight * n_batch)
        for j in range(i * dA_stride, i * dA_stride + n_out):
            dA[j] = dA[j] * factor


cdef double penalty(
    Py_ssize_t n_in, Py_ssize_t n_out, const floating *W, Py_ssize_t W_stride, double l1, double l2,
) noexcept nogil:
    """l1 · Σ|w| + l2/2 · Σw²"""
    cdef double sizes[SUM_LANES]
    cdef double squares[SUM_LANES]
    cdef Py_ssize_t k, j, lane
    cdef const floating *w
    for lane in range(SUM_LANES):
        sizes[lane] = squares[lane] = 0
    for k in range(n_in):
        w = W + k * W_stride
        j = 0
        while j + SUM_LANES <= n_out:
            for lane in range(SUM_LANES):
                sizes[lane] = sizes[lane] + fabs(w[j + lane])
                squares[lane] = fma64(w[j + lane], w[j + lane], squares[lane])
            j += SUM_LANES
        for lane in range(n_out - j):
            sizes[lane] = sizes[lane] + fabs(w[j + lane])
            squares[lane] = fma64(w[j + lane], w[j + lane], squares[lane])
    # Squares of large weights may be infinite, which is no matter where l2 is zero.
    return (
        (l1 * sum_of_lanes(sizes) if l1 > 0 else 0)
        + (0.5 * l2 * sum_of_lanes(squares) if l2 > 0 else 0)
    )


cdef void add_penalty(
    Py_ssize_t n_in, Py_ssize_t n_out, const floating *W, floating *restrict dW, Py_ssize_t W_stride,
    double l1, double l2,
) noexcept nogil:
    """dW ← dW + l1 · sign(W) + l2 · W, where sign(0) = 0"""
    cdef floating own_l1 = <floating> l1, own_l2 = <floating> l2
    cdef Py_ssize_t k, j
    cdef floating sign
    for k in range(n_in):
        for j in range(k * W_stride, k * W_stride + n_out):
            sign = (1 if W[j] > 0 else 0) - (1 if W[j] < 0 else 0)
            dW[j] = dW[j] + fma(own_l2, W[j], own_l1 * sign)


cdef void squares_of_blocks(
    Py_ssize_t n, Py_ssize_t n_out, const floating *dW, Py_ssize_t dW_stride, double *sums,
) noexcept nogil:
    """Σ_kj dW_kj² of each block of rows, in float64; the last block may have fewer rows"""
    cdef double lanes[SUM_LANES]
    cdef Py_ssize_t k, j, lane
    cdef const floating *row
    for k in range(n):
        row = dW + k * dW_stride
        if k % BLOCK_ROWS == 0:
            for lane in range(SUM_LANES):
                lanes[lane] = 0
        j = 0
        while j + SUM_LANES <= n_out:
            for lane in range(SUM_LANES):
                lanes[lane] = fma64(row[j + lane], row[j + lane], lanes[lane])
            j += SUM_LANES
        for lane in range(n_out - j):
            lanes[lane] = fma64(row[j + lane], row[j + lane], lanes[lane])
        if k % BLOCK_ROWS == BLOCK_ROWS - 1 or k == n - 1:
            sums[k // BLOCK_ROWS] = sum_of_lanes(lanes)


cdef void clip(Py_ssize_t n, floating *dW, double bound) noexcept nogil:
    """dW ← max(−bound, min(dW, bound)), and NaN for NaN"""
    cdef floating high = <floating> bound
    cdef Py_ssize_t j
    for j in range(n):
        dW[j] = high if dW[j] > high else dW[j]
        dW[j] = -high if dW[j] < -high else dW[j]


cdef void scale(
    Py_ssize_t n, const floating *dW, double factor, floating *scaled,
) noexcept nogil:
    """scaled = factor · dW, which may be the same place"""
    cdef floating own_factor = <floating> factor
    cdef Py_ssize_t j
    for j in range(n):
        scaled[j] = own_factor * dW[j]

table.weigh[0] = <Weigh> weigh[float]
table.weigh[1] = <Weigh> weigh[double]
table.penalty[0] = <Penalty> penalty[float]
table.penalty[1] = <Penalty> penalty[double]
table.add_penalty[0] = <AddPenalty> add_penalty[float]
table.add_penalty[1] = <AddPenalty> add_penalty[double]
table.squares_of_blocks[0] = <SquaresOfBlocks> squares_of_blocks[float]
table.squares_of_blocks[1] = <SquaresOfBlocks> squares_of_blocks[double]
table.clip[0] = <Clip> clip[float]
table.clip[1] = <Clip> clip[double]
table.scale[0] = <Scale> scale[float]
table.scale[1] = <Scale> scale[double]
