"""Inputs and outputs as they come: what may be set, what is kept, and what it is told by."""

import copy
import pickle
import re

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.checks.maps import Map
from cyprop.engine import maps

LABELS = ["setosa", "versicolor", "virginica"]


def network(sizes=(4, 7, 3), dtype="float32", **options):
    """With everything that a network can have at its ends."""
    options = {"activation": "tanh", "output_activation": "identity", "seed": 3, **options}
    net = cyprop.Network(sizes, dtype=dtype, **options)
    net.input_map = np.arange(sizes[0]) - 1.5, np.arange(sizes[0]) / 3
    net.output_map = 0.5, np.arange(1, sizes[-1] + 1) * -10.0
    net.input_names = [f"x{k} µ" for k in range(sizes[0])]
    net.output_names = [f"y{k}" for k in range(sizes[-1])]
    net.labels = LABELS[: sizes[-1]]
    return net


def numbers():
    return np.random.Generator(np.random.PCG64(5)).normal(size=(50, 4)).astype("float32")


# what may be set


def test_maps_are_pairs_of_read_only_arrays():
    net = cyprop.Network([3, 2], dtype="float64")
    assert net.input_map is None
    assert net.output_map is None
    net.input_map = [1, 2, 3], 0.5
    assert isinstance(net.input_map, Map)
    assert net.input_map.offset.tolist() == [1, 2, 3]
    assert net.input_map.scale.tolist() == [0.5] * 3
    assert net.input_map.scale.dtype == net.dtype
    with pytest.raises(ValueError, match="read-only"):
        net.input_map.scale[0] = 1
    given = np.ones(2)
    net.output_map = np.zeros(2), given
    given[:] = 7
    assert net.output_map.scale.tolist() == [1, 1]
    net.input_map = None
    assert net.input_map is None
    assert net.output_map is not None


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (3, TypeError, "input_map is 3, expected a pair (offset, scale) or None"),
        ((1, 2, 3), TypeError, "expected a pair"),
        (([1, 2], 1), ValueError, "offset has shape (2,), expected (3,), or a number"),
        ((0, [[1, 2, 3]]), ValueError, "scale has shape (1, 3)"),
        ((0, [1, np.nan, 3]), ValueError, "scale holds nan at 1, expected finite numbers"),
        ((0, [1, 2, np.inf]), ValueError, "scale holds inf at 2"),
        (
            (0, [1, 1e39, 2]),
            ValueError,
            "scale holds 1e+39 at 1, expected finite numbers that float32",
        ),
        ((0, [1, 1e-60, 2]), ValueError, "scale holds 1e-60 at 1"),
        (("a", 1), TypeError, "offset is 'a', expected an array of shape (3,) of real numbers"),
        ((None, 1), TypeError, "offset is None"),
    ],
)
def test_what_is_no_map_is_refused(value, error, said):
    net = cyprop.Network([3, 2])
    net.input_map = 1, 2
    before = net.input_map
    with pytest.raises(error, match=re.escape(said)):
        net.input_map = value
    assert net.input_map is before


def test_what_is_no_output_map_is_refused():
    net = cyprop.Network([3, 2])
    with pytest.raises(ValueError, match="scale holds 0 at 1, expected numbers other than 0"):
        net.output_map = 0, [1, 0]
    classes = cyprop.Network([3, 2], loss="cross_entropy")
    with pytest.raises(ValueError, match="expected None with loss 'cross_entropy'"):
        classes.output_map = 0, 1
    classes.output_map = None


@pytest.mark.parametrize(
    ("key", "value", "error", "said"),
    [
        ("input_names", "abc", TypeError, "input_names is 'abc', expected a sequence of texts"),
        ("input_names", ["a"], ValueError, "input_names has 1 names, expected 4"),
        ("input_names", ["a", "b", 3, "d"], TypeError, "input_names[2] is 3, expected a text"),
        ("output_names", ["a", "b", "\ud800"], ValueError, "not Unicode text"),
        ("output_names", ["a", "b", "\0"], ValueError, "without a NUL"),
        ("labels", 5, TypeError, "labels is 5, expected a sequence of texts or numbers"),
        ("labels", ["a", "b"], ValueError, "labels has 2 labels, expected 3, one for each class"),
        ("labels", ["a", "b", None], TypeError, "labels[2] is None"),
        ("labels", [1, 2.5, np.inf], ValueError, "labels[2] is inf, expected a finite number"),
        ("labels", [1, 2, 2**63], ValueError, "a whole one of 64 bits"),
        ("labels", ["a", "b", "a"], ValueError, "labels[2] is 'a' again"),
        ("labels", [0, 1, True], ValueError, "labels[2] is True again"),
    ],
)
def test_what_is_no_name_is_refused(key, value, error, said):
    net = network()
    before = getattr(net, key)
    with pytest.raises(error, match=re.escape(said)):
        setattr(net, key, value)
    assert getattr(net, key) == before


def test_labels_need_classes():
    net = cyprop.Network([3, 2], loss="gaussian_nll")
    with pytest.raises(ValueError, match="labels: half of the outputs are variances"):
        net.labels = ["a", "b"]
    with pytest.raises(ValueError, match="classify: half of the outputs are variances"):
        net.classify([1, 2, 3])
    several = cyprop.Network([3, 2], loss="binary_cross_entropy")
    several.labels = ["a", "b"]
    with pytest.raises(ValueError, match="classify: with .* may be of several of 2 classes"):
        several.classify([1, 2, 3])
    with pytest.raises(ValueError, match="one output of 'tanh' tells no classes apart"):
        cyprop.Network([3, 1], output_activation="tanh").classify([1, 2, 3])


# what they do


@pytest.mark.parametrize(
    "labels",
    [LABELS, [3, 1, 2], [0.5, 1.5, 2.5], ["a", 1, 2.5], np.array(["x", "y", "z"]), None],
    ids=str,
)
def test_classify(labels):
    net = cyprop.Network([4, 7, 3], "tanh", loss="cross_entropy", seed=3)
    net.labels = labels
    X = numbers()
    best = net.predict(X).argmax(axis=1)
    assert len(set(best.tolist())) == 3
    found = net.classify(X)
    assert isinstance(found, np.ndarray)
    expected = best.tolist() if labels is None else [list(labels)[k] for k in best]
    assert found.tolist() == expected
    assert net.classify(X, n_threads=2).tolist() == expected
    assert net.classify(X[0]) == expected[0]
    net.weights[0][:] = np.nan
    with pytest.raises(ValueError, match="the outputs of row 0 are NaN"):
        net.classify(X)


def test_one_output_tells_two_classes_apart():
    net = cyprop.Network([4, 1], "sigmoid", loss="binary_cross_entropy", seed=3)
    X = numbers()
    above = net.predict(X)[:, 0] > 0.5
    assert 0 < above.sum() < len(X)
    assert net.classify(X).tolist() == above.astype(int).tolist()
    net.labels = False, True
    assert net.classify(X).dtype == bool
    assert (net.classify(X) == above).all()
    assert net.classify(X[0]) == above[0]


def test_scaled_inputs_have_mean_0_and_deviation_1():
    rng = np.random.Generator(np.random.PCG64(1))
    X = rng.normal([0, -7, 1e4, 0.1], [1e-3, 1, 250, 0], size=(300, 4))
    for dtype in ("float32", "float64"):
        for data in (X, X.astype("float32"), X.tolist()):
            net = cyprop.Network([4, 3], dtype=dtype)
            net.scale_inputs(data)
            exact = np.asarray(data, float)
            offset, scale = net.input_map
            np.testing.assert_allclose(offset[:3], exact.mean(axis=0)[:3], rtol=1e-6)
            np.testing.assert_allclose(scale[:3], 1 / exact.std(axis=0)[:3], rtol=1e-6)
            assert scale[3] == 1
            assert offset[3] == net.dtype.type(exact[0, 3])
    net = cyprop.Network([1, 1], dtype="float64")
    for unit in (1e-160, 1e250):
        net.scale_inputs(np.array([[1.0], [2.0], [4.0]]) * unit)
        np.testing.assert_allclose(net.input_map.scale * unit, 1 / np.std([1, 2, 4]), rtol=1e-12)


def test_many_rows_are_scaled_a_piece_at_a_time(monkeypatch):
    from cyprop import mapping

    X = numbers().astype(float)
    net, other = cyprop.Network([4, 3], dtype="float64"), cyprop.Network([4, 3], dtype="float64")
    net.scale_inputs(X)
    monkeypatch.setattr(mapping, "AT_ONCE", 28)
    other.scale_inputs(X)
    np.testing.assert_allclose(net.input_map, other.input_map, rtol=1e-13)


def test_data_that_cannot_be_scaled_is_refused():
    net = network()
    before = net.input_map
    X = numbers()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="X holds nan at row 3, column 1"):
        net.scale_inputs(X)
    with pytest.raises(ValueError, match="X has no rows"):
        net.scale_inputs(X[:0])
    with pytest.raises(ValueError, match="input_map scale holds 1e\\+60 at 2"):
        net.scale_inputs([[1, 2, 1e-60, 3], [4, 5, 3e-60, 9]])
    assert net.input_map is before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(4, 3), (4, 7, 3)])
def test_folding_keeps_the_predictions(sizes, dtype):
    net = network(sizes, dtype, optimizer="adam")
    X = numbers()
    net.train_on_batch(X, X[:, :3])
    expected = net.predict(X)
    offset, scale = (np.array(part, float) for part in net.input_map)
    W, b = net.weights[0].astype(float), net.biases[0].astype(float)
    assert net.fold_scaling() == ()
    assert net.input_map is None
    assert net.output_map is None
    np.testing.assert_allclose(
        net.predict(X), expected, rtol=0, atol=np.abs(expected).max() * 30 * np.finfo(dtype).eps
    )
    if len(sizes) == 3:
        folded = (W * scale[:, np.newaxis]).astype(dtype)
        assert same_bits(np.ascontiguousarray(net.weights[0]), folded)
        np.testing.assert_allclose(net.biases[0], b - offset @ folded.astype(float), rtol=1e-6)
    assert net.fold_scaling() == ()
    assert net.input_names is not None


def test_an_output_map_stays_behind_another_activation():
    net = cyprop.Network([4, 5, 2], "tanh", "tanh")
    net.output_map = 0.5, 100
    net.input_map = 1, 3
    X = numbers()
    expected = net.predict(X)
    net.fold_scaling()
    assert net.input_map is None
    assert net.output_map.scale.tolist() == [100, 100]
    np.testing.assert_allclose(net.predict(X), expected, atol=1e-4)


def test_folding_names_columns_that_cannot_be_told_apart():
    net = cyprop.Network([4, 3], "tanh")
    net.input_map = [0, 1e6, 5, 1e9], [1, 1, 0, 1e-5]
    again = copy.copy(net)
    assert net.fold_scaling() == (1,)
    again.input_names = ["a", "b", "c", "d"]
    assert again.fold_scaling() == ("b",)
    net.input_map = 0, 3e38
    before = net.parameters.copy()
    net.weights[0][:] = 100
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="the scale of a column is too extreme for weights in"):
        net.fold_scaling()
    assert same_bits(net.parameters, before)
    assert net.input_map is not None
    double = cyprop.Network([1, 3], dtype="float64")
    double.input_map = 1e6, 1
    assert double.fold_scaling() == ()
    double.input_map = 1e14, 1
    assert double.fold_scaling() == (0,)


def test_targets_are_looked_at_through_the_map():
    net = cyprop.Network([4, 1], loss="binary_cross_entropy")
    net.output_map = 0.5, 2  # predictions from −1 to 1
    X, Y = numbers(), np.where(numbers()[:, :1] > 0, 1.0, -1.0)
    net.fit(X, Y, epochs=1)
    with pytest.raises(ValueError, match="Y, through the output map, holds 2.0 at row 0, column 0"):
        net.fit(X, Y * 3 * Y[0], epochs=1)
    net = cyprop.Network([4, 1], "sigmoid")
    net.output_map = 0, 10
    net.fit(X, np.full((50, 1), 9.0), epochs=1)
    with pytest.warns(UserWarning, match="through the output map, holds"):
        net.fit(X, np.full((50, 1), 12.0), epochs=1)


def test_metrics_are_in_units_of_the_targets():
    net = network()
    X = numbers()
    found = net.evaluate(X, X[:, :3], metrics=["mse"])
    error = net.predict(X).astype(float) - X[:, :3]
    np.testing.assert_allclose(found["mse"], np.square(error).mean(), rtol=1e-6)
    assert found["loss"] == net.evaluate(X, X[:, :3])


# what is kept


def test_repr_names_what_there_is():
    net = cyprop.Network([2, 3])
    plain = repr(net)
    net.input_map = 0, 2
    assert repr(net) == f"{plain[:-1]}, input map)"
    assert repr(network()).endswith(
        "parameters, input map, output map, names of inputs, names of outputs, labels)"
    )


CHANGES = {
    "input_map": (1, 2),
    "output_map": (0.5, [-10, -20, -31]),
    "input_names": ["a", "b", "c", "d"],
    "output_names": None,
    "labels": [1, 2, 3],
}


@pytest.mark.parametrize("key", CHANGES)
def test_all_of_it_counts_in_comparisons(key):
    net, other = network(), network()
    assert net == other
    setattr(other, key, CHANGES[key])
    assert net != other
    setattr(other, key, getattr(net, key))
    assert net == other


def test_labels_of_other_kinds_are_others():
    net = cyprop.Network([2, 2], loss="cross_entropy")
    other = copy.copy(net)
    net.labels, other.labels = [0, 1], [False, True]
    assert net != other


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
)
def test_copies_and_pickles_have_it(copied):
    net = network()
    other = copied(net)
    assert other == net
    assert other.labels == tuple(LABELS)
    assert same_bits(other.predict(numbers()), net.predict(numbers()))
    other.input_map = None
    assert net.input_map is not None
    plain = cyprop.Network([4, 3])
    assert not {"maps", "names"} & set(plain.__getstate__())


def test_a_pickle_with_other_maps_is_refused():
    state = network().__getstate__()
    state["maps"] = {"inputs": (np.zeros(3), np.ones(3))}
    blank = cyprop.Network.__new__(cyprop.Network)
    with pytest.raises(ValueError, match="input_map offset has shape"):
        blank.__setstate__(state)


def test_names_that_are_set_meanwhile_are_kept():
    net = network()
    before = maps.names_of(net)
    net.labels = None
    assert not maps.set_names(net, before, before)
    assert net.labels is None


def test_a_network_that_is_not_made_has_none():
    blank = cyprop.Network.__new__(cyprop.Network)
    assert blank.input_map is None
    with pytest.raises(RuntimeError, match="has not been initialised"):
        blank.input_map = 0, 1
    with pytest.raises(RuntimeError, match="has not been initialised"):
        blank.fold_scaling()
