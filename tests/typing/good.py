# pyright: strict
"""Uses of cyprop in which type checkers find nothing: tools/check_types.py asks them."""

from pathlib import Path
from typing import assert_type

import numpy as np
import numpy.typing as npt

import cyprop
from cyprop import datasets, interface, storage
from cyprop.sklearn import MLPClassifier, MLPRegressor


class Named(cyprop.Network):
    """A subclass, which `load` and copies give back."""

    title: str = ""


def network() -> cyprop.Network:
    settings = cyprop.Settings([4, 8, 3], "tanh", loss="cross_entropy", dtype="float64")
    cyprop.Network([2, 3, 1], activation=["relu"], output_activation="sigmoid", optimizer="adam")
    cyprop.Network((2, 1), cyprop.Activation("tanh"), loss=cyprop.Loss("mse"), dtype=np.float32)
    return cyprop.Network(settings.sizes, settings.activations[:-1], optimizer=settings.optimizer)


def learn(net: cyprop.Network, X: npt.NDArray[np.float32], Y: npt.NDArray[np.float32]) -> None:
    assert_type(net.learn_one(X[0], [0.0, 1.0, 0.0]), float)
    assert_type(net.train_on_batch(X, Y, n_threads=2), float)
    assert_type(net.evaluate(X, Y.tolist()), float)
    history = net.fit(X, Y, epochs=3, validation_data=(X, Y))
    assert_type(history, cyprop.History)
    assert_type(history.loss, list[float])
    assert_type(history.left_out, dict[int, tuple[int, ...]])
    assert_type(cyprop.fit_many([net], X, Y, epochs=3, n_threads=2), list[cyprop.History])


def derive(net: cyprop.Network, X: npt.NDArray[np.float32], Y: npt.NDArray[np.float32]) -> None:
    gradients = net.gradients(X, Y, inputs=False)
    assert_type(gradients, cyprop.Gradients)
    net.step(gradients)
    net.step(gradients.parameters * 0.5, n_threads=2)
    net.step([0.0, 1.0])
    net.step(net.vjp(X, np.sign(net.predict(X) - Y)))
    net.parameters[:] -= 0.1 * net.jacobian(X[0]).sum()


def change(net: cyprop.Network) -> None:
    assert_type(net.optimizer, cyprop.Optimizer)
    net.learning_rate *= 0.5
    net.set_hyperparameters(momentum=0.9)
    net.optimizer = cyprop.SGD(0.1, momentum=0.9)
    net.weights[0][...] = 0.0
    assert_type(net.learning_rate, float)
    assert_type(net.settings, cyprop.Settings)
    assert_type(net.sizes, tuple[int, ...])


def begin(W: npt.NDArray[np.float64]) -> None:
    cyprop.Network([4, 3], initializer="orthogonal")
    other = cyprop.Network([4, 3], initializer=[W])
    cyprop.Network([4, 3], initializer=[(other.weights[0], [0.0, 0.5, 1.0])])
    cyprop.Network([4, 3], initializer=other.weights)


def schedule() -> cyprop.Schedule:
    rates: npt.NDArray[np.float64] = cyprop.OneCycle(warmup=0.2).rates(10, 0.1)
    rates.sum()
    assert_type(cyprop.ReduceOnPlateau().begin(0.1).after_epoch(1.0), float)
    return cyprop.Cosine(low=1e-5)


def check(net: cyprop.Network, X: npt.NDArray[np.float32], Y: npt.NDArray[np.float32]) -> None:
    found = cyprop.check_gradients(net, X, Y.tolist(), n_components=10)
    assert_type(found, cyprop.GradientCheck)
    assert_type(found.relative, float)
    assert_type(found.kinks, tuple[str, ...])


def map_ends(net: cyprop.Network, X: npt.NDArray[np.float64]) -> None:
    net.scale_inputs(X)
    net.output_map = X[0], 2
    net.input_map = None
    found = net.output_map
    if found is not None:
        assert_type(found.scale.size, int)
    net.labels = ["a", 2, True]
    net.input_names = ("x", "y")
    assert_type(net.fold_scaling(), tuple[str | int, ...])
    assert_type(net.output_names, tuple[str, ...] | None)
    net.classify(X, n_threads=2)


def keep(net: Named, path: Path) -> None:
    net.save(path, {"note": "mine"})
    net.to_c(path, "mine")
    net.to_onnx(path)
    net.to_torch()
    assert_type(Named.load(path), Named)
    assert_type(cyprop.Network.load(path), cyprop.Network)
    assert_type(Named.load(path).title, str)
    assert_type(storage.read_metadata(path), dict[str, str])


def embed(net: cyprop.Network, x: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    ready = net.bind(x, out)
    ready()
    assert_type(net.handle().address, int)
    assert_type(net.handle().scratch_size(8), int)
    assert_type(interface.address("predict_float32"), int)
    assert_type(cyprop.get_include(), str)
    datasets.digits()


def estimate(X: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
    classifier = MLPClassifier((32,), "gelu", class_weight="balanced", random_state=0)
    assert_type(classifier.fit(X, labels, X_val=X, y_val=labels), MLPClassifier)
    assert_type(classifier.network_, cyprop.Network)
    assert_type(classifier.score(X, labels), float)
    assert_type(classifier.set_fit_request(sample_weight=True), MLPClassifier)
    assert_type(MLPRegressor("huber", solver=cyprop.AdamW()).fit(X, X).loss_curve_, list[float])
