"""Derivatives of activations: at kinks, beside central differences, and far out in the tails."""

import numpy as np
import numpy_twin as twin
import pytest
from scipy import special

from cyprop.kernels import activation

ALONE = [name for name in activation.names() if not activation.couples_units(name)]

# kinks

# Of each activation that has some: where, and the derivatives just below, there, and just above.
KINKS = {
    "relu": [(0, 0, 0, 1)],
    "leaky_relu": [(0, 0.01, 0.01, 1)],
    "elu": [(0, 1, 1, 1)],
    "selu": [(0, 1.7580993408473768, 1.7580993408473768, 1.0507009873554805)],
    "celu": [(0, 1, 1, 1)],
    "softsign": [(0, 1, 1, 1)],
    "relu6": [(0, 0, 0, 1), (6, 1, 0, 0)],
    "hard_sigmoid": [(-3, 0, 0, 1 / 6), (3, 1 / 6, 0, 0)],
    "hard_swish": [(-3, 0, 0, -0.5), (3, 1.5, 1, 1)],
    "hard_tanh": [(-1, 0, 0, 1), (1, 1, 0, 0)],
}


def test_kinks_are_those_of_the_twin():
    assert {name: tuple(kink[0] for kink in kinks) for name, kinks in KINKS.items()} == twin.KINKS


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks_and_on_either_side(dtype, name):
    for place, *expected in KINKS[name]:
        at = dtype.type(place)
        Z = np.array([[np.nextafter(at, -dtype.type(9)), at, np.nextafter(at, dtype.type(9))]])
        A, dZ = np.empty_like(Z), np.empty_like(Z)
        activation.forward(name, Z, A)
        activation.backward(name, Z, A, np.full_like(Z, 2), dZ)
        np.testing.assert_allclose(dZ[0] / 2, expected, rtol=4 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize(
    ("name", "value", "low", "there"), [("leaky_relu", 0.25, 0.25, 0.25), ("elu", 0.5, 0.5, 0.5)]
)
def test_a_hyperparameter_is_the_slope_below(dtype, name, value, low, there):
    Z = np.array([[-1e-30, 0.0, 1e-30]], dtype)
    A, dZ = np.empty_like(Z), np.empty_like(Z)
    activation.forward(name, Z, A, [value])
    activation.backward(name, Z, A, np.ones_like(Z), dZ, [value])
    assert dZ.tolist() == [[low, there, 1]]
    np.testing.assert_allclose(A, [[-1e-30 * value, 0, 1e-30]], rtol=1e-6)


# slopes and tails

STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("values", [None, [0.3], [1.7]])
@pytest.mark.parametrize("name", ALONE)
def test_derivatives_meet_central_differences(rng, name, values):
    if values is not None and not activation.hyperparameters(name):
        values = None
    Z = rng.uniform(-8, 8, size=(1, 2000))
    h = 1e-2
    kinks = np.array([[kink] for kink in twin.KINKS.get(name, ())]).reshape(-1, 1)
    Z = Z[(np.abs(Z - kinks) > 4 * h).all(axis=0)[None]][None]
    A, dZ = np.empty_like(Z), np.empty_like(Z)

    def f(Z):
        activation.forward(name, Z, A, values)
        return A.copy()

    slopes = sum(c * (f(Z + k * h) - f(Z - k * h)) for k, c in STENCIL) / h
    f(Z)
    activation.backward(name, Z, A, np.ones_like(Z), dZ, values)
    np.testing.assert_allclose(dZ, slopes, rtol=1e-7, atol=1e-9)


def gelu_of(z):
    power = np.exp(-(z**2) / 2)
    tail = special.erfcx((-z / np.sqrt(2)).astype(np.float64)) * power / 2
    return z * tail, tail + z * power / np.sqrt(2 * np.longdouble(np.pi))


def gelu_tanh_of(z):
    c = 2 * np.sqrt(2 / np.longdouble(np.pi))
    e = np.exp(c * (z + np.longdouble("0.044715") * z**3))
    slope = c * (1 + 3 * np.longdouble("0.044715") * z**2)
    return z * e / (1 + e), e / (1 + e) * (1 + z * slope / (1 + e))


def mish_of(z):
    e = np.exp(z)
    n, d = e * (e + 2), e * (e + 2) + 2
    return z * n / d, n / d + 4 * z * e * (1 + e) / d**2


def silu_of(z):
    e = np.exp(z)
    return z * e / (1 + e), e * (1 + z + e) / (1 + e) ** 2


# Where little is left of A, of dA/dZ or of both: how far each dtype can say it, and what is right.
TAILS = {
    "elu": (80, 600, lambda z: (np.expm1(z), np.exp(z))),
    "celu": (80, 600, lambda z: (np.expm1(z), np.exp(z))),
    "selu": (80, 600, lambda z: tuple(1.7580993408473768350 * f(z) for f in (np.expm1, np.exp))),
    "gelu": (12, 37, gelu_of),
    "gelu_tanh": (8, 20, gelu_tanh_of),
    "silu": (80, 600, silu_of),
    "mish": (80, 600, mish_of),
    "softplus": (80, 600, lambda z: (np.log1p(np.exp(z)), np.exp(z) / (1 + np.exp(z)))),
    "softsign": (1e6, 1e6, lambda z: (z / (1 - z), 1 / (1 - z) ** 2)),
    "exponential": (80, 600, lambda z: (np.exp(z), np.exp(z))),
    "log_sigmoid": (80, 600, lambda z: (-np.log1p(np.exp(z)), np.exp(z) / (1 + np.exp(z)))),
}
MIRRORED = ("log_sigmoid",)  # the tail is on the other side


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", TAILS)
def test_tails_are_as_exact_as_the_rest(dtype, name):
    far32, far64, right = TAILS[name]
    far = far32 if dtype == "float32" else far64
    Z = -np.linspace(2, far, 20_001, dtype=dtype)[None]
    A_right, slope = right(Z.astype(np.longdouble))
    tolerance = 8 * np.finfo(dtype).eps
    if name == "gelu_tanh":  # an exponential multiplies what its argument was rounded by
        tolerance *= 1.6 * far + 0.072 * far**3
    Z = -Z if name in MIRRORED else Z
    A, dZ = np.empty_like(Z), np.empty_like(Z)
    activation.forward(name, Z, A)
    activation.backward(name, Z, A, np.ones_like(Z), dZ)
    np.testing.assert_allclose(A, A_right, rtol=tolerance, atol=0)
    np.testing.assert_allclose(dZ, slope, rtol=tolerance, atol=0)


def test_log_softmax_of_a_sure_row_is_exact(dtype):
    # In float32 the probability is 1, and its logarithm nearly −2e^−30.
    Z = np.array([[1.0, -29.0, -29.0], [5.0, 5.0, -55.0]], dtype)
    A = np.empty_like(Z)
    activation.forward("log_softmax", Z, A)
    sure, equal = -np.log1p(2 * np.exp(-30.0)), -np.log(2.0)
    expected = [[sure, sure - 30, sure - 30], [equal, equal, equal - 60]]
    np.testing.assert_allclose(A, expected, rtol=4 * np.finfo(dtype).eps, atol=0)
