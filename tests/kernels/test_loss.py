"""The loss kernels against their NumPy twin."""

from types import SimpleNamespace

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import SIZES, gap_is_untouched, misaligned, read_only, same_bits, ulps, wide

from cyprop.kernels import activation, loss

NAMES = loss.names()
TOLERANCE = {"float32": 2e-6, "float64": 4e-15}
# Hyperparameters besides the defaults.
OTHERS = {"huber": [(0.375,), (3.0,)], "quantile": [(0.9,)], "cross_entropy": [(0.125,)]}
ENTRIES = [
    (name, output, values)
    for name in NAMES
    for output in loss.output_activations(name) or (None,)
    for values in (None, *OTHERS.get(name, ()))
]
# Their slopes are bounded, so an infinite error has a finite one; but the loss is infinite.
BOUNDED = ("mae", "huber", "quantile", "log_cosh")


def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


OUTPUTS = {
    None: np.tanh,
    "identity": np.copy,
    "sigmoid": lambda Z: 1 / (1 + np.exp(-Z)),
    "softmax": softmax,
    "log_softmax": lambda Z: np.log(softmax(Z)),
    "exponential": np.exp,
    "softplus": lambda Z: np.logaddexp(0, Z),
}


class Entry:
    """A loss for one output activation, by the kernels and by the twin."""

    def __init__(self, name, output, values):
        self.name, self.output, self.values = name, output, values
        self.rule = SimpleNamespace(name=name, values=values or ())
        self.gives_dZ = loss.gives_dZ(name, output)
        self.per_target = loss.outputs_per_target(name)

    def activate(self, Z):
        return OUTPUTS[self.output](Z.astype("float64")).astype(Z.dtype)

    def case(self, rng, n, n_targets, dtype):
        """Z, A and targets of the kind that the loss is for."""
        Z = rng.normal(size=(n, n_targets * self.per_target)).astype(dtype)
        if self.name == "cross_entropy":
            Y = rng.dirichlet(np.ones(n_targets), size=n)
        elif self.name == "binary_cross_entropy":
            Y = rng.random((n, n_targets))
        elif self.name == "poisson":
            Y = rng.poisson(1.5, (n, n_targets))
        else:
            Y = rng.normal(size=(n, n_targets))
        return Z, self.activate(Z), Y.astype(dtype)

    def forward(self, Z, A, Y, C):
        loss.forward(self.name, Z, A, Y, C, self.values, self.output)

    def backward(self, A, Y, dA):
        loss.backward(self.name, A, Y, dA, self.values, self.output)

    def expected(self, Z, A, Y):
        return twin.loss.forward(self.rule, Z, A, Y, self.output)

    def expected_slope(self, A, Y):
        return twin.loss.backward(self.rule, A, Y, self.output)


every_entry = pytest.mark.parametrize(
    "entry", [Entry(*entry) for entry in ENTRIES], ids=lambda e: f"{e.name}-{e.output}-{e.values}"
)


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_knows_every_loss_and_its_output_activations(name):
    outputs = loss.output_activations(name)
    assert twin.loss.output_activations(name) == outputs
    assert loss.output_activation(name) == (outputs[0] if outputs else None)
    for output in outputs or (None, "tanh"):
        assert loss.gives_dZ(name, output) == twin.loss.gives_dZ(name, output)
    assert loss.gives_dZ(name) == twin.loss.gives_dZ(name)


def test_a_loss_without_a_formula_in_the_twin_is_told_where_to_put_one():
    A = np.ones((1, 1))
    for call in (
        lambda: twin.loss.forward("unheard", A, A, A),
        lambda: twin.loss.backward("unheard", A, A),
        lambda: twin.loss.output_activations("unheard"),
    ):
        with pytest.raises(LookupError, match="'unheard' .* in tests/helpers/numpy_twin.py"):
            call()


@pytest.mark.usefixtures("level")
@every_entry
class TestNumbers:
    def shapes(self):
        return [(3, size) for size in SIZES] + [(size, 9) for size in SIZES]

    def test_forward(self, rng, dtype, entry):
        # Sums are in float64 whatever the dtype, so the twin is met that closely.
        for n, n_targets in self.shapes():
            Z, A, Y = entry.case(rng, n, n_targets, dtype)
            C = np.full(n + 2, 7.0)
            entry.forward(wide(Z), wide(A), wide(Y, gap=3), C[1:-1])
            np.testing.assert_allclose(C[1:-1], entry.expected(Z, A, Y), rtol=1e-14, atol=1e-15)
            assert C[0] == C[-1] == 7.0

    @pytest.mark.parametrize("n_targets", [1, 2, 3, 10, 43, 127, 128, 129, 300])
    def test_rows_of_a_batch_cost_what_each_costs_alone(self, rng, dtype, entry, n_targets):
        # Terms are worked out some rows, or some columns of one, at a time: no part changes a bit.
        n = 5 + 300 // n_targets
        Z, A, Y = entry.case(rng, n, n_targets, dtype)
        C, alone = np.full((2, n), np.nan)
        entry.forward(wide(Z), wide(A), wide(Y), C)
        for i in range(n):
            entry.forward(Z[i : i + 1], A[i : i + 1], Y[i : i + 1], alone[i : i + 1])
        np.testing.assert_array_equal(C, alone)
        np.testing.assert_allclose(C, entry.expected(Z, A, Y), rtol=1e-13, atol=1e-15)

    def test_backward(self, rng, dtype, entry):
        for n, n_targets in self.shapes():
            _, A, Y = entry.case(rng, n, n_targets, dtype)
            dA = wide(np.full(A.shape, np.nan, dtype))
            entry.backward(wide(A, gap=2), wide(Y, gap=3), dA)
            tolerance = TOLERANCE[dtype.name]
            # A − Y is exact to the rounding of A and Y, which are at most a few units.
            np.testing.assert_allclose(
                dA, entry.expected_slope(A, Y), rtol=tolerance, atol=tolerance / n
            )
            assert gap_is_untouched(dA)

    def test_backward_is_the_slope_of_forward(self, rng, entry):
        # By A with Z held fixed, or by Z where the loss goes straight there.
        Z, A, Y = entry.case(rng, 3, 4, "float64")
        slope = np.empty_like(A)
        entry.backward(A, Y, slope)
        h = 1e-5
        around = Z if entry.gives_dZ else A
        if entry.name in ("mae", "quantile"):  # which have a kink at 0
            assert np.abs(A - Y).min() > h

        def mean_C(moved):
            C = np.empty(3)
            if entry.gives_dZ:
                entry.forward(moved, entry.activate(moved), Y, C)
            else:
                entry.forward(Z, moved, Y, C)
            return C.mean()

        for place in np.ndindex(A.shape):
            unit = np.zeros_like(A)
            unit[place] = h
            measured = (mean_C(around + unit) - mean_C(around - unit)) / (2 * h)
            assert abs(slope[place] - measured) <= 1e-9

    def test_zeros_minus_zeros_and_a_perfect_fit(self, dtype, entry):
        A = np.zeros((2, 17 * entry.per_target), dtype)
        Y = np.full((2, 17), -0.0, dtype)
        C, dA = np.full(2, np.nan), np.full_like(A, np.nan)
        entry.forward(A, A, Y, C)
        entry.backward(A, Y, dA)
        np.testing.assert_allclose(C, entry.expected(A, A, Y), rtol=1e-14)
        if entry.name == "gaussian_nll":  # a smaller variance would be better
            assert (dA[:, :17] == 0).all()
            assert (dA[:, 17:] > 0).all()
        else:
            assert (dA == 0).all()

    @pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
    def test_a_poisoned_row_touches_no_other(self, rng, dtype, entry, poison):
        Z, A, Y = entry.case(rng, 9, 17, dtype)
        C, dA = np.empty(9), np.empty_like(A)
        entry.forward(Z, A, Y, C)
        entry.backward(A, Y, dA)
        for row in (0, 4, 8):
            bad_Z, bad_A, bad_C, bad_dA = Z.copy(), A.copy(), np.empty(9), np.empty_like(A)
            bad_Z[row] = bad_A[row] = poison
            entry.forward(bad_Z, bad_A, Y, bad_C)
            entry.backward(bad_A, Y, bad_dA)
            others = np.arange(9) != row
            assert same_bits(bad_C[others], C[others])
            assert same_bits(bad_dA[others], dA[others])
            assert not np.isfinite(bad_C[row])
            if entry.output == "log_softmax":  # its slope is −Y′, whatever A is
                assert same_bits(bad_dA, dA)
            elif np.isnan(poison) or entry.name not in BOUNDED:
                assert not np.isfinite(bad_dA[row]).any()

    def test_nan_in_any_column_is_seen(self, rng, dtype, entry):
        # fit stops at a loss that is not finite, so a loss must not lose a NaN.
        Z, A, Y = entry.case(rng, 5, 17, dtype)
        for column in (0, 7, 16, A.shape[1] - 1):
            bad_Z, bad_A, C = Z.copy(), A.copy(), np.empty(5)
            bad_Z[2, column] = bad_A[2, column] = np.nan
            entry.forward(bad_Z, bad_A, Y, C)
            assert np.isnan(C).tolist() == [False, False, True, False, False]


# kinks, and what rounds, overflows or cancels


def slopes(name, errors, dtype, *values):
    """The dA of one row whose errors A − Y are these, times its number of columns."""
    A = np.array([errors], dtype)
    dA = np.empty_like(A)
    loss.backward(name, A, np.zeros_like(A), dA, values or None)
    return (dA[0] * A.size).tolist()


@pytest.mark.usefixtures("level")
def test_slopes_at_kinks(dtype):
    tiny = float(np.finfo(dtype).tiny)
    assert slopes("mae", [-2, -tiny, -0.0, 0, tiny, 2], dtype) == [-1, -1, 0, 0, 1, 1]
    assert slopes("huber", [-4, -2, -1, 0, 1, 2, 4], dtype, 2.0) == [-2, -2, -1, 0, 1, 2, 2]
    assert slopes("quantile", [-2, -tiny, 0, tiny], dtype, 0.75) == [-0.75, -0.75, 0, 0.25]
    assert slopes("quantile", [-2, -0.0, 0, 3], dtype) == [-0.5, 0, 0, 0.5]


@pytest.mark.usefixtures("level")
def test_huber_and_quantile_meet_the_losses_they_lie_between(rng, dtype):
    A, Y = rng.normal(size=(2, 5, 9)).astype(dtype)
    C = {}
    for name, values in (("mse", None), ("mae", None), ("huber", (1e9,)), ("quantile", (0.5,))):
        C[name] = np.empty(5)
        loss.forward(name, A, A, Y, C[name], values)
    np.testing.assert_allclose(C["huber"], C["mse"] / 2, rtol=1e-14)
    np.testing.assert_allclose(C["quantile"], C["mae"] / 2, rtol=1e-14)


@pytest.mark.usefixtures("level")
def test_log_cosh_neither_cancels_nor_overflows():
    x = np.concatenate([np.geomspace(1e-150, 1e308, 4001), np.linspace(0.3, 1, 20_001)])[:, None]
    C = np.empty(len(x))
    loss.forward("log_cosh", x, -x, np.zeros_like(x), C)
    wide_x = x[:, 0].astype(np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        near = np.log1p(2 * np.sinh(np.minimum(wide_x, 1) / 2) ** 2)
        far = wide_x - np.log(np.longdouble(2)) + np.log1p(np.exp(-2 * wide_x))
    expected = np.where(wide_x < 1, near, far)
    assert ulps(C, expected).max() <= 6


@pytest.mark.usefixtures("level")
def test_counts_whose_mean_rounds_to_zero_cost_much_but_not_infinity(dtype):
    Z = np.array([[-800.0, -104.0, -60.0]], dtype)
    A, Y, C, dZ = np.exp(Z), np.array([[1, 2, 0]], dtype), np.empty(1), np.empty_like(Z)
    for output in ("exponential", "softplus"):
        loss.forward("poisson", Z, A, Y, C, None, output)
        loss.backward("poisson", A, Y, dZ, None, output)
        np.testing.assert_allclose(C, (800 + 2 * 104) / 3, rtol=1e-14)
        np.testing.assert_allclose(dZ, [[-1 / 3, -2 / 3, 0]], rtol=1e-6, atol=1e-20)


@pytest.mark.usefixtures("level")
def test_a_variance_that_rounds_to_zero_is_no_finite_loss(dtype):
    A, Y, C = np.array([[0.0, -800.0]], dtype), np.ones((1, 1), dtype), np.empty(1)
    loss.forward("gaussian_nll", A, A, Y, C)
    assert C[0] == np.inf
    loss.forward("gaussian_nll", A, A, A[:, :1].copy(), C)
    assert np.isnan(C[0])


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


def test_a_loss_of_two_outputs_a_target_needs_an_even_number_of_columns(dtype):
    A = np.ones((4, 5), dtype)
    with pytest.raises(ValueError, match="A has 5 columns, and gaussian_nll takes 2 for each"):
        loss.forward("gaussian_nll", A, A, A, np.empty(4))
    A = np.ones((4, 6), dtype)
    for call in (
        lambda: loss.forward("gaussian_nll", A, A, A, np.empty(4)),
        lambda: loss.backward("gaussian_nll", A, A, A.copy()),
    ):
        with pytest.raises(ValueError, match=r"Y has shape \(4, 6\), expected \(4, 3\)"):
            call()


def test_an_output_activation_that_a_loss_does_not_go_with_is_refused(dtype):
    forward, backward = calls(dtype)["forward"], calls(dtype)["backward"]
    match = "loss 'poisson' needs output_activation 'exponential' or 'softplus', not 'tanh'"
    for call in (
        lambda: loss.forward("poisson", *forward, None, "tanh"),
        lambda: loss.backward("poisson", *backward, None, "tanh"),
        lambda: loss.gives_dZ("poisson", "tanh"),
    ):
        with pytest.raises(ValueError, match=match):
            call()


@pytest.mark.parametrize("name", ["hubert", ""])
def test_an_unknown_name_lists_the_known(dtype, name):
    forward, backward = calls(dtype)["forward"], calls(dtype)["backward"]
    match = f"{name!r} is unknown; known are mse, mae, huber, .*, poisson"
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
