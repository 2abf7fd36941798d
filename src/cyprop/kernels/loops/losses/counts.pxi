# The loss of outputs that are expected counts: Y is drawn from a Poisson distribution whose mean is A.
# Left out is ln Y!, which no weight changes.


cdef void poisson_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j (A_j − Y_j · ln A_j),  A = e^Z,  ln A_j = Z_j"""
    cdef Py_ssize_t i, j
    cdef double total, z
    for i in range(n):
        total = 0
        for j in range(n_out):
            z = Z[i * A_stride + j]
            total = total + fma64(-<double> Y[i * Y_stride + j], z, <double> A[i * A_stride + j])
        C[i] = total / n_out


cdef void poisson_backward(
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

loss = new_loss(b"poisson", b"exponential")
loss.gives_dZ = True
loss.forward[0] = <LossForward> poisson_forward[float]
loss.forward[1] = <LossForward> poisson_forward[double]
loss.backward[0] = <LossBackward> poisson_backward[float]
loss.backward[1] = <LossBackward> poisson_backward[double]


cdef inline double log_softplus(double z) noexcept nogil:
    """ln ln(1 + e^z), which is z to the last bit below −37"""
    cdef double softplus = log1p_exp(-fabs(z)) + (z if z > 0 else 0)
    return z if z < -37 else log(softplus)


cdef void log_softplus_of_each(Py_ssize_t n, double *x) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(whole_vectors(n)):
        x[k] = log_softplus(x[k])


cdef void poisson_of_softplus_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    """C = 1/N_out · Σ_j (A_j − Y_j · ln A_j),  A = ln(1 + e^Z)"""
    cdef Py_ssize_t k, n_terms
    cdef double a[ROOM]
    cdef double y[ROOM]
    cdef double terms[ROOM]
    cdef Part part = Part(0, 0, 0, 0)
    while next_part(&part, n, n_out):
        n_terms = read_part(&part, Z, A_stride, terms)
        read_part(&part, A, A_stride, a)
        read_part(&part, Y, Y_stride, y)
        log_softplus_of_each(n_terms, terms)
        for k in range(whole_vectors(n_terms)):
            terms[k] = fma64(-y[k], terms[k], a[k])
        add_means(&part, n_out, terms, C)


cdef void poisson_of_softplus_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = 1/N_out · (1 − Y/A) · f′ / n,  f′ = 1 − e^−A

    as (A − Y) · (f′/A), where f′/A goes to 1 as A goes to 0: an A that rounds to 0 costs no infinity.
    """
    cdef Py_ssize_t i, j
    cdef floating a, slope, scale = <floating> (1.0 / (<double> n_out * <double> n_batch))
    for i in range(n):
        for j in range(n_out):
            a = A[i * A_stride + j]
            slope = -expm1(-a) / a
            slope = 1 if a == 0 else slope
            dZ[i * dZ_stride + j] = scale * ((a - Y[i * Y_stride + j]) * slope)

loss = one_more_entry(loss, b"softplus")
loss.gives_dZ = True
loss.forward[0] = <LossForward> poisson_of_softplus_forward[float]
loss.forward[1] = <LossForward> poisson_of_softplus_forward[double]
loss.backward[0] = <LossBackward> poisson_of_softplus_backward[float]
loss.backward[1] = <LossBackward> poisson_of_softplus_backward[double]
