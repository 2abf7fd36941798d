"""No update leaves a number that is not finite: of the parameters, or of what the optimizer keeps.

After a finite loss all of them are finite. After NaN they are what they were, if the output layer
was what overflowed; if a lower one was, the layers above have been updated, and all are finite.
"""

import copy

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import NOT_FINITE, OK, Calls
from extremes_for_tests import all_finite, extremes, numbers_of, snapshot

import cyprop
from cyprop.engine import memory

pytestmark = pytest.mark.filterwarnings("ignore:Y holds")  # targets as large as they are here

OPTIMIZERS = [
    cyprop.SGD(0.1),
    cyprop.SGD(0.1, momentum=0.9),
    cyprop.Adam(0.01),
    cyprop.Adam(1e-3, beta2=0.0),
    cyprop.SGD(1e30),
    cyprop.SGD(0.5, momentum=1 - 1e-12),
    cyprop.Adam(1e30),
    cyprop.Adam(1e-3, epsilon=1e-40),
    cyprop.SGD(0.1, momentum=0.9, nesterov=True),
    cyprop.AdamW(0.01, weight_decay=0.1),
    cyprop.AdamW(0.1, weight_decay=15.0),  # weights change their sign
    cyprop.AdamW(0.1, weight_decay=25.0),  # and become larger
    cyprop.RMSprop(0.01),
    cyprop.RMSprop(0.01, momentum=0.9),
    cyprop.RMSprop(1e-30, epsilon=1e-35, momentum=1 - 1e-7),
    cyprop.RMSprop(1e30, rho=1 - 1e-12),
    cyprop.AdaGrad(0.01),
    cyprop.AdaGrad(1e30, epsilon=1e-30),
    cyprop.Optimizer("adam_of_sklearn", learning_rate=0.01),
    cyprop.Optimizer("adam_of_sklearn", learning_rate=1e30, epsilon=1e-30),
]
PLAIN = [
    OPTIMIZERS[i] for i in (0, 1, 2, 3, 8, 9, 12, 13, 16, 18)
]  # of rates as people choose them
LARGE_RATE = 2.0**41  # beyond which every update is tried


def learn_one(net, X, Y):
    return net.learn_one(X[0], Y[0])


def train_on_batch(net, X, Y):
    return net.train_on_batch(X, Y)


def train_on_two_threads(net, X, Y):
    return net.train_on_batch(X, Y, n_threads=2)


def fit(net, X, Y):
    """One epoch; NaN where it diverges."""
    try:
        return net.fit(X, Y, epochs=1, batch_size=2, n_threads=1).loss[0]
    except (cyprop.DivergenceError, ValueError):
        return np.nan


def compiled(net, X, Y):
    code, loss = Calls(net).learn_one(X[0], Y[0])
    assert (code == OK) == bool(np.isfinite(loss))
    assert code in (OK, NOT_FINITE)
    return loss


WAYS = [learn_one, train_on_batch, train_on_two_threads, fit, compiled]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("way", WAYS)
def test_a_finite_loss_means_finite_numbers(rng, dtype, way, optimizer):
    seen = set()
    for (hidden, output), n in [
        (("relu", "identity"), 3), (("sigmoid", "softmax"), 1), (("tanh", "sigmoid"), 150),
        (("identity", "identity"), 20),
    ]:  # fmt: skip
        for _, spoil in extremes(dtype):
            net = cyprop.Network(
                [5, 9, 17, 3], hidden, output, optimizer=optimizer, dtype=dtype, seed=1
            )
            X = rng.normal(size=(n, 5)).astype(dtype)
            Y = rng.random((n, 3)).astype(dtype)
            with np.errstate(all="ignore"):
                for _ in range(2):
                    way(net, X.copy(), Y)
                spoil(net, X, Y)
            for part in (*net.weights, *net.biases):
                np.nan_to_num(part, copy=False)
            for _ in range(3):
                seen.add(bool(np.isfinite(way(net, X, Y))))
                assert all_finite(net)
    assert seen == {True, False}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("optimizer", OPTIMIZERS[:3], ids=repr)
@pytest.mark.parametrize("way", [w for w in WAYS if w is not fit])
def test_an_output_layer_that_would_overflow_leaves_all_as_it_was(rng, dtype, way, optimizer):
    most = float(np.finfo(dtype).max)
    X = rng.normal(size=(4, 5)).astype(dtype)
    Y = np.zeros((4, 3), dtype)
    for sizes in ([5, 3], [5, 9, 3]):
        net = cyprop.Network(sizes, "tanh", "identity", optimizer=optimizer, dtype=dtype, seed=1)
        for _ in range(3):
            assert np.isfinite(way(net, X, Y))
        if dtype == np.float32:
            net.biases[-1][0] = most / 2
            if optimizer.name == "sgd":
                net.optimizer = optimizer.with_hyperparameters(learning_rate=1e3)
        else:
            net.optimizer = optimizer.with_hyperparameters(learning_rate=1e305)
            Y[...] = 1e150
        before = snapshot(net)
        loss = way(net, X, Y)
        assert np.isnan(loss)
        assert snapshot(net) == before
        net.optimizer = optimizer
        net.biases[-1][...] = 0
        assert np.isfinite(way(net, X, np.zeros_like(Y)))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, cyprop.RMSprop(1e37)], ids=repr)
def test_a_step_is_refused_or_leaves_finite_numbers(rng, dtype, optimizer, n_threads):
    seen = set()
    for exponent in np.linspace(-30, np.log10(float(np.finfo(dtype).max)) - 0.01, 40):
        net = cyprop.Network([5, 9, 3], "tanh", "identity", optimizer=optimizer, dtype=dtype)
        gradient = rng.normal(size=net.parameters.shape)
        gradient = (gradient / np.abs(gradient).max() * 10.0**exponent).astype(dtype)
        for _ in range(3):
            before = snapshot(net)
            try:
                net.step(gradient, n_threads=n_threads)
            except ValueError:
                assert snapshot(net) == before
                seen.add(False)
            else:
                seen.add(True)
            assert all_finite(net)
    assert True in seen


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("optimizer", PLAIN, ids=repr)
@pytest.mark.parametrize("way", WAYS)
def test_an_update_that_is_tried_first_ends_in_the_same_bits(rng, dtype, way, optimizer):
    """States that are set are not known to be sound, so the update after that is tried."""
    for sizes, n, share_of_zeros in [
        ([5, 9, 17, 3], 7, 0.0), ([40, 70, 33], 300, 0.0), ([90, 128, 2], 150, 0.85),
        ([6, 1], 1, 0.5), ([130, 64, 16], 1, 0.9),
    ]:  # fmt: skip
        plain = cyprop.Network(sizes, "relu", "sigmoid", optimizer=optimizer, dtype=dtype, seed=2)
        tried = copy.deepcopy(plain)
        for _ in range(4):
            X = rng.normal(size=(n, sizes[0])).astype(dtype)
            X[rng.random(X.shape) < share_of_zeros] = 0
            Y = rng.random((n, sizes[-1])).astype(dtype)
            _, parameters, states, tally = memory.state(tried)
            memory.set_state(tried, parameters, states, tally)
            assert way(plain, X, Y) == way(tried, X, Y)
            assert snapshot(plain) == snapshot(tried)


def test_large_rates_with_small_gradients_end_in_the_same_bits(rng, dtype):
    """Scaled by a power of two an update has the same bits, here of one that is tried."""
    scale = LARGE_RATE * 2
    plain, tried = (
        cyprop.Network([5, 4], "tanh", "identity", dtype=dtype, seed=3, optimizer=optimizer)
        for optimizer in (cyprop.SGD(0.5), cyprop.SGD(0.5 * scale))
    )  # fmt: skip
    for _ in range(5):
        gradient = rng.normal(size=plain.parameters.shape).astype(dtype)
        plain.step(gradient)
        tried.step(gradient / dtype.type(scale))
        assert same_bits(plain.parameters, tried.parameters)


@pytest.mark.parametrize("way", [learn_one, train_on_batch])
def test_huge_states_do_not_make_parameters_infinite(rng, dtype, way):
    most = float(np.finfo(dtype).max)
    X, Y = rng.normal(size=(2, 5)).astype(dtype), rng.random((2, 3)).astype(dtype)
    for optimizer in PLAIN[1:]:
        for value in (-1.0, 1e20, most**0.6, most / 2, most, np.inf, np.nan, -most):
            net = cyprop.Network([5, 9, 3], "tanh", "sigmoid", optimizer=optimizer, dtype=dtype)
            way(net, X, Y)
            _, parameters, states, tally = memory.state(net)
            for state in states:
                state[...] = value
            memory.set_state(net, parameters, states, tally)
            for _ in range(30):
                loss = way(net, X, Y)
                assert np.isfinite(net.parameters).all()
                assert not np.isfinite(loss) or all_finite(net)


@pytest.mark.parametrize("way", [learn_one, train_on_batch, compiled])
def test_a_decay_that_makes_weights_infinite_is_no_update(dtype, way):
    """There is no gradient: an output of relu is 0 for inputs of 0, and so is the target."""
    for weight_decay, grows in ((15.0, False), (20.0, False), (25.0, True)):
        net = cyprop.Network([2, 3, 1], "relu", "identity", dtype=dtype)
        net.optimizer = cyprop.AdamW(0.1, weight_decay=weight_decay)
        for W in net.weights:
            W[...] = np.finfo(dtype).max * 0.9
        before = snapshot(net)
        nothing = np.zeros((1, 2), dtype), np.zeros((1, 1), dtype)
        assert np.isnan(way(net, *nothing)) == grows
        assert (snapshot(net) == before) == grows
        if grows:
            with pytest.raises(ValueError, match="would make a parameter infinite"):
                net.step(np.zeros_like(net.parameters))
            assert snapshot(net) == before
        else:
            net.step(np.zeros_like(net.parameters))
        assert all_finite(net)


def test_adagrad_goes_on_when_its_sum_is_the_largest_number(dtype):
    net = cyprop.Network([2, 3, 1], output_activation="identity", dtype=dtype)
    net.optimizer = cyprop.AdaGrad(0.01)
    large = np.full(net.parameters.shape, 2.0**59 if dtype == np.float32 else 2.0**479, dtype)
    _, parameters, (v,), tally = memory.state(net)
    v[...] = np.finfo(dtype).max / 2
    memory.set_state(net, parameters, [v], tally)
    for _ in range(1500):
        net.step(large)
        assert all_finite(net)
    if dtype == np.float32:  # in float64 such squares are lost in such a sum
        assert (numbers_of(net)[-1] == np.finfo(dtype).max).all()


def test_a_momentum_set_lower_does_not_forget_what_was_gathered(rng, dtype):
    net = cyprop.Network([1, 1], output_activation="identity", dtype=dtype)
    net.optimizer = cyprop.SGD(1e-30, momentum=0.999999)
    large = np.full(net.parameters.shape, 2.0**59 if dtype == np.float32 else 2.0**479, dtype)
    for _ in range(1000):
        net.step(large)
    net.weights[0][...] = -float(np.finfo(dtype).max)
    net.set_hyperparameters(momentum=0.5)
    net.learning_rate = 2.0**38
    for _ in range(3):
        loss = net.learn_one(np.zeros(1, dtype), np.zeros(1, dtype))
        assert not np.isfinite(loss) or np.isfinite(net.parameters).all()
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("way", [learn_one, train_on_batch, fit, compiled])
@pytest.mark.parametrize(
    "optimizer",
    [cyprop.Adam(0.01), cyprop.AdamW(0.01), cyprop.RMSprop(0.005), cyprop.AdaGrad(0.1)],
    ids=repr,
)
def test_learning_goes_on_after_an_outlier(rng, dtype, way, optimizer):
    """Whose square is infinite, so that no step would be made any more."""
    net = cyprop.Network([3, 8, 2], "relu", "identity", optimizer=optimizer, dtype=dtype)
    X, Y = rng.random((4, 3)).astype(dtype), rng.random((4, 2)).astype(dtype)
    first = way(net, X, Y)
    outlier = X.copy()
    outlier[0] *= dtype.type(float(np.finfo(dtype).max) ** 0.6)
    before = snapshot(net)
    assert not np.isfinite(way(net, outlier, Y))
    assert all_finite(net)
    assert way is fit or snapshot(net)[1] == before[1]
    for _ in range(200):
        last = way(net, X, Y)
    assert last < first / 10


@pytest.mark.usefixtures("eager")
def test_random_networks_of_any_magnitude_die_of_no_finite_loss(rng):
    activations = ["relu", "sigmoid", "tanh", "identity"]
    finite = 0
    for trial in range(2000):
        sizes = rng.integers(1, 20, rng.integers(2, 5)).tolist()
        output = str(rng.choice([*activations, "softmax"] if sizes[-1] > 1 else activations))
        net = cyprop.Network(
            sizes, str(rng.choice(activations)), output,
            optimizer=OPTIMIZERS[rng.integers(len(OPTIMIZERS))], seed=trial,
            dtype=["float32", "float64"][int(rng.integers(2))],
        )  # fmt: skip
        n = int(rng.choice([1, 1, 2, 5, 140]))
        with np.errstate(over="ignore"):
            for part in (*net.weights, *net.biases):
                part[...] = rng.normal(size=part.shape) * 10.0 ** rng.uniform(-40, 38)
                np.nan_to_num(part, copy=False)
            X, Y = (
                np.nan_to_num(
                    (rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-40, 38)).astype(net.dtype)
                )
                for k in (sizes[0], sizes[-1])
            )  # fmt: skip
        X[rng.random(X.shape) < rng.choice([0, 0.9])] = 0
        way = WAYS[trial % len(WAYS)]
        for _ in range(3):
            finite += bool(np.isfinite(way(net, X, Y)))
            assert all_finite(net), (trial, net, way)
    assert 1000 < finite < 5500
