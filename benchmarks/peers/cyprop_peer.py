"""cyprop itself."""

from typing import Any

import numpy as np

import cyprop
from benchmarks.networks import Problem
from benchmarks.peers import Differentiator, Follower, Learner, Predictor, Trainer
from benchmarks.stream import Running, Task

NAME = "cyprop"


def network(problem: Problem, learning_rate: float = 0.1) -> cyprop.Network:
    net = cyprop.Network(
        problem.sizes,
        problem.activations[:-1],
        problem.activations[-1],
        dtype=problem.dtype,
        optimizer=cyprop.SGD(learning_rate=learning_rate),
    )
    for mine, theirs in zip(
        net.weights + net.biases, problem.weights + problem.biases, strict=True
    ):
        mine[:] = theirs
    return net


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    net = network(problem)
    if batch:
        return [Predictor("cyprop", net.predict, kind="ours")]
    out = np.empty(problem.sizes[-1], problem.dtype)
    found = [
        Predictor("cyprop", net.predict, kind="ours"),
        Predictor("cyprop, out=", net.predict, lambda x: (x, out), kind="ours"),
    ]
    if hasattr(net, "bind"):
        buffer = np.empty(problem.sizes[0], problem.dtype)

        def prepare(x: Any) -> tuple[()]:
            buffer[:] = x
            return ()

        bound = net.bind(buffer, out)
        found.append(Predictor("cyprop, bound", bound, prepare, lambda _: out, kind="ours"))
    return found


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    net = network(problem, learning_rate)
    rows = network(problem, learning_rate)

    def learn_rows(X: Any, Y: Any) -> None:
        rows.fit(X, Y, epochs=1, batch_size=1, shuffle=False)

    return [
        Learner("cyprop", net.learn_one, lambda: (net.weights, net.biases), kind="ours"),
        Learner(
            "cyprop, fit at batch 1",
            learn_rows,
            lambda: (rows.weights, rows.biases),
            rows=True,
            kind="native",
        ),
    ]


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    net = network(problem, learning_rate)
    return [
        Trainer(
            "cyprop",
            lambda: net.fit(X, Y, epochs=1, batch_size=batch_size, shuffle=shuffle),
            lambda: (net.weights, net.biases),
            problem,
            kind="ours",
        )
    ]


def gradients(problem: Problem, X: Any, Y: Any) -> list[Differentiator]:
    net = network(problem)

    def derive() -> Any:
        return net.gradients(X, Y, inputs=False)

    return [Differentiator("cyprop", derive, lambda g: (g.weights, g.biases), kind="ours")]


def followers(task: Task) -> list[Follower]:
    """In float64, as the others compute, and in float32, which is cyprop's default."""
    return [_follower(task, "float64", 1e-9), _follower(task, "float32", 2e-3)]


def _follower(task: Task, dtype: str, tolerance: float) -> Follower:
    net = cyprop.Network(
        task.sizes,
        "relu",
        loss="mse" if task.kind == "numbers" else "binary_cross_entropy",
        dtype=dtype,
        optimizer=cyprop.SGD(learning_rate=task.learning_rate),
        initializer=list(zip(task.weights, task.biases, strict=True)),
    )
    predict, learn = net.predict, net.learn_one
    running = Running(task.sizes[0])

    def step(x: Any, y: Any) -> Any:
        predicted = predict(x)[0]
        learn(x, y)
        return predicted

    def scaled(x: Any, y: Any) -> Any:
        running.add(x)
        return step(running.scaled(x), y)

    def prepare(x: Any, y: float) -> tuple[Any, Any]:
        return np.array(x, "float64" if task.scaled else dtype), np.array([y], dtype)

    label = "cyprop" if dtype == "float64" else f"cyprop, {dtype}"
    return Follower(label, scaled if task.scaled else step, prepare, tolerance, kind="ours")
