"""cyprop.dask beside the same arithmetic written out in one process: the same bits, anywhere."""

import copy
import threading

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import on_workers
import pandas as pd
import pytest
from on_workers import SIZES, bits, network, parted, rows

import cyprop
import cyprop.dask


@pytest.fixture(scope="module")
def client():
    with on_workers.threads(2) as client:
        yield client


def fit(net, X, Y, **options):
    return cyprop.dask.fit(net, X, Y, progress=False, **{"rounds": 3, "batch_size": 8, **options})


# Rounds


@pytest.mark.parametrize("optimizer", ["adam", cyprop.SGD(0.1, momentum=0.9)])
def test_rounds_are_those_written_out(client, dtype, optimizer):
    X, labels = rows(dtype)
    net = network(dtype, optimizer=optimizer)
    expected, losses = on_workers.local_rounds(copy.deepcopy(net), X, labels, 3, 2, 8)
    history = fit(net, *parted(X, labels), local_epochs=2, shuffle=False)
    assert bits(net) == bits(expected)
    assert history.loss == losses
    assert history is net.history
    assert history.left_out == {}


def test_rounds_with_weights_are_those_written_out(client):
    X, labels = rows()
    weights = np.random.default_rng(2).random(len(X)) + (np.arange(len(X)) % 3 > 0)
    net = network("float64")
    expected, losses = on_workers.local_rounds(copy.deepcopy(net), X, labels, 2, 1, 8, weights)
    history = fit(
        *(net, *parted(X, labels)),
        rounds=2,
        shuffle=False,
        sample_weight=parted(weights)[0],
    )
    for mine, theirs in zip(net.weights + net.biases, expected.weights + expected.biases):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-13)


def test_an_outer_optimizer_steps_along_the_mean_difference(client):
    X, labels = rows()
    net = network("float64", optimizer=cyprop.SGD(0.2))
    before, velocity = copy.deepcopy(net), 0.0
    for _ in range(3):
        mean = on_workers.local_rounds(copy.deepcopy(before), X, labels, 1, 1, 8)[0].parameters
        gradient = before.parameters - mean
        velocity = 0.9 * velocity + gradient
        step = 0.7 * (gradient + 0.9 * velocity)
        before = on_workers.with_state(
            before, before.parameters - step, *(before.__getstate__()[key] for key in
            ("optimizer_states", "optimizer_tally")),
        )  # fmt: skip
    outer = cyprop.SGD(0.7, momentum=0.9, nesterov=True)
    fit(net, *parted(X, labels), shuffle=False, outer=outer)
    for mine, theirs in zip(net.weights + net.biases, before.weights + before.biases):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["local", "gradient"])
def test_bits_do_not_depend_on_the_number_of_workers(mode):
    X, labels = rows()
    found = set()
    for n_workers in (1, 2, 3, 5):
        net = network(dropout=0.3)
        with on_workers.threads(n_workers) as client:
            history = fit(net, *parted(X, labels), mode=mode, client=client, local_epochs=2)
        found.add((bits(net), tuple(history.loss)))
    assert len(found) == 1


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("options", [{}, {"dropout": 0.4, "l2": 0.01}])
def test_steps_are_those_of_the_documented_loop(client, dtype, shuffle, options):
    X, labels = rows(dtype)
    net = network(dtype, **options)
    seeds = on_workers.seeds_of_rounds(net, 2) if shuffle else None
    expected = on_workers.gradient_rounds(copy.deepcopy(net), X, labels, 2, 2, 8, seeds)
    fit(net, *parted(X, labels), rounds=2, local_epochs=2, mode="gradient", shuffle=shuffle)
    assert bits(net) == bits(expected)


def test_steps_pass_over_rows_that_weigh_nothing(client):
    X, labels = rows()
    weights = np.random.default_rng(2).random(len(X))
    part = on_workers.slices()[1]
    weights[part][:8] = 0  # a whole batch
    net = network()
    expected = copy.deepcopy(net)
    for batch in range(-(-max(SIZES) // 8)):
        found, total = [], []
        for part in on_workers.slices():
            chosen = slice(part.start + batch * 8, min(part.start + batch * 8 + 8, part.stop))
            if chosen.start < part.stop and weights[chosen].sum() > 0:
                gradients = expected.gradients(
                    X[chosen], labels[chosen], sample_weight=weights[chosen], training=True
                )
                found.append(gradients.parameters)
                total.append(float(weights[chosen].sum()))
        expected.step(on_workers.mean_of(found, total).astype("float32"))
    given = parted(X, labels, weights)
    fit(net, *given[:2], sample_weight=given[2], rounds=1, mode="gradient", shuffle=False)
    for mine, theirs in zip(net.weights + net.biases, expected.weights + expected.biases):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8)


def test_kinds_of_collections_give_the_same_bits(client):
    X, labels = rows("float32")
    part = on_workers.slices()
    frames = [
        dd.from_delayed([dask.delayed(make)(values[s]) for s in part], meta=make(values[:0]))
        for values, make in ((X, pd.DataFrame), (labels, pd.Series))
    ]
    delayed = [[dask.delayed(values[s]) for s in part] for values in (X, labels)]
    found = set()
    for given in (
        parted(X, labels),
        [da.from_array(X, chunks=(SIZES, 6)), da.from_array(labels, chunks=60)],
        [value.persist() for value in parted(X, labels)],
        frames,
        delayed,
        [delayed[0], frames[1]],
        [client.scatter([values[s] for s in part]) for values in (X, labels)],
    ):
        net = network()
        fit(net, *given, rounds=1)
        found.add(bits(net))
    assert len(found) == 1


def test_maps_and_frozen_layers_travel(client):
    X, labels = rows()
    nets = [network("float64"), network("float64")]
    for net in nets:
        net.input_map = X.mean(axis=0), 1 / X.std(axis=0)
        net.frozen = (0,)
    expected, _ = on_workers.local_rounds(nets[0], X, labels, 2, 1, 8)
    before = nets[1].weights[0].copy()
    fit(nets[1], *parted(X, labels), rounds=2, shuffle=False)
    np.testing.assert_array_equal(nets[1].weights[0], before)
    np.testing.assert_allclose(nets[1].weights[1], expected.weights[1], rtol=1e-13)


def test_validation_here_and_on_workers(client):
    X, labels = rows()
    found = []
    for held in ((X, labels), parted(X, labels)):
        net = network("float64")
        history = fit(net, *parted(X, labels), validation_data=tuple(held))
        found.append(history.validation_loss)
        assert history.validation_loss[-1] == pytest.approx(net.evaluate(X, labels), rel=1e-12)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_a_second_call_goes_on(client):
    X, labels = rows()
    once, twice = network(), network()
    fit(once, *parted(X, labels), rounds=4)
    for _ in range(2):
        fit(twice, *parted(X, labels), rounds=2)
    assert bits(once) == bits(twice)


def test_progress_is_one_bar(client, capfd):
    fit(network(), *parted(*rows()), rounds=2)
    assert capfd.readouterr().err == ""
    cyprop.dask.fit(network(), *parted(*rows()), rounds=2)
    assert "2/2" in capfd.readouterr().err


# Checkpoints


@pytest.mark.parametrize("outer", ["average", cyprop.SGD(0.7, momentum=0.9, nesterov=True)])
def test_a_checkpoint_goes_on_in_the_same_bits(client, tmp_path, outer):
    given, path = parted(*rows()), tmp_path / "run.safetensors"
    whole, first, second = network(), network(), network()
    history = fit(whole, *given, rounds=5, outer=outer)
    fit(first, *given, rounds=2, outer=outer, checkpoint=path)
    again = fit(second, *given, rounds=5, outer=outer, checkpoint=path)
    assert bits(second) == bits(whole)
    assert again.loss == history.loss
    assert fit(network(), *given, rounds=5, outer=outer, checkpoint=path).loss == history.loss


def test_a_checkpoint_of_something_else_is_refused(client, tmp_path):
    given, path = parted(*rows()), tmp_path / "run.safetensors"
    fit(network(), *given, rounds=1, checkpoint=path)
    for options, said in (
        ({"batch_size": 9}, "batch_size=8, not 9"),
        ({"mode": "gradient"}, "mode=local, not gradient"),
        ({"outer": cyprop.SGD(0.5)}, "outer=average, not SGD"),
        ({"local_epochs": 2}, "local_epochs=1, not 2"),
    ):
        net = network()
        before = bits(net)
        with pytest.raises(ValueError, match=said):
            fit(net, *given, checkpoint=path, **options)
        assert bits(net) == before
    with pytest.raises(ValueError, match="data="):
        fit(network(), given[0] + 1, given[1], checkpoint=path)


# Predicting


def test_predictions_have_the_bits_of_predict(client, dtype):
    X, _ = rows(dtype)
    net = network(dtype)
    lazy = cyprop.dask.predict(net, parted(X)[0])
    kept = copy.deepcopy(net)
    net.weights[0][:] = 0  # what is learnt later does not count
    assert lazy.chunks == (SIZES, (3,))
    assert lazy.dtype == dtype
    np.testing.assert_array_equal(lazy.compute(), kept.predict(X))
    pieces = cyprop.dask.predict(kept, [dask.delayed(X[s]) for s in on_workers.slices()])
    np.testing.assert_array_equal(np.concatenate(dask.compute(*pieces)), kept.predict(X))


def test_frames_in_frames_out(client):
    X, _ = rows()
    net = network()
    net.labels = ["low", "middle", "high"]
    index = np.arange(len(X)) * 3
    frame = dd.from_pandas(pd.DataFrame(X, index=index, columns=list("abcdef")), npartitions=4)
    found = cyprop.dask.predict(net, frame)
    assert list(found.columns) == ["low", "middle", "high"]
    assert found.npartitions == frame.npartitions
    computed = found.compute()
    np.testing.assert_array_equal(computed.index, index)
    np.testing.assert_array_equal(computed.to_numpy(), net.predict(X))
    few = cyprop.dask.predict(net, frame[frame["a"] > 1.5]).compute()  # some partitions are empty
    np.testing.assert_array_equal(few.to_numpy(), net.predict(X[X[:, 0] > 1.5]))


def test_what_is_no_collection_is_refused_by_predict():
    with pytest.raises(TypeError, match=r"X is of ndarray, expected a dask array"):
        cyprop.dask.predict(network(), np.zeros((3, 6)))
    with pytest.raises(ValueError, match=r"X has shape \(4, 5\), expected \(n, 6\)"):
        cyprop.dask.predict(network(), da.zeros((4, 5)))
    with pytest.raises(ValueError, match="2 blocks of columns, expected one"):
        cyprop.dask.predict(network(), da.zeros((4, 6), chunks=(2, 3)))


# Searches


def test_fit_many_on_workers_has_the_bits_of_one_by_one(client):
    X, labels = rows()
    nets = [network(seed=seed, dtype=("float32", "float64")[seed % 2]) for seed in range(5)]
    expected = copy.deepcopy(nets)
    for net in expected:
        net.fit(X, labels, 3, validation_split=0.2)
    histories = cyprop.fit_many(nets, X, labels, epochs=3, validation_split=0.2, client=client)
    assert [bits(net) for net in nets] == [bits(net) for net in expected]
    assert [history.loss for history in histories] == [net.history.loss for net in expected]
    for net, other in zip(nets, expected):  # the generators are where they would be
        assert net.__getstate__()["rng"].random() == other.__getstate__()["rng"].random()


def test_an_exception_on_a_worker_names_the_network(client):
    X, labels = rows()
    nets = [network(seed=seed) for seed in range(3)]
    nets[1].optimizer = cyprop.SGD(3e38)
    with pytest.raises(RuntimeError, match=r"^networks\[1\]: DivergenceError: ") as caught:
        cyprop.fit_many(nets, X, labels, epochs=2, client=client)
    assert isinstance(caught.value.__cause__, cyprop.DivergenceError)
    assert [len(net.history) for net in nets][::2] == [2, 2]
    with pytest.raises(ValueError, match="callbacks are for threads"):
        cyprop.fit_many(nets, X, labels, client=client, callbacks=cyprop.Callback())
    lock = threading.Lock()
    with pytest.raises(TypeError, match="^what a worker needs cannot be sent there: cannot p"):
        cyprop.fit_many(nets, X, labels, client=client, schedule=lambda epoch: lock)
