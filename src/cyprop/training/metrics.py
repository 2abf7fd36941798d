"""Metrics by name, or a user's own: which suit a network, and what they read of its outputs.

The formulas are in `cyprop.metrics`.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop import metrics as formulas
from cyprop.checks.numbers import is_sequence, shown
from cyprop.training.classes import no_class, outputs, telling
from cyprop.training.reading import Reading

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.settings import Settings


class Known(NamedTuple):
    """A formula: what it takes of a `Reading`, besides weights, and which way is better."""

    formula: Callable[..., float]
    takes: tuple[str, ...]
    higher_is_better: bool

    def of(self, reading: Reading, weights: Array | None) -> float:
        """The metric of what was read."""
        return self.formula(*[getattr(reading, name) for name in self.takes], weights=weights)


# These compare targets and outputs as numbers, and suit every network.
OF_NUMBERS = {
    "mae": Known(formulas.mae, ("targets", "numbers"), False),
    "mse": Known(formulas.mse, ("targets", "numbers"), False),
    "rmse": Known(formulas.rmse, ("targets", "numbers"), False),
    "r2": Known(formulas.r2, ("targets", "numbers"), True),
}
# These need classes, and so does top_<k>.
OF_CLASSES = {
    "accuracy": Known(formulas.accuracy, ("labels", "predicted"), True),
    "balanced_accuracy": Known(
        formulas.balanced_accuracy, ("labels", "predicted", "n_classes"), True
    ),
    "f1": Known(formulas.f1, ("labels", "predicted", "n_classes"), True),
    "precision": Known(formulas.precision, ("labels", "predicted", "n_classes"), True),
    "recall": Known(formulas.recall, ("labels", "predicted", "n_classes"), True),
    "auc": Known(formulas.auc, ("labels", "scores"), True),
    "log_loss": Known(formulas.log_loss, ("labels", "probabilities"), False),
}
NAMES = (*OF_CLASSES, "top_k", "top_<k>", *OF_NUMBERS)

DEFAULT_K = 5
TOP = re.compile(r"top_(?:k|([1-9][0-9]{0,8}))")
TAKEN = ("epoch", "loss", "learning_rate", "seconds")  # by other columns of a History


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that suits a network.

    Attributes
    ----------
    name : str
    higher_is_better : bool or None
        None for a user's own.
    needs_classes : bool
        Whether every target must be a class.
    settings : Settings
    """

    name: str
    higher_is_better: bool | None
    needs_classes: bool
    settings: Settings
    _formula: Known | Callable[[Array, Array], Any]

    def of(self, Y: Array, A: Array, weights: Array | None = None) -> float:
        """The metric of outputs A beside targets Y, NaN where an output is.

        Parameters
        ----------
        Y : ndarray, (n, n_targets)
        A : ndarray, (n, n_out)
        weights : ndarray of float64, (n,), optional
            A user's own metric is not told of them.

        Returns
        -------
        float

        Raises
        ------
        TypeError
            If a user's own gives anything but a real number that is finite or NaN.

        Notes
        -----
        Thread-safety: any number of threads at once, if a user's own allows that.
        """
        return self._of(Reading(Y, A, self.settings), Y, A, weights)

    def _of(self, reading: Reading, Y: Array, A: Array, weights: Array | None) -> float:
        if isinstance(self._formula, Known):
            if np.isnan(reading.outputs.min()):
                return math.nan
            with np.errstate(over="ignore", invalid="ignore"):
                return self._formula.of(reading, weights)
        value = self._formula(_looked_at(Y), _looked_at(A))
        found = math.inf
        if isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_):
            with suppress(OverflowError):
                found = float(value)
        if math.isinf(found):
            raise TypeError(
                f"metric {self.name!r} gave {shown(value)}, expected a number, finite or NaN"
            )
        return found


def measure(
    metrics: Sequence[Metric], Y: Array, A: Array, weights: Array | None = None
) -> dict[str, float]:
    """Each metric by its name. Parameters and errors are those of `Metric.of`."""
    if not metrics:
        return {}
    reading = Reading(Y, A, metrics[0].settings)
    return {metric.name: metric._of(reading, Y, A, weights) for metric in metrics}


def checked_metrics(metrics: Any, settings: Settings) -> tuple[Metric, ...]:
    """The metrics of a network.

    Parameters
    ----------
    metrics : str, callable, a sequence of these, or None
        A callable is given Y and A, which it cannot write to, and gives a number.
    settings : Settings
        Of the network.

    Returns
    -------
    tuple of Metric

    Raises
    ------
    TypeError
        If one is no name and cannot be called, or is a class.
    ValueError
        If a name is unknown, or comes twice; if a callable has a name that other columns of a
        `History` have; or if a metric makes no sense for the network.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    if metrics is None:
        return ()
    found: list[Metric] = []
    given: Any
    for given in metrics if is_sequence(metrics) else [metrics]:
        metric = _named(given, settings) if isinstance(given, str) else _own(given, settings)
        if any(metric.name == other.name for other in found):
            raise ValueError(f"metrics has {metric.name!r} twice, expected names that differ")
        found.append(metric)
    return tuple(found)


def check_targets(metric: Metric, Y: Array, name: str) -> None:
    """Raise ValueError for the first target that is no class, if the metric needs classes.

    Cross-entropy may have targets that are shares of classes, of which the largest counts.

    Parameters
    ----------
    metric : Metric
    Y : ndarray, (n, n_targets)
    name : str
        What to call Y in the message.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    if not metric.needs_classes:
        return
    if metric.settings.loss.name != "cross_entropy":
        wrong = no_class(Y, name, f"metric {metric.name!r}", telling(metric.settings))
        if wrong is not None:
            raise ValueError(wrong)
        return
    alone = np.count_nonzero(Y.max(axis=1, keepdims=True) == Y, axis=1) == 1
    if not alone.all():
        raise ValueError(
            f"{name} has no largest number at row {int(alone.argmin())}, expected one in each row,"
            f" that of its class, for metric {metric.name!r}"
        )


def _own(given: Any, settings: Settings) -> Metric:
    """A user's own metric."""
    if isinstance(given, type):
        raise TypeError(f"metrics has the class {given.__name__}, expected an object made of it")
    if not callable(given):
        raise TypeError(
            f"metrics has {shown(given)}, expected a name, something to call with Y and A, or a"
            " sequence of these"
        )
    name = getattr(given, "__name__", None)
    name = name if isinstance(name, str) else type(given).__name__
    if name in TAKEN or name.startswith("validation_"):
        raise ValueError(f"metrics has a function {name!r}, a name that History needs itself")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"metrics has a function {name!r}, which is not Unicode text") from None
    return Metric(name, None, False, settings, given)


def _named(name: str, settings: Settings) -> Metric:
    """The metric of a name, if it suits the network."""
    if name in OF_NUMBERS:
        known = OF_NUMBERS[name]
        return Metric(name, known.higher_is_better, False, settings, known)
    top = TOP.fullmatch(name)
    if not top and name not in OF_CLASSES:
        raise ValueError(f"metric {shown(name)} is unknown; known are {', '.join(NAMES)}")
    _check_classes(name, bool(top), settings)
    known = _top(name, int(top[1] or DEFAULT_K), settings) if top else OF_CLASSES[name]
    return Metric(name, known.higher_is_better, True, settings, known)


def _top(name: str, k: int, settings: Settings) -> Known:
    """top_<k>, if there are as many classes."""
    n_classes = max(settings.sizes[-1], 2)
    if k > n_classes:
        asked = f"{name!r}, the best {k}," if name == "top_k" else repr(name)
        raise ValueError(f"metric {asked} needs {k} classes or more, not {n_classes}")
    return Known(partial(formulas.top_k, k=k), ("labels", "scores_of_all"), True)


def _check_classes(name: str, top: bool, settings: Settings) -> None:
    """Raise ValueError if the network cannot have such classes as the metric needs."""
    how, output = telling(settings), settings.activation_names[-1]
    if how is None:
        raise ValueError(
            f"metric {name!r} needs classes, not loss {settings.loss.name!r} with"
            f" {outputs(settings)}; known for it are {', '.join(OF_NUMBERS)}"
        )
    if how == "labels" and (top or name == "balanced_accuracy"):
        raise ValueError(
            f"metric {name!r} needs one class for each row; with loss 'binary_cross_entropy' and"
            f" {outputs(settings)} a row may have several labels"
        )
    suited = ("softmax", "log_softmax") if how == "columns" else ("sigmoid", "hard_sigmoid")
    if name == "log_loss" and output not in suited:
        known = " or ".join(repr(activation) for activation in suited)
        raise ValueError(
            f"metric {name!r} needs probabilities, of output_activation {known}, not {output!r}"
        )


def _looked_at(array: Array) -> Array:
    """The array as a user's function may see it: plain, and not to be written to."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
