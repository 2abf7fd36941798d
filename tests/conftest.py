"""What the tests share."""

import signal

import numpy as np
import pytest

from cyprop.engine import threads
from cyprop.kernels import dispatch

# A shell has what it starts in the background ignore Ctrl-C, and so do the programs that tests run:
# those that Ctrl-C is to end would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng():
    return np.random.Generator(np.random.PCG64(12345))


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=dispatch.supported())
def level(request):
    """Each instruction set that this processor has, in use for the length of a test."""
    before = dispatch.level()
    dispatch.use(request.param)
    yield request.param
    dispatch.use(before)


@pytest.fixture
def eager(monkeypatch):
    """As many threads as a call asks for, however little it has to do."""
    monkeypatch.setattr(threads, "processors", lambda: threads.MOST)
    for least in ("LEAST_OF_A_CALL", "LEAST_OF_A_BATCH", "LEAST_OF_A_STEP"):
        monkeypatch.setattr(threads, least, 1)
