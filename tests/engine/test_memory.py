"""What a call allocates: nothing where it can, and for training no more than it says."""

import gc
import sys
import tracemalloc
from itertools import repeat

import numpy as np
import pytest

import cyprop

CALLS = 10_000
PYTHON_OBJECTS = 65_536  # bytes: a history, a generator, frames
OPTIMIZERS = (cyprop.SGD(0.01, momentum=0.9), cyprop.Adam(0.001))  # which keep vectors


@pytest.fixture
def traced():
    """Trace the memory of Python and of NumPy; the scratch of the kernels is Python's too."""
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_of(call):
    """Bytes in use at the worst moment of a call, beyond those before it."""
    gc.collect()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    result = call()
    _, peak = tracemalloc.get_traced_memory()
    return peak - before, result


@pytest.mark.usefixtures("traced")
def test_what_is_traced_shows():
    assert peak_of(lambda: np.ones(100_000, np.uint8))[0] >= 100_000
    net = cyprop.Network([100, 50])
    X = np.zeros((64, 100), "float32")
    assert peak_of(lambda: net.evaluate(X, X[:, :50]))[0] >= 64 * 50 * 4


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("sizes", [[784, 300, 10], [64, 256, 256, 256, 1]], ids=str)
def test_fit_needs_four_times_the_parameters_and_three_batches(dtype, optimizer, sizes, shuffle):
    # Parameters, two vectors of state, and the parameters of the last finite epoch.
    batch_size = 32
    X = np.full((400, sizes[0]), 0.5, dtype)
    Y = np.full((400, sizes[-1]), 0.5, dtype)

    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    net = cyprop.Network(sizes, optimizer=optimizer, dtype=dtype)
    tracemalloc.reset_peak()
    net.fit(X, Y, epochs=2, batch_size=batch_size, shuffle=shuffle)
    peak = tracemalloc.get_traced_memory()[1] - before
    activations = batch_size * sum(sizes) * dtype.itemsize
    assert peak <= 4 * net.parameters.nbytes + 3 * activations + PYTHON_OBJECTS


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_data_as_the_network_wants_it_is_never_copied_whole(dtype, optimizer, shuffle):
    X, Y = np.full((20_000, 100), 0.5, dtype), np.full((20_000, 2), 0.5, dtype)
    net = cyprop.Network([100, 8, 2], optimizer=optimizer, dtype=dtype)
    a_row = 20_000 * 8  # the order of the rows, or the loss of each
    peak, _ = peak_of(lambda: net.fit(X, Y, epochs=1, batch_size=20, shuffle=shuffle))
    assert peak <= shuffle * a_row + 2 * PYTHON_OBJECTS
    for call in (net.evaluate, lambda X, Y: net.predict(X, out=Y)):
        peak, _ = peak_of(lambda call=call: call(X, Y))
        assert peak < a_row + 2 * PYTHON_OBJECTS < X.nbytes / 10


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    "sizes",
    [[784, 300, 10], [2000, 17], [300_000, 16], [16, 30_000], [300_000, 1], [200_000, 4]],
    ids=str,
)
def test_load_and_predict_need_twice_the_file(tmp_path, dtype, sizes):
    path = tmp_path / "net"
    cyprop.Network(sizes, dtype=dtype).save(path, {"note": "x" * 900_000})
    x = np.zeros(sizes[0], dtype)
    peak, _ = peak_of(lambda: cyprop.Network.load(path).predict(x))
    assert peak <= 2 * path.stat().st_size + 2**20


def calls(sizes, dtype):
    """The calls that allocate nothing, or a float that is gone again."""
    net = cyprop.Network(sizes, "tanh", "tanh", dtype=dtype)
    x, y = np.full(sizes[0], 0.5, dtype), np.full(sizes[-1], 0.5, dtype)
    X, Y = np.full((100, sizes[0]), 0.5, dtype), np.full((100, sizes[-1]), 0.5, dtype)
    bound, bound_batch = net.bind(x, np.empty_like(y)), net.bind(X, np.empty_like(Y))
    return {
        "predict": lambda: net.predict(x, out=y),
        "learn_one": lambda: net.learn_one(x, y),
        "bound": bound,
        "bound batch": bound_batch,
    }


@pytest.mark.parametrize("name", calls([2, 1], "float32"))
@pytest.mark.parametrize("sizes", [[4, 8, 3], [300, 250, 7]], ids=str)
def test_calls_that_allocate_nothing(dtype, sizes, name):
    call = calls(sizes, dtype)[name]
    n = CALLS if sizes[0] < 100 else 1000 if name != "bound batch" else 20
    call()  # the first learn_one makes its scratch

    def often():
        for _ in repeat(None, n):
            call()

    often()
    gc.collect()
    blocks = sys.getallocatedblocks()
    often()
    assert abs(sys.getallocatedblocks() - blocks) < 20
    tracemalloc.start()
    try:
        often()
        peak, _ = peak_of(often)
    finally:
        tracemalloc.stop()
    assert peak < 1000
