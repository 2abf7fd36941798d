"""Bringing columns to mean 0 and deviation 1, and putting that into the weights afterwards.

With x′ = (x − mean)/scale the first layer computes Z = x′·W + b. The same Z from the raw column is
x·W₁ + b₁ with W₁ = W/scale, row by row, and b₁ = b − mean·W₁. So the network that learned from
scaled columns becomes one that takes raw columns, and predicting costs nothing more. An identity
output y′ becomes y = scale·y′ + mean likewise. `Network.fold_scaling` does so with its maps.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import hard_to_tell_apart
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine

Array = npt.NDArray[Any]

N = TypeVar("N", bound=Engine)


@dataclass(frozen=True)
class Scaling:
    """x′ = (x − mean)/scale for each column.

    Attributes
    ----------
    mean, scale : ndarray of float64, (n,)
        The scale of a constant column is infinite: x′ is 0, its weights become 0, and whatever
        the column holds later changes nothing.
    """

    mean: Array
    scale: Array

    @classmethod
    def of(cls, X: Array, one_unit: bool = False) -> Scaling:
        """The means and standard deviations of the columns of X, float64.

        Columns of zeros and ones stay as they are: scaled, a rare one would be a huge number.
        With `one_unit` all columns share the root of their mean variance, so that columns that
        hardly vary, such as the edges of an image, do not gain weight.
        """
        peak = np.abs(X).max(axis=0)
        peak[peak == 0] = 1.0
        unit = X / peak  # squares of the largest and smallest floats stay finite
        mean = unit.mean(axis=0)
        scale = peak * np.sqrt(np.square(unit - mean).mean(axis=0))
        if one_unit:
            scale[:] = np.sqrt(np.square(scale).mean())
        mean = peak * mean
        flags = ((X == 0) | (X == 1)).all(axis=0) & (not one_unit)
        mean[flags], scale[flags] = 0.0, 1.0
        constant = X.min(axis=0) == X.max(axis=0)
        mean[constant], scale[constant] = X[0, constant], np.inf
        return cls(mean, scale)

    def apply(self, X: Array) -> Array:
        """The scaled columns, float64."""
        scaled: Array = (X - self.mean) / self.scale
        return scaled

    def hard_in_float32(self) -> Array:
        """Where raw values, read as float32, would lose what sets the rows apart."""
        return hard_to_tell_apart(self.mean, self.scale)


def fold(network: N, inputs: Scaling, target: Scaling | None = None) -> N:
    """A copy of the network that takes raw columns, and answers in units of the target.

    Parameters
    ----------
    network : Network
        Trained on ``inputs.apply(X)``, and ``target.apply(Y)`` where a target scaling is given.
    inputs, target : Scaling
        A target scaling needs an identity output layer.

    Raises
    ------
    ValueError
        If the output layer is not identity, or a folded weight does not fit the dtype.
    """
    if target is not None and memory.settings_of(network).activation_names[-1] != "identity":
        raise ValueError("a scaled target needs an identity output layer")
    folded = copy.copy(network)
    before = maps.maps_of(folded)
    taken = np.array([inputs.mean, 1 / inputs.scale])
    given = None if target is None else np.array([-target.mean / target.scale, target.scale])
    maps.fold(folded, before, taken, given, before)
    return folded
