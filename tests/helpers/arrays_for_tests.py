"""Arrays in every shape that a caller may bring, and how closely results must agree."""

import numpy as np

# Either side of every vector width, and of every block a loop may take at a time.
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65)

GUARD = 12345.0


def sparse(rng, shape, dtype):
    """Normal numbers, 81 % of them zero as in pictures of digits, half of those −0.0."""
    values = rng.normal(size=shape)
    values[rng.random(shape) < 0.81] = 0.0
    values[(values == 0) & (rng.random(shape) < 0.5)] = -0.0
    return values.astype(dtype)


def wide(array, gap=5):
    """A copy whose rows lie in a wider array; the gap between them holds GUARD."""
    outer = np.full((array.shape[0], array.shape[1] + gap), GUARD, array.dtype)
    outer[:, : array.shape[1]] = array
    return outer[:, : array.shape[1]]


def gap_is_untouched(array):
    return bool((array.base[:, array.shape[1] :] == GUARD).all())


def misaligned(array):
    """A copy that starts one byte past where its dtype may."""
    memory = np.zeros(array.nbytes + array.itemsize + 1, np.uint8)
    start = -memory.ctypes.data % array.itemsize + 1
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    assert not copy.flags.aligned
    return copy


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_sum(actual, expected, size_of_terms, n_terms):
    """Each element within the rounding of a sum of n_terms products of the given sizes.

    |error| ≤ (n_terms + 2) · ε · Σ|terms| holds for every order of summation.
    """
    epsilon = np.finfo(actual.dtype).eps
    bound = (n_terms + 2) * epsilon * size_of_terms + np.finfo(actual.dtype).tiny
    error = np.abs(actual.astype(np.longdouble) - expected)
    worst = np.unravel_index(np.argmax(error - bound), error.shape)
    assert (error <= bound).all(), (worst, actual[worst], expected[worst], bound[worst])


def ulps(actual, expected):
    """How many units in the last place each `actual` is from a more precise `expected`."""
    info = np.finfo(actual.dtype)
    exponent = np.maximum(np.frexp(expected)[1] - 1, info.minexp)
    return np.ldexp(np.abs(actual.astype(expected.dtype) - expected), info.nmant - exponent)
