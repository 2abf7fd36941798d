"""From columns to inputs and targets: which, in what order, and what is refused."""

import json

import numpy as np
import pytest

from cyprop.tables.encoding import Encoding, Input, choose
from cyprop.tables.table import Table


def table(**columns):
    arrays = {
        name: np.array(values, object if isinstance(values[0], str | None) else None)
        for name, values in columns.items()
    }
    return Table("t.csv", arrays, np.arange(len(next(iter(arrays.values())))))


FRUIT = table(
    weight=[1.5, -2.0, 0.25, 8.0],
    ripe=[True, False, True, True],
    colour=["red", "green", "red", "blue"],
    kind=["apple", "pear", "apple", "plum"],
)


def test_inputs_are_numbers_and_one_hot_texts_in_column_order():
    encoding, _ = choose(FRUIT, "kind")
    assert encoding.names == ["weight", "ripe", "colour=blue", "colour=green", "colour=red"]
    assert encoding.encode(FRUIT).tolist() == [
        [1.5, 1, 0, 0, 1],
        [-2.0, 0, 0, 1, 0],
        [0.25, 1, 0, 0, 1],
        [8.0, 1, 1, 0, 0],
    ]
    assert encoding.classes == ("apple", "pear", "plum")
    assert encoding.encode_target(FRUIT).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert (encoding.n_in, encoding.n_out) == (5, 3)


def test_columns_are_found_by_name():
    encoding, _ = choose(FRUIT, "kind", drop=["ripe"])
    shuffled = Table("u", dict(reversed(FRUIT.columns.items())), FRUIT.rows)
    assert np.array_equal(encoding.encode(shuffled), encoding.encode(FRUIT))
    assert encoding.names == ["weight", "colour=blue", "colour=green", "colour=red"]


@pytest.mark.parametrize(
    ("values", "classes", "reason"),
    [
        (["b", "a", "b"], ("a", "b"), "2 different texts"),
        ([True, False, True], (False, True), "2 different truth values"),
        ([3, 1, 2], (1, 2, 3), "3 different whole numbers"),
        ([3.0, -1.0, 2.0], (-1, 2, 3), "3 different whole numbers"),
        ([0.5, 1.0, 2.0], None, "3 different numbers"),
        (list(range(20)), tuple(range(20)), "20 different whole numbers"),
        (list(range(21)), None, "21 different whole numbers"),
    ],
)
def test_the_target_decides_the_task(values, classes, reason):
    encoding, why = choose(table(x=[0.5] * len(values), y=values), "y")
    assert encoding.classes == classes
    assert why == f"'y' holds {reason}"
    expected = [[float(v)] for v in values] if classes is None else None
    if expected:
        assert encoding.encode_target(table(y=values)).tolist() == expected


def test_the_task_can_be_said():
    numbers = table(x=[1, 2, 3], y=[1, 2, 5])
    assert choose(numbers, "y", "regression")[0].classes is None
    halves = table(x=[1, 2, 3], y=[0.5, 1.5, 0.5])
    assert choose(halves, "y", "classification")[0].classes == (0.5, 1.5)
    with pytest.raises(ValueError, match="'y' holds text, and regression needs numbers"):
        choose(table(x=[1, 2], y=["a", "b"]), "y", "regression")
    with pytest.raises(ValueError, match="task is 'sorting', expected classification or regr"):
        choose(numbers, "y", "sorting")


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({"x": [1, 2]}, ("y",), "t.csv has no column 'y'; it has 'x'"),
        ({"x": [1, 2], "y": [1, 2]}, ("y", None, ["z"]), "no column 'z'"),
        ({"y": [1, 2]}, ("y",), "no column besides 'y' to learn from"),
        ({"x": [1, 2], "y": [4, 4]}, ("y",), "'y' is 4 in every row: nothing to learn"),
        ({"x": [1, 2], "y": [1.5, np.nan]}, ("y",), "'y' of t.csv holds no value in row 1"),
        ({"x": [1, 2], "y": ["a", None]}, ("y",), "'y' of t.csv holds no value in row 1"),
        ({"x": [1, 2], "y": [-np.inf, 1]}, ("y",), "'y' of t.csv holds -inf in row 0"),
        ({"x": ["a", None], "y": [1, 2]}, ("y",), "'x' of t.csv holds no value in row 1"),
        (
            {"x": [str(i) for i in range(201)], "y": list(range(201))},
            ("y",),
            r"more than 200, in 'x' \(201\); leave such columns out with --drop",
        ),
        (
            {"x": [1] * 1001, "y": [str(i) for i in range(1001)]},
            ("y",),
            "'y' holds 1,001 different values, more than 1,000 classes",
        ),
    ],
)
def test_unsuitable_tables_are_refused(columns, arguments, message):
    with pytest.raises(ValueError, match=message):
        choose(table(**columns), *arguments)


@pytest.mark.parametrize(
    ("columns", "dtype", "message"),
    [
        ({"b": ["u"]}, "float64", "t.csv has no column 'a'; it has 'b'"),
        ({"a": [1.0, np.nan], "b": ["u", "u"]}, "float64", "'a' of t.csv holds no value in row 1"),
        ({"a": [np.inf], "b": ["u"]}, "float64", "'a' of t.csv holds inf in row 0"),
        ({"a": ["1"], "b": ["u"]}, "float64", "'a' of t.csv holds text, expected numbers"),
        ({"a": [1], "b": [2]}, "float64", "'b' of t.csv holds numbers, expected text"),
        (
            {"a": [1, 2], "b": ["u", "w"]},
            "float64",
            "'b' of t.csv holds 'w' in row 1, counted from 0; expected one of those learned",
        ),
        ({"a": [1, -1e39], "b": ["u", "u"]}, "float32", "holds -1e\\+39 in row 1.*float32 ends"),
    ],
)
def test_rows_that_do_not_fit_are_named(columns, dtype, message):
    encoding = Encoding((Input("a"), Input("b", ("u", "v"))), "y", None)
    with pytest.raises(ValueError, match=message):
        encoding.encode(table(**columns), dtype)


def test_rows_are_named_as_in_the_file():
    some = Table("t.csv", {"a": np.array([1.0, np.nan])}, np.array([4, 17]))
    with pytest.raises(ValueError, match="in row 17"):
        Encoding((Input("a"),), "y", None).encode(some)


@pytest.mark.parametrize("target", ["kind", "ripe", "weight"])
def test_notes_come_back(target):
    encoding, _ = choose(FRUIT, target)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


GOOD = {"inputs": [{"name": "a"}, {"name": "b", "categories": ["u"]}], "target": "y"}


@pytest.mark.parametrize(
    "notes",
    [
        None,
        [],
        {},
        "inputs",
        {**GOOD},
        {**GOOD, "classes": 3},
        {**GOOD, "classes": [[1]]},
        {**GOOD, "classes": None, "more": 1},
        {**GOOD, "classes": None, "target": 5},
        {**GOOD, "classes": None, "inputs": ["a"]},
        {**GOOD, "classes": None, "inputs": [{"name": 1}]},
        {**GOOD, "classes": None, "inputs": [{"name": "a", "categories": [1]}]},
        {**GOOD, "classes": None, "inputs": [{"name": "a", "categories": "uv"}]},
    ],
)
def test_other_notes_are_refused(notes):
    with pytest.raises(ValueError, match="not in the form that cyprop writes"):
        Encoding.from_json(notes)
