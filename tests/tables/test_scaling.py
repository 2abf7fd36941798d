"""Scaling columns, and folding it into the weights, against the same written in float64."""

import copy

import numpy as np
import pytest

from cyprop import Network
from cyprop.tables.scaling import Scaling, fold


def columns(n=200, seed=0):
    """Columns of very different centre and spread."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)) * [1e-3, 1.0, 250.0, 3.0] + [0.0, -7.0, 1e4, 50.0]


def test_means_and_deviations():
    X = columns()
    scaling = Scaling.of(X)
    np.testing.assert_allclose(scaling.mean, X.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(scaling.scale, X.std(axis=0), rtol=1e-12)
    scaled = scaling.apply(X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_extreme_columns_do_not_overflow(unit):
    X = np.array([[1.0], [2.0], [4.0]]) * unit
    np.testing.assert_allclose(Scaling.of(X).scale / unit, np.std([1, 2, 4]), rtol=1e-12)


def test_constant_columns_are_taken_out():
    X = np.array([[0.1, 0.0, 5.0], [0.1, 0.0, 6.0], [0.1, 0.0, 9.0]])
    other = np.array([[3.1, -2.0, 5.0], [-1.0, 4.0, 6.0], [9.0, 0.5, 9.0]])
    scaling = Scaling.of(X)
    assert scaling.scale[:2].tolist() == [np.inf, np.inf]
    assert np.array_equal(scaling.apply(other)[:, :2], np.zeros((3, 2)))
    network = Network([3, 5, 2], activation="tanh", output_activation="tanh", dtype="float64")
    folded = fold(network, scaling)
    assert not folded.weights[0][:2].any()
    assert np.array_equal(folded.predict(X), folded.predict(other))


def test_zeros_and_ones_stay_as_they_are():
    X = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 4.0], [0.0, 4.0]])
    scaling = Scaling.of(X)
    assert (scaling.mean[0], scaling.scale[0]) == (0.0, 1.0)
    np.testing.assert_allclose(scaling.scale[1], X[:, 1].std(), rtol=1e-15)


def test_columns_of_one_unit_share_their_scale():
    X = np.array([[0.0, 1.0, 7.0], [1.0, 2.0, 7.0], [0.0, 9.0, 7.0]])
    scaling = Scaling.of(X, one_unit=True)
    np.testing.assert_allclose(scaling.mean, X.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(scaling.scale[:2], np.sqrt(X.var(axis=0).mean()), rtol=1e-12)
    assert scaling.scale[2] == np.inf


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 3e-3)])
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
def test_folded_predictions_are_those_of_scaled_columns(dtype, tolerance, hidden, activation):
    X = columns()
    y = X @ [[300.0], [2.0], [-0.1], [0.5]] + 1000
    inputs, target = Scaling.of(X), Scaling.of(y)
    network = Network(
        [4, *hidden, 1], activation=activation, output_activation="identity", dtype=dtype, seed=3
    )
    for b in network.biases:
        b[...] = np.random.default_rng(1).normal(size=b.shape)
    before = copy.copy(network)
    expected = target.mean + target.scale * network.predict(inputs.apply(X)).astype(float)
    folded = fold(network, inputs, target)
    assert np.abs(folded.predict(X) - expected).max() <= tolerance * target.scale[0]
    assert network == before
    assert folded != before


def test_one_layer_folds_to_the_line_itself():
    inputs = Scaling(np.array([2.0, -1.0]), np.array([4.0, 0.5]))
    target = Scaling(np.array([10.0]), np.array([3.0]))
    network = Network([2, 1], output_activation="identity", dtype="float64")
    network.weights[0][...] = [[8.0], [1.0]]
    network.biases[0][...] = 0.25
    folded = fold(network, inputs, target)
    # 3·(8·(x − 2)/4 + (z + 1)/0.5 + 0.25) + 10 = 6·x + 6·z + 4.75
    assert folded.weights[0].tolist() == [[6.0], [6.0]]
    assert folded.biases[0].tolist() == [4.75]


def test_softmax_outputs_fold_too():
    X = columns()
    inputs = Scaling.of(X)
    network = Network([4, 8, 3], activation="relu", loss="cross_entropy", dtype="float64")
    expected = network.predict(inputs.apply(X))
    np.testing.assert_allclose(fold(network, inputs).predict(X), expected, rtol=1e-10)


def test_what_cannot_be_folded_is_refused():
    network = Network([1, 1], output_activation="sigmoid")
    one = Scaling(np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match="a scaled target needs an identity output layer"):
        fold(network, one, one)
    with pytest.raises(ValueError, match="too extreme for weights in float32"):
        fold(network, Scaling(np.zeros(1), np.array([1e-60])))


@pytest.mark.parametrize(
    ("mean", "scale", "hard"),
    [
        (0.0, 1.0, False),
        (5e3, 1.0, False),
        (-2e4, 1.0, True),
        (1.7e9, 3e4, True),
        (0.0, 1e-31, True),
        (0.0, 1e31, True),
        (1e35, np.inf, False),
    ],
)
def test_columns_that_float32_cannot_hold(mean, scale, hard):
    assert Scaling(np.array([mean]), np.array([scale])).hard_in_float32().tolist() == [hard]
