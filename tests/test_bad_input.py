"""Input that does not fit: the right answer or one clear sentence, and an unchanged network."""

import warnings

import numpy as np
import pytest
from arrays_for_tests import misaligned, read_only, same_bits

import cyprop

METHODS = ("predict", "learn_one", "train_on_batch", "evaluate", "gradients", "fit")
N_IN, N_OUT = 3, 2


@pytest.fixture
def net(dtype):
    return cyprop.Network([N_IN, 5, N_OUT], dtype=dtype)


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
    states = [state.tobytes() for state in net._optimizer_state()[0]]
    with pytest.raises(error, match=match) as caught:
        call(net, method, X, Y)
    assert net.parameters.tobytes() == before
    assert [state.tobytes() for state in net._optimizer_state()[0]] == states
    message = str(caught.value)
    assert "\n" not in message
    return message


# data of the wrong kind ---------------------------------------------------------------------------

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
        refused(net, method, bad, Y, (TypeError, ValueError), "^[Xx] has (dtype|shape)")


@pytest.mark.parametrize("method", METHODS)
def test_a_ragged_list_is_refused(net, dtype, method):
    X, Y = good(method, dtype)
    ragged = [[0.0, 1.0, 2.0], [0.0, 1.0]]
    refused(net, method, ragged, Y, ValueError, "^[Xx] is a ragged sequence, expected an array")
    if method != "predict":
        refused(net, method, X, ragged, ValueError, "^[Yy] is a ragged sequence, expected an array")


# data of the wrong shape --------------------------------------------------------------------------


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
    refused(net, method, X, Y[:5], ValueError, "X has 6 rows and Y has 5, expected as many")
    refused(net, method, X[:1], Y, ValueError, "X has 1 rows and Y has 6, expected as many")


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


# unusual data that fits ---------------------------------------------------------------------------


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
    usual, unusual = (cyprop.Network([N_IN, 5, N_OUT], dtype=dtype) for _ in range(2))
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
    flat, column = (cyprop.Network([1, 4, 1], dtype=dtype) for _ in range(2))
    x, y = np.linspace(0, 1, 9), np.linspace(1, 2, 9)
    flat.fit(x, y, epochs=2)
    column.fit(x[:, None], y[:, None], epochs=2)
    assert flat == column


# numbers that are not finite ----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_fit_names_the_first_row_and_column_that_is_not_finite(net, dtype, bad):
    for which, columns in (("X", N_IN), ("Y", N_OUT)):
        for row, column in ((0, 0), (3, columns - 1), (5, 1)):
            data = dict(zip("XY", (array.copy() for array in good("fit", dtype)), strict=True))
            data[which][row, column] = bad
            data[which][5, columns - 1] = np.nan if (row, column) != (5, columns - 1) else bad
            message = f"^{which} holds {bad} at row {row}, column {column}, expected finite"
            refused(net, "fit", data["X"], data["Y"], ValueError, message)


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
    ):
        with pytest.raises(ValueError, match=match):
            net.fit(X, Y, validation_data=validation)
    for validation in (3, (X,), (X, Y, Y), X, "ab!"):
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


# out ----------------------------------------------------------------------------------------------


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


# making a network ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"sizes": [3, 0, 2]}, ValueError, r"sizes\[1\] is 0, expected at least 1"),
        ({"sizes": [0, 2]}, ValueError, r"sizes\[0\] is 0, expected at least 1"),
        ({"sizes": [3, -1]}, ValueError, r"sizes\[1\] is -1, expected at least 1"),
        ({"sizes": [3, 2.5]}, TypeError, r"sizes\[1\] is 2.5, expected a whole number"),
        ({"sizes": [3, 2.0]}, TypeError, r"sizes\[1\] is 2.0, expected a whole number"),
        ({"sizes": [3, True]}, TypeError, r"sizes\[1\] is True, expected a whole number"),
        ({"sizes": [3, None]}, TypeError, r"sizes\[1\] is None, expected a whole number"),
        ({"sizes": [3, "2"]}, TypeError, r"sizes\[1\] is '2', expected a whole number"),
        ({"sizes": np.array([3.0, 2.0])}, TypeError, r"sizes\[0\] .* expected a whole number"),
        ({"sizes": []}, ValueError, "sizes has 0 entries, expected at least two"),
        ({"sizes": [3]}, ValueError, "sizes has 1 entries, expected at least two"),
        ({"sizes": None}, TypeError, "sizes is None, expected a sequence"),
        ({"sizes": 3}, TypeError, "sizes is 3, expected a sequence"),
        ({"sizes": "32"}, TypeError, "sizes is '32', expected a sequence"),
        ({"sizes": [2**40, 2**40]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**62, 2**62, 2]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**63, 1]}, ValueError, "too many parameters to address"),
        ({"sizes": [1, 10**30]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**31, 2**31 + 1]}, ValueError, "too many parameters to address"),
        ({"activation": "swish"}, ValueError, "'swish' is unknown; known are sigmoid, tanh, relu"),
        ({"activation": None}, TypeError, "activation is None, expected a name"),
        ({"activation": 3}, TypeError, "activation is 3, expected a name"),
        ({"activation": [None]}, TypeError, "activation is None, expected one of sigmoid"),
        ({"activation": []}, ValueError, "activation names 0 layers, expected 1 hidden"),
        ({"activation": ["tanh"] * 2}, ValueError, "activation names 2 layers, expected 1 hidden"),
        ({"activation": ["swish"]}, ValueError, "'swish' is unknown; known are sigmoid"),
        ({"activation": ["softmax"]}, ValueError, "'softmax' is for the output layer"),
        ({"output_activation": "swish"}, ValueError, "'swish' is unknown; known are sigmoid"),
        ({"output_activation": 3}, TypeError, "activation is 3, expected one of sigmoid"),
        ({"loss": "huber"}, ValueError, "loss 'huber' is unknown; known are mse, cross_entropy"),
        ({"loss": None}, TypeError, "loss is None, expected one of mse"),
        (
            {"loss": "cross_entropy", "output_activation": "sigmoid"},
            ValueError,
            "'cross_entropy' needs output_activation 'softmax', not 'sigmoid'",
        ),
        (
            {"loss": "binary_cross_entropy", "output_activation": "tanh"},
            ValueError,
            "'binary_cross_entropy' needs output_activation 'sigmoid', not 'tanh'",
        ),
        ({"optimizer": "lion"}, ValueError, "'lion' is unknown; known are sgd, adam"),
        ({"optimizer": 0.1}, TypeError, "optimizer is 0.1, expected an Optimizer"),
        ({"optimizer": cyprop.SGD}, TypeError, "optimizer is .*SGD.*, expected an Optimizer"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16', expected 'float32' or 'float64'"),
        ({"dtype": "int32"}, ValueError, "dtype is 'int32', expected"),
        ({"dtype": "complex128"}, ValueError, "dtype is 'complex128', expected"),
        ({"dtype": ">f4"}, ValueError, "dtype is '>f4', expected"),
        ({"dtype": None}, ValueError, "dtype is None, expected"),
        ({"dtype": "single precision"}, ValueError, "dtype is 'single precision', expected"),
        ({"dtype": object()}, ValueError, "dtype is <object.*, expected"),
        ({"seed": -1}, ValueError, "seed is -1, expected at least 0"),
        ({"seed": 1.5}, TypeError, "seed is 1.5, expected a whole number"),
        ({"seed": None}, TypeError, "seed is None, expected a whole number"),
    ],
)
def test_arguments_that_make_no_network(arguments, error, match):
    with pytest.raises(error, match=match) as caught:
        cyprop.Network(**{"sizes": [3, 4, 2], **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sizes", [(3, 2), range(3, 1, -1), np.array([3, 2]), np.array([3, 2], "u1"), [np.int8(3), 2]]
)
def test_sizes_may_be_any_sequence_of_whole_numbers(sizes):
    assert cyprop.Network(sizes).sizes == (3, 2)
    assert all(type(size) is int for size in cyprop.Network(sizes).sizes)


@pytest.mark.parametrize("kind", [cyprop.SGD, cyprop.Adam])
@pytest.mark.parametrize("bad", [0, 0.0, -0.1, np.nan, np.inf, -np.inf])
def test_a_learning_rate_must_be_a_positive_finite_number(kind, bad):
    with pytest.raises(ValueError, match="learning_rate is .*, expected a finite number above 0"):
        kind(learning_rate=bad)


@pytest.mark.parametrize("kind", [cyprop.SGD, cyprop.Adam])
@pytest.mark.parametrize("bad", ["0.1", None, True, 1j, [0.1], np.array([0.1])])
def test_a_learning_rate_must_be_a_number(kind, bad):
    with pytest.raises(TypeError, match="learning_rate is .*, expected a number"):
        kind(learning_rate=bad)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: cyprop.SGD(momentum=1), ValueError, "momentum is 1, .* at least 0 and below 1"),
        (lambda: cyprop.SGD(momentum=-0.1), ValueError, "momentum is -0.1, .* at least 0"),
        (lambda: cyprop.Adam(beta1=1.0), ValueError, "beta1 is 1.0, .* below 1"),
        (lambda: cyprop.Adam(beta2=np.nan), ValueError, "beta2 is nan, .* below 1"),
        (lambda: cyprop.Adam(epsilon=0), ValueError, "epsilon is 0, .* above 0"),
        (lambda: cyprop.Optimizer("lion"), ValueError, "'lion' is unknown; known are sgd, adam"),
        (lambda: cyprop.Optimizer(None), TypeError, "name"),
        (
            lambda: cyprop.Optimizer("sgd", beta1=0.9),
            TypeError,
            "sgd has no hyperparameter 'beta1'; it has learning_rate, momentum",
        ),
    ],
)
def test_hyperparameters_are_checked(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize("number", [1, np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_any_real_number_is_a_learning_rate(number):
    assert cyprop.SGD(learning_rate=number).learning_rate == float(number)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"epochs": -1}, ValueError, "epochs is -1, expected at least 0"),
        ({"epochs": 1.0}, TypeError, "epochs is 1.0, expected a whole number"),
        ({"epochs": None}, TypeError, "epochs is None, expected a whole number"),
        ({"epochs": True}, TypeError, "epochs is True, expected a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected at least 1"),
        ({"batch_size": -5}, ValueError, "batch_size is -5, expected at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5, expected a whole number"),
        ({"batch_size": None}, TypeError, "batch_size is None, expected a whole number"),
        ({"batch_size": "8"}, TypeError, "batch_size is '8', expected a whole number"),
    ],
)
def test_arguments_of_fit_are_checked(net, dtype, arguments, error, match):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=match):
        net.fit(*good("fit", dtype), **arguments)
    assert net.parameters.tobytes() == before


def test_a_batch_size_beyond_every_integer_is_one_batch(dtype):
    one, huge = (cyprop.Network([N_IN, N_OUT], dtype=dtype) for _ in range(2))
    one.fit(*good("fit", dtype), batch_size=6)
    huge.fit(*good("fit", dtype), batch_size=10**30)
    assert one == huge


# networks that are not ready ----------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_was_not_initialised_says_so(method):
    blank = cyprop.Network.__new__(cyprop.Network)
    for X in (
        np.zeros((2, 3)),
        np.zeros(3),
        np.zeros(0),
        np.zeros(0, bool),
        np.zeros((2, 0)),
        None,
    ):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            call(blank, method, X, X)


def test_a_network_whose_making_failed_says_so():
    failed = cyprop.Network.__new__(cyprop.Network)
    with pytest.raises(ValueError, match="softmax"):
        failed.__init__([3, 4, 2], activation=["softmax"])
    for empty in (np.zeros(0, np.float32), np.zeros((1, 0), np.float32)):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            failed.predict(empty)


def test_other_uses_of_a_network_that_was_not_initialised_raise():
    blank = cyprop.Network.__new__(cyprop.Network)
    for use in (
        repr,
        lambda net: net == cyprop.Network([1, 1]),
        lambda net: net.__getstate__(),
        lambda net: net.sizes,
        lambda net: net.n_parameters,
        lambda net: setattr(net, "optimizer", "adam"),
    ):
        with pytest.raises((RuntimeError, AttributeError)):
            use(blank)


def test_a_network_is_initialised_once(net, dtype):
    before = net.parameters.tobytes()
    expected, prediction = repr(net), net.predict(np.ones(N_IN))
    with pytest.raises(RuntimeError, match="cannot be initialised twice"):
        net.__init__([5, 4], activation="tanh", seed=3)
    with pytest.raises(RuntimeError, match="cannot be initialised twice"):
        net.__setstate__(cyprop.Network([5, 4]).__getstate__())
    assert net.parameters.tobytes() == before
    assert repr(net) == expected
    assert same_bits(net.predict(np.ones(N_IN)), prediction)
    X, Y = good("fit", dtype)
    net.fit(X, Y, epochs=1)
