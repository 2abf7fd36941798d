"""Checkpoints beside callbacks, signals, odd paths and odd networks, and what files say of data."""

import os
import signal
import tracemalloc

import fuzz_load
import numpy as np
import pytest
import scipy.sparse

import cyprop
from cyprop.formats import safetensors as files

N = 60


def network(kind=cyprop.Network, **options):
    options = {"optimizer": cyprop.SGD(0.1, momentum=0.9), **options}
    return kind([4, 9, 3], "tanh", loss="cross_entropy", dropout=0.2, seed=5, **options)


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, 4))


@pytest.fixture
def labels(rng):
    return rng.integers(0, 3, N)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def all_of(net):
    """All that learning depends on."""
    state = net.__getstate__()
    states = [vector.tobytes() for vector in state["optimizer_states"]]
    generator = state["rng"].bit_generator.state
    return net.parameters.tobytes(), states, generator, net.optimizer, net.frozen


class Killed(BaseException):
    pass


class Changing(cyprop.Callback):
    """Unfreezes, slows down and changes the optimizer, and may be killed after an epoch."""

    def __init__(self, net, killed_after=None):
        self.net, self.killed_after = net, killed_after

    def on_epoch_begin(self, epoch, logs):
        if epoch == self.killed_after:
            raise Killed
        self.net.learning_rate *= 0.9
        self.net.frozen = (0,) if epoch < 2 else ()
        if epoch == 4:
            self.net.optimizer = cyprop.Adam(0.01)


@pytest.mark.parametrize("killed_after", [1, 3, 5])
def test_what_callbacks_change_is_kept(X, labels, path, killed_after):
    expected = network()
    history = expected.fit(X, labels, 7, callbacks=Changing(expected))
    net = network()
    with pytest.raises(Killed):
        net.fit(X, labels, 7, callbacks=Changing(net, killed_after), checkpoint=path)
    again = network()
    found = again.fit(X, labels, 7, callbacks=Changing(again), checkpoint=path)
    assert all_of(again) == all_of(expected)
    assert found.loss == history.loss
    for finished in (again, network()):  # of which one has what the callbacks made of it
        assert finished.fit(X, labels, 7, callbacks=Changing(finished), checkpoint=path) == found
        assert all_of(finished) == all_of(expected)


def test_an_epoch_does_not_begin_twice(X, labels, path, monkeypatch):
    # So many rows that an epoch has several steps, between which a checkpoint is written.
    data = X.repeat(400, axis=0), labels.repeat(400), 3, 4
    expected = network()
    expected.fit(*data, callbacks=Changing(expected))
    rule = cyprop.Checkpoint(path, seconds=1e-9)
    places, write = [], files.write

    def killed_in_the_midst(network, path, snapshot, notes):
        write(network, path, snapshot, notes)
        places.append(snapshot.training.run.place[0])
        if len(places) == 4:
            raise Killed

    monkeypatch.setattr(files, "write", killed_in_the_midst)
    net = network()
    with pytest.raises(Killed):
        net.fit(*data, callbacks=Changing(net), checkpoint=rule)
    monkeypatch.undo()
    assert places[-1] > 0
    again = network()
    again.fit(*data, callbacks=Changing(again), checkpoint=rule)
    assert all_of(again) == all_of(expected)


def test_a_signal_may_end_it_in_the_midst_of_an_epoch(X, labels, path):
    def stop(*arguments):
        raise cyprop.StopTraining

    data, rule = (X.repeat(400, axis=0), labels.repeat(400)), cyprop.Checkpoint(path, 0.01)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        net = network()
        history = net.fit(*data, 10**6, checkpoint=rule)
    finally:
        signal.signal(signal.SIGALRM, before)
    again = network()
    assert again.fit(*data, 10**6, checkpoint=rule) == history
    assert all_of(again) == all_of(net)


def test_ctrl_c_and_the_same_call_again(X, labels, path):
    expected = network()
    expected.fit(X, labels, 5)

    class Interrupted(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

    net = network()
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, labels, 5, callbacks=Interrupted(), checkpoint=path)
    assert len(net.history) == 3
    assert len(net.fit(X, labels, 5, checkpoint=path)) == 5
    assert all_of(net) == all_of(expected)


class Odd(cyprop.Network):
    """Its validation loss is of a kind that JSON does not know."""

    def evaluate(self, X, Y, n_threads=1):
        return self.value


@pytest.mark.parametrize("value", [7, np.float32(0.5)])
def test_losses_of_another_kind_become_floats(X, labels, path, value):
    for n_epochs in (2, 3):
        net = network(Odd)
        net.value = value
        history = net.fit(
            *(X, labels, n_epochs), validation_data=(X, labels), checkpoint=path,
            schedule=cyprop.ReduceOnPlateau(monitor="validation_loss"),
        )  # fmt: skip
    assert history.validation_loss == [float(value)] * 3
    assert type(history.validation_loss[0]) is float


@pytest.mark.parametrize("value", [None, "0.5", True, np.ones(1)])
def test_what_is_no_loss_is_refused(X, labels, value):
    net = network(Odd)
    net.value = value
    with pytest.raises(TypeError, match="evaluate gave .*, expected a number"):
        net.fit(X, labels, validation_data=(X, labels))


def metric(name, value=0.5):
    def given(Y, A):
        return value

    given.__name__ = name
    return given


@pytest.mark.parametrize("name", ["é\n\"'", "cyprop.best", "", "metrics", "__metadata__"])
def test_metrics_of_odd_names(X, labels, path, name):
    first = network().fit(X, labels, 2, metrics=metric(name), checkpoint=path)
    assert network().fit(X, labels, 2, metrics=metric(name), checkpoint=path) == first
    assert first.metrics == {name: [0.5, 0.5]}
    cyprop.Network.load(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [("\ud800", "which is not Unicode text"), ("x" * 33_000, "has room for 65536")],
)
def test_names_that_a_file_cannot_have_are_refused_at_once(X, labels, path, name, said):
    net = network()
    before = all_of(net)
    with pytest.raises(ValueError, match=said):
        net.fit(X, labels, 2, metrics=metric(name), checkpoint=path)
    assert all_of(net) == before
    assert not path.exists()


def test_a_metric_that_is_too_large_is_no_number(X, labels):
    with pytest.raises(TypeError, match="metric 'huge' gave 1000.*, expected a number, finite"):
        network().fit(X, labels, metrics=metric("huge", 10**400))


def test_a_history_that_a_callback_has_changed_is_not_written(X, labels, path):
    class Wrong(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            net.history.loss.append(0.0)

    net = network()
    with pytest.raises(ValueError, match="the History has lost or got entries"):
        net.fit(X, labels, 3, callbacks=Wrong(), checkpoint=path)
    assert len(network().fit(X, labels, 3, checkpoint=path)) == 3


@pytest.mark.parametrize("kind", ["fifo", "null"])
def test_a_checkpoint_is_a_file(X, labels, path, kind):
    if kind == "fifo":
        os.mkfifo(path)
    net = network()
    before, net.history = all_of(net), "mine"
    with pytest.raises(ValueError, match="is a device, a FIFO or a socket, expected a file"):
        net.fit(X, labels, checkpoint=path if kind == "fifo" else os.devnull)
    assert all_of(net) == before
    assert net.history == "mine"


def test_a_link_may_lead_to_where_there_is_no_file_yet(X, labels, path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        assert len(network().fit(X, labels, 2, checkpoint=path)) == 2
    assert path.is_symlink()
    assert (tmp_path / "elsewhere").is_file()


OTHERS = [
    ({"frozen": (1,)}, "frozen=.*, not .1,."),
    ({"optimizer": cyprop.SGD(0.2, momentum=0.9)}, r"optimizer=SGD\(.*0.1.*, not SGD\(.*0.2"),
    ({"weights": np.arange(1.0, N + 1)}, "validation=60 rows"),
    ({"kind": lambda X: X + (X > 0)}, "data="),
]


@pytest.mark.parametrize(("other", "said"), OTHERS)
@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_matrix])
def test_others_are_refused(X, labels, path, kind, other, said):
    def fit(weights=None, frozen=(), kind=kind, **options):
        net = network(**options)
        net.frozen = frozen
        weights = np.ones(N) if weights is None else weights
        held = X, labels, weights
        return net.fit(kind(X), labels, 2, validation_data=held, checkpoint=path)

    fit()
    if "kind" in other:
        other = {"kind": lambda X: kind(X + (X > 0))}
    with pytest.raises(ValueError, match=f"checkpoint '.*' was made with {said}"):
        fit(**other)


def test_writing_takes_no_second_copy_of_all(path):
    net = cyprop.Network([500, 400, 400, 400, 10], optimizer="adam")
    size = 3 * net.parameters.nbytes
    net.save(path, training=True)
    tracemalloc.start()
    net.save(path, training=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size < peak < 1.5 * size


DAMAGES = [
    (b'\\"place\\":[0,', b'\\"place\\":[7,', "cannot load .* odd vectors"),
    (b'\\"epochs\\":\\"2\\"', b'\\"epochs\\":\\"3\\"', "was made with epochs=3, not 2"),
    (b"mae", b"mad", "was made with metrics=mad, not mae"),
    (b'\\"tally\\":[0.0', b'\\"tally\\":[0.5', ""),
]


@pytest.mark.parametrize(("old", "new", "said"), DAMAGES)
def test_a_checkpoint_that_was_edited_is_refused_or_makes_sense(X, labels, path, old, new, said):
    def fit(net):
        rule = cyprop.EarlyStopping("loss", patience=9)
        return net.fit(X, labels, 2, metrics="mae", early_stopping=rule, checkpoint=path)

    fit(network())
    text, payload = fuzz_load.take_apart(path.read_bytes())
    assert old in text
    path.write_bytes(fuzz_load.put_together(text.replace(old, new), payload, sealed=True))
    net = network()
    before = all_of(net)
    if not said:
        assert len(fit(net)) == 2
        return
    with pytest.raises(ValueError, match=said):
        fit(net)
    assert all_of(net) == before


def test_weights_of_a_checkpoint_that_are_not_finite_are_refused(X, labels, path):
    network().fit(X, labels, 2, checkpoint=path)
    text, payload = fuzz_load.take_apart(path.read_bytes())
    spoilt = np.array(np.nan, "<f4").tobytes() + payload[4:]
    path.write_bytes(fuzz_load.put_together(text, spoilt, sealed=True))
    net = network()
    before = all_of(net)
    with pytest.raises(ValueError, match="has weights that are not finite"):
        net.fit(X, labels, 2, checkpoint=path)
    assert all_of(net) == before
