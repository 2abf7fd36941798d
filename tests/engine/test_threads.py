"""n_threads: the same bits for any number, no thread where none was asked for, none left behind."""

import _thread
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from arrays_for_tests import same_bits, sparse

import cyprop
from cyprop.engine import memory, threads

COUNTS = (2, 3, 5, 8, 16, 17)
NETWORKS = [
    {"sizes": [1, 1]},
    {"sizes": [3, 70, 1], "activation": "tanh"},
    {"sizes": [65, 31, 9, 5], "activation": "relu", "output_activation": "softmax"},
    {"sizes": [37, 17, 3], "activation": "relu", "loss": "cross_entropy"},
    {"sizes": [130, 101, 33], "output_activation": "sigmoid", "loss": "binary_cross_entropy"},
]
OPTIMIZERS = [cyprop.SGD(0.1), cyprop.SGD(0.05, momentum=0.9), cyprop.Adam(0.01)]


def name(value):
    return str(value.get("sizes")) if isinstance(value, dict) else type(value).__name__


def data(rng, n, sizes, dtype):
    X = sparse(rng, (n, sizes[0]), dtype)
    X[::3] = rng.normal(size=X[::3].shape)
    return X, rng.dirichlet(np.ones(sizes[-1]), size=n).astype(dtype)


def threads_of_this_process():
    if sys.platform == "linux":
        return len(os.listdir("/proc/self/task"))
    listing = ["ps", "-M", "-p", str(os.getpid())]
    return len(
        subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\n")
    )


def back_to(before):
    """Whether no more threads than before are left; the system lists one for a moment longer."""
    for _ in range(200):
        if threads_of_this_process() <= before:
            return True
        time.sleep(0.01)
    return False


# the same bits


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("arguments", NETWORKS, ids=name)
def test_predict_and_evaluate(rng, dtype, arguments):
    net = cyprop.Network(**arguments, dtype=dtype)
    X, Y = data(rng, 531, arguments["sizes"], dtype)
    for n in (1, 2, 3, 7, 64, 65, 531):
        expected = net.predict(X[:n])
        loss = net.evaluate(X[:n], Y[:n])
        for n_threads in COUNTS:
            assert same_bits(net.predict(X[:n], n_threads=n_threads), expected)
            out = np.full_like(expected, np.nan)
            assert net.predict(X[:n], out, n_threads) is out
            assert same_bits(out, expected)
            assert net.evaluate(X[:n], Y[:n], n_threads=n_threads) == loss
    assert same_bits(net.predict(X[0], n_threads=8), net.predict(X[0]))


@pytest.mark.usefixtures("eager")
def test_no_rows_at_all(dtype):
    net = cyprop.Network([3, 2], dtype=dtype)
    assert net.predict(np.empty((0, 3), dtype), n_threads=4).shape == (0, 2)


def trained(arguments, optimizer, dtype, X, Y, n_threads, batch_size):
    """Everything that training leaves behind."""
    net = cyprop.Network(**arguments, dtype=dtype, optimizer=optimizer, seed=3)
    history = net.fit(
        X, Y, epochs=2, batch_size=batch_size, validation_data=(X, Y), n_threads=n_threads
    )
    _, _, states, tally = memory.state(net)
    numbers = np.array([*history.loss, *history.validation_loss, *tally])
    return [net.parameters, numbers, *states]


# Fewer rows than threads, a row a batch, a last batch that is smaller, one batch for all.
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("n", "batch_size"), [(2, 2), (3, 1), (24, 7), (150, 128)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("arguments", NETWORKS, ids=name)
def test_fit(rng, dtype, arguments, optimizer, n, batch_size):
    X, Y = data(rng, n, arguments["sizes"], dtype)
    expected = trained(arguments, optimizer, dtype, X, Y, 1, batch_size)
    for n_threads in COUNTS:
        actual = trained(arguments, optimizer, dtype, X, Y, n_threads, batch_size)
        for a, e in zip(actual, expected, strict=True):
            assert same_bits(a, e)


def test_fit_over_many_turns(rng, monkeypatch):
    # One thread stops for a look at Ctrl-C elsewhere than two do.
    monkeypatch.setattr(threads, "processors", lambda: 2)
    X = rng.normal(size=(640, 300)).astype(np.float32)
    Y = rng.normal(size=(640, 7)).astype(np.float32)
    results = []
    for n_threads in (1, 2):
        net = cyprop.Network([300, 400, 7], activation="relu", seed=3, optimizer=cyprop.SGD(0.01))
        history = net.fit(X, Y, epochs=3, batch_size=32, n_threads=n_threads)
        results.append([net.parameters, np.array(history.loss)])
    for one, two in zip(*results, strict=True):
        assert same_bits(one, two)


@pytest.mark.usefixtures("eager")
def test_divergence_is_found_in_the_same_batch(rng, dtype):
    X, Y = data(rng, 60, [5, 3], dtype)
    X[37] = np.finfo(dtype).max / 2
    results = []
    for n_threads in (1, 4):
        net = cyprop.Network([5, 8, 3], "relu", output_activation="identity", dtype=dtype, seed=1)
        with pytest.raises(cyprop.DivergenceError) as caught:
            net.fit(X, Y, epochs=2, batch_size=10, shuffle=False, n_threads=n_threads)
        results.append((str(caught.value), net.parameters.tobytes()))
    assert results[0] == results[1]


class Looking:
    """How many threads a user's code sees, and what it does then."""

    def __init__(self, then=None):
        self.seen, self.then = [], then

    def on_epoch_end(self, epoch, logs):
        for _ in range(200):
            if threads_of_this_process() <= min(self.seen, default=0):
                break
            time.sleep(0.001)
        self.seen.append(threads_of_this_process())
        if self.then is not None:
            self.then()


# one team for a whole fit


@pytest.mark.usefixtures("eager")
def test_no_thread_is_left_while_a_callback_runs_or_when_it_raises(rng):
    X, Y = data(rng, 200, [5, 3], np.float32)
    before = threads_of_this_process()
    looking = Looking()
    net = cyprop.Network([5, 8, 3], seed=1)
    net.fit(X, Y, epochs=4, batch_size=50, n_threads=3, callbacks=looking)
    assert min(looking.seen) == before
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=4, n_threads=3, callbacks=Looking(lambda: 1 / 0))
    assert back_to(before)


@pytest.mark.usefixtures("eager")
def test_a_team_serves_calls_of_all_sizes_and_calls_in_calls(rng):
    X, Y = data(rng, 150, [5, 3], np.float32)

    def results(n_threads):
        net, inner = (cyprop.Network([5, 8, 3], seed=seed) for seed in (1, 2))

        def nested():
            inner.fit(X, Y, epochs=2, batch_size=70, n_threads=n_threads)

        with threads.kept_threads(n_threads):
            loss = net.train_on_batch(X, Y, n_threads=n_threads)
            few = net.predict(X[:2], n_threads=n_threads)
            all_ = net.predict(X, n_threads=n_threads)
            net.fit(X, Y, epochs=2, n_threads=n_threads, callbacks=Looking(nested))
            return [np.array(loss), few, all_, net.parameters, inner.parameters]

    expected = results(1)
    for n_threads in COUNTS:
        for a, e in zip(results(n_threads), expected, strict=True):
            assert same_bits(a, e)


@pytest.mark.usefixtures("eager")
def test_two_threads_of_python_have_teams_of_their_own(rng):
    X, Y = data(rng, 400, [20, 3], np.float32)

    def trained(seed, n_threads):
        net = cyprop.Network([20, 30, 3], seed=seed)
        net.fit(X, Y, epochs=3, batch_size=100, n_threads=n_threads)
        return net.parameters

    found = {}
    both = [
        threading.Thread(target=lambda seed=seed: found.update({seed: trained(seed, 2)}))
        for seed in (1, 2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    for seed in (1, 2):
        assert same_bits(found[seed], trained(seed, 1))


@pytest.mark.usefixtures("eager")
def test_teams_may_be_let_go_in_any_order(rng):
    """As greenlets of one thread do, which take turns while callbacks run."""
    X, _ = data(rng, 150, [5, 3], np.float32)
    net = cyprop.Network([5, 8, 3], seed=1)
    expected = net.predict(X)
    teams, kept = [threads.kept_threads(3) for _ in range(3)], []
    for team in teams:
        team.__enter__()
    for left in (1, 0):
        teams[left].__exit__(None, None, None)
        assert same_bits(net.predict(X, n_threads=3), expected)
        kept.append(threads_of_this_process())
    teams[2].__exit__(None, None, None)
    assert back_to(min(kept) - 2)
    assert same_bits(net.predict(X, n_threads=3), expected)
    assert back_to(min(kept) - 2)


AT_THE_END = """
import sys, threading, time
import numpy as np, cyprop
from cyprop.engine import threads
threads.processors = lambda: 2
n = 60_000 if sys.argv[1] == "predict" else 10_000
X, Y = np.zeros((n, 200), "f4"), np.zeros((n, 3), "f4")
go_on = threading.Barrier(9)
def work():
    net = cyprop.Network([200, 300, 200, 3])
    call = lambda: getattr(net, sys.argv[1])(X, *[Y][: sys.argv[1] != "predict"], n_threads=2)
    call()
    go_on.wait()
    while True:
        call()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
go_on.wait()
time.sleep(0.02)
"""


@pytest.mark.parametrize("name", ["predict", "gradients"])
def test_python_may_end_in_the_midst_of_a_call_of_a_daemon_thread(name):
    """It ends threads that ask for its lock then; others of their team still work on their task."""
    command = [sys.executable, "-c", AT_THE_END, name]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


AFTER_THE_END = """
import gc, sys, threading, time
import numpy as np, cyprop
X, Y = np.zeros((60_000, 200), "f4"), np.zeros((60_000, 3), "f4")
net = cyprop.Network([200, 300, 3])
class Saving:
    def __init__(self):
        self.net, self.x, self.write, self.me = net, X[0], sys.stdout.write, self
    def __del__(self):
        try:
            self.net.learn_one(self.x, self.x[:3])
        except RuntimeError as error:
            self.write(str(error))
gc.set_threshold(10**6)
Saving()
goes_on = threading.Event()
def work():
    while True:
        getattr(net, sys.argv[1])(X, *[Y][: sys.argv[1] != "predict"])
        goes_on.set()
threading.Thread(target=work, daemon=True).start()
goes_on.wait()
time.sleep(0.02)
"""


@pytest.mark.parametrize("name", ["predict", "train_on_batch"])
def test_a_finaliser_does_not_wait_for_a_thread_that_python_has_ended(name):
    command = [sys.executable, "-c", AFTER_THE_END, name]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Python is ending, and has ended a thread in the midst of")


# how many


@pytest.mark.usefixtures("eager")
def test_the_number_may_be_of_any_kind_that_is_whole(rng):
    X, Y = data(rng, 60, [5, 3], np.float32)

    class Two:
        def __index__(self):
            return 2

    found = []
    for n_threads in (1, Two(), np.int8(2), np.array(2)):
        net = cyprop.Network([5, 8, 3], seed=1)
        net.fit(X, Y, epochs=1, n_threads=n_threads, validation_split=0.2)
        net.fit([(X, Y)], epochs=1, n_threads=n_threads)
        net.fit(X, Y, optimizer=cyprop.LBFGS(max_iterations=2), n_threads=n_threads)
        found.append(net.parameters)
    for parameters in found:
        assert same_bits(parameters, found[0])


def test_small_networks_of_many_rows_use_threads(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)
    work = threads.work_of_row(cyprop.Network([4, 32, 16, 4]).settings)
    assert threads.threads_for_batches(2, 10_000, 10_000, work) == 2
    assert threads.threads_for_batches(2, 10_000, 32, work) == 1


def test_more_threads_than_are_of_use_are_not_started(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 6)
    call, batch = threads.LEAST_OF_A_CALL, threads.LEAST_OF_A_BATCH
    assert threads.threads_for_rows(4, 1000, call) == 4
    assert threads.threads_for_rows(256, 1000, call) == 6
    assert threads.threads_for_rows(4, 3, call) == 3
    assert threads.threads_for_rows(4, 3, call // 3) == 1
    assert threads.threads_for_rows(4, 2, call // 2) == 1
    assert threads.threads_for_rows(4, 1, 1) == 1
    assert threads.threads_for_rows(4, 0, call) == 1
    assert threads.threads_for_batches(4, 10**9, 1, 4 * batch) == 4
    assert threads.threads_for_batches(4, 10**9, 3, batch) == 3
    assert threads.threads_for_batches(4, 10**9, 1, batch - 1) == 1
    assert threads.threads_for_batches(4, 1, 1, 4 * batch) == 1


def most_threads_during(call):
    """How many threads the process had, at most, beyond those it had before."""
    most, done = 0, threading.Event()
    watching = threading.Event()

    def watch():
        nonlocal most
        before = threads_of_this_process()
        watching.set()
        while not done.is_set():
            most = max(most, threads_of_this_process() - before)
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    watching.wait()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return most


@pytest.mark.usefixtures("eager")
def test_threads_exist_only_in_a_call_that_asked_for_them(rng):
    net = cyprop.Network([64, 128, 128, 8], "relu", optimizer=cyprop.SGD(1e-3))
    X = rng.random((30_000, 64), dtype=np.float32)
    Y = rng.random((30_000, 8), dtype=np.float32)
    calls = [
        lambda **how: net.predict(X, **how),
        lambda **how: net.evaluate(X, Y, **how),
        lambda **how: net.fit(X, Y, epochs=1, batch_size=256, **how),
        lambda **how: net.train_on_batch(X, Y, **how),
        lambda **how: net.gradients(X, Y, **how),
        lambda **how: net.vjp(X, Y, **how),
        lambda **how: net.jacobian(X[:4000], **how),
    ]
    before = threads_of_this_process()
    for call in calls:
        most = 0
        for _ in range(20):  # on a busy machine the watcher may come too late to see a short call
            most = max(most, most_threads_during(lambda call=call: call(n_threads=3)))
            assert back_to(before)
            if most >= 2:
                break
        assert most == 2
        assert most_threads_during(call) == 0
        assert most_threads_during(lambda call=call: call(n_threads=1)) == 0


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


PREPARE = """
import os, sys, threading
import numpy as np
import cyprop
from cyprop.engine import threads
threads.processors = lambda: 4
threads.LEAST_OF_A_CALL = threads.LEAST_OF_A_BATCH = 1
rng = np.random.default_rng(1)
X, Y = rng.random((300, 33), dtype=np.float32), rng.random((300, 4), dtype=np.float32)

def results(n_threads):
    net = cyprop.Network([33, 40, 4], seed=5)
    out = np.empty((300, 4), np.float32)
    net.fit(X, Y, epochs=2, batch_size=50, n_threads=n_threads)
    net.predict(X, out, n_threads)
    return out.tobytes() + repr(net.evaluate(X, Y, n_threads)).encode()

expected = results(1)
"""


FORK = """
assert results(4) == expected
child = os.fork()
if child == 0:
    same = results(4) == expected == results(1)
    os._exit(0 if same else 1)
assert results(4) == expected
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("same bits")
"""

if hasattr(os, "fork"):

    def test_fork_after_a_threaded_call():
        assert run(PREPARE + FORK) == "same bits"


NO_THREADS = """
import resource
results(1)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 600_000, resource.RLIM_INFINITY))
threading.stack_size(1 << 20)
try:
    threading.Thread(target=print).start()
except RuntimeError:
    print("no threads")
assert results(4) == expected
print("same bits")
"""

if sys.platform == "linux":

    def test_without_threads_to_be_had_the_caller_does_it_all():
        assert run(PREPARE + NO_THREADS).split("\n") == ["no threads", "same bits"]


@pytest.mark.usefixtures("eager")
def test_ctrl_c_ends_a_threaded_fit_after_a_complete_update(rng):
    net = cyprop.Network([256, 256, 10], optimizer=cyprop.SGD(0.01))
    X = rng.random((3000, 256), dtype=np.float32)
    Y = rng.random((3000, 10), dtype=np.float32)
    start = net.parameters.copy()
    before = threads_of_this_process()
    waits, pressed = [], []

    def press():
        pressed.append(time.perf_counter())
        _thread.interrupt_main()

    # A machine with other work may wake a thread late, so the best of five counts.
    for _ in range(5):
        timer = threading.Timer(0.15, press)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, epochs=10**9, batch_size=128, n_threads=2)
        waits.append(time.perf_counter() - pressed[-1])
        timer.join()
        assert np.isfinite(net.parameters).all()
        assert back_to(before)
        if waits[-1] < 0.1:
            break
    assert min(waits) < 0.1
    assert not np.array_equal(net.parameters, start)
    assert np.isfinite(net.train_on_batch(X[:2], Y[:2]))


# bad numbers


@pytest.mark.parametrize(
    ("n_threads", "error", "sentence"),
    [
        (0, ValueError, "n_threads is 0, expected at least 1"),
        (-3, ValueError, "n_threads is -3, expected at least 1"),
        (257, ValueError, "n_threads is 257, expected at most 256"),
        (10**30, ValueError, f"n_threads is {10**30}, expected at most 256"),
        (1.0, TypeError, "n_threads is 1.0, expected a whole number"),
        (2.5, TypeError, "n_threads is 2.5, expected a whole number"),
        (True, TypeError, "n_threads is True, expected a whole number"),
        ("2", TypeError, "n_threads is '2', expected a whole number"),
        (None, TypeError, "n_threads is None, expected a whole number"),
    ],
)
def test_a_bad_number_of_threads_is_refused(dtype, n_threads, error, sentence):
    net = cyprop.Network([4, 3], dtype=dtype)
    before = net.parameters.copy()
    X, Y = np.ones((5, 4), dtype), np.ones((5, 3), dtype)
    for call in (
        lambda: net.predict(X, n_threads=n_threads),
        lambda: net.predict(X[0], n_threads=n_threads),
        lambda: net.predict(X[0], np.empty(3, dtype), n_threads),
        lambda: net.evaluate(X, Y, n_threads=n_threads),
        lambda: net.fit(X, Y, epochs=1, n_threads=n_threads),
        lambda: net.train_on_batch(X, Y, n_threads=n_threads),
        lambda: net.gradients(X, Y, n_threads=n_threads),
        lambda: net.vjp(X, Y, n_threads=n_threads),
        lambda: net.jacobian(X, n_threads=n_threads),
        lambda: net.step(np.zeros_like(net.parameters), n_threads=n_threads),
    ):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value) == sentence
    assert same_bits(net.parameters, before)


def test_any_whole_number_will_do(dtype):
    net = cyprop.Network([4, 3], dtype=dtype)
    X = np.ones((5, 4), dtype)
    assert same_bits(net.predict(X, n_threads=np.int8(2)), net.predict(X))


# data that another thread changes meanwhile

RESTLESS = """
import threading, time
import numpy as np
import cyprop
from cyprop.engine import threads

threads.processors = lambda: threads.MOST
threads.LEAST_OF_A_CALL = threads.LEAST_OF_A_BATCH = 1
rng = np.random.default_rng(1)
X, Y, weights = rng.normal(size=(64, 40)), rng.random((64, 3)), np.ones(64)
net = cyprop.Network([40, 20, 3], "tanh", dtype="float64", l2=0.01 * {penalised})
end = time.monotonic() + 3

def change():
    while time.monotonic() < end:
        X[-1, -1] = 1e300
        net.weights[0][-1, -1] = 1e300 if {penalised} else 0
        weights[:] = 0
        X[-1, -1] = net.weights[0][-1, -1] = 0
        weights[:] = 1

thread = threading.Thread(target=change)
thread.start()
while thread.is_alive():
    net.train_on_batch(X, Y, n_threads=3)
    try:
        net.fit(X, Y, 2, 16, n_threads=3, sample_weight=weights)
    except (ValueError, cyprop.DivergenceError):
        pass
"""


@pytest.mark.parametrize("penalised", [False, True])
def test_threads_agree_though_another_changes_what_they_read(penalised):
    code = RESTLESS.format(penalised=penalised)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
