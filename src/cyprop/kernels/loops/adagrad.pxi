# AdaGrad: steps scaled by the sum of all squared gradients.

from libc.float cimport DBL_MAX, FLT_MAX


cdef inline floating sum_of_squares(floating v, floating g) noexcept nogil:
    """v + g², or the largest number where only the sum is beyond it.

    A sum without end reaches the largest number of float32 in training that is otherwise sound. A
    square that is infinite by itself stays so: such an update is found by trying it, and not made.
    """
    cdef floating most = <floating> FLT_MAX if floating is float else <floating> DBL_MAX
    cdef floating total = fma(g, g, v)
    total = total if total < most else most
    return total if total > g * g else g * g


cdef void adagrad_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """v ← v + dθ²,  θ ← θ − learning_rate·dθ / (√v + epsilon)

    Duchi, Hazan and Singer (2011), figure 1, with the diagonal of the matrix; epsilon as in PyTorch.
    """
    cdef Py_ssize_t i
    cdef floating learning_rate = <floating> hyperparameters[0]
    cdef floating epsilon = <floating> hyperparameters[1]
    cdef floating *restrict v = states[0]
    cdef floating g
    for i in range(n):
        g = d_theta[i]
        v[i] = sum_of_squares(v[i], g)
        theta[i] = theta[i] - learning_rate * g / (square_root(v[i]) + epsilon)


cdef double adagrad_reach(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil:
    """What dθ is divided by is at least epsilon."""
    cdef double least = rounded(hyperparameters[1], dtype)
    return hyperparameters[0] / least if least > 0 else INFINITY

optimizer = new_optimizer(b"adagrad", 1)
hyperparameter(&optimizer.rule, b"learning_rate", 0.01, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"epsilon", 1e-10, 0, False, INFINITY)
optimizer.reach = <OptimizerReach> adagrad_reach
optimizer.step[0] = <OptimizerStep> adagrad_step[float]
optimizer.step[1] = <OptimizerStep> adagrad_step[double]
