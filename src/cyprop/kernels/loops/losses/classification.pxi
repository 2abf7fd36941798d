# Losses of outputs that are probabilities, of classes or of yes.


cdef inline double share_of_each(
    Py_ssize_t n_out, const floating *y, double label_smoothing,
) noexcept nogil:
    """label_smoothing/N_out · Σ_i Y_i: what each class gets of the part that is spread evenly."""
    cdef double total = 0
    cdef Py_ssize_t j
    for j in range(n_out):
        total = total + y[j]
    return label_smoothing / n_out * total


cdef void cross_entropy_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −Σ_j Y′_j · ln A_j,  A = softmax(Z),  ln A_j = Z_j − ln Σ_i e^Z_i

    Y′ = (1 − label_smoothing)·Y + label_smoothing/N_out · Σ_i Y_i: Szegedy et al., "Rethinking the
    Inception architecture for computer vision", CVPR 2016, section 7.
    """
    cdef Py_ssize_t i, j
    cdef const floating *y
    cdef const floating *z
    cdef double largest, total, log_total, share, kept = 1 - hyperparameters[0]
    for i in range(n):
        z = Z + i * A_stride
        y = Y + i * Y_stride
        largest = z[0]
        for j in range(1, n_out):
            largest = z[j] if z[j] > largest else largest
        total = 0
        for j in range(n_out):
            total = total + exp(<double> z[j] - largest)
        log_total = log(total) if total == total else total
        total = 0
        if hyperparameters[0] == 0:
            for j in range(n_out):
                total = fma64(<double> y[j], log_total - (<double> z[j] - largest), total)
        else:
            share = share_of_each(n_out, y, hyperparameters[0])
            for j in range(n_out):
                total = fma64(
                    fma64(kept, <double> y[j], share), log_total - (<double> z[j] - largest), total)
        C[i] = total


cdef void cross_entropy_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = (A · Σ_i Y_i − Y′) / n;  Σ_i Y_i, which is Σ_i Y′_i, is 1 when Y is a distribution"""
    cdef Py_ssize_t i, j
    cdef const floating *y
    cdef floating scale = <floating> (1.0 / <double> n_batch)
    cdef floating total, share, kept = <floating> (1 - hyperparameters[0])
    for i in range(n):
        y = Y + i * Y_stride
        total = 0
        for j in range(n_out):
            total = total + y[j]
        if hyperparameters[0] == 0:
            for j in range(n_out):
                dZ[i * dZ_stride + j] = scale * fma(A[i * A_stride + j], total, -y[j])
        else:
            share = <floating> share_of_each(n_out, y, hyperparameters[0])
            for j in range(n_out):
                dZ[i * dZ_stride + j] = scale * fma(
                    A[i * A_stride + j], total, -fma(kept, y[j], share))

loss = new_loss(b"cross_entropy", b"softmax")
loss.gives_dZ = True
hyperparameter(&loss.rule, b"label_smoothing", 0, 0, True, 1)
loss.forward[0] = <LossForward> cross_entropy_forward[float]
loss.forward[1] = <LossForward> cross_entropy_forward[double]
loss.backward[0] = <LossBackward> cross_entropy_backward[float]
loss.backward[1] = <LossBackward> cross_entropy_backward[double]


cdef void cross_entropy_of_logs_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −Σ_j Y′_j · A_j,  where A are logarithms of probabilities, and Y′ is as above"""
    cdef Py_ssize_t i, j
    cdef const floating *y
    cdef double total, share, kept = 1 - hyperparameters[0]
    for i in range(n):
        y = Y + i * Y_stride
        share = share_of_each(n_out, y, hyperparameters[0])
        total = 0
        for j in range(n_out):
            total = fma64(fma64(kept, <double> y[j], share), -<double> A[i * A_stride + j], total)
        C[i] = total


cdef void cross_entropy_of_logs_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = −Y′ / n"""
    cdef Py_ssize_t i, j
    cdef const floating *y
    cdef floating scale = <floating> (-1.0 / <double> n_batch)
    cdef floating share, kept = <floating> (1 - hyperparameters[0])
    for i in range(n):
        y = Y + i * Y_stride
        share = <floating> share_of_each(n_out, y, hyperparameters[0])
        for j in range(n_out):
            dA[i * dA_stride + j] = scale * fma(kept, y[j], share)

loss = one_more_entry(loss, b"log_softmax")
loss.forward[0] = <LossForward> cross_entropy_of_logs_forward[float]
loss.forward[1] = <LossForward> cross_entropy_of_logs_forward[double]
loss.backward[0] = <LossBackward> cross_entropy_of_logs_backward[float]
loss.backward[1] = <LossBackward> cross_entropy_of_logs_backward[double]


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
loss.gives_dZ = True
loss.forward[0] = <LossForward> binary_cross_entropy_forward[float]
loss.forward[1] = <LossForward> binary_cross_entropy_forward[double]
loss.backward[0] = <LossBackward> binary_cross_entropy_backward[float]
loss.backward[1] = <LossBackward> binary_cross_entropy_backward[double]
