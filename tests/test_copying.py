"""Copies and pickles: cycles, slots, states that were tampered with, and others at work."""

import copy
import pickle
import sys
import threading
import time

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import Calls
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop
from cyprop.engine import memory


def small(kind=cyprop.Network, **options):
    return kind([3, 4, 2], "tanh", **options)


class Plain(cyprop.Network):
    pass


class Slotted(cyprop.Network):
    __slots__ = ("__hidden", "a", "b")


class MoreSlots(Slotted):
    __slots__ = ("c",)


def copies_of(net):
    return {
        "copy": copy.copy(net),
        "deepcopy": copy.deepcopy(net),
        **{f"pickle {n}": pickle.loads(pickle.dumps(net, n)) for n in range(2, 6)},
    }


# cycles


@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_networks_in_a_cycle(again):
    net, other = small(), small(seed=1)
    net.friend, other.friend = other, net
    net.me, net.list, net.dict = net, [net, [other]], {"net": net, "other": other}
    found = again(net)
    assert found is not net
    assert found == net
    assert found.friend == other
    assert found.friend is not other
    assert found.friend.friend is found
    assert found.me is found
    assert found.list[0] is found
    assert found.list[1][0] is found.friend
    assert found.dict["net"] is found
    assert found.dict["other"] is found.friend
    found.learn_one(np.ones(3), np.ones(2))
    assert found != net


def test_a_shallow_copy_shares_what_the_attributes_lead_to():
    net = small()
    net.me, net.list = net, [net]
    found = copy.copy(net)
    assert found.me is net
    assert found.list is net.list


def test_deepcopy_of_a_list_keeps_what_is_the_same_the_same():
    net = small()
    one, two = copy.deepcopy([net, net])
    assert one is two


# slots


@pytest.mark.parametrize("how", ["copy", "deepcopy", *(f"pickle {n}" for n in range(2, 6))])
def test_slots_of_subclasses_survive(how):
    net = small(MoreSlots)
    net.a, net.c, net.d = [1, 2], "c", 4  # b is empty, and d is no slot
    net._Slotted__hidden = "h"
    found = copies_of(net)[how]
    assert type(found) is MoreSlots
    assert (found.a, found.c, found.d, found._Slotted__hidden) == ([1, 2], "c", 4, "h")
    assert (found.a is net.a) == (how == "copy")
    assert not hasattr(found, "b")
    assert found == net


def test_a_network_in_its_own_slot():
    net = small(Slotted)
    net.a = net
    assert copy.deepcopy(net).a is not net
    found = pickle.loads(pickle.dumps(net))
    assert found.a is found


def test_without_slots_the_state_is_what_it_was():
    assert set(small().__getstate__()) == {
        "settings", "parameters", "optimizer_states", "optimizer_tally", "rng", "attributes",
    }  # fmt: skip


# states that were tampered with

ODD = (None, 5, -1.5, "text", b"bytes", [], {}, (), [1, 2], {"a": 1}, np.zeros(3), object, ...)
ODD += ([None] * 8, ["x"] * 8, [np.zeros(48)], [np.zeros(48, "f4")] * 5, np.zeros((48, 1), "f4"))
ODD += (np.zeros(48, "f4")[::2], cyprop.Settings.__new__(cyprop.Settings), [1.0] * 100_000)


def whole_state():
    """That of a network which leaves out nothing."""
    return small(optimizer="adam", l1=0.1, l2=0.1, dropout=0.5, seed=7).__getstate__()


def keys():
    return sorted(whole_state())


def settings_with(**odd):
    """Settings such as nobody can make."""
    known = whole_state()["settings"]
    made = cyprop.Settings.__new__(cyprop.Settings)
    for name in cyprop.Settings.__slots__:
        object.__setattr__(made, name, odd.get(name, getattr(known, name)))
    return made


def odd_settings():
    for key, values in {
        "sizes": ((), (3,), (3, -1), (1 << 60, 1 << 60), "ab", (3, 4.5), None, (0, 0)),
        "activations": ((), ("tanh",), (None, None), (cyprop.Activation("softmax"),) * 2, 7),
        "loss": (None, "mse", cyprop.SGD()),
        "optimizer": (None, "sgd", cyprop.Activation("tanh")),
        "dtype": (None, np.dtype("f2"), np.dtype("i4"), "nothing"),
        "l1": (None, -1.0, np.nan, np.inf, "0.1", True, 1e300),
        "l2": (None, -1.0, np.nan, np.inf, [0.1], 1e300),
        "dropout": (None, 1.0, (), (0.5, 0.5), ("a",), (-0.5,), (np.nan,), {0: 0.5}, 7),
    }.items():
        for value in values:
            yield settings_with(**{key: value})


def tampered(key):
    state = whole_state()
    yield {other: state[other] for other in state if other != key}
    for odd in (*ODD, *(odd_settings() if key == "settings" else ())):
        yield {**state, key: odd}


def test_settings_are_odd_in_one_thing_alone():
    """With nothing odd they are taken, so what is refused below is what was changed."""
    net = cyprop.Network.__new__(cyprop.Network)
    net.__setstate__({**whole_state(), "settings": settings_with()})
    assert net == small(optimizer="adam", l1=0.1, l2=0.1, dropout=0.5, seed=7)


@pytest.mark.parametrize("key", [*keys(), "slots"])
def test_a_state_with_one_thing_wrong_is_refused_or_harmless(key):
    for state in tampered(key):
        net = cyprop.Network.__new__(cyprop.Network)
        try:
            net.__setstate__(state)
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            said = str(error)
            assert said
            assert "\n" not in said
        else:
            assert net.predict(np.zeros(3)).shape == (2,)
        for use in (
            lambda net=net: net.predict(np.zeros(3, "f4")),
            lambda net=net: net.learn_one(np.zeros(3, "f4"), np.zeros(2, "f4")),
            lambda net=net: net.fit(np.zeros((4, 3)), np.zeros((4, 2)), epochs=1),
        ):
            said = ""
            try:
                use()
            except (RuntimeError, ValueError) as error:
                said = str(error)
            assert "initialised" in said or "shape" in said or not said


@pytest.mark.parametrize("key", sorted({*keys()} - {"attributes", "dropout_seed"}))
def test_a_state_that_lacks_something_says_what(key):
    state = whole_state()
    del state[key]
    with pytest.raises(ValueError, match=f"the state has no '{key}', so it is not one of a netwo"):
        small().__class__.__new__(cyprop.Network).__setstate__(state)


@pytest.mark.parametrize("updates", [-1.0, float("nan"), float("inf"), 1e300, 2.0**63])
def test_a_number_of_updates_that_nobody_can_count_is_refused(updates):
    state = small(dropout=0.5).__getstate__()
    state["optimizer_tally"][-1] = updates
    with pytest.raises(ValueError, match="updates, expected a number from 0 to 2"):
        cyprop.Network.__new__(cyprop.Network).__setstate__(state)


@pytest.mark.parametrize("state", [None, 5, "text", [], (1, 2)])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(TypeError, match="for 'state', expected a dict"):
        cyprop.Network.__new__(cyprop.Network).__setstate__(state)


def test_a_network_takes_a_state_once():
    net = small()
    with pytest.raises(RuntimeError, match="cannot be initialised twice"):
        net.__setstate__(net.__getstate__())
    assert net == small()


# the seed


def test_the_seed_is_kept_where_it_is_not_0():
    assert "dropout_seed" not in small().__getstate__()
    assert small(dropout=0.5).__getstate__()["dropout_seed"] == 0
    for options in ({}, {"dropout": 0.5}):
        net = small(seed=7, **options)
        assert net.__getstate__()["dropout_seed"] == 7
        assert {memory.seed_of(other) for other in copies_of(net).values()} == {7}
    state = small(seed=7).__getstate__()
    del state["dropout_seed"]  # as in pickles of before
    other = cyprop.Network.__new__(cyprop.Network)
    other.__setstate__(state)
    assert memory.seed_of(other) == 0


# learning goes on


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_a_copy_learns_on_in_the_same_bits(rng, optimizer, dtype):
    """All that learning depends on travels: moments, their count, dropout's, and the generator.

    What comes from outside is tried before the first update is made, which leaves the same bits.
    """
    options = {"optimizer": optimizer, "dtype": dtype, "dropout": 0.4, "seed": 3, "l2": 0.01}
    net = small(**options)
    X, Y = rng.normal(size=(11, 3)), rng.random((11, 2))
    net.fit(X, Y, epochs=2, batch_size=4)
    others = list(copies_of(net).values())
    again = small(**options)
    memory.set_state(again, *memory.state(net)[1:])
    memory.set_rng(again, copy.deepcopy(memory.rng_of(net)))
    for one in (net, *others, again):
        one.learn_one(X[0], Y[0])
        one.fit(X, Y, epochs=2, batch_size=4)
        one.fit(X, Y, epochs=1, batch_size=4, clip_norm=0.1)
        one.step(one.gradients(X, Y, training=True))
    _, *expected, tally = memory.state(net)
    for one in (*others, again):
        _, *found, tally_found = memory.state(one)
        assert tally_found == tally
        assert same_bits(found[0], expected[0])
        for mine, theirs in zip(found[1], expected[1], strict=True):
            assert same_bits(mine, theirs)


# beside others

SECONDS = 0.7


def beside(*functions):
    """Call each in a thread of its own for a while, with many changes from one to the next."""
    end, errors = time.monotonic() + SECONDS, []

    def work(function):
        try:
            while time.monotonic() < end and not errors:
                function()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(function,)) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if errors:
        raise errors[0]


def looks_whole(net):
    state = net.__getstate__()
    optimizer = state["settings"].optimizer
    assert len(state["optimizer_states"]) == {"sgd": 1, "adam": 2}[optimizer.name]
    assert optimizer.learning_rate in {"sgd": (0.1, 0.2), "adam": (0.3, 0.4)}[optimizer.name]


def test_copies_beside_setting_the_optimizer():
    net = small(optimizer=cyprop.SGD(0.1))

    def set_both():
        net.optimizer = cyprop.Adam(0.3)
        net.learning_rate = 0.4
        net.optimizer = cyprop.SGD(0.1)
        net.learning_rate = 0.2

    beside(
        set_both,
        lambda: looks_whole(net),
        lambda: looks_whole(copy.copy(net)),
        lambda: looks_whole(copy.deepcopy(net)),
        lambda: looks_whole(pickle.loads(pickle.dumps(net))),
    )


def test_copies_beside_compiled_learning(tmp_path):
    """In each complete state all weights are equal."""
    net = cyprop.Network([1000, 1000], "identity", optimizer=cyprop.SGD(1e-4, momentum=0.5))
    net.weights[0][...] = 0.01
    compiled, ones = Calls(net), np.ones(1000, "f4")
    path, seen = tmp_path / "net", set()

    def whole(found):
        first = found.weights[0][0, 0]
        assert (found.weights[0] == first).all()
        seen.add(float(first))

    def save():
        net.save(path)
        whole(cyprop.Network.load(path))

    beside(
        lambda: compiled.learn_one(ones, ones),
        lambda: whole(copy.copy(net)),
        lambda: whole(pickle.loads(pickle.dumps(net))),
        save,
    )
    assert len(seen) > 2


def test_a_bound_prediction_in_several_threads_beside_updates():
    net = cyprop.Network([60, 100, 100, 100, 60, 10], "tanh", optimizer=cyprop.SGD(1e-40))
    assert net.n_parameters < 1 << 16
    rng = np.random.default_rng(0)
    x, out = rng.random(60, dtype="f4"), np.empty(10, "f4")
    X, Y = rng.random((30, 60), dtype="f4"), rng.random((30, 10), dtype="f4")
    expected, step = net.predict(x).tobytes(), net.bind(x, out)

    def call():
        assert step().tobytes() == expected
        time.sleep(1e-4)

    def update():
        net.train_on_batch(X, Y)
        time.sleep(5e-5)

    beside(*[call] * 5, update)
    assert net.predict(x).tobytes() == expected
