"""Values and derivatives of every loss, for each output activation, beside PyTorch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cyprop.kernels import loss

N, K = 33, 5
TOLERANCE = 1e-10

OUTPUTS = {
    None: lambda Z: Z.clone(),
    "identity": lambda Z: Z.clone(),
    "sigmoid": torch.sigmoid,
    "softmax": lambda Z: torch.softmax(Z, dim=1),
    "log_softmax": lambda Z: torch.log_softmax(Z, dim=1),
    "exponential": torch.exp,
    "softplus": functional.softplus,
}


def log_cosh(Z, A, Y):
    errors = A - Y
    return (errors + functional.softplus(-2 * errors) - np.log(2)).mean()


def quantile(Z, A, Y, q):
    return torch.maximum(q * (Y - A), (q - 1) * (Y - A)).mean()


def gaussian_nll(Z, A, Y):
    mean, s = A.chunk(2, dim=1)
    return functional.gaussian_nll_loss(mean, Y, s.exp(), eps=np.finfo(float).tiny)


def cross_entropy(Z, A, Y, label_smoothing):
    return functional.cross_entropy(Z, Y, label_smoothing=label_smoothing)


def poisson(Z, A, Y):
    return functional.poisson_nll_loss(A, Y, log_input=False, eps=0)


# The mean over a batch, of Z and A of the output layer and the targets.
FORMULAS = {
    "mse": lambda Z, A, Y: functional.mse_loss(A, Y),
    "mae": lambda Z, A, Y: functional.l1_loss(A, Y),
    "huber": lambda Z, A, Y, delta: functional.huber_loss(A, Y, delta=delta),
    "quantile": quantile,
    "log_cosh": log_cosh,
    "gaussian_nll": gaussian_nll,
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": lambda Z, A, Y: functional.binary_cross_entropy_with_logits(Z, Y),
    "poisson": poisson,
}
OTHERS = {"huber": [(0.375,), (3.0,)], "quantile": [(0.9,)], "cross_entropy": [(0.125,)]}


def defaults(name):
    return tuple(entry[0] for entry in loss.hyperparameters(name).values())


CASES = [
    (name, output, values)
    for name in loss.names()
    for output in loss.output_activations(name) or (None,)
    for values in (defaults(name), *OTHERS.get(name, ()))
]


def targets(name, rng):
    if name == "cross_entropy":
        return rng.dirichlet(np.ones(K), size=N)
    if name == "binary_cross_entropy":
        return rng.random((N, K))
    if name == "poisson":
        return rng.poisson(1.5, (N, K)).astype(float)
    return rng.normal(size=(N, K))


def ours(name, output, values, Z, A, Y):
    """The mean of C, and its derivative by A, or by Z where the loss goes straight there."""
    C, derivative = np.empty(len(A)), np.empty_like(A)
    loss.forward(name, Z, A, Y, C, values, output)
    loss.backward(name, A, Y, derivative, values, output)
    return C.mean(), derivative


def theirs(name, output, values, Z, Y):
    """The same by autograd, after A."""
    Z = torch.tensor(Z, requires_grad=True)
    A = OUTPUTS[output](Z)
    by_Z = loss.gives_dZ(name, output)
    if not by_Z:
        A = A.detach().requires_grad_()
        Z = A if name == "cross_entropy" else Z  # softmax takes logarithms of probabilities too
    C = FORMULAS[name](Z, A, torch.tensor(Y), *values)
    (derivative,) = torch.autograd.grad(C, Z if by_Z else A)
    return A.detach().numpy(), C.item(), derivative.numpy()


@pytest.mark.parametrize(("name", "output", "values"), CASES)
def test_values_and_derivatives(rng, name, output, values):
    Z, Y = rng.normal(size=(N, K * loss.outputs_per_target(name))), targets(name, rng)
    A, expected, by_autograd = theirs(name, output, values, Z, Y)
    found, derivative = ours(name, output, values, Z, A, Y)
    assert found == pytest.approx(expected, rel=TOLERANCE)
    if output == "log_softmax":
        # PyTorch normalises once more: what it derives is this one seen through log_softmax.
        derivative = derivative - np.exp(A) * derivative.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(derivative, by_autograd, rtol=TOLERANCE, atol=1e-15)


@pytest.mark.parametrize("name", ["mae", "huber"])
def test_derivatives_at_kinks(name):
    A = np.array([[-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]])
    _, _, expected = theirs(name, None, defaults(name), A, np.zeros_like(A))
    _, found = ours(name, None, defaults(name), A, A, np.zeros_like(A))
    assert found.tolist() == expected.tolist()


def test_every_loss_has_a_formula():
    assert set(FORMULAS) == set(loss.names())
    assert {output for _, output, _ in CASES} <= set(OUTPUTS)
