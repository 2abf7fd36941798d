"""Initial weights. Which draw suits an activation is said where the activation is registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.kernels import activation as activations

if TYPE_CHECKING:
    from numpy.typing import NDArray


def glorot(n_in: int, n_out: int, rng: np.random.Generator) -> NDArray[Any]:
    """Uniform in ±√(6 / (n_in + n_out)); Glorot and Bengio (2010), equation 16."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def he(n_in: int, n_out: int, rng: np.random.Generator) -> NDArray[Any]:
    """Normal with variance 2 / n_in; He, Zhang, Ren and Sun (2015), equation 10."""
    return rng.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))


def lecun(n_in: int, n_out: int, rng: np.random.Generator) -> NDArray[Any]:
    """Normal with variance 1 / n_in; LeCun, Bottou, Orr and Müller (1998), equation 16."""
    return rng.normal(0.0, np.sqrt(1.0 / n_in), (n_in, n_out))


DRAWS = {"glorot": glorot, "he": he, "lecun": lecun}


def draw_weights(
    weights: Sequence[NDArray[Any]], names: Sequence[str], rng: np.random.Generator
) -> None:
    """Fill each layer's weights, in order, as suits the activation behind them."""
    for W, name in zip(weights, names, strict=True):
        n_in, n_out = W.shape
        W[...] = DRAWS[activations.initialisation(name)](n_in, n_out, rng)
