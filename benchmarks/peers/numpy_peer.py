"""NumPy by hand: the chain rule in matrix products, in place where that saves time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gemm
from benchmarks.gemm import Operation
from benchmarks.networks import Problem
from benchmarks.peers import Differentiator, Learner, Predictor, Trainer
from benchmarks.timing import Candidate

NAME = "NumPy by hand"


def sigmoid(Z: Any) -> Any:
    np.negative(Z, Z)
    np.exp(Z, Z)
    Z += 1
    return np.reciprocal(Z, Z)


def relu(Z: Any) -> Any:
    return np.maximum(Z, 0, Z)


FORWARD: dict[str, Callable[[Any], Any]] = {
    "sigmoid": sigmoid,
    "tanh": lambda Z: np.tanh(Z, Z),
    "relu": relu,
    "identity": lambda Z: Z,
}


def times_derivative(activation: str, dA: Any, A: Any) -> Any:
    """dZ, in the memory of dA."""
    if activation == "sigmoid":
        dA *= A
        dA *= 1 - A
    elif activation == "tanh":
        dA *= 1 - A * A
    elif activation == "relu":
        dA *= A > 0
    return dA


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    layers = [
        (W, b, FORWARD[f])
        for W, b, f in zip(problem.weights, problem.biases, problem.activations, strict=True)
    ]

    def predict(A: Any) -> Any:
        for W, b, f in layers:
            A = A @ W
            A += b
            A = f(A)
        return A

    return [Predictor(NAME, predict)]


class Model:
    """Weights that learn by plain SGD."""

    def __init__(self, problem: Problem, learning_rate: float) -> None:
        self.weights = [W.copy() for W in problem.weights]
        self.biases = [b.copy() for b in problem.biases]
        self.activations = problem.activations
        self.learning_rate = problem.dtype.type(learning_rate)

    def parameters(self) -> tuple[Any, Any]:
        return self.weights, self.biases

    def forward(self, X: Any) -> list[Any]:
        """A of every layer, the inputs first."""
        kept = [X]
        for W, b, activation in zip(self.weights, self.biases, self.activations, strict=True):
            Z = kept[-1] @ W
            Z += b
            kept.append(FORWARD[activation](Z))
        return kept

    def gradient(self, X: Any, Y: Any) -> tuple[float, Any, Any]:
        """The loss, dW and db of each layer."""
        kept = self.forward(X)
        dA = kept[-1] - Y
        loss = np.vdot(dA, dA) / Y.size
        dA *= 2 / Y.size
        dW, db = [], []
        for layer in range(len(self.weights) - 1, -1, -1):
            dZ = times_derivative(self.activations[layer], dA, kept[layer + 1])
            dW.insert(0, kept[layer].T @ dZ)
            db.insert(0, dZ.sum(axis=0))
            if layer:
                dA = dZ @ self.weights[layer].T
        return float(loss), dW, db

    def train_on_batch(self, X: Any, Y: Any) -> float:
        kept = self.forward(X)
        dA = kept[-1] - Y
        loss = np.vdot(dA, dA) / Y.size
        dA *= self.learning_rate * 2 / Y.size
        for layer in range(len(self.weights) - 1, -1, -1):
            dZ = times_derivative(self.activations[layer], dA, kept[layer + 1])
            W = self.weights[layer]
            if layer:
                dA = dZ @ W.T
            W -= kept[layer].T @ dZ
            self.biases[layer] -= dZ.sum(axis=0)
        return float(loss)

    def learn_one(self, x: Any, y: Any) -> float:
        kept = [x]
        for W, b, activation in zip(self.weights, self.biases, self.activations, strict=True):
            z = kept[-1] @ W
            z += b
            kept.append(FORWARD[activation](z))
        da = kept[-1] - y
        loss = np.vdot(da, da) / y.size
        da *= self.learning_rate * 2 / y.size
        for layer in range(len(self.weights) - 1, -1, -1):
            dz = times_derivative(self.activations[layer], da, kept[layer + 1])
            W = self.weights[layer]
            if layer:
                da = W @ dz
            W -= kept[layer][:, None] * dz
            self.biases[layer] -= dz
        return float(loss)


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    model = Model(problem, learning_rate)
    return [Learner(NAME, model.learn_one, model.parameters)]


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    model = Model(problem, learning_rate)
    rng = np.random.default_rng(0)

    def epoch() -> float:
        n = len(X)
        order = rng.permutation(n) if shuffle else np.arange(n)
        loss = 0.0
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            loss += model.train_on_batch(X[rows], Y[rows]) * len(rows)
        return loss / n

    return [Trainer(NAME, epoch, model.parameters, problem)]


def gradients(problem: Problem, X: Any, Y: Any) -> list[Differentiator]:
    model = Model(problem, 1.0)
    return [Differentiator(NAME, lambda: model.gradient(X, Y), lambda found: found[1:])]


def products(operation: Operation) -> list[Candidate]:
    """np.matmul, and the OpenBLAS that NumPy carries in a compiled loop."""
    made = [Candidate("NumPy matmul", np.matmul, [operation.factors_and_out])]
    folder = Path(np.__file__).parents[1] / "numpy.libs"
    library = next(folder.glob("libscipy_openblas64_*"), None)
    if library is not None:
        made += gemm.candidates("OpenBLAS, compiled loop", library, "scipy_{}gemm_64_", operation)
    return made
