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


cdef inline floating largest_of(Py_ssize_t n, const floating *z) noexcept nogil:
    cdef floating largest = z[0]
    cdef Py_ssize_t j
    for j in range(1, n):
        largest = z[j] if z[j] > largest else largest
    return largest


cdef inline double cross_entropy_of_row(
    Py_ssize_t n_out, const floating *z, const floating *y, double largest, double total,
    double log_of_total, double label_smoothing,
) noexcept nogil:
    """−Σ_j Y′_j · ln A_j, where the total is Σ_i e^(Z_i − largest)"""
    cdef double log_total = log_of_total if total == total else total
    cdef double share, kept = 1 - label_smoothing, found = 0
    cdef Py_ssize_t j
    if label_smoothing == 0:
        for j in range(n_out):
            found = fma64(<double> y[j], log_total - (<double> z[j] - largest), found)
        return found
    share = share_of_each(n_out, y, label_smoothing)
    for j in range(n_out):
        found = fma64(
            fma64(kept, <double> y[j], share), log_total - (<double> z[j] - largest), found)
    return found


cdef void cross_entropy_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −Σ_j Y′_j · ln A_j,  A = softmax(Z),  ln A_j = Z_j − ln Σ_i e^Z_i

    Y′ = (1 − label_smoothing)·Y + label_smoothing/N_out · Σ_i Y_i: Szegedy et al., "Rethinking the
    Inception architecture for computer vision", CVPR 2016, section 7.
    """
    cdef Py_ssize_t i, j, k, r
    cdef const floating *z
    cdef double total
    cdef double terms[ROOM]
    cdef double largest[ROOM]
    cdef double totals[ROOM]
    cdef double logs[ROOM]
    cdef Part part = Part(0, 0, 0, 0)
    if n == 1 and n_out < FEW:       # at once: what is written first is waited for
        largest[0] = largest_of(n_out, Z)
        total = 0
        for j in range(n_out):
            total = total + exp(<double> Z[j] - largest[0])
        C[0] = cross_entropy_of_row(
            n_out, Z, Y, largest[0], total, log(total), hyperparameters[0])
        return
    while next_part(&part, n, n_out):
        k = 0
        for i in range(part.top, part.bottom):
            z = Z + i * A_stride
            r = i - part.top
            if part.left == 0:
                largest[r] = largest_of(n_out, z)
                totals[r] = 0
            for j in range(part.left, part.right):
                terms[k] = <double> z[j] - largest[r]
                k = k + 1
        zeros_behind(k, terms)
        exp_of_each(k, terms)
        k = 0
        for r in range(part.bottom - part.top):
            total = totals[r]
            for j in range(part.left, part.right):
                total = total + terms[k]
                k = k + 1
            totals[r] = logs[r] = total
        if part.right < n_out:
            continue
        zeros_behind(part.bottom - part.top, logs)
        log_of_each(part.bottom - part.top, logs)
        for i in range(part.top, part.bottom):
            r = i - part.top
            C[i] = cross_entropy_of_row(
                n_out, Z + i * A_stride, Y + i * Y_stride, largest[r], totals[r], logs[r],
                hyperparameters[0])


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


cdef inline double straight_cost(double z, double y) noexcept nogil:
    """max(z, 0) − y·z: what a probability that rounds to 0 or 1 costs"""
    return (z if z > 0 else 0) - y * z


cdef void binary_cross_entropy_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = −1/N_out · Σ_j (Y_j·ln A_j + (1 − Y_j)·ln(1 − A_j)),  A = sigmoid(Z)

    which is the mean of max(Z_j, 0) − Y_j·Z_j + ln(1 + e^−|Z_j|).
    """
    cdef Py_ssize_t i, j, k, n_terms
    cdef double total
    cdef double z[ROOM]
    cdef double straight[ROOM]
    cdef double terms[ROOM]          # ln(1 + e^−|Z_j|)
    cdef Part part = Part(0, 0, 0, 0)
    if n == 1 and n_out < FEW:       # at once: what is written first is waited for
        total = 0
        for j in range(n_out):
            total = total + straight_cost(<double> Z[j], <double> Y[j])
            total = total + log1p_exp(-fabs(<double> Z[j]))
        C[0] = total / n_out
        return
    while next_part(&part, n, n_out):
        n_terms = read_part(&part, Z, A_stride, z)
        read_part(&part, Y, Y_stride, straight)
        for k in range(whole_vectors(n_terms)):
            straight[k] = straight_cost(z[k], straight[k])
            terms[k] = -fabs(z[k])
        log1p_exp_of_each(n_terms, terms)
        k = 0
        for i in range(part.top, part.bottom):
            total = C[i] if part.left else 0
            for j in range(part.left, part.right):
                total = total + straight[k]
                total = total + terms[k]
                k = k + 1
            C[i] = total / n_out if part.right == n_out else total


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
