"""Initial weights. Which draw suits an activation is said where the activation is registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.kernels import activation as activations

Array = npt.NDArray[Any]


def glorot(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Uniform in ±√(6 / (n_in + n_out)); Glorot and Bengio (2010), equation 16."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def he(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / n_in; He, Zhang, Ren and Sun (2015), equation 10."""
    return rng.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))


DRAWS = {"glorot": glorot, "he": he}


def draw_weights(weights: Sequence[Array], names: Sequence[str], rng: np.random.Generator) -> None:
    """Fill each layer's weights, in order, as suits the activation behind them."""
    for W, name in zip(weights, names, strict=True):
        n_in, n_out = W.shape
        W[...] = DRAWS[activations.initialisation(name)](n_in, n_out, rng)
