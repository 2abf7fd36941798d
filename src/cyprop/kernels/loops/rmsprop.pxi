# RMSprop: steps scaled by a running mean of the squared gradient, and with momentum.


cdef void rmsprop_step(
    Py_ssize_t n, floating *restrict theta, const floating *d_theta, floating *const *states,
    const double *hyperparameters, const double *tally,
) noexcept nogil:
    """v ← rho·v + (1 − rho)·dθ²,  u ← momentum·u + dθ / (√v + epsilon),
    θ ← θ − learning_rate·u;  without momentum u is dθ / (√v + epsilon)

    Tieleman and Hinton (2012), lecture 6.5; the momentum as in PyTorch.
    """
    cdef Py_ssize_t i
    cdef floating learning_rate = <floating> hyperparameters[0]
    cdef floating rho = <floating> hyperparameters[1]
    cdef floating epsilon = <floating> hyperparameters[2]
    cdef floating momentum = <floating> hyperparameters[3]
    cdef floating keep = <floating> (1.0 - hyperparameters[1])
    cdef floating *restrict v = states[0]
    cdef floating *restrict u
    cdef floating g
    if momentum == 0:
        for i in range(n):
            g = d_theta[i]
            v[i] = fma(rho, v[i], keep * g * g)
            theta[i] = theta[i] - learning_rate * g / (square_root(v[i]) + epsilon)
        return
    u = states[1]
    for i in range(n):
        g = d_theta[i]
        v[i] = fma(rho, v[i], keep * g * g)
        u[i] = fma(momentum, u[i], g / (square_root(v[i]) + epsilon))
        theta[i] = fma(-learning_rate, u[i], theta[i])


cdef double rmsprop_reach(const double *hyperparameters, Py_ssize_t dtype) noexcept nogil:
    """What dθ is divided by is at least epsilon, and u is the sum of a geometric series of such.

    u itself has to stay far from where numbers end, however small the learning rate is. If rho or
    momentum rounds to 1, there is no end to what v or u gathers.
    """
    cdef double least = (1 - rounded(hyperparameters[3], dtype)) * rounded(hyperparameters[2], dtype)
    if least == 0 or rounded(hyperparameters[1], dtype) == 1:
        return INFINITY
    return max(hyperparameters[0], 1.0) / least

optimizer = new_optimizer(b"rmsprop", 2)
hyperparameter(&optimizer.rule, b"learning_rate", 0.01, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"rho", 0.99, 0, True, 1)
hyperparameter(&optimizer.rule, b"epsilon", 1e-8, 0, False, INFINITY)
hyperparameter(&optimizer.rule, b"momentum", 0.0, 0, True, 1)
optimizer.reach = <OptimizerReach> rmsprop_reach
optimizer.step[0] = <OptimizerStep> rmsprop_step[float]
optimizer.step[1] = <OptimizerStep> rmsprop_step[double]
