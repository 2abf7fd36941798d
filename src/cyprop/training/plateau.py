"""A learning rate that falls when the loss no longer does: by epoch, after what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown, whole_number
from cyprop.training.schedules import check_low, check_names

if TYPE_CHECKING:
    from cyprop.training.history import History

MONITORS = ("loss", "validation_loss")


@dataclass(frozen=True, slots=True)
class ReduceOnPlateau:
    """The rate is multiplied by `factor` after `patience` epochs and one more without a new best.

    A value is a new best if it is below best − min_delta · |best|.

    Parameters
    ----------
    factor : float, default 0.1
        Positive and below 1.
    patience : int, default 10
        At least 0.
    min_delta : float, default 1e-4
        A share of the best value so far; at least 0 and below 1.
    low : float, default 0.0
        The rate does not fall below it; at least 0.
    monitor : "loss" or "validation_loss", default "loss"
        Which entry of the History is looked at; "validation_loss" needs validation data.

    Raises
    ------
    TypeError, ValueError
        If a number is outside its range, or `monitor` not one of the two.

    Notes
    -----
    PyTorch's `ReduceLROnPlateau` with threshold_mode="rel" and mode="min", but for two things. Its
    best · (1 − threshold) takes a loss that rises a little for a new best where it is negative. And
    it leaves the rate alone where it would fall by less than 1e-8 (eps); here it falls.
    It never changes; what it has seen of a training is kept by what `begin` gives.
    Thread-safety: any number of threads, and of trainings, may share it.
    """

    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    low: float = 0.0
    monitor: str = "loss"

    def __new__(cls, *numbers: Any, **named: Any) -> Self:
        check_names(cls, named)
        return object.__new__(cls)  # super() names the class before slots made another of it

    def __post_init__(self) -> None:
        if self.monitor not in MONITORS:
            raise ValueError(
                f"monitor {shown(self.monitor)} is unknown; known are {', '.join(MONITORS)}"
            )
        checked = {
            "factor": real_number(self.factor, "factor", 0, 1),
            "patience": whole_number(self.patience, "patience", low=0),
            "min_delta": real_number(self.min_delta, "min_delta", 0, 1, low_allowed=True),
            "low": real_number(self.low, "low", 0, math.inf, low_allowed=True),
        }
        for key, value in checked.items():
            object.__setattr__(self, key, value)

    def begin(self, rate: float) -> Plateau:
        """What follows one training, which begins with that rate.

        Raises
        ------
        ValueError
            If `low` is above the rate.

        Notes
        -----
        Thread-safety: any number of threads at once; what it gives belongs to one.
        """
        check_low(self.low, rate)
        return Plateau(self, rate)

    def value_in(self, history: History) -> float:
        """The latest entry of what is looked at.

        Raises
        ------
        ValueError
            If there is none, since there is no validation data.

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        values: list[float] = getattr(history, self.monitor)
        if not values:
            raise ValueError(f"{self!r} needs validation_data, or monitor='loss'")
        return values[-1]

    def __reduce__(self) -> tuple[Any, ...]:
        numbers = self.factor, self.patience, self.min_delta, self.low, self.monitor
        return restore, ("schedule", "ReduceOnPlateau", *numbers)


class Plateau:
    """What a ReduceOnPlateau has seen of one training.

    Attributes
    ----------
    rate : float
        That of the next epoch.

    Notes
    -----
    Thread-safety: it belongs to one training.
    """

    __slots__ = ("_best", "_n_without", "_rule", "rate")
    rate: float

    def __init__(self, rule: ReduceOnPlateau, rate: float) -> None:
        self.rate = rate
        self._rule = rule
        self._best = math.inf
        self._n_without = 0  # epochs since the best one, or since the rate fell

    def seen(self) -> tuple[float, float | None, int]:
        """The rate, the best value so far if there is one, and epochs without a new one.

        Notes
        -----
        Thread-safety: one thread.
        """
        best = self._best if math.isfinite(self._best) else None
        return self.rate, best, self._n_without

    def see(self, seen: tuple[float, float | None, int]) -> None:
        """Go on from what `seen` gave.

        Notes
        -----
        Thread-safety: one thread.
        """
        self.rate, best, self._n_without = seen
        self._best = math.inf if best is None else best

    def after_epoch(self, value: float) -> float:
        """The rate of the next epoch, given what this one ended with.

        Notes
        -----
        Thread-safety: one thread.
        """
        rule, best = self._rule, self._best
        wanted = best if math.isinf(best) else best - rule.min_delta * abs(best)
        if value < wanted:
            self._best, self._n_without = value, 0
        else:
            self._n_without += 1
        if self._n_without > rule.patience:
            self.rate, self._n_without = max(self.rate * rule.factor, rule.low), 0
        return self.rate
