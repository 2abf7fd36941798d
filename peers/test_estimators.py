"""Our estimators among scikit-learn's tools, and what theirs lack."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from distributed import Client
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import cyprop
from cyprop.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.usefixtures("short_trainings")


@pytest.fixture
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def classifier(**options):
    return MLPClassifier(
        **{"hidden_layer_sizes": (12,), "random_state": 0, "max_iter": 30, **options}
    )


# scikit-learn's tools


def test_searches_and_scores(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), classifier(learning_rate_init=0.02))
    grid = {"mlpclassifier__alpha": [1e-4, 1e-2], "mlpclassifier__dropout": [0.0, 0.2]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.9
    halving = HalvingGridSearchCV(model, grid, cv=3, random_state=0, min_resources=60).fit(X, y)
    assert halving.score(X, y) > 0.9
    assert cross_val_score(model, X, y, cv=3).min() > 0.85


def test_a_search_under_dask(iris):
    X, y = iris
    model = classifier(learning_rate_init=0.02)
    here = {"processes": False, "n_workers": 1, "threads_per_worker": 2}
    with Client(**here, dashboard_address=None), joblib.parallel_config("dask"):
        search = GridSearchCV(model, {"alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
    alone = GridSearchCV(model, {"alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
    assert_array_equal(search.best_estimator_.coefs_[0], alone.best_estimator_.coefs_[0])


def test_calibration_and_importance(iris):
    X, y = iris
    calibrated = CalibratedClassifierCV(classifier(learning_rate_init=0.02), cv=3).fit(X, y)
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.9
    model = classifier(learning_rate_init=0.02).fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert found.importances_mean[2:].min() > found.importances_mean[:2].max()


def test_names_of_columns(iris):
    X, y = iris
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = make_pipeline(
        StandardScaler().set_output(transform="pandas"), classifier(learning_rate_init=0.02)
    )
    model.fit(table, y)
    assert list(model[-1].feature_names_in_) == ["a", "b", "c", "d"]
    assert model.score(table, y) > 0.9
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model[-1].predict(X)


def test_metadata_is_routed(iris):
    X, y = iris
    weights = np.where(y == "setosa", 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
    alone = classifier().fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    assert_array_equal(routed[-1].coefs_[0], alone.coefs_[0])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_copies_go_on_in_the_same_bits(iris, tmp_path, solver):
    X, y = iris
    model = classifier(solver=solver).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    copies = [pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")]
    copies += [copy.deepcopy(model)]
    expected = model.predict_proba(X)
    model.partial_fit(X, y)
    for other in copies:
        assert_array_equal(other.predict_proba(X), expected)
        other.partial_fit(X, y)
        assert_array_equal(other.coefs_[0], model.coefs_[0])
        assert other.coefs_[0] is other.network_.weights[0]
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "coefs_")


# the network


def test_the_network_is_the_estimators_own(iris, diabetes):
    X, y = iris
    model = classifier().fit(X, y)
    assert isinstance(model.network_, cyprop.Network)
    assert_array_equal(model.network_.predict(X), model.predict_proba(X))
    assert_array_equal(model.network_.predict(X[3]), model.predict_proba(X[3:4])[0])
    assert model.network_.labels == ("setosa", "versicolor", "virginica")
    assert_array_equal(model.network_.classify(X), model.predict(X))
    two = classifier(max_iter=5).fit(pd.DataFrame(X, columns=list("abcd")), y == "setosa")
    assert_array_equal(two.network_.classify(X), two.predict(pd.DataFrame(X, columns=list("abcd"))))
    assert two.network_.input_names == ("a", "b", "c", "d")
    X, y = diabetes
    model = MLPRegressor(hidden_layer_sizes=(8,), random_state=0, max_iter=5).fit(X, y)
    assert_array_equal(model.network_.predict(X)[:, 0], model.predict(X))
    with pytest.raises(NotFittedError):
        _ = MLPRegressor().network_
    assert not hasattr(MLPRegressor(), "network_")


def test_weights_that_are_assigned_are_the_networks(iris):
    X, y = iris
    model = classifier().fit(X, y)
    W = [array.copy() for array in model.coefs_]
    model.coefs_[0] *= 2
    assert_array_equal(model.network_.weights[0], 2 * W[0])
    model.coefs_[1] = -W[1]
    before = model.network_.predict(X)
    assert_array_equal(model.network_.weights[1], -W[1])
    assert_array_equal(model.predict_proba(X), before)
    model.coefs_ = W
    assert_array_equal(model.network_.weights[0], W[0])
    assert not np.array_equal(model.predict_proba(X), before)
    model.coefs_[0] = W[0][:3]
    with pytest.raises(ValueError, match="coefs_ has arrays of the shapes"):
        model.predict(X)


def test_both_ways_between_an_estimator_and_a_network(iris, diabetes):
    X, y = iris
    for options in ({"activation": "logistic"}, {"activation": ["gelu"]}):
        model = make_pipeline(StandardScaler(), classifier(**options)).fit(X, y)
        network = cyprop.from_sklearn(model)
        assert_allclose(network.predict(X), model.predict_proba(X), rtol=1e-10, atol=1e-13)
        assert network.activations == model[-1].network_.activations
        assert network.labels == model[-1].network_.labels
    model = MLPRegressor(hidden_layer_sizes=(8,), random_state=0, max_iter=5).fit(*diabetes)
    network = cyprop.from_sklearn(model)
    assert_array_equal(network.predict(diabetes[0])[:, 0], model.predict(diabetes[0]))


# what theirs lack


def test_weights_of_classes_are_weights_of_rows(iris):
    X, y = iris
    X, y = X[30:], y[30:]
    by_class = {"setosa": 3.0, "versicolor": 0.5}
    own = np.array([by_class.get(label, 1.0) for label in y])
    assert_array_equal(
        classifier(class_weight=by_class).fit(X, y).coefs_[0],
        classifier().fit(X, y, sample_weight=own).coefs_[0],
    )
    balanced = np.array([120 / 3 / (y == label).sum() for label in y])
    assert_array_equal(
        classifier(class_weight="balanced", solver="lbfgs").fit(X, y, own).coefs_[0],
        classifier(solver="lbfgs").fit(X, y, sample_weight=balanced * own).coefs_[0],
    )
    with pytest.raises(ValueError, match="not for partial_fit, which does not see all rows"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=np.unique(y))


@pytest.mark.parametrize("stops", [False, True])
def test_rows_that_the_caller_holds_out(iris, stops):
    X, y = iris
    held = np.arange(len(X)) % 3 == 0
    model = classifier(early_stopping=stops, n_iter_no_change=4, max_iter=200, tol=0.01)
    model.fit(X[~held], y[~held], X_val=X[held], y_val=y[held])
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    if stops:
        assert model.n_iter_ < 200
        assert model.score(X[held], y[held]) == model.best_validation_score_
    else:
        assert model.score(X[held], y[held]) == model.validation_scores_[-1]
    with pytest.raises(ValueError, match="X_val and y_val go together"):
        model.fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val has the classes"):
        model.fit(X, y, X_val=X[:2], y_val=["setosa", "crocus"])


def test_activations_losses_and_optimizers_of_cyprop(iris, diabetes):
    X, y = iris
    for options in (
        {"activation": "gelu", "solver": "adamw"},
        {"activation": cyprop.LeakyReLU(0.1), "solver": cyprop.RMSprop(0.01)},
        {"hidden_layer_sizes": (8, 6), "activation": ["silu", "tanh"], "solver": "adagrad"},
        {"loss": cyprop.CrossEntropy(label_smoothing=0.1), "clip_norm": 1.0},
        {"loss": "mse", "dropout": 0.1, "schedule": "one_cycle"},
        {"solver": "sgd", "schedule": cyprop.ReduceOnPlateau(patience=3), "n_threads": 2},
    ):
        model = classifier(**{"learning_rate_init": 0.02, "max_iter": 150, **options}).fit(X, y)
        assert model.score(X, y) > 0.9, options
    assert classifier(activation="gelu").fit(X, y).network_.activations == ("gelu", "softmax")
    X, y = diabetes
    for loss in ("mae", "huber", cyprop.Quantile(0.5), "gaussian_nll", "log_cosh"):
        model = MLPRegressor(loss, (8,), random_state=0, learning_rate_init=0.01).fit(X, y)
        assert model.predict(X).shape == y.shape
        assert model.score(X, y) > 0.4, loss


def test_a_loss_is_the_networks_with_its_penalty(diabetes):
    """One step of plain SGD on all rows is that of a network with the same numbers."""
    X, y = diabetes
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1, "alpha": 50.0}
    model = MLPRegressor(
        "huber", (6,), "tanh", random_state=0, max_iter=1, batch_size=len(X), **options
    ).fit(X, y)
    W, b = first_weights(X, y)
    network = cyprop.Network(
        [10, 6, 1], "tanh", loss="huber", optimizer=cyprop.SGD(0.1), dtype="float64",
        l2=50 / len(X), initializer=list(zip(W, b)),
    )  # fmt: skip
    loss = network.train_on_batch(X, y[:, None])
    assert model.loss_ == pytest.approx(loss, rel=1e-12)
    for mine, other in zip(model.coefs_, network.weights, strict=True):
        assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


def first_weights(X, y):
    """The weights that a seed draws: those of scikit-learn's own, which has not learned yet."""
    from sklearn.neural_network import MLPRegressor as Theirs

    theirs = Theirs(hidden_layer_sizes=(6,), activation="tanh", random_state=0)
    theirs.n_outputs_, theirs._random_state = 1, np.random.RandomState(0)
    theirs._initialize(y[:, None], [10, 6, 1], X.dtype)
    return theirs.coefs_, theirs.intercepts_


@pytest.mark.parametrize("n_targets", [1, 3])
def test_a_gradient_is_clipped_as_scikit_learn_has_it(diabetes, n_targets):
    """Of plain SGD the step is the rate times the gradient: it is as long as the clipped one."""
    X, y = diabetes
    Y = 100 * y if n_targets == 1 else np.stack([100 * y] * n_targets, axis=1)
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.01, "batch_size": len(X)}
    model = MLPRegressor(
        hidden_layer_sizes=(6,), random_state=0, max_iter=1, clip_norm=0.25, **options
    )
    after = model.fit(X, Y).network_.parameters.copy()
    before = model.set_params(learning_rate_init=1e-30).fit(X, Y).network_.parameters
    assert np.linalg.norm(after - before) == pytest.approx(0.01 * 0.25, rel=1e-9)


def test_dropout_is_another_training_that_a_seed_repeats(iris):
    X, y = iris
    with_, again, without = (
        classifier(dropout=rate, hidden_layer_sizes=(20,)).fit(X, y) for rate in (0.3, 0.3, 0.0)
    )
    assert_array_equal(with_.coefs_[0], again.coefs_[0])
    assert not np.array_equal(with_.coefs_[0], without.coefs_[0])
    assert with_.network_.settings.dropout == (0.3,)


def test_threads_change_no_bit():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(2000, 80)), rng.randint(0, 3, 2000)
    one, two = (
        MLPClassifier((300,), random_state=0, max_iter=2, n_threads=n).fit(X, y) for n in (1, 2)
    )
    assert_array_equal(one.coefs_[0], two.coefs_[0])
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_callbacks_see_each_epoch_and_may_end_it(iris):
    X, y = iris

    class Three(cyprop.Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_end(self, epoch, logs):
            self.seen.append(logs["loss"])
            if epoch == 2:
                raise cyprop.StopTraining

    callback = Three()
    model = classifier(callbacks=callback).fit(X, y)
    assert model.loss_curve_ == callback.seen
    assert model.n_iter_ == 3


def test_options_that_do_not_go_together(iris):
    X, y = iris
    for options, message in (
        ({"solver": "lbfgs", "dropout": 0.1}, "dropout is 0.1, which solver='lbfgs' has no use"),
        ({"solver": "sgd", "learning_rate": "adaptive", "schedule": "cosine"}, "expected one"),
        ({"activation": "softmax"}, "softmax"),
        ({"callbacks": 3}, "callbacks"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            classifier(**options).fit(X, y)
    with pytest.raises(ValueError, match="schedule needs to know how many updates"):
        classifier(schedule="cosine").partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(ValueError, match="'activation' parameter of MLPClassifier must be"):
        classifier(activation="rleu").fit(X, y)
    with pytest.raises(
        ValueError, match="holds -1.0 at row 0, expected finite numbers of at least"
    ):
        classifier().fit(X, y, sample_weight=np.r_[-1, np.ones(149)])


def test_quick_and_thorough_checks_agree(iris):
    X, y = iris
    model = classifier().fit(X, y)
    expected = model.predict(X)
    for given in (X.tolist(), np.asfortranarray(X), X[:, ::-1][:, ::-1], X.astype("float32")):
        assert (model.predict(given) == expected).mean() > 0.98
    big = X.copy()
    big[0, 0] = 1e12  # beyond what the quick look lets through
    assert model.predict(big).shape == expected.shape
    for wrong in (np.nan, np.inf):
        given = X.copy()
        given[5, 1] = wrong
        with pytest.raises(ValueError, match="contains"):
            model.predict(given)
    for given in (X[0], X[:, :3], X[:0], X.astype(complex)):
        with pytest.raises(ValueError):  # noqa: PT011
            model.predict(given)
    with pytest.raises(NotFittedError):
        classifier().predict(X)
