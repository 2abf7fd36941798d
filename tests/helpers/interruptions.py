"""Calls that take seconds, by name, and handlers that come in the midst of them."""

import contextlib
import signal
import threading
import time

import numpy as np

import cyprop

SIZES = [784, 300, 10]
ROWS = 12_000  # of which one thread reads some 100,000 a second


class LightningError(Exception):
    """What a handler raises."""


class Calls:
    """A network, and calls of it that last, each with a number of threads."""

    def __init__(self, n_threads=1, rows=ROWS):
        rng = np.random.default_rng(3)
        self.net = cyprop.Network(SIZES, "relu", "identity", optimizer=cyprop.SGD(1e-6))
        self.n_threads = n_threads
        self.X = rng.random((rows, SIZES[0]), dtype="f4")
        self.Y = rng.random((rows, SIZES[-1]), dtype="f4")
        self.out = np.empty_like(self.Y)
        self.bound = self.net.bind(self.X, self.out)
        self.x, self.y = self.X[0].copy(), self.Y[0].copy()

    def fit(self):
        self.net.fit(
            self.X, self.Y, epochs=9, batch_size=len(self.X), n_threads=self.n_threads,
            validation_data=(self.X[:100], self.Y[:100]),
        )  # fmt: skip

    def fit_small(self):
        self.net.fit(self.X, self.Y, epochs=9, batch_size=32, n_threads=self.n_threads)

    def train_on_batch(self):
        self.net.train_on_batch(self.X, self.Y, n_threads=self.n_threads)

    def predict(self):
        self.net.predict(self.X, self.out, n_threads=self.n_threads)

    def evaluate(self):
        self.net.evaluate(self.X, self.Y, n_threads=self.n_threads)

    def gradients(self):
        self.net.gradients(self.X, self.Y, n_threads=self.n_threads)

    def vjp(self):
        self.net.vjp(self.X, self.Y, n_threads=self.n_threads)

    def jacobian(self):
        self.net.jacobian(self.X[:2000], n_threads=self.n_threads)

    def bound_call(self):
        self.bound()


NAMES = (
    "fit", "fit_small", "train_on_batch", "predict", "evaluate", "gradients", "vjp", "jacobian",
    "bound_call",
)  # fmt: skip


@contextlib.contextmanager
def alarm_after(seconds, function):
    """Call a function in a signal handler, some time from now."""
    before = signal.signal(signal.SIGALRM, lambda *_: function())
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def repeating(function):
    """Call a function in another thread again and again; what it raises is raised at the end."""
    stop, errors, count = threading.Event(), [], [0]

    def work():
        try:
            while not stop.is_set():
                function()
                count[0] += 1
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def goes_on(count, seconds=10):
    """Whether the other thread gets further."""
    before, end = count[0], time.monotonic() + seconds
    while count[0] < before + 2 and time.monotonic() < end:
        time.sleep(0.001)
    return count[0] >= before + 2
