"""scikit-learn's MLPRegressor with its weights set, and on a stream its other two that learn so.

MLPRegressor trains with identity outputs only, so that is the network its epochs are checked and
timed on.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from benchmarks.networks import Problem
from benchmarks.peers import Follower, Predictor, Trainer
from benchmarks.stream import Task

NAME = "scikit-learn"

NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}


def regressor(problem: Problem, **settings: Any) -> MLPRegressor:
    """A fitted regressor that holds the network's weights."""
    net = MLPRegressor(
        hidden_layer_sizes=problem.sizes[1:-1],
        activation=NAMES[problem.activations[0]],
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        max_iter=1,
        **settings,
    )
    X = np.zeros((2, problem.sizes[0]), problem.dtype)
    Y = np.zeros((2, problem.sizes[-1]), problem.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.partial_fit(X, Y if Y.shape[1] > 1 else Y.ravel())
    for mine, theirs in zip(net.coefs_, problem.weights, strict=True):
        mine[:] = theirs
    for mine, theirs in zip(net.intercepts_, problem.biases, strict=True):
        mine[:] = theirs
    return net


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    net = regressor(problem)
    net.out_activation_ = NAMES[problem.activations[-1]]
    return [Predictor(NAME, net.predict, lambda x: (np.array(x, ndmin=2),))]


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    linear = problem.with_output("identity")
    # Its cost is half the squared error, summed over the outputs for the gradient.
    net = regressor(
        linear,
        batch_size=min(batch_size, 2),
        learning_rate_init=2 * learning_rate / problem.sizes[-1],
        shuffle=shuffle,
    )
    net.batch_size = batch_size
    targets = Y if Y.shape[1] > 1 else Y.ravel()
    return [
        Trainer(
            "scikit-learn, identity outputs",
            lambda: net.partial_fit(X, targets),
            lambda: (net.coefs_, net.intercepts_),
            linear,
        )
    ]


def followers(task: Task) -> list[Follower]:
    """partial_fit on one row; of a linear model SGDClassifier, else a multilayer perceptron."""
    x, y = np.zeros((2, task.sizes[0])), np.array([0.0, 1.0])
    if len(task.sizes) == 2:
        linear = SGDClassifier(
            loss="log_loss", penalty=None, learning_rate="constant", eta0=task.learning_rate
        )
        linear.partial_fit(x, y, classes=y)
        linear.coef_[:], linear.intercept_[:] = task.weights[0].T, task.biases[0]
        return [_follower("SGDClassifier", linear, linear.predict_proba, task)]
    settings: dict[str, Any] = {
        "hidden_layer_sizes": task.sizes[1:-1],
        "solver": "sgd",
        "alpha": 0.0,
        "momentum": 0.0,
        "nesterovs_momentum": False,
    }
    if task.kind == "numbers":  # its cost is half the squared error
        net = MLPRegressor(learning_rate_init=2 * task.learning_rate, **settings)
        net.partial_fit(x, y)
    else:
        net = MLPClassifier(learning_rate_init=task.learning_rate, **settings)
        net.partial_fit(x, y, classes=y)
    arrays = zip(net.coefs_ + net.intercepts_, task.weights + task.biases, strict=True)
    for mine, theirs in arrays:
        mine[:] = theirs
    if task.kind == "numbers":
        return [_follower("MLPRegressor", net, net.predict, task)]
    return [_follower("MLPClassifier", net, net.predict_proba, task)]


def _follower(name: str, net: Any, predict: Any, task: Task) -> Follower:
    learn, scaler = net.partial_fit, StandardScaler()

    def step(x: Any, y: Any) -> Any:
        predicted = predict(x).item(-1)  # of the probabilities that of class 1, the last
        learn(x, y)
        return predicted

    def scaled(x: Any, y: Any) -> Any:
        scaler.partial_fit(x)
        return step(scaler.transform(x), y)

    return Follower(
        f"{NAME} {'StandardScaler, ' * task.scaled}{name}",
        scaled if task.scaled else step,
        lambda x, y: (np.array(x, ndmin=2), np.array([y])),
    )
