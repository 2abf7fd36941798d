"""mlpfile, networks of relu in C++ over Eigen: one vector a call, to predict or to learn.

Weights go in through its file format: the numbers of layers and of inputs, what each layer is, then
W (n_out, n_in) and b of each. Its cost is half the summed squared error.
"""

import struct
import tempfile
from pathlib import Path
from typing import Any

import mlpfile
import numpy as np

from benchmarks.networks import Problem
from benchmarks.peers import Learner, Predictor

NAME = "mlpfile"

LINEAR, RELU = 2, 3


def content(problem: Problem) -> bytes:
    """The file of a network."""
    kinds: list[int] = []
    for n_out, activation in zip(problem.sizes[1:], problem.activations, strict=True):
        kinds += [LINEAR, n_out]
        kinds += [RELU] if activation == "relu" else []
    n_layers = len(problem.weights) + problem.activations.count("relu")
    parts = [struct.pack(f"<{2 + len(kinds)}I", n_layers, problem.sizes[0], *kinds)]
    for W, b in zip(problem.weights, problem.biases, strict=True):
        parts += [np.ascontiguousarray(W.T, "<f4").tobytes(), b.astype("<f4").tobytes()]
    return b"".join(parts)


def network(problem: Problem) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.mlp"
        path.write_bytes(content(problem))
        return mlpfile.Model.load(str(path))


def fits(problem: Problem) -> bool:
    return problem.dtype == np.float32 and set(problem.activations) <= {"relu", "identity"}


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    if batch or not fits(problem):
        return []
    return [Predictor(NAME, network(problem).forward)]


def parameters(net: Any) -> tuple[Any, Any]:
    linear = [layer for layer in net.layers if layer.type == mlpfile.LayerType.Linear]
    return [np.array(layer.W).T for layer in linear], [np.ravel(layer.b) for layer in linear]


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    if not fits(problem):
        return []
    net = network(problem)
    # Ours is the mean over the outputs, without the half.
    rate = 2 * learning_rate / problem.sizes[-1]
    loss = mlpfile.squared_error

    def learn(x: Any, y: Any) -> None:
        net.grad_update(x, y, loss, rate)

    return [Learner(NAME, learn, lambda: parameters(net))]
