"""Fitted estimators of scikit-learn, with what stands around them, beside their own predictions."""

import warnings

import chains
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

import cyprop
from cyprop.formats.sklearn import chain_of

N = 1000
SCALERS = [
    None,
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-1, 3)),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    MaxAbsScaler(),
]


@pytest.fixture(autouse=True)
def _short():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def data(rng, dtype="float64"):
    X = rng.normal(3, [1, 20, 0.1, 5], size=(200, 4)).astype(dtype)
    return X, rng.normal(3, [1, 20, 0.1, 5], size=(N, 4)).astype(dtype)


def pipeline(scaler, network):
    return network if scaler is None else make_pipeline(scaler, network)


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_regressors(rng, scaler, activation):
    X, rows = data(rng)
    Y = rng.normal(100, 30, size=(200, 2))
    network = MLPRegressor(
        hidden_layer_sizes=(7, 5), activation=activation, max_iter=5, random_state=1
    )
    model = pipeline(scaler, network).fit(X, Y)
    chain = chain_of(model)
    assert chain.dtype == "float64"
    assert chain.labels is None
    chains.assert_meets(chain, rows, model.predict(rows))


@pytest.mark.parametrize("scaler", SCALERS[1:])
def test_regressors_whose_targets_are_scaled(rng, scaler):
    X, rows = data(rng)
    y = rng.normal(100, 30, size=200)
    network = MLPRegressor(hidden_layer_sizes=(7,), max_iter=5, random_state=1)
    for model in (
        TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=scaler),
        make_pipeline(StandardScaler(), TransformedTargetRegressor(network, transformer=scaler)),
    ):
        model.fit(X, y)
        chain = chain_of(model)
        assert chain.outputs is not None
        chains.assert_meets(chain, rows, model.predict(rows))


@pytest.mark.parametrize("labels", [["a", "b"], ["x", "y", "z"], [3, 1], [2, 7, 5, 1]])
def test_classifiers(rng, labels):
    X, rows = data(rng)
    y = np.array(labels)[np.arange(200) % len(labels)]
    network = MLPClassifier((6,), max_iter=5, random_state=1)
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    chain = chain_of(model)
    assert list(chain.labels) == sorted(labels)
    expected = model.predict_proba(rows)
    if len(labels) == 2:
        assert chain.sizes[-1] == 1
        assert chain.layers[-1].activation.name == "sigmoid"
        expected = expected[:, 1:]
    chains.assert_meets(chain, rows, expected)
    net = cyprop.from_sklearn(model)
    assert net.classify(rows).tolist() == model.predict(rows).tolist()
    net.fit(
        X,
        np.unique(y, return_inverse=True)[1][:, None]
        if len(labels) == 2
        else np.unique(y, return_inverse=True)[1],
        epochs=1,
    )


def test_several_labels_at_once_name_the_outputs(rng):
    X, rows = data(rng)
    model = MLPClassifier((6,), max_iter=5, random_state=1).fit(X, rng.integers(0, 2, (200, 3)))
    chain = chain_of(model)
    assert chain.labels is None
    assert chain.output_names == ("0", "1", "2")
    chains.assert_meets(chain, rows, model.predict_proba(rows))


def test_names_of_features_come_along(rng):
    X, rows = data(rng)
    names = ["age", "height", "weight", "income"]
    network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2)
    for model in (
        network,
        make_pipeline(StandardScaler(), network),
        TransformedTargetRegressor(network, transformer=StandardScaler()),
    ):
        model.fit(pd.DataFrame(X, columns=names), X[:, 0])
        assert chain_of(model).input_names == tuple(names)


def test_weights_keep_their_bits(rng):
    for dtype in ("float32", "float64"):
        X, rows = data(rng, dtype)
        model = make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=2)
        ).fit(X, X[:, 0])
        chain, network = chain_of(model), model[-1]
        assert chain.dtype == dtype
        for layer, W, b in zip(chain.layers, network.coefs_, network.intercepts_):
            assert layer.W.tobytes() == W.tobytes()
            assert layer.b.tobytes() == b.tobytes()
        chains.assert_meets(chain, rows, model.predict(rows))


def test_passed_through_and_nested(rng):
    X, rows = data(rng)
    inner = make_pipeline(MinMaxScaler(), StandardScaler())
    model = make_pipeline(
        "passthrough", inner, MLPRegressor(hidden_layer_sizes=(5,), max_iter=2)
    ).fit(X, X[:, 0])
    chains.assert_meets(chain_of(model), rows, model.predict(rows))


SMALL = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2)


def fitted(model, X):
    return model.fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (make_pipeline(MinMaxScaler(clip=True), SMALL), "clips"),
        (make_pipeline(PolynomialFeatures(), SMALL),
         "step 'polynomialfeatures', a PolynomialFeatures, is no map of columns"),
        (TransformedTargetRegressor(SMALL, func=np.log1p, inverse_func=np.expm1),
         "transformer .* is no map"),
        (TransformedTargetRegressor(LinearRegression()), "is no map|expected an MLP"),
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused(rng, model, reason):
    X = abs(data(rng)[0])
    with pytest.raises((ValueError, TypeError), match=reason):
        chain_of(fitted(model, X))


def test_what_is_not_fitted_or_no_network(rng):
    for model in (MLPRegressor(), make_pipeline(StandardScaler(), MLPRegressor()),
                  TransformedTargetRegressor(MLPRegressor())):  # fmt: skip
        with pytest.raises(ValueError, match="is not fitted"):
            chain_of(model)
    for other in (LinearRegression(), 3, make_pipeline(StandardScaler())):
        with pytest.raises(TypeError, match="estimator is .*expected an MLPClassifier"):
            chain_of(other)


def test_what_is_imported_can_learn(rng):
    X = rng.normal(size=(90, 4))
    y = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
    model = MLPClassifier((5,), max_iter=2, random_state=1).fit(X, y)
    chain = chain_of(model)
    net = chain.network(cyprop.Network)
    assert net.loss == "binary_cross_entropy"
    before = net.evaluate(X, (y == "yes")[:, None])
    net.fit(X, (y == "yes")[:, None], epochs=5)
    assert net.evaluate(X, (y == "yes")[:, None]) < before
