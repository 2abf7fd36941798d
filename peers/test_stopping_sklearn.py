"""Early stopping ends where scikit-learn's would, given the same scores."""

import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

import cyprop
from cyprop.training.stopping import EarlyStopping


@pytest.mark.parametrize("patience", [1, 3, 10])
@pytest.mark.parametrize("seed", range(4))
def test_the_epoch_and_the_best_score(seed, patience):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 4))
    y = np.sin(X.sum(axis=1)) + 0.3 * rng.normal(size=150)
    theirs = MLPRegressor(
        hidden_layer_sizes=(20,), early_stopping=True, validation_fraction=0.3, tol=0.0,
        n_iter_no_change=patience, max_iter=400, learning_rate_init=0.01, random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X, y)
    # Its n_iter_no_change is the last epoch that is waited for; ours is the first that is not.
    ours = EarlyStopping("r2", patience + 1, mode="max").begin({"r2": True})
    n_epochs = 0
    for score in theirs.validation_scores_:
        n_epochs += 1
        ours.after_epoch(score)
        if ours.is_over:
            break
    assert n_epochs == len(theirs.validation_scores_) == theirs.n_iter_
    assert ours.is_over == (theirs.n_iter_ < 400)
    assert ours.best == theirs.best_validation_score_


def test_r2_of_the_rows_held_out_is_theirs():
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    Y = np.sin(X.sum(axis=1, keepdims=True))
    net = cyprop.Network([4, 16, 1], "tanh", optimizer="adam", dtype="float64")
    rule = EarlyStopping("validation_r2", patience=5)
    history = net.fit(X, Y, 300, validation_split=0.3, metrics="r2", early_stopping=rule)
    held = cyprop.datasets.held_out(200, 0.3)
    found = history.metrics["validation_r2"]
    assert r2_score(Y[held], net.predict(X[held])) == pytest.approx(max(found), abs=1e-12)
    assert len(found) == 300 or len(found) == int(np.argmax(found)) + 6
