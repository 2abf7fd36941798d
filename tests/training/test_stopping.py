"""Early stopping, callbacks, and raising StopTraining."""

import copy
import pickle

import numpy as np
import pytest

import cyprop


def network(dtype="float64", **options):
    return cyprop.Network([4, 9, 3], "tanh", dtype=dtype, seed=5, **options)


def data(rng, n=40):
    return rng.normal(size=(n, 4)), rng.random((n, 3))


class Scripted(cyprop.Network):
    """Its validation loss is what a test says."""

    def evaluate(self, X, Y, n_threads=1):
        self.script, (value, *_) = self.script[1:], self.script
        return value


def scripted(values, **options):
    net = Scripted([4, 9, 3], "tanh", seed=5)
    net.script = list(values)
    return net


RULES = [
    # values of the monitor, arguments, and how many epochs there are before it ends
    ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5),
    ([3, 2, 1, 0.5, 1, 1], {"patience": 2}, 6),
    ([1, 2, 3, 4], {"patience": 1}, 2),
    ([3, 2.95, 2.9, 2.85], {"patience": 2, "min_delta": 0.2}, 3),
    ([3, 2.95, 2.75, 2.85, 2.7], {"patience": 2, "min_delta": 0.2}, 5),
    ([1, 2, 3, 2, 2], {"patience": 2, "mode": "max"}, 5),
    ([float("nan"), 2, float("inf"), 2], {"patience": 2}, 4),
    ([float("nan")] * 4, {"patience": 3}, 3),
]


@pytest.mark.parametrize(("values", "arguments", "n_epochs"), RULES)
def test_when_it_ends(rng, values, arguments, n_epochs):
    X, Y = data(rng)
    net = scripted([*values, *[values[-1]] * 20])
    history = net.fit(
        X, Y, 20, validation_data=(X, Y), early_stopping=cyprop.EarlyStopping(**arguments)
    )
    assert len(history) == n_epochs
    np.testing.assert_array_equal(history.validation_loss, values[:n_epochs])


@pytest.mark.parametrize("restores", [True, False])
@pytest.mark.parametrize("n_epochs", [5, 50])  # the last of them comes before it would stop
def test_the_weights_are_those_of_the_best_epoch(rng, restores, n_epochs):
    X, Y = data(rng)
    net = scripted([3, 2, 1, 2, 3, 4, 5, 6])
    seen = []

    class Keep(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append(net.parameters.copy())

    rule = cyprop.EarlyStopping(patience=4, restore_best_weights=restores)
    net.optimizer = cyprop.SGD(0.1, momentum=0.9)
    net.fit(X, Y, n_epochs, validation_data=(X, Y), early_stopping=rule, callbacks=Keep())
    assert len(seen) == min(n_epochs, 7)
    assert net.parameters.tobytes() == seen[2 if restores else -1].tobytes()
    momentum = net.__getstate__()["optimizer_states"][0]
    assert momentum.any() != restores


def test_the_best_epoch_may_be_the_last(rng):
    X, Y = data(rng)
    plain, net = network(optimizer="adam"), network(optimizer="adam")
    plain.fit(X, Y, 3)
    net.fit(X, Y, 3, early_stopping=cyprop.EarlyStopping("loss"))
    assert pickle.dumps(plain) == pickle.dumps(net)


def test_a_metric_knows_which_way_is_better(rng):
    X = rng.normal(size=(60, 4))
    labels = (X[:, 0] > 0).astype(int)
    net = cyprop.Network([4, 8, 2], "tanh", loss="cross_entropy", optimizer=cyprop.Adam(0.05))
    rule = cyprop.EarlyStopping("validation_accuracy", patience=5)
    history = net.fit(X, labels, 200, validation_split=0.5, metrics="accuracy", early_stopping=rule)
    scores = history.metrics["validation_accuracy"]
    assert len(scores) == int(np.argmax(scores)) + 6
    assert max(scores) > scores[0]


WRONG = [
    ({"monitor": "validation_loss"}, ValueError,
     "looks at 'validation_loss', which there will not be; there will be loss, mae; give valida"),
    ({"monitor": "accuracy"}, ValueError, "'accuracy', which there will not be; there will be lo"),
    ({"monitor": 3}, TypeError, "monitor is 3, expected a name"),
    ({"patience": 0}, ValueError, "patience is 0, expected at least 1"),
    ({"patience": 1.5}, TypeError, "patience is 1.5, expected a whole number"),
    ({"min_delta": -1}, ValueError, "min_delta is -1, expected"),
    ({"min_delta": float("nan")}, ValueError, "min_delta is nan, expected"),
    ({"mode": "auto"}, ValueError, "mode is 'auto', expected 'min', 'max' or None"),
    ({"restore_best_weights": 1}, TypeError, "restore_best_weights is 1, expected True or False"),
    ({"tol": 1}, TypeError, "EarlyStopping has no argument 'tol': it is called min_delta"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "error", "said"), WRONG)
def test_what_is_refused(rng, arguments, error, said):
    net = network()
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        net.fit(*data(rng), metrics="mae", early_stopping=cyprop.EarlyStopping(**arguments))
    assert net.parameters.tobytes() == before


def test_what_is_no_early_stopping_is_refused(rng):
    for value, said in ((True, "is True, expected"), (cyprop.EarlyStopping, "is the class Early")):
        with pytest.raises(TypeError, match=f"early_stopping {said}"):
            network().fit(*data(rng), early_stopping=value)


def test_the_way_of_a_function_has_to_be_said(rng):
    def worst(Y, A):
        return float(np.abs(A - Y).max())

    rule = cyprop.EarlyStopping("worst")
    with pytest.raises(ValueError, match="more of 'worst' is better is not known: give mode='min'"):
        network().fit(*data(rng), metrics=worst, early_stopping=rule)
    rule = cyprop.EarlyStopping("worst", mode="min")
    assert len(network().fit(*data(rng), metrics=worst, early_stopping=rule).metrics["worst"]) == 10


def test_it_is_a_value():
    rule = cyprop.EarlyStopping("loss", 3, 0.5, False, "min")
    for other in (copy.deepcopy(rule), pickle.loads(pickle.dumps(rule))):
        assert other == rule
    assert repr(rule).startswith("EarlyStopping(monitor='loss', patience=3, min_delta=0.5")


# callbacks


class Log(cyprop.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self):
        self.calls.append("begin")

    def on_train_end(self):
        self.calls.append("end")

    def on_epoch_begin(self, epoch, logs):
        assert logs == {}
        self.calls.append((epoch,))

    def on_epoch_end(self, epoch, logs):
        self.calls.append((epoch, logs))


def test_callbacks_are_called_in_turn(rng):
    X, Y = data(rng)
    log, net = Log(), network()
    history = net.fit(
        X, Y, 2, validation_data=(X, Y), metrics=["mae"], schedule="cosine", callbacks=[log]
    )
    begin, first, first_end, second, second_end, end = log.calls
    assert (begin, first, second, end) == ("begin", (0,), (1,), "end")
    for epoch, (number, logs) in enumerate((first_end, second_end)):
        assert number == epoch
        assert logs == {name: values[epoch] for name, values in history.columns().items()}
    assert set(logs) == {
        *("loss", "validation_loss", "mae", "validation_mae", "learning_rate", "seconds"),
    }


def test_any_object_with_a_method_will_do(rng):
    class Own:
        seen = 0

        def on_epoch_end(self, epoch, logs):
            self.seen += 1

    own = Own()
    network().fit(*data(rng), 3, callbacks=own)
    assert own.seen == 3


@pytest.mark.parametrize("method", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
def test_stop_training_ends_well(rng, method):
    def stop(*arguments):
        raise cyprop.StopTraining

    log = Log()
    setattr(log, method, stop)
    net = network()
    history = net.fit(*data(rng), 5, callbacks=log)
    assert log.calls[-1] == "end"
    assert len(history) == (method == "on_epoch_end")
    assert net.history is history


def test_a_callback_that_raises_leaves_a_whole_network(rng):
    X, Y = data(rng)
    plain = network()
    plain.fit(X, Y, 2)

    class Wrong(Log):
        def on_epoch_end(self, epoch, logs):
            super().on_epoch_end(epoch, logs)
            if epoch == 1:
                raise KeyError("mine")

    wrong, net = Wrong(), network()
    with pytest.raises(KeyError, match="mine"):
        net.fit(X, Y, 5, callbacks=wrong)
    assert net == plain
    assert len(net.history) == 2
    assert "end" not in wrong.calls


def test_a_callback_may_change_the_network(rng):
    X, Y = data(rng)

    class Slower(cyprop.Callback):
        def on_epoch_begin(self, epoch, logs):
            net.learning_rate = 0.1 / (1 + epoch)

    net, by_hand = network(), network()
    history = net.fit(X, Y, 3, shuffle=False, callbacks=Slower())
    for epoch in range(3):
        by_hand.learning_rate = 0.1 / (1 + epoch)
        by_hand.fit(X, Y, 1, shuffle=False)
    assert net.parameters.tobytes() == by_hand.parameters.tobytes()
    assert history.learning_rate == [0.1 / (1 + epoch) for epoch in range(3)]


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        (cyprop.Callback, "callbacks is the class Callback, expected an object made of it"),
        ([Log(), 3], r"callbacks\[1\] is 3, expected an object with one of on_train_begin, on_tr"),
        ([print], r"callbacks\[0\] is <built-in function print>, expected an object with one of"),
        (type("Keras", (), {"on_batch_end": None})(),
         "callbacks has on_batch_end, which is never called; called are on_train_begin"),
    ],
)  # fmt: skip
def test_what_is_no_callback_is_refused(rng, callbacks, said):
    with pytest.raises(TypeError, match=said):
        network().fit(*data(rng), callbacks=callbacks)
