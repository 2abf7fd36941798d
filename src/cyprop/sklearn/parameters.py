"""What the estimators' parameters may be, in the way scikit-learn checks them before `fit`."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.rules import Activation, Loss, Optimizer
from cyprop.sklearn.borrowed import Interval, Options, StrOptions

STOCHASTIC = ("sgd", "adam", "adamw", "rmsprop", "adagrad")


def _from(low: float, kind: Any = Real) -> Any:
    return Interval(kind, low, None, closed="left")


def _above(low: float) -> Any:
    return Interval(Real, low, None, closed="neither")


# Those of scikit-learn, of the same names, and what each may be beyond that.
THEIRS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _from(1, Integral)],
    "activation": [
        StrOptions({"logistic", *activations.names()}),
        Activation,
        list,
        tuple,
    ],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC}), Optimizer],
    "alpha": [_from(0)],
    "batch_size": [StrOptions({"auto"}), _from(1, Integral)],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [_above(0)],
    "power_t": [_from(0)],
    "max_iter": [_from(1, Integral)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_from(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [_above(0)],
    "n_iter_no_change": [_from(1, Integral), Options(Real, {math.inf})],
    "max_fun": [_from(1, Integral)],
}
# Those that theirs lack. What is None, or of many kinds, is checked where it is used.
OURS: dict[str, Any] = {
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "schedule": "no_validation",
    "clip_norm": [_above(0), None],
    "callbacks": "no_validation",
    "n_threads": [Interval(Integral, 1, 256, closed="both")],
}
OF_BOTH: dict[str, Any] = {**THEIRS, **OURS}
OF_A_CLASSIFIER: dict[str, Any] = {
    **OF_BOTH,
    "loss": [StrOptions({"log_loss", *losses.names()}), Loss],
    "class_weight": [StrOptions({"balanced"}), dict, list, None],
}
OF_A_REGRESSOR: dict[str, Any] = {
    **OF_BOTH,
    "loss": [StrOptions({"squared_error", *losses.names()}), Loss],
}
