"""MLPClassifier and MLPRegressor with dask collections: rounds, and answers for each partition."""

import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import on_workers
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import cyprop
import cyprop.dask
from cyprop.engine import memory
from cyprop.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.usefixtures("short_trainings")


@pytest.fixture(scope="module", autouse=True)
def client():
    with on_workers.threads(2) as client:
        yield client


@pytest.fixture
def iris(iris):
    order = np.random.default_rng(0).permutation(150)  # or a partition had rows of one class
    return tuple(part[order] for part in iris)


def classifier(**options):
    return MLPClassifier(
        **{
            **{"hidden_layer_sizes": (12,), "random_state": 0, "max_iter": 12, "batch_size": 10},
            **{"learning_rate_init": 0.02, **options},
        }
    )


def arrays(*given):
    return [da.from_array(array, chunks=(40, *array.shape[1:])) for array in given]


def test_an_epoch_is_a_round(iris):
    X, y = iris
    model = classifier(max_iter=4).fit(*arrays(X, y))
    other = classifier(max_iter=4)
    other.fit(X, y)  # which draws the same first weights, and has the same form
    net = other.network_
    random_state = np.random.RandomState(0)
    fresh = classifier(max_iter=1, learning_rate_init=1e-30, shuffle=False)
    fresh.fit(X, y)
    settings = memory.settings_of(model.network_)
    expected = memory.make(cyprop.Network, settings)
    for own, first in zip(
        expected.weights + expected.biases, fresh.network_.weights + fresh.network_.biases
    ):
        own[...] = first
    for n_in, n_out in ((4, 12), (12, 3)):
        random_state.uniform(size=(n_in, n_out)), random_state.uniform(size=n_out)
    seed = random_state.randint(1 << 31)
    memory.set_rng(expected, np.random.Generator(np.random.PCG64(seed)))
    labels = np.searchsorted(model.classes_, y)
    history = cyprop.dask.fit(expected, *arrays(X, labels), rounds=4, batch_size=10, progress=False)
    assert_allclose(model.loss_curve_, history.loss, rtol=1e-6)
    assert (net.sizes, model.n_iter_, model.n_layers_) == ((4, 12, 3), 4, 3)
    assert model.loss_ == model.loss_curve_[-1]


def test_answers_are_those_of_the_same_estimator_to_arrays(iris):
    X, y = iris
    model = classifier().fit(*arrays(X, y))
    assert model.score(X, y) > 0.9
    lazy = arrays(X)[0]
    for method in ("predict", "predict_proba", "predict_log_proba"):
        found = getattr(model, method)(lazy)
        assert isinstance(found, da.Array)
        assert found.chunks[0] == lazy.chunks[0]
        expected = getattr(model, method)(X)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert_array_equal(found.compute(), expected)


@pytest.mark.parametrize("two", [True, False])
def test_frames(iris, two):
    X, y = iris
    y = y == "setosa" if two else y
    frame = pd.DataFrame(X.astype("float32"), columns=list("abcd"))
    frames = dd.from_pandas(frame, npartitions=3), dd.from_pandas(pd.Series(y), npartitions=3)
    model = classifier().fit(*frames)
    assert list(model.feature_names_in_) == list("abcd")
    assert model.network_.dtype == np.float32
    assert_array_equal(model.classes_, np.unique(y))
    assert_array_equal(model.predict(frames[0]).compute(), model.predict(frame))
    found = model.predict_proba(frames[0])
    assert list(found.columns) == list(np.unique(y))
    assert_array_equal(found.compute().to_numpy(), model.predict_proba(frame))
    assert model.score(frame, y) > 0.9


@pytest.mark.parametrize("n_targets", [1, 2])
def test_regressors(n_targets):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    y = y if n_targets == 1 else np.column_stack([y, -y])
    model = MLPRegressor(
        hidden_layer_sizes=(16,), batch_size=20, learning_rate_init=0.01, max_iter=20,
        random_state=0,
    )  # fmt: skip
    weights = np.random.default_rng(0).random(len(X))
    model.fit(*arrays(X, y), sample_weight=arrays(weights)[0])
    assert model.score(X, y) > 0.4
    assert_array_equal(model.predict(arrays(X)[0]).compute(), model.predict(X))


def test_several_labels_at_once(iris):
    X, _ = iris
    Y = (X[:, :2] > 0).astype(int)
    model = classifier().fit(*arrays(X, Y))
    assert model.out_activation_ == "logistic"
    assert_array_equal(model.predict(arrays(X)[0]).compute(), model.predict(X))
    assert model.score(X, Y) > 0.8


def test_warm_start_goes_on(iris):
    X, y = iris
    model = classifier(max_iter=2, warm_start=True).fit(*arrays(X, y))
    first = model.loss_
    assert model.fit(*arrays(X, y)).loss_ < first
    assert len(model.loss_curve_) == 4


def refused(model, X, *rows):
    """What fit raises, which leaves the estimator as it was."""
    before, fitted = model.predict_proba(X), dict(vars(model))
    with pytest.raises((TypeError, ValueError)) as caught:
        model.fit(*rows)
    assert vars(model).keys() == fitted.keys()
    assert_array_equal(model.predict_proba(X), before)
    return str(caught.value)


@pytest.mark.parametrize("warm_start", [False, True])
def test_partitions_that_are_refused_leave_the_estimator_as_it_was(iris, warm_start):
    X, y = iris
    model = classifier(max_iter=2, warm_start=warm_start).fit(*arrays(X, y))
    wrong = X.copy()
    wrong[77, 2] = np.nan
    said = refused(model, X, *arrays(wrong, y))
    assert said.startswith("partition 1 of X holds nan at row 37, column 2")
    assert refused(model, X, *arrays(X, np.zeros(150))) == "y has 1 class, expected at least 2"


def test_warm_start_refuses_what_it_cannot_go_on_with(iris):
    X, y = iris
    model = classifier(max_iter=2, warm_start=True).fit(*arrays(X, y))
    numbers = np.unique(y, return_inverse=True)[1]
    for labels in (np.char.add(y, "s"), numbers, np.where(numbers == 0, "virginica", y)):
        said = refused(model, X, *arrays(X, labels))
        assert said.startswith("warm_start can only be used where `y` has the same classes")
    said = refused(model, X, *arrays(X, (X[:, :3] > 0).astype(int)))
    assert said.startswith("warm_start goes on with 3 outputs, and y has other targets")
    said = refused(model, X, *arrays(X[:, :3], y))
    assert said == "X has 3 columns, and warm_start goes on with 4, expected the same"
    regressor = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, warm_start=True).fit(
        *arrays(X, X[:, 0])
    )
    with pytest.raises(ValueError, match="warm_start goes on with 1 outputs, and y has other"):
        regressor.fit(*arrays(X, X[:, :2]))


@pytest.mark.parametrize("options", [{"early_stopping": True}, {"solver": "lbfgs"}])
def test_warm_start_goes_on_with_what_arrays_were_fitted_by(iris, options):
    X, y = iris
    model = classifier(warm_start=True, **options).fit(X, y)
    model.set_params(early_stopping=False, solver="adam", max_iter=2).fit(*arrays(X, y))
    assert len(model.loss_curve_) >= 2


def test_targets_in_other_blocks_belong_to_the_same_rows(iris):
    X, y = iris
    model, other = classifier(max_iter=2), classifier(max_iter=2)
    model.fit(*arrays(X, y), sample_weight=da.ones(150, chunks=150))
    other.fit(arrays(X)[0], da.from_array(y, chunks=33), sample_weight=da.ones(150, chunks=7))
    for mine, theirs in zip(model.coefs_, other.coefs_, strict=True):
        assert_array_equal(mine, theirs)


def test_it_ends_where_the_loss_gets_no_better(iris):
    model = classifier(max_iter=50, tol=10.0, n_iter_no_change=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(*arrays(*iris))
    assert model.n_iter_ == 5  # the first, and more than three without a better one
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        classifier(max_iter=2).fit(*arrays(*iris))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"solver": "lbfgs"}, "solver is 'lbfgs', which needs all rows at once"),
        ({"early_stopping": True}, "early_stopping is True, which has no meaning with a dask"),
        ({"class_weight": "balanced"}, "class_weight is 'balanced', which has no meaning"),
        ({"learning_rate": "adaptive"}, "learning_rate is 'adaptive', which has no meaning"),
    ],
)
def test_parameters_without_a_meaning_are_refused(iris, options, said):
    with pytest.raises(ValueError, match=said):
        classifier(**options).fit(*arrays(*iris))


def test_other_input_is_refused(iris):
    X, y = iris
    with pytest.raises(TypeError, match="y is of ndarray, expected a dask array or dataframe"):
        classifier().fit(arrays(X)[0], y)
    with pytest.raises(ValueError, match="partial_fit is not for dask collections"):
        classifier().partial_fit(*arrays(X, y), classes=np.unique(y))
    with pytest.raises(ValueError, match="y has 1 class, expected at least 2"):
        classifier().fit(*arrays(X, np.zeros(150)))
    with pytest.raises(ValueError, match=r"X has shape \(150,\), expected \(n, n_features\)"):
        classifier().fit(*arrays(X[:, 0], y))
    with pytest.raises(ValueError, match=r"y has shape \(150, 2, 2\), expected \(n,\) or"):
        classifier().fit(*arrays(X, np.zeros((150, 2, 2))))
    with pytest.raises(ValueError, match=r"partition 2 of y holds 0.5 at row 3, column 1, expec"):
        classifier().fit(*arrays(X, np.where(np.arange(300) == 167, 0.5, 1.0).reshape(150, 2)))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1, "a"] * 75, "partition 0 of y holds labels of the kinds int, str, expected one"),
        (
            ["a", "b"] * 60 + ["a", None] * 15,
            "partition 3 of y holds labels of the kinds NoneType",
        ),
        (["a", "b"] * 40 + [0, 1] * 35, "y has 'a' in partition 0 and 0 in partition 2, expected"),
    ],
)
def test_labels_of_several_kinds_are_refused(iris, labels, said):
    masked = da.ma.masked_equal(arrays(np.arange(150) % 3)[0], 2)
    with pytest.raises(TypeError, match="partition 0 of y is a masked array, expected labels"):
        classifier().fit(arrays(iris[0])[0], masked)
    with pytest.raises(TypeError, match=said):
        classifier().fit(*arrays(iris[0], np.array(labels, object)))
