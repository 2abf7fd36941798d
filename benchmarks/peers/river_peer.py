"""river, which learns a stream row by row, each a dictionary.

Its multilayer perceptron is a regressor, made of NumPy and a pandas frame a row; it was taken out
in 0.26. The adaptive trees are other models than the task names, made for streams that drift.
"""

import warnings
from typing import Any

from river import linear_model, optim, preprocessing, tree

from benchmarks.peers import Follower
from benchmarks.stream import Task

NAME = "river"


def followers(task: Task) -> list[Follower]:
    if len(task.sizes) == 2:
        rate = task.learning_rate
        linear = linear_model.LogisticRegression(optimizer=optim.SGD(rate), intercept_lr=rate)
        return [_of_classes("LogisticRegression", linear, task)]
    if task.kind == "classes":
        adaptive = tree.HoeffdingAdaptiveTreeClassifier(seed=1)
        return [_of_classes("HoeffdingAdaptiveTreeClassifier", adaptive, task, same=False)]
    found = [_of_numbers("MLPRegressor", net, task) for net in _perceptrons(task)]
    adaptive = tree.HoeffdingAdaptiveTreeRegressor(seed=1)
    return [*found, _of_numbers("HoeffdingAdaptiveTreeRegressor", adaptive, task, same=False)]


def _perceptrons(task: Task) -> list[Any]:
    """With the task's weights; none where river has no networks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from river import neural_net
        except ImportError:
            return []
    relu, identity = neural_net.activations.ReLU, neural_net.activations.Identity
    net = neural_net.MLPRegressor(
        hidden_dims=task.sizes[1:-1],
        activations=(*(relu,) * (len(task.sizes) - 2), identity, identity),  # the last is not used
        optimizer=optim.SGD(task.learning_rate),
    )
    net.learn_one(_row(task.X[0]), 0.0)
    for layer, (W, b) in enumerate(zip(task.weights, task.biases, strict=True), 1):
        net.w[layer][:], net.b[layer][:] = W, b
    return [net]


def _row(x: Any) -> dict[str, float]:
    """Named so that their order is that of the inputs: the perceptron sorts them."""
    return {f"{j:03}": float(value) for j, value in enumerate(x)}


def _of_numbers(name: str, net: Any, task: Task, same: bool = True) -> Follower:
    predict, learn = net.predict_one, net.learn_one

    def step(x: Any, y: Any) -> Any:
        predicted = predict(x)
        learn(x, y)
        return predicted

    return Follower(f"{NAME} {name}", step, lambda x, y: (_row(x), float(y)), same=same)


def _of_classes(name: str, net: Any, task: Task, same: bool = True) -> Follower:
    predict, learn, scaler = net.predict_proba_one, net.learn_one, preprocessing.StandardScaler()

    def step(x: Any, y: Any) -> Any:
        predicted = predict(x).get(True, 0.0)
        learn(x, y)
        return predicted

    def scaled(x: Any, y: Any) -> Any:
        scaler.learn_one(x)
        return step(scaler.transform_one(x), y)

    return Follower(
        f"{NAME} {'StandardScaler, ' * task.scaled}{name}",
        scaled if task.scaled else step,
        lambda x, y: (_row(x), bool(y)),
        same=same,
    )
