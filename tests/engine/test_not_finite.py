"""Weights or inputs that are not finite: what the promise of same bits covers, and each way."""

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop

SPOILT = 7  # the input whose weights are not finite


def spoilt(sizes, dtype, bad):
    """A network of which one input has such weights, of one layer that shows its sums."""
    net = cyprop.Network(sizes, output_activation="identity", dtype=dtype, seed=1)
    net.weights[0][SPOILT] = bad
    return net


def rows(rng, n, n_in, share_of_zeros, dtype):
    """Of which the spoilt weights see nothing but zeros."""
    X = rng.normal(size=(n, n_in))
    X[:, : round(share_of_zeros * n_in)] = 0
    X[:, SPOILT] = 0
    return X.astype(dtype)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_layer_of_a_line_of_outputs_adds_every_term(rng, dtype, bad):
    net = spoilt([300, 8], dtype, bad)
    for share in (0.1, 0.5, 0.95):
        X = rows(rng, 20, 300, share, dtype)
        assert np.isnan(net.predict(X)).all()
        assert all(np.isnan(net.predict(x)).all() for x in X)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_wider_layer_passes_over_zeros_where_there_are_many(rng, dtype, bad):
    net = spoilt([300, 96], dtype, bad)
    for share, alone_is_finite, batch_is_finite in [
        (0.1, False, False), (0.5, True, False), (0.95, True, True),
    ]:  # fmt: skip
        X = rows(rng, 20, 300, share, dtype)
        alone, batch = net.predict(X[0]), net.predict(X)
        assert (np.isfinite(alone).all(), np.isnan(alone).all()) == (
            alone_is_finite, not alone_is_finite,
        )  # fmt: skip
        assert (np.isfinite(batch).all(), np.isnan(batch).all()) == (
            batch_is_finite, not batch_is_finite,
        )  # fmt: skip
        # With any finite weights, the two agree.
        net.weights[0][SPOILT] = 1e30
        assert same_bits(net.predict(X)[0], net.predict(X[0]))
        net.weights[0][SPOILT] = bad


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("sizes", [[40, 8, 3], [300, 96, 5], [300, 96, 96]], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_inputs_that_are_not_finite_keep_the_promise(rng, dtype, sizes, activation):
    net = cyprop.Network(sizes, activation, "identity", dtype=dtype, seed=1)
    for share in (0.0, 0.5, 0.95):
        X = rng.normal(size=(30, sizes[0])).astype(dtype)
        X[rng.random(X.shape) < share] = 0
        good = net.predict(X)
        for i, bad in ((3, np.nan), (4, np.inf), (9, -np.inf)):
            X[i, rng.integers(sizes[0])] = bad
        alone, batch = np.stack([net.predict(x) for x in X]), net.predict(X)
        assert np.array_equal(alone, batch, equal_nan=True)
        assert np.array_equal(net.predict(X, n_threads=2), batch, equal_nan=True)
        others = np.delete(np.arange(30), [3, 4, 9])
        assert same_bits(batch[others], good[others])
        assert np.isnan(batch[3]).any()


def test_learning_refuses_what_is_not_finite(rng, dtype):
    net = cyprop.Network([300, 96, 5], "relu", "identity", dtype=dtype, seed=1)
    before = net.parameters.copy()
    X, Y = rows(rng, 4, 300, 0.5, dtype), np.zeros((4, 5), dtype)
    for bad in (np.nan, np.inf):
        X[2, 200] = bad
        assert not np.isfinite(net.train_on_batch(X, Y))
        assert not np.isfinite(net.learn_one(X[2], Y[2]))
        assert same_bits(net.parameters, before)
