"""Rows that are classes: what they weigh, and their shares of the rows set aside."""

import math

import numpy as np
import pytest

import cyprop
from cyprop import datasets
from cyprop.training.classes import labels_of, split_rows, weights_of_classes

HOT = cyprop.Settings([4, 3], loss="cross_entropy")
ONE = cyprop.Settings([4, 1], loss="binary_cross_entropy")
MSE = cyprop.Settings([4, 1], loss="mse", output_activation="sigmoid")
LABELS = cyprop.Settings([4, 3], loss="binary_cross_entropy")
RARE = np.array([0, 0, 1, 0, 0, 2, 1, 0])


def targets(labels, settings, dtype="float64"):
    n_out = settings.sizes[-1]
    return (np.eye(n_out)[labels] if n_out > 1 else labels[:, None]).astype(dtype)


@pytest.mark.parametrize("settings", [HOT, ONE, MSE])
def test_labels_come_back(dtype, settings):
    labels = RARE if settings is HOT else RARE % 2
    found = labels_of(targets(labels, settings, dtype), settings)
    assert found.dtype == np.intp
    assert found.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("settings", "Y"),
    [
        (HOT, [[0, 1, 0], [0, 1, 1]]),
        (HOT, [[0, 1, 0], [0, 0, 0]]),
        (HOT, [[0, 1, 0], [0, 0, 2]]),
        (HOT, [[0, 1, 0], [0.5, 0.5, 0]]),
        (ONE, [[0], [0.5]]),
        (LABELS, [[0, 1, 0], [1, 0, 0]]),
        (cyprop.Settings([4, 1], output_activation="identity"), [[0], [1]]),
        (cyprop.Settings([4, 3]), [[0, 1, 0], [1, 0, 0]]),
        (cyprop.Settings([4, 2], loss="gaussian_nll"), [[0], [1]]),
    ],
)
def test_other_targets_have_no_labels(settings, Y):
    assert labels_of(np.array(Y, float), settings) is None


# Weights


@pytest.mark.parametrize("settings", [HOT, ONE])
def test_balanced_classes_weigh_the_same_together(dtype, settings):
    labels = RARE if settings is HOT else RARE % 2
    found = weights_of_classes("balanced", targets(labels, settings, dtype), settings)
    n, k = 8, 3 if settings is HOT else 2
    of_each = [n / (k * count) for count in np.bincount(labels)]
    assert found.dtype == np.float64
    assert found.tolist() == [of_each[label] for label in labels]
    np.testing.assert_allclose(found.sum(), n, rtol=1e-15)


def test_rows_that_are_not_counted_weigh_by_those_that_are():
    Y = targets(RARE, HOT)
    found = weights_of_classes("balanced", Y, HOT, np.array([0, 1, 2, 3]))
    # Of four rows three are of class 0 and one is of class 1; class 2 is none of them.
    expected = [4 / 6, 4 / 2, 1.0]
    assert found.tolist() == [expected[label] for label in RARE]


def test_a_dict_names_weights_of_labels():
    found = weights_of_classes({2: 5, np.int64(0): 0.5}, targets(RARE, HOT), HOT)
    assert found.tolist() == [[0.5, 1.0, 5.0][label] for label in RARE]
    found = weights_of_classes({True: 3.0}, targets(RARE % 2, ONE), ONE)
    assert found.tolist() == [[1.0, 3.0][label % 2] for label in RARE]
    assert weights_of_classes({}, targets(RARE, HOT), HOT).tolist() == [1.0] * 8


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("balance", ValueError, "class_weight is 'balance', expected 'balanced' or a dict"),
        ([1, 2, 3], TypeError, r"class_weight is \[1, 2, 3\], expected 'balanced' or a dict"),
        ({3: 1.0}, ValueError, "class_weight has the label 3, expected labels from 0 to 2"),
        ({-1: 1.0}, ValueError, "class_weight has the label -1, expected labels from 0 to 2"),
        ({"1": 1.0}, TypeError, "class_weight has the label '1', expected a whole number"),
        ({1.0: 1.0}, TypeError, "class_weight has the label 1.0, expected a whole number"),
        ({1: -0.5}, ValueError, r"class_weight\[1\] is -0.5, expected a finite number at least 0"),
        ({1: math.inf}, ValueError, r"class_weight\[1\] is inf"),
        ({1: math.nan}, ValueError, r"class_weight\[1\] is nan"),
        ({1: "heavy"}, TypeError, r"class_weight\[1\] is 'heavy', expected a number"),
        ({0: 0, 1: 0, 2: 0}, ValueError, "class_weight is 0 for every row"),
    ],
)
def test_bad_weights_are_refused(given, error, said):
    with pytest.raises(error, match=said):
        weights_of_classes(given, targets(RARE, HOT), HOT)


@pytest.mark.parametrize(
    ("settings", "Y", "said"),
    [
        (HOT, [[0, 1, 0], [0, 0.5, 0.5]], "Y holds 0.5 at row 1, column 1, .* for class_weight"),
        (HOT, [[0, 1, 0], [1, 0, 1]], "Y holds more than a single 1 at row 1, .* class_weight"),
        (HOT, [[0, 0, 0], [1, 0, 0]], "Y holds zeros at row 0, expected a single 1 in each row"),
        (ONE, [[0], [0.25]], "Y holds 0.25 at row 1, column 0, expected 0 or 1"),
        (LABELS, [[0, 1, 0]], "not loss 'binary_cross_entropy' with 3 .* several labels: give sam"),
        (cyprop.Settings([4, 1], "tanh"), [[0]], "not loss 'mse' with 1 output of identity$"),
        (cyprop.Settings([4, 2], loss="gaussian_nll"), [[0]], "not loss 'gaussian_nll' with 2 out"),
    ],
)
@pytest.mark.parametrize("given", ["balanced", {0: 2.0}])
def test_targets_that_are_no_classes_have_no_weights(settings, Y, said, given):
    with pytest.raises(ValueError, match=said):
        weights_of_classes(given, np.array(Y, float), settings)


# Shares


@pytest.mark.parametrize("n", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.9])
def test_every_row_is_on_one_side(n, fraction):
    training, validation = split_rows(n, fraction, 7, None)
    assert training.dtype == validation.dtype == np.intp
    assert np.array_equal(np.sort(np.concatenate([training, validation])), np.arange(n))
    for rows in (training, validation):
        assert (np.diff(rows) > 0).all()
        assert len(rows) > 0
    assert len(validation) == min(round(fraction * n), n - 1)
    assert np.array_equal(validation, np.flatnonzero(datasets.held_out(n, fraction, 7)))


def test_each_class_gives_its_share():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 20, 1]))
    training, validation = split_rows(81, 0.25, 1, labels)
    assert np.bincount(labels[validation], minlength=3).tolist() == [15, 5, 0]
    assert np.bincount(labels[training]).tolist() == [45, 15, 1]


def test_the_seed_draws():
    first, again, other = (split_rows(50, 0.2, seed, None)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("n", "fraction", "labels", "error", "said"),
    [
        (10, 0, None, ValueError, "validation_split is 0, expected a finite number above 0"),
        (10, 1.0, None, ValueError, "validation_split is 1.0, .* below 1"),
        (10, -0.1, None, ValueError, "validation_split is -0.1"),
        (10, math.nan, None, ValueError, "validation_split is nan"),
        (10, True, None, TypeError, "validation_split is True, expected a number"),
        (10, "0.2", None, TypeError, "validation_split is '0.2', expected a number"),
        (1, 0.5, None, ValueError, "validation_split is 0.5, which is no whole row of 1 row,"),
        (10, 0.01, None, ValueError, "0.01, which is no whole row of 10 rows, expected a larger"),
        (4, 0.2, [0, 1, 2, 3], ValueError, "0.2, which, class by class, is no whole row of 4"),
    ],
)
def test_shares_that_leave_a_side_empty_are_refused(n, fraction, labels, error, said):
    with pytest.raises(error, match=said):
        split_rows(n, fraction, 0, labels)
