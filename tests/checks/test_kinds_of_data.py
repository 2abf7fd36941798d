"""What people hand over that is no plain array: read if it is numbers, else told what to give."""

import collections
from fractions import Fraction

import numpy as np
import pandas
import pytest
from arrays_for_tests import same_bits

import cyprop

scipy_sparse = pytest.importorskip("scipy.sparse")

METHODS = ("predict", "evaluate", "train_on_batch", "gradients", "fit", "vjp")


@pytest.fixture
def net():
    return cyprop.Network([2, 4, 3], "tanh", "identity", dtype="float64")


def refusal(net, method, X, error, Y=None):
    Y = np.zeros((2, 3)) if Y is None else Y
    before = net.parameters.tobytes()
    with pytest.raises(error) as caught:
        net.predict(X) if method == "predict" else getattr(net, method)(X, Y)
    assert net.parameters.tobytes() == before
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300
    return message


class Tensor:
    """As PyTorch has them, with a gradient."""

    def __array__(self, *arguments, **options):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse detach()")

    def detach(self):
        """What the sentence names."""


Tensor.__module__ = "torch"

REFUSED = {
    "csr": (lambda: scipy_sparse.csr_matrix([[0, 1], [np.nan, 0]]), TypeError,
            "X is a scipy.sparse csr_matrix, expected an array: give X.toarray()"),
    "coo": (lambda: scipy_sparse.coo_array(np.eye(2)), TypeError,
            "X is a scipy.sparse coo_array, expected an array: give X.toarray()"),
    "generator": (lambda: (row for row in np.eye(2)), TypeError,
                  "X is a generator, expected {}: give list(X), or np.fromiter(X, float)"),
    "map": (lambda: map(float, [1, 2]), TypeError,
            "X is a map, expected {}: give list(X), or np.fromiter(X, float)"),
    "dict": (lambda: {"a": [1, 2]}, TypeError, "X is a dict, expected {}: give list(X.values())"),
    "values": (lambda: {"a": 1}.values(), TypeError,
               "X is a dict_values, expected {}: give list(X)"),
    "set": (lambda: {1, 2}, TypeError, "X is a set, which has no order, expected {}"),
    "text": (lambda: "1 2", TypeError, "X is '1 2', expected {} of real numbers"),
    "bytes": (lambda: b"12", TypeError, "X is b'12', expected {} of real numbers"),
    "texts": (lambda: [["1", "2"]], TypeError, "X has dtype <U1, expected {} of real numbers;"
              " give numbers, such as X.astype(float) if that is what the texts say"),
    "complex": (lambda: [[1j, 2]], TypeError, "X has dtype complex128, expected {} of real numbers;"
                " give X.real, or np.abs(X)"),
    "dates": (lambda: np.zeros((2, 2), "M8[D]"), TypeError, "X has dtype datetime64[D], expected {}"
              " of real numbers; give numbers, such as the days since the first date"),
    "objects": (lambda: np.array([[1, None]]), TypeError, "X has dtype object, expected {} of real"
                " numbers; give X.astype(float) if all of them are numbers"),
    "None": (lambda: [[1, 2], [3, None]], ValueError,
             "X holds no value at row 1, column 1, expected a number"),
    "object": (lambda: [[1, Fraction], [3, 4]], TypeError,
               "X holds <class 'fractions.Fraction'> at row 0, column 1,"
               " expected {} of real numbers"),
    "huge": (lambda: [[1, 2], [10**400, 4]], ValueError, f"X holds {'1' + 99 * '0'}…"
             " at row 1, column 0, expected a number that a float can hold"),
    "enormous": (lambda: [[1, 2], [3, 10**5000]], ValueError, "X holds a number of thousands of"
                 " digits at row 1, column 1, expected a number that a float can hold"),
    "gap": (lambda: pandas.DataFrame({"a": pandas.array([1, 2], "Int64"),
                                      "b": pandas.array([1, None], "Int64")}), ValueError,
            "X holds no value at row 1, column 1 ('b'), expected a number"),
    "gap among others": (lambda: pandas.DataFrame({"a": pandas.array([None, 2], "Int64"),
                                                   "b": [0.5, 1.5]}), ValueError,
                         "X holds no value at row 0, column 0 ('a'), expected a number"),
    "text column": (lambda: pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}), TypeError,
                    "X holds 'x' at row 0, column 1 ('b'), expected {} of real numbers"),
    "tensor": (Tensor, TypeError, "X is a torch Tensor that NumPy cannot read, expected {}:"
               " give X.detach().cpu().numpy()"),
}  # fmt: skip


# fit takes sparse matrices in rows.
OF_FIT = {
    "csr": "X holds nan at row 1, column 0, expected finite numbers that fit float64",
    "coo": "X is a coo_array of scipy.sparse, expected CSR: give X.tocsr()",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_array_of_numbers_is_told_what_to_give(net, method, kind):
    make, error, expected = REFUSED[kind]
    if method == "fit" and kind == "csr":
        error = ValueError
    shape = "an array of shape (n, 2)"
    if method in ("predict", "vjp"):
        shape = "an array of shape (2,) or (n, 2)"
    expected = OF_FIT.get(kind, expected) if method == "fit" else expected
    assert refusal(net, method, make(), error) == expected.format(shape)


def test_validation_data_is_named_and_its_code_is_not(net):
    good = np.zeros((2, 2)), np.zeros((2, 3))
    for X, Y, said in (
        (scipy_sparse.eye(2), good[1], r"^validation X is a .*: give X.tocsr\(\)"),
        (good[0], [0, 1], r"^validation Y has shape .*: for class labels give np.eye\(3\)\[Y\]"),
    ):
        with pytest.raises((TypeError, ValueError), match=said):
            net.fit(*good, validation_data=(X, Y))


READ = {
    "range": lambda: [range(2), range(2, 4)],
    "deque": lambda: collections.deque([[0, 1], [2, 3]]),
    "bools": lambda: [[True, False], [False, True]],
    "whole numbers of any size": lambda: [[10**30, -(10**30)], [2**64, 1]],
    "fractions": lambda: [[Fraction(1, 2), 1], [0.25, 2]],
    "Int64": lambda: pandas.DataFrame({k: pandas.array([1, 2], "Int64") for k in "ab"}),
    "nullable of several kinds": lambda: pandas.DataFrame(
        {"a": pandas.array([0.5, 2], "Float64"), "b": pandas.array([True, False], "boolean")}
    ),
    "nullable and plain": lambda: pandas.DataFrame(
        {"a": pandas.array([3, 2], "Int64"), "b": [0.5, 1.5]}
    ),
    "categories of numbers": lambda: pandas.DataFrame(
        {"a": pandas.Categorical([1, 2]), "b": [0.5, 1.5]}
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_what_is_numbers_after_all_is_read(net, kind):
    X = READ[kind]()
    rows = X.to_numpy(object).tolist() if isinstance(X, pandas.DataFrame) else list(map(list, X))
    expected = np.array([[float(entry) for entry in row] for row in rows])
    assert same_bits(net.predict(X), net.predict(expected))
    assert net.evaluate(X, np.zeros((2, 3))) == net.evaluate(expected, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (np.array([0, 2, 1]), "np.eye(3)[Y]"),
        ([0, 2, 1], "np.eye(3)[Y]"),
        (np.array([3, 2, 1]), "np.eye(3)[Y - 1]"),
        ([3, 2, 1], "np.eye(3)[np.asarray(Y) - 1]"),
        (np.array([0.0, 2, 1]), "np.eye(3)[np.asarray(Y, int)]"),
        (np.array([[0], [2], [1]]), "np.eye(3)[np.ravel(Y)]"),
        ([0, 1, 7], None),
        ([0.5, 1, 2], None),
        ([-1, 1, 1], None),
    ],
)
@pytest.mark.parametrize("method", METHODS[1:5])
def test_class_labels_are_told_how_they_become_targets(net, method, labels, advice):
    X = np.zeros((3, 2))
    shape = np.shape(labels)
    said = f"Y has shape {shape}, expected (n, 3)"
    hint = "" if advice is None else f": for class labels give {advice}"
    assert refusal(net, method, X, ValueError, labels) == said + hint
    if advice is not None:
        targets = eval(advice, {"np": np, "Y": labels})
        assert np.array_equal(targets.argmax(axis=1), np.ravel(labels) - np.min(labels))


def test_names_as_class_labels_and_a_single_label(net):
    for names in (["cat", "dog"], np.array(["cat", "dog"], dtype=object)):
        said = refusal(net, "fit", np.zeros((2, 2)), TypeError, names)
        assert said.endswith("; for class labels give np.unique(Y, return_inverse=True)[1]")
    with pytest.raises(
        ValueError, match=r"y has shape \(\), .*: for class labels give np.eye\(3\)"
    ):
        net.learn_one([0.0, 1.0], 2)


# One input, one output


@pytest.mark.parametrize("kind", [np.array, list, lambda a: np.array(a)[::-1][::-1]])
@pytest.mark.parametrize("n", [2, 3, 50])
def test_where_there_is_one_input_a_vector_is_rows(dtype, kind, n):
    net = cyprop.Network([1, 3, 2], "tanh", dtype=dtype)
    rows = np.linspace(-1, 1, n).reshape(-1, 1)
    vector, Y = kind(rows[:, 0]), np.zeros((n, 2))
    out = np.empty((n, 2), dtype)
    assert same_bits(net.predict(vector), net.predict(rows))
    assert net.predict(vector, out) is out
    assert same_bits(out, net.predict(rows))
    assert net.evaluate(vector, Y) == net.evaluate(rows, Y)
    assert same_bits(net.jacobian(vector), net.jacobian(rows))
    assert same_bits(net.vjp(vector, Y + 1).inputs, net.vjp(rows, Y + 1).inputs)
    with pytest.raises(ValueError, match=r"out has shape"):
        net.predict(vector, np.empty(2, dtype))


def test_one_number_is_one_sample_and_none_are_no_rows(dtype):
    net = cyprop.Network([1, 3, 2], "tanh", dtype=dtype)
    assert net.predict(np.array([0.5], dtype)).shape == net.predict([0.5]).shape == (2,)
    assert net.predict([]).shape == (0, 2)


@pytest.mark.parametrize("kind", [np.array, list])
def test_where_there_is_one_output_a_vector_is_targets(dtype, kind):
    def made():
        return cyprop.Network([2, 3, 1], "tanh", dtype=dtype)

    X, column = np.random.default_rng(0).normal(size=(6, 2)), np.linspace(0, 1, 6).reshape(-1, 1)
    vector, first, second = kind(column[:, 0]), made(), made()
    assert first.evaluate(X, vector) == second.evaluate(X, column)
    assert same_bits(first.gradients(X, vector).inputs, second.gradients(X, column).inputs)
    assert same_bits(first.vjp(X, vector).inputs, second.vjp(X, column).inputs)
    assert first.train_on_batch(X, vector) == second.train_on_batch(X, column)
    first.fit(X, vector, epochs=2, validation_data=(X, vector))
    second.fit(X, column, epochs=2, validation_data=(X, column))
    assert first == second
