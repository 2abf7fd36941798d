# Losses of outputs that may be any number, E = A − Y. Where C has a kink, at E = 0, all slopes between
# those of the two sides are its derivatives in the convex sense, and 0, the least of them, is taken.


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


cdef inline floating by_side(floating error, floating below, floating above) noexcept nogil:
    """The slope below 0 or above it; 0 at 0, and NaN for NaN."""
    cdef floating slope = 0 * error
    slope = below if error < 0 else slope
    return above if error > 0 else slope


cdef void mae_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j |E_j|"""
    cdef Py_ssize_t i, j
    cdef double total
    for i in range(n):
        total = 0
        for j in range(n_out):
            total = total + fabs(<double> A[i * A_stride + j] - <double> Y[i * Y_stride + j])
        C[i] = total / n_out


cdef void mae_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = 1/N_out · sign(E) / n,  sign(0) = 0"""
    cdef Py_ssize_t i, j
    cdef floating error, scale = <floating> (1.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            error = A[i * A_stride + j] - Y[i * Y_stride + j]
            dA[i * dA_stride + j] = by_side(error, -scale, scale)

loss = new_loss(b"mae", NULL)
loss.forward[0] = <LossForward> mae_forward[float]
loss.forward[1] = <LossForward> mae_forward[double]
loss.backward[0] = <LossBackward> mae_backward[float]
loss.backward[1] = <LossBackward> mae_backward[double]


cdef void huber_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j s_j·(|E_j| − s_j/2),  s_j = min(|E_j|, delta)

    which is E²/2 up to delta, and from there on a straight line.
    """
    cdef Py_ssize_t i, j
    cdef double total, size, short, delta = hyperparameters[0]
    for i in range(n):
        total = 0
        for j in range(n_out):
            size = fabs(<double> A[i * A_stride + j] - <double> Y[i * Y_stride + j])
            short = delta if size > delta else size
            total = fma64(short, size - short / 2, total)
        C[i] = total / n_out


cdef void huber_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = 1/N_out · min(max(E, −delta), delta) / n"""
    cdef Py_ssize_t i, j
    cdef floating error, delta = <floating> hyperparameters[0]
    cdef floating scale = <floating> (1.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            error = A[i * A_stride + j] - Y[i * Y_stride + j]
            error = -delta if error < -delta else error
            error = delta if error > delta else error
            dA[i * dA_stride + j] = scale * error

loss = new_loss(b"huber", NULL)
hyperparameter(&loss.rule, b"delta", 1, 0, False, INFINITY)
loss.forward[0] = <LossForward> huber_forward[float]
loss.forward[1] = <LossForward> huber_forward[double]
loss.backward[0] = <LossBackward> huber_backward[float]
loss.backward[1] = <LossBackward> huber_backward[double]


cdef void quantile_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j max((1 − q)·E_j, −q·E_j)"""
    cdef Py_ssize_t i, j
    cdef double total, error, q = hyperparameters[0]
    for i in range(n):
        total = 0
        for j in range(n_out):
            error = <double> A[i * A_stride + j] - <double> Y[i * Y_stride + j]
            total = fma64(1 - q if error > 0 else -q, error, total)
        C[i] = total / n_out


cdef void quantile_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = 1/N_out · (1 − q where E > 0, −q where E < 0) / n

    At E = 0 the slopes from −q to 1 − q are all derivatives in the convex sense, and 0 is among them.
    """
    cdef Py_ssize_t i, j
    cdef double scale = 1.0 / (<double> n_out * <double> n_batch)
    cdef floating error
    cdef floating below = <floating> (-hyperparameters[0] * scale)
    cdef floating above = <floating> ((1 - hyperparameters[0]) * scale)
    for i in range(n):
        for j in range(n_out):
            error = A[i * A_stride + j] - Y[i * Y_stride + j]
            dA[i * dA_stride + j] = by_side(error, below, above)

loss = new_loss(b"quantile", NULL)
hyperparameter(&loss.rule, b"q", 0.5, 0, False, 1)
loss.forward[0] = <LossForward> quantile_forward[float]
loss.forward[1] = <LossForward> quantile_forward[double]
loss.backward[0] = <LossBackward> quantile_backward[float]
loss.backward[1] = <LossBackward> quantile_backward[double]


cdef inline double log_cosh(double x) noexcept nogil:
    """ln cosh x = |x| + ln(1 + e^−2|x|) − ln 2; near 0, where that cancels, ln(1 + u²/(2 + 2u)),
    u = e^|x| − 1: within 6 ULP."""
    cdef double size = fabs(x), u = expm1(size)
    cdef double far = log1p(exp(-2 * size)) + (size - 0.6931471805599453)
    cdef double near = log1p(u * u / (2 + 2 * u))
    return far if size > 0.6 else near


cdef void log_cosh_of_each(Py_ssize_t n, double *x) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(whole_vectors(n)):
        x[k] = log_cosh(x[k])


cdef void log_cosh_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j ln cosh E_j"""
    cdef Py_ssize_t k, n_terms
    cdef double y[ROOM]
    cdef double terms[ROOM]
    cdef Part part = Part(0, 0, 0, 0)
    if n == 1 and n_out < FEW:       # at once: what is written first is waited for
        C[0] = 0
        for k in range(n_out):
            C[0] = C[0] + log_cosh(<double> A[k] - <double> Y[k])
        C[0] = C[0] / n_out
        return
    while next_part(&part, n, n_out):
        n_terms = read_part(&part, A, A_stride, terms)
        read_part(&part, Y, Y_stride, y)
        for k in range(whole_vectors(n_terms)):
            terms[k] = terms[k] - y[k]
        log_cosh_of_each(n_terms, terms)
        add_means(&part, n_out, terms, C)


cdef void log_cosh_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA = 1/N_out · tanh(E) / n"""
    cdef Py_ssize_t i, j
    cdef floating scale = <floating> (1.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            dA[i * dA_stride + j] = scale * tanh(A[i * A_stride + j] - Y[i * Y_stride + j])

loss = new_loss(b"log_cosh", NULL)
loss.forward[0] = <LossForward> log_cosh_forward[float]
loss.forward[1] = <LossForward> log_cosh_forward[double]
loss.backward[0] = <LossBackward> log_cosh_backward[float]
loss.backward[1] = <LossBackward> log_cosh_backward[double]


cdef void gaussian_nll_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/k · Σ_j ½·(s_j + E_j²·e^−s_j),  E_j = A_j − Y_j,  s_j = A_(k+j),  k = N_out/2

    A row of A has the means of the k targets first, and behind them the logarithms s of the variances.
    """
    cdef Py_ssize_t j, n_terms, k = n_out // 2
    cdef double error
    cdef double a[ROOM]
    cdef double s[ROOM]
    cdef double y[ROOM]
    cdef double terms[ROOM]
    cdef Part part = Part(0, 0, 0, 0)
    while next_part(&part, n, k):
        n_terms = read_part(&part, A, A_stride, a)
        read_part(&part, A + k, A_stride, s)
        read_part(&part, Y, Y_stride, y)
        for j in range(whole_vectors(n_terms)):
            terms[j] = -s[j]
        exp_of_each(n_terms, terms)
        for j in range(whole_vectors(n_terms)):
            error = a[j] - y[j]
            terms[j] = fma64(error * error, terms[j], s[j]) / 2
        add_means(&part, k, terms, C)


cdef void gaussian_nll_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    """dA_j = 1/k · E_j·e^−s_j / n,  dA_(k+j) = 1/k · ½·(1 − E_j²·e^−s_j) / n"""
    cdef Py_ssize_t i, j, k = n_out // 2
    cdef floating error, slope, scale = <floating> (1.0 / (<double> k * <double> n_batch))
    for i in range(n):
        for j in range(k):
            error = A[i * A_stride + j] - Y[i * Y_stride + j]
            slope = error * exp(-A[i * A_stride + k + j])
            dA[i * dA_stride + j] = scale * slope
            dA[i * dA_stride + k + j] = scale / 2 * fma(-error, slope, <floating> 1)

loss = new_loss(b"gaussian_nll", b"identity")
loss.outputs_per_target = 2
loss.forward[0] = <LossForward> gaussian_nll_forward[float]
loss.forward[1] = <LossForward> gaussian_nll_forward[double]
loss.backward[0] = <LossBackward> gaussian_nll_backward[float]
loss.backward[1] = <LossBackward> gaussian_nll_backward[double]
