# The Adam of scikit-learn's neural networks, whose epsilon stands beside √v as it is.


cdef void adam_of_sklearn_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """m ← beta1·m + (1 − beta1)·dθ,  v ← beta2·v + (1 − beta2)·dθ²,
    θ ← θ − learning_rate · √(1 − beta2^t)/(1 − beta1^t) · m / (√v + epsilon)

    Kingma and Ba (2015), the end of section 2. It is algorithm 1 with an epsilon of
    epsilon / √(1 − beta2^t), which shrinks from update to update.
    """
    cdef Py_ssize_t i
    cdef floating beta1 = <floating> hyperparameters[1]
    cdef floating beta2 = <floating> hyperparameters[2]
    cdef floating epsilon = <floating> hyperparameters[3]
    cdef floating rate = <floating> (hyperparameters[0] * sqrt(tally[1]) / tally[0])
    cdef floating keep1 = <floating> (1.0 - hyperparameters[1])
    cdef floating keep2 = <floating> (1.0 - hyperparameters[2])
    cdef floating *restrict m = states[0]
    cdef floating *restrict v = states[1]
    cdef floating g
    for i in range(n):
        g = d_theta[i]
        m[i] = fma(beta1, m[i], keep1 * g)
        v[i] = fma(beta2, v[i], keep2 * g * g)
        theta[i] = theta[i] - rate * m[i] / (square_root(v[i]) + epsilon)

optimizer = new_optimizer(b"adam_of_sklearn", 2)
hyperparameter(&optimizer.rule, b"learning_rate", 0.001, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"beta1", 0.9, 0, True, 1)
hyperparameter(&optimizer.rule, b"beta2", 0.999, 0, True, 1)
hyperparameter(&optimizer.rule, b"epsilon", 1e-8, 0, False, INFINITY)
optimizer.begin = adam_begin
optimizer.reach = <OptimizerReach> adam_reach  # a bound here too, since √(1 − beta2^t) is at most 1
optimizer.step[0] = <OptimizerStep> adam_of_sklearn_step[float]
optimizer.step[1] = <OptimizerStep> adam_of_sklearn_step[double]
