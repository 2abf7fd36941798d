# Activations, A = f(Z), each above its vector–Jacobian product dA → dZ.
#
# To add one that takes each element for itself, see elementwise.pxi. Any other: write f in
# activations.h, which the C exporter reads too, and name it in elementary.pxi; write its forward and
# backward here and register them under the same name. Nothing else needs to know. `initialisation`
# says how the weights in front of it are drawn; an activation whose backward needs Z as well as A sets
# keeps_Z; one that couples the units of a row, couples_units.

cdef Activation *entry


cdef void sigmoid_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A = 1 / (1 + e^−Z)"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(i * A_stride, i * A_stride + n_out):
            A[j] = sigmoid(Z[j])


cdef void sigmoid_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = dA · A · (1 − A)"""
    cdef Py_ssize_t i, j
    cdef const floating *a
    for i in range(n):
        a = A + i * A_stride
        for j in range(n_out):
            dZ[i * dZ_stride + j] = dA[i * dZ_stride + j] * (a[j] * (1 - a[j]))

entry = new_activation(b"sigmoid", b"glorot")
entry.bounded = True
entry.positive = True
entry.forward[0] = <ActivationForward> sigmoid_forward[float]
entry.forward[1] = <ActivationForward> sigmoid_forward[double]
entry.backward[0] = <ActivationBackward> sigmoid_backward[float]
entry.backward[1] = <ActivationBackward> sigmoid_backward[double]


cdef void tanh_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A = tanh(Z)"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(i * A_stride, i * A_stride + n_out):
            A[j] = tanh(Z[j])


cdef void tanh_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = dA · (1 − A²)"""
    cdef Py_ssize_t i, j
    cdef const floating *a
    for i in range(n):
        a = A + i * A_stride
        for j in range(n_out):
            dZ[i * dZ_stride + j] = dA[i * dZ_stride + j] * ((1 - a[j]) * (1 + a[j]))

entry = new_activation(b"tanh", b"glorot")
entry.bounded = True
entry.forward[0] = <ActivationForward> tanh_forward[float]
entry.forward[1] = <ActivationForward> tanh_forward[double]
entry.backward[0] = <ActivationBackward> tanh_backward[float]
entry.backward[1] = <ActivationBackward> tanh_backward[double]


cdef void relu_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A = max(Z, 0), and NaN for NaN"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(i * A_stride, i * A_stride + n_out):
            A[j] = relu(Z[j])


cdef void relu_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = dA where A > 0, else 0"""
    cdef Py_ssize_t i, j
    cdef const floating *a
    for i in range(n):
        a = A + i * A_stride
        for j in range(n_out):
            dZ[i * dZ_stride + j] = dA[i * dZ_stride + j] if a[j] > 0 else 0

entry = new_activation(b"relu", b"he")
entry.forward[0] = <ActivationForward> relu_forward[float]
entry.forward[1] = <ActivationForward> relu_forward[double]
entry.backward[0] = <ActivationBackward> relu_backward[float]
entry.backward[1] = <ActivationBackward> relu_backward[double]


cdef void identity_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A = Z"""
    cdef Py_ssize_t i, j
    if Z == A:
        return
    for i in range(n):
        for j in range(i * A_stride, i * A_stride + n_out):
            A[j] = Z[j]


cdef void identity_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = dA"""
    cdef Py_ssize_t i, j
    if dA == dZ:
        return
    for i in range(n):
        for j in range(i * dZ_stride, i * dZ_stride + n_out):
            dZ[j] = dA[j]

entry = new_activation(b"identity", b"glorot")
entry.forward[0] = <ActivationForward> identity_forward[float]
entry.forward[1] = <ActivationForward> identity_forward[double]
entry.backward[0] = <ActivationBackward> identity_backward[float]
entry.backward[1] = <ActivationBackward> identity_backward[double]


cdef void softmax_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A_j = e^Z_j / Σ_i e^Z_i"""
    cdef Py_ssize_t i
    for i in range(n):
        softmax(n_out, Z + i * A_stride, A + i * A_stride)


cdef void softmax_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = A · (dA − Σ_i dA_i·A_i)"""
    cdef Py_ssize_t i, j
    cdef const floating *a
    cdef const floating *da
    cdef floating dot
    for i in range(n):
        a = A + i * A_stride
        da = dA + i * dZ_stride
        dot = 0
        for j in range(n_out):
            dot = fma(da[j], a[j], dot)
        for j in range(n_out):
            dZ[i * dZ_stride + j] = a[j] * (da[j] - dot)

entry = new_activation(b"softmax", b"glorot")
entry.bounded = True
entry.positive = True
entry.couples_units = True
entry.forward[0] = <ActivationForward> softmax_forward[float]
entry.forward[1] = <ActivationForward> softmax_forward[double]
entry.backward[0] = <ActivationBackward> softmax_backward[float]
entry.backward[1] = <ActivationBackward> softmax_backward[double]


cdef void log_softmax_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, floating *A, Py_ssize_t A_stride,
    const double *hyperparameters,
) noexcept nogil:
    """A_j = Z_j − ln Σ_i e^Z_i"""
    cdef Py_ssize_t i
    for i in range(n):
        log_softmax(n_out, Z + i * A_stride, A + i * A_stride)


cdef void log_softmax_backward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *dA, floating *dZ, Py_ssize_t dZ_stride, const double *hyperparameters,
) noexcept nogil:
    """dZ = dA − e^A · Σ_i dA_i"""
    cdef Py_ssize_t i, j
    cdef const floating *a
    cdef const floating *da
    cdef floating total
    for i in range(n):
        a = A + i * A_stride
        da = dA + i * dZ_stride
        total = 0
        for j in range(n_out):
            total = total + da[j]
        for j in range(n_out):
            dZ[i * dZ_stride + j] = fma(-exp(a[j]), total, da[j])

entry = new_activation(b"log_softmax", b"glorot")
entry.couples_units = True
entry.forward[0] = <ActivationForward> log_softmax_forward[float]
entry.forward[1] = <ActivationForward> log_softmax_forward[double]
entry.backward[0] = <ActivationBackward> log_softmax_backward[float]
entry.backward[1] = <ActivationBackward> log_softmax_backward[double]
