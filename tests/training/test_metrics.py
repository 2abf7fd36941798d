"""Metrics: values worked out by hand, which suit a network, and a user's own."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import cyprop
from cyprop import metrics as formulas
from cyprop.training.metrics import NAMES, check_targets, checked_metrics, measure

ONE = cyprop.Settings([3, 1], loss="binary_cross_entropy")
CLASSES = cyprop.Settings([3, 3], loss="cross_entropy")
LABELS = cyprop.Settings([3, 2], loss="binary_cross_entropy")
NUMBERS = cyprop.Settings([3, 2], loss="mse")


def array(rows, dtype="float64"):
    return np.array([[float(Fraction(number)) for number in row.split()] for row in rows], dtype)


def value(name, settings, Y, A, weights=None):
    (metric,) = checked_metrics(name, settings)
    assert metric.name == name
    found = metric.of(Y, A, weights)
    assert type(found) is float
    assert found == measure([metric], Y, A, weights)[name] or math.isnan(found)
    return found


# By hand

Y_NUMBERS = array(["0 4", "2 4", "4 8", "6 8"])
A_NUMBERS = array(["1 4", "2 5", "4 6", "3 8"])
Y_ONE, A_ONE = array(["0", "0", "1", "1", "1"]), array(["1/4", "3/4", "3/4", "1/8", "7/8"])
Y_CLASSES = array(["1 0 0", "1 0 0", "0 1 0", "0 0 1"])
A_CLASSES = array(["1/2 1/4 1/4", "1/4 1/2 1/4", "1/8 1/2 3/8", "1/4 5/8 1/8"])
Y_LABELS, A_LABELS = array(["1 0", "0 0", "1 1", "0 1"]), array(["1 0", "3/4 0", "3/4 1", "0 1/4"])

BY_HAND = [
    # Errors 1, 0, 0, -3 and 0, 1, -2, 0; the targets vary by 5 and by 4.
    ("mae", NUMBERS, Y_NUMBERS, A_NUMBERS, Fraction(7, 8)),
    ("mse", NUMBERS, Y_NUMBERS, A_NUMBERS, Fraction(15, 8)),
    ("rmse", NUMBERS, Y_NUMBERS, A_NUMBERS, (math.sqrt(10 / 4) + math.sqrt(5 / 4)) / 2),
    ("r2", NUMBERS, Y_NUMBERS, A_NUMBERS, ((1 - 2.5 / 5) + (1 - 1.25 / 4)) / 2),
    # Predicted 0, 1, 1, 0, 1.
    ("accuracy", ONE, Y_ONE, A_ONE, Fraction(3, 5)),
    ("balanced_accuracy", ONE, Y_ONE, A_ONE, (Fraction(1, 2) + Fraction(2, 3)) / 2),
    ("precision", ONE, Y_ONE, A_ONE, Fraction(2, 3)),
    ("recall", ONE, Y_ONE, A_ONE, Fraction(2, 3)),
    ("f1", ONE, Y_ONE, A_ONE, Fraction(2, 3)),
    ("top_1", ONE, Y_ONE, A_ONE, Fraction(3, 5)),
    ("top_2", ONE, Y_ONE, A_ONE, 1),
    # Of six pairs 1/4 < 3/4, 1/4 < 7/8 and 3/4 < 7/8 are right, and 3/4 = 3/4 is half of one.
    ("auc", ONE, Y_ONE, A_ONE, Fraction(7, 12)),
    ("log_loss", ONE, Y_ONE, A_ONE, -math.log(3 / 4 * 1 / 4 * 3 / 4 * 1 / 8 * 7 / 8) / 5),
    # Predicted 0, 1, 1, 1.
    ("accuracy", CLASSES, Y_CLASSES, A_CLASSES, Fraction(1, 2)),
    ("balanced_accuracy", CLASSES, Y_CLASSES, A_CLASSES, Fraction(1, 2)),
    ("precision", CLASSES, Y_CLASSES, A_CLASSES, Fraction(4, 9)),
    ("recall", CLASSES, Y_CLASSES, A_CLASSES, Fraction(1, 2)),
    ("f1", CLASSES, Y_CLASSES, A_CLASSES, (Fraction(2, 3) + Fraction(1, 2)) / 3),
    ("top_1", CLASSES, Y_CLASSES, A_CLASSES, Fraction(1, 2)),
    # Of equal scores that of the higher class is ahead: the second row's 0 is third.
    ("top_2", CLASSES, Y_CLASSES, A_CLASSES, Fraction(1, 2)),
    ("top_3", CLASSES, Y_CLASSES, A_CLASSES, 1),
    # Class 0: 1/2 before both, 1/4 before one and even with the other; 1: even with one of three,
    # behind one, before one; 2: behind 3/8 and both 1/4.
    ("auc", CLASSES, Y_CLASSES, A_CLASSES, (Fraction(7, 8) + Fraction(1, 2)) / 3),
    ("log_loss", CLASSES, Y_CLASSES, A_CLASSES, -math.log(1 / 2 * 1 / 4 * 1 / 2 * 1 / 8) / 4),
    # The second row has a label too many, and the last one too few.
    ("accuracy", LABELS, Y_LABELS, A_LABELS, Fraction(1, 2)),
    ("precision", LABELS, Y_LABELS, A_LABELS, (Fraction(2, 3) + 1) / 2),
    ("recall", LABELS, Y_LABELS, A_LABELS, (1 + Fraction(1, 2)) / 2),
    ("f1", LABELS, Y_LABELS, A_LABELS, (Fraction(4, 5) + Fraction(2, 3)) / 2),
    ("auc", LABELS, Y_LABELS, A_LABELS, (Fraction(7, 8) + 1) / 2),
]


@pytest.mark.parametrize(("name", "settings", "Y", "A", "expected"), BY_HAND)
def test_values_by_hand(dtype, name, settings, Y, A, expected):
    found = value(name, settings, Y.astype(dtype), A.astype(dtype))
    assert found == pytest.approx(float(expected), rel=1e-15)


@pytest.mark.parametrize(("name", "settings", "Y", "A", "expected"), BY_HAND)
def test_a_weight_is_as_many_rows(name, settings, Y, A, expected):
    times = np.array([1, 3, 0, 2, 1])[: len(Y)]
    found = value(name, settings, Y, A, times.astype(float))
    rows = np.repeat(np.arange(len(Y)), times)
    again = value(name, settings, Y[rows], A[rows])
    np.testing.assert_allclose(found, again, rtol=1e-15)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [2, 5])
def test_auc_is_that_of_all_pairs(seed, k):
    rng = np.random.default_rng(seed)
    y, scores, w = rng.integers(0, 2, 60), rng.integers(0, k, 60) / 4, rng.random(60)
    pairs = [
        (w[i] * w[j], (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
        for i in np.flatnonzero(y == 1)
        for j in np.flatnonzero(y == 0)
    ]
    expected = sum(weight * won for weight, won in pairs) / sum(weight for weight, _ in pairs)
    np.testing.assert_allclose(formulas.auc(y, scores, w), expected, rtol=1e-13)


def test_top_k_is_that_of_a_sort():
    rng = np.random.default_rng(0)
    P = rng.integers(0, 4, (200, 6)) / 4
    y = rng.integers(0, 6, 200)
    for k in range(1, 7):
        best = np.argsort(P, axis=1, kind="stable")[:, ::-1][:, :k]
        expected = np.mean([y[i] in best[i] for i in range(200)])
        assert formulas.top_k(y, P, k=k) == expected


# What there is not

EMPTY = array(["0", "0"])


def test_auc_of_one_class_alone_is_nan():
    for Y in (EMPTY, 1 - EMPTY):
        assert math.isnan(value("auc", ONE, Y, array(["1/4", "1/2"])))
    both = array(["0", "1"])
    assert value("auc", ONE, both, array(["1/4", "1/2"])) == 1
    assert math.isnan(value("auc", ONE, both, array(["1/4", "1/2"]), np.array([1.0, 0.0])))


def test_what_is_0_of_0_is_0():
    A = array(["1/4", "1/2"])  # a half is not above a half
    for name in ("f1", "precision", "recall"):
        assert value(name, ONE, EMPTY, A) == 0
    assert value("accuracy", ONE, EMPTY, A) == 1


def test_r2_of_targets_that_do_not_vary():
    Y = np.full((3, 2), 5.0)
    assert value("r2", NUMBERS, Y, Y) == 1
    assert value("r2", NUMBERS, Y, Y + [[0, 1]]) == 0.5
    assert math.isnan(value("r2", NUMBERS, Y[:1], Y[:1]))


def test_a_certain_mistake_has_a_finite_log_loss():
    found = value("log_loss", ONE, array(["0", "1"]), array(["1", "1"]))
    assert found == pytest.approx(52 * math.log(2) / 2)
    found = value("log_loss", ONE, array(["0", "1"]), array(["0", "1"]))
    assert found == pytest.approx(2.0**-52, rel=1e-9, abs=0)


def test_a_class_that_no_row_is_of_does_not_count():
    Y = Y_CLASSES[:3]  # predicted 0, 1, 1
    assert value("balanced_accuracy", CLASSES, Y, A_CLASSES[:3]) == 0.75
    assert value("f1", CLASSES, Y, A_CLASSES[:3]) == pytest.approx(2 / 3)
    assert value("f1", CLASSES, Y, A_CLASSES[:3][:, [0, 2, 1]]) == pytest.approx(2 / 9)


@pytest.mark.parametrize("name", ["accuracy", "auc", "mae", "r2", "top_1", "log_loss"])
def test_an_output_that_is_not_a_number_leaves_none(name):
    A = A_ONE.copy()
    A[3] = math.nan
    assert math.isnan(value(name, ONE, Y_ONE, A))


def test_numbers_too_large_give_infinity_without_a_warning():
    assert value("mse", NUMBERS, Y_NUMBERS, A_NUMBERS * 1e300) == math.inf


# Which outputs are read

MEANS = array(["1 3", "2 5", "4 4", "3 9"])


@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "r2"])
def test_variances_are_no_predictions(name):
    Y = Y_NUMBERS[:, :1]
    of_two = value(name, cyprop.Settings([3, 2], loss="gaussian_nll"), Y, MEANS)
    assert of_two == value(name, cyprop.Settings([3, 1]), Y, MEANS[:, :1])


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "auc", "mae", "top_2", "f1"])
def test_logarithms_of_probabilities_are_read_as_such(name):
    log = cyprop.Settings([3, 3], loss="cross_entropy", output_activation="log_softmax")
    found = value(name, log, Y_CLASSES, np.log(A_CLASSES))
    np.testing.assert_allclose(found, value(name, CLASSES, Y_CLASSES, A_CLASSES), rtol=1e-15)


def test_float32_is_measured_in_float64():
    Y = np.zeros((3, 1), "float32")
    A = np.array([[1], [1e-5], [1e-5]], "float32")
    assert value("mae", cyprop.Settings([3, 1]), Y, A) == (1 + 2 * float(A[1, 0])) / 3


def test_shares_of_classes_are_read_by_the_largest():
    Y = array(["1/2 1/4 1/4", "0 2 1"])
    (metric,) = checked_metrics("accuracy", CLASSES)
    check_targets(metric, Y, "Y")
    assert metric.of(Y, array(["1 0 0", "1 0 0"])) == 0.5


def test_two_classes_by_other_losses():
    hot = cyprop.Settings([3, 3], loss="mse", output_activation="softmax")
    for name in ("accuracy", "f1", "auc", "top_2", "log_loss"):
        (metric,) = checked_metrics(name, hot)
        check_targets(metric, Y_CLASSES, "Y")
        assert metric.of(Y_CLASSES, A_CLASSES) == value(name, CLASSES, Y_CLASSES, A_CLASSES)


# What suits

REFUSED = [
    ("acc", ONE, ValueError, "metric 'acc' is unknown; known are accuracy, .*top_<k>, .*r2"),
    ("top_0", CLASSES, ValueError, "metric 'top_0' is unknown"),
    ("top_<k>", CLASSES, ValueError, "metric 'top_<k>' is unknown"),
    ("top_k", CLASSES, ValueError, "'top_k', the best 5, needs 5 classes or more, not 3"),
    ("top_4", CLASSES, ValueError, "'top_4' needs 4 classes or more, not 3"),
    ("top_3", ONE, ValueError, "'top_3' needs 3 classes or more, not 2"),
    ("top_1", LABELS, ValueError, "needs one class for each row; .* 2 outputs .* several labels"),
    ("balanced_accuracy", LABELS, ValueError, "needs one class for each row"),
    (["mae", "mae"], ONE, ValueError, "metrics has 'mae' twice"),
    ([len, len], ONE, ValueError, "metrics has 'len' twice"),
    (7, ONE, TypeError, "metrics has 7, expected a name, something to call"),
    (["mae", None], ONE, TypeError, "metrics has None, expected a name"),
    (cyprop.Adam, ONE, TypeError, "metrics has the class Adam, expected an object made of it"),
    ([int], ONE, TypeError, "metrics has the class int, expected an object"),
    ("log_loss", cyprop.Settings([3, 1], output_activation="tanh"), ValueError,
     "needs probabilities, of output_activation 'sigmoid' or 'hard_sigmoid', not 'tanh'"),
    ("log_loss", cyprop.Settings([3, 3]), ValueError, "'softmax' or 'log_softmax', not 'sigmoid'"),
    *((name, cyprop.Settings([3, 2], loss="gaussian_nll"), ValueError,
       f"{name}' needs classes, not loss 'gaussian_nll' with 2 outputs; known for it are mae, mse")
      for name in ("accuracy", "auc", "f1", "log_loss", "top_1")),
]  # fmt: skip


@pytest.mark.parametrize(("metrics", "settings", "error", "said"), REFUSED)
def test_metrics_that_make_no_sense_are_refused(metrics, settings, error, said):
    with pytest.raises(error, match=said):
        checked_metrics(metrics, settings)


def test_names_are_known():
    assert checked_metrics(None, ONE) == checked_metrics([], ONE) == ()
    suited = [name for name in NAMES if not name.startswith("top_")]
    found = checked_metrics((*suited, "top_k"), cyprop.Settings([3, 5], loss="cross_entropy"))
    assert [metric.name for metric in found] == [*suited, "top_k"]
    low = {metric.name for metric in found if not metric.higher_is_better}
    assert low == {"mae", "mse", "rmse", "log_loss"}
    assert [metric.name for metric in checked_metrics("mae", ONE)] == ["mae"]


@pytest.mark.parametrize(
    ("settings", "place", "bad", "said"),
    [
        (ONE, (2, 0), 0.5, r"Y holds 0.5 at row 2, column 0, expected 0 or 1 for metric 'f1'"),
        (LABELS, (1, 1), 0.25, "Y holds 0.25 at row 1, column 1, expected 0 or 1"),
        (NUMBERS, (3, 1), 2.0, "Y holds 2.0 at row 3, column 1, expected 0 or 1"),
        (CLASSES, (1, 2), 1.0, "Y has no largest number at row 1, expected one in each row"),
        (CLASSES, (1, 0), 0.0, "Y has no largest number at row 1"),
        (cyprop.Settings([3, 3]), (3, 0), 1.0, "more than a single 1 at row 3, .* 'f1'"),
        (cyprop.Settings([3, 3]), (3, 2), 0.0, "Y holds zeros at row 3, expected a single 1"),
    ],
)
def test_targets_that_are_no_classes_are_named(dtype, settings, place, bad, said):
    (metric,) = checked_metrics("f1", settings)
    good = {1: Y_ONE, 2: Y_LABELS, 3: Y_CLASSES}[settings.sizes[-1]]
    if settings is NUMBERS:
        good = array(["1 0", "0 1", "1 0", "0 1"])
    Y = good.astype(dtype)
    check_targets(metric, Y, "Y")
    Y[place] = bad
    with pytest.raises(ValueError, match=said):
        check_targets(metric, Y, "Y")
    check_targets(checked_metrics("mae", settings)[0], Y, "Y")


# One's own


class Largest:
    def __call__(self, Y, A):
        return np.abs(A - Y).max()


def bias(Y, A):
    return float((A - Y).mean())


def test_a_function_is_given_the_arrays(dtype):
    seen = []

    def count(Y, A):
        seen.append((Y, A))
        return len(Y)

    Y, A = Y_NUMBERS.astype(dtype), A_NUMBERS.astype(dtype)
    found = checked_metrics([count, bias, Largest(), partial(bias)], NUMBERS)
    assert [metric.higher_is_better for metric in found] == [None] * 4
    values = measure(found, Y, A, np.array([1.0, 0, 0, 0]))  # a function knows no weights
    assert values == {"count": 4.0, "bias": -0.375, "Largest": 3.0, "partial": -0.375}
    for given, own in zip(seen[0], (Y, A)):
        assert type(given) is np.ndarray
        assert given.dtype == own.dtype
        assert np.array_equal(given, own)
        with pytest.raises(ValueError, match="read-only"):
            given[0, 0] = 7
    Y[0, 0] = A[0, 0] = 1  # ours can still be written to


@pytest.mark.parametrize("given", ["0.5", None, True, math.inf, np.zeros(2), 1j, np.True_])
def test_what_a_function_gives_must_be_a_number(given):
    def mine(Y, A):
        return given

    (metric,) = checked_metrics(mine, NUMBERS)
    with pytest.raises(TypeError, match="metric 'mine' gave .*, expected a number, finite or NaN"):
        metric.of(Y_NUMBERS, A_NUMBERS)


def test_a_function_may_give_nan():
    (metric,) = checked_metrics(lambda Y, A: np.float32("nan"), NUMBERS)
    assert metric.name == "<lambda>"
    assert math.isnan(metric.of(Y_NUMBERS, A_NUMBERS))


@pytest.mark.parametrize("name", ["loss", "learning_rate", "seconds", "validation_mae", "epoch"])
def test_names_of_other_columns_are_taken(name):
    def mine(Y, A):
        return 0.0

    mine.__name__ = name
    with pytest.raises(ValueError, match=f"function '{name}', a name that History needs"):
        checked_metrics(mine, NUMBERS)
