"""Checkpoints: a training that was killed goes on in the same bits, and no other does."""

import contextlib
import copy
import os
import pickle
import random

import kill_fit
import numpy as np
import pytest
import safetensors.numpy

import cyprop
from cyprop.engine import memory

N = 120


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def network(dtype="float32", seed=3, optimizer=None, **options):
    return cyprop.Network(
        [6, 10, 3], "tanh", loss="cross_entropy", dtype=dtype, seed=seed,
        optimizer=optimizer or cyprop.Adam(0.01), **{"dropout": 0.2, **options},
    )  # fmt: skip


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, 6))


@pytest.fixture
def labels(rng):
    return rng.integers(0, 3, N)


class Killed(BaseException):
    """Nothing catches it."""


class KillAfter(cyprop.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch:
            raise Killed


OPTIONS = {
    "plain": {},
    "in order": {"shuffle": False},
    "one-cycle": {"schedule": "one_cycle"},
    "plateau": {"schedule": cyprop.ReduceOnPlateau(0.5, 0, 0.5)},
    "weights": {"class_weight": "balanced", "clip_norm": 0.1},
    "validation": {"validation_split": 0.2, "metrics": ["accuracy", "auc"]},
    "stopping": {
        "validation_split": 0.3,
        "early_stopping": cyprop.EarlyStopping(patience=3),
        "schedule": "cosine",
    },
}


def train(path, X, Y, options, kill=None, epochs=7, dtype="float32", optimizer=None, **others):
    """The network that a training ends with, be it by being killed after an epoch."""
    net = network(dtype, optimizer=optimizer)
    callbacks = None if kill is None else KillAfter(kill)
    with contextlib.suppress(Killed):
        net.fit(X, Y, epochs, 16, checkpoint=path, callbacks=callbacks, **options, **others)
    return net


def state(net):
    """All there is but how long it took."""
    kept = net.__getstate__()
    vectors = [kept["parameters"], *kept["optimizer_states"]]
    columns = {key: values for key, values in net.history.columns().items() if key != "seconds"}
    arrays = [array for v in vectors for of_kind in memory.views(net, v) for array in of_kind]
    return (
        [array.tobytes() for array in arrays],
        kept["optimizer_tally"], kept["rng"].bit_generator.state, net.settings, net.frozen, columns,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_it_goes_on_in_the_same_bits(path, X, labels, dtype, name):
    options = OPTIONS[name]
    for optimizer in (cyprop.SGD(0.1, momentum=0.9, nesterov=True), cyprop.AdamW(0.01)):
        undisturbed = train(None, X, labels, options, dtype=dtype, optimizer=optimizer)
        for kill in (0, 1, 4):
            train(path, X, labels, options, kill, dtype=dtype, optimizer=optimizer)
        for _ in range(2):  # it goes on, and then is complete
            net = train(path, X, labels, options, dtype=dtype, optimizer=optimizer, n_threads=3)
            assert state(net) == state(undisturbed)
        loaded = cyprop.Network.load(path)
        loaded.history = undisturbed.history
        assert state(loaded) == state(undisturbed)
        path.unlink()


def test_what_is_complete_returns_at_once(path, X, labels):
    first = train(path, X, labels, {})
    before = path.read_bytes()

    class Never(cyprop.Callback):
        def on_train_begin(self):
            raise AssertionError

    net = network()
    history = net.fit(X, labels, 7, 16, checkpoint=path, callbacks=Never())
    assert state(net) == state(first)
    assert history.seconds == first.history.seconds
    assert path.read_bytes() == before


def test_a_training_that_was_stopped_is_complete(path, X, labels):
    class Enough(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 2:
                raise cyprop.StopTraining

    nets = [network(), network()]
    for net in nets:
        net.fit(X, labels, 7, 16, checkpoint=path, callbacks=Enough())
        assert len(net.history) == 3
    assert state(nets[0]) == state(nets[1])


def test_more_epochs_are_gone_on_to(path, X, labels):
    for options in ({}, {"schedule": cyprop.ReduceOnPlateau(0.5, 0, 0.5)}):
        train(path, X, labels, options, epochs=3)
        net = train(path, X, labels, options, epochs=7)
        assert state(net) == state(train(None, X, labels, options, epochs=7))
        path.unlink()


@pytest.mark.parametrize("kind", ["arrays", "files", "batches"])
def test_seconds_are_for_long_epochs(path, tmp_path, X, labels, monkeypatch, kind):
    """With a clock that is always due, each step is written, in the midst of epochs too."""
    from cyprop.formats import checkpoints

    options = {"schedule": "one_cycle", "n_threads": 1}
    data = X, labels
    if kind == "files":
        np.save(tmp_path / "X.npy", X)
        data = np.load(tmp_path / "X.npy", mmap_mode="r"), labels
    elif kind == "batches":
        data = ([(X[i : i + 16], labels[i : i + 16]) for i in range(0, N, 16)],)
        options["steps_per_epoch"] = 8
    undisturbed = network()
    undisturbed.fit(*data, epochs=3, **options)
    writes = []
    write = checkpoints.Keeper.write

    def counted(keeper, training):
        write(keeper, training)
        writes.append(training.place)
        if len(writes) in (3, 5, 8, 12):
            raise Killed

    monkeypatch.setattr(checkpoints.Keeper, "write", counted)
    for _ in range(5):
        net = network()
        with contextlib.suppress(Killed):
            net.fit(*data, epochs=3, checkpoint=checkpoints.Checkpoint(path, 1e-9), **options)
    assert state(net) == state(undisturbed)
    if kind != "arrays":  # of which a slice has more rows than there are here
        assert any(place.batches for place in writes)


def test_seconds_that_have_not_passed(path, X, labels):
    net = network()
    net.fit(X, labels, 3, checkpoint=cyprop.Checkpoint(path, 3600))
    assert cyprop.Network.load(path) == net  # it is written at the end


def test_kill_9_at_random_moments(tmp_path):
    """Four of them here; `python tests/helpers/kill_fit.py` has fifty."""
    optimizer = kill_fit.OPTIMIZERS["adam"]
    undisturbed = kill_fit.run("", optimizer, 1)
    path, draw = str(tmp_path / "run.safetensors"), random.Random(7)
    for n_threads in (1, 3, 1, 3):
        found = kill_fit.run(path, optimizer, n_threads, draw.uniform(0, 0.02))
        assert found in (None, undisturbed)
    assert kill_fit.run(path, optimizer, 3) == undisturbed is not None
    assert os.listdir(tmp_path) == ["run.safetensors"]


# what is refused


def changed(**options):
    return lambda X, Y: (network(), (X, Y), options)


REFUSED = [
    (lambda X, Y: (network(l2=0.1), (X, Y), {}), "is of Network.*, not of Network.*l2=0.1"),
    (lambda X, Y: (network("float64"), (X, Y), {}), "is of Network.*float32.*, not of .*float64"),
    (lambda X, Y: (network(seed=4), (X, Y), {}), "is of a network of seed=3, not 4"),
    (lambda X, Y: (network(optimizer=cyprop.Adam(0.02)), (X, Y), {}),
     "was made with optimizer=Adam.*0.01, .*, not Adam.*0.02,"),
    (lambda X, Y: (network(), (X[:99], Y[:99]), {}), "was made with rows=120, not 99"),
    (lambda X, Y: (network(), (X + 1e-3, Y), {}), "was made with data=.*, not"),
    (lambda X, Y: (network(), (X, np.roll(Y, 1)), {}), "was made with data=.*, not"),
    (changed(batch_size=8), "was made with batch_size=16, not 8; give another path, or remove"),
    (changed(shuffle=False), "was made with shuffle=True, not False"),
    (changed(schedule="cosine"), "was made with schedule=none, not Cosine"),
    (changed(clip_norm=1), "was made with clip_norm=None, not 1.0"),
    (changed(metrics="accuracy"), "was made with metrics=none, not accuracy"),
    (changed(validation_split=0.5), "was made with validation=none, not a split of 0.5"),
    (changed(sample_weight=np.ones(N)), "was made with weights of rows=none, not"),
    (changed(class_weight={0: 2.0}), "was made with weights of rows=none, not"),
    (changed(epochs=2), "has 3 epochs already, which is more than epochs=2"),
    (changed(early_stopping=cyprop.EarlyStopping("loss")), "was made with .*early_stopping=None"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_a_checkpoint_of_something_else_is_refused(path, X, labels, change, said):
    train(path, X, labels, {}, kill=3)
    before = path.read_bytes()
    net, data, options = change(X, labels)
    parameters = net.parameters.tobytes()
    options = {"epochs": 7, "batch_size": 16, **options}
    with pytest.raises(ValueError, match=f"^checkpoint '.*' {said}"):
        net.fit(*data, checkpoint=path, **options)
    assert path.read_bytes() == before
    assert net.parameters.tobytes() == parameters


def test_frozen_layers_are_part_of_it(path, X, labels):
    train(path, X, labels, {}, kill=3)
    net = network()
    net.frozen = [0]
    with pytest.raises(ValueError, match=r"with frozen=\(\), not \(0,\)"):
        net.fit(X, labels, 7, 16, checkpoint=path)


def test_epochs_count_where_the_rates_depend_on_them(path, X, labels):
    options = {"schedule": "one_cycle"}
    train(path, X, labels, options, kill=1)
    with pytest.raises(ValueError, match="was made with epochs=7, not 8"):
        train(path, X, labels, options, epochs=8)


def test_a_file_that_is_no_checkpoint_is_not_replaced(path, X, labels):
    network().save(path)
    for content, said in (
        (path.read_bytes(), "is the file of a network, expected one that fit has written"),
        (b"my thesis", "is a file that is no checkpoint, and it is not replaced"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=said):
            network().fit(X, labels, checkpoint=path)
        assert path.read_bytes() == content


def test_a_path_that_cannot_be_written_is_told_before_the_first_epoch(tmp_path, X, labels):
    net = network()
    before = net.parameters.tobytes()
    for path in (tmp_path / "none" / "run", tmp_path):
        with pytest.raises(OSError, match=str(path)):
            net.fit(X, labels, checkpoint=path)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize(
    ("checkpoint", "error", "said"),
    [
        (3, TypeError, "checkpoint is 3, expected a path or a Checkpoint"),
        (b"run", TypeError, "checkpoint is b'run', expected a path"),
        ("a\0b", ValueError, "expected no NUL"),
        (lambda: cyprop.Checkpoint("run", 0), ValueError, "seconds is 0, expected"),
        (lambda: cyprop.Checkpoint("run", "1"), TypeError, "seconds is '1', expected"),
        (lambda: cyprop.Checkpoint(None), TypeError, "path is None, expected a str or a path"),
    ],
)
def test_what_is_no_checkpoint_is_refused(X, labels, checkpoint, error, said):
    with pytest.raises(error, match=said):
        network().fit(X, labels, checkpoint=checkpoint() if callable(checkpoint) else checkpoint)


def test_a_generator_cannot_be_gone_on_from(path, X, labels):
    batches = iter([(X, labels)] * 3)
    with pytest.raises(ValueError, match="checkpoint needs batches that can be gone through again"):
        network().fit(batches, epochs=3, steps_per_epoch=1, checkpoint=path)
    assert not path.exists()


def test_another_random_generator_cannot_be_saved(path, X, labels):
    made = cyprop.Network.__new__(cyprop.Network)
    made.__setstate__({**network().__getstate__(), "rng": np.random.Generator(np.random.MT19937())})
    for save in (
        lambda: made.fit(X, labels, checkpoint=path),
        lambda: made.save(path, training=True),
    ):
        with pytest.raises(ValueError, match="random generator is a MT19937, expected PCG64"):
            save()
    assert not path.exists()


# by hand


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adam_of_sklearn"]
)
def test_saving_by_hand_goes_on_in_the_same_bits(path, X, labels, dtype, optimizer):
    net = network(dtype, optimizer=optimizer)
    net.frozen = [1]
    net.fit(X, labels, 2)
    net.save(path, {"by": "hand"}, training=True)
    again = cyprop.Network.load(path)
    assert again.frozen == (1,)
    assert cyprop.storage.read_metadata(path) == {"by": "hand"}
    for other in (net, again):
        other.fit(X, labels, 2, validation_split=0.25)
        other.learn_one(X[0], labels[0])
    assert state(net) == state(again)


def test_a_network_of_a_file_without_it_learns_as_one_of_seed_0(path, X, labels):
    net = network(seed=0, dropout=0.0)
    net.save(path)
    loaded, made = cyprop.Network.load(path), copy.copy(net)
    memory.set_rng(made, np.random.Generator(np.random.PCG64(0)))
    for other in (loaded, made):
        other.fit(X, labels, 3)
    assert state(loaded) == state(made)


def test_without_it_the_file_is_as_ever(path, tmp_path, X, labels):
    net = network()
    net.save(path)
    before = path.read_bytes()
    net.save(path, training=True)
    tensors = safetensors.numpy.load_file(path)
    assert [name for name in sorted(tensors) if not name.startswith("cyprop.")] == [
        *("0.bias", "0.weight", "2.bias", "2.weight"),
    ]
    assert sorted(name for name in tensors if name.startswith("cyprop.")) == [
        *("cyprop.optimizer.0", "cyprop.optimizer.1"),
    ]
    cyprop.Network.load(path).save(tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == before


def test_training_is_true_or_false(path):
    with pytest.raises(TypeError, match="training is 'yes', expected True or False"):
        network().save(path, training="yes")


def test_a_checkpoint_is_a_value():
    rule = cyprop.Checkpoint("run", 5)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert repr(rule) == "Checkpoint(path='run', seconds=5.0)"
