"""Bringing columns to mean 0 and deviation 1, and putting that into the weights afterwards.

With x′ = (x − mean)/scale the first layer computes Z = x′·W + b. The same Z from the raw column is
x·W₁ + b₁ with W₁ = W/scale, row by row, and b₁ = b − mean·W₁. So the network that learned from
scaled columns becomes one that takes raw columns, and predicting costs nothing more. An identity
output y′ becomes y = scale·y′ + mean likewise.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LONGEST_MEAN = 1e4  # times the deviation: beyond it float32 is left with fewer than 3 digits
FLOAT32_RANGE = 1e30  # of scales and values, with room for the weights


class Folded(Protocol):
    """What `fold` uses of a network."""

    @property
    def weights(self) -> tuple[Array, ...]: ...
    @property
    def biases(self) -> tuple[Array, ...]: ...
    @property
    def parameters(self) -> Array: ...
    @property
    def activations(self) -> tuple[str, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


N = TypeVar("N", bound=Folded)


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
        varies = np.isfinite(self.scale)
        with np.errstate(over="ignore"):
            far = np.abs(self.mean) > LONGEST_MEAN * self.scale
        extreme = (np.maximum(np.abs(self.mean), self.scale) > FLOAT32_RANGE) | (
            self.scale < 1 / FLOAT32_RANGE
        )
        return varies & (far | extreme)


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
    folded = copy.copy(network)
    W, b = folded.weights[0], folded.biases[0]
    with np.errstate(over="ignore", invalid="ignore"):
        W[...] = W.astype(np.float64) / inputs.scale[:, np.newaxis]
        # From the rounded weights, so that a row at the means still gives b; and summed row after
        # row, because the order of a BLAS product depends on the machine.
        b[...] = b - (inputs.mean[:, np.newaxis] * W.astype(np.float64)).sum(axis=0)
        if target is not None:
            if network.activations[-1] != "identity":
                raise ValueError("a scaled target needs an identity output layer")
            W, b = folded.weights[-1], folded.biases[-1]
            W[...] = W * target.scale
            b[...] = b * target.scale + target.mean
    if not np.isfinite(folded.parameters).all():
        raise ValueError(
            f"the scale of a column is too extreme for weights in {network.dtype};"
            " rescale it, or try --dtype float64"
        )
    return folded
