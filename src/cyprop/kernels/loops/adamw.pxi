# AdamW: Adam, and a decay of the weights that is not scaled by the moments.


cdef void adamw_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """m ← beta1·m + (1 − beta1)·dθ,  v ← beta2·v + (1 − beta2)·dθ²,
    θ ← (1 − learning_rate·weight_decay)·θ
        − learning_rate · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + epsilon)

    Loshchilov and Hutter (2019), algorithm 2, whose λ is learning_rate·weight_decay here as in PyTorch.
    """
    cdef Py_ssize_t i
    cdef floating beta1 = <floating> hyperparameters[1]
    cdef floating beta2 = <floating> hyperparameters[2]
    cdef floating epsilon = <floating> hyperparameters[3]
    cdef floating rate = <floating> (hyperparameters[0] / tally[0])
    cdef floating scale = <floating> (1.0 / sqrt(tally[1]))
    cdef floating keep = <floating> (1.0 - hyperparameters[0] * hyperparameters[4])
    cdef floating keep1 = <floating> (1.0 - hyperparameters[1])
    cdef floating keep2 = <floating> (1.0 - hyperparameters[2])
    cdef floating *restrict m = states[0]
    cdef floating *restrict v = states[1]
    cdef floating g
    for i in range(n):
        g = d_theta[i]
        m[i] = fma(beta1, m[i], keep1 * g)
        v[i] = fma(beta2, v[i], keep2 * g * g)
        theta[i] = fma(keep, theta[i], -(rate * m[i] / fma(square_root(v[i]), scale, epsilon)))


cdef double adamw_reach(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil:
    """That of Adam, unless the decay makes weights larger: it turns them over where it is above 2."""
    cdef double keep = rounded(1.0 - hyperparameters[0] * hyperparameters[4], dtype)
    return adam_reach(hyperparameters, dtype) if keep >= -1 else INFINITY

optimizer = new_optimizer(b"adamw", 2)
hyperparameter(&optimizer.rule, b"learning_rate", 0.001, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"beta1", 0.9, 0, True, 1)
hyperparameter(&optimizer.rule, b"beta2", 0.999, 0, True, 1)
hyperparameter(&optimizer.rule, b"epsilon", 1e-8, 0, False, INFINITY)
optimizer.weight_decay = optimizer.rule.n_hyperparameters
hyperparameter(&optimizer.rule, b"weight_decay", 0.01, 0, True, INFINITY)
optimizer.begin = adam_begin
optimizer.reach = <OptimizerReach> adamw_reach
optimizer.step[0] = <OptimizerStep> adamw_step[float]
optimizer.step[1] = <OptimizerStep> adamw_step[double]
