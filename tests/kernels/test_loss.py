"""The loss kernels against their NumPy twin."""

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import SIZES, gap_is_untouched, misaligned, read_only, same_bits, wide

from cyprop.kernels import activation, loss

NAMES = loss.names()
TOLERANCE = {"float32": 2e-6, "float64": 4e-15}


def case(rng, name, n, n_out, dtype):
    """Z, A and targets of the kind that the loss is for."""
    Z = rng.normal(size=(n, n_out)).astype(dtype)
    A = np.empty_like(Z)
    activation.forward(twin.loss.output_activation(name) or "tanh", Z, A)
    if name == "cross_entropy":
        Y = rng.dirichlet(np.ones(n_out), size=n)
    elif name == "binary_cross_entropy":
        Y = rng.random((n, n_out))
    else:
        Y = rng.normal(size=(n, n_out))
    return Z, A, Y.astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_knows_every_loss_and_its_output_activation(name):
    assert loss.output_activation(name) == twin.loss.output_activation(name)


def test_a_loss_without_a_formula_in_the_twin_is_told_where_to_put_one():
    A = np.ones((1, 1))
    for call in (
        lambda: twin.loss.forward("unheard", A, A, A),
        lambda: twin.loss.backward("unheard", A, A),
        lambda: twin.loss.output_activation("unheard"),
    ):
        with pytest.raises(LookupError, match="'unheard' .* in tests/helpers/numpy_twin.py"):
            call()


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", NAMES)
class TestNumbers:
    def shapes(self):
        return [(3, size) for size in SIZES] + [(size, 9) for size in SIZES]

    def test_forward(self, rng, dtype, name):
        # Sums are in float64 whatever the dtype, so the twin is met that closely.
        for n, n_out in self.shapes():
            Z, A, Y = case(rng, name, n, n_out, dtype)
            C = np.full(n + 2, 7.0)
            loss.forward(name, wide(Z), wide(A), wide(Y, gap=3), C[1:-1])
            expected = twin.loss.forward(name, Z, A, Y)
            np.testing.assert_allclose(C[1:-1], expected, rtol=1e-14, atol=1e-15)
            assert C[0] == C[-1] == 7.0

    def test_backward(self, rng, dtype, name):
        for n, n_out in self.shapes():
            _, A, Y = case(rng, name, n, n_out, dtype)
            dA = wide(np.full((n, n_out), np.nan, dtype))
            loss.backward(name, wide(A, gap=2), wide(Y, gap=3), dA)
            tolerance = TOLERANCE[dtype.name]
            # A − Y is exact to the rounding of A and Y, which are at most a few units.
            np.testing.assert_allclose(
                dA, twin.loss.backward(name, A, Y), rtol=tolerance, atol=tolerance / n
            )
            assert gap_is_untouched(dA)

    def test_backward_is_the_slope_of_forward(self, rng, name):
        # By A, or by Z where the loss brings its own output activation; the rest held fixed.
        Z, A, Y = case(rng, name, 3, 4, "float64")
        by_Z = twin.loss.output_activation(name) is not None
        slope = np.empty_like(A)
        loss.backward(name, A, Y, slope)

        def mean_C(moved):
            C = np.empty(3)
            loss.forward(name, moved if by_Z else Z, A if by_Z else moved, Y, C)
            return C.mean()

        h = 1e-5
        for place in np.ndindex(A.shape):
            unit = np.zeros_like(A)
            unit[place] = h
            around = Z if by_Z else A
            measured = (mean_C(around + unit) - mean_C(around - unit)) / (2 * h)
            assert abs(slope[place] - measured) <= 1e-9

    def test_zeros_minus_zeros_and_a_perfect_fit(self, dtype, name):
        A = np.zeros((2, 17), dtype)
        Y = np.full((2, 17), -0.0, dtype)
        C, dA = np.full(2, np.nan), np.full_like(A, np.nan)
        loss.forward(name, A, A, Y, C)
        loss.backward(name, A, Y, dA)
        np.testing.assert_allclose(C, twin.loss.forward(name, A, A, Y), rtol=1e-14)
        assert (dA == 0).all()

    @pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
    def test_a_poisoned_row_touches_no_other(self, rng, dtype, name, poison):
        Z, A, Y = case(rng, name, 9, 17, dtype)
        C, dA = np.empty(9), np.empty_like(A)
        loss.forward(name, Z, A, Y, C)
        loss.backward(name, A, Y, dA)
        for row in (0, 4, 8):
            bad_Z, bad_A, bad_C, bad_dA = Z.copy(), A.copy(), np.empty(9), np.empty_like(A)
            bad_Z[row] = bad_A[row] = poison
            loss.forward(name, bad_Z, bad_A, Y, bad_C)
            loss.backward(name, bad_A, Y, bad_dA)
            others = np.arange(9) != row
            assert same_bits(bad_C[others], C[others])
            assert same_bits(bad_dA[others], dA[others])
            assert not np.isfinite(bad_C[row])
            assert not np.isfinite(bad_dA[row]).any()

    def test_nan_in_any_column_is_seen(self, rng, dtype, name):
        # fit stops at a loss that is not finite, so a loss must not lose a NaN.
        Z, A, Y = case(rng, name, 5, 17, dtype)
        for column in (0, 7, 16):
            bad_Z, bad_A, C = Z.copy(), A.copy(), np.empty(5)
            bad_Z[2, column] = bad_A[2, column] = np.nan
            loss.forward(name, bad_Z, bad_A, Y, C)
            assert np.isnan(C).tolist() == [False, False, True, False, False]


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("size", [50.0, 800.0, 3e4])
def test_sure_and_wrong_costs_much_but_not_infinity(dtype, size):
    # Both probabilities round to 0 or 1; the loss is ln of what they were before rounding.
    Z = np.array([[size, -size], [-size, size]], dtype)
    Y = np.array([[0, 1], [0, 1]], dtype)
    C = np.empty(2)
    for name, expected in (("cross_entropy", [2 * size, 0]), ("binary_cross_entropy", [size, 0])):
        A = np.empty_like(Z)
        activation.forward(loss.output_activation(name), Z, A)
        loss.forward(name, Z, A, Y, C)
        np.testing.assert_allclose(C, expected, rtol=1e-12, atol=1e-21)


@pytest.mark.usefixtures("level")
def test_the_logarithm_is_right_from_tiny_losses_to_large_ones():
    # ln(1 + e^z), which needs exp, log and the correction for what 1 + e^z rounds away.
    z = np.concatenate([np.linspace(-40, 40, 20_001), -np.geomspace(1e-12, 700, 2_001)])[:, None]
    A, C = np.empty_like(z), np.empty(len(z))
    activation.forward("sigmoid", z, A)
    loss.forward("binary_cross_entropy", z, A, np.zeros_like(z), C)
    expected = np.logaddexp(np.longdouble(0), z[:, 0].astype(np.longdouble))
    np.testing.assert_allclose(C, expected.astype(np.float64), rtol=2e-15, atol=0)


# refusals


def calls(dtype):
    A = np.full((4, 5), 0.5, dtype)
    return {"forward": (A, A.copy(), A.copy(), np.empty(4)), "backward": (A, A.copy(), A.copy())}


MATRICES = [("forward", 0), ("forward", 1), ("forward", 2), *(("backward", i) for i in range(3))]


@pytest.mark.parametrize(("function", "place"), MATRICES)
@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda array: None, (TypeError, ValueError), "is None, expected|dtype mismatch"),
        (misaligned, ValueError, "misaligned"),
        (lambda array: array[:0], ValueError, r"is empty|shape \(0, 5\)|expected \(0, 5\)"),
        (lambda array: np.ones((4, 6), array.dtype), ValueError, "shape .* expected"),
        (lambda array: np.ones((4, 10), array.dtype)[:, ::2], ValueError, "adjacent"),
        (lambda array: array.astype("int32"), (TypeError, ValueError), "dtype mismatch|signature"),
        (lambda array: array[0], (TypeError, ValueError), "dimensions|signature"),
    ],
)
def test_each_matrix_is_checked(dtype, function, place, change, error, match):
    arrays = list(calls(dtype)[function])
    arrays[place] = change(arrays[place])
    with pytest.raises(error, match=match):
        getattr(loss, function)("mse", *arrays)


@pytest.mark.parametrize(
    ("C", "error", "match"),
    [
        (None, TypeError, "C is None, expected a vector"),
        (np.empty(3), ValueError, r"C has shape \(3,\), expected \(4,\)"),
        (np.empty(0), ValueError, r"C has shape \(0,\), expected \(4,\)"),
        (np.empty(4, np.float32), ValueError, "dtype mismatch"),
        (np.empty(8)[::2], ValueError, "adjacent"),
        (misaligned(np.empty(4)), ValueError, "misaligned"),
        (read_only(np.empty(4)), ValueError, "read-only"),
    ],
)
def test_C_is_checked(dtype, C, error, match):
    with pytest.raises(error, match=match):
        loss.forward("mse", *calls(dtype)["forward"][:3], C)


def test_Z_and_A_must_be_equally_wide(dtype):
    A = np.ones((4, 5), dtype)
    with pytest.raises(ValueError, match="Z and A must be the same distance apart"):
        loss.forward("mse", A, wide(A), A, np.empty(4))


def test_inputs_may_be_read_only_and_outputs_may_not(dtype):
    A = read_only(np.ones((4, 5), dtype))
    loss.forward("mse", A, A, A, np.empty(4))
    loss.backward("mse", A, A, A.copy())
    with pytest.raises(ValueError, match="read-only"):
        loss.backward("mse", A, A, A)


@pytest.mark.parametrize("name", ["huber", ""])
def test_an_unknown_name_lists_the_known(dtype, name):
    forward, backward = calls(dtype)["forward"], calls(dtype)["backward"]
    match = f"{name!r} is unknown; known are mse, cross_entropy, binary_cross_entropy"
    for call in (
        lambda: loss.forward(name, *forward),
        lambda: loss.backward(name, *backward),
        lambda: loss.output_activation(name),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def test_a_name_of_none_is_refused(dtype):
    with pytest.raises(TypeError, match="loss is None, expected a name"):
        loss.backward(None, *calls(dtype)["backward"])
    with pytest.raises(TypeError, match="name"):
        loss.output_activation(None)
