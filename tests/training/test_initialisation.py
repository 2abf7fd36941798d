"""Initial weights: what is drawn, what may be given, and that the default keeps its bits."""

import hashlib
import inspect
from typing import get_args

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.kernels import activation
from cyprop.training import initialisation
from cyprop.training.initialisation import DRAWS, InitializerName

# Of each draw: its variance, and its limit where it has one.
MOMENTS = {
    "glorot_uniform": lambda n_in, n_out: (2 / (n_in + n_out), np.sqrt(6 / (n_in + n_out))),
    "glorot_normal": lambda n_in, n_out: (2 / (n_in + n_out), None),
    "he_uniform": lambda n_in, n_out: (2 / n_in, np.sqrt(6 / n_in)),
    "he_normal": lambda n_in, n_out: (2 / n_in, None),
    "lecun_uniform": lambda n_in, n_out: (1 / n_in, np.sqrt(3 / n_in)),
    "lecun_normal": lambda n_in, n_out: (1 / n_in, None),
    "orthogonal": lambda n_in, n_out: (1 / max(n_in, n_out), None),
    "zeros": lambda n_in, n_out: (0, 0),
}


def test_names_are_those_of_the_type():
    assert get_args(InitializerName) == tuple(DRAWS) == tuple(MOMENTS)


@pytest.mark.parametrize("name", [name for name in MOMENTS if name not in ("orthogonal", "zeros")])
def test_moments(dtype, name):
    net = cyprop.Network([300, 200, 50], "tanh", initializer=name, dtype=dtype, seed=1)
    for W in net.weights:
        variance, limit = MOMENTS[name](*W.shape)
        z = W.ravel().astype(np.float64) / np.sqrt(variance)
        n = len(z)
        # Five standard errors of the mean, of the variance and of the fourth moment.
        kurtosis, of_squares, of_fourths = (9 / 5, 4 / 5, 5.76) if limit else (3, 2, 96)
        assert abs(z.mean()) < 5 / np.sqrt(n)
        assert abs((z**2).mean() - 1) < 5 * np.sqrt(of_squares / n)
        assert abs((z**4).mean() - kurtosis) < 5 * np.sqrt(of_fourths / n)
        assert W.dtype == dtype
        if limit:
            largest = np.abs(W).max()
            assert 0.999 * limit < largest <= limit * (1 + 1e-7)
        else:
            assert np.abs(z).max() > 3.5
    assert not any(b.any() for b in net.biases)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 5), (40, 9), (9, 40), (128, 128)])
def test_orthogonal(dtype, shape):
    [W] = cyprop.Network(shape, initializer="orthogonal", dtype=dtype, seed=2).weights
    assert W.shape == shape
    W = W.astype(np.float64)
    small = W.T @ W if shape[0] > shape[1] else W @ W.T
    error = np.abs(small - np.eye(min(shape))).max()
    assert error < (1e-6 if dtype == np.float32 else 1e-14)


def test_orthogonal_of_what_is_nearly_singular():
    class Alike:
        """Rows that differ in their tenth digit."""

        def normal(self, size):
            return np.ones(size) + 1e-10 * np.random.default_rng(0).normal(size=size)

    Q = initialisation.orthogonal(6, 30, Alike())
    np.testing.assert_allclose(Q @ Q.T, np.eye(6), atol=1e-14)


def test_orthogonal_is_the_Q_of_a_positive_diagonal():
    """What LAPACK finds of the same numbers, once signs are as they should be."""
    drawn = np.random.Generator(np.random.PCG64(2)).normal(size=(9, 40))
    Q, R = np.linalg.qr(drawn.T)
    expected = (Q * np.sign(np.diag(R))).T
    for shape, want in (((9, 40), expected), ((40, 9), expected.T)):
        [W] = cyprop.Network(shape, initializer="orthogonal", dtype="float64", seed=2).weights
        np.testing.assert_allclose(W, want, rtol=0, atol=1e-14)


def test_an_orthogonal_matrix_may_turn_either_way():
    """Its determinant is 1 or −1, and its elements are centred: signs are not all alike."""
    found = [
        np.array(cyprop.Network([4, 4], initializer="orthogonal", seed=seed).weights[0], "f8")
        for seed in range(400)
    ]
    determinants = np.array([np.linalg.det(W) for W in found])
    assert 140 < (determinants > 0).sum() < 260
    assert np.abs(np.mean(found, axis=0)).max() < 5 * np.sqrt(1 / 4 / 400)
    assert np.mean(np.square(found)) == pytest.approx(MOMENTS["orthogonal"](4, 4)[0], rel=1e-6)


def test_zeros(dtype):
    net = cyprop.Network([3, 4, 2], initializer="zeros", dtype=dtype)
    assert not net.parameters.any()
    draws = np.random.Generator(np.random.PCG64(0)).random(3)
    assert cyprop.engine.memory.rng_of(net).random(3).tolist() == draws.tolist()


def test_every_draw_is_of_its_seed():
    for name in DRAWS:
        one, same, other = (
            cyprop.Network([5, 4, 3], initializer=name, seed=seed) for seed in (1, 1, 2)
        )
        assert same_bits(one.parameters, same.parameters)
        assert (name == "zeros") == same_bits(one.parameters, other.parameters)


# the default


def test_the_default_has_the_bits_it_always_had():
    for given in ({}, {"initializer": None}):
        found = hashlib.sha256()
        for hidden in ("sigmoid", "tanh", "relu", "identity"):
            for dtype in ("float32", "float64"):
                net = cyprop.Network([7, 5, 3], hidden, "softmax", dtype=dtype, seed=4, **given)
                found.update(b"".join(W.tobytes() for W in net.weights))
        assert found.hexdigest()[:16] == "fd4231b8e4faa31d"


def test_the_default_is_the_draw_that_suits():
    for name in activation.names():
        if activation.couples_units(name):
            continue
        suits = initialisation.SUITS[activation.initialisation(name)].__name__
        default = cyprop.Network([6, 5, 4], name, name, seed=9)
        drawn = cyprop.Network([6, 5, 4], name, name, seed=9, initializer=suits)
        assert same_bits(default.parameters, drawn.parameters)


# arrays


def arrays(rng, dtype="float64"):
    return [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (4, 2))]


def test_arrays_become_the_weights(rng, dtype):
    for given_dtype in ("float32", "float64"):
        given = arrays(rng, given_dtype)
        net = cyprop.Network([3, 4, 2], dtype=dtype, initializer=given)
        for W, b, array in zip(net.weights, net.biases, given):
            assert same_bits(np.array(W), array.astype(dtype))
            assert not np.shares_memory(W, array)
            assert not b.any()


def test_pairs_become_weights_and_biases(rng, dtype):
    given = list(zip(arrays(rng), [rng.normal(size=4), rng.normal(size=2)]))
    as_lists = [[W.tolist(), b.tolist()] for W, b in given]
    mixed = [given[0], given[1][0]]
    for pairs in (given, tuple(given), as_lists, mixed):
        net = cyprop.Network([3, 4, 2], dtype=dtype, initializer=pairs)
        for layer, (W, b) in enumerate(given):
            assert same_bits(np.array(net.weights[layer]), W.astype(dtype))
            expected = np.zeros(2) if pairs is mixed and layer == 1 else b
            assert same_bits(np.array(net.biases[layer]), expected.astype(dtype))


def test_what_stands_for_two_rows_is_no_pair():
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    for given in (rows, tuple(rows), [np.array(row) for row in rows], np.array(rows)):
        net = cyprop.Network([2, 3], initializer=[given])
        assert net.weights[0].tolist() == rows
    net = cyprop.Network([2, 1], initializer=[([[1.0], [2.0]], [3.0])])
    assert (net.weights[0].tolist(), net.biases[0].tolist()) == ([[1], [2]], [3])
    net = cyprop.Network([1, 1], initializer=[([[1.0]], [3.0])])
    assert (net.weights[0].tolist(), net.biases[0].tolist()) == ([[1]], [3])


def test_weights_of_another_network(rng):
    other = cyprop.Network([3, 4, 2], seed=5)
    other.biases[0][:] = 1
    net = cyprop.Network([3, 4, 2], initializer=list(zip(other.weights, other.biases)))
    assert net == other
    assert cyprop.Network([3, 4, 2], initializer=other.weights).biases[0].tolist() == [0] * 4


@pytest.mark.parametrize(
    ("initializer", "error", "words"),
    [
        ("he", ValueError, "initializer 'he' is unknown; known are glorot_uniform, glorot_normal"),
        (3, TypeError, "initializer is 3, expected one of glorot_uniform, .* a sequence of arrays"),
        (np.ones((2, 3, 4)), TypeError, r"is an array of shape \(2, 3, 4\), .* each layer"),
        ([], ValueError, "initializer has 0 entries, expected 2, one for each layer"),
        ([np.ones((3, 4))], ValueError, "initializer has 1 entry, expected 2"),
        (
            [np.ones((4, 3)), np.ones((4, 2))],
            ValueError,
            r"initializer\[0\] has shape \(4, 3\), ex",
        ),
        ([np.ones((3, 4)), np.ones(8)], ValueError, r"\[1\] has shape \(8,\), expected \(4, 2\)"),
        ([np.ones((3, 4)), "zeros"], TypeError, r"initializer\[1\] is 'zeros', expected an array"),
        ([None, np.ones((4, 2))], TypeError, r"initializer\[0\] is None, expected an array of sh"),
        ([np.ones((3, 4), "c8"), np.ones((4, 2))], TypeError, "complex64"),
        (
            [np.ones((3, 4)), np.full((4, 2), np.nan)],
            ValueError,
            r"\[1\] holds nan at \[0, 0\], exp",
        ),
        ([np.full((3, 4), 1e39), np.ones((4, 2))], ValueError, "inf at .* that fit float32"),
        (
            [(np.ones((3, 4)), np.ones(3)), np.ones((4, 2))],
            ValueError,
            r"\[0\]\[1\] has shape \(3,",
        ),
        (
            [(np.ones((3, 3)), np.ones(4)), np.ones((4, 2))],
            ValueError,
            r"\[0\]\[0\] has shape \(3, 3",
        ),
        (
            [(np.ones((3, 4)), [1, 2, 3, np.inf]), np.ones((4, 2))],
            ValueError,
            r"holds inf at \[3\]",
        ),
        ([[[1, 2], [3]], np.ones((4, 2))], ValueError, r"initializer\[0\] is a ragged sequence"),
    ],
)
def test_what_is_refused(initializer, error, words):
    with pytest.raises(error, match=words):
        cyprop.Network([3, 4, 2], initializer=initializer)


def test_every_draw_names_its_source():
    for draw in DRAWS.values():
        text = inspect.getdoc(draw)
        assert draw.__name__ == "zeros" or any(
            word in text for word in ("(1998)", "(2010)", "(2014)", "(2015)", "whose variance")
        )
