"""Layers that stay: learning leaves them alone, and all others learn what they always did."""

import copy
import pickle

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import Calls
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop
from cyprop.engine import memory
from cyprop.engine.course import Course

SIZES = [7, 9, 5, 17, 3]
CHOICES = [(0,), (1, 2), (3,), (0, 1, 2), (0, 3), (1,)]
PENALTY = {"l1": 0.01, "l2": 0.1}


def made(optimizer="sgd", dtype="float64", **options):
    net = cyprop.Network(SIZES, "tanh", "identity", optimizer=optimizer, dtype=dtype, **options)
    rng = np.random.default_rng(1)
    for b in net.biases:
        b[...] = rng.uniform(-0.5, 0.5, b.shape)
    return net


def data(rng, net, n):
    X = rng.normal(size=(n, SIZES[0])).astype(net.dtype)
    return X, rng.normal(size=(n, SIZES[-1])).astype(net.dtype)


def layers_of(net, vector):
    """Of each layer its W and b, in a vector laid out like the parameters."""
    return list(zip(*memory.views(net, vector), strict=True))


def clear(net, vector, frozen):
    for layer in frozen:
        for array in layers_of(net, vector)[layer]:
            array[...] = 0


def whole_state(net):
    _, parameters, states, tally = memory.state(net)
    return [layers_of(net, vector) for vector in (parameters, *states)], tally


def assert_stayed(before, after, frozen):
    """That each bit of the frozen layers did, of what the optimizer keeps too; all others moved."""
    for k, (vector_before, vector_after) in enumerate(zip(before[0], after[0], strict=True)):
        for layer, pair in enumerate(zip(vector_before, vector_after, strict=True)):
            for array_before, array_after in zip(*pair, strict=True):
                if layer in frozen:
                    assert same_bits(array_before, array_after)
                elif k == 0:
                    assert np.any(array_before != array_after)


def assert_same(net, other):
    mine, theirs = whole_state(net), whole_state(other)
    assert mine[1] == theirs[1]
    for of_mine, of_theirs in zip(mine[0], theirs[0], strict=True):
        for pair_of_mine, pair_of_theirs in zip(of_mine, of_theirs, strict=True):
            for array, expected in zip(pair_of_mine, pair_of_theirs, strict=True):
                assert same_bits(array, expected)


def warmed(optimizer, dtype, rng, frozen, **options):
    """A network with momentum and moments in every layer, some of which are frozen then."""
    net = made(optimizer, dtype, **options)
    net.fit(*data(rng, net, 20), epochs=1, batch_size=7)
    net.frozen = frozen
    return net


def expect(net, batches, clip_norm=None, weights=None):
    """What learning from the batches must end in, by way of whole gradients.

    All layers take a step by a gradient that is zero where they are frozen, and then each frozen
    layer gets back what it was and what the optimizer kept for it.
    """
    frozen, net = net.frozen, copy.deepcopy(net)
    net.frozen = ()
    for k, (X, Y) in enumerate(batches):
        weight = None if weights is None else weights[k]
        gradient = net.gradients(X, Y, training=True, sample_weight=weight).parameters
        clear(net, gradient, frozen)
        if clip_norm is not None:
            flat = np.concatenate(
                [array.ravel().astype("f8") for pair in layers_of(net, gradient) for array in pair]
            )
            gradient *= min(1, clip_norm / np.sqrt((flat**2).sum()))
        _, parameters, states, _ = memory.state(net)
        kept = [parameters, *states]
        net.step(gradient)
        settings, parameters, states, tally = memory.state(net)
        for vector, before in zip([parameters, *states], kept, strict=True):
            for layer in frozen:
                for array, was in zip(
                    layers_of(net, vector)[layer], layers_of(net, before)[layer], strict=True
                ):
                    array[...] = was
        memory.set_state(net, parameters, states, tally)
    net.frozen = frozen
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_every_way_to_learn_is_the_step_by_a_gradient_with_zeros(rng, optimizer, dtype):
    for frozen in CHOICES:
        for options in ({}, {**PENALTY, "dropout": 0.3}):
            net = warmed(optimizer, dtype, rng, frozen, **options)
            X, Y = data(rng, net, 11)
            before = whole_state(net)

            expected = expect(net, [(X[:1], Y[:1])])
            found = copy.deepcopy(net)
            loss = found.learn_one(X[0], Y[0])
            assert loss == net.gradients(X[:1], Y[:1], training=True).loss
            assert_same(found, expected)
            assert_stayed(before, whole_state(found), frozen)

            expected = expect(net, [(X, Y)])
            found = copy.deepcopy(net)
            found.train_on_batch(X, Y)
            assert_same(found, expected)

            found = copy.deepcopy(net)
            found.step(net.gradients(X, Y, training=True))
            assert_same(found, expected)

            expected = expect(net, [(X[:4], Y[:4]), (X[4:8], Y[4:8]), (X[8:], Y[8:])])
            found = copy.deepcopy(net)
            found.fit(X, Y, epochs=1, batch_size=4, shuffle=False)
            assert_same(found, expected)
            assert_stayed(before, whole_state(found), frozen)

            # The whole way, with a bound that is never reached.
            found = copy.deepcopy(net)
            found.fit(X, Y, epochs=1, batch_size=4, shuffle=False, clip_norm=1e6)
            assert_same(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("frozen", CHOICES)
def test_a_norm_is_that_of_the_layers_that_learn(rng, frozen, dtype):
    net = warmed(cyprop.SGD(0.05, momentum=0.9), dtype, rng, frozen, l2=0.1)
    X, Y = data(rng, net, 10)
    before = whole_state(net)
    expected = expect(net, [(X[:5], Y[:5]), (X[5:], Y[5:])], clip_norm=0.01)
    net.fit(X, Y, epochs=1, batch_size=5, shuffle=False, clip_norm=0.01)
    assert_stayed(before, whole_state(net), frozen)
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    for array, other in zip(
        net.weights + net.biases, expected.weights + expected.biases, strict=True
    ):
        np.testing.assert_allclose(array, other, rtol=tolerance, atol=tolerance)


def test_derivatives_stay_those_of_all_layers(rng):
    net = made(l2=0.1)
    X, Y = data(rng, net, 6)
    found = [net.gradients(X, Y), net.vjp(X, Y), net.jacobian(X)]
    net.frozen = (0, 2)
    again = [net.gradients(X, Y), net.vjp(X, Y), net.jacobian(X)]
    for before, after in zip(found[:2], again[:2], strict=True):
        assert same_bits(before.parameters, after.parameters)
        assert same_bits(before.inputs, after.inputs)
    assert found[0].loss == again[0].loss
    assert same_bits(found[2], again[2])


@pytest.mark.parametrize("frozen", [(), (0,), (1,), (0, 2), (3,), (0, 1, 2, 3)])
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5}, {"clip_value": 0.01}], ids=str)
def test_threads_end_in_the_same_bits(rng, frozen, options):
    """Batches of 23 rows, of which three parts have unequal shares, and one of 8."""
    sizes, n = [33, 70, 65, 40, 9], 100
    X, Y = rng.normal(size=(n, 33)).astype("f4"), rng.normal(size=(n, 9)).astype("f4")
    weights = rng.random(n)
    ends = []
    for n_parts in (1, 2, 3):
        net = cyprop.Network(sizes, "relu", optimizer="adam", dropout=0.2, l2=0.01)
        net.frozen = frozen
        course = Course(net, X, Y, weights, 23, n_parts, **options)
        losses = []
        for _ in range(6):
            total, row = 0.0, 0
            while row < n:
                total, row = course.train(None, None, row, total)
                assert np.isfinite(total)  # or it would not go on
            losses.append(total)
        ends.append((net, losses))
    for net, losses in ends[1:]:
        assert losses == ends[0][1]
        assert_same(net, ends[0][0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_code_leaves_them_alone_too(rng, dtype):
    net = warmed("adam", dtype, rng, (0, 2))
    X, Y = data(rng, net, 3)
    other = copy.deepcopy(net)
    calls = Calls(net)
    for x, y in zip(X, Y, strict=True):
        calls.learn_one(x, y)
        other.learn_one(x, y)
    assert_same(net, other)


def test_where_all_are_frozen_only_the_count_goes_on(rng):
    net = warmed("adam", "float32", rng, (0, 1, 2, 3), dropout=0.3)
    X, Y = data(rng, net, 10)
    before = whole_state(net)
    net.learn_one(X[0], Y[0])
    net.train_on_batch(X, Y)
    net.fit(X, Y, epochs=1, batch_size=5, clip_norm=0.1)
    net.step(net.gradients(X, Y))
    after = whole_state(net)
    assert_stayed(before, after, (0, 1, 2, 3))
    assert after[1][-1] == before[1][-1] + 5


@pytest.mark.parametrize("frozen", [(0,), (3,), (1, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_update_that_would_overflow_is_not_made(rng, frozen, dtype):
    """In the highest layer that learns it leaves all as it was, the optimizer's count too."""
    net = warmed("adam", dtype, rng, frozen)
    highest = max(set(range(4)) - set(frozen))
    huge = np.finfo(dtype).max
    _, parameters, states, tally = memory.state(net)
    layers_of(net, states[1])[highest][1][...] = huge
    memory.set_state(net, parameters, states, tally)
    net.set_hyperparameters(beta2=0.5)
    gradient = net.gradients(*data(rng, net, 4)).parameters
    layers_of(net, gradient)[highest][1][...] = np.sqrt(huge) * 3
    before = whole_state(net)
    with pytest.raises(ValueError, match="the step would make a parameter infinite"):
        net.step(gradient)
    after = whole_state(net)
    assert_stayed(before, after, range(4))
    assert before[1] == after[1]


@pytest.mark.parametrize("frozen", CHOICES)
@pytest.mark.parametrize("way", ["learn_one", "train_on_batch", "clipped"])
def test_learning_that_would_overflow_in_the_highest_layer_changes_nothing(rng, frozen, way):
    net = warmed("adam", "float32", rng, frozen)
    _, parameters, states, tally = memory.state(net)
    highest = max(set(range(4)) - set(frozen))
    layers_of(net, states[0])[highest][1][...] = np.finfo("f4").max
    memory.set_state(net, parameters, states, tally)
    net.learning_rate = 1e6
    X, Y = data(rng, net, 4)
    before = whole_state(net)
    if way == "learn_one":
        assert np.isnan(net.learn_one(X[0], Y[0]))
    elif way == "train_on_batch":
        assert np.isnan(net.train_on_batch(X, Y))
    else:
        total, row = Course(net, X, Y, None, 4, 1, clip_norm=10.0).train(None, None, 0, 0.0)
        assert np.isnan(total)
        assert row == 0
    after = whole_state(net)
    assert_stayed(before, after, range(4))
    assert before[1] == after[1]


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_a_frozen_layer_may_have_any_derivative(rng, layer):
    net = made()
    net.frozen = (layer,)
    gradient = net.gradients(*data(rng, net, 4)).parameters
    layers_of(net, gradient)[layer][0][1, 2] = np.nan
    before = whole_state(net)
    net.step(gradient)
    assert_stayed(before, whole_state(net), (layer,))
    layers_of(net, gradient)[1][0][3, 1] = np.nan
    with pytest.raises(ValueError, match=r"nan at weights\[1\]\[3, 1\]"):
        net.step(gradient)


def test_states_that_came_frozen_are_tried_when_they_learn(rng):
    """A negative second moment has no root; the update by it is refused, and not made into NaN."""
    net = warmed("adam", "float64", rng, (0,))
    _, parameters, states, tally = memory.state(net)
    layers_of(net, states[1])[0][0][...] = -1e300
    memory.set_state(net, parameters, states, tally)
    X, Y = data(rng, net, 4)
    for _ in range(3):
        assert np.isfinite(net.train_on_batch(X, Y))
    net.frozen = ()
    assert np.isnan(net.train_on_batch(X, Y))
    assert all(np.isfinite(array).all() for array in net.weights + net.biases)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_setting_it_leaves_the_bits_of_what_learns(rng, optimizer):
    """States are looked at anew when it is set, which no number may notice."""
    net = warmed(optimizer, "float32", rng, ())
    other = copy.deepcopy(net)
    X, Y = data(rng, net, 8)
    for x, y in zip(X, Y, strict=True):
        net.learn_one(x, y)
        other.frozen = (0, 1)
        other.frozen = []
        other.learn_one(x, y)
    assert_same(net, other)


def test_what_it_takes_and_gives():
    net = made()
    assert net.frozen == ()
    for value, expected in [
        ([2, 0], (0, 2)),
        (range(3), (0, 1, 2)),
        (np.array([1, 3]), (1, 3)),
        ((np.int8(2),), (2,)),
        ([], ()),
        ((3, 2, 1, 0), (0, 1, 2, 3)),
    ]:
        net.frozen = value
        assert net.frozen == expected
        assert all(type(layer) is int for layer in net.frozen)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (0, TypeError, "frozen is 0, expected a sequence of layers, such as (0, 1); () is none"),
        (None, TypeError, "frozen is None, expected a sequence of layers"),
        ("01", TypeError, "frozen is '01', expected a sequence of layers"),
        ({0, 1}, TypeError, "expected a sequence of layers"),
        ((True,), TypeError, "frozen[0] is True, expected the whole number of a layer"),
        (np.array([True]), TypeError, "expected the whole number of a layer"),
        ((0, 1.0), TypeError, "frozen[1] is 1.0, expected the whole number of a layer"),
        ((-1,), ValueError, "frozen[0] is -1, expected a layer from 0 to 3"),
        ((1, 4), ValueError, "frozen[1] is 4, expected a layer from 0 to 3"),
        ((2, 0, 2), ValueError, "frozen is (2, 0, 2), which names layer 2 twice"),
        (np.zeros((1, 1), int), TypeError, "expected a sequence of layers"),
    ],
)
def test_what_it_refuses(value, kind, message):
    net = made()
    net.frozen = (1,)
    with pytest.raises(kind) as found:
        net.frozen = value
    assert message in str(found.value)
    assert net.frozen == (1,)


def test_copies_and_pickles_keep_it():
    net = made()
    assert "frozen" not in net.__getstate__()
    net.frozen = (0, 2)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.frozen == (0, 2)
    same = made()
    assert net == same
    assert repr(net) == repr(same)
    net.optimizer = "adam"
    assert net.frozen == (0, 2)
    state = net.__getstate__()
    for wrong in ([0, 2], (9,), ("a",), (0, 0)):
        with pytest.raises((TypeError, ValueError)):
            cyprop.Network.__new__(cyprop.Network).__setstate__({**state, "frozen": wrong})


def test_a_blank_network_has_no_layers():
    with pytest.raises(RuntimeError, match="has not been initialised"):
        cyprop.Network.__new__(cyprop.Network).frozen = (0,)
