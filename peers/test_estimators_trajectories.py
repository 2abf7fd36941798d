"""Our estimators beside scikit-learn's: the same weights at first, and the same way from there."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import cyprop.sklearn as ours

EPOCHS = 20


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:700] / 16, y[:700]


def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def several_labels():
    X, y = cancer()
    return X, np.stack([y, X[:, 0] > 0, X[:, 3] * X[:, 5] > 0], axis=1).astype(int)


def several_targets():
    X, y = diabetes()
    return X, np.stack([y, y**2, np.sin(3 * X[:, 2])], axis=1)


def counts():
    X, _ = diabetes()
    return X, np.random.RandomState(0).poisson(np.exp(X[:, 2]))


def counts_of_two():
    X, y = counts()
    return X, np.stack([y, y[::-1]], axis=1)


TASKS = {
    "classes": ("MLPClassifier", digits, {}),
    "two classes": ("MLPClassifier", cancer, {}),
    "labels": ("MLPClassifier", several_labels, {}),
    "target": ("MLPRegressor", diabetes, {}),
    "targets": ("MLPRegressor", several_targets, {}),
    "counts": ("MLPRegressor", counts, {"loss": "poisson"}),
    "counts of two": ("MLPRegressor", counts_of_two, {"loss": "poisson"}),
}


@pytest.fixture(autouse=True)
def _short():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def both(kind, **options):
    return [getattr(module, kind)(**options) for module in (theirs, ours)]


def assert_alike(a, b, tolerance=1e-9):
    assert a.n_iter_ == b.n_iter_
    assert a.t_ == b.t_
    assert a.n_layers_ == b.n_layers_
    assert a.n_outputs_ == b.n_outputs_
    assert a.out_activation_ == b.out_activation_
    for mine, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        assert mine.dtype == other.dtype
        assert_allclose(mine, other, rtol=0, atol=tolerance)
    if a.solver == "lbfgs":
        assert a.loss_ == pytest.approx(b.loss_, abs=tolerance)
        return
    assert_allclose(a.loss_curve_, b.loss_curve_, rtol=0, atol=tolerance)
    for name in ("best_loss_", "best_validation_score_"):
        mine, other = getattr(a, name), getattr(b, name)
        assert (mine is None) == (other is None)
        assert mine is None or mine == pytest.approx(other, abs=tolerance)
    if a.validation_scores_ is not None:
        assert_allclose(a.validation_scores_, b.validation_scores_, rtol=0, atol=tolerance)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_losses_follow_theirs_from_weights_that_were_copied_in(task, solver):
    kind, data, options = TASKS[task]
    X, y = data()
    a, b = both(
        kind, solver=solver, shuffle=False, max_iter=1, warm_start=True, batch_size=90, **options
    )
    a.set_params(random_state=1).fit(X, y)
    b.set_params(random_state=2).fit(X, y)
    for name in ("coefs_", "intercepts_"):
        setattr(b, name, [array.copy() for array in getattr(a, name)])
    for estimator in (a, b):
        estimator.set_params(max_iter=EPOCHS).fit(X, y)
    assert len(b.loss_curve_) == EPOCHS + 1
    assert_allclose(a.loss_curve_[1:], b.loss_curve_[1:], rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_seed_draws_the_same_weights_and_the_same_way(task, solver, weighted):
    kind, data, options = TASKS[task]
    X, y = data()
    weights = np.random.RandomState(1).uniform(0.1, 3, len(X)) if weighted else None
    a, b = both(kind, solver=solver, random_state=3, max_iter=EPOCHS, alpha=0.1, **options)
    assert_alike(a.fit(X, y, sample_weight=weights), b.fit(X, y, sample_weight=weights), 1e-8)
    assert_allclose(a.predict(X), b.predict(X), rtol=0, atol=1e-7)
    if kind == "MLPClassifier":
        assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=0, atol=1e-8)
        assert_allclose(a.predict_log_proba(X), b.predict_log_proba(X), rtol=1e-6, atol=1e-7)
    assert a.score(X, y) == pytest.approx(b.score(X, y), abs=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), 7, (9, 5)])
def test_layers_and_activations(activation, hidden):
    X, y = digits()
    options = {"activation": activation, "hidden_layer_sizes": hidden}
    a, b = both("MLPClassifier", random_state=3, max_iter=5, **options)
    assert_alike(a.fit(X, y), b.fit(X, y))


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0, True), (0.7, False), (0.9, True), (1, True)]
)
def test_rates_and_momentum(learning_rate, momentum, nesterov):
    X, y = cancer()
    options = {"learning_rate": learning_rate, "momentum": momentum, "nesterovs_momentum": nesterov}
    options |= {"solver": "sgd", "learning_rate_init": 0.01, "tol": 0.05, "n_iter_no_change": 2}
    a, b = both("MLPClassifier", random_state=0, max_iter=40, **options)
    # What momentum 1 gathers is never lost, nor is what rounding adds to it.
    assert_alike(a.fit(X, y), b.fit(X, y), 1e-5 if momentum == 1 else 1e-9)
    assert a._optimizer.learning_rate == pytest.approx(b._optimizer.learning_rate)


@pytest.mark.parametrize("task", ["classes", "two classes", "labels", "target", "targets"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_holds_the_same_rows_out(task, weighted):
    kind, data, _ = TASKS[task]
    X, y = data()
    weights = np.random.RandomState(1).uniform(0.1, 3, len(X)) if weighted else None
    a, b = both(kind, early_stopping=True, random_state=1, n_iter_no_change=3, tol=1e-3)
    assert_alike(a.fit(X, y, sample_weight=weights), b.fit(X, y, sample_weight=weights), 1e-7)


def test_partial_fit_and_warm_start_go_on():
    X, y = digits()
    a, b = both("MLPClassifier", random_state=1)
    for rows in (slice(0, 300), slice(300, 700), slice(100, 400)):
        for estimator in (a, b):
            estimator.partial_fit(X[rows], y[rows], classes=range(10))
    assert_alike(a, b)
    a, b = both("MLPRegressor", random_state=1, warm_start=True, max_iter=4)
    X, y = diabetes()
    for _ in range(3):
        assert_alike(a.fit(X, y), b.fit(X, y))


def test_what_they_say_while_they_learn(capsys):
    X, y = diabetes()
    said = []
    for estimator in both(
        "MLPRegressor", solver="sgd", learning_rate="adaptive", random_state=1, max_iter=30,
        tol=0.1, n_iter_no_change=1, verbose=True,
    ):  # fmt: skip
        estimator.fit(X, y)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "Setting learning rate to" in said[0]


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_float32_is_kept(solver):
    X, y = digits()
    a, b = both("MLPClassifier", solver=solver, random_state=1, max_iter=8)
    a.fit(X.astype("float32"), y)
    b.fit(X.astype("float32"), y)
    for mine, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        assert other.dtype == "float32"  # theirs are float64 after lbfgs
        assert_allclose(mine, other, rtol=0, atol=1e-3)
    assert b.network_.dtype == "float32"
    assert b.predict_proba(X.astype("float32")).dtype == "float32"


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_sparse_rows_are_the_dense_ones(solver, shuffle, monkeypatch):
    from cyprop.sklearn import rows

    monkeypatch.setattr(rows, "AT_ONCE", 64 * 50)  # some pieces an epoch
    X, y = digits()
    weights = np.random.RandomState(1).uniform(0.1, 3, len(X))
    options = {"solver": solver, "shuffle": shuffle, "random_state": 1, "batch_size": 32}
    dense, sparse = (ours.MLPClassifier(max_iter=6, **options) for _ in range(2))
    dense.fit(X, y, weights)
    sparse.fit(csr_matrix(X), y, weights)
    assert_alike(dense, sparse, 1e-11)
    assert_allclose(sparse.predict_proba(csr_matrix(X)), dense.predict_proba(X), atol=1e-10)
