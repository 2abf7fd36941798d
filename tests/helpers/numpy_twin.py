"""Every kernel once more, as its equation says, in NumPy and float64: slow, plain, and the oracle.

The names are the kernels' own, but each function returns its result. Whoever wants to know what a
kernel computes may read it here first. An activation or a loss is passed by its name, or as an
object that has its name and its hyperparameters' values; a name alone means the defaults.
"""

from types import SimpleNamespace

import numpy as np
from scipy.special import erfcx, expit


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


def _log_softmax(Z):
    shifted = np.longdouble(Z - Z.max(axis=1, keepdims=True))  # for the logarithm of nearly 1
    return (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(np.float64)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _elu(Z, alpha=1):
    return np.where(Z > 0, Z, alpha * np.expm1(np.minimum(Z, 0)))


def _elu_slope(Z, alpha):
    return np.where(Z > 0, 1, alpha * np.exp(np.minimum(Z, 0)))


def _normal(Z):
    """The distribution function of the standard normal distribution."""
    exponential = np.exp(-(np.longdouble(Z) ** 2) / 2).astype(np.float64)  # with all of Z²
    tail = erfcx(np.abs(Z) / np.sqrt(2)) * exponential / 2
    return np.where(Z < 0, tail, 1 - tail)


def _gelu_tanh_derivative(Z, A, dA):
    u = np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * Z**2)
    return dA * expit(2 * u) * (1 + Z * expit(-2 * u) * 2 * slope)


def _mish_derivative(Z, A, dA):
    t = np.tanh(np.logaddexp(0, Z))
    return dA * (t + Z * (1 - t**2) * expit(Z))


_ACTIVATIONS = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda Z: np.where(Z <= 0, 0, Z),
    "identity": lambda Z: Z.copy(),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "leaky_relu": lambda Z, negative_slope=0.01: np.where(Z > 0, Z, negative_slope * Z),
    "elu": _elu,
    "selu": lambda Z: SELU_SCALE * _elu(Z, SELU_ALPHA),
    "celu": lambda Z, alpha=1: np.where(Z > 0, Z, alpha * np.expm1(np.minimum(Z, 0) / alpha)),
    "gelu": lambda Z: Z * _normal(Z),
    "gelu_tanh": lambda Z: Z * expit(2 * np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)),
    "silu": lambda Z: Z * expit(Z),
    "softplus": lambda Z: np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z))),
    "mish": lambda Z: Z * np.tanh(np.logaddexp(0, Z)),
    "softsign": lambda Z: Z / (1 + np.abs(Z)),
    "relu6": lambda Z: np.clip(Z, 0, 6),
    "hard_sigmoid": lambda Z: np.clip(Z + 3, 0, 6) / 6,
    "hard_swish": lambda Z: Z * np.clip(Z + 3, 0, 6) / 6,
    "hard_tanh": lambda Z: np.clip(Z, -1, 1),
    "log_sigmoid": lambda Z: np.minimum(Z, 0) - np.log1p(np.exp(-np.abs(Z))),
    "exponential": np.exp,
}

# Each with the whole Jacobian in mind: dZ_j = Σ_i dA_i · ∂A_i/∂Z_j.
_ACTIVATION_DERIVATIVES = {
    "sigmoid": lambda Z, A, dA: dA * A * (1 - A),
    "tanh": lambda Z, A, dA: dA * (1 - A**2),
    "relu": lambda Z, A, dA: np.where(A > 0, dA, 0),
    "identity": lambda Z, A, dA: dA.copy(),
    "softmax": lambda Z, A, dA: A * (dA - (dA * A).sum(axis=1, keepdims=True)),
    "log_softmax": lambda Z, A, dA: dA - np.exp(A) * dA.sum(axis=1, keepdims=True),
    "leaky_relu": lambda Z, A, dA, negative_slope=0.01: np.where(Z > 0, dA, negative_slope * dA),
    "elu": lambda Z, A, dA, alpha=1: dA * _elu_slope(Z, alpha),
    "selu": lambda Z, A, dA: dA * SELU_SCALE * _elu_slope(Z, SELU_ALPHA),
    "celu": lambda Z, A, dA, alpha=1: dA * np.exp(np.minimum(Z, 0) / alpha),
    "gelu": lambda Z, A, dA: dA * (_normal(Z) + Z * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)),
    "gelu_tanh": _gelu_tanh_derivative,
    "silu": lambda Z, A, dA: dA * expit(Z) * (1 + Z * expit(-Z)),
    "softplus": lambda Z, A, dA: dA * expit(Z),
    "mish": _mish_derivative,
    "softsign": lambda Z, A, dA: dA / (1 + np.abs(Z)) ** 2,
    "relu6": lambda Z, A, dA: np.where((Z > 0) & (Z < 6), dA, 0),
    "hard_sigmoid": lambda Z, A, dA: np.where(np.abs(Z) < 3, dA / 6, 0),
    "hard_swish": lambda Z, A, dA: dA * np.where(Z <= -3, 0, np.where(Z < 3, Z / 3 + 0.5, 1)),
    "hard_tanh": lambda Z, A, dA: np.where(np.abs(Z) < 1, dA, 0),
    "log_sigmoid": lambda Z, A, dA: dA * expit(-Z),
    "exponential": lambda Z, A, dA: dA * A,
}

# Where f has a kink, or its slope has one, which differences must keep clear of.
KINKS = {
    **dict.fromkeys(("relu", "leaky_relu", "elu", "selu", "celu", "softsign"), (0,)),
    "relu6": (0, 6),
    **dict.fromkeys(("hard_sigmoid", "hard_swish"), (-3, 3)),
    "hard_tanh": (-1, 1),
}


def _activation_forward(rule, Z):
    function, values = _formula(_ACTIVATIONS, rule, "_ACTIVATIONS")
    return function(*_wide(Z), *values)


def _activation_backward(rule, Z, A, dA):
    function, values = _formula(_ACTIVATION_DERIVATIVES, rule, "_ACTIVATION_DERIVATIVES")
    return function(*_wide(Z, A, dA), *values)


def _distance_to_kinks(rule, Z):
    """How far the nearest element of Z is from a kink; infinite where there is none."""
    kinks = KINKS.get(getattr(rule, "name", rule), ())
    return min((np.abs(Z - kink).min() for kink in kinks), default=np.inf)


activation = SimpleNamespace(
    forward=_activation_forward,
    backward=_activation_backward,
    distance_to_kinks=_distance_to_kinks,
)


# loss: C of each row, and its derivative by A, or by Z where a loss goes straight there


def _mse(Z, A, Y):
    return ((A - Y) ** 2).mean(axis=1)


def _mae(Z, A, Y):
    return np.abs(A - Y).mean(axis=1)


def _huber(Z, A, Y, delta=1):
    size = np.abs(A - Y)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean(axis=1)


def _quantile(Z, A, Y, q=0.5):
    return np.maximum(q * (Y - A), (1 - q) * (A - Y)).mean(axis=1)


def _quantile_derivative(A, Y, q=0.5):
    return np.where(A > Y, 1 - q, np.where(A < Y, -q, A - Y)) / A.size


def _log_cosh(Z, A, Y):
    return (np.logaddexp(A - Y, Y - A) - np.log(2)).mean(axis=1)


def _gaussian_nll(Z, A, Y):
    mean, log_variance = np.split(A, 2, axis=1)
    return ((log_variance + (Y - mean) ** 2 / np.exp(log_variance)) / 2).mean(axis=1)


def _gaussian_nll_derivative(A, Y):
    mean, log_variance = np.split(A, 2, axis=1)
    variance = np.exp(log_variance)
    by_log_variance = (1 - (Y - mean) ** 2 / variance) / 2
    return np.concatenate([(mean - Y) / variance, by_log_variance], axis=1) / Y.size


def _smoothed(Y, label_smoothing):
    """The targets, with a part of each spread evenly over its row."""
    return (1 - label_smoothing) * Y + label_smoothing * Y.mean(axis=1, keepdims=True)


def _cross_entropy(Z, A, Y, label_smoothing=0):
    shifted = Z - Z.max(axis=1, keepdims=True)
    log_A = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(_smoothed(Y, label_smoothing) * log_A).sum(axis=1)


def _cross_entropy_derivative(A, Y, label_smoothing=0):
    return (A * Y.sum(axis=1, keepdims=True) - _smoothed(Y, label_smoothing)) / len(A)


def _cross_entropy_of_logs(Z, A, Y, label_smoothing=0):
    return -(_smoothed(Y, label_smoothing) * A).sum(axis=1)


def _binary_cross_entropy(Z, A, Y):
    log_A, log_not_A = -np.logaddexp(0, -Z), -np.logaddexp(0, Z)
    return -(Y * log_A + (1 - Y) * log_not_A).mean(axis=1)


def _poisson(Z, A, Y):
    return (A - Y * Z).mean(axis=1)


def _poisson_of_softplus(Z, A, Y):
    # ln(1 + e^Z) is e^Z where that is small.
    log_A = np.where(Z < -37, Z, np.log(np.logaddexp(0, np.maximum(Z, -37))))
    return (A - Y * log_A).mean(axis=1)


def _poisson_of_softplus_derivative(A, Y):
    # The derivative of softplus is 1 − e^−A.
    slope = np.divide(-np.expm1(-A), A, out=np.ones_like(A), where=A != 0)
    return (A - Y) * slope / A.size


# Of each loss its entries: the output activation (None: any), what backward gives, and both.
_LOSSES = {
    "mse": [(None, "dA", _mse, lambda A, Y: 2 * (A - Y) / A.size)],
    "mae": [(None, "dA", _mae, lambda A, Y: np.sign(A - Y) / A.size)],
    "huber": [
        (None, "dA", _huber, lambda A, Y, delta=1: np.clip(A - Y, -delta, delta) / A.size),
    ],
    "quantile": [(None, "dA", _quantile, _quantile_derivative)],
    "log_cosh": [(None, "dA", _log_cosh, lambda A, Y: np.tanh(A - Y) / A.size)],
    "gaussian_nll": [("identity", "dA", _gaussian_nll, _gaussian_nll_derivative)],
    "cross_entropy": [
        ("softmax", "dZ", _cross_entropy, _cross_entropy_derivative),
        (
            "log_softmax",
            "dA",
            _cross_entropy_of_logs,
            lambda A, Y, label_smoothing=0: -_smoothed(Y, label_smoothing) / len(A),
        ),
    ],
    "binary_cross_entropy": [
        ("sigmoid", "dZ", _binary_cross_entropy, lambda A, Y: (A - Y) / A.size),
    ],
    "poisson": [
        ("exponential", "dZ", _poisson, lambda A, Y: (A - Y) / A.size),
        ("softplus", "dZ", _poisson_of_softplus, _poisson_of_softplus_derivative),
    ],
}


def _loss(rule, output=None):
    """The entry of a loss for that output activation, the first for None; and its values."""
    entries, values = _formula(_LOSSES, rule, "_LOSSES")
    return next(entry for entry in entries if output is None or entry[0] in (None, output)), values


def _loss_forward(rule, Z, A, Y, output=None):
    (*_, function, _), values = _loss(rule, output)
    return function(*_wide(Z, A, Y), *values)


def _loss_backward(rule, A, Y, output=None):
    (*_, function), values = _loss(rule, output)
    return function(*_wide(A, Y), *values)


loss = SimpleNamespace(
    output_activations=lambda rule: tuple(
        entry[0] for entry in _formula(_LOSSES, rule, "_LOSSES")[0] if entry[0]
    ),
    gives_dZ=lambda rule, output=None: _loss(rule, output)[0][1] == "dZ",
    forward=_loss_forward,
    backward=_loss_backward,
)


# gradient: weights of rows, penalties and clipping


def _penalty(W, l1, l2):
    W = _wide(W)[0]
    return l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum()


def _clip_all(arrays, clip_norm=None, clip_value=None):
    """The arrays, each number clipped to ±clip_value, and then all to the norm clip_norm."""
    arrays = _wide(*arrays)
    if clip_value is not None:
        arrays = [np.clip(array, -clip_value, clip_value) for array in arrays]
    norm = np.sqrt(sum((array**2).sum() for array in arrays))
    if clip_norm is not None and norm > clip_norm:
        arrays = [array * (clip_norm / norm) for array in arrays]
    return arrays


gradient = SimpleNamespace(
    weigh=lambda weights, dA: _wide(dA)[0] * (weights * len(dA) / weights.sum())[:, None],
    penalty=_penalty,
    penalty_derivative=lambda W, l1, l2: l1 * np.sign(W) + l2 * _wide(W)[0],
    clip_all=_clip_all,
)


# dropout: D = A · M


def _philox(counters, key):
    """Philox4x32-10 of four arrays of counters, by whole numbers that do not overflow."""
    a, b, c, d = (np.asarray(counter, np.uint64) for counter in counters)
    key0, key1 = key & 0xFFFFFFFF, key >> 32
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        ab, cd = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (
            (cd >> np.uint64(32)) ^ b ^ np.uint64(key0),
            cd & low,
            (ab >> np.uint64(32)) ^ d ^ np.uint64(key1),
            ab & low,
        )
        key0, key1 = (key0 + 0x9E3779B9) % 2**32, (key1 + 0xBB67AE85) % 2**32
    return a, b, c, d


def _dropout_mask(shape, rate, seed, update, layer, first=0):
    """Zeros for the units that are silent in rows of an update from `first` on, else 1/(1 − rate).

    Unit j has word j mod 64 of the draw ⌊j / 64⌋, whose words are those of 16 counters: first the
    first word of each, then the second, and so on.
    """
    row, unit = np.indices(shape)
    draw, word = np.divmod(unit, 64)
    counters = 16 * draw + word % 16, first + row, update % 2**32, (layer << 16) + (update >> 32)
    words = _philox(np.broadcast_arrays(*counters), seed % 2**64)
    chosen = np.choose(word // 16, words)
    return np.where(chosen >= int(rate * 2**32), 1 / (1 - rate), 0.0)


dropout = SimpleNamespace(philox=_philox, mask=_dropout_mask)


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


def _adam_of_sklearn(theta, d_theta, state, learning_rate, beta1, beta2, epsilon):
    # The textbook's, whose epsilon is by √(1 − beta2^t) larger: it is beside √v, not √v_hat.
    seen = state.get("beta2^t", 1) * beta2
    _adam(theta, d_theta, state, learning_rate, beta1, beta2, epsilon / np.sqrt(1 - seen))


update = SimpleNamespace(
    sgd=_sgd,
    adam=_adam,
    adamw=_adamw,
    rmsprop=_rmsprop,
    adagrad=_adagrad,
    adam_of_sklearn=_adam_of_sklearn,
)


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
    """The chain rule over the functions above; takes its first weights from a compiled network.

    The seed is that of dropout, and `n_updates` counts what it has learned.
    """

    def __init__(self, net, seed=0):
        self.weights = [np.array(W, np.float64) for W in net.weights]
        self.biases = [np.array(b, np.float64) for b in net.biases]
        rules = getattr(net, "settings", net)  # with the values of their hyperparameters
        self.activations = rules.activations
        self.output = getattr(self.activations[-1], "name", self.activations[-1])
        self.loss = rules.loss
        self.optimizer = net.optimizer
        self.states = [{} for _ in self.weights + self.biases]
        self.penalties = getattr(rules, "l1", 0), getattr(rules, "l2", 0)
        self.rates = getattr(rules, "dropout", ())
        self.seed, self.n_updates = seed, 0

    def masks(self, n):
        """What the next update multiplies A of each layer by."""
        return [
            dropout.mask((n, len(b)), rate, self.seed, self.n_updates, layer) if rate else 1
            for layer, (b, rate) in enumerate(zip(self.biases, (*self.rates, 0), strict=False))
        ]

    def penalty(self):
        return sum(gradient.penalty(W, *self.penalties) for W in self.weights)

    def forward(self, X, masks=None):
        """A⁽⁰⁾ … A⁽ᴸ⁾, and Z⁽¹⁾ … Z⁽ᴸ⁾."""
        A, Z, A_prev = [_wide(X)[0]], [], _wide(X)[0]
        masks = masks or [1] * len(self.weights)
        for W, b, rule, M in zip(self.weights, self.biases, self.activations, masks, strict=True):
            Z.append(dense.forward(A_prev, W, b))
            A.append(activation.forward(rule, Z[-1]))
            A_prev = A[-1] * M
        return A, Z

    def predict(self, X):
        return self.forward(X)[0][-1]

    def evaluate(self, X, Y, weights=None):
        A, Z = self.forward(X)
        return np.average(loss.forward(self.loss, Z[-1], A[-1], Y, self.output), weights=weights)

    def gradients(self, X, Y, weights=None, training=False):
        """Every derivative by name, as lists over the layers; dA has one more, dA⁽⁰⁾ first."""
        masks = self.masks(len(X)) if training else None
        A, Z = self.forward(X, masks)
        derivative = loss.backward(self.loss, A[-1], Y, self.output)
        if weights is not None:
            derivative = gradient.weigh(weights, derivative)
        g = self._descend(A, Z, derivative, loss.gives_dZ(self.loss, self.output), masks)
        g.dW = [
            dW + gradient.penalty_derivative(W, *self.penalties)
            for dW, W in zip(g.dW, self.weights, strict=True)
        ]
        C = loss.forward(self.loss, Z[-1], A[-1], Y, self.output)
        g.loss = np.average(C, weights=weights) + self.penalty()
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

    def _descend(self, A, Z, derivative, is_dZ, masks=None):
        L = len(self.weights)
        masks = masks or [1] * L
        g = SimpleNamespace(dA=[None] * (L + 1), dZ=[None] * L, dW=[None] * L, db=[None] * L)
        for layer in reversed(range(L)):
            if layer == L - 1 and is_dZ:
                g.dZ[layer] = derivative
            else:
                derivative = derivative * masks[layer]
                g.dA[layer + 1] = derivative
                g.dZ[layer] = activation.backward(
                    self.activations[layer], Z[layer], A[layer + 1], derivative
                )
            A_prev = A[layer] * masks[layer - 1] if layer else A[0]
            g.dW[layer] = dense.backward_W(A_prev, g.dZ[layer])
            g.db[layer] = dense.backward_b(g.dZ[layer])
            derivative = dense.backward_A(g.dZ[layer], self.weights[layer])
        g.dA[0] = derivative
        return g

    def train_on_batch(self, X, Y, weights=None, rate=None, **bounds):
        """One update; bounds are those of `gradient.clip_all`."""
        g = self.gradients(X, Y, weights, training=True)
        clipped = gradient.clip_all([*g.dW, *g.db], **bounds)
        optimizer = self.optimizer
        if rate is not None:
            optimizer = optimizer.with_hyperparameters(learning_rate=rate)
        L = len(self.weights)
        update_all(optimizer, self.weights, self.biases, clipped[:L], clipped[L:], self.states)
        self.n_updates += 1
        return g.loss
