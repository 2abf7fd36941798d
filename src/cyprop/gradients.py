"""What `Network.gradients` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from cyprop._restore import restore

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Gradients:
    """The derivatives of the mean loss of a batch.

    Attributes
    ----------
    loss : float
    weights, biases : tuple of ndarray
        One for each layer, shaped like ``net.weights[l]`` and ``net.biases[l]``.
    inputs : ndarray, (n, n_in)
        The derivative by X.
    parameters : ndarray
        Weights and biases as one vector laid out like ``net.parameters``, of which they are views.

    Notes
    -----
    Thread-safety: it belongs to the caller; the network does not keep it.
    """

    loss: float
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    inputs: Array
    parameters: Array

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = self.weights, self.biases, self.inputs, self.parameters
        return restore, ("gradients", self.loss, *arrays)
