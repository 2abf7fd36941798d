"""The networks that are timed, and their arithmetic in plain float64: the oracle of every peer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STANDARD = (
    (4, 8, 3),
    (16, 64, 64, 4),
    (784, 30, 10),
    (784, 300, 10),
    (64, 256, 256, 256, 1),
)


@dataclass(frozen=True)
class Problem:
    """A network with its weights (n_in, n_out), biases and activations, a name for each layer.

    The cost C is the mean over the batch of the mean over outputs of the squared error.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    dtype: np.dtype[Any]
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def n_bytes(self) -> int:
        """What weights and biases take in memory without padding."""
        return sum(array.nbytes for array in self.weights + self.biases)

    def with_output(self, activation: str) -> Problem:
        """The same network with another activation of the output layer."""
        return replace(self, activations=(*self.activations[:-1], activation))


def make(
    sizes: tuple[int, ...], dtype: str = "float32", activation: str = "sigmoid", seed: int = 0
) -> Problem:
    rng = np.random.Generator(np.random.PCG64(seed))
    weights = tuple(
        (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(dtype)
        for n_in, n_out in pairwise(sizes)
    )
    biases = tuple((0.1 * rng.standard_normal(n_out)).astype(dtype) for n_out in sizes[1:])
    return Problem(tuple(sizes), (activation,) * (len(sizes) - 1), np.dtype(dtype), weights, biases)


ACTIVATIONS = {
    "sigmoid": (lambda Z: 1 / (1 + np.exp(-Z)), lambda A: A * (1 - A)),
    "tanh": (np.tanh, lambda A: 1 - A * A),
    "relu": (lambda Z: np.maximum(Z, 0), lambda A: (A > 0).astype(A.dtype)),
    "identity": (lambda Z: Z, np.ones_like),
}


def forward(problem: Problem, X: Array) -> list[Array]:
    """A of every layer, the inputs first, in float64."""
    kept = [X.astype(float)]
    for W, b, activation in zip(problem.weights, problem.biases, problem.activations, strict=True):
        f, _ = ACTIVATIONS[activation]
        kept.append(f(kept[-1] @ W.astype(float) + b.astype(float)))
    return kept


def gradient(problem: Problem, X: Array, Y: Array) -> Problem:
    """DW and db of every layer in the places of W and b, in float64."""
    kept = forward(problem, X)
    dA = 2 * (kept[-1] - Y) / Y.size
    weights: list[Array] = []
    biases: list[Array] = []
    for W, A_prev, A, activation in reversed(
        list(zip(problem.weights, kept, kept[1:], problem.activations, strict=False))
    ):
        dZ = dA * ACTIVATIONS[activation][1](A)
        weights.insert(0, A_prev.T @ dZ)
        biases.insert(0, dZ.sum(axis=0))
        dA = dZ @ W.T.astype(float)
    return replace(problem, weights=tuple(weights), biases=tuple(biases))


def sgd_step(problem: Problem, X: Array, Y: Array, learning_rate: float) -> Problem:
    """The network after one update from one batch, in float64."""
    found = gradient(problem, X, Y)
    weights = [W - learning_rate * dW for W, dW in zip(problem.weights, found.weights, strict=True)]
    biases = [b - learning_rate * db for b, db in zip(problem.biases, found.biases, strict=True)]
    return replace(problem, weights=tuple(weights), biases=tuple(biases))


def assert_same(actual: Any, expected: Any, dtype: np.dtype[Any], what: str) -> None:
    """Raise AssertionError unless two sets of numbers agree as well as their dtype allows."""
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        np.asarray(actual, float), expected, rtol=tolerance, atol=tolerance, err_msg=what
    )


def assert_same_parameters(
    actual: tuple[Any, Any], expected: Problem, dtype: np.dtype[Any], what: str
) -> None:
    """The same for (weights, biases)."""
    for ours, theirs in zip(actual, (expected.weights, expected.biases), strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert_same(mine, other, dtype, what)
