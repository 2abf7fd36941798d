# Plain gradient descent, and with momentum, which may look ahead.


cdef void sgd_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """v ← momentum·v + dθ,  θ ← θ − learning_rate·v;  without momentum v is dθ

    With nesterov:  θ ← θ − learning_rate·(dθ + momentum·v), by the new v.

    Polyak (1964); nesterov after Sutskever, Martens, Dahl and Hinton (2013), in the form PyTorch has.
    """
    cdef Py_ssize_t i
    cdef floating learning_rate = <floating> hyperparameters[0]
    cdef floating momentum = <floating> hyperparameters[1]
    cdef floating *restrict v
    if momentum == 0:
        for i in range(n):
            theta[i] = fma(-learning_rate, d_theta[i], theta[i])
        return
    v = states[0]
    if hyperparameters[2] != 0:
        for i in range(n):
            v[i] = fma(momentum, v[i], d_theta[i])
            theta[i] = fma(-learning_rate, fma(momentum, v[i], d_theta[i]), theta[i])
        return
    for i in range(n):
        v[i] = fma(momentum, v[i], d_theta[i])
        theta[i] = fma(-learning_rate, v[i], theta[i])


cdef double sgd_reach(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil:
    """v is at most the sum of a geometric series, which has no end where momentum rounds to 1.

    With nesterov the bound is the same: dθ + momentum·v is that sum, begun with one term more.
    """
    cdef double left = 1 - rounded(hyperparameters[1], dtype)
    return hyperparameters[0] / left if left > 0 else INFINITY

optimizer = new_optimizer(b"sgd", 1)
hyperparameter(&optimizer.rule, b"learning_rate", 0.1, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"momentum", 0.0, 0, True, 1)
switch_hyperparameter(&optimizer.rule, b"nesterov")
optimizer.reach = <OptimizerReach> sgd_reach
optimizer.step[0] = <OptimizerStep> sgd_step[float]
optimizer.step[1] = <OptimizerStep> sgd_step[double]
optimizer.step_outer[0] = <OptimizerStepOuter> sgd_step_outer[float]
optimizer.step_outer[1] = <OptimizerStepOuter> sgd_step_outer[double]
