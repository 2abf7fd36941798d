# Adam: steps scaled by running moments of the gradient.


cdef void adam_begin(const double *hyperparameters, double *tally) noexcept nogil:
    """tally: 1 − beta1^t and 1 − beta2^t at the t-th update, from those of the one before"""
    tally[0] = fma64(hyperparameters[1], tally[0], 1.0 - hyperparameters[1])
    tally[1] = fma64(hyperparameters[2], tally[1], 1.0 - hyperparameters[2])


cdef void adam_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """m ← beta1·m + (1 − beta1)·dθ,  v ← beta2·v + (1 − beta2)·dθ²,
    θ ← θ − learning_rate · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + epsilon)

    Kingma and Ba (2015), algorithm 1.
    """
    cdef Py_ssize_t i
    cdef floating beta1 = <floating> hyperparameters[1]
    cdef floating beta2 = <floating> hyperparameters[2]
    cdef floating epsilon = <floating> hyperparameters[3]
    cdef floating rate = <floating> (hyperparameters[0] / tally[0])
    cdef floating scale = <floating> (1.0 / sqrt(tally[1]))
    cdef floating keep1 = <floating> (1.0 - hyperparameters[1])
    cdef floating keep2 = <floating> (1.0 - hyperparameters[2])
    cdef floating *restrict m = states[0]
    cdef floating *restrict v = states[1]
    cdef floating g
    for i in range(n):
        g = d_theta[i]
        m[i] = fma(beta1, m[i], keep1 * g)
        v[i] = fma(beta2, v[i], keep2 * g * g)
        theta[i] = theta[i] - rate * m[i] / fma(square_root(v[i]), scale, epsilon)


cdef double adam_reach(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil:
    """m/(1 − beta1^t) is at most the largest gradient, and what it is divided by at least epsilon.

    If beta1 or beta2 rounds to 1, there is no end to what m or v gathers.
    """
    cdef double least = (1 - rounded(hyperparameters[1], dtype)) * rounded(hyperparameters[3], dtype)
    if least == 0 or rounded(hyperparameters[2], dtype) == 1:
        return INFINITY
    return hyperparameters[0] / least

optimizer = new_optimizer(b"adam", 2)
hyperparameter(&optimizer.rule, b"learning_rate", 0.001, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"beta1", 0.9, 0, True, 1)
hyperparameter(&optimizer.rule, b"beta2", 0.999, 0, True, 1)
hyperparameter(&optimizer.rule, b"epsilon", 1e-8, 0, False, INFINITY)
optimizer.begin = adam_begin
optimizer.reach = <OptimizerReach> adam_reach
optimizer.step[0] = <OptimizerStep> adam_step[float]
optimizer.step[1] = <OptimizerStep> adam_step[double]
