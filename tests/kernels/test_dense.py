"""The dense kernels against their NumPy twin."""

import itertools

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import (
    GUARD,
    SIZES,
    assert_sum,
    gap_is_untouched,
    misaligned,
    read_only,
    same_bits,
    sparse,
    wide,
)

from cyprop.kernels import dense


def layer(rng, n, n_in, n_out, dtype):
    """A_prev, W, b, dZ of a layer, A_prev mostly zero."""
    return (
        sparse(rng, (n, n_in), dtype),
        rng.normal(size=(n_in, n_out)).astype(dtype),
        rng.normal(size=n_out).astype(dtype),
        rng.normal(size=(n, n_out)).astype(dtype),
    )


def shapes(rng):
    """A few sizes in every combination, and every size in every place."""
    yield from itertools.product((1, 2, 17, 48, 130), repeat=3)
    for place in range(3):
        for size in SIZES:
            shape = [int(rng.choice(SIZES)) for _ in range(3)]
            shape[place] = size
            yield tuple(shape)


@pytest.fixture(params=[0, 5], ids=["adjacent rows", "rows apart"])
def gap(request):
    return request.param


@pytest.mark.usefixtures("level")
class TestNumbers:
    def test_forward(self, rng, dtype, gap):
        for n, n_in, n_out in shapes(rng):
            A_prev, W, b, _ = layer(rng, n, n_in, n_out, dtype)
            Z = wide(np.full((n, n_out), np.nan, dtype), gap)
            dense.forward(wide(A_prev, gap), wide(W, gap), b, Z)
            size = twin.dense.forward(abs(A_prev), abs(W), abs(b))
            assert_sum(Z, twin.dense.forward(A_prev, W, b), size, n_in + 1)
            assert gap_is_untouched(Z)

    def test_backward_W(self, rng, dtype, gap):
        for n, n_in, n_out in shapes(rng):
            A_prev, _, _, dZ = layer(rng, n, n_in, n_out, dtype)
            dW = wide(np.full((n_in, n_out), np.nan, dtype), gap)
            dense.backward_W(wide(A_prev, gap), wide(dZ, gap), dW)
            size = twin.dense.backward_W(abs(A_prev), abs(dZ))
            assert_sum(dW, twin.dense.backward_W(A_prev, dZ), size, n)
            assert gap_is_untouched(dW)

    def test_backward_b(self, rng, dtype, gap):
        for n, _, n_out in shapes(rng):
            dZ = layer(rng, n, 1, n_out, dtype)[3]
            db = np.full(n_out + 5, GUARD, dtype)
            dense.backward_b(wide(dZ, gap), db[:n_out])
            assert_sum(db[:n_out], twin.dense.backward_b(dZ), abs(dZ).sum(0, np.float64), n)
            assert (db[n_out:] == GUARD).all()

    def test_backward_A(self, rng, dtype, gap):
        for n, n_in, n_out in shapes(rng):
            _, W, _, dZ = layer(rng, n, n_in, n_out, dtype)
            dA_prev = wide(np.full((n, n_in), np.nan, dtype), gap)
            dense.backward_A(wide(dZ, gap), wide(W, gap), dA_prev)
            size = twin.dense.backward_A(abs(dZ), abs(W))
            assert_sum(dA_prev, twin.dense.backward_A(dZ, W), size, n_out)
            assert gap_is_untouched(dA_prev)

    def test_one_sample_has_the_bits_of_a_batch_of_one(self, rng, dtype):
        for _, n_in, n_out in shapes(rng):
            A_prev, W, b, dZ = layer(rng, 1, n_in, n_out, dtype)
            batch = [np.empty_like(dZ), np.empty_like(W), np.empty_like(b), np.empty_like(A_prev)]
            one = [array.copy() for array in batch]
            dense.forward(A_prev, W, b, batch[0])
            dense.backward_W(A_prev, dZ, batch[1])
            dense.backward_b(dZ, batch[2])
            dense.backward_A(dZ, W, batch[3])
            dense.forward_one(A_prev[0], W, b, one[0][0])
            dense.backward_W_one(A_prev[0], dZ[0], one[1])
            dense.backward_b_one(dZ[0], one[2])
            dense.backward_A_one(dZ[0], W, one[3][0])
            for expected, actual in zip(batch, one, strict=True):
                assert same_bits(actual, expected)

    def test_a_row_has_the_same_bits_in_every_batch(self, rng, dtype):
        for _, n_in, n_out in shapes(rng):
            A_prev, W, b, dZ = layer(rng, 70, n_in, n_out, dtype)
            Z, dA_prev = np.empty_like(dZ), np.empty_like(A_prev)
            dense.forward(A_prev, W, b, Z)
            dense.backward_A(dZ, W, dA_prev)
            for n in (1, 2, 3, 4, 5, 7, 8, 9, 33):
                some = np.empty((n, n_out), dtype), np.empty((n, n_in), dtype)
                dense.forward(A_prev[-n:], W, b, some[0])
                dense.backward_A(dZ[-n:], W, some[1])
                assert same_bits(some[0], Z[-n:])
                assert same_bits(some[1], dA_prev[-n:])

    def test_a_row_of_more_weights_than_caches_hold_has_the_bits_of_a_batch(self, rng, dtype):
        _, W, b, dZ = layer(rng, 5, 260, 1100, dtype)
        A_prev = rng.normal(size=(5, 260)).astype(dtype)
        Z, one = np.empty_like(dZ), np.empty_like(dZ[0])
        dense.forward(A_prev, W, b, Z)
        for row, expected in zip(A_prev, Z, strict=True):
            dense.forward_one(row, W, b, one)
            assert same_bits(one, expected)

    def test_sums_of_minus_zeros_are_zero_and_not_minus_zero(self, dtype):
        # A sum that passes over zeros must end like one that does not.
        n, n_in, n_out = 3, 5, 17
        zeros = np.full((n, n_in), -0.0, dtype)
        W, b = np.ones((n_in, n_out), dtype), np.full(n_out, -0.0, dtype)
        dZ = np.full((n, n_out), -0.0, dtype)
        Z, dW, dA_prev = dZ.copy(), W.copy(), zeros.copy()
        dense.forward(zeros, W, b, Z)
        dense.backward_W(zeros, dZ, dW)
        dense.backward_A(dZ, W, dA_prev)
        for result in (Z, dW, dA_prev):
            assert same_bits(result, np.zeros_like(result))

    @pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
    def test_a_poisoned_row_touches_no_other(self, rng, dtype, poison):
        for n, n_in, n_out in ((2, 3, 7), (9, 17, 33), (17, 65, 16)):
            A_prev, W, b, dZ = layer(rng, n, n_in, n_out, dtype)
            Z, dA_prev = np.empty_like(dZ), np.empty_like(A_prev)
            dense.forward(A_prev, W, b, Z)
            dense.backward_A(dZ, W, dA_prev)
            for row in (0, n // 2, n - 1):
                bad_A, bad_dZ = A_prev.copy(), dZ.copy()
                bad_A[row], bad_dZ[row] = poison, poison
                bad_Z, bad_dA_prev = np.empty_like(Z), np.empty_like(A_prev)
                dense.forward(bad_A, W, b, bad_Z)
                dense.backward_A(bad_dZ, W, bad_dA_prev)
                others = np.arange(n) != row
                assert same_bits(bad_Z[others], Z[others])
                assert same_bits(bad_dA_prev[others], dA_prev[others])
                assert not np.isfinite(bad_Z[row]).any()
                assert not np.isfinite(bad_dA_prev[row]).any()

    def test_a_poisoned_unit_touches_no_other_column(self, rng, dtype):
        A_prev, W, b, dZ = layer(rng, 9, 17, 33, dtype)
        A_prev[...] = rng.normal(size=A_prev.shape)
        for unit in (0, 15, 16, 32):
            Z, dW, db = np.empty_like(dZ), np.empty_like(W), np.empty_like(b)
            bad_W, bad_dZ = W.copy(), dZ.copy()
            bad_W[:, unit], bad_dZ[:, unit] = np.nan, np.nan
            dense.forward(A_prev, bad_W, b, Z)
            dense.backward_W(A_prev, bad_dZ, dW)
            dense.backward_b(bad_dZ, db)
            for result in (Z, dW, db[None]):
                assert np.isnan(result[:, unit]).all()
                assert np.isfinite(np.delete(result, unit, axis=1)).all()


def calls(dtype, n=4, n_in=3, n_out=5):
    """Every function with arrays that fit it; the output is the last one."""
    A_prev, W = np.ones((n, n_in), dtype), np.ones((n_in, n_out), dtype)
    a_prev, b, dZ = np.ones(n_in, dtype), np.ones(n_out, dtype), np.ones((n, n_out), dtype)
    return {
        "forward": (A_prev, W, b, dZ.copy()),
        "backward_W": (A_prev, dZ, W.copy()),
        "backward_b": (dZ, b.copy()),
        "backward_A": (dZ, W, A_prev.copy()),
        "forward_one": (a_prev, W, b, b.copy()),
        "backward_W_one": (a_prev, b, W.copy()),
        "backward_b_one": (b, b.copy()),
        "backward_A_one": (b, W, a_prev.copy()),
    }


EACH_ARGUMENT = [
    (name, place) for name, arrays in calls("float32").items() for place in range(len(arrays))
]


@pytest.mark.parametrize("name", calls("float32"))
def test_inputs_may_be_read_only_and_are_not_changed(rng, dtype, name):
    arrays = [rng.normal(size=array.shape).astype(dtype) for array in calls(dtype)[name]]
    inputs = [read_only(array) for array in arrays[:-1]]
    getattr(dense, name)(*inputs, arrays[-1])
    for before, after in zip(arrays, inputs, strict=False):
        assert same_bits(before, after)


@pytest.mark.parametrize("name", calls("float32"))
def test_a_read_only_output_is_refused(dtype, name):
    *inputs, output = calls(dtype)[name]
    with pytest.raises(ValueError, match="read-only"):
        getattr(dense, name)(*inputs, read_only(output))


@pytest.mark.parametrize("size", ["n", "n_in", "n_out"])
def test_a_size_of_zero_is_refused(dtype, size):
    for name, arrays in calls(dtype, **{size: 0}).items():
        if any(array.size == 0 for array in arrays):
            with pytest.raises(ValueError, match="is empty, expected at least one"):
                getattr(dense, name)(*arrays)


@pytest.mark.parametrize(("name", "place"), EACH_ARGUMENT)
class TestRefusals:
    def refused(self, name, place, dtype, bad, error, match):
        arrays = list(calls(dtype)[name])
        arrays[place] = bad(arrays[place])
        before = [None if array is None else array.copy() for array in arrays]
        with pytest.raises(error, match=match):
            getattr(dense, name)(*arrays)
        for old, new in zip(before, arrays, strict=True):
            assert old is new is None or same_bits(old, new)

    def test_none(self, name, place, dtype):
        # The first argument's dtype chooses between float32 and float64; None chooses float32.
        by_dtype = place == 0 and dtype == "float64"
        error = ValueError if by_dtype else TypeError
        match = "dtype mismatch" if by_dtype else "is None, expected a (matrix|vector)"
        self.refused(name, place, dtype, lambda array: None, error, match)

    def test_misaligned(self, name, place, dtype):
        self.refused(name, place, dtype, misaligned, ValueError, "misaligned")

    def test_empty(self, name, place, dtype):
        def empty(array):
            return array[:0]

        self.refused(name, place, dtype, empty, ValueError, r"is empty|has shape \(0")

    def test_one_column_too_many(self, name, place, dtype):
        def longer(array):
            return np.ones((*array.shape[:-1], array.shape[-1] + 1), array.dtype)

        self.refused(name, place, dtype, longer, ValueError, "shape .* expected")

    def test_another_dtype(self, name, place, dtype):
        other = "float64" if dtype == "float32" else "float32"
        if len(calls(dtype)[name]) > 1:
            self.refused(
                name, place, dtype, lambda array: array.astype(other), ValueError, "dtype mismatch"
            )

    def test_another_number_of_dimensions(self, name, place, dtype):
        self.refused(
            name,
            place,
            dtype,
            lambda array: array[None],
            (TypeError, ValueError),
            "wrong number of dimensions|No matching signature",
        )

    def test_columns_apart(self, name, place, dtype):
        def every_other(array):
            return np.ones((*array.shape[:-1], array.shape[-1] * 2), array.dtype)[..., ::2]

        self.refused(name, place, dtype, every_other, ValueError, "adjacent")
