"""Ending a training before its last epoch: when nothing gets better, or when somebody says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

from cyprop._restore import restore
from cyprop.checks.arguments import check_no_others
from cyprop.checks.numbers import real_number, shown, whole_number

MODES = ("min", "max")
CALLED_HERE = {
    "tol": "it is called min_delta",
    "n_iter_no_change": "it is called patience",
    "restore_best": "it is called restore_best_weights",
    "metric": "it is called monitor",
}


class StopTraining(Exception):  # noqa: N818 — it is no error
    """What a callback raises so that `Network.fit` ends well, with the weights as they are."""


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """The training ends after `patience` epochs in a row without a new best.

    A value is a new best if it is better than the best so far by more than `min_delta`.

    Parameters
    ----------
    monitor : str, default "validation_loss"
        What is looked at after each epoch: "loss", "validation_loss", or one of the metrics, such
        as "validation_accuracy".
    patience : int, default 10
        At least 1.
    min_delta : float, default 0.0
        At least 0.
    restore_best_weights : bool, default True
        Whether the network has the weights of the best epoch when `fit` ends well, be it early or
        not. The optimizer's state then starts afresh, since it belongs to other weights.
    mode : "min" or "max", optional
        Whether smaller or larger is better. It is known for losses and for the metrics that have a
        name, and has to be given for a function.

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of the above.

    Notes
    -----
    Keras's `EarlyStopping`, which restores weights only where it stopped early. scikit-learn waits
    one epoch more: its n_iter_no_change is patience − 1. What is not finite is never a new best.
    Thread-safety: it never changes; any number of trainings may share it.

    Examples
    --------
    >>> import numpy as np, cyprop
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> Y = np.sin(X.sum(axis=1, keepdims=True))
    >>> net = cyprop.Network([3, 16, 1], "tanh", optimizer="adam")
    >>> history = net.fit(X, Y, 500, validation_split=0.25, early_stopping=cyprop.EarlyStopping())
    >>> len(history) < 500
    True
    """

    monitor: str = "validation_loss"
    patience: int = 10
    min_delta: float = 0.0
    restore_best_weights: bool = True
    mode: str | None = None

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        known = ("monitor", "patience", "min_delta", "restore_best_weights", "mode")
        others = {key: value for key, value in named.items() if key not in known}
        check_no_others(others, cls.__name__, cls.__init__, CALLED_HERE)
        return object.__new__(cls)

    def __post_init__(self) -> None:
        if not isinstance(self.monitor, str):
            raise TypeError(f"monitor is {shown(self.monitor)}, expected a name")
        if not isinstance(self.restore_best_weights, bool):
            raise TypeError(
                f"restore_best_weights is {shown(self.restore_best_weights)},"
                " expected True or False"
            )
        if self.mode is not None and self.mode not in MODES:
            raise ValueError(f"mode is {shown(self.mode)}, expected 'min', 'max' or None")
        checked = {
            "patience": whole_number(self.patience, "patience"),
            "min_delta": real_number(self.min_delta, "min_delta", 0, math.inf, low_allowed=True),
        }
        for key, value in checked.items():
            object.__setattr__(self, key, value)

    def begin(self, higher_is_better: dict[str, bool | None]) -> Stopping:
        """What follows one training, whose history will have these columns.

        Raises
        ------
        ValueError
            If the monitor is not among them, or it is not known whether more of it is better.

        Notes
        -----
        Thread-safety: any number of threads at once; what it gives belongs to one.
        """
        if self.monitor not in higher_is_better:
            raise ValueError(
                f"early stopping looks at {self.monitor!r}, which there will not be; there will be"
                f" {', '.join(higher_is_better)}"
                + (
                    "; give validation_data or validation_split"
                    if self.monitor.startswith("validation")
                    and "validation_loss" not in higher_is_better
                    else ""
                )
            )
        higher = higher_is_better[self.monitor]
        if self.mode is not None:
            higher = self.mode == "max"
        if higher is None:
            raise ValueError(
                f"whether more of {self.monitor!r} is better is not known: give mode='min' or 'max'"
            )
        return Stopping(self, higher)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (
            "early_stopping",
            self.monitor,
            self.patience,
            self.min_delta,
            self.restore_best_weights,
            self.mode,
        )


def checked_stopping(value: Any, columns: dict[str, bool | None]) -> EarlyStopping:
    """An EarlyStopping that finds what it looks at among these columns of the history.

    Raises
    ------
    TypeError, ValueError
        If it is no EarlyStopping, or as `EarlyStopping.begin`.
    """
    if isinstance(value, type):
        raise TypeError(f"early_stopping is the class {value.__name__}, expected one made of it")
    if not isinstance(value, EarlyStopping):
        raise TypeError(f"early_stopping is {shown(value)}, expected a cyprop.EarlyStopping")
    value.begin(columns)
    return value


class Stopping:
    """What an EarlyStopping has seen of one training.

    Attributes
    ----------
    best : float or None
        The best value so far.
    n_without : int
        Epochs since then.

    Notes
    -----
    Thread-safety: it belongs to one training.
    """

    __slots__ = ("_higher", "best", "n_without", "rule")
    rule: EarlyStopping
    best: float | None
    n_without: int

    def __init__(self, rule: EarlyStopping, higher: bool) -> None:
        self.rule, self._higher = rule, higher
        self.best, self.n_without = None, 0

    def after_epoch(self, value: float) -> bool:
        """Whether the value is a new best."""
        if not math.isfinite(value):
            is_best = False
        elif self.best is None:
            is_best = True
        else:
            gain = value - self.best if self._higher else self.best - value
            is_best = gain > self.rule.min_delta
        if is_best:
            self.best, self.n_without = value, 0
        else:
            self.n_without += 1
        return is_best

    @property
    def is_over(self) -> bool:
        """Whether the training is to end."""
        return self.n_without >= self.rule.patience
