"""Masks of dropout: the words they are made of, each unit's own, and that they look drawn."""

import ctypes
from pathlib import Path

import compiled_headers
import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import GUARD, SIZES, gap_is_untouched, same_bits, wide
from scipy import stats

import cyprop
from cyprop.kernels import dropout

LOOPS = Path(cyprop.__file__).parent / "kernels/loops"
SOURCE = """\
#include "{loops}/philox.h"
void words(uint64_t key, const uint32_t *counter, uint32_t *words);
void words(uint64_t key, const uint32_t *c, uint32_t *words)
{
    cyprop_random_words(key, c[0], c[1], c[2], c[3], words);
}
"""
ALL = 0xFFFFFFFF
# Of Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, and the words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ALL, ALL, ALL, ALL), (ALL, ALL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
UPDATES = (0, 1, 12345, 2**32 - 1, 2**32, 2**40 + 7)
SEEDS = (0, 1, 2**31 + 5, 2**64 - 1)
ALPHA = 1e-4  # of a test of independence; with these seeds each is passed once and for all


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The words of 16 counters from the header, in the order of the kernel."""
    source = tmp_path_factory.mktemp("philox") / "networks.c"
    source.write_text(SOURCE.replace("{loops}", str(LOOPS)), encoding="utf-8")
    library = compiled_headers.library(source)
    library.words.argtypes = ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p

    def call(counter, key):
        given, drawn = np.array(counter, np.uint32), np.zeros(64, np.uint32)
        library.words(key, given.ctypes.data, drawn.ctypes.data)
        return drawn

    return call


def mask(shape, rate, seed=0, update=0, layer=0, first=0, dtype=np.float32):
    A = np.ones(shape, dtype)
    M, D = np.full_like(A, GUARD), np.full_like(A, GUARD)
    dropout.drop(A, M, D, rate, seed, update, layer, first)
    return M


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_words_are_those_of_random123(words, counter, key, expected):
    whole_key = key[0] + (key[1] << 32)
    assert [int(word) for word in twin.dropout.philox(counter, whole_key)] == list(expected)
    assert words(counter, whole_key)[::16].tolist() == list(expected)


def test_sixteen_counters_follow_one_another(words, rng):
    for first in (0, 16, 160):
        c1, c2, c3 = (int(number) for number in rng.integers(0, 2**32, 3))
        key = int(rng.integers(0, 2**64, dtype=np.uint64))
        counters = np.broadcast_arrays(first + np.arange(16), c1, c2, c3)
        expected = np.concatenate(twin.dropout.philox(counters, key))
        assert (words((first, c1, c2, c3), key) == expected).all()


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("n_out", [*SIZES, 64, 128, 130, 300])
def test_masks_are_the_twins_bit_by_bit(dtype, n_out):
    place = 0
    for update in UPDATES:
        for seed in SEEDS:
            layer, first = (0, 1, 5)[place % 3], (0, 1, 70_000)[place // 3 % 3]
            rate = (0.5, 0.1, 0.3, 0.9, 0.999)[place % 5]
            place += 1
            expected = twin.dropout.mask((3, n_out), rate, seed, update, layer, first)
            got = mask((3, n_out), rate, seed, update, layer, first, dtype)
            assert same_bits(got, expected.astype(dtype))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("n_out", SIZES)
def test_outputs_are_products_and_nothing_else_is_touched(rng, dtype, n_out):
    A, dD = (wide(rng.normal(size=(4, n_out)).astype(dtype)) for _ in range(2))
    M, D = (wide(np.zeros((4, n_out), dtype)) for _ in range(2))
    before, dA = A.copy(), wide(dD.copy())
    dropout.drop(A, M, D, 0.4, 3, 9, 1)
    dropout.silence(M, dA)
    assert same_bits(A.copy(), before)
    assert same_bits(D.copy(), A * M)
    assert same_bits(dA.copy(), dD * M)
    assert all(gap_is_untouched(array) for array in (A, M, D, dA))


def test_a_row_depends_on_its_place_and_not_on_who_asks(dtype):
    together = mask((100, 77), 0.5, 4, 6, 1, dtype=dtype)
    for first, n in ((0, 1), (1, 64), (63, 37), (99, 1)):
        assert same_bits(mask((n, 77), 0.5, 4, 6, 1, first, dtype), together[first : first + n])
    assert same_bits(mask((100, 20), 0.5, 4, 6, 1, dtype=dtype), together[:, :20].copy())


@pytest.mark.parametrize("rate", [1e-12, 1e-3, 0.25, 0.5, 0.75, 0.999, 1 - 2**-53])
def test_the_rate(rate):
    """The number of silent units is binomial; what is left has the inverse of its share."""
    drawn = mask((1000, 1000), rate, 1, 2, dtype=np.float64)
    silent = int((drawn == 0).sum())
    assert stats.binomtest(silent, drawn.size, rate).pvalue > ALPHA
    assert set(np.unique(drawn)) <= {0.0, 1 / (1 - rate)}
    assert (mask((50, 50), 0.0) == 1).all()


def lags(bits):
    """Pairs of units, of rows, and of both, some of which are a draw or a counter apart."""
    for rows, units in ((0, 1), (0, 16), (0, 32), (0, 64), (1, 0), (2, 0), (1, 1), (9, 64)):
        yield bits[: len(bits) - rows, : bits.shape[1] - units], bits[rows:, units:]


def assert_independent(one, other, rate):
    """Of two arrays of bits: how often both are 1 is as chance has it."""
    expected = rate**2 * one.size
    deviation = np.sqrt(one.size) * rate * (1 - rate)
    together = (one & other).sum() - rate * (one.sum() + other.sum()) + expected
    assert abs(together) < stats.norm.isf(ALPHA / 2) * deviation


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_units_rows_updates_layers_and_seeds_are_independent(rate):
    bits = mask((1200, 700), rate, 11, 3, 1) == 0
    for one, other in lags(bits):
        assert_independent(one, other, rate)
    for seed, update, layer in (
        *((seed, 3, 1) for seed in (10, 12, 11 + 2**32, 11 + 2**63)),
        *((11, update, 1) for update in (0, 2, 4, 3 + 2**32, 3 + 2**33)),
        *((11, 3, layer) for layer in (0, 2, 3)),
    ):
        assert_independent(bits, mask(bits.shape, rate, seed, update, layer) == 0, rate)


def test_each_unit_and_each_row_is_silent_as_often_as_chance_has_it():
    rate = 0.3
    silent = np.stack([mask((64, 200), rate, 5, update) == 0 for update in range(500)])
    for axes in ((0, 1), (0, 2), (1, 2)):
        counts = silent.sum(axis=axes)
        n = silent.size // counts.size
        statistic = ((counts - n * rate) ** 2).sum() / (n * rate * (1 - rate))
        p = stats.chi2.sf(statistic, counts.size)
        assert ALPHA / 2 < p < 1 - ALPHA / 2


@pytest.mark.parametrize(
    ("arrays", "error", "match"),
    [
        (((2, 3), None, (2, 3)), TypeError, "M is None, expected a matrix"),
        (((2, 3), (2, 4), (2, 3)), ValueError, r"M has shape \(2, 4\), expected \(2, 3\)"),
        (((2, 3), (2, 3), (1, 3)), ValueError, r"D has shape \(1, 3\), expected \(2, 3\)"),
        (((0, 3), (0, 3), (0, 3)), ValueError, "A is empty"),
    ],
)
def test_what_does_not_fit_is_refused(dtype, arrays, error, match):
    arrays = [None if shape is None else np.ones(shape, dtype) for shape in arrays]
    with pytest.raises(error, match=match):
        dropout.drop(*arrays, 0.5, 0, 0, 0)


def test_rows_must_be_as_far_apart(dtype):
    A = np.ones((3, 5), dtype)
    with pytest.raises(ValueError, match="rows of A and D must be the same distance apart"):
        dropout.drop(A, A.copy(), wide(A), 0.5, 0, 0, 0)
    with pytest.raises(ValueError, match="rows of M and dA must be the same distance apart"):
        dropout.silence(A, wide(A))
