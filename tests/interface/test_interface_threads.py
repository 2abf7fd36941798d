"""Compiled code beside Python: predictions in many threads, and whose turn it is to learn."""

import copy
import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import BUSY, OK, Calls

import cyprop


def test_any_number_of_threads_predict_at_once(dtype, rng):
    net = cyprop.Network([30, 40, 5], dtype=dtype)
    X = rng.normal(size=(200, 30)).astype(dtype)
    expected = net.predict(X)

    def work(first):
        calls = Calls(net)
        return all(
            same_bits(calls.predict(X[i])[1], expected[i])
            and same_bits(calls.predict_rows(X[: i + 1])[1], expected[: i + 1])
            for i in range(first, 200, 8)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@pytest.fixture(autouse=True)
def turns_are_short():
    """Threads change places often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def sample(net):
    x = np.full(net.sizes[0], 0.5, net.dtype)
    return x, np.full(net.sizes[-1], 0.25, net.dtype)


def learner(net, results, stop):
    """Learn the sample again and again, without the GIL, until told to stop; count the codes."""
    calls, (x, y) = Calls(net), sample(net)
    while not stop.is_set():
        code, loss = calls.learn_one(x, y)
        results[code] = results.get(code, 0) + 1
        assert code == BUSY or math.isfinite(loss)


@pytest.mark.parametrize("sizes", [[4, 8, 3], [300, 300, 3]], ids=str)
def test_updates_of_both_follow_one_another(dtype, sizes):
    """All learn one sample, so that in the end only their number counts, to the bit."""
    net = cyprop.Network(sizes, optimizer=cyprop.Adam(1e-4), dtype=dtype)
    twin, (x, y) = copy.copy(net), sample(net)
    results, stop = [{} for _ in range(3)], threading.Event()
    threads = [threading.Thread(target=learner, args=(net, result, stop)) for result in results]
    for thread in threads:
        thread.start()
    n_updates = 0
    while n_updates < 200 or min(result.get(OK, 0) for result in results) < 50:
        net.learn_one(x, y)
        net.train_on_batch(x[None], y[None])
        n_updates += 2
    stop.set()
    for thread in threads:
        thread.join()
    assert set().union(*results) <= {OK, BUSY}
    for _ in range(n_updates + sum(result[OK] for result in results)):
        twin.learn_one(x, y)
    assert same_bits(net.parameters, twin.parameters)


def test_learning_during_a_long_update_is_a_code(dtype):
    net = cyprop.Network([500, 500, 3], dtype=dtype)
    calls, before = Calls(net), net.parameters.copy()
    X, Y = np.ones((2000, 500), dtype), np.full((2000, 3), 0.5, dtype)
    update = threading.Thread(target=net.train_on_batch, args=(X, Y))
    update.start()
    codes = [calls.learn_one(X[0], Y[0])[0] for _ in iter(update.is_alive, False)]
    update.join()
    assert BUSY in codes
    assert set(codes) <= {OK, BUSY}
    assert calls.learn_one(X[0], Y[0])[0] == OK
    assert not same_bits(net.parameters, before)


def test_the_optimizer_is_not_changed_under_an_update(dtype):
    """Its state is freed with it; an update under way would write into freed memory."""
    net = cyprop.Network([40, 60, 3], dtype=dtype)
    result, stop = {}, threading.Event()
    thread = threading.Thread(target=learner, args=(net, result, stop))
    thread.start()
    for i in range(300):
        net.optimizer = (cyprop.Adam(1e-4), cyprop.SGD(1e-3, 0.9), cyprop.SGD(1e-3))[i % 3]
    stop.set()
    thread.join()
    assert result[OK] > 0
    assert set(result) <= {OK, BUSY}
    assert np.isfinite(net.parameters).all()
