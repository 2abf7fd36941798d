"""Metrics, weights of classes and shares of a split beside scikit-learn's, on the same numbers."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as theirs
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight

import cyprop
from cyprop.training.classes import split_rows, weights_of_classes
from cyprop.training.metrics import checked_metrics, measure

N = 301
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(params=["weighted", "unweighted"])
def weights(request, rng):
    w = rng.random(N) * 3
    w[rng.random(N) < 0.1] = 0
    return w if request.param == "weighted" else None


@pytest.fixture(params=["fine", "with ties"])
def coarse(request):
    """Leaves scores as they are, or makes many of them equal."""
    return (lambda A: A) if request.param == "fine" else (lambda A: np.round(A * 6) / 6)


def settings(n_out, **options):
    return cyprop.Settings([3, n_out], **options)


def found(names, net, Y, A, weights):
    return measure(checked_metrics(names, net), Y, A, weights)


def check(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, **CLOSE, err_msg=name)


def of_classes(y, predicted, w, **average):
    """The metrics of predicted classes that a row has one of."""
    given = {"sample_weight": w, **average}
    return {
        "accuracy": theirs.accuracy_score(y, predicted, sample_weight=w),
        "balanced_accuracy": theirs.balanced_accuracy_score(y, predicted, sample_weight=w),
        "f1": theirs.f1_score(y, predicted, **given),
        "precision": theirs.precision_score(y, predicted, **given),
        "recall": theirs.recall_score(y, predicted, **given),
    }


@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("loss", ["mse", "huber", "gaussian_nll"])
def test_regression(rng, weights, n_out, loss):
    Y = rng.normal(size=(N, n_out)) * [1, 5, 0.1][:n_out] + 2
    A = Y + rng.normal(size=(N, n_out))
    net = settings(2 * n_out if loss == "gaussian_nll" else n_out, loss=loss)
    given = np.hstack([A, rng.normal(size=A.shape)]) if loss == "gaussian_nll" else A
    w = {"sample_weight": weights}
    expected = {
        "mae": theirs.mean_absolute_error(Y, A, **w),
        "mse": theirs.mean_squared_error(Y, A, **w),
        "rmse": theirs.root_mean_squared_error(Y, A, **w),
        "r2": theirs.r2_score(Y, A, **w),
    }
    check(found(list(expected), net, Y, given, weights), expected)


def test_r2_of_a_column_that_does_not_vary(rng):
    Y = np.full((N, 2), 3.0)
    for A in (Y, Y + rng.normal(size=Y.shape), np.hstack([Y[:, :1], rng.normal(size=(N, 1))])):
        assert found("r2", settings(2), Y, A, None) == {"r2": theirs.r2_score(Y, A)}


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse"])
def test_one_output(rng, weights, coarse, loss):
    y = (rng.random(N) < 0.3).astype(int)
    p = np.clip(coarse(0.4 * y + 0.6 * rng.random(N)), 0, 1)
    expected = {
        **of_classes(y, p > 0.5, weights),
        "top_1": theirs.top_k_accuracy_score(y, p, k=1, sample_weight=weights),
        "auc": theirs.roc_auc_score(y, p, sample_weight=weights),
        "log_loss": theirs.log_loss(y, p, sample_weight=weights),
    }
    net = settings(1, loss=loss, output_activation="sigmoid")
    Y = y[:, None].astype(float)
    check(found(list(expected), net, Y, p[:, None], weights), expected)


@pytest.mark.parametrize("output", ["softmax", "log_softmax"])
@pytest.mark.parametrize("k", [2, 3, 7])
def test_an_output_for_each_class(rng, weights, coarse, output, k):
    y = rng.integers(0, k, N)
    A = np.exp(coarse(rng.normal(size=(N, k)) + 1.5 * np.eye(k)[y]))
    A /= A.sum(axis=1, keepdims=True)
    if output == "log_softmax":
        A = np.log(A)
    P = np.exp(A) if output == "log_softmax" else A
    average = "binary" if k == 2 else "macro"
    w = {"sample_weight": weights}
    scores = {"y_score": A[:, 1]} if k == 2 else {"y_score": P, "multi_class": "ovr"}
    expected = {
        **of_classes(y, A.argmax(axis=1), weights, average=average),
        "auc": theirs.roc_auc_score(y, **scores, **w),
        "log_loss": theirs.log_loss(y, P, **w),
    }
    for top in {1, 2, 3} if k > 3 else set():
        expected[f"top_{top}"] = theirs.top_k_accuracy_score(y, A, k=top, **w)
    net = settings(k, loss="cross_entropy", output_activation=output)
    if output == "log_softmax":  # whose exponentials have ties that the logarithms do not
        expected["auc"] = found("auc", net, np.eye(k)[y], A, weights)["auc"]
        one = [theirs.roc_auc_score(y == c, A[:, c], **w) for c in range(k)]
        np.testing.assert_allclose(expected["auc"], np.mean(one) if k > 2 else one[1], **CLOSE)
    check(found(list(expected), net, np.eye(k)[y], A, weights), expected)


def test_classes_that_are_nowhere_or_never_predicted(rng):
    y = rng.integers(0, 3, N)  # of five classes
    A = rng.random((N, 5)) * [1, 1, 0.1, 0.9, 0]
    A /= A.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = {
            **of_classes(y, A.argmax(axis=1), None, average="macro"),
            "top_2": theirs.top_k_accuracy_score(y, A, k=2, labels=range(5)),
            "auc": theirs.roc_auc_score(y, A, multi_class="ovr", labels=range(5)),
            "log_loss": theirs.log_loss(y, A, labels=range(5)),
        }
    assert np.isnan(expected["auc"])
    net = settings(5, loss="cross_entropy")
    check(found(list(expected), net, np.eye(5)[y], A, None), expected)


def test_one_class_alone():
    net, P = settings(1, loss="binary_cross_entropy"), np.array([[0.1], [0.9]])
    with pytest.warns(UndefinedMetricWarning):
        expected = theirs.roc_auc_score([1, 1], P[:, 0])
    assert np.isnan(expected)
    assert np.isnan(found("auc", net, np.ones((2, 1)), P, None)["auc"])


def test_several_labels_for_a_row(rng, weights, coarse):
    Y = (rng.random((N, 4)) < [0.1, 0.5, 0.9, 0.3]).astype(float)
    A = np.clip(coarse(0.3 * Y + 0.7 * rng.random((N, 4))), 0, 1)
    given = {"sample_weight": weights, "average": "macro"}
    expected = {
        "accuracy": theirs.accuracy_score(Y, A > 0.5, sample_weight=weights),
        "f1": theirs.f1_score(Y, A > 0.5, **given),
        "precision": theirs.precision_score(Y, A > 0.5, **given),
        "recall": theirs.recall_score(Y, A > 0.5, **given),
        "auc": theirs.roc_auc_score(Y, A, **given),
        "log_loss": np.mean(
            [theirs.log_loss(Y[:, j], A[:, j], sample_weight=weights) for j in range(4)]
        ),
    }
    net = settings(4, loss="binary_cross_entropy")
    check(found(list(expected), net, Y, A, weights), expected)


@pytest.mark.parametrize("k", [2, 5])
def test_weights_of_classes(rng, k):
    y = np.minimum(rng.geometric(0.5, N) - 1, k - 1)
    net = settings(k, loss="cross_entropy")
    of_each = compute_class_weight("balanced", classes=np.arange(k), y=y)
    mine = weights_of_classes("balanced", np.eye(k)[y], net)
    np.testing.assert_allclose(mine, of_each[y], rtol=1e-15)
    given = {0: 0.5, k - 1: 3}
    of_each = compute_class_weight(given, classes=np.arange(k), y=y)
    assert weights_of_classes(given, np.eye(k)[y], net).tolist() == of_each[y].tolist()


def test_balanced_weights_of_the_classes_that_are_there(rng):
    y = rng.choice([1, 3], N)
    of_each = compute_class_weight("balanced", classes=np.array([1, 3]), y=y)
    mine = weights_of_classes("balanced", np.eye(5)[y], settings(5, loss="cross_entropy"))
    np.testing.assert_allclose(mine, of_each[(y == 3).astype(int)], rtol=1e-15)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_shares_of_a_split(rng, fraction):
    y = np.minimum(rng.geometric(0.5, N) - 1, 3)
    theirs = StratifiedShuffleSplit(1, test_size=fraction, random_state=0)
    _, expected = next(theirs.split(y, y))
    training, validation = split_rows(N, fraction, 0, y)
    assert np.array_equal(np.sort(np.concatenate([training, validation])), np.arange(N))
    counts = np.bincount(y[validation], minlength=4)
    # scikit-learn makes the sum exact, and gives what rounding leaves over to some of the classes.
    assert np.abs(counts - np.bincount(y[expected], minlength=4)).max() <= 1
    assert np.abs(counts - fraction * np.bincount(y)).max() <= 0.5
