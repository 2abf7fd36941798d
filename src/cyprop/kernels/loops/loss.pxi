# Losses. forward gives C of each row; backward its derivative, already divided by the n_batch rows
# that the mean is over, so that the batch's gradient is a plain sum over rows.
#
# To add one: write its forward and backward here and register them under a name. Nothing else needs
# to know. A loss with an output_activation goes straight to dZ of that activation, where the two
# cancel: its forward reads Z, so that a probability that rounds to 0 costs no infinity.
# C is summed in float64, in order.

cdef Loss *loss


cdef void mse_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j (A_j − Y_j)²"""
    cdef Py_ssize_t i, j
    cdef double total, error
    for i in range(n):
        total = 0
        for j in range(n_out):
            error = <double> A[i * A_stride + j] - <double> Y[i * Y_stride + j]
            total = fma64(error, error, total)
        C[i] = total / n_out


cdef void mse_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = 2/N_out · (A − Y) / n"""
    cdef Py_ssize_t i, j
    cdef floating scale = <floating> (2.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            dA[i * dA_stride + j] = scale * (A[i * A_stride + j] - Y[i * Y_stride + j])

loss = new_loss(b"mse", NULL)
loss.forward[0] = <LossForward> mse_forward[float]
loss.forward[1] = <LossForward> mse_forward[double]
loss.backward[0] = <LossBackward> mse_backward[float]
loss.backward[1] = <LossBackward> mse_backward[double]


cdef void cross_entropy_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −Σ_j Y_j · ln A_j,  A = softmax(Z),  ln A_j = Z_j − ln Σ_i e^Z_i"""
    cdef Py_ssize_t i, j
    cdef const floating *z
    cdef double largest, total, log_total
    for i in range(n):
        z = Z + i * A_stride
        largest = z[0]
        for j in range(1, n_out):
            largest = z[j] if z[j] > largest else largest
        total = 0
        for j in range(n_out):
            total = total + exp(<double> z[j] - largest)
        log_total = log(total) if total == total else total
        total = 0
        for j in range(n_out):
            total = fma64(<double> Y[i * Y_stride + j], log_total - (<double> z[j] - largest), total)
        C[i] = total


cdef void cross_entropy_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = (A · Σ_i Y_i − Y) / n;  Σ_i Y_i is 1 when Y is a distribution"""
    cdef Py_ssize_t i, j
    cdef floating scale = <floating> (1.0 / <double> n_batch)
    cdef floating total
    for i in range(n):
        total = 0
        for j in range(n_out):
            total = total + Y[i * Y_stride + j]
        for j in range(n_out):
            dZ[i * dZ_stride + j] = scale * fma(A[i * A_stride + j], total, -Y[i * Y_stride + j])

loss = new_loss(b"cross_entropy", b"softmax")
loss.forward[0] = <LossForward> cross_entropy_forward[float]
loss.forward[1] = <LossForward> cross_entropy_forward[double]
loss.backward[0] = <LossBackward> cross_entropy_backward[float]
loss.backward[1] = <LossBackward> cross_entropy_backward[double]


cdef void binary_cross_entropy_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −1/N_out · Σ_j (Y_j·ln A_j + (1 − Y_j)·ln(1 − A_j)),  A = sigmoid(Z)

    which is the mean of max(Z_j, 0) − Y_j·Z_j + ln(1 + e^−|Z_j|).
    """
    cdef Py_ssize_t i, j
    cdef double total, z
    for i in range(n):
        total = 0
        for j in range(n_out):
            z = Z[i * A_stride + j]
            total = total + ((z if z > 0 else 0) - Y[i * Y_stride + j] * z)
            total = total + log1p_exp(-fabs(z))
        C[i] = total / n_out


cdef void binary_cross_entropy_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = 1/N_out · (A − Y) / n"""
    cdef Py_ssize_t i, j
    cdef floating scale = <floating> (1.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            dZ[i * dZ_stride + j] = scale * (A[i * A_stride + j] - Y[i * Y_stride + j])

loss = new_loss(b"binary_cross_entropy", b"sigmoid")
loss.forward[0] = <LossForward> binary_cross_entropy_forward[float]
loss.forward[1] = <LossForward> binary_cross_entropy_forward[double]
loss.backward[0] = <LossBackward> binary_cross_entropy_backward[float]
loss.backward[1] = <LossBackward> binary_cross_entropy_backward[double]
