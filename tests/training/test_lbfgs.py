"""L-BFGS: the minimum of other ways, history and callbacks as of epochs, and what it refuses."""

import pickle

import numpy as np
import pytest

import cyprop


def line(rng, dtype="float64", **options):
    """A linear regression, whose minimum is known, and data of it."""
    X = rng.normal(size=(60, 3))
    Y = X @ [[1.0], [-2.0], [0.5]] + 0.3 + 0.1 * rng.normal(size=(60, 1))
    return cyprop.Network([3, 1], output_activation="identity", dtype=dtype, **options), X, Y


def least_squares(X, Y, weights=None, l2=0.0):
    """The W and b that minimise Σ wᵢ·(xᵢ·W + b − yᵢ)² / Σ wᵢ + l2/2·ΣW²."""
    weights = np.ones(len(X)) if weights is None else weights
    A = np.hstack([X, np.ones((len(X), 1))])
    H = 2 * A.T @ (weights[:, None] * A) / weights.sum() + l2 * np.diag([1, 1, 1, 0])
    return np.linalg.solve(H, 2 * A.T @ (weights[:, None] * Y) / weights.sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_the_minimum_of_a_line(rng, dtype, weighted, l2):
    net, X, Y = line(rng, dtype, l2=l2)
    weights = rng.random(60) if weighted else None
    history = net.fit(X, Y, optimizer=cyprop.LBFGS(tolerance=1e-10), sample_weight=weights)
    expected = least_squares(X, Y, weights, l2)
    tolerance = 1e-7 if dtype == "float64" else 3e-3
    np.testing.assert_allclose(net.weights[0], expected[:3], atol=tolerance)
    np.testing.assert_allclose(net.biases[0], expected[3], atol=tolerance)
    penalty = l2 / 2 * float(np.square(net.weights[0]).sum())
    found = net.evaluate(X, Y, sample_weight=weights) + penalty
    assert history.loss[-1] == pytest.approx(found, rel=1e-5)
    assert all(a >= b for a, b in zip(history.loss[:-1], history.loss[1:]))
    assert history.learning_rate == []
    assert len(history.seconds) == len(history) < 30


def test_classes(rng):
    X, labels = rng.normal(size=(90, 4)), rng.integers(0, 3, 90)
    net = cyprop.Network([4, 12, 3], "tanh", loss="cross_entropy", dtype="float64")
    history = net.fit(X, labels, optimizer=cyprop.LBFGS(2000, 1e-6), metrics="accuracy")
    right = net.predict(X).argmax(axis=1) == labels
    assert history.metrics["accuracy"][-1] == right.mean() > 0.9
    assert net.history is history
    assert np.abs(net.gradients(X, labels).parameters).max() < 1e-3


def test_layers_that_stay(rng):
    net = cyprop.Network([3, 5, 4, 1], "tanh", dtype="float64")
    _, X, Y = line(rng)
    net.frozen = [1]
    before = [array.copy() for array in (*net.weights, *net.biases)]
    net.fit(X, Y, optimizer=cyprop.LBFGS(30))
    same = [np.array_equal(a, b) for a, b in zip(before, (*net.weights, *net.biases))]
    assert same == [False, True, False] * 2


def test_rows_held_out_early_stopping_and_progress(rng, capsys):
    net, X, Y = line(rng)
    net = cyprop.Network([3, 40, 1], "tanh", dtype="float64")
    history = net.fit(
        X, Y, optimizer=cyprop.LBFGS(300), validation_split=0.5, progress=True,
        early_stopping=cyprop.EarlyStopping(patience=5),
    )  # fmt: skip
    best = int(np.argmin(history.validation_loss))
    assert len(history) == best + 6 < 300
    held = cyprop.datasets.held_out(60, 0.5, 0)
    assert net.evaluate(X[held], Y[held]) == history.validation_loss[best]
    assert "validation_loss" in capsys.readouterr().err


def test_iterations_are_epochs_of_callbacks(rng):
    net, X, Y = line(rng)
    calls = []

    class Log(cyprop.Callback):
        def on_train_begin(self):
            calls.append("begin")

        def on_train_end(self):
            calls.append("end")

        def on_epoch_begin(self, epoch, logs):
            calls.append(epoch)

        def on_epoch_end(self, epoch, logs):
            calls.append((epoch, net.evaluate(X, Y) == pytest.approx(logs["loss"])))

    history = net.fit(X, Y, optimizer=cyprop.LBFGS(3), callbacks=Log())
    assert len(history) == 3
    assert calls == ["begin", 0, (0, True), 1, (1, True), 2, (2, True), "end"]


@pytest.mark.parametrize("error", [cyprop.StopTraining, KeyboardInterrupt, ValueError])
def test_callbacks_that_raise(rng, error):
    net, X, Y = line(rng)
    seen = []

    class Wrong(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append(net.parameters.tobytes())
            if epoch == 1:
                raise error

    if error is cyprop.StopTraining:
        net.fit(X, Y, optimizer=cyprop.LBFGS(), callbacks=Wrong())
    else:
        with pytest.raises(error):
            net.fit(X, Y, optimizer=cyprop.LBFGS(), callbacks=Wrong())
    assert net.parameters.tobytes() == seen[1]
    assert len(net.history) == 2


def test_a_loss_that_is_not_finite(rng, dtype):
    net, X, _ = line(rng, dtype)
    before = net.parameters.tobytes()
    with pytest.raises(cyprop.DivergenceError):
        net.fit(X, np.full((60, 1), np.finfo(dtype).max), optimizer=cyprop.LBFGS())
    assert net.parameters.tobytes() == before


REFUSED = [
    ({"optimizer": cyprop.LBFGS}, TypeError, "optimizer is the class LBFGS, expected one made"),
    ({"optimizer": cyprop.Adam()}, TypeError, "expected a cyprop.LBFGS; for others set net.opti"),
    ({"epochs": 5}, ValueError, "epochs is 5, which LBFGS has no use for: LBFGS.max_iterations"),
    ({"batch_size": 5}, ValueError, "batch_size is 5, which LBFGS has no use for: it learns"),
    ({"schedule": "cosine"}, ValueError, "schedule is 'cosine', which LBFGS has no use for"),
    ({"clip_norm": 1}, ValueError, "clip_norm is 1, which LBFGS has no use for"),
    ({"checkpoint": "run"}, ValueError, "checkpoint is 'run', which LBFGS has no use for"),
    ({"shuffle": False}, ValueError, "shuffle is False, which LBFGS has no use for"),
]


@pytest.mark.parametrize(("options", "error", "said"), REFUSED)
def test_what_it_has_no_use_for_is_refused(rng, options, error, said):
    net, X, Y = line(rng)
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        net.fit(X, Y, **{"optimizer": cyprop.LBFGS(), **options})
    assert net.parameters.tobytes() == before


def test_dropout_and_rows_of_files_are_refused(rng, tmp_path):
    _, X, Y = line(rng)
    np.save(tmp_path / "X.npy", X)
    dropping = cyprop.Network([3, 4, 1], "tanh", dropout=0.5)
    for net, rows, said in (
        (dropping, X, "the network has dropout"),
        (cyprop.Network([3, 1]), np.load(tmp_path / "X.npy", mmap_mode="r"), "arrays in memory"),
    ):
        with pytest.raises(ValueError, match=said):
            net.fit(rows, Y, optimizer=cyprop.LBFGS())


@pytest.mark.parametrize(
    "numbers", [{"max_iterations": 0}, {"tolerance": 0}, {"tolerance": -1}, {"history_size": 0}]
)
def test_numbers_outside_their_range(numbers):
    with pytest.raises(ValueError, match=f"{next(iter(numbers))} is"):
        cyprop.LBFGS(**numbers)


def test_without_scipy(rng, monkeypatch):
    import sys

    net, X, Y = line(rng)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match="LBFGS needs scipy: pip install 'cyprop"):
        net.fit(X, Y, optimizer=cyprop.LBFGS())


def test_it_is_a_value():
    rule = cyprop.LBFGS(5, 1e-3, 7)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert repr(rule) == "LBFGS(max_iterations=5, tolerance=0.001, history_size=7)"
