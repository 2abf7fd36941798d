"""How much a row counts: weights of samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import real_array
from cyprop.checks.numbers import real_number

if TYPE_CHECKING:
    import numpy.typing as npt

ORDINARY = 500  # a sum of weights from 2⁻⁵⁰⁰ to 2⁵⁰⁰ is far from where numbers end


def weight_of_a_row(value: Any, name: str) -> float:
    """The weight of one sample, a finite number of at least 0.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is negative, infinite or NaN.
    """
    return real_number(value, name, 0, math.inf, low_allowed=True)


def weights_of_rows(
    value: Any, n: int, name: str = "sample_weight", zeros_allowed: bool = False
) -> npt.NDArray[np.float64]:
    """The weights of n rows as a vector of float64, which nobody else can change.

    Where their sum is near the ends of what a number can be, a power of two scales them: only
    their ratios count, and so products of them with losses keep all their bits.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If there are not n of them, one is negative, infinite or NaN (the message names the row), or
        they add up to infinity, or to 0 unless `zeros_allowed`.
    """
    with np.errstate(over="ignore"):
        weights = real_array(value, name, np.float64, f"an array of shape ({n},)").copy()
    if weights.shape != (n,):
        raise ValueError(f"{name} has shape {weights.shape}, expected ({n},), one for each row")
    wrong = ~((weights >= 0) & (weights < math.inf))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"{name} holds {weights[row]} at row {row}, expected finite numbers of at least 0"
        )
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if total == 0 and zeros_allowed:
        return weights
    if not 0 < total < math.inf:
        raise ValueError(f"{name} adds up to {total}, expected a positive, finite sum")
    exponent = math.frexp(total)[1]
    return np.ldexp(weights, -exponent) if abs(exponent) > ORDINARY else weights
