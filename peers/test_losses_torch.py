"""Values and derivatives of every loss, for each output activation, beside PyTorch's own."""

import numpy as np
import pytest
import torch
import torch_twin

from cyprop.kernels import loss

N, K = 33, 5
TOLERANCE = 1e-10

OUTPUTS = {**torch_twin.ACTIVATIONS, None: lambda Z: Z.clone()}
OTHERS = {"huber": [(0.375,), (3.0,)], "quantile": [(0.9,)], "cross_entropy": [(0.125,)]}


def defaults(name):
    return tuple(entry[0] for entry in loss.hyperparameters(name).values())


CASES = [
    (name, output, values)
    for name in loss.names()
    for output in loss.output_activations(name) or (None,)
    for values in (defaults(name), *OTHERS.get(name, ()))
]


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
    named = dict(zip(loss.hyperparameters(name), values, strict=True))
    C = torch_twin.LOSSES[name](Z, A, torch.tensor(Y), **named).mean()
    (derivative,) = torch.autograd.grad(C, Z if by_Z else A)
    return A.detach().numpy(), C.item(), derivative.numpy()


@pytest.mark.parametrize(("name", "output", "values"), CASES)
def test_values_and_derivatives(rng, name, output, values):
    Z = rng.normal(size=(N, K * loss.outputs_per_target(name)))
    Y = torch_twin.targets(name, rng, Z.shape)
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
    assert set(torch_twin.LOSSES) == set(loss.names())
