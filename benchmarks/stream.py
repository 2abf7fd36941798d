"""A stream whose relation drifts, how it is scored, and what each task makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

N_IN = 10
FADING = 0.995
NOISE = 0.2


@dataclass(frozen=True)
class Task:
    """A stream, and the network that learns it row by row, with plain SGD at a constant rate.

    Hidden units are relu. Of "numbers" the output is identity and the loss is E²; of "classes", 0
    and 1, it is sigmoid, and the loss the cross-entropy. What is `scaled` comes in ten units, and
    is scaled on the fly by means and variances that have seen the row itself.
    """

    name: str
    kind: str
    sizes: tuple[int, ...]
    learning_rate: float
    scaled: bool
    X: Array
    Y: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]


def drifting(n: int, seed: int = 0) -> tuple[Array, Array]:
    """X (n, 10), and targets (n,) of which 0 tells the classes apart.

    The two directions that count turn slowly all the time, and are other ones from n/2 on.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    X = rng.standard_normal((n, N_IN))
    Y = np.empty(n)
    directions = [np.linalg.qr(rng.standard_normal((N_IN, 4)))[0] for _ in range(2)]
    for i in range(n):
        a, b, c, d = directions[2 * i >= n].T
        angle = np.pi / 4 * i / n
        along = X[i] @ (np.cos(angle) * a + np.sin(angle) * b)
        across = X[i] @ (np.cos(angle) * c + np.sin(angle) * d)
        Y[i] = along + np.abs(across) - np.sqrt(2 / np.pi)
    return X, Y + NOISE * rng.standard_normal(n)


def task(kind: str, hidden: tuple[int, ...], scaled: bool, n: int) -> Task:
    """A network without hidden units starts from zeros, as linear models do."""
    X, Y = drifting(n)
    rng = np.random.Generator(np.random.PCG64(1))
    sizes = (N_IN, *hidden, 1)
    weights = tuple(
        rng.standard_normal(shape) * np.sqrt(2 / shape[0]) if hidden else np.zeros(shape)
        for shape in zip(sizes[:-1], sizes[1:], strict=True)
    )
    biases = tuple(np.zeros(size) for size in sizes[1:])
    if scaled:
        units = 10.0 ** rng.uniform(-3, 3, N_IN)
        X = units * (X + rng.uniform(-5, 5, N_IN))
    if kind == "classes":
        Y = (Y > 0).astype("float64")
    name = f"{kind}, {'-'.join(map(str, sizes))}{', scaled on the fly' * scaled}"
    rate = 0.01 if kind == "numbers" else 0.05
    return Task(name, kind, sizes, rate, scaled, X, Y, weights, biases)


class Running:
    """Mean and variance of what has come so far (Welford, Technometrics 4, 1962)."""

    def __init__(self, n_in: int) -> None:
        self.n = 0
        self.mean = np.zeros(n_in)
        self.squares = np.zeros(n_in)

    def add(self, x: Array) -> None:
        self.n += 1
        before = x - self.mean
        self.mean += before / self.n
        self.squares += before * (x - self.mean)

    def scaled(self, x: Array) -> Array:
        """0 where nothing has varied yet."""
        deviation = np.sqrt(self.squares / self.n)
        deviation[deviation == 0.0] = 1.0
        return (x - self.mean) / deviation


def expected(task: Task, n: int) -> Array:
    """What is predicted for each of the first n rows, before it is learnt, in plain NumPy."""
    weights, biases = ([array.copy() for array in kind] for kind in (task.weights, task.biases))
    found = np.empty(n)
    for i in range(n):
        x = task.X[i]
        if task.scaled:
            mean, deviation = task.X[: i + 1].mean(axis=0), task.X[: i + 1].std(axis=0)
            x = (x - mean) / np.where(i == 0, 1.0, deviation)
        A = [x]
        for W, b in zip(weights, biases, strict=True):
            Z = A[-1] @ W + b
            A.append(np.maximum(Z, 0.0))
        A[-1] = Z if task.kind == "numbers" else 1 / (1 + np.exp(-Z))
        found[i] = A[-1][0]
        dZ = (2 if task.kind == "numbers" else 1) * (A[-1] - task.Y[i])
        for layer in reversed(range(len(weights))):
            dA = weights[layer] @ dZ
            weights[layer] -= task.learning_rate * np.outer(A[layer], dZ)
            biases[layer] -= task.learning_rate * dZ
            dZ = dA * (A[layer] > 0)
    return found


def score(task: Task, predicted: Array) -> dict[str, float]:
    """The prequential error: of numbers its root mean square, of classes the share that is wrong.

    "all" is over the whole stream; "before" and "end" are faded, as they stand before the sudden
    drift and at the end (Gama, Sebastião and Rodrigues, Machine Learning 90, 2013).
    """
    losses = np.square(predicted - task.Y) if task.kind == "numbers" else predicted != task.Y
    total = weight = 0.0
    faded = []
    for loss in losses:
        total = float(loss) + FADING * total
        weight = 1.0 + FADING * weight
        faded.append(total / weight)
    found = {"all": float(losses.mean()), "before": faded[len(faded) // 2 - 1], "end": faded[-1]}
    if task.kind == "numbers":
        return {name: float(np.sqrt(value)) for name, value in found.items()}
    return found
