"""The same bits everywhere: alone or in a batch, whatever the vector width, run after run."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from arrays_for_tests import same_bits, sparse

import cyprop
from cyprop.kernels import dispatch

ARCHITECTURES = [
    {"sizes": [1, 1]},
    {"sizes": [1, 48, 1]},
    {"sizes": [4, 8, 3], "activation": "tanh"},
    {"sizes": [17, 33, 16, 5], "activation": "relu", "output_activation": "softmax"},
    {"sizes": [65, 31, 9], "activation": ["identity"], "output_activation": "sigmoid"},
    {"sizes": [784, 30, 10]},
    # So large that a prediction lets go of the GIL.
    {"sizes": [300, 250, 7], "activation": "relu", "loss": "cross_entropy"},
    # So large that one row is taken through a few rows of W at a time.
    {"sizes": [1031, 270, 3], "activation": "tanh"},
]
# A product that is added is one rounding on these; without FMA it is two.
WITH_FMA = [level for level in dispatch.supported() if level != "baseline"]


@pytest.fixture
def restore_level():
    before = dispatch.level()
    yield
    dispatch.use(before)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("arguments", ARCHITECTURES, ids=lambda a: str(a["sizes"]))
def test_a_row_has_the_same_bits_alone_and_in_any_batch(rng, dtype, arguments):
    net = cyprop.Network(**arguments, dtype=dtype)
    for b in net.biases:
        b[...] = rng.normal(size=b.shape)
    X = sparse(rng, (140, arguments["sizes"][0]), dtype)
    X[::3] = rng.normal(size=X[::3].shape)
    alone = np.stack([net.predict(x) for x in X])
    assert same_bits(net.predict(X), alone)
    for n in range(1, 71):
        start = int(rng.integers(0, 70))
        assert same_bits(net.predict(X[start : start + n]), alone[start : start + n])


def trained(level, dtype, optimizer, arguments, rng):
    """The predictions and the parameters of a network before and after training."""
    dispatch.use(level)
    net = cyprop.Network(**arguments, dtype=dtype, optimizer=optimizer)
    X = sparse(rng, (75, arguments["sizes"][0]), dtype)
    Y = rng.dirichlet(np.ones(arguments["sizes"][-1]), size=75).astype(dtype)
    results = [net.predict(X)]
    history = net.fit(X, Y, epochs=2, batch_size=13)
    results += [net.predict(X), net.parameters, np.array(history.loss)]
    for x, y in zip(X[:20], Y[:20], strict=True):
        results.append(np.array(net.learn_one(x, y)))
    g = net.gradients(X[:9], Y[:9])
    return [*results, net.parameters, g.parameters, g.inputs, np.array(net.evaluate(X, Y))]


@pytest.mark.usefixtures("restore_level")
@pytest.mark.parametrize("arguments", ARCHITECTURES, ids=lambda a: str(a["sizes"]))
def test_vector_width_does_not_matter(dtype, arguments):
    for optimizer in (cyprop.SGD(0.1), cyprop.SGD(0.1, momentum=0.9), cyprop.Adam(0.01)):
        # Twice each level: repeated trainings agree too.
        runs = [
            trained(level, dtype, optimizer, arguments, np.random.default_rng(4))
            for level in (WITH_FMA or ["baseline"]) * 2
        ]
        for run in runs[1:]:
            for expected, actual in zip(runs[0], run, strict=True):
                assert same_bits(actual, expected)


@pytest.mark.usefixtures("restore_level")
@pytest.mark.parametrize("arguments", ARCHITECTURES, ids=lambda a: str(a["sizes"]))
def test_without_fma_only_the_last_bits_differ(dtype, arguments):
    tolerance = {"float32": 2e-3, "float64": 1e-11}[dtype.name]
    optimizer = cyprop.SGD(0.1)
    expected = trained(dispatch.supported()[-1], dtype, optimizer, arguments,
                       np.random.default_rng(4))  # fmt: skip
    actual = trained("baseline", dtype, optimizer, arguments, np.random.default_rng(4))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("level")
def test_repeated_trainings_give_the_same_bits(rng, dtype):
    X, Y = rng.random((90, 20)).astype(dtype), rng.random((90, 3)).astype(dtype)
    results = set()
    for _ in range(100):
        net = cyprop.Network([20, 33, 3], dtype=dtype, optimizer=cyprop.Adam(0.01), seed=6)
        net.fit(X, Y, epochs=3, batch_size=7)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


def test_where_the_data_lies_in_memory_does_not_matter(rng, dtype):
    net = cyprop.Network([19, 17, 5], dtype=dtype)
    X = rng.normal(size=(23, 19)).astype(dtype)
    expected = net.predict(X)
    memory = np.zeros(X.nbytes + 128, np.uint8)
    for start in range(0, 64, dtype.itemsize):
        shift = -memory.ctypes.data % 64 + start
        moved = memory[shift : shift + X.nbytes].view(dtype).reshape(X.shape)
        moved[...] = X
        assert same_bits(net.predict(moved), expected)


# other processes


def run(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TRAIN = """
import hashlib
import numpy as np
import cyprop
rng = np.random.default_rng(8)
digest = hashlib.sha256()
for dtype in ("float32", "float64"):
    net = cyprop.Network([9, 33, 4], dtype=dtype, seed=3, optimizer=cyprop.Adam(0.01))
    net.fit(rng.random((60, 9)), rng.random((60, 4)), epochs=3, batch_size=7)
    digest.update(net.parameters.tobytes())
print(digest.hexdigest())
"""


def test_another_process_ends_in_the_same_bits():
    levels = WITH_FMA or ["baseline"]
    here = hashlib.sha256()
    rng = np.random.default_rng(8)
    before = dispatch.level()
    dispatch.use(levels[0])
    try:
        for dtype in ("float32", "float64"):
            net = cyprop.Network([9, 33, 4], dtype=dtype, seed=3, optimizer=cyprop.Adam(0.01))
            net.fit(rng.random((60, 9)), rng.random((60, 4)), epochs=3, batch_size=7)
            here.update(net.parameters.tobytes())
    finally:
        dispatch.use(before)
    for level in levels:
        for hash_seed in ("0", "1"):
            there = run(TRAIN, CYPROP_ISA=level, PYTHONHASHSEED=hash_seed)
            assert there == here.hexdigest()


FLOATING_POINT = """
import ctypes, ctypes.util, platform, sys, threading
import numpy as np

def control():
    "The rounding, exceptions and denormals that MXCSR asks for; its flags come and go."
    if platform.machine() != "x86_64" or sys.platform != "linux":
        return None
    environment = (ctypes.c_uint32 * 8)()
    assert ctypes.CDLL(ctypes.util.find_library("m")).fegetenv(environment) == 0
    return environment[7] & 0xFFC0

def arithmetic():
    "What denormals and rounding do here, in both dtypes, as bytes."
    results = b""
    for dtype in (np.float32, np.float64):
        tiny = np.full(33, np.finfo(dtype).tiny)
        smallest = np.full(33, np.finfo(dtype).smallest_subnormal)
        third = np.full(33, 1, dtype) / np.array(3, dtype)
        results += (tiny / 2).tobytes() + (smallest * 4).tobytes() + (tiny - smallest).tobytes()
        results += third.tobytes() + (-third).tobytes()
        results += (1 + third * np.finfo(dtype).eps).tobytes()
    results += repr((float("5e-324") * 3, control())).encode()
    return results

before = arithmetic()
assert np.frombuffer(before[:132], np.float32).all(), "denormals were off already"
assert control() in (None, 0x1F80), "MXCSR was not as programs find it"
import cyprop
assert arithmetic() == before, "import"
for dtype in ("float32", "float64"):
    net = cyprop.Network([5, 33, 3], dtype=dtype)
    net.predict(np.zeros(5))
    net.fit(np.ones((40, 5)), np.ones((40, 3)), epochs=2)
assert arithmetic() == before, "use"
in_a_thread = []
thread = threading.Thread(target=lambda: in_a_thread.append(arithmetic()))
thread.start()
thread.join()
assert in_a_thread == [before], "threads"
print("unchanged")
"""


@pytest.mark.parametrize("level", dispatch.supported())
def test_import_leaves_denormals_and_rounding_alone(level):
    assert run(FLOATING_POINT, CYPROP_ISA=level) == "unchanged"


@pytest.mark.usefixtures("level")
def test_denormals_are_computed_with(dtype):
    net = cyprop.Network([2, 1], activation="identity", dtype=dtype)
    smallest = np.finfo(dtype).smallest_subnormal
    net.weights[0][...] = [[3], [0]]
    assert net.predict(np.array([smallest, 0], dtype))[0] == 3 * smallest
