"""The learning rates of a training, epoch by epoch, where a schedule gives them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.numbers import real_number
from cyprop.training.plateau import ReduceOnPlateau
from cyprop.training.rates import rates_of, schedule_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.training.history import History
    from cyprop.training.rates import AnySchedule


def checked_schedule(schedule: AnySchedule, validates: bool) -> Any:
    """What `schedule_of` makes of it; refused if it looks at a loss that will not be there.

    Raises
    ------
    TypeError, ValueError
        As `schedule_of`; and ValueError if it follows the validation loss without validation data.
    """
    chosen = schedule_of(schedule)
    if isinstance(chosen, ReduceOnPlateau) and chosen.monitor != "loss" and not validates:
        raise ValueError(f"{chosen!r} needs validation_data, or monitor='loss'")
    return chosen


class Pace:
    """The rates of the updates of one training.

    Parameters
    ----------
    schedule : what `checked_schedule` gave
    n_epochs : int
        How many epochs there are at most.
    n_batches : int or None
        Batches in each; None: nobody knows, which only a ReduceOnPlateau does without.
    learning_rate : float
        The optimizer's.
    dtype : "float32" or "float64"

    Raises
    ------
    TypeError, ValueError
        As `cyprop.training.rates.rates_of`.
    """

    def __init__(
        self,
        schedule: Any,
        n_epochs: int,
        n_batches: int | None,
        learning_rate: float,
        dtype: str,
    ) -> None:
        self._n_batches = n_batches
        self._plateau = self._rates = None
        if isinstance(schedule, ReduceOnPlateau):
            self._rule = schedule
            self._plateau = schedule.begin(learning_rate)
        else:
            assert n_batches is not None
            self._rates = rates_of(schedule, n_epochs * n_batches, learning_rate, dtype)

    def rates(self, epoch: int) -> npt.NDArray[np.float64]:
        """The rate of each batch of an epoch, counted from 0.

        It is one for all where nobody knows how many there are.

        Raises
        ------
        TypeError, ValueError
            If a subclass of ReduceOnPlateau gives what is no rate.
        """
        if self._plateau is not None:
            rate = real_number(self._plateau.rate, "rate", 0, math.inf, low_allowed=True)
            return np.full(self._n_batches or 1, rate)
        assert self._rates is not None
        assert self._n_batches is not None
        return self._rates[epoch * self._n_batches : (epoch + 1) * self._n_batches]

    def after_epoch(self, history: History) -> None:
        """See how the epoch went that has just ended."""
        if self._plateau is not None:
            self._plateau.after_epoch(self._rule.value_in(history))

    def followed(self) -> tuple[float, float | None, int] | None:
        """What a ReduceOnPlateau has seen so far, for a checkpoint; None for other schedules."""
        return None if self._plateau is None else self._plateau.seen()

    def follow(self, seen: tuple[float, float | None, int] | None) -> None:
        """Go on from what `followed` gave."""
        if self._plateau is not None and seen is not None:
            self._plateau.see(seen)
