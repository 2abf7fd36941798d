"""Schedules: the learning rate of every update, worked out before the first.

An equation gives the rate of update t, counted from 0, of n, where η is the optimizer's learning
rate. One that follows the loss, and so cannot be worked out ahead, is in plateau.py.

NumPy's own cosines and powers differ between processors in their last bits, and with them a whole
training would. Those at the end of this file are sums, products and square roots, which do not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias, final

import numpy as np

from cyprop._restore import restore
from cyprop.checks.arguments import check_no_others
from cyprop.checks.numbers import real_number, shown, whole_number

Rates: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
INF = float("inf")

# What PyTorch and scikit-learn call a number of a schedule.
CALLED_HERE = {
    "step_size": "it is called every",
    "gamma": "it is called factor",
    **dict.fromkeys(("eta_min", "min_lr"), "it is called low"),
    "pct_start": "it is called warmup",
    "div_factor": "give start_factor, which multiplies",
    "final_div_factor": "give end_factor, which multiplies",
    "power_t": "it is called power",
    "threshold": "it is called min_delta",
    **dict.fromkeys(("lr", "max_lr", "learning_rate"), "it is the optimizer's"),
}


class Schedule:
    """A learning rate for every update; make one of its subclasses, or write your own.

    A subclass of your own has a method ``rates(n_updates, learning_rate)`` that returns an array of
    shape (n_updates,). A function of the update's number needs no class.

    Notes
    -----
    A rate may be 0: where a cosine ends, or a warm-up of your own begins. Such an update leaves the
    weights alone, and the optimizer still gathers its momentum or moments. A rate below 0 is
    refused.
    Those of cyprop never change, and are equal if they are of one class with equal numbers.
    Thread-safety: any number of threads, and of trainings, may share one of cyprop's.
    """

    __slots__ = ()

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """The rate of each update of a training.

        Parameters
        ----------
        n_updates : int
            How many there will be, at least 0.
        learning_rate : float
            The optimizer's.

        Returns
        -------
        ndarray of float64, (n_updates,)

        Raises
        ------
        ValueError
            If the schedule's `low` is above the learning rate.

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        raise NotImplementedError


class Known(Schedule):
    """One of cyprop's: some numbers, by which it is compared, shown and pickled."""

    __slots__ = ()

    def __new__(cls, *numbers: Any, **named: Any) -> Self:
        check_names(cls, named)
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        own: Any = self
        numbers = [getattr(self, field.name) for field in fields(own)]
        return restore, ("schedule", type(self).__name__, *numbers)


@final
@dataclass(frozen=True, slots=True)
class Constant(Known):
    """η, for every update.

    Notes
    -----
    Thread-safety: as `Schedule`.
    """

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        return np.full(n_updates, learning_rate)


@final
@dataclass(frozen=True, slots=True)
class Step(Known):
    """η · factor^⌊t / every⌋: the rate falls at once, then stays for a while.

    Parameters
    ----------
    every : int
        Updates between two falls; at least 1.
    factor : float, default 0.1
        Positive.

    Raises
    ------
    TypeError, ValueError
        If `every` is not a whole number of at least 1, or `factor` not a positive number.

    Notes
    -----
    PyTorch's `StepLR` (step_size, gamma).
    Thread-safety: as `Schedule`.
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _keep(self, every=whole_number(self.every, "every"))
        _keep(self, factor=real_number(self.factor, "factor", 0, INF))

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        n_falls = np.arange(n_updates) // self.every
        with np.errstate(over="ignore"):
            return learning_rate * _powers(self.factor, n_updates // self.every + 1)[n_falls]


@final
@dataclass(frozen=True, slots=True)
class Exponential(Known):
    """η · factor^t: every update has a fixed share of the rate before it.

    Parameters
    ----------
    factor : float
        Positive; 0.999 halves the rate in some 700 updates. Above 1 the rate rises, which finds the
        largest rate that a network learns by.

    Raises
    ------
    TypeError, ValueError
        If `factor` is not a positive number.

    Notes
    -----
    PyTorch's `ExponentialLR` (gamma), with a step for every update.
    Thread-safety: as `Schedule`.
    """

    factor: float

    def __post_init__(self) -> None:
        _keep(self, factor=real_number(self.factor, "factor", 0, INF))

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        with np.errstate(over="ignore"):
            return learning_rate * _powers(self.factor, n_updates)


@final
@dataclass(frozen=True, slots=True)
class Cosine(Known):
    """A straight warm-up, then half a wave of the cosine from η down to `low`.

    With w = ⌊warmup · n⌋: η · (t + 1) / (w + 1) for t < w, then
    low + (η − low) · (1 + cos(π · (t − w) / (n − w))) / 2.

    Parameters
    ----------
    warmup : float, default 0.0
        The share of the updates in which the rate rises; at least 0 and below 1.
    low : float, default 0.0
        The rate that the update after the last would have; at least 0.

    Raises
    ------
    TypeError, ValueError
        If a number is outside its range.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5, without the restarts. PyTorch's `LinearLR` and `CosineAnnealingLR` (eta_min), one
    after the other.
    Thread-safety: as `Schedule`.
    """

    warmup: float = 0.0
    low: float = 0.0

    def __post_init__(self) -> None:
        _keep(self, warmup=real_number(self.warmup, "warmup", 0, 1, low_allowed=True))
        _keep(self, low=real_number(self.low, "low", 0, INF, low_allowed=True))

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        check_low(self.low, learning_rate)
        w = int(self.warmup * n_updates)
        rising = learning_rate * (np.arange(1.0, w + 1) / (w + 1))
        share = np.arange(n_updates - w) / max(n_updates - w, 1)
        return np.concatenate([rising, _half_wave(learning_rate, self.low, share)])


@final
@dataclass(frozen=True, slots=True)
class OneCycle(Known):
    """Up to η and down to nearly nothing, along half a wave of the cosine each.

    From η · start_factor at the first update to η at update warmup · n − 1, and to η · end_factor
    at the last.

    Parameters
    ----------
    warmup : float, default 0.3
        The share of the updates in which the rate rises; at least 0 and below 1.
    start_factor : float, default 1/25
    end_factor : float, default 1/25 · 1e-4
        Positive, and at most 1.

    Raises
    ------
    TypeError, ValueError
        If a number is outside its range.

    Notes
    -----
    The optimizer's learning rate is the peak, so it may be several times what one would learn by
    all the time.
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", 2019; with the numbers of PyTorch's `OneCycleLR` (pct_start, div_factor and
    final_div_factor, both of which divide), without its cycle of the momentum.
    Thread-safety: as `Schedule`.

    Examples
    --------
    >>> import cyprop
    >>> rates = cyprop.OneCycle().rates(10, 1.0)
    >>> [round(float(rate), 2) for rate in rates]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
    """

    warmup: float = 0.3
    start_factor: float = 1 / 25
    end_factor: float = 1 / 25 / 1e4

    def __post_init__(self) -> None:
        _keep(self, warmup=real_number(self.warmup, "warmup", 0, 1, low_allowed=True))
        for key in ("start_factor", "end_factor"):
            value = real_number(getattr(self, key), key, 0, INF)
            if value > 1:
                raise ValueError(f"{key} is {shown(value)}, expected a share of the peak, up to 1")
            _keep(self, **{key: value})

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        t = np.arange(n_updates, dtype=float)
        top, last = self.warmup * n_updates - 1, n_updates - 1.0
        first, end = learning_rate * self.start_factor, learning_rate * self.end_factor
        up = _half_wave(first, learning_rate, t / top if top > 0 else np.ones(n_updates))
        down = _half_wave(learning_rate, end, (t - top) / (last - top or 1))
        return np.where(t <= top, up, down)


@final
@dataclass(frozen=True, slots=True)
class InverseScaling(Known):
    """η / (t + 1)^power.

    Parameters
    ----------
    power : float, default 0.5
        Positive.

    Raises
    ------
    TypeError, ValueError
        If `power` is not a positive number.

    Notes
    -----
    scikit-learn's ``learning_rate="invscaling"`` (power_t), which counts the rows it has learned
    and changes the rate after each epoch; here t counts updates. With a power above 1/2, up to 1,
    the steps are those for which Robbins and Monro, "A stochastic approximation method", 1951,
    prove that they arrive.
    Thread-safety: as `Schedule`.
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        _keep(self, power=real_number(self.power, "power", 0, INF))

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        return learning_rate * _power(1 / np.arange(1.0, n_updates + 1), self.power)


@final
@dataclass(frozen=True, slots=True)
class Polynomial(Known):
    """low + (η − low) · (1 − t / n)^power.

    Parameters
    ----------
    power : float, default 1.0
        Positive; 1 is a straight line.
    low : float, default 0.0
        The rate that the update after the last would have; at least 0.

    Raises
    ------
    TypeError, ValueError
        If a number is outside its range.

    Notes
    -----
    PyTorch's `PolynomialLR` (power), with all updates as its total_iters.
    Thread-safety: as `Schedule`.
    """

    power: float = 1.0
    low: float = 0.0

    def __post_init__(self) -> None:
        _keep(self, power=real_number(self.power, "power", 0, INF))
        _keep(self, low=real_number(self.low, "low", 0, INF, low_allowed=True))

    def rates(self, n_updates: int, learning_rate: float) -> Rates:
        """As `Schedule.rates`. Thread-safety: any number of threads at once."""
        check_low(self.low, learning_rate)
        left = 1 - np.arange(n_updates) / max(n_updates, 1)
        return self.low + (learning_rate - self.low) * _power(left, self.power)


def check_names(kind: Any, named: dict[str, Any]) -> None:
    """Raise TypeError for a number that a schedule of that class does not have."""
    known = {field.name for field in fields(kind)}
    others = {key: value for key, value in named.items() if key not in known}
    check_no_others(others, kind.__name__, kind.__init__, CALLED_HERE)


def check_low(low: float, learning_rate: float) -> None:
    """Raise ValueError if a rate would have to rise in order to end at `low`."""
    if low > learning_rate:
        raise ValueError(
            f"low is {low!r}, expected at most the optimizer's learning rate, {learning_rate!r}"
        )


def _keep(schedule: Schedule, **checked: float) -> None:
    """Put checked numbers in place of those that a frozen schedule was made with."""
    for key, value in checked.items():
        object.__setattr__(schedule, key, value)


def _half_wave(first: float, last: float, share: Rates) -> Rates:
    """The rate is last + (first − last) · (1 + cos(π · share)) / 2, exact where share is 0 or 1.

    (1 + cos πx) / 2 = 1 − sin²(πx/2) = sin²(π(1 − x)/2)
    """
    early = share <= 0.5
    sine = _sine_of_quarters(np.where(early, share, 1 - share))
    return np.where(early, first, last) + np.where(early, last - first, first - last) * sine**2


def _sine_of_quarters(x: Rates) -> Rates:
    """sin(πx/2) for x from 0 to 1/2: the first terms of its series, the last below 1e-16."""
    angle = np.pi / 2 * x
    total = np.zeros_like(x)
    for k in range(8, 0, -1):
        total = (1 + total) * -(angle**2) / (2 * k * (2 * k + 1))
    return angle * (1 + total)


def _powers(factor: float, n: int) -> Rates:
    """factor^0, factor^1, … factor^(n − 1)"""
    products = np.full(n, factor)
    products[:1] = 1
    with np.errstate(over="ignore", under="ignore"):
        return np.multiply.accumulate(products)


def _power(x: Rates, power: float) -> Rates:
    """x^power for x from 0 to 1; by the C library where power is no multiple of 1/2."""
    if (2 * power) % 1 or power > 32:
        return np.array([value**power for value in x.tolist()], np.float64)
    product = np.sqrt(x) if power % 1 else np.ones_like(x)
    with np.errstate(under="ignore"):
        for _ in range(int(power)):
            product = product * x
    return product
