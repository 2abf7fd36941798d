"""What the tests share."""

import numpy as np
import pytest

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
