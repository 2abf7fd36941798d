"""Weights of rows, penalties and clipping, against the NumPy twin, on every instruction set."""

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import SIZES, gap_is_untouched, same_bits, sparse, wide

from cyprop.kernels import gradient

pytestmark = pytest.mark.usefixtures("level")

ROWS = (1, 2, 7, 19)
PENALTIES = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 0.7)]
LANES = 32


def epsilon(dtype):
    return float(np.finfo(dtype).eps)


def lanes_of(terms):
    """The sum of each lane, and then of the lanes, as the kernels order it; terms (n, n_out)."""
    sums = np.zeros(LANES)
    for row in terms:
        for j, term in enumerate(row):
            sums[j % LANES] += term
    while len(sums) > 1:
        half = len(sums) // 2
        sums = sums[:half] + sums[half:]
    return sums[0]


@pytest.mark.parametrize("n_out", SIZES)
def test_rows_are_weighed(rng, dtype, n_out):
    for n in ROWS:
        weights = rng.random(n) * (rng.random(n) < 0.7)
        weights[-1] = 3.0
        dA = wide(rng.normal(size=(n, n_out)).astype(dtype))
        expected = twin.gradient.weigh(weights, dA)
        gradient.weigh(weights, weights.sum(), n, dA)
        assert (np.abs(dA - expected) <= 4 * epsilon(dtype) * np.abs(expected)).all()
        assert (dA[weights == 0] == 0).all()
        assert gap_is_untouched(dA)


@pytest.mark.parametrize("weight", [1e-320, 1e-310, 1e-30, 1.0, 0.25, 1e300])
def test_equal_weights_change_nothing_however_small_they_are(rng, dtype, weight):
    before = rng.normal(size=(4, 9)).astype(dtype)
    dA = before.copy()
    gradient.weigh(np.full(4, weight), 4 * weight, 4, dA)
    assert same_bits(dA, before)


@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
@pytest.mark.parametrize("n_out", SIZES)
def test_the_penalty_is_a_sum_in_the_order_that_is_written(rng, dtype, n_out, l1, l2):
    for n_in in ROWS:
        W = wide(sparse(rng, (n_in, n_out), dtype))
        found = gradient.penalty(W, l1, l2)
        assert found == pytest.approx(twin.gradient.penalty(W, l1, l2), rel=1e-14, abs=1e-300)
        w = W.astype(np.float64)
        if dtype == np.float32:  # squares are exact, so fusing them makes no difference
            assert found == l1 * lanes_of(np.abs(w)) + 0.5 * l2 * lanes_of(w * w)
        else:
            assert gradient.penalty(W, l1, 0.0) == l1 * lanes_of(np.abs(w))


def test_a_penalty_that_is_off_is_zero_whatever_the_weights_are():
    W = np.array([[1e200, -3e200], [0.0, 1.0]])
    assert gradient.penalty(W, 0.5, 0.0) == pytest.approx(2e200)
    assert gradient.penalty(W, 0.0, 0.5) == np.inf
    assert gradient.penalty(np.full((4, 9), 1.7e308), 0.0, 0.0) == 0


@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
@pytest.mark.parametrize("n_out", SIZES)
def test_the_derivative_of_the_penalty_is_added(rng, dtype, n_out, l1, l2):
    for n_in in ROWS:
        W, dW = (wide(sparse(rng, (n_in, n_out), dtype)) for _ in range(2))
        added = twin.gradient.penalty_derivative(W, l1, l2)
        expected = dW + added
        before, W_before = dW.copy(), W.copy()
        gradient.add_penalty(W, dW, l1, l2)
        bound = 3 * epsilon(dtype) * (np.abs(added) + np.abs(before))
        assert (np.abs(dW - expected) <= bound).all()
        assert same_bits(W.copy(), W_before)
        assert same_bits(dW[W == 0], before[W == 0] + dtype.type(0))
        assert gap_is_untouched(dW)


@pytest.mark.parametrize("n_out", SIZES)
def test_squares_of_blocks(rng, dtype, n_out):
    for n in ROWS:
        dW = wide(rng.normal(size=(n, n_out)).astype(dtype))
        sums = np.full(-(-n // 8), -1.0)
        gradient.squares_of_blocks(dW, sums)
        squares = dW.astype(np.float64) ** 2
        blocks = [squares[k : k + 8] for k in range(0, n, 8)]
        assert sums == pytest.approx([block.sum() for block in blocks], rel=1e-14)
        if dtype == np.float32:
            assert sums.tolist() == [lanes_of(block) for block in blocks]


@pytest.mark.parametrize("bound", [0.5, 1e-3, 1e30])
@pytest.mark.parametrize("n", SIZES)
def test_numbers_are_clipped(rng, dtype, n, bound):
    dW = rng.normal(size=n).astype(dtype)
    expected = np.clip(dW, -dtype.type(bound), dtype.type(bound))
    gradient.clip(dW, bound)
    assert same_bits(dW, expected)


def test_clipping_keeps_nan_and_zeros_and_takes_infinities(dtype):
    dW = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.0, -2.0, 1.0, -1.0], dtype)
    gradient.clip(dW, 2.0)
    assert np.isnan(dW[0])
    assert same_bits(dW[1:], np.array([2, -2, 0.0, -0.0, 2, -2, 1, -1], dtype))


@pytest.mark.parametrize("n", SIZES)
def test_numbers_are_scaled(rng, dtype, n):
    dW = rng.normal(size=n).astype(dtype)
    expected = dW * dtype.type(0.37)
    gradient.scale(dW, 0.37)
    assert same_bits(dW, expected)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda A: gradient.weigh(np.ones(2), 2.0, 3, A), ValueError, r"weights has shape \(2,\)"),
        (lambda A: gradient.weigh(None, 2.0, 3, A), TypeError, "weights is None"),
        (lambda A: gradient.penalty(A[:0], 1.0, 1.0), ValueError, "W is empty"),
        (lambda A: gradient.add_penalty(A, A[:2], 1.0, 1.0), ValueError, r"dW has shape \(2, 5\)"),
        (lambda A: gradient.add_penalty(A, wide(A), 1.0, 1.0), ValueError, "W and dW must be the"),
        (lambda A: gradient.squares_of_blocks(A, np.ones(4)), ValueError, r"expected \(1,\)"),
        (lambda A: gradient.clip(A[0, ::2], 1.0), ValueError, "dW must have its elements adjacent"),
        (lambda A: gradient.scale(A[0, :0], 1.0), ValueError, "dW is empty"),
    ],
)
def test_what_does_not_fit_is_refused(dtype, call, error, match):
    A = np.ones((3, 5), dtype)
    with pytest.raises(error, match=match):
        call(A)
    assert (A == 1).all()
