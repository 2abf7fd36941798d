"""Values and derivatives of every activation beside PyTorch's own, by its autograd, in float64.

Where PyTorch cancels, far below 0, it is no judge of relative errors; those tails are held to exact
formulas by tests/kernels/test_activation.py.
"""

import numpy as np
import pytest
import torch
import torch_twin
from torch.nn import functional

import cyprop
from cyprop.kernels import activation

TOLERANCE = 1e-10
OF_DERIVATIVES = {"hard_sigmoid": 1e-7}  # PyTorch multiplies by a sixth that was rounded to float32

FUNCTIONS = {**torch_twin.ACTIVATIONS, "hard_sigmoid": functional.hardsigmoid}
OTHERS = dict.fromkeys(("leaky_relu", "elu", "celu"), [(0.25,), (3.0,)])
CASES = [(name, values) for name in activation.names() for values in [(), *OTHERS.get(name, ())]]
ALONE = [(name, values) for name, values in CASES if not activation.couples_units(name)]
# How far down values and derivatives are compared relatively: PyTorch adds 1 and a number near −1.
LOW = {"gelu": -4.0, "gelu_tanh": -3.0, "tanh": -3.0}
KINKS = (-6.0, -3.0, -1.0, -0.0, 0.0, 1.0, 3.0, 6.0)


def both(name, values, Z, dA):
    """A and dZ of cyprop's kernels, then PyTorch's."""
    A, dZ = np.empty_like(Z), np.empty_like(Z)
    activation.forward(name, Z, A, values or None)
    activation.backward(name, Z, A, dA, dZ, values or None)
    theirs = torch.tensor(Z, requires_grad=True)
    out = FUNCTIONS[name](theirs, *values)
    out.backward(torch.tensor(dA))
    return A, dZ, out.detach().numpy(), theirs.grad.numpy()


def test_every_activation_is_compared():
    assert FUNCTIONS.keys() == set(activation.names())


@pytest.mark.parametrize(("name", "values"), CASES)
def test_values_and_derivatives(rng, name, values):
    Z = rng.normal(size=(400, 33)) * rng.choice([0.01, 1, 4], size=(400, 1))
    Z = np.maximum(Z, LOW.get(name, -30))
    dA = rng.normal(size=Z.shape)
    A, dZ, A_torch, dZ_torch = both(name, values, Z, dA)
    # Beside what is lost where a derivative crosses 0, and where units are coupled.
    np.testing.assert_allclose(A, A_torch, rtol=TOLERANCE, atol=1e-15)
    tolerance = OF_DERIVATIVES.get(name, TOLERANCE)
    np.testing.assert_allclose(dZ, dZ_torch, rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["sigmoid", "elu", "selu", "celu", "silu", "softplus", "mish", "log_sigmoid"]
)
def test_tails_relatively(name):
    Z = np.concatenate([np.linspace(-600, -2, 5001), np.linspace(2, 17, 501)])[None]
    A, dZ, A_torch, dZ_torch = both(name, (), Z, np.ones_like(Z))
    np.testing.assert_allclose(A, A_torch, rtol=TOLERANCE, atol=0)
    np.testing.assert_allclose(dZ, dZ_torch, rtol=TOLERANCE, atol=0)


@pytest.mark.parametrize(("name", "values"), ALONE)
def test_kinks_and_either_side_of_them(name, values):
    at = np.array(KINKS)
    Z = np.concatenate([np.nextafter(at, -9), at, np.nextafter(at, 9)])[None]
    A, dZ, A_torch, dZ_torch = both(name, values, Z, np.full_like(Z, 2.0))
    np.testing.assert_allclose(A, A_torch, rtol=TOLERANCE, atol=1e-15)
    tolerance = OF_DERIVATIVES.get(name, TOLERANCE)
    np.testing.assert_allclose(dZ, dZ_torch, rtol=tolerance, atol=1e-15)


@pytest.mark.parametrize(("name", "values"), CASES)
def test_gradients_of_a_network(rng, name, values):
    keys = activation.hyperparameters(name)
    rule = cyprop.Activation(name, **dict(zip(keys, values, strict=False)))
    names = ["tanh" if activation.couples_units(name) else name, "tanh", name]
    rules = [rule if own == name else own for own in names]
    net = cyprop.Network([4, 9, 6, 3], rules[:2], rule, dtype="float64", seed=6)
    X, Y = rng.normal(size=(17, 4)), rng.uniform(size=(17, 3))
    W = [torch.tensor(w, requires_grad=True) for w in net.weights]
    b = [torch.tensor(v, requires_grad=True) for v in net.biases]
    A = torch.tensor(X)
    for own, weights, biases in zip(names, W, b, strict=True):
        A = FUNCTIONS[own](A @ weights + biases, *(values if own == name else ()))
    ((A - torch.tensor(Y)) ** 2).mean().backward()
    g = net.gradients(X, Y)
    for mine, theirs in zip([*g.weights, *g.biases], [*W, *b], strict=True):
        expected = theirs.grad.numpy()
        scale = np.abs(expected).max()
        tolerance = OF_DERIVATIVES.get(name, TOLERANCE)
        np.testing.assert_allclose(mine, expected, rtol=tolerance, atol=1e-14 * scale)
