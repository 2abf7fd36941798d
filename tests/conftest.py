"""What the tests share."""

import numpy as np
import pytest

from cyprop.engine import threads
from cyprop.kernels import dispatch


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
