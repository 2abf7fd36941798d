"""Input that does not fit: the right answer or one clear sentence, and an unchanged network."""

import warnings

import numpy as np
import pytest
from arrays_for_tests import misaligned, read_only, same_bits

import cyprop
from cyprop.engine import memory
from cyprop.engine.finite import place_of_nonfinite

METHODS = ("predict", "learn_one", "train_on_batch", "evaluate", "gradients", "fit")
N_IN, N_OUT = 3, 2


@pytest.fixture
def net(dtype):
    return cyprop.Network([N_IN, 5, N_OUT], output_activation="identity", dtype=dtype)


def call(net, method, X, Y):
    """The method on these data; learn_one gets the first row of a whole matrix."""
    if method == "predict":
        return net.predict(X)
    return getattr(net, method)(X, Y)


def good(method, dtype):
    rng = np.random.default_rng(1)
    X, Y = rng.random((6, N_IN)).astype(dtype), rng.random((6, N_OUT)).astype(dtype)
    return (X[0], Y[0]) if method == "learn_one" else (X, Y)


def refused(net, method, X, Y, error, match):
    before = net.parameters.tobytes()
    states = [state.tobytes() for state in memory.state(net)[2]]
    with pytest.raises(error, match=match) as caught:
        call(net, method, X, Y)
    assert net.parameters.tobytes() == before
    assert [state.tobytes() for state in memory.state(net)[2]] == states
    message = str(caught.value)
    assert "\n" not in message
    return message


# data of the wrong kind

WRONG_KIND = {
    "None": (lambda a: None, TypeError, "is None, expected an array"),
    "object": (lambda a: a.astype(object), TypeError, "dtype object, expected .* real numbers"),
    "complex": (lambda a: a + 1j, TypeError, "dtype complex128, expected .* real numbers"),
    "strings": (lambda a: a.astype(str), TypeError, "dtype <U.*, expected .* real numbers"),
    "dates": (lambda a: a.astype("M8[s]"), TypeError, "dtype datetime64.*, expected .* real"),
    "durations": (lambda a: a.astype("m8[s]"), TypeError, "dtype timedelta64.*, expected .* real"),
    "records": (lambda a: np.zeros(a.shape, "f4,f4"), TypeError, "dtype .*, expected .* real"),
    "masked": (lambda a: np.ma.masked_array(a), TypeError, "masked array, expected .* mask"),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", WRONG_KIND)
def test_data_of_the_wrong_kind_is_refused(net, dtype, method, kind):
    change, error, match = WRONG_KIND[kind]
    X, Y = good(method, np.float64)
    letters = ("x", "y") if method == "learn_one" else ("X", "Y")
    refused(net, method, change(X), Y, error, f"^{letters[0]} .*{match}")
    if method != "predict":
        refused(net, method, X, change(Y), error, f"^{letters[1]} .*{match}")


@pytest.mark.parametrize("method", METHODS)
def test_a_string_and_a_dictionary_are_refused(net, dtype, method):
    X, Y = good(method, dtype)
    for bad in ("abc", {"a": 1}, object(), cyprop):
        refused(net, method, bad, Y, TypeError, "^[Xx] is .*, expected an array of shape")


@pytest.mark.parametrize("method", METHODS)
def test_a_ragged_list_is_refused(net, dtype, method):
    X, Y = good(method, dtype)
    ragged = [[0.0, 1.0, 2.0], [0.0, 1.0]]
    said = " is a ragged sequence: row 0 has 3 entries and row 1 has 2 entries, expected an array"
    refused(net, method, ragged, Y, ValueError, f"^[Xx]{said}")
    if method != "predict":
        refused(net, method, X, ragged, ValueError, f"^[Yy]{said}")
    said = " is a ragged sequence: row 0 has 1 entry and row 1 is a single int, expected"
    refused(net, method, [[0.0], 1], Y, ValueError, f"^[Xx]{said}")


# data of the wrong shape


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(6, 4), (6, 2), (6, 0), (), (6, 3, 1), (1, 6, 3), (7,), (0,)])
def test_X_of_the_wrong_shape_is_refused(net, dtype, method, shape):
    X, Y = np.zeros(shape, dtype), good(method, dtype)[1]
    message = refused(net, method, X, Y, ValueError, "^[Xx] has shape .*, expected ")
    assert str(shape) in message
    one_sample = method == "learn_one" or (method == "predict" and len(shape) == 1)
    assert (f"({N_IN},)" if one_sample else f"(n, {N_IN})") in message


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("shape", [(6, 3), (6, 1), (6, 0), (), (6, 2, 1), (1, 6, 2), (7,), (0,)])
def test_Y_of_the_wrong_shape_is_refused(net, dtype, method, shape):
    X, Y = good(method, dtype)[0], np.zeros(shape, dtype)
    message = refused(net, method, X, Y, ValueError, "^[Yy] has shape .*, expected ")
    assert str(shape) in message
    assert f"({N_OUT},)" in message if method == "learn_one" else f"(n, {N_OUT})" in message


@pytest.mark.parametrize("method", METHODS[2:])
def test_another_number_of_rows_in_Y_is_refused(net, dtype, method):
    X, Y = good(method, dtype)
    refused(net, method, X, Y[:5], ValueError, "X has 6 rows and Y has 5, expected the same number")
    refused(net, method, X[:1], Y, ValueError, "X has 1 rows and Y has 6, expected the same number")


@pytest.mark.parametrize("method", METHODS[2:])
def test_no_rows_are_refused(net, dtype, method):
    X, Y = good(method, dtype)
    refused(net, method, X[:0], Y[:0], ValueError, "X has no rows, expected at least one")
    refused(net, method, X, Y[:0], ValueError, "Y has no rows, expected at least one")


def test_predicting_no_rows_gives_no_rows(net, dtype):
    prediction = net.predict(np.zeros((0, N_IN), dtype))
    assert prediction.shape == (0, N_OUT)
    assert prediction.dtype == dtype
    out = np.zeros((0, N_OUT), dtype)
    assert net.predict(np.zeros((0, N_IN)), out) is out


def test_learn_one_wants_one_sample(net, dtype):
    refused(net, "learn_one", np.zeros((1, N_IN)), np.zeros((1, N_OUT)), ValueError,
            r"x has shape \(1, 3\), expected \(3,\)")  # fmt: skip


# unusual data that fits


def fortran(a):
    return np.asfortranarray(a)


def strided(a):
    apart = np.full((*a.shape[:-1], a.shape[-1] * 3), np.nan, a.dtype)
    apart[..., ::3] = a
    return apart[..., ::3]


def reversed_in_memory(a):
    return a[..., ::-1].copy()[..., ::-1]


UNUSUAL = {
    "read-only": read_only,
    "strided": strided,
    "reversed": reversed_in_memory,
    "Fortran-ordered": fortran,
    "misaligned": misaligned,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a),
    "subclass": lambda a: a.view(type("Subclass", (np.ndarray,), {})),
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "longdouble": lambda a: a.astype(np.longdouble),
    "float16": lambda a: a.astype(np.float16),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_arrays_give_the_right_answer(dtype, method, kind):
    # Values with few bits, so that no dtype changes them.
    rng = np.random.default_rng(1)
    X, Y = ((rng.integers(-64, 64, (6, n)) / 32).astype(dtype) for n in (N_IN, N_OUT))
    if method == "learn_one":
        X, Y = X[0], Y[0]
    usual, unusual = (
        cyprop.Network([N_IN, 5, N_OUT], "sigmoid", "identity", dtype=dtype) for _ in range(2)
    )
    expected = call(usual, method, X, Y)
    actual = call(unusual, method, UNUSUAL[kind](X), UNUSUAL[kind](Y))
    assert unusual.parameters.tobytes() == usual.parameters.tobytes()
    if method == "predict":
        assert same_bits(actual, expected)
        assert same_bits(unusual.predict(UNUSUAL[kind](X[0])), expected[0])
    elif method == "fit":
        assert actual.loss == expected.loss
    elif method == "gradients":
        assert same_bits(actual.parameters, expected.parameters)
        assert same_bits(actual.inputs, expected.inputs)
    else:
        assert actual == expected


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "bool"])
def test_integers_and_booleans_are_numbers(net, dtype, kind):
    X = (np.arange(12).reshape(4, N_IN) % 2).astype(kind)
    assert same_bits(net.predict(X), net.predict(X.astype(dtype)))
    assert same_bits(net.predict(X[0]), net.predict(X[0].astype(dtype)))


def test_a_vector_is_a_column_where_one_column_is_wanted(dtype):
    flat, column = (cyprop.Network([1, 4, 1], "tanh", dtype=dtype) for _ in range(2))
    x, y = np.linspace(0, 1, 9), np.linspace(1, 2, 9)
    flat.fit(x, y, epochs=2)
    column.fit(x[:, None], y[:, None], epochs=2)
    assert flat == column


# numbers that are not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_fit_names_the_first_row_and_column_that_is_not_finite(net, dtype, bad):
    for which, columns in (("X", N_IN), ("Y", N_OUT)):
        for row, column in ((0, 0), (3, columns - 1), (5, 1)):
            data = dict(zip("XY", (array.copy() for array in good("fit", dtype)), strict=True))
            data[which][row, column] = bad
            data[which][5, columns - 1] = np.nan if (row, column) != (5, columns - 1) else bad
            message = f"^{which} holds {bad} at row {row}, column {column}, expected finite"
            refused(net, "fit", data["X"], data["Y"], ValueError, message)


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 1022, 1023, 1024, 1025, 2047, 2999])
def test_fit_looks_at_every_number(dtype, bad, place):
    net = cyprop.Network([1, 1], "tanh", dtype=dtype)
    Y = np.resize([0, np.finfo(dtype).max, -np.finfo(dtype).tiny / 8], 3000).astype(dtype)
    assert place_of_nonfinite(Y.reshape(-1, 1)) is None
    Y[place] = bad
    before = net.parameters.tobytes()
    with pytest.raises(ValueError, match=f"^Y holds {bad} at row {place}, column 0, expected"):
        net.fit(np.zeros(3000), Y)
    assert net.parameters.tobytes() == before


def test_fit_checks_the_validation_data_too(net, dtype):
    X, Y = good("fit", dtype)
    before = net.parameters.tobytes()
    bad = X.copy()
    bad[2, 1] = np.nan
    for validation, match in (
        ((bad, Y), "validation X holds nan at row 2, column 1"),
        ((X, Y[:3]), "validation X has 6 rows and validation Y has 3"),
        ((X[:, :2], Y), r"validation X has shape \(6, 2\), expected \(n, 3\)"),
        ((X[:0], Y[:0]), "validation X has no rows"),
        ((X, Y, Y), r"validation sample_weight has shape \(6, 2\), expected \(6,\)"),
    ):
        with pytest.raises(ValueError, match=match):
            net.fit(X, Y, validation_data=validation)
    for validation in (3, (X,), (X, Y, None, None), X, "ab!"):
        with pytest.raises(TypeError, match=r"validation_data must be a pair \(X, Y\)"):
            net.fit(X, Y, validation_data=validation)
    with pytest.raises(TypeError, match="validation Y is None"):
        net.fit(X, Y, validation_data=(X, None))
    assert net.parameters.tobytes() == before


def test_a_number_too_large_for_the_network_is_refused_by_fit():
    net = cyprop.Network([N_IN, N_OUT], dtype="float32")
    X, Y = good("fit", np.float64)
    X[4, 2] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(net, "fit", X, Y, ValueError, "X holds inf at row 4, column 2, .* fit float32")


# out


@pytest.mark.parametrize("single", [True, False])
class TestOut:
    def refused(self, net, x, out, error, match):
        before = net.parameters.tobytes()
        content = out.copy() if isinstance(out, np.ndarray) else None
        with pytest.raises(error, match=match) as caught:
            net.predict(x, out=out)
        assert "\n" not in str(caught.value)
        assert net.parameters.tobytes() == before
        if content is not None:
            assert same_bits(out, content)

    def fitting(self, dtype, single):
        X, Y = good("predict", dtype)
        return (X[0], Y[0].copy()) if single else (X, Y)

    def test_shape(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        for shape in ((N_OUT + 1,), (6, N_OUT + 1), (5, N_OUT), (N_OUT, 6), (1, N_OUT), (6,), ()):
            self.refused(net, x, np.zeros(shape, dtype), ValueError,
                         r"out has shape .*, expected \(")  # fmt: skip

    def test_dtype(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        other = "float64" if dtype == "float32" else "float32"
        for wrong in (other, "int32", "complex128", object, "float16", ">f4", ">f8"):
            self.refused(net, x, y.astype(wrong), TypeError, f"out is dtype .*expected .* {dtype}")

    def test_not_an_array(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        for wrong in (y.tolist(), 3, "out", memoryview(y), True):
            self.refused(net, x, wrong, TypeError, f"out is .*, expected an array of {dtype}")

    def test_read_only(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        self.refused(net, x, read_only(y), ValueError, "out must be writable")

    def test_misaligned(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        self.refused(net, x, misaligned(y), ValueError, "out must be .* aligned")

    def test_strided(self, net, dtype, single):
        x, y = self.fitting(dtype, single)
        self.refused(net, x, strided(y), ValueError, "out must be .*contiguous")
        if not single:
            self.refused(net, x, fortran(y), ValueError, "out must be .*contiguous")

    def test_overlapping_the_input(self, dtype, single):
        net = cyprop.Network([N_IN, N_IN], dtype=dtype)
        X = good("predict", dtype)[0]
        x = X[0] if single else X
        self.refused(net, x, x, ValueError, "out overlaps X")
        memory = np.zeros(X.size + 1, dtype)
        ahead, behind = memory[: x.size].reshape(x.shape), memory[1 : x.size + 1].reshape(x.shape)
        self.refused(net, ahead, behind, ValueError, "out overlaps X")
        self.refused(net, behind, ahead, ValueError, "out overlaps X")
        # Next to each other is not overlapping.
        memory = np.zeros(2 * x.size, dtype)
        first, second = memory[: x.size].reshape(x.shape), memory[x.size :].reshape(x.shape)
        assert net.predict(first, out=second) is second
        assert net.predict(second, out=first) is first

    def test_overlapping_an_input_that_is_converted(self, dtype, single):
        net = cyprop.Network([N_IN, N_IN], dtype=dtype)
        out = np.zeros((6, N_IN), dtype)
        x = out.view(f"i{dtype.itemsize}")
        if single:
            x, out = x[0], out[0]
        self.refused(net, x, out, ValueError, "out overlaps X")


class AlarmError(Exception):
    """What a signal handler raises."""


class Rings:
    """An array of another library in whose conversion a handler runs."""

    def __array__(self, dtype=None, copy=None):
        raise AlarmError


@pytest.mark.parametrize("X", [Rings(), [Rings(), Rings()]])
def test_what_a_handler_raises_while_an_array_is_read_is_not_translated(net, X):
    with pytest.raises(AlarmError):
        net.predict(X)


def test_a_sequence_that_fails_for_another_reason_is_not_called_ragged(net):
    class Fails:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("not on this device")

    with pytest.raises(TypeError, match="X is a list that NumPy cannot read, .*not on this device"):
        net.predict([Fails(), Fails()])
