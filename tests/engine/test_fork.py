"""Children of a process whose other threads are in the midst of calls of a network."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from compiled_calls import OK
from compiled_calls import Calls as CompiledCalls
from interruptions import Calls, LightningError, alarm_after, repeating

import cyprop

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.usefixtures("eager"),
]

HALF_UPDATED = -8
SENTENCE = (
    "this process was forked while another thread was updating the network, which is left half"
    " updated here; fork between updates, or load it from a file"
)
WORKS, REFUSED, WRONG = 0, 1, 2


def answer(function):
    """What a child makes of it: whether it works, or ends in the one sentence."""
    try:
        function()
    except RuntimeError as error:
        return REFUSED if str(error) == SENTENCE else WRONG
    except BaseException:
        return WRONG
    return WORKS


def in_child(function):
    """What the function answers with in a child; within a second, or the child is ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of threads
        child = os.fork()
    if child == 0:
        code = WRONG
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 5)
            started = time.monotonic()
            code = function()
            code = code if time.monotonic() - started < 1 else WRONG
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def uses(net, calls):
    """What a child does with a network; each works, or each is refused."""
    other = cyprop.Network([5, 4, 3])
    other.learn_one(np.ones(5, "f4"), np.ones(3, "f4"))
    other.predict(np.ones((2, 5), "f4"))
    answers = {
        answer(lambda: net.predict(calls.x)),
        answer(lambda: net.predict(calls.X[:9])),
        answer(lambda: net.evaluate(calls.X[:9], calls.Y[:9])),
        answer(lambda: net.learn_one(calls.x, calls.y)),
        answer(lambda: net.train_on_batch(calls.X[:9], calls.Y[:9], n_threads=2)),
        answer(lambda: net.gradients(calls.X[:9], calls.Y[:9])),
        answer(lambda: net.__getstate__()),
        answer(lambda: setattr(net, "learning_rate", 1e-6)),
    }
    return answers.pop() if len(answers) == 1 else WRONG


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    "name", ["fit", "fit_small", "train_on_batch", "predict", "evaluate", "gradients", "bound_call"]
)
def test_a_child_of_a_process_in_a_call_works_or_says_why_not(name, n_threads):
    calls = Calls(n_threads)
    codes = set()
    with repeating(getattr(calls, name)):
        for pause in (0.01, 0.02, 0.03):
            time.sleep(pause)
            codes.add(in_child(lambda: uses(calls.net, calls)))
    assert codes <= ({WORKS, REFUSED} if "fit" in name or "train" in name else {WORKS})
    if name == "train_on_batch":
        assert REFUSED in codes


def test_a_child_of_a_process_in_which_others_wait():
    calls = Calls()
    with (
        repeating(calls.train_on_batch),
        repeating(lambda: calls.net.predict(calls.x)),
        repeating(lambda: calls.net.learn_one(calls.x, calls.y)),
    ):
        for pause in (0.01, 0.02, 0.03):
            time.sleep(pause)
            assert in_child(lambda: uses(calls.net, calls)) in (WORKS, REFUSED)


@pytest.mark.parametrize("wait_to", ["read", "write"])
@pytest.mark.parametrize("during", ["train_on_batch", "predict"])
def test_a_handler_forks_while_its_thread_waits(wait_to, during):
    """The child goes on with the waiting, for a thread that it does not have."""
    calls = Calls(rows=60_000)
    started = threading.Event()
    children = []

    def busy():
        started.set()
        getattr(calls, during)()

    def wait():
        if wait_to == "read":
            calls.net.predict(calls.x)
        else:
            calls.net.learn_one(calls.x, calls.y)

    def handler():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child:
            children.append(child)
        else:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 5)
            os.environ["CYPROP_TEST_CHILD"] = "yes"

    thread = threading.Thread(target=busy)
    thread.start()
    started.wait()
    code = WRONG
    try:
        with alarm_after(0.05, handler):
            time.sleep(0.02)
            code = answer(wait)
            while not children and "CYPROP_TEST_CHILD" not in os.environ:
                wait()
    finally:
        if "CYPROP_TEST_CHILD" in os.environ:
            os._exit(code)
    thread.join()
    code = os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1])
    assert code in (WORKS, REFUSED)


def test_compiled_code_in_a_child_of_a_process_in_an_update():
    calls = Calls()
    compiled = CompiledCalls(calls.net)

    def learn():
        code, _ = compiled.learn_one(calls.x, calls.y)
        return {OK: WORKS, HALF_UPDATED: REFUSED}.get(code, WRONG)

    codes = set()
    with repeating(calls.train_on_batch):
        for pause in (0.01, 0.02, 0.03, 0.04):
            time.sleep(pause)
            codes.add(in_child(learn))
    assert REFUSED in codes
    assert codes <= {WORKS, REFUSED}
    assert in_child(learn) == WORKS


def test_a_child_of_a_process_in_which_compiled_code_learns():
    calls = Calls()
    compiled = CompiledCalls(calls.net)
    with repeating(lambda: compiled.learn_one(calls.x, calls.y)):
        for pause in (0.003, 0.007, 0.011, 0.017):
            time.sleep(pause)
            assert in_child(lambda: uses(calls.net, calls)) in (WORKS, REFUSED)


def test_a_handler_that_forks_and_raises_leaves_both_processes_in_order():
    calls, children = Calls(), []

    def handler():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            children.append(os.fork())
        raise LightningError

    try:
        with alarm_after(0.02, handler):
            while True:
                calls.train_on_batch()
    except LightningError:
        if children[0] == 0:
            os._exit(answer(lambda: calls.net.learn_one(calls.x, calls.y)))
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == WORKS
    calls.net.learn_one(calls.x, calls.y)


def test_a_callback_that_forks_leaves_both_with_a_fit_that_ends_in_the_same_bits():
    calls = Calls()
    X, Y = calls.X[:60], calls.Y[:60]

    class Forking:
        child = None

        def on_epoch_end(self, epoch, logs):
            if epoch == 0:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.child = os.fork()

    def trained(n_threads, callbacks=None):
        net = cyprop.Network(calls.net.settings.sizes, seed=4)
        net.fit(X, Y, epochs=3, batch_size=20, n_threads=n_threads, callbacks=callbacks)
        return net.parameters.tobytes()

    expected = trained(1)
    forking = Forking()
    try:
        same = trained(3, forking) == expected
    finally:
        if forking.child == 0:
            os._exit(0 if same else 1)
    assert same
    assert os.waitstatus_to_exitcode(os.waitpid(forking.child, 0)[1]) == 0
