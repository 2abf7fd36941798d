# The dense layer. Rows are samples; W is (n_in, n_out), one row of it an input's weights.
#
# Order of the sums, the same for one sample and for a batch: Z starts from b and takes the inputs
# in order; dW and db take the samples in order; dA_prev keeps LANES partial sums over the outputs.
# A zero input adds nothing and is passed over, which spares the reading of a row of weights.
# Every sum ends with + 0.0: a sum that passed over zeros could end as −0.0 where the full one ends
# as 0.0, and this makes them equal.


cdef void dense_forward(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z = A_prev · W + b"""
    cdef Py_ssize_t i, k, j
    cdef floating a
    cdef const floating *w
    cdef floating *restrict z
    for i in range(n):
        z = Z + i * Z_stride
        for j in range(n_out):
            z[j] = b[j]
        for k in range(n_in):
            a = A_prev[i * A_prev_stride + k]
            if a == 0:
                continue
            w = W + k * W_stride
            for j in range(n_out):
                z[j] = fma(a, w[j], z[j])
        for j in range(n_out):
            z[j] = z[j] + 0


cdef void dense_backward_W(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = A_prevᵀ · dZ"""
    cdef Py_ssize_t i, k, j
    cdef floating a
    cdef const floating *dz
    cdef floating *restrict dw
    for k in range(n_in):
        dw = dW + k * dW_stride
        for j in range(n_out):
            dw[j] = 0
        for i in range(n):
            a = A_prev[i * A_prev_stride + k]
            if a == 0:
                continue
            dz = dZ + i * dZ_stride
            for j in range(n_out):
                dw[j] = fma(a, dz[j], dw[j])
        for j in range(n_out):
            dw[j] = dw[j] + 0


cdef void dense_backward_b(
    Py_ssize_t n, Py_ssize_t n_out,
    const floating *dZ, Py_ssize_t dZ_stride, floating *restrict db,
) noexcept nogil:
    """db = Σ_rows dZ"""
    cdef Py_ssize_t i, j
    cdef const floating *dz
    for j in range(n_out):
        db[j] = 0
    for i in range(n):
        dz = dZ + i * dZ_stride
        for j in range(n_out):
            db[j] = db[j] + dz[j]


cdef void dense_backward_A(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *dZ, Py_ssize_t dZ_stride,
    const floating *W, Py_ssize_t W_stride,
    floating *restrict dA_prev, Py_ssize_t dA_prev_stride,
) noexcept nogil:
    """dA_prev = dZ · Wᵀ"""
    cdef Py_ssize_t i, k, j, lane
    cdef Py_ssize_t n_whole = n_out - n_out % LANES
    cdef const floating *dz
    cdef const floating *w
    cdef floating lanes[LANES]
    for i in range(n):
        dz = dZ + i * dZ_stride
        for k in range(n_in):
            w = W + k * W_stride
            for lane in range(LANES):
                lanes[lane] = 0
            j = 0
            while j < n_whole:
                for lane in range(LANES):
                    lanes[lane] = fma(dz[j + lane], w[j + lane], lanes[lane])
                j += LANES
            for j in range(n_whole, n_out):
                lanes[j - n_whole] = fma(dz[j], w[j], lanes[j - n_whole])
            dA_prev[i * dA_prev_stride + k] = sum_of_lanes(lanes) + 0
