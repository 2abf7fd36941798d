"""Every kernel once more, as its equation says, in NumPy and float64: slow, plain, and the oracle.

The names are the kernels' own, but each function returns its result. Whoever wants to know what a
kernel computes may read it here first. An activation or a loss is passed by its name, or as an
object that has its name and its hyperparameters' values; a name alone means the defaults.
"""

from types import SimpleNamespace

import numpy as np


def _wide(*arrays):
    """The arrays in float64, or as they are if they are wider still."""
    return [np.asarray(array, np.result_type(array, np.float64)) for array in arrays]


def _formula(formulas, rule, where):
    """The entry of a rule in one of the tables below, and the values of its hyperparameters."""
    name = getattr(rule, "name", rule)
    if name not in formulas:
        raise LookupError(
            f"{name!r} has no formula to compare its kernel with:"
            f" add one to {where} in tests/helpers/numpy_twin.py"
        )
    return formulas[name], getattr(rule, "values", ())


# dense: Z = A_prev · W + b


def _dense_forward(A_prev, W, b):
    A_prev, W, b = _wide(A_prev, W, b)
    return A_prev @ W + b


def _dense_backward_W(A_prev, dZ):
    A_prev, dZ = _wide(A_prev, dZ)
    return A_prev.T @ dZ


def _dense_backward_b(dZ):
    return _wide(dZ)[0].sum(axis=0)


def _dense_backward_A(dZ, W):
    dZ, W = _wide(dZ, W)
    return dZ @ W.T


dense = SimpleNamespace(
    forward=_dense_forward,
    backward_W=_dense_backward_W,
    backward_b=_dense_backward_b,
    backward_A=_dense_backward_A,
)


# activation: A = f(Z), and dA → dZ


def _sigmoid(Z):
    e = np.exp(-np.abs(Z))
    return np.where(Z < 0, e, 1) / (1 + e)


def _softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


_ACTIVATIONS = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda Z: np.where(Z <= 0, 0, Z),
    "identity": lambda Z: Z.copy(),
    "softmax": _softmax,
}

# Each with the whole Jacobian in mind: dZ_j = Σ_i dA_i · ∂A_i/∂Z_j.
_ACTIVATION_DERIVATIVES = {
    "sigmoid": lambda Z, A, dA: dA * A * (1 - A),
    "tanh": lambda Z, A, dA: dA * (1 - A**2),
    "relu": lambda Z, A, dA: np.where(A > 0, dA, 0),
    "identity": lambda Z, A, dA: dA.copy(),
    "softmax": lambda Z, A, dA: A * (dA - (dA * A).sum(axis=1, keepdims=True)),
}


def _activation_forward(rule, Z):
    function, values = _formula(_ACTIVATIONS, rule, "_ACTIVATIONS")
    return function(*_wide(Z), *values)


def _activation_backward(rule, Z, A, dA):
    function, values = _formula(_ACTIVATION_DERIVATIVES, rule, "_ACTIVATION_DERIVATIVES")
    return function(*_wide(Z, A, dA), *values)


activation = SimpleNamespace(forward=_activation_forward, backward=_activation_backward)


# loss: C of each row, and its derivative by A (by Z, where the loss brings its activation)


def _mse(Z, A, Y):
    return ((A - Y) ** 2).mean(axis=1)


def _cross_entropy(Z, A, Y):
    shifted = Z - Z.max(axis=1, keepdims=True)
    log_A = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(Y * log_A).sum(axis=1)


def _binary_cross_entropy(Z, A, Y):
    log_A, log_not_A = -np.logaddexp(0, -Z), -np.logaddexp(0, Z)
    return -(Y * log_A + (1 - Y) * log_not_A).mean(axis=1)


_LOSSES = {
    "mse": (None, _mse, lambda A, Y: 2 * (A - Y) / A.size),
    "cross_entropy": (
        "softmax",
        _cross_entropy,
        lambda A, Y: (A * Y.sum(axis=1, keepdims=True) - Y) / len(A),
    ),
    "binary_cross_entropy": (
        "sigmoid",
        _binary_cross_entropy,
        lambda A, Y: (A - Y) / A.size,
    ),
}


def _loss(rule):
    return _formula(_LOSSES, rule, "_LOSSES")


def _loss_forward(rule, Z, A, Y):
    (_, function, _), values = _loss(rule)
    return function(*_wide(Z, A, Y), *values)


def _loss_backward(rule, A, Y):
    (_, _, function), values = _loss(rule)
    return function(*_wide(A, Y), *values)


loss = SimpleNamespace(
    output_activation=lambda rule: _loss(rule)[0][0],
    forward=_loss_forward,
    backward=_loss_backward,
)


# update: θ ← θ − step(dθ), in place


def _sgd(theta, d_theta, state, learning_rate, momentum, nesterov):
    state["v"] = momentum * state.get("v", 0) + d_theta
    theta -= learning_rate * (d_theta + momentum * state["v"] if nesterov else state["v"])


def _adam(theta, d_theta, state, learning_rate, beta1, beta2, epsilon):
    # Where betas change, products stand for beta1^t and beta2^t, so that one minus these is still
    # the sum of the weights that the gradients have in m and v.
    state["beta1^t"] = beta1 * state.get("beta1^t", 1)
    state["beta2^t"] = beta2 * state.get("beta2^t", 1)
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * d_theta
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * d_theta**2
    m_hat = state["m"] / (1 - state["beta1^t"])
    v_hat = state["v"] / (1 - state["beta2^t"])
    theta -= learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)


def _adamw(theta, d_theta, state, learning_rate, beta1, beta2, epsilon, weight_decay):
    theta -= learning_rate * weight_decay * theta
    _adam(theta, d_theta, state, learning_rate, beta1, beta2, epsilon)


def _rmsprop(theta, d_theta, state, learning_rate, rho, epsilon, momentum):
    state["v"] = rho * state.get("v", 0) + (1 - rho) * d_theta**2
    state["u"] = momentum * state.get("u", 0) + d_theta / (np.sqrt(state["v"]) + epsilon)
    theta -= learning_rate * state["u"]


def _adagrad(theta, d_theta, state, learning_rate, epsilon):
    state["v"] = state.get("v", 0) + d_theta**2
    theta -= learning_rate * d_theta / (np.sqrt(state["v"]) + epsilon)


update = SimpleNamespace(sgd=_sgd, adam=_adam, adamw=_adamw, rmsprop=_rmsprop, adagrad=_adagrad)


def update_all(optimizer, weights, biases, d_weights, d_biases, states):
    """One update of every array, in place; nothing decays biases. A state for each array."""
    step = getattr(update, optimizer.name)
    ways = [optimizer.hyperparameters, dict(optimizer.hyperparameters)]
    if "weight_decay" in ways[1]:
        ways[1]["weight_decay"] = 0.0
    for arrays, derivatives, way, kept in (
        (weights, d_weights, ways[0], states[: len(weights)]),
        (biases, d_biases, ways[1], states[len(weights) :]),
    ):
        for theta, d_theta, state in zip(arrays, derivatives, kept, strict=True):
            step(theta, d_theta, state, **way)


# the whole network


class Network:
    """The chain rule over the functions above; takes its first weights from a compiled network."""

    def __init__(self, net):
        self.weights = [np.array(W, np.float64) for W in net.weights]
        self.biases = [np.array(b, np.float64) for b in net.biases]
        rules = getattr(net, "settings", net)  # with the values of their hyperparameters
        self.activations = rules.activations
        self.loss = rules.loss
        self.optimizer = net.optimizer
        self.states = [{} for _ in self.weights + self.biases]

    def forward(self, X):
        """A⁽⁰⁾ … A⁽ᴸ⁾, and Z⁽¹⁾ … Z⁽ᴸ⁾."""
        A, Z = [_wide(X)[0]], []
        for W, b, rule in zip(self.weights, self.biases, self.activations, strict=True):
            Z.append(dense.forward(A[-1], W, b))
            A.append(activation.forward(rule, Z[-1]))
        return A, Z

    def predict(self, X):
        return self.forward(X)[0][-1]

    def evaluate(self, X, Y):
        A, Z = self.forward(X)
        return loss.forward(self.loss, Z[-1], A[-1], Y).mean()

    def gradients(self, X, Y):
        """Every derivative by name, as lists over the layers; dA has one more, dA⁽⁰⁾ first."""
        A, Z = self.forward(X)
        straight_to_Z = loss.output_activation(self.loss) is not None
        g = self._descend(A, Z, loss.backward(self.loss, A[-1], Y), straight_to_Z)
        g.loss = loss.forward(self.loss, Z[-1], A[-1], Y).mean()
        return g

    def vjp(self, X, dA):
        """The same of a C whose derivative by A⁽ᴸ⁾ is dA."""
        return self._descend(*self.forward(X), _wide(dA)[0], False)

    def jacobian(self, x):
        """∂A⁽ᴸ⁾/∂x of one row, (n_out, n_in): the product, from the first layer to the last."""
        A, Z = self.forward(x[None])
        J = np.eye(len(x))
        for W, name, a, z in zip(self.weights, self.activations, A[1:], Z, strict=True):
            units = np.eye(z.size)
            rows = np.repeat(z, z.size, axis=0), np.repeat(a, z.size, axis=0)
            own = activation.backward(name, *rows, units)
            J = own @ (W.T @ J)
        return J

    def _descend(self, A, Z, derivative, is_dZ):
        L = len(self.weights)
        g = SimpleNamespace(dA=[None] * (L + 1), dZ=[None] * L, dW=[None] * L, db=[None] * L)
        for layer in reversed(range(L)):
            if layer == L - 1 and is_dZ:
                g.dZ[layer] = derivative
            else:
                g.dA[layer + 1] = derivative
                g.dZ[layer] = activation.backward(
                    self.activations[layer], Z[layer], A[layer + 1], derivative
                )
            g.dW[layer] = dense.backward_W(A[layer], g.dZ[layer])
            g.db[layer] = dense.backward_b(g.dZ[layer])
            derivative = dense.backward_A(g.dZ[layer], self.weights[layer])
        g.dA[0] = derivative
        return g

    def train_on_batch(self, X, Y):
        g = self.gradients(X, Y)
        update_all(self.optimizer, self.weights, self.biases, g.dW, g.db, self.states)
        return g.loss
