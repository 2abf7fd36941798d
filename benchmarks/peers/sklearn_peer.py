"""scikit-learn's MLPRegressor with its weights set.

It trains with identity outputs only, so that is the network its epochs are checked and timed on.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.networks import Problem
from benchmarks.peers import Predictor, Trainer

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
