# The dense layer. Rows are samples; W is (n_in, n_out), one row of it an input's weights.
#
# The order of every sum, the same for one sample and for a batch: an element of Z starts from b and
# takes the inputs one after the other, one of dW and db the samples, one of dA_prev the outputs. The
# loops that hold to it are in product.pxi, for many rows, and rows.pxi, for one. Only where the outputs
# fit a cache line, Z is made of four such sums (narrow.pxi).


cdef void dense_forward(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z = A_prev · W + b"""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), i
    if n == 1 and n_out == line:
        narrow_row(n_in, A_prev, W, W_stride, b, Z)
    elif n == 1 and n_out > line:
        one_row(n_in, n_out, A_prev, W, W_stride, b, Z)
    elif n_out == line:
        narrow_forward(n, n_in, A_prev, A_prev_stride, W, W_stride, b, Z, Z_stride)
    elif n_out < line:
        narrow_columns(n, n_in, n_out, A_prev, A_prev_stride, W, W_stride, b, Z, Z_stride)
    elif mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride):
        for i in range(n):
            row_of_terms(
                n_in, n_out, A_prev + i * A_prev_stride, 1, W, W_stride, b, Z + i * Z_stride)
    else:
        product(
            False, <floating> 0, False, n, n_in, n_out,
            A_prev, A_prev_stride, 1, W, W_stride, b, Z, Z_stride)


cdef void dense_backward_W(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = A_prevᵀ · dZ"""
    cdef Py_ssize_t k
    if mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride):
        for k in range(n_in):
            row_of_terms(
                n, n_out, A_prev + k, A_prev_stride, dZ, dZ_stride, NULL, dW + k * dW_stride)
    else:
        product(
            False, <floating> 0, False, n_in, n, n_out,
            A_prev, 1, A_prev_stride, dZ, dZ_stride, NULL, dW, dW_stride)


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
    if n == 1:
        row_of_dots(n_out, n_in, dZ, W, W_stride, dA_prev)
    else:
        product(
            False, <floating> 0, True, n, n_out, n_in,
            dZ, dZ_stride, 1, W, W_stride, NULL, dA_prev, dA_prev_stride)
