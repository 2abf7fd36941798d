"""What `Network.gradients` and `Network.vjp` give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from cyprop._restore import restore

Array = npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Gradients:
    """The derivatives of the mean loss of a batch, or of a C of the caller's.

    Attributes
    ----------
    loss : float
        NaN from `Network.vjp`.
    weights, biases : tuple of ndarray
        One for each layer, shaped like ``net.weights[l]`` and ``net.biases[l]``.
    inputs : ndarray, (n, n_in), or None
        The derivative by X, unless it was not wanted.
    parameters : ndarray
        Weights and biases as one vector laid out like ``net.parameters``, of which they are views.

    Notes
    -----
    Thread-safety: it belongs to the caller; the network does not keep it.
    """

    loss: float
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    inputs: Array | None
    parameters: Array

    def __repr__(self) -> str:
        """The shapes in place of the numbers, which would fill a screen."""
        shapes = ", ".join(str(W.shape) for W in self.weights)
        inputs = "" if self.inputs is None else f"; inputs {self.inputs.shape}"
        return f"Gradients(loss={self.loss:.7g}; weights {shapes}{inputs})"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.loss, self.weights, self.biases, self.inputs, self.parameters)
        return restore, ("gradients", *fields)
