"""fit_many on threads: the bits of one by one, results in order, errors that say whose they are."""

import copy
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop


def networks(n=5, **options):
    return [
        cyprop.Network(
            [4, 6 + seed, 3],
            loss="cross_entropy",
            optimizer=cyprop.Adam(0.01),
            dtype=("float32", "float64")[seed % 2],
            seed=seed,
            **options,
        )
        for seed in range(n)
    ]


def data(rng, n=53):
    X = rng.normal(size=(n, 4))
    return X, X[:, :3].argmax(axis=1)


def assert_same(nets, others):
    for net, other in zip(nets, others, strict=True):
        for mine, theirs in zip(net.weights + net.biases, other.weights + other.biases):
            assert same_bits(mine, theirs)
        assert net.history.loss == other.history.loss
        assert net.history.columns().keys() == other.history.columns().keys()


@pytest.mark.parametrize("n_threads", [1, 2, 3, 16, None])
def test_bits_and_order_are_those_of_one_by_one(rng, n_threads):
    X, labels = data(rng)
    nets, others = networks(dropout=0.2), networks(dropout=0.2)
    options = {
        "epochs": 4,
        "batch_size": 7,
        "validation_split": 0.25,
        "metrics": "accuracy",
        "schedule": "cosine",
    }
    for other in others:
        other.fit(X, labels, **options)
    found = cyprop.fit_many(nets, X, labels, n_threads=n_threads, **options)
    assert_same(nets, others)
    assert all(history is net.history for history, net in zip(found, nets, strict=True))
    assert [net.optimizer.learning_rate for net in nets] == [0.01] * 5


def test_weights_may_be_those_of_all_or_of_each(rng):
    X, labels = data(rng)
    weights = rng.random(53)
    folds = (np.arange(53) % 5 != np.arange(5)[:, None]).astype(float)
    for given, of in ((weights, lambda i: weights), (folds, lambda i: folds[i])):
        nets, others = networks(), networks()
        for i, other in enumerate(others):
            other.fit(X, labels, 2, sample_weight=of(i))
        cyprop.fit_many(nets, X, labels, epochs=2, n_threads=2, sample_weight=given)
        assert_same(nets, others)
    with pytest.raises(ValueError, match="sample_weight has 4 rows, expected 5, one for each"):
        cyprop.fit_many(nets, X, labels, sample_weight=folds[:4])


def test_weights_that_are_none_are_refused_before_anything_is_trained(rng):
    X, labels = data(rng)
    nets = networks()
    for given, kind, said in (
        (
            [[1.0] * 53, [1.0] * 52] + [[1.0] * 53] * 3,
            ValueError,
            "sample_weight is a ragged sequence: row 0 has 53",
        ),
        ([["one"] * 53] * 5, TypeError, "sample_weight "),
    ):
        with pytest.raises(kind, match=said):
            cyprop.fit_many(nets, X, labels, sample_weight=given)
    assert [net.history for net in nets] == [None] * 5


@pytest.mark.parametrize("started", [True, False])
def test_ctrl_c_while_threads_start_leaves_none_behind(rng, monkeypatch, started):
    X, labels = data(rng)
    start = threading.Thread.start

    class Slow:
        def on_epoch_begin(self, epoch, logs):
            time.sleep(0.1)

    def start_and_stop(thread):
        if started or not thread.name.endswith("1"):
            start(thread)
        if thread.name.endswith("1"):
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_stop)
    nets = networks()
    with pytest.raises(KeyboardInterrupt):
        cyprop.fit_many(nets, X, labels, epochs=9, n_threads=3, callbacks=Slow())
    assert not [thread for thread in threading.enumerate() if "fit_many" in thread.name]
    assert sum(len(net.history) for net in nets if net.history is not None) <= 2


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_exception_in_one_names_it_and_leaves_the_others(rng, n_threads):
    X, labels = data(rng)
    nets, others = networks(), networks()
    nets[2].optimizer = cyprop.SGD(3e38)
    for other in others:
        other.fit(X, labels, 3)
    said = r"^networks\[2\]: DivergenceError: .*; 4 others are trained$"
    with pytest.raises(RuntimeError, match=said) as caught:
        cyprop.fit_many(nets, X, labels, epochs=3, n_threads=n_threads)
    assert isinstance(caught.value.__cause__, cyprop.DivergenceError)
    del nets[2], others[2]
    assert_same(nets, others)


def test_an_option_that_is_wrong_for_all_says_so_once(rng):
    X, labels = data(rng)
    with pytest.raises(
        ValueError, match=r"^networks\[0\]: batch_size is 0, .*; 4 others failed too$"
    ):
        cyprop.fit_many(networks(), X, labels, batch_size=0, n_threads=2)


def test_data_is_looked_at_before_anything_is_trained(rng):
    X, _ = data(rng)
    nets = [cyprop.Network([4, 3], loss=loss, seed=1) for loss in ("mse", "binary_cross_entropy")]
    before = copy.copy(nets[0])
    with pytest.raises(ValueError, match=r"^networks\[1\]: Y holds 2\.0 at row 0, column 0"):
        cyprop.fit_many(nets, X, np.full((53, 3), 2.0), n_threads=1)
    X[40, 2] = np.nan
    with pytest.raises(ValueError, match=r"^networks\[0\]: X holds nan at row 40, column 2"):
        cyprop.fit_many(nets, X, np.zeros((53, 3)), n_threads=1)
    with pytest.raises(ValueError, match=r"^networks\[0\]: X has 53 rows and Y has 52"):
        cyprop.fit_many(nets, X, np.zeros((52, 3)), n_threads=1)
    assert same_bits(nets[0].parameters, before.parameters)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"networks": 3}, TypeError, "networks is 3, expected a sequence of networks"),
        ({"networks": [3]}, TypeError, r"networks\[0\] is 3, expected a Network"),
        ({"X": np.zeros((5, 3))}, ValueError, r"networks\[0\]: X has shape \(5, 3\), expected"),
        ({"Y": np.full(53, 3)}, ValueError, r"networks\[0\]: Y holds the label 3 at row 0"),
        ({"Y": None}, TypeError, "Y is None, expected targets"),
        ({"n_threads": 0}, ValueError, "n_threads is 0, expected at least 1"),
        ({"n_threads": 257}, ValueError, "n_threads is 257, expected at most 256"),
        ({"epoch": 3}, TypeError, "fit_many has no option 'epoch': it has epochs, batch_size"),
        ({"checkpoint": "a"}, TypeError, "fit_many has no option 'checkpoint'"),
        ({"steps_per_epoch": 3}, TypeError, "fit_many has no option 'steps_per_epoch'"),
    ],
)
def test_bad_input_gives_one_sentence_and_leaves_all(rng, change, kind, said):
    X, labels = data(rng)
    nets, others = networks(2), networks(2)
    given = {"networks": nets, "X": X, "Y": labels, **change}
    with pytest.raises(kind, match=said):
        cyprop.fit_many(**given)
    assert nets == others


def test_one_network_twice_is_refused(rng):
    [net] = networks(1)
    with pytest.raises(ValueError, match=r"networks\[1\] is networks\[0\], expected each once"):
        cyprop.fit_many([net, net], *data(rng))
    assert len(cyprop.fit_many([net, copy.copy(net)], *data(rng), epochs=1)) == 2
    assert cyprop.fit_many([], *data(rng)) == []


def test_ctrl_c_ends_all_between_two_epochs(rng):
    """A callback raises it in one thread; the others end with the epoch under way."""
    X, labels = data(rng)

    class Interrupts(cyprop.Callback):
        def on_epoch_end(self, epoch, logs):
            if threading.current_thread() is not threading.main_thread() and epoch == 3:
                raise KeyboardInterrupt

    nets = networks()
    with pytest.raises(KeyboardInterrupt):
        cyprop.fit_many(nets, X, labels, epochs=10**6, n_threads=2, callbacks=Interrupts())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fit_many")]
    assert all(np.isfinite(net.parameters).all() for net in nets)


@pytest.mark.parametrize("n_given", [0, 1])
def test_the_threads_that_there_are_do_it_all(rng, monkeypatch, n_given):
    X, Y = data(rng)
    start, started = threading.Thread.start, []

    def limited(thread):
        if len(started) == n_given:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    nets = networks()
    if n_given:
        assert all(
            len(history) == 2 for history in cyprop.fit_many(nets, X, Y, epochs=2, n_threads=3)
        )
    else:
        with pytest.raises(RuntimeError, match="can't start"):
            cyprop.fit_many(nets, X, Y, epochs=2, n_threads=3)
    assert not any(thread.is_alive() for thread in started)


def test_one_bar_counts_networks(rng, capfd):
    X, labels = data(rng)
    cyprop.fit_many(networks(), X, labels, epochs=1, n_threads=2)
    assert capfd.readouterr().err == ""
    cyprop.fit_many(networks(), X, labels, epochs=1, n_threads=2, progress=True)
    said = capfd.readouterr().err
    assert "5/5" in said
    assert "network" in said


def test_threads_need_no_dask_and_clients_say_so(rng):
    code = (
        "import sys\n"
        "sys.modules['dask'] = sys.modules['distributed'] = None\n"
        "import numpy as np, cyprop\n"
        "X = np.ones((4, 2)); nets = [cyprop.Network([2, 1], seed=s) for s in range(3)]\n"
        "print(len(cyprop.fit_many(nets, X, X[:, :1], epochs=1, n_threads=2)))\n"
        "for call in (lambda: cyprop.fit_many(nets, X, X[:, :1], client=1),\n"
        "             lambda: __import__('cyprop.dask')):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout.splitlines() == [
        "3",
        "a client needs Dask, which is not installed: pip install 'cyprop[dask]'",
        "cyprop.dask needs Dask with dask.array and dask.distributed: pip install 'cyprop[dask]'",
    ], said.stderr
