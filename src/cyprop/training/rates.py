"""What a training takes for a schedule, and the rates that it gives, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from cyprop.checks.arrays import real_array
from cyprop.checks.numbers import real_number, shown
from cyprop.training.plateau import ReduceOnPlateau
from cyprop.training.schedules import (
    INF,
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    Polynomial,
    Rates,
    Schedule,
    Step,
)

NAMED: dict[str, type[Schedule | ReduceOnPlateau]] = {
    kind.__name__: kind
    for kind in (
        Constant,
        Step,
        Exponential,
        Cosine,
        OneCycle,
        InverseScaling,
        Polynomial,
        ReduceOnPlateau,
    )
}

ScheduleName = Literal[
    "constant", "cosine", "one_cycle", "inverse_scaling", "polynomial", "reduce_on_plateau"
]
# Those that can be made of a name alone, since all their numbers have defaults.
BY_NAME: dict[str, Callable[[], Schedule | ReduceOnPlateau]] = {
    "constant": Constant,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "inverse_scaling": InverseScaling,
    "polynomial": Polynomial,
    "reduce_on_plateau": ReduceOnPlateau,
}
NEEDS_NUMBERS = {
    "step": "cyprop.Step(every, factor)",
    "exponential": "cyprop.Exponential(factor)",
}

AnySchedule: TypeAlias = ScheduleName | Schedule | ReduceOnPlateau | Callable[[int], float] | None


def schedule_named(kind: str, *numbers: Any) -> Schedule | ReduceOnPlateau:
    """What a pickle holds, checked anew.

    Raises
    ------
    ValueError
        If there is no class of that name, because a newer version has written the pickle.
    """
    if kind not in NAMED:
        raise ValueError(
            f"the pickle holds a schedule {shown(kind)}, expected one of {', '.join(NAMED)}"
        )
    return NAMED[kind](*numbers)


def schedule_of(value: Any) -> Schedule | ReduceOnPlateau | Callable[[int], float]:
    """The schedule that a name, a Schedule or a function stands for; of None, `Constant`.

    Raises
    ------
    TypeError
        If it is none of these, or a class.
    ValueError
        If the name is unknown.
    """
    if value is None:
        return Constant()
    if isinstance(value, Schedule | ReduceOnPlateau):
        return value
    if isinstance(value, str):
        if value in NEEDS_NUMBERS:
            raise ValueError(f"schedule {value!r} needs numbers: give {NEEDS_NUMBERS[value]}")
        if value not in BY_NAME:
            raise ValueError(
                f"schedule {shown(value)} is unknown; known are {', '.join(BY_NAME)}, and with"
                f" numbers {' and '.join(NEEDS_NUMBERS.values())}"
            )
        return BY_NAME[value]()
    if isinstance(value, type):
        raise TypeError(f"schedule is the class {value.__name__}, expected one made of it")
    if not callable(value):
        raise TypeError(
            f"schedule is {shown(value)}, expected a Schedule, a name, or a function of the"
            " update's number"
        )
    return cast("Callable[[int], float]", value)


def described(schedule: Any) -> str:
    """A schedule as a text that is the same in every process."""
    if type(schedule).__name__ in NAMED and type(schedule) is NAMED[type(schedule).__name__]:
        return repr(schedule)
    return f"a {type(schedule).__name__}"


def rates_of(schedule: Any, n_updates: int, learning_rate: float, dtype: Any = "float64") -> Rates:
    """The rate of each update, checked.

    Parameters
    ----------
    schedule : str, Schedule, callable or None
        As `schedule_of`; a callable is called with 0, 1, … n_updates − 1, in this order.
    n_updates : int
    learning_rate : float
        The optimizer's.
    dtype : "float32" or "float64"
        The network's, which has to hold the rates.

    Returns
    -------
    ndarray of float64, (n_updates,), C-contiguous, not shared with anybody

    Raises
    ------
    TypeError
        If it is no schedule, or gives anything but real numbers.
    ValueError
        If it gives a negative number, one that is not finite or that the dtype cannot hold, or not
        as many as there are updates. The message names the first.
    """
    chosen = schedule_of(schedule)
    if isinstance(chosen, ReduceOnPlateau):
        raise TypeError(f"schedule is {chosen!r}, which follows the loss: no rate is known ahead")
    if isinstance(chosen, Schedule):
        given = chosen.rates(n_updates, learning_rate)
        rates = real_array(given, "what the schedule gave", np.float64, "an array").copy()
        if rates.shape != (n_updates,):
            raise ValueError(
                f"schedule gave an array of shape {rates.shape}, expected ({n_updates},)"
            )
    else:
        rates = np.array([_rate(chosen(t), t) for t in range(n_updates)], np.float64)
    with np.errstate(over="ignore", under="ignore"):
        wrong = ~(np.isfinite(rates.astype(dtype)) & (rates >= 0))
    if wrong.any():
        t = int(wrong.argmax())
        held = f" that {dtype} can hold" if np.isfinite(rates[t]) and rates[t] > 0 else ""
        raise ValueError(
            f"schedule gave {rates[t].item()!r} at update {t},"
            f" expected a finite number of at least 0{held}"
        )
    return rates


def _rate(value: Any, t: int) -> float:
    """What a function gave for update t as a float, whatever its sign."""
    if getattr(value, "shape", None) == ():
        value = value.item()  # of a scalar of NumPy's, or of an array without dimensions
    try:
        return real_number(value, "rate", -INF, INF)
    except ValueError:  # not finite, or beyond any float: rates_of says so, with the update
        return float("nan") if value != value else float("inf") if value > 0 else -INF
    except TypeError:
        raise TypeError(f"schedule gave {shown(value)} at update {t}, expected a number") from None
