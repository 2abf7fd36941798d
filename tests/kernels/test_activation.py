"""The activation kernels against their NumPy twin, and the elementary functions to the last bit."""

import platform

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import (
    SIZES,
    gap_is_untouched,
    misaligned,
    read_only,
    same_bits,
    sparse,
    ulps,
    wide,
)

from cyprop.kernels import activation, dispatch

X86 = platform.machine() in ("x86_64", "AMD64")
NAMES = activation.names()
ALONE = [name for name in NAMES if not activation.couples_units(name)]
TOLERANCE = {"float32": 2e-6, "float64": 4e-15}
# Those whose derivative is dA times a product.
PRODUCTS = ("sigmoid", "tanh", "relu", "identity", "leaky_relu", "elu", "selu", "celu", "softplus")
PRODUCTS += ("softsign", "relu6", "hard_sigmoid", "hard_tanh", "log_sigmoid", "exponential")
HE = ("relu", "leaky_relu", "elu", "celu", "gelu", "gelu_tanh", "silu", "softplus", "mish", "relu6")
HE += ("hard_swish",)
POSITIVE = ("sigmoid", "softmax", "softplus", "exponential")


def tolerance_of(name, Z):
    """Relative; an exponential multiplies what its argument was rounded by."""
    exponent = np.abs(Z.astype(np.float64)) if name == "gelu_tanh" else np.zeros(1)
    return TOLERANCE[Z.dtype.name] * (1 + 1.6 * exponent + 0.072 * exponent**3).max()


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_knows_every_activation(name):
    Z = np.ones((1, 2))
    A = twin.activation.forward(name, Z)
    assert twin.activation.backward(name, Z, A, Z).shape == Z.shape


def test_an_activation_without_a_formula_in_the_twin_is_told_where_to_put_one():
    for call in (
        lambda: twin.activation.forward("unheard", np.ones((1, 1))),
        lambda: twin.activation.backward("unheard", *3 * [np.ones((1, 1))]),
    ):
        with pytest.raises(LookupError, match="'unheard' .* in tests/helpers/numpy_twin.py"):
            call()


def test_initialisation_is_he_for_those_like_relu_and_glorot_for_the_rest():
    for name in NAMES:
        expected = "lecun" if name == "selu" else "he" if name in HE else "glorot"
        assert activation.initialisation(name) == expected


def test_which_are_positive(dtype):
    Z = np.linspace(-40, 40, 1001, dtype=dtype)[:, None] * np.array([[1, -1]], dtype)
    for name in NAMES:
        A = np.empty_like(Z)
        activation.forward(name, Z, A)
        assert activation.positive(name) == (name in POSITIVE)
        assert (A > 0).all() == (name in POSITIVE)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", NAMES)
class TestNumbers:
    def test_forward(self, rng, dtype, name):
        for n, n_out in [(3, size) for size in SIZES] + [(size, 9) for size in SIZES]:
            Z = wide(4 * sparse(rng, (n, n_out), dtype))
            A = wide(np.full((n, n_out), np.nan, dtype))
            activation.forward(name, Z, A)
            expected = twin.activation.forward(name, Z)
            smallest = np.finfo(dtype).smallest_subnormal
            np.testing.assert_allclose(A, expected, rtol=tolerance_of(name, Z), atol=smallest)
            assert gap_is_untouched(A)

    def test_backward(self, rng, dtype, name):
        for n, n_out in [(3, size) for size in SIZES] + [(size, 9) for size in SIZES]:
            Z = wide(rng.normal(size=(n, n_out)).astype(dtype))
            dA = wide(rng.normal(size=(n, n_out)).astype(dtype))
            A, dZ = wide(np.zeros_like(Z)), wide(np.full((n, n_out), np.nan, dtype))
            activation.forward(name, Z, A)
            activation.backward(name, Z, A, dA, dZ)
            expected = twin.activation.backward(name, Z, A.astype(np.longdouble), dA)
            # The others take a difference of numbers about as large as the largest dA.
            scale = 0 if name in PRODUCTS else np.abs(dA).max()
            tolerance = TOLERANCE[dtype.name]
            np.testing.assert_allclose(dZ, expected, rtol=tolerance, atol=tolerance * scale)
            assert gap_is_untouched(dZ)

    def test_in_place_has_the_same_bits(self, rng, dtype, name):
        for n, n_out in ((1, 1), (3, 17), (9, 65)):
            Z = rng.normal(size=(n, n_out)).astype(dtype)
            dA = rng.normal(size=(n, n_out)).astype(dtype)
            A, dZ = np.empty_like(Z), np.empty_like(Z)
            activation.forward(name, Z, A)
            activation.backward(name, Z, A, dA, dZ)
            A_in_place, dZ_in_place = Z.copy(), dA.copy()
            activation.forward(name, A_in_place, A_in_place)
            activation.backward(name, Z, A, dZ_in_place, dZ_in_place)
            assert same_bits(A_in_place, A)
            assert same_bits(dZ_in_place, dZ)

    @pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
    def test_a_poisoned_row_touches_no_other(self, rng, dtype, name, poison):
        Z = rng.normal(size=(9, 17)).astype(dtype)
        A, dZ = np.empty_like(Z), np.empty_like(Z)
        activation.forward(name, Z, A)
        activation.backward(name, Z, A, Z, dZ)
        for row in (0, 4, 8):
            bad, bad_A, bad_dZ = Z.copy(), np.empty_like(Z), np.empty_like(Z)
            bad[row] = poison
            activation.forward(name, bad, bad_A)
            activation.backward(name, bad, bad_A, bad, bad_dZ)
            others = np.arange(9) != row
            assert same_bits(bad_A[others], A[others])
            assert same_bits(bad_dZ[others], dZ[others])

    def test_nan_stays_nan_forward(self, rng, dtype, name):
        Z = rng.normal(size=(5, 17)).astype(dtype)
        for column in (0, 8, 16):
            bad, A = Z.copy(), np.empty_like(Z)
            bad[2, column] = np.nan
            activation.forward(name, bad, A)
            assert np.isnan(A[2, column])
            assert np.isnan(A).sum() == (17 if activation.couples_units(name) else 1)


def test_relu_is_zero_not_minus_zero_and_its_derivative_at_zero_is_zero(dtype):
    Z = np.array([[-1.0, -0.0, 0.0, 1.0]], dtype)
    A, dZ = np.empty_like(Z), np.empty_like(Z)
    activation.forward("relu", Z, A)
    activation.backward("relu", Z, A, np.ones_like(Z), dZ)
    assert same_bits(A, np.array([[0.0, 0.0, 0.0, 1.0]], dtype))
    assert same_bits(dZ, np.array([[0.0, 0.0, 0.0, 1.0]], dtype))


# bits


@pytest.mark.parametrize("name", NAMES)
def test_every_level_that_fuses_has_the_same_bits(rng, dtype, name):
    Z = (rng.normal(size=(40, 67)) * rng.choice([0.1, 1, 10, 300], (40, 1))).astype(dtype)
    dA = rng.normal(size=Z.shape).astype(dtype)
    before, found = dispatch.level(), []
    for level in dispatch.supported():
        A, dZ = np.empty_like(Z), np.empty_like(Z)
        dispatch.use(level)
        activation.forward(name, Z, A)
        activation.backward(name, Z, A, dA, dZ)
        if level != "baseline" or not X86:
            found.append((A.tobytes(), dZ.tobytes()))
    dispatch.use(before)
    assert len(set(found)) <= 1


# the elementary functions


def points(dtype):
    """A dense range, the edges of overflow and underflow, denormals, and their negatives."""
    info = np.finfo(dtype)
    edges = [87, 88, 88.72, 88.73, 89, 103, 103.97, 104, 105]
    edges += [708, 709, 709.78, 710, 744, 745.13, 746]
    near = np.array(edges, dtype)[:, None] + np.linspace(-1, 1, 41, dtype=dtype)
    parts = (
        np.linspace(0, 25, 50_001, dtype=dtype),
        np.linspace(0.5, 0.6, 10_001, dtype=dtype),
        np.linspace(25, 750, 20_001, dtype=dtype),
        np.geomspace(info.tiny, 1, 20_001, dtype=dtype),
        np.arange(1, 200) * info.smallest_subnormal,
        np.array([info.tiny, np.nextafter(info.tiny, dtype.type(0)), info.max, info.eps]),
        near.ravel(),
    )
    values = np.concatenate([part.astype(dtype) for part in parts])
    return np.concatenate([values, -values])[None]


def precise(dtype, Z):
    """float64 to judge float32, the widest float there is to judge float64."""
    return Z.astype(np.float64 if dtype == "float32" else np.longdouble)


def test_long_doubles_are_precise_enough_to_judge_by():
    assert np.finfo(np.longdouble).nmant >= 63


@pytest.mark.usefixtures("level")
class TestElementary:
    def test_sigmoid_is_within_two_ulps(self, dtype):
        Z = points(dtype)
        A = np.empty_like(Z)
        activation.forward("sigmoid", Z, A)
        assert ulps(A, twin._sigmoid(precise(dtype, Z))).max() <= 2
        assert A.min() >= 0
        assert A.max() <= 1

    def test_tanh_is_within_two_ulps(self, dtype):
        Z = points(dtype)
        A = np.empty_like(Z)
        activation.forward("tanh", Z, A)
        assert ulps(A, np.tanh(precise(dtype, Z))).max() <= 2
        assert np.abs(A).max() <= 1

    def test_tanh_is_odd_to_the_bit(self, dtype):
        Z = points(dtype)
        A, mirrored = np.empty_like(Z), np.empty_like(Z)
        activation.forward("tanh", Z, A)
        activation.forward("tanh", -Z, mirrored)
        assert same_bits(-A, mirrored)

    def test_exp_in_softmax_is_within_two_ulps(self, dtype):
        # Beside a unit at 0, one at z ≤ −40 has e^z / (1 + e^z), which is e^z to the last bit.
        z = points(dtype)[0]
        z = z[z <= -40]
        Z = np.stack([z, np.zeros_like(z)], axis=1)
        A = np.empty_like(Z)
        activation.forward("softmax", Z, A)
        assert ulps(A[:, 0], np.exp(precise(dtype, z))).max() <= 2
        assert (A[:, 1] == 1).all()

    def test_softmax_sums_to_one_and_stays_inside(self, rng, dtype):
        for scale in (1, 30, 1000, np.finfo(dtype).max / 4):
            Z = (scale * rng.uniform(-1, 1, size=(200, 10))).astype(dtype)
            A = np.empty_like(Z)
            activation.forward("softmax", Z, A)
            assert A.min() >= 0
            assert A.max() <= 1
            np.testing.assert_allclose(A.sum(axis=1), 1, rtol=0, atol=8 * np.finfo(dtype).eps)
            np.testing.assert_allclose(
                A,
                twin.activation.forward("softmax", Z),
                rtol=40 * np.finfo(dtype).eps,
                atol=np.finfo(dtype).tiny,
            )

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("sigmoid", ((0.0, 0.5), (-0.0, 0.5), (np.inf, 1.0), (-np.inf, 0.0))),
            ("tanh", ((0.0, 0.0), (np.inf, 1.0), (-np.inf, -1.0))),
            ("relu", ((0.0, 0.0), (-0.0, 0.0), (np.inf, np.inf), (-np.inf, 0.0))),
            ("identity", ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-np.inf, -np.inf))),
            ("elu", ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-np.inf, -1.0))),
            ("celu", ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-np.inf, -1.0))),
            ("gelu", ((0.0, 0.0), (np.inf, np.inf), (-np.inf, -0.0), (-1e9, -0.0))),
            ("gelu_tanh", ((0.0, 0.0), (np.inf, np.inf), (-np.inf, -0.0), (-1e9, -0.0))),
            ("silu", ((0.0, 0.0), (np.inf, np.inf), (-np.inf, -0.0), (-1e9, -0.0))),
            ("mish", ((0.0, 0.0), (np.inf, np.inf), (-np.inf, -0.0), (-1e9, -0.0))),
            ("softplus", ((np.inf, np.inf), (-np.inf, 0.0))),
            ("softsign", ((0.0, 0.0), (-0.0, -0.0), (np.inf, 1.0), (-np.inf, -1.0))),
            ("relu6", ((0.0, 0.0), (-0.0, 0.0), (np.inf, 6.0), (-np.inf, 0.0))),
            ("hard_sigmoid", ((0.0, 0.5), (np.inf, 1.0), (-np.inf, 0.0))),
            ("hard_swish", ((0.0, 0.0), (np.inf, np.inf), (-np.inf, 0.0))),
            ("hard_tanh", ((0.0, 0.0), (-0.0, -0.0), (np.inf, 1.0), (-np.inf, -1.0))),
            ("log_sigmoid", ((np.inf, 0.0), (-np.inf, -np.inf))),
            ("exponential", ((0.0, 1.0), (-0.0, 1.0), (np.inf, np.inf), (-np.inf, 0.0))),
        ],
    )
    def test_special_values_are_exact(self, dtype, name, values):
        for z, a in values:
            for n_out in (1, 17, 64):
                Z = np.full((1, n_out), z, dtype)
                A = np.empty_like(Z)
                activation.forward(name, Z, A)
                assert same_bits(A, np.full((1, n_out), a, dtype))

    def test_where_a_tail_begins_does_not_matter(self, rng, dtype):
        Z = rng.normal(size=(1, 130)).astype(dtype) * 3
        for name in ALONE:
            A = np.empty_like(Z)
            activation.forward(name, Z, A)
            for start in range(0, 130, 7):
                for size in SIZES:
                    if start + size <= 130:
                        part = np.empty((1, size), dtype)
                        activation.forward(name, Z[:, start : start + size], part)
                        assert same_bits(part, A[:, start : start + size])


# refusals


def calls(dtype):
    Z = np.ones((4, 5), dtype)
    return {
        "forward": (Z, Z.copy()),
        "backward": (Z, Z.copy(), Z.copy(), Z.copy()),
    }


EACH_ARGUMENT = [
    (function, place)
    for function, arrays in calls("float32").items()
    for place in range(len(arrays))
]


@pytest.mark.parametrize(("function", "place"), EACH_ARGUMENT)
@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda array: None, (TypeError, ValueError), "is None, expected|dtype mismatch"),
        (misaligned, ValueError, "misaligned"),
        (lambda array: array[:0], ValueError, r"is empty|shape \(0, 5\)|expected \(0, 5\)"),
        (lambda array: np.ones((4, 6), array.dtype), ValueError, "shape .* expected"),
        (lambda array: np.ones((4, 10), array.dtype)[:, ::2], ValueError, "adjacent"),
        (lambda array: wide(array), ValueError, "the same distance apart"),
        (lambda array: array.astype("int32"), (TypeError, ValueError), "dtype mismatch|signature"),
        (lambda array: array[0], (TypeError, ValueError), "dimensions|signature"),
    ],
)
def test_each_argument_is_checked(dtype, function, place, change, error, match):
    arrays = list(calls(dtype)[function])
    arrays[place] = change(arrays[place])
    with pytest.raises(error, match=match):
        getattr(activation, function)("tanh", *arrays)


@pytest.mark.parametrize("function", ["forward", "backward"])
def test_inputs_may_be_read_only_and_outputs_may_not(dtype, function):
    *inputs, output = calls(dtype)[function]
    inputs = [read_only(array) for array in inputs]
    getattr(activation, function)("tanh", *inputs, output)
    with pytest.raises(ValueError, match="read-only"):
        getattr(activation, function)("tanh", *inputs, read_only(output))


def test_an_unknown_name_lists_the_known(dtype):
    Z = np.ones((4, 5), dtype)
    for call in (
        lambda: activation.forward("swish", Z, Z),
        lambda: activation.backward("swish", Z, Z, Z, Z),
        lambda: activation.initialisation("swish"),
    ):
        with pytest.raises(ValueError, match="'swish' is unknown; known are sigmoid, tanh, relu"):
            call()


@pytest.mark.parametrize("name", [None, 3, b"tanh"])
def test_a_name_that_is_no_string_is_refused(dtype, name):
    Z = np.ones((4, 5), dtype)
    with pytest.raises(TypeError, match="name|expected str"):
        activation.forward(name, Z, Z)
    with pytest.raises(TypeError, match="name|expected str"):
        activation.initialisation(name)
