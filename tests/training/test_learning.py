"""Weights of rows, penalties, dropout, clipping and schedules, one by one and all at once.

Against the NumPy twin, and against what each of them must not change.
"""

import copy
import pickle

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop
from cyprop.engine import memory

SEED = 7
EVERYTHING = {"l1": 0.01, "l2": 0.1, "dropout": (0.3, 0.0, 0.5)}
BOUNDS = [
    {},
    {"clip_norm": 0.05},
    {"clip_value": 0.01},
    {"clip_norm": 0.02, "clip_value": 0.01},
    {"clip_norm": 1e3, "clip_value": 1e3},  # which nothing reaches
]


def network(dtype="float64", optimizer=None, sizes=(5, 20, 9, 70, 3), **options):
    return cyprop.Network(
        sizes, "tanh", "identity", optimizer=optimizer or cyprop.AdamW(0.01), dtype=dtype,
        seed=SEED, **{**EVERYTHING, **options},
    )  # fmt: skip


def data(rng, n=50, dtype="float64", n_in=5, n_out=3):
    X, Y = rng.normal(size=(n, n_in)), rng.normal(size=(n, n_out))
    weights = rng.random(n) * (rng.random(n) < 0.8)
    weights[-1] = 0.5
    return X.astype(dtype), Y.astype(dtype), weights


def arrays(net):
    return [*net.weights, *net.biases]


def assert_close(net, reference):
    for mine, theirs in zip(arrays(net), arrays(reference), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def bits(net):
    """All that learning changes: the parameters, what the optimizer keeps and its tally."""
    settings, parameters, states, tally = memory.state(net)
    return settings, parameters.tobytes(), [vector.tobytes() for vector in states], tally


def twin_epochs(reference, X, Y, weights, rates, batch_size, **bounds):
    """The loss of each epoch, rows in their order; rates of all updates, one after the other."""
    losses, rates = [], iter(rates)
    while (rate := next(rates, None)) is not None:
        total = 0.0
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            rate = next(rates) if start else rate
            if weights[rows].any():
                loss = reference.train_on_batch(X[rows], Y[rows], weights[rows], rate, **bounds)
                total += loss * weights[rows].sum()
        losses.append(total / weights.sum())
    return losses


# all at once


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_fit_is_the_twins_with_everything(rng, optimizer, bounds):
    X, Y, weights = data(rng)
    weights[16:24] = 0  # a batch that weighs nothing
    net = network(optimizer=optimizer)
    reference = twin.Network(net, seed=SEED)
    rates = 0.01 * (1 + rng.random(3 * 7))
    history = net.fit(
        X, Y, epochs=3, batch_size=8, shuffle=False, sample_weight=weights,
        schedule=lambda update: rates[update], **bounds,
    )  # fmt: skip
    expected = twin_epochs(reference, X, Y, weights, rates, 8, **bounds)
    np.testing.assert_allclose(history.loss, expected, rtol=1e-9)
    assert_close(net, reference)
    assert memory.state(net)[3][-1] == reference.n_updates == 3 * 6


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(rng, dtype, bounds):
    X, Y, weights = data(rng, 201, dtype)
    weights[rng.random(201) < 0.5] = 0
    results = []
    for n_threads in (1, 2, 3):
        net = network(dtype)
        history = net.fit(
            X, Y, epochs=4, batch_size=3, n_threads=n_threads, sample_weight=weights,
            schedule=cyprop.OneCycle(), validation_data=(X, Y, weights), **bounds,
        )  # fmt: skip
        results.append((bits(net), history.loss, history.validation_loss))
    assert results[0] == results[1] == results[2]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("n", [1, 2, 50, 130])
def test_a_step_by_the_gradient_has_the_bits_of_train_on_batch(rng, dtype, n):
    X, Y, weights = data(rng, n, dtype)
    for options in ({}, {"l1": 0.0, "l2": 0.0}, {"dropout": 0.0}):
        for w in (None, weights):
            for optimizer in EVERY_OPTIMIZER:
                batch, step = (network(dtype, optimizer, **options) for _ in range(2))
                for n_threads in (1, 1, 2):
                    loss = batch.train_on_batch(X, Y, n_threads, w)
                    g = step.gradients(X, Y, n_threads=n_threads, sample_weight=w, training=True)
                    step.step(g)
                    assert g.loss == loss
                    assert bits(step) == bits(batch)


def test_one_batch_of_fit_has_the_bits_of_train_on_batch(rng, dtype):
    X, Y, weights = data(rng, 40, dtype)
    one, other = network(dtype), network(dtype)
    for start in range(0, 40, 16):
        rows = slice(start, start + 16)
        one.train_on_batch(X[rows], Y[rows], sample_weight=weights[rows])
    other.fit(X, Y, 1, 16, shuffle=False, sample_weight=weights)
    assert bits(one) == bits(other)


# weights of rows


def test_weights_of_one_and_powers_of_two_change_no_bits(rng, dtype):
    X, Y, _ = data(rng, 37, dtype)
    results = []
    for weights in (None, np.ones(37), np.full(37, 0.25), np.full(37, 2.0**80), [1] * 37):
        net = network(dtype)
        history = net.fit(X, Y, 2, 8, sample_weight=weights)
        loss = net.train_on_batch(X, Y, sample_weight=weights)
        g = net.gradients(X, Y, sample_weight=weights)
        evaluated = net.evaluate(X, Y, sample_weight=weights)
        results.append((bits(net), history.loss, loss, g.loss, g.parameters.tobytes(), evaluated))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("weight", [0.1, 3.0, 1e-320, 1e-300, 1e300])
def test_any_other_equal_weights_are_as_good_as_none(rng, weight):
    X, Y, _ = data(rng, 37)
    one, other = network(), network()
    expected = one.fit(X, Y, 2, 8).loss
    assert other.fit(X, Y, 2, 8, sample_weight=np.full(37, weight)).loss == pytest.approx(
        expected, rel=1e-12
    )
    for mine, theirs in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weight", [5e-324, 1e305])
def test_sums_of_weights_near_the_ends_of_numbers(rng, weight):
    X, Y, _ = data(rng, 37)
    Y = 1e6 * Y
    weights = weight * np.arange(37.0).clip(0, 9)
    found = [
        (net.evaluate(X, Y, sample_weight=w), net.train_on_batch(X, Y, sample_weight=w))
        for net, w in ((network(), weights), (network(), np.arange(37.0).clip(0, 9)))
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_weights_that_change_meanwhile_do_not_count(rng, dtype):
    X, Y, _ = data(rng, 40, dtype)
    weights = np.arange(40.0)
    net, other = network(dtype), network(dtype)
    expected = other.fit(X, Y, 2, 8, sample_weight=weights, schedule=lambda t: 0.1).loss

    def rate(t):  # asked for when the arguments have been checked
        weights[:] = 0
        return 0.1

    assert net.fit(X, Y, 2, 8, sample_weight=weights, schedule=rate).loss == expected
    assert bits(net) == bits(other)


def test_a_weight_is_a_repetition(rng):
    X, Y, _ = data(rng, 12)
    weights = rng.integers(0, 4, 12)
    weights[0] = 2
    repeated = np.repeat(X, weights, axis=0), np.repeat(Y, weights, axis=0)
    net = network(dropout=0.0)
    weighed, plain = net.gradients(X, Y, sample_weight=weights), net.gradients(*repeated)
    assert weighed.loss == pytest.approx(plain.loss, rel=1e-13)
    np.testing.assert_allclose(weighed.parameters, plain.parameters, rtol=1e-11, atol=1e-14)
    assert net.evaluate(X, Y, sample_weight=weights) == pytest.approx(net.evaluate(*repeated))


def test_rows_that_weigh_nothing_have_no_influence(rng, dtype):
    X, Y, weights = data(rng, 40, dtype)
    assert (weights == 0).any()
    others = X.copy(), Y.copy()
    for array, values in zip(others, data(rng, 40, dtype)[:2], strict=True):
        array[weights == 0] = 100 * values[weights == 0]
    one, other = network(dtype), network(dtype)
    for net, (x, y) in ((one, (X, Y)), (other, others)):
        net.seen = (
            net.fit(x, y, 3, 8, sample_weight=weights).loss,
            net.train_on_batch(x, y, sample_weight=weights),
            net.evaluate(x, y, sample_weight=weights),
            net.gradients(x, y, sample_weight=weights).parameters.tobytes(),
        )
    assert one.seen == other.seen
    assert bits(one) == bits(other)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_a_batch_that_weighs_nothing_is_passed_over(rng, dtype, n_threads):
    X, Y, weights = data(rng, 60, dtype)
    weights[:] = 1
    weights[20:40] = 0
    net, other = network(dtype), network(dtype)
    net.fit(X, Y, 1, 10, shuffle=False, sample_weight=weights, n_threads=n_threads)
    kept = weights > 0
    other.fit(X[kept], Y[kept], 1, 10, shuffle=False, sample_weight=weights[kept])
    assert bits(net) == bits(other)
    assert memory.state(net)[3][-1] == 4


@pytest.mark.usefixtures("eager")
def test_threads_that_pass_over_batches_do_not_disturb_each_other(rng):
    X, Y, weights = data(rng, 4000, "float32", n_in=2, n_out=1)
    weights[rng.random(4000) < 0.9] = 0
    results = []
    for n_threads in (1, 3):
        net = network("float32", sizes=(2, 3, 1), dropout=0.1)
        net.fit(X, Y, 10, 2, sample_weight=weights, n_threads=n_threads)
        results.append(bits(net))
    assert results[0] == results[1]


@pytest.mark.parametrize("weight", [0.0, 0.3, 1, 2.0, np.float32(3)])
def test_learn_one_takes_weight_times_the_gradient(rng, weight):
    net = network(optimizer=cyprop.SGD(0.1))
    reference = twin.Network(net, seed=SEED)
    for x, y in zip(*data(rng, 5)[:2], strict=True):
        g = reference.gradients(x[None], y[None], training=True)
        plain = [
            dW - twin.gradient.penalty_derivative(W, *reference.penalties)
            for dW, W in zip(g.dW, reference.weights, strict=True)
        ]
        for W, b, dW, own, db in zip(
            reference.weights, reference.biases, g.dW, plain, g.db, strict=True
        ):
            W -= 0.1 * (dW + (float(weight) - 1) * own)
            b -= 0.1 * float(weight) * db
        reference.n_updates += 1
        assert net.learn_one(x, y, weight) == pytest.approx(g.loss, rel=1e-12)
        assert_close(net, reference)


def test_a_weight_of_one_is_no_weight(rng, dtype):
    X, Y, _ = data(rng, 6, dtype)
    one, other, third = (network(dtype) for _ in range(3))
    for x, y in zip(X, Y, strict=True):
        losses = {
            one.learn_one(x, y),
            other.learn_one(x, y, weight=1.0),
            third.train_on_batch(x[None], y[None], sample_weight=[1]),
        }
        assert len(losses) == 1
    assert bits(one) == bits(other) == bits(third)


# penalties


def test_the_loss_has_the_penalty_and_evaluate_has_not(rng):
    X, Y, weights = data(rng)
    net = network(dropout=0.0)
    reference = twin.Network(net)
    penalty = reference.penalty()
    assert penalty > 0.1
    for w in (None, weights):
        expected = reference.evaluate(X, Y, w)
        assert net.evaluate(X, Y, sample_weight=w) == pytest.approx(expected, rel=1e-13)
        total = pytest.approx(expected + penalty, rel=1e-13)
        assert net.gradients(X, Y, sample_weight=w).loss == total
        assert copy.copy(net).train_on_batch(X, Y, sample_weight=w) == total
        other = copy.copy(net)
        history = other.fit(X, Y, 1, len(X), sample_weight=w, validation_data=(X, Y))
        assert history.loss == [total]
        assert history.validation_loss == [other.evaluate(X, Y)]
    one = np.average([copy.copy(net).learn_one(x, y) for x, y in zip(X, Y, strict=True)])
    assert one == pytest.approx(reference.evaluate(X, Y) + penalty, rel=1e-12)


@pytest.mark.parametrize("penalty", [{"l1": 0.1}, {"l2": 0.1}, {"l1": 0.2, "l2": 0.1}], ids=str)
def test_penalties_never_touch_biases(rng, dtype, penalty):
    """With a C that depends on nothing, only weights move; toward zero, and not past the sign."""
    net = cyprop.Network(
        [4, 17, 3], "tanh", "identity", optimizer=cyprop.SGD(0.01), dtype=dtype, **penalty
    )
    for b in net.biases:
        b[...] = rng.normal(size=b.shape)
    biases = [b.copy() for b in net.biases]
    weights = [W.copy() for W in net.weights]
    plain = cyprop.Network([4, 17, 3], "tanh", "identity", dtype=dtype)
    plain.parameters[...] = net.parameters
    X, Y, _ = data(rng, 9, dtype, n_in=4)
    for mine, theirs in zip(net.gradients(X, Y).biases, plain.gradients(X, Y).biases, strict=True):
        assert same_bits(mine, theirs)
    x = np.zeros(4, dtype)
    net.learn_one(x, net.predict(x))  # whose gradient is zero
    for b, before in zip(net.biases, biases, strict=True):
        assert same_bits(b, before)
    for W, before in zip(net.weights, weights, strict=True):
        l1, l2 = penalty.get("l1", 0), penalty.get("l2", 0)
        step = 0.01 * twin.gradient.penalty_derivative(before, l1, l2)
        np.testing.assert_allclose(W, before - step, rtol=1e-5)


def test_derivatives_of_an_own_cost_are_without_the_penalty(rng):
    X, _, _ = data(rng, 8)
    net, plain = network(), network(l1=0.0, l2=0.0)
    dA = rng.normal(size=(8, 3))
    assert same_bits(net.vjp(X, dA).parameters, plain.vjp(X, dA).parameters)


# dropout


def test_dropout_is_off_outside_of_learning(rng, dtype):
    X, Y, weights = data(rng, 30, dtype)
    net, plain = network(dtype), network(dtype, dropout=0.0)
    assert same_bits(net.predict(X), plain.predict(X))
    assert same_bits(net.predict(X[0]), plain.predict(X[0]))
    assert net.evaluate(X, Y) == plain.evaluate(X, Y)
    assert same_bits(net.jacobian(X), plain.jacobian(X))
    for w in (None, weights):
        mine, theirs = (each.gradients(X, Y, sample_weight=w) for each in (net, plain))
        assert mine.loss == theirs.loss
        assert same_bits(mine.parameters, theirs.parameters)
        assert same_bits(mine.inputs, theirs.inputs)
        assert mine.loss != net.gradients(X, Y, sample_weight=w, training=True).loss


def test_deriving_uses_the_next_updates_mask_and_uses_up_none(rng):
    X, Y, _ = data(rng)
    net = network()
    first = net.gradients(X, Y, training=True)
    assert same_bits(first.parameters, net.gradients(X, Y, training=True).parameters)
    reference = twin.Network(net, seed=SEED)
    for _ in range(3):
        g = net.gradients(X, Y, training=True)
        expected = reference.gradients(X, Y, training=True)
        assert g.loss == pytest.approx(expected.loss, rel=1e-12)
        net.train_on_batch(X, Y)
        reference.train_on_batch(X, Y)
        net.evaluate(X, Y)
        net.predict(X)
    assert_close(net, reference)


def test_masks_follow_the_seed():
    X, Y = np.ones((4, 5)), np.ones((4, 3))

    def derived(seed):
        net = cyprop.Network([5, 40, 3], dropout=0.5, initializer="zeros", seed=seed)
        net.parameters[...] = 0.1
        return net.gradients(X, Y, training=True).parameters.tobytes()

    assert derived(3) == derived(3)
    assert len({derived(seed) for seed in (0, 1, 2, 2**32, 2**63, 10**30)}) == 6


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_with_the_same_masks(rng, dtype, how):
    X, Y, weights = data(rng, dtype=dtype)
    net = network(dtype)
    net.fit(X, Y, 2, 8)
    other = COPIES[how](net)
    for each in (net, other):
        each.fit(X, Y, 2, 8, sample_weight=weights, clip_norm=0.1)
        each.learn_one(X[0], Y[0])
    assert bits(net) == bits(other)


def test_the_number_of_updates_outlives_the_optimizer(rng):
    X, Y, _ = data(rng)
    net = network()
    net.fit(X, Y, 2, 10)
    net.optimizer = cyprop.SGD(0.1)
    assert memory.state(net)[3][-1] == 10
    net.set_hyperparameters(momentum=0.5)
    net.learning_rate = 0.2
    assert memory.state(net)[3][-1] == 10
    reference = twin.Network(net, seed=SEED)
    reference.n_updates = 10
    net.train_on_batch(X, Y)
    reference.train_on_batch(X, Y)
    assert_close(net, reference)


def test_what_is_not_learned_is_not_counted(rng):
    X, Y, _ = data(rng, 6)
    net = network("float32")
    assert not np.isfinite(net.train_on_batch(X * np.nan, Y))
    assert not np.isfinite(net.learn_one(X[0] * np.nan, Y[0]))
    with pytest.raises(ValueError, match="gradient holds nan"):
        net.step(np.full(net.parameters.shape, np.nan))
    assert memory.state(net)[3][-1] == 0


# schedules and rates


def test_the_rate_is_the_optimizers_own_again(rng, monkeypatch):
    X, Y, _ = data(rng)
    net = network()
    plateau = cyprop.ReduceOnPlateau(monitor="loss")
    for schedule in (cyprop.OneCycle(), plateau, lambda update: 0.5):
        net.fit(X, Y, 2, 8, schedule=schedule)
        assert net.learning_rate == 0.01

    reference = copy.deepcopy(net)
    net.fit(X, Y, 1, 8, shuffle=False)
    reference.fit(X, Y, 1, 8, shuffle=False, schedule="constant")
    assert bits(net) == bits(reference)

    def interrupt(self, X, Y, n_threads=1, sample_weight=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(cyprop.Network, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, 3, 8, schedule=lambda update: 0.3, validation_data=(X, Y))
    monkeypatch.undo()
    assert net.learning_rate == 0.01
    with pytest.raises(cyprop.DivergenceError):
        net.fit(X, Y * 1e300, 3, 8, schedule=lambda update: 0.3)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, 3, 8, schedule=lambda update: 1 / (3 - update))
    assert net.learning_rate == 0.01
    plain = network()
    plain.parameters[...] = net.parameters
    memory.set_state(plain, *memory.state(net)[1:])
    net.train_on_batch(X, Y)
    plain.train_on_batch(X, Y)
    assert bits(net) == bits(plain)


@pytest.mark.parametrize("rate", [0.0, 1e-30, 5.0])
def test_rates_of_a_schedule_are_those_of_the_optimizer(rng, dtype, rate):
    X, Y, _ = data(rng, dtype=dtype)
    one = network(dtype, cyprop.SGD(0.1, momentum=0.9))
    one.fit(X, Y, 1, 8, schedule=lambda update: rate, clip_norm=1e-3)
    if rate == 0:
        assert same_bits(one.parameters, network(dtype).parameters)
        return
    other = network(dtype, cyprop.SGD(rate, momentum=0.9))
    other.fit(X, Y, 1, 8, clip_norm=1e-3)
    assert same_bits(one.parameters, other.parameters)


# clipping


def test_clipping_that_nothing_reaches_changes_no_bits(rng, dtype):
    X, Y, weights = data(rng, dtype=dtype)
    one, other = network(dtype), network(dtype)
    one.fit(X, Y, 3, 8, sample_weight=weights)
    other.fit(X, Y, 3, 8, sample_weight=weights, clip_norm=1e30, clip_value=1e30)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e100, 1e160, 1e200, 1e290])
def test_gradients_of_any_size_are_clipped(size):
    """One linear unit: the gradient is a multiple of (x, 1), and its norm 1 after clipping."""
    net = cyprop.Network(
        [2, 1], output_activation="identity", optimizer=cyprop.SGD(1.0), dtype="float64",
        initializer="zeros", loss=cyprop.Huber(1.0),
    )  # fmt: skip
    x = np.array([[3.0, 4.0]]) * size
    net.fit(x, [[5.0]], 1, 1, clip_norm=min(0.5, size))
    moved = np.array([*net.weights[0].ravel(), *net.biases[0]])
    direction = np.array([3 * size, 4 * size, 1.0])
    scaled = direction / direction.max()
    np.testing.assert_allclose(moved, min(0.5, size) * scaled / np.linalg.norm(scaled), rtol=1e-12)
