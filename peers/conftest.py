"""What the comparisons share."""

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.Generator(np.random.PCG64(12345))


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)
