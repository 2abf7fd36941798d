"""A fitted estimator of scikit-learn, and what stands around it, without importing scikit-learn.

MLPClassifier and MLPRegressor, its own or those of cyprop.sklearn, in a Pipeline behind
StandardScaler, MinMaxScaler, RobustScaler and MaxAbsScaler, or in a TransformedTargetRegressor with
one of these. The scalers become the network's
own maps of inputs and outputs; names of features and classes come along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import shown
from cyprop.formats.chain import Builder, Chain
from cyprop.rules import Activation, ActivationName

Array = npt.NDArray[Any]

ACTIVATIONS: dict[str, ActivationName] = {
    "exp": "exponential",
    "identity": "identity",
    "logistic": "sigmoid",
    "relu": "relu",
    "softmax": "softmax",
    "tanh": "tanh",
}
NETWORKS = ("MLPClassifier", "MLPRegressor")


class Scaler(NamedTuple):
    """y = (x − offset)·scale / divisor + shift: what a fitted scaler does to each column."""

    offset: Any = 0.0
    scale: Any = 1.0
    divisor: Any = 1.0
    shift: Any = 0.0

    def add(self, builder: Builder, what: str) -> None:
        """Tell a Builder."""
        with np.errstate(all="ignore"):
            builder.scale(1.0, -np.asarray(self.offset), what)
            builder.scale(np.asarray(self.scale) / self.divisor, self.shift, what)

    def add_inverse(self, builder: Builder, what: str) -> None:
        """Tell a Builder the way back, from y to x."""
        with np.errstate(all="ignore"):
            builder.scale(1.0, -np.asarray(self.shift), what)
            builder.scale(np.asarray(self.divisor) / self.scale, self.offset, what)


def _standard(scaler: Any, what: str) -> Scaler:
    return Scaler(
        offset=0.0 if scaler.mean_ is None or not scaler.with_mean else scaler.mean_,
        divisor=1.0 if scaler.scale_ is None else scaler.scale_,
    )


def _min_max(scaler: Any, what: str) -> Scaler:
    _check_no_clip(scaler, what)
    return Scaler(scale=scaler.scale_, shift=scaler.min_)


def _robust(scaler: Any, what: str) -> Scaler:
    return Scaler(
        offset=scaler.center_ if scaler.with_centering else 0.0,
        divisor=scaler.scale_ if scaler.with_scaling else 1.0,
    )


def _max_abs(scaler: Any, what: str) -> Scaler:
    _check_no_clip(scaler, what)
    return Scaler(divisor=scaler.scale_)


def _check_no_clip(scaler: Any, what: str) -> None:
    if getattr(scaler, "clip", False):
        raise ValueError(f"{what} clips, which no map of inputs does; expected clip=False")


SCALERS: dict[str, Callable[[Any, str], Scaler]] = {
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "RobustScaler": _robust,
    "StandardScaler": _standard,
}


def chain_of(estimator: Any) -> Chain:
    """The chain that a fitted estimator computes.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline or TransformedTargetRegressor

    Returns
    -------
    Chain
        Of a classifier of two classes it has one output, the probability of the second, and labels
        of both. Of a classifier of several labels at once the outputs are named after them.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it is not fitted, or has a step that is no chain; the message names it.

    Notes
    -----
    Thread-safety: any number of threads at once, while nobody fits it.
    """
    builder = Builder(ValueError)
    network = _add(builder, estimator, depth=0)
    names = _names(estimator)
    labels, outputs = _labels(network)
    return builder.finish(input_names=names, output_names=outputs, labels=labels)


def _kind(value: Any) -> str:
    """The name of its class, if it is one of scikit-learn's own or of ours; else an empty one."""
    room = f"{type(value).__module__}."
    return type(value).__name__ if room.startswith(("sklearn.", "cyprop.sklearn.")) else ""


def _add(builder: Builder, estimator: Any, depth: int) -> Any:
    """Tell a Builder what an estimator computes; the network in it is the result."""
    kind = _kind(estimator)
    if depth < 10:
        if kind in NETWORKS:
            _add_network(builder, estimator)
            return estimator
        if kind == "Pipeline":
            *front, (_, last) = estimator.steps
            for name, step in front:
                _add_step(builder, step, f"the step {name!r}, {_named(step)},")
            return _add(builder, last, depth + 1)
        if kind == "TransformedTargetRegressor":
            return _add_target(builder, estimator, depth)
    raise TypeError(
        f"estimator is {shown(estimator)}, expected an MLPClassifier or an MLPRegressor, alone, in"
        " a Pipeline or in a TransformedTargetRegressor"
    )


def _named(step: Any) -> str:
    return step if isinstance(step, str) else f"a {type(step).__name__}"


def _add_step(builder: Builder, step: Any, what: str) -> None:
    """Tell a Builder what a step in front of the network does."""
    if step is None or step == "passthrough":
        return
    if _kind(step) == "Pipeline":
        for name, inside in step.steps:
            _add_step(builder, inside, f"the step {name!r}, {_named(inside)},")
        return
    _scaler(step, what).add(builder, what)


def _scaler(step: Any, what: str) -> Scaler:
    reader = SCALERS.get(_kind(step))
    if reader is None:
        raise ValueError(f"{what} is no map of columns, expected one of {', '.join(SCALERS)}")
    if not hasattr(step, "n_features_in_"):
        raise ValueError(f"{what} is not fitted")
    return reader(step, what)


def _add_target(builder: Builder, estimator: Any, depth: int) -> Any:
    if not hasattr(estimator, "regressor_"):
        raise ValueError("the TransformedTargetRegressor is not fitted")
    what = f"the transformer of the TransformedTargetRegressor, {_named(estimator.transformer_)},"
    scaler = _scaler(estimator.transformer_, what)
    network = _add(builder, estimator.regressor_, depth + 1)
    scaler.add_inverse(builder, what)
    return network


def _add_network(builder: Builder, network: Any) -> None:
    kind = type(network).__name__
    if not hasattr(network, "coefs_"):
        raise ValueError(f"the {kind} is not fitted")
    activations = _activations(network, kind)
    for layer, (W, b) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        what = f"the {kind}'s layer {layer}"
        builder.affine(np.asarray(W), np.asarray(b), what)
        builder.activation(activations[layer], f"the activation of {what}")


def _activations(network: Any, kind: str) -> list[Activation]:
    """Those of all layers; of ours they may be any that there is."""
    if type(network).__module__.startswith("cyprop."):
        return list(network.network_.settings.activations)
    found: list[Activation] = []
    last = len(network.coefs_) - 1
    for name in [network.activation] * last + [network.out_activation_]:
        if name not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(
                f"the {kind} has the activation {shown(name)}, expected one of {known}"
            )
        found.append(Activation(ACTIVATIONS[name]))
    return found


def _names(estimator: Any) -> list[str] | None:
    """The names of the features, if it was fitted with a table that has some."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None and _kind(estimator) == "TransformedTargetRegressor":
        names = getattr(estimator.regressor_, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _labels(network: Any) -> tuple[list[Any] | None, list[str] | None]:
    """The classes of a classifier; of one of several labels at once, names of the outputs."""
    if type(network).__name__ != "MLPClassifier":
        return None, None
    classes = np.asarray(network.classes_).tolist()
    if network.out_activation_ == "logistic" and network.n_outputs_ > 1:
        return None, [str(label) for label in classes]
    return classes, None
