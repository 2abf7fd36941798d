"""Every optimizer: all ways to learn end in the same bits, and copies and files keep it."""

import copy
import pickle

import numpy as np
import numpy_twin as twin
import pytest
from compiled_calls import OK, Calls
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop
from cyprop.engine import memory
from cyprop.kernels import update

WITH_STATES = [optimizer for optimizer in EVERY_OPTIMIZER if optimizer != cyprop.SGD(0.1)]


def made(dtype, optimizer, sizes=(6, 17, 5, 3)):
    return cyprop.Network(list(sizes), "tanh", "identity", optimizer=optimizer, dtype=dtype, seed=4)


def rows(rng, net, n):
    return (
        rng.normal(size=(n, net.sizes[0])).astype(net.dtype),
        rng.random((n, net.sizes[-1])).astype(net.dtype),
    )


def all_of(net):
    _, parameters, states, tally = memory.state(net)
    return [vector.tobytes() for vector in (parameters, *states)], tally[:-1]


def test_every_optimizer_is_here():
    assert {optimizer.name for optimizer in EVERY_OPTIMIZER} == set(update.names())


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_all_ways_to_learn_one_sample_end_in_the_same_bits(rng, dtype, level, optimizer):
    nets = [made(dtype, optimizer) for _ in range(4)]
    calls = Calls(nets[2])
    for _ in range(6):
        X, Y = rows(rng, nets[0], 1)
        losses = {
            nets[0].learn_one(X[0], Y[0]),
            nets[1].train_on_batch(X, Y),
            nets[3].evaluate(X, Y),
        }
        code, loss = calls.learn_one(X[0], Y[0])
        assert code == OK
        nets[3].step(nets[3].gradients(X, Y))
        assert losses == {loss}
        for net in nets[1:]:
            assert all_of(net) == all_of(nets[0])


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_learning_lowers_the_loss(rng, dtype, optimizer):
    net = made(dtype, optimizer)
    X, Y = rows(rng, net, 30)
    assert net.fit(X, Y, epochs=60, batch_size=5).loss[-1] < 0.9 * net.history.loss[0]


def test_biases_do_not_decay(dtype):
    """No gradient at all: what is left is the decay."""
    net = made(dtype, cyprop.AdamW(0.5, weight_decay=0.5))
    for b in net.biases:
        b[...] = 2
    weights = [W.copy() for W in net.weights]
    nothing = np.zeros_like(net.parameters)
    for _ in range(3):
        net.step(nothing)
    for W, before in zip(net.weights, weights, strict=True):
        np.testing.assert_allclose(W, before * 0.75**3, rtol=1e-6)
        assert np.abs(before).max() > 0
    for b in net.biases:
        assert (b == 2).all()


@pytest.mark.parametrize("tried", [False, True])
def test_biases_follow_adam_and_weights_adamw(rng, dtype, tried):
    """Of one update, whose gradient is the same; fused, and also where it is tried first."""
    values = {"learning_rate": 0.02, "epsilon": 1e-2}
    decayed = made(dtype, cyprop.AdamW(**values, weight_decay=2))
    plain = made(dtype, cyprop.Adam(**values))
    for net in (decayed, plain):
        for b in net.biases:
            b[...] = 0.5
        if tried:
            _, parameters, states, tally = memory.state(net)
            memory.set_state(net, parameters, states, tally)
    before = [W.copy() for W in decayed.weights]
    X, Y = rows(rng, decayed, 7)
    for net in (decayed, plain):
        net.train_on_batch(X, Y)
    for one, other in zip(decayed.biases, plain.biases, strict=True):
        assert one.tobytes() == other.tobytes()
        assert (one != 0.5).all()
    for one, other, W in zip(decayed.weights, plain.weights, before, strict=True):
        np.testing.assert_allclose(one, other - 0.04 * W, rtol=0, atol=1e-6)
        assert np.abs(0.04 * W).max() > 1e-3


def test_the_decay_may_be_set_later(rng, dtype):
    late, early = (made(dtype, cyprop.AdamW(0.02, weight_decay=w)) for w in (0.25, 0.5))
    reference = twin.Network(early)
    X, Y = rows(rng, late, 5)
    late.set_hyperparameters(weight_decay=0.5)
    for net in (late, early, reference):
        net.train_on_batch(X, Y)
    assert all_of(late) == all_of(early)
    assert late != made(dtype, cyprop.AdamW(0.02, weight_decay=0.25))


@pytest.mark.parametrize("optimizer", WITH_STATES, ids=repr)
@pytest.mark.parametrize("way", ["pickle", "copy", "file"])
def test_optimizers_and_their_states_are_kept(rng, dtype, tmp_path, optimizer, way):
    net = made(dtype, optimizer)
    X, Y = rows(rng, net, 8)
    net.fit(X, Y, epochs=2, batch_size=3)
    if way == "file":  # which keeps the optimizer, and starts its state afresh
        net.save(tmp_path / "net")
        again = cyprop.Network.load(tmp_path / "net")
        net.optimizer = optimizer
    else:
        again = pickle.loads(pickle.dumps(net)) if way == "pickle" else copy.deepcopy(net)
        assert any(np.abs(state).max() > 0 for state in memory.state(again)[2])
    assert again.optimizer == optimizer
    assert repr(again.optimizer) == repr(optimizer)
    assert type(again.optimizer) is type(optimizer)
    for _ in range(3):
        assert again.train_on_batch(X, Y) == net.train_on_batch(X, Y)
    assert all_of(again) == all_of(net)
