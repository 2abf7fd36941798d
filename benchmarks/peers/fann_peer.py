"""FANN, the Fast Artificial Neural Network library in C, through the package cynn.

cynn sets no weights and no activation, so they go through FANN's own file format. FANN computes the
sigmoid of twice the steepness; with a steepness of 0.5 it is ours.
"""

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cynn.fann import FannNetwork

from benchmarks.networks import Problem
from benchmarks.peers import Learner, Predictor

NAME = "FANN"

SIGMOID = 3
LINEAR_ERROR = 0


def neurons(problem: Problem) -> str:
    """(inputs, activation, steepness) of every neuron; each layer ends with a bias neuron."""
    parts = ["(0, 0, 0.0)"] * (problem.sizes[0] + 1)
    for n_in, n_out in pairwise(problem.sizes):
        parts += [f"({n_in + 1}, {SIGMOID}, 0.5)"] * n_out + ["(0, 0, 0.0)"]
    return " ".join(parts)


def connections(problem: Problem) -> list[str]:
    parts, first = [], 0
    for W, b in zip(problem.weights, problem.biases, strict=True):
        sources = range(first, first + len(W) + 1)
        for j in range(len(b)):
            column = [*W[:, j].tolist(), float(b[j])]
            parts += [f"({i}, {w!r})" for i, w in zip(sources, column, strict=True)]
        first += len(W) + 1
    return parts


def network(problem: Problem, learning_rate: float = 0.1) -> FannNetwork:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.fann"
        FannNetwork(list(problem.sizes)).save(str(path))
        lines = []
        for line in path.read_text().splitlines():
            key = line.partition("=")[0]
            if key.startswith("neurons"):
                line = f"{key}={neurons(problem)} "
            elif key.startswith("connections"):
                line = f"{key}={' '.join(connections(problem))} "
            elif key == "train_error_function":
                line = f"{key}={LINEAR_ERROR}"
            lines.append(line)
        path.write_text("\n".join(lines) + "\n")
        net = FannNetwork.load(str(path))
    net.learning_rate = learning_rate
    return net


def fits(problem: Problem) -> bool:
    return problem.dtype == np.float32 and set(problem.activations) == {"sigmoid"}


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    if batch or not fits(problem):
        return []
    net = network(problem)
    return [Predictor(NAME, net.predict)]


def parameters(problem: Problem, net: FannNetwork) -> tuple[Any, Any]:
    """The weights, read back from the file that FANN writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.fann"
        net.save(str(path))
        text = path.read_text().partition("connections (connected_to_neuron, weight)=")[2]
    values = np.array([pair.split(", ")[1] for pair in text.strip(" ()\n").split(") (")], float)
    weights, biases, start = [], [], 0
    for n_in, n_out in pairwise(problem.sizes):
        stop = start + (n_in + 1) * n_out
        layer = values[start:stop].reshape(n_out, n_in + 1)
        weights.append(layer[:, :-1].T)
        biases.append(layer[:, -1])
        start = stop
    return weights, biases


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    if not fits(problem):
        return []
    # Its update leaves out the factor 2 and the mean over outputs of our cost.
    net = network(problem, 2 * learning_rate / problem.sizes[-1])
    return [Learner(NAME, net.train, lambda: parameters(problem, net))]
