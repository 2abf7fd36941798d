"""No number becomes infinite with weights of rows, penalties, dropout and clipping either."""

import numpy as np
import pytest
from compiled_calls import NOT_FINITE, OK, Calls
from extremes_for_tests import all_finite, extremes, snapshot
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Y holds"),
]

OPTIMIZERS = [
    *(EVERY_OPTIMIZER[i] for i in (0, 2, 3, 4, 6, 7)),
    cyprop.SGD(1e30),
    cyprop.AdamW(0.1, weight_decay=25.0),
    cyprop.RMSprop(1e-30, epsilon=1e-35, momentum=1 - 1e-7),
]
OPTIONS = [
    {"l2": 1e3},
    {"l1": 1e18},
    {"l1": 1e-3, "l2": 1e-2, "dropout": 0.5},
    {"dropout": 0.999},
    {"dropout": 1 - 2**-50},
]
WEIGHTS = (1.0, 1e-300, 1e200)


def learn_one(net, X, Y):
    return net.learn_one(X[0], Y[0], 1e30)


def train_on_batch(net, X, Y):
    return net.train_on_batch(X, Y, sample_weight=np.resize(WEIGHTS, len(X)))


def train_on_two_threads(net, X, Y):
    return net.train_on_batch(X, Y, n_threads=2, sample_weight=np.resize(WEIGHTS, len(X)))


def by_fit(net, X, Y, **options):
    try:
        return net.fit(
            X, Y, 1, 2, sample_weight=np.resize(WEIGHTS, len(X)), n_threads=2, **options
        ).loss[0]
    except (cyprop.DivergenceError, ValueError):
        return np.nan


def fit(net, X, Y):
    return by_fit(net, X, Y)


def fit_with_a_norm(net, X, Y):
    return by_fit(net, X, Y, clip_norm=1.0)


def fit_with_a_huge_norm(net, X, Y):
    return by_fit(net, X, Y, clip_norm=1e300, clip_value=1e300)


def fit_with_a_value(net, X, Y):
    return by_fit(net, X, Y, clip_value=1e-3)


def compiled(net, X, Y):
    code, loss = Calls(net).learn_weighted(X[0], Y[0], 1e30)
    assert (code == OK) == bool(np.isfinite(loss))
    assert code in (OK, NOT_FINITE)
    return loss


def step(net, X, Y):
    """By a gradient with dropout and penalties; NaN where it is refused."""
    before = snapshot(net)
    try:
        net.step(net.gradients(X, Y, training=True, sample_weight=np.resize(WEIGHTS, len(X))))
    except ValueError:
        assert snapshot(net) == before
        return np.nan
    return 0.0


WAYS = [
    learn_one, train_on_batch, train_on_two_threads, fit, fit_with_a_norm, fit_with_a_huge_norm,
    fit_with_a_value, compiled, step,
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_finite_loss_means_finite_numbers(rng, dtype, way, options):
    seen = set()
    place = 0
    for (hidden, output), n in [(("relu", "identity"), 3), (("tanh", "sigmoid"), 20)]:
        for _, spoil in extremes(dtype):
            optimizer = OPTIMIZERS[place % len(OPTIMIZERS)]
            place += 1
            net = cyprop.Network(
                [5, 9, 17, 3], hidden, output, optimizer=optimizer, dtype=dtype, **options
            )
            X = rng.normal(size=(n, 5)).astype(dtype)
            Y = rng.random((n, 3)).astype(dtype)
            with np.errstate(all="ignore"):
                way(net, X.copy(), Y)
                spoil(net, X, Y)
            for part in (*net.weights, *net.biases):
                np.nan_to_num(part, copy=False)
            for _ in range(2):
                seen.add(bool(np.isfinite(way(net, X, Y))))
                assert all_finite(net), (optimizer, hidden)
    assert seen == {True, False}


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:6], ids=repr)
@pytest.mark.parametrize("size", [1e18, 1e30, 1e37, 1e150, 1e200, 1e300])
def test_a_gradient_of_any_size_can_be_clipped(rng, dtype, optimizer, size):
    """The losses are finite, so it is the gradients that are large; clipped, they are learned."""
    if size > float(np.finfo(dtype).max):
        return
    X = (rng.normal(size=(6, 5)) * size / 10).astype(dtype)
    Y = rng.normal(size=(6, 3)).astype(dtype)
    for bounds in ({"clip_norm": 1.0}, {"clip_value": 1.0}):
        net = cyprop.Network(
            [5, 3], output_activation="tanh", loss="mae", optimizer=optimizer, dtype=dtype
        )
        net.parameters[...] = 0
        for b in net.biases:
            b[...] = 0.1
        before = net.parameters.copy()
        net.fit(X, Y, 1, 6, **bounds)
        assert all_finite(net)
        assert (net.parameters != before).any()
        assert np.abs(net.parameters - before).max() < 10


@pytest.mark.parametrize("way", [learn_one, train_on_batch, fit, compiled, step])
@pytest.mark.parametrize("penalty", [{"l1": 1e37}, {"l2": 1e37}, {"l2": 1.0}], ids=str)
def test_penalties_of_huge_weights_are_no_update_that_overflows(rng, dtype, way, penalty):
    most = float(np.finfo(dtype).max)
    X, Y = np.zeros((2, 5), dtype), np.zeros((2, 3), dtype)
    for size in (1.0, most**0.4, most**0.6, most / 8, most):
        for rate in (1e-3, 1.0, 1e5):
            net = cyprop.Network(
                [5, 4, 3], "relu", "identity", optimizer=cyprop.SGD(rate), dtype=dtype, **penalty
            )
            for W in net.weights:
                W[...] = size * rng.choice((-1, 1), W.shape)
            for _ in range(3):
                way(net, X, Y)
                assert all_finite(net)
