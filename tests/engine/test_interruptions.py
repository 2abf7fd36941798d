"""Signal handlers that raise, or use the network, in the midst of each long call of it."""

import signal
import time

import numpy as np
import pytest
from interruptions import NAMES, Calls, LightningError, alarm_after, goes_on, repeating

import cyprop

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer"),
    pytest.mark.usefixtures("eager"),
]

DELAY = 0.02  # seconds until the handler comes; the calls last longer
MOST = 0.1  # seconds that a handler's exception may take


def interrupted(calls, name, handler):
    """Make the call again and again until its handler raises; say when that came out, and what."""
    try:
        with alarm_after(DELAY, handler):
            while True:
                getattr(calls, name)()
    except LightningError as error:
        return time.perf_counter(), error


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_handler_raises_comes_out_while_another_thread_waits(name, n_threads):
    calls, raised = Calls(n_threads), []

    def handler():
        raised.append(time.perf_counter())
        raise LightningError

    waits = []
    with repeating(lambda: calls.net.learn_one(calls.x, calls.y)) as count:
        for _ in range(5):  # a machine with other work may be late, so the best counts
            out, error = interrupted(calls, name, handler)
            assert error.__cause__ is None
            assert not isinstance(error.__context__, SystemError)
            waits.append(out - raised[-1])
            if waits[-1] < MOST:
                break
        assert goes_on(count)
    assert min(waits) < MOST
    assert np.isfinite(calls.net.parameters).all()
    getattr(calls, name)()


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_signal_is_answered_in_time(name, n_threads):
    """From when it was sent, with nobody else about."""
    calls, waits = Calls(n_threads), []

    def handler():
        raise LightningError

    for _ in range(5):
        started = time.perf_counter()
        out, _ = interrupted(calls, name, handler)
        waits.append(out - started - DELAY)
        if waits[-1] < MOST:
            break
    assert min(waits) < MOST


@pytest.mark.parametrize("other", [False, True], ids=["alone", "while another waits"])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_handler_that_uses_the_network_gets_an_answer_or_the_error(name, n_threads, other):
    calls, said = Calls(n_threads), []

    def use():
        for call in (
            lambda: calls.net.predict(calls.x),
            lambda: calls.net.learn_one(calls.x, calls.y),
            lambda: calls.net.set_hyperparameters(learning_rate=1e-6),
            lambda: calls.net.__getstate__(),
        ):
            try:
                call()
                said.append(None)
            except RuntimeError as error:
                said.append(str(error))
        raise LightningError

    if other:
        with repeating(lambda: calls.net.learn_one(calls.x, calls.y)) as count:
            interrupted(calls, name, use)
            assert goes_on(count)
    else:
        interrupted(calls, name, use)
    assert len(said) == 4
    sentence = "a signal handler interrupted a call of this network and cannot use it meanwhile"
    assert set(said) <= {None, sentence}
    calls.net.learn_one(calls.x, calls.y)
    getattr(calls, name)()


class Idle:
    def on_epoch_end(self, epoch, logs):
        pass


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kind", ["callbacks", "an iterable"])
def test_a_handler_that_trains_another_network_leaves_the_team_it_interrupted_whole(
    kind, n_threads
):
    """Between its own tasks it ends threads, but not those of the task that waits."""
    calls, said = Calls(2), []
    x, y = calls.X[:8], calls.Y[:8]

    def train():
        net = cyprop.Network([*calls.net.settings.sizes], seed=1)
        if kind == "callbacks":
            net.fit(x, y, epochs=1, batch_size=8, callbacks=Idle(), n_threads=n_threads)
        else:
            net.fit([(x, y)], epochs=1, n_threads=n_threads)
        said.append(net.parameters.tobytes())
        raise LightningError

    with pytest.raises(LightningError):
        train()
    interrupted(calls, "fit", train)
    assert said[0] == said[1]
    calls.fit()
