"""A network of cyprop once more, of PyTorch's own functions, in float64, derived by autograd.

The tables have an entry for each name that cyprop knows, of PyTorch's functions where it has them.
Hyperparameters are passed by the names that cyprop has for them.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch.nn import functional

import cyprop
from cyprop.kernels import activation, loss

HERE = "peers/helpers/torch_twin.py"
# Above its threshold PyTorch's softplus is the identity; here it differs from it by less than ε.
THRESHOLD = 40.0

# A = f(Z)
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda Z: functional.gelu(Z, approximate="tanh"),
    "silu": functional.silu,
    "softplus": lambda Z: functional.softplus(Z, threshold=THRESHOLD),
    "mish": functional.mish,
    "softsign": functional.softsign,
    "relu6": functional.relu6,
    # The derivative of its hardsigmoid is 1/6 in the digits of a float32.
    "hard_sigmoid": lambda Z: functional.relu6(Z + 3) / 6,
    "hard_swish": functional.hardswish,
    "hard_tanh": functional.hardtanh,
    "log_sigmoid": functional.logsigmoid,
    "exponential": torch.exp,
    "identity": lambda Z: Z.clone(),
    "softmax": lambda Z: torch.softmax(Z, dim=1),
    "log_softmax": lambda Z: torch.log_softmax(Z, dim=1),
}


def _mean_over_outputs(function):
    return lambda Z, A, Y, **others: function(A, Y, reduction="none", **others).mean(dim=1)


def _quantile(Z, A, Y, q=0.5):
    errors = Y - A
    return torch.maximum(q * errors, (q - 1) * errors).mean(dim=1)


def _log_cosh(Z, A, Y):
    errors = A - Y
    return (errors + functional.softplus(-2 * errors, threshold=THRESHOLD) - np.log(2)).mean(dim=1)


def _cross_entropy(Z, A, Y, label_smoothing=0.0):
    return functional.cross_entropy(Z, Y, reduction="none", label_smoothing=label_smoothing)


def _binary_cross_entropy(Z, A, Y):
    return functional.binary_cross_entropy_with_logits(Z, Y, reduction="none").mean(dim=1)


def _poisson(Z, A, Y):
    return functional.poisson_nll_loss(torch.log(A), Y, reduction="none").mean(dim=1)


def _gaussian_nll(Z, A, Y):
    mean, log_variance = A.chunk(2, dim=1)
    tiny = np.finfo(float).tiny  # PyTorch's least variance
    of_each = functional.gaussian_nll_loss(mean, Y, log_variance.exp(), eps=tiny, reduction="none")
    return of_each.mean(dim=1)


# C of each row
LOSSES = {
    "mse": _mean_over_outputs(functional.mse_loss),
    "mae": _mean_over_outputs(functional.l1_loss),
    "huber": _mean_over_outputs(functional.huber_loss),
    "quantile": _quantile,
    "log_cosh": _log_cosh,
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "poisson": _poisson,
    "gaussian_nll": _gaussian_nll,
}

HIDDEN = [name for name in activation.names() if not activation.couples_units(name)]


def formula(table, rule):
    """The function of an activation or a loss, its hyperparameters filled in."""
    if rule.name not in table:
        what = "ACTIVATIONS" if table is ACTIVATIONS else "LOSSES"
        raise LookupError(f"{rule.name!r} has no formula of PyTorch's: add one to {what} in {HERE}")
    return lambda *tensors: table[rule.name](*tensors, **rule.hyperparameters)


class Network:
    """The same network, with tensors of its own that begin as the weights of the other."""

    def __init__(self, net):
        self.settings = net.settings
        self.weights = [tensor(W).requires_grad_() for W in net.weights]
        self.biases = [tensor(b).requires_grad_() for b in net.biases]

    def forward(self, X, masks=None):
        """Z and A of the last layer; masks: what dropout multiplies A of each hidden layer by."""
        A, masks = X, [*(masks or [1] * (len(self.weights) - 1)), 1]
        parts = self.weights, self.biases, self.settings.activations, masks
        for W, b, rule, M in zip(*parts, strict=True):
            Z = A @ W + b
            A = formula(ACTIVATIONS, rule)(Z) * M
        return Z, A

    def penalty(self):
        """l1 · Σ|w| + l2/2 · Σw² over all weights."""
        l1, l2 = self.settings.l1, self.settings.l2
        return sum(l1 * W.abs().sum() + l2 / 2 * (W**2).sum() for W in self.weights)

    def costs(self, X, Y):
        """C of each row."""
        Z, A = self.forward(tensor(X))
        return formula(LOSSES, self.settings.loss)(Z, A, tensor(Y))

    def gradients(self, X, Y, sample_weight=None, masks=None):
        """The mean loss and its derivatives, as `Network.gradients` of cyprop gives them."""
        X = tensor(X).requires_grad_()
        Z, A = self.forward(X, masks)
        costs = formula(LOSSES, self.settings.loss)(Z, A, tensor(Y))
        share = torch.ones(len(costs)) if sample_weight is None else tensor(sample_weight)
        C = (costs * share).sum() / share.sum() + self.penalty()
        found = torch.autograd.grad(C, [*self.weights, *self.biases, X])
        n = len(self.weights)
        arrays = [array.numpy() for array in found]
        return SimpleNamespace(
            loss=C.item(), weights=arrays[:n], biases=arrays[n : 2 * n], inputs=arrays[-1]
        )


def tensor(array):
    """A copy in float64."""
    if isinstance(array, torch.Tensor):
        return array.detach().clone().double()
    return torch.from_numpy(np.array(array, np.float64))


def pair(sizes, *arguments, seed=3, scale=1.0, **others):
    """A network of cyprop whose biases are not zero, and the same one of PyTorch's functions.

    Parameters
    ----------
    sizes, *arguments, seed, **others
        As of `cyprop.Network`.
    scale : float, default 1.0
        The weights that are drawn are multiplied by it.

    Returns
    -------
    cyprop.Network, Network
    """
    net = cyprop.Network(sizes, *arguments, seed=seed, **others)
    for W in net.weights:
        W *= scale
    draw = np.random.default_rng(seed)
    for b in net.biases:
        b[...] = draw.uniform(-0.5, 0.5, b.shape)
    return net, Network(net)


def outputs_of(name, hidden="tanh"):
    """The activations that cyprop lets stand behind the loss of that name."""
    found = []
    for output in activation.names():
        try:
            cyprop.Settings([2, 2, 2], hidden, output, loss=name)
        except ValueError:
            continue
        found.append(output)
    return found


def targets(name, rng, shape):
    """Targets that the loss can mean, for outputs of that shape (n, n_out)."""
    n, n_out = shape[0], shape[1] // loss.outputs_per_target(name)
    if name == "cross_entropy":
        return rng.dirichlet(np.ones(n_out), size=n)
    if name == "binary_cross_entropy":
        return rng.random((n, n_out))
    if name == "poisson":
        return rng.poisson(2.0, (n, n_out)).astype(float)
    return rng.normal(size=(n, n_out))


def assert_meets(actual, expected, tolerance=1e-10):
    """Each element, relative to itself; beside what cancels in sums of larger terms.

    An element may be the small sum of terms as large as the largest element is; these carry some
    hundred roundings, and their rounding does not cancel.
    """
    assert actual.shape == expected.shape
    floor = 100 * np.finfo(actual.dtype).eps * np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=floor)


LOSS_NAMES = loss.names()
ACTIVATION_NAMES = activation.names()
