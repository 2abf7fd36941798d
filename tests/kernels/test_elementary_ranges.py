"""exp, sigmoid and tanh over a sample of all float32 and dense ranges of both dtypes.

``python -m benchmarks accuracy`` takes every float32 there is; this is what every run can afford.
"""

import numpy as np
import pytest
from arrays_for_tests import ulps

from cyprop.kernels import activation

EVERY = 2503  # a prime, so that no bit of the patterns stays the same
# Where the results bend, where the formulas change hands, and where exp is about to underflow.
RANGES = ((0.54, 0.56), (1.05, 1.2), (0.3, 0.4), (8.5, 9.5), (17.2, 17.4), (87.2, 87.5), (103, 104))


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


REFERENCES = {"sigmoid": sigmoid, "tanh": np.tanh}
LOWEST = {"sigmoid": 0, "tanh": -1}


def evaluated(name, x):
    A = np.empty_like(x)[None]
    activation.forward(name, x[None], A)
    return A[0]


def exp(x):
    """e^x, for x ≤ −40, where softmax beside a unit at 0 shows it to the last bit."""
    Z = np.stack([x, np.zeros_like(x)], axis=1)
    A = np.empty_like(Z)
    activation.forward("softmax", Z, A)
    return np.ascontiguousarray(A[:, 0])


def check(name, x, y):
    """At most 2 ULP, and nothing outside the function's range."""
    wide = x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)
    with np.errstate(under="ignore"):
        expected = np.exp(wide) if name == "exp" else REFERENCES[name](wide)
        errors = ulps(y, expected)
    worst = errors.argmax()
    assert errors[worst] <= 2, (x[worst], y[worst], expected[worst])
    assert y.min() >= (0 if name == "exp" else LOWEST[name])
    assert y.max() <= 1


def sample(first):
    """Every so many patterns of bits of a float32 that is a number."""
    bits = np.arange(first, 0x7F800000, EVERY, dtype=np.uint32)
    x = bits.view(np.float32)
    return np.concatenate([x, -x])


def all_between(low, high, dtype, most=100_000):
    """Every float between, or at least `most` of them evenly spread, from low on."""
    integer = np.uint32 if dtype == "float32" else np.uint64
    first, last = (int(np.array(edge, dtype).view(integer)) for edge in (low, high))
    step = max(1, (last - first) // most)
    return np.arange(first, last, step, dtype=integer).view(dtype)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("first", [0, 3331])
@pytest.mark.parametrize("name", REFERENCES)
def test_a_sample_of_all_float32(name, first):
    x = sample(first)
    check(name, x, evaluated(name, x))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", REFERENCES)
def test_dense_ranges(dtype, name):
    for low, high in RANGES:
        x = all_between(low, high, dtype)
        assert len(x) >= 15_000
        x = np.concatenate([x, -x])
        check(name, x, evaluated(name, x))


@pytest.mark.usefixtures("level")
def test_exp_where_softmax_shows_it(dtype):
    last = {"float32": (60, 87.2, 87.5, 103), "float64": (60, 103, 708.3, 745)}[dtype.name]
    for low in (40, *last):
        x = -all_between(low, low + 1, dtype)
        check("exp", x, exp(x))
    if dtype == "float32":
        x = sample(77)
        x = x[x <= -40]
        check("exp", x, exp(x))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("name", REFERENCES)
def test_nothing_but_nan_gives_nan(dtype, name):
    # Quiet and signalling, of both signs, with every kind of payload.
    integer, infinity, most = {
        "float32": (np.uint32, 0x7F800000, 0x7FFFFFFF),
        "float64": (np.uint64, 0x7FF0000000000000, 0x7FFFFFFFFFFFFFFF),
    }[dtype.name]
    bits = np.linspace(infinity + 1, most, 1001, dtype=np.float64).astype(np.uint64)
    bits = np.clip(bits, infinity + 1, most).astype(integer)
    x = np.concatenate([bits, bits | integer(most + 1)]).view(dtype)
    assert np.isnan(x).all()
    assert np.isnan(evaluated(name, x)).all()
    info = np.finfo(dtype)
    numbers = np.array([np.inf, -np.inf, info.max, info.min, info.tiny, -0.0, 0.0], dtype)
    assert not np.isnan(evaluated(name, numbers)).any()
