"""One network in many threads: whole updates only, in turns, and nobody waits for ever."""

import copy
import hashlib
import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.engine import memory

ROUNDS = 50
WRITERS = ("learn_one", "train_on_batch", "fit")
READERS = ("predict", "predict into", "bound", "loss", "copy")
SHORT, LONG = [4, 8, 3], [200, 330, 4]  # a call that keeps the GIL, and one that lets go of it


def together(*functions):
    """Run each in a thread of its own, all from the same moment on; raise what they raised."""
    barrier, errors = threading.Barrier(len(functions)), []

    def work(function):
        try:
            barrier.wait()
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Shared:
    """A network, samples for it, and what it says and is after each number of updates.

    All updates are the same one, learned in different ways, so their order does not matter.
    """

    def __init__(self, sizes, dtype):
        rng = np.random.default_rng(7)
        self.net = cyprop.Network(
            sizes, "tanh", "identity", dtype=dtype, optimizer=cyprop.SGD(5e-4)
        )
        self.x, self.y = rng.random(sizes[0]).astype(dtype), rng.random(sizes[-1]).astype(dtype)
        self.X, self.Y = rng.random((40, sizes[0])).astype(dtype), np.zeros((40, sizes[-1]), dtype)

    def learn(self, how):
        if how == "learn_one":
            self.net.learn_one(self.x, self.y)
        elif how == "train_on_batch":
            self.net.train_on_batch(self.x[None], self.y[None])
        else:
            self.net.fit(self.x[None], self.y[None], epochs=1, n_threads=2)

    def reader(self, how, path):
        """A function that says what the network is now, in few letters."""
        out = np.empty_like(self.Y)
        bound = self.net.bind(self.X, out)
        read = {
            "predict": lambda: self.net.predict(self.X).tobytes(),
            "predict into": lambda: self.net.predict(self.x, out[0]).tobytes(),
            "bound": lambda: bound().tobytes(),
            "loss": lambda: np.float64(self.net.evaluate(self.X, self.Y, 2)).tobytes(),
            "gradient": lambda: self.net.gradients(self.X, self.Y).parameters.tobytes(),
            "copy": lambda: copy.copy(self.net).parameters.tobytes(),
            "pickle": lambda: pickle.loads(pickle.dumps(self.net)).parameters.tobytes(),
            "file": lambda: self.saved(path),
        }[how]
        return lambda: hashlib.sha256(read()).hexdigest()

    def saved(self, path):
        self.net.save(path)
        return cyprop.Network.load(path).parameters.tobytes()

    def states(self, n_updates, readers):
        """For each reader, what it says after 0, 1, … updates, in one thread."""
        said = {how: [read()] for how, read in readers.items()}
        for i in range(n_updates):
            self.learn(WRITERS[i % len(WRITERS)])
            for how, read in readers.items():
                said[how].append(read())
        return said


@pytest.mark.parametrize("readers", [READERS, ("gradient", "pickle", "file", "predict", "bound")])
@pytest.mark.parametrize("sizes", [SHORT, LONG], ids=["short", "long"])
def test_eight_threads_see_whole_updates_and_lose_none(dtype, tmp_path, sizes, readers):
    shared = Shared(sizes, dtype)
    reading = {how: shared.reader(how, tmp_path / "alone") for how in readers}
    start = shared.net.parameters.copy()
    expected = shared.states(ROUNDS * len(WRITERS), reading)
    for said in expected.values():
        assert len(set(said)) == len(said)  # or it could not be told which state was seen
    end = shared.net.parameters.copy()
    memory.go_back(shared.net, start)
    seen = {how: [] for how in readers}

    def write(how):
        for _ in range(ROUNDS):
            shared.learn(how)

    def look(how):
        read = shared.reader(how, tmp_path / "together")
        for _ in range(ROUNDS):
            seen[how].append(read())

    together(
        *[lambda how=how: write(how) for how in WRITERS],
        *[lambda how=how: look(how) for how in readers],
    )
    assert same_bits(shared.net.parameters, end)
    for how in readers:
        assert set(seen[how]) <= set(expected[how])
        numbers = [expected[how].index(said) for said in seen[how]]
        assert len(numbers) == ROUNDS
        assert numbers == sorted(numbers)


def test_threads_that_only_predict_are_right(dtype):
    shared = Shared(LONG, dtype)
    expected = shared.net.predict(shared.X)
    wrong = []

    def look(i):
        out = np.empty_like(expected[0])
        for _ in range(ROUNDS):
            for row in (i, i + 8, i + 16):
                wrong.append(not same_bits(shared.net.predict(shared.X[row]), expected[row]))
                wrong.append(not same_bits(shared.net.predict(shared.X[row], out), expected[row]))
            wrong.append(not same_bits(shared.net.predict(shared.X, n_threads=2), expected))

    together(*[lambda i=i: look(i) for i in range(8)])
    assert len(wrong) == 8 * ROUNDS * 7
    assert not any(wrong)


# nobody waits for ever


class Loop:
    """A call made again and again in a thread, and how often it has returned."""

    def __init__(self, call):
        self.count, self.done = 0, False
        self.thread = threading.Thread(target=self.work, args=(call,))

    def work(self, call):
        while not self.done:
            call()
            self.count += 1

    def __enter__(self):
        self.thread.start()
        while self.count == 0:
            time.sleep(0.001)
        return self

    def __exit__(self, *error):
        self.done = True
        self.thread.join()


def large(dtype):
    net = cyprop.Network([300, 300, 8], "relu", optimizer=cyprop.SGD(1e-6), dtype=dtype)
    return net, np.ones((50, 300), dtype), np.ones((50, 8), dtype)


def test_a_prediction_gets_its_turn_between_two_updates(dtype):
    net, X, Y = large(dtype)
    waited = 0
    with Loop(lambda: net.train_on_batch(X, Y)) as updates:
        for _ in range(20):
            before = updates.count
            net.predict(X[0])
            waited += updates.count - before
    assert waited <= 2 * 20


def test_a_prediction_gets_its_turn_in_the_midst_of_an_epoch(dtype):
    net, X, Y = large(dtype)
    x = X[0]
    X, Y = np.tile(X, (400, 1)), np.tile(Y, (400, 1))
    with Loop(lambda: net.fit(X, Y, epochs=1)) as epochs:
        before = epochs.count
        for _ in range(10):
            net.predict(x)
        assert epochs.count - before <= 2


def test_an_update_gets_its_turn_among_predictions(dtype):
    net, X, Y = large(dtype)
    waited = 0
    with (
        Loop(lambda: net.predict(X)) as first,
        Loop(net.bind(X, np.empty_like(Y))) as second,
        Loop(lambda: net.evaluate(X, Y)) as third,
    ):
        for _ in range(20):
            before = first.count + second.count + third.count
            net.learn_one(X[0], Y[0])
            waited += first.count + second.count + third.count - before
    assert waited <= 2 * 3 * 20


# signals

if hasattr(signal, "pthread_kill"):

    @pytest.fixture
    def alarm():
        """Call a function in a signal handler, some time from now."""
        before = signal.getsignal(signal.SIGALRM)

        def set_alarm(seconds, function):
            signal.signal(signal.SIGALRM, lambda *_: function())
            signal.setitimer(signal.ITIMER_REAL, seconds)

        yield set_alarm
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    def test_a_signal_handler_cannot_wait_for_what_it_interrupts(dtype, alarm):
        net, X, Y = large(dtype)
        X, Y = np.tile(X, (100, 1)), np.tile(Y, (100, 1))
        said = []

        def handler():  # which may come just before the call, or behind it: then it is answered
            for call in (lambda: net.predict(X[0]), lambda: net.learn_one(X[0], Y[0])):
                try:
                    call()
                except RuntimeError as error:
                    said.append(str(error))

        started = time.perf_counter()
        net.train_on_batch(X, Y)
        seconds = time.perf_counter() - started
        for attempt in range(200):
            alarm(seconds * (attempt % 9 + 1) / 10, handler)
            net.train_on_batch(X, Y)
            if said:
                break
        sentence = "a signal handler interrupted a call of this network and cannot use it meanwhile"
        assert said == [sentence] * 2
        assert net.predict(X[0]).shape == (8,)
        net.learn_one(X[0], Y[0])

    def test_ctrl_c_ends_the_waiting_and_leaves_the_queue_in_order(dtype):
        net, X, Y = large(dtype)
        X, Y = np.tile(X, (100, 1)), np.tile(Y, (100, 1))

        def predict():
            while True:
                net.predict(X[0])

        def learn():
            while True:
                net.learn_one(X[0], Y[0])

        for call in (predict, learn):
            with Loop(lambda: net.train_on_batch(X, Y)) as updates:
                timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
                timer.start()
                with pytest.raises(KeyboardInterrupt):
                    call()
                timer.join()
                count = updates.count
                while updates.count < count + 2:  # it goes on
                    time.sleep(0.001)
            assert net.predict(X[0]).shape == (8,)
