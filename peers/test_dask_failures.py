"""Whoever dies, cyprop.dask ends: in the same bits, or in a sentence."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import dask
import dask.array as da
import kill_workers
import numpy as np
import on_workers
import pytest
import scipy.sparse
from dask.distributed import Client, LocalCluster
from on_workers import SIZES, bits, network, parted, rows

import cyprop
import cyprop.dask


@pytest.fixture(scope="module")
def client():
    with on_workers.threads(2) as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    with kill_workers.cluster() as cluster, Client(cluster) as client:
        yield client


def fit(net, X, Y, **options):
    return cyprop.dask.fit(
        net, X, Y, **{"rounds": 3, "batch_size": 8, "progress": False, **options}
    )


class Background(threading.Thread):
    """A call in a thread, whose result or error comes at the end."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.found, self.error = call, None, None
        self.start()

    def run(self):
        try:
            self.found = self.call()
        except BaseException as error:
            self.error = error

    def end(self, timeout=120):
        self.join(timeout)
        assert not self.is_alive(), "it hangs"
        if self.error is not None:
            raise self.error
        return self.found

    def until(self, condition, timeout=60):
        """Wait for something that is to happen while it runs."""
        end = time.monotonic() + timeout
        while not condition():
            assert self.is_alive(), f"it ended before: {self.error!r}"
            assert time.monotonic() < end, "nothing has happened"
            time.sleep(0.01)


# Workers that die


def test_a_run_ends_in_the_same_bits_whichever_worker_is_killed(processes):
    training = kill_workers.Training(processes)
    undisturbed, ended = kill_workers.proven(training, runs=3, seed=int(time.time()))
    assert {run.bits for run in ended} == {undisturbed.bits}
    assert all(run.history.left_out == {} for run in ended)


def test_skipping_says_which_partitions_were_left_out(processes):
    training = kill_workers.Training(processes, on_lost="skip")
    undisturbed, ended = kill_workers.proven(training, runs=1, seed=int(time.time()))
    assert undisturbed.history.left_out == {}
    [run] = ended
    [(number, partitions)] = run.history.left_out.items()
    assert 0 <= number < training.rounds
    assert set(partitions) <= set(range(kill_workers.N_PARTITIONS))
    assert f"round {number} went without partitions {partitions[0]}" in repr(run.history)
    assert run.bits != undisturbed.bits


def test_what_was_left_out_is_in_the_checkpoint(client, tmp_path):
    from cyprop.dask.training import Training

    net, path = network(), tmp_path / "run"
    fit(net, *parted(*rows()), rounds=1, checkpoint=path)
    keeper = net._keeper(path)
    training = Training(net, 3, None, None, None, keeper)
    training.go_on({**training.state(), "epoch": 0, "finished": False})
    training.history.add({"loss": 1.0, "task_seconds": 1.0, "learning_rate": 1.0, "seconds": 1.0})
    training.history.left_out[0] = (1, 4)
    training.epoch = 1
    other = Training(network(), 3, None, None, None, keeper)
    other.go_on(training.state())
    assert other.history == training.history
    assert other.history.left_out == {0: (1, 4)}


@pytest.fixture
def others():
    """Processes of one test alone, which changes how many there are."""
    with kill_workers.cluster() as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def test_workers_may_be_added_and_restarted(others):
    training = kill_workers.Training(others)
    expected = training.run().bits
    running = Background(training.run)
    time.sleep(0.3)
    others.cluster.scale(6)
    time.sleep(0.5)
    workers = list(others.scheduler_info(n_workers=-1)["workers"])
    others.restart_workers(workers[:2], timeout=60)
    assert running.end().bits == expected
    running = Background(training.run)
    time.sleep(0.3)
    others.cluster.scale(4)
    assert running.end().bits == expected


def test_a_restart_of_the_whole_cluster_is_survived(others):
    training = kill_workers.Training(others)
    expected = training.run().bits
    training = kill_workers.Training(others)
    running = Background(training.run)
    time.sleep(0.5)
    others.restart(timeout=60)
    running.join(120)
    assert not running.is_alive()
    if running.error is None:
        assert running.found.bits == expected
    else:  # what had been persisted went with the restart
        assert "has lost data that Dask cannot compute again" in str(running.error)


def test_scattered_data_that_is_lost_gives_a_sentence(processes):
    X, labels = rows("float32")
    part = on_workers.slices()
    futures = [processes.scatter([values[s] for s in part]) for values in (X, labels)]
    holder = processes.who_has(futures[0])[futures[0][0].key][0]

    def slowly(value):
        time.sleep(3)
        return value

    delayed = [[dask.delayed(slowly)(future) for future in column] for column in futures]
    running = Background(lambda: fit(network(), *delayed, client=processes))
    time.sleep(1)
    [pid] = processes.run(os.getpid, workers=[holder]).values()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="partition . was cancelled, or has lost data that Dask"):
        running.end()
    kill_workers.see_that_there_are_four(processes)


def test_a_partition_that_takes_its_workers_with_it_gives_a_sentence(processes):
    X, labels = rows("float32")

    def deadly(value):
        os.kill(os.getpid(), signal.SIGKILL)

    part = on_workers.slices()
    delayed = [[dask.delayed(values[s]) for s in part] for values in (X, labels)]
    delayed[0][2] = dask.delayed(deadly)(delayed[0][2])
    net = network()
    before = bits(net)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        kill_workers.cluster() as cluster,
        Client(cluster) as client,
        pytest.raises(
            RuntimeError, match="partition . was lost with its worker .* 8 times at the beginning"
        ),
    ):
        fit(net, *delayed, client=client)
    assert bits(net) == before


# Waiting


def test_without_workers_patience_has_an_end():
    with on_workers.threads(1) as client:
        client.cluster.scale(0)
        client.sync(client.cluster._correct_state)
        net = network()
        before = bits(net)
        started = time.monotonic()
        with pytest.raises(RuntimeError, match="no worker has been there for 1.5 seconds at the"):
            fit(net, *parted(*rows()), client=client, patience=1.5)
        assert time.monotonic() - started < 10
        assert bits(net) == before


def test_a_worker_that_begins_nothing_is_not_waited_for():
    with on_workers.threads(1, memory_limit=0) as client:  # which nothing but this test pauses

        def pause(dask_worker):
            from distributed.core import Status

            dask_worker.status = Status.paused

        client.run(pause)
        with pytest.raises(RuntimeError, match="the 1 workers have had nothing under way for 1.5"):
            fit(network(), *parted(*rows()), client=client, patience=1.5)


def test_a_slow_worker_is_waited_for(client):
    X, labels = rows()

    def slowly(value):
        time.sleep(4)
        return value

    nets = network(), network()
    fit(nets[0], *parted(X, labels), rounds=1)
    delayed = [[dask.delayed(values[s]) for s in on_workers.slices()] for values in (X, labels)]
    delayed[0][0] = dask.delayed(slowly)(delayed[0][0])
    fit(nets[1], *delayed, rounds=1, patience=0.5)
    assert bits(nets[0]) == bits(nets[1])


def test_a_client_that_is_closed_meanwhile_gives_a_sentence():
    with on_workers.threads(2) as client:
        other = Client(client.cluster, set_as_default=False)
        net = network()
        running = Background(lambda: fit(net, *parted(*rows()), rounds=10**6, client=other))
        running.until(lambda: len(net.history or ()))
        other.close()
        with pytest.raises(RuntimeError, match=r"the client was closed in round \d+"):
            running.end()
        assert np.isfinite(net.parameters).all()
        assert len(net.history) >= 1


def test_a_scheduler_that_goes_gives_a_sentence():
    code = textwrap.dedent("""
        import time
        from dask.distributed import LocalCluster
        if __name__ == "__main__":
            cluster = LocalCluster(n_workers=2, processes=False, dashboard_address=":0",
                                   host="127.0.0.1", protocol="tcp")
            print(cluster.scheduler_address, flush=True)
            time.sleep(600)
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    client = Client(child.stdout.readline().strip(), set_as_default=False)
    try:
        net = network()
        running = Background(
            lambda: fit(net, *parted(*rows()), rounds=10**6, client=client, patience=3)
        )
        running.until(lambda: len(net.history or ()))
        child.kill()
        with pytest.raises(
            RuntimeError, match="the scheduler has not answered for 3 seconds|client was closed"
        ):
            running.end()
    finally:
        child.kill()
        child.wait()
        client.close(timeout=2)


def test_a_killed_client_goes_on_from_its_checkpoint(client, tmp_path):
    net = network()
    history = fit(net, *parted(*rows()), rounds=40)
    code = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {os.path.dirname(on_workers.__file__)!r})
        import cyprop, cyprop.dask, on_workers
        if __name__ == "__main__":
            with on_workers.threads(2) as client:
                net = on_workers.network()
                history = cyprop.dask.fit(
                    net, *on_workers.parted(*on_workers.rows()), rounds=40, batch_size=8,
                    checkpoint="run", progress=False)
                print(on_workers.bits(net), *history.loss, flush=True)
    """)
    kills = 0
    path = tmp_path / "run"
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        before = path.stat().st_mtime_ns if path.exists() else 0
        end = time.monotonic() + 120
        while child.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            assert time.monotonic() < end, "it writes nothing"
            time.sleep(0.001)
        if kills < 2:
            time.sleep(0.1)
            child.kill()
            kills += child.wait() == -signal.SIGKILL
    said = child.communicate(timeout=120)[0].split()
    assert kills == 2
    assert said == [bits(net), *map(str, history.loss)]


# Workers that are not as the client


STRANGE = {
    "no cyprop": ("sys.modules['cyprop'] = None", "has no cyprop, expected version"),
    "another version": (
        "import cyprop.version; cyprop.version.__version__ = '0.0.1'",
        r"has cyprop 0\.0\.1, expected .* as here",
    ),
}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("kind", STRANGE)
def test_workers_need_the_same_cyprop(kind, when):
    change, said = STRANGE[kind]
    with LocalCluster(
        n_workers=1 if when == "meanwhile" else 0, threads_per_worker=1, dashboard_address=":0",
        silence_logs=50, processes=True,
    ) as cluster, Client(cluster) as client:  # fmt: skip

        def join():
            code = f"import sys; {change}; from distributed.cli.dask_worker import main; main()"
            more = ["--no-nanny", "--nthreads", "2", "--no-dashboard"]
            return subprocess.Popen(
                [sys.executable, "-c", code, cluster.scheduler_address, *more],
                stderr=subprocess.DEVNULL,
            )

        child = None
        try:
            net = network()
            if when == "before":
                child = join()
                client.wait_for_workers(1, timeout=60)
                with pytest.raises(RuntimeError, match=f"the worker tcp://.* {said}"):
                    fit(net, *parted(*rows()), client=client)
            else:
                expected = network()
                fit(expected, *parted(*rows()), rounds=300, client=client)
                running = Background(lambda: fit(net, *parted(*rows()), rounds=300, client=client))
                running.until(lambda: len(net.history or ()))
                child = join()
                running.join(120)
                assert not running.is_alive(), "it hangs"
                if running.error is None:  # it had no task, or dropped out
                    assert bits(net) == bits(expected)
                else:
                    assert re.match(f"(a|the) worker .*{said}", str(running.error))
        finally:
            if child is not None:
                child.kill()
                child.wait()


# Bad input


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


X, LABELS = rows()
BAD = {
    "width": (lambda: (da.zeros((170, 5), chunks=(SIZES, 5)), parted(LABELS)[0]), ValueError,
              r"X has shape \(170, 5\), expected \(n, 6\)"),
    "width of one partition": (
        lambda: ([dask.delayed(np.zeros((4, 6))), dask.delayed(np.zeros((4, 5)))],
                 [dask.delayed(np.zeros(4, int))] * 2), ValueError,
        r"partition 1 of X has shape \(4, 5\), expected \(n, 6\)"),
    "unknown chunks": (lambda: ((lambda a: (a[a[:, 0] > 0], parted(LABELS)[0]))(parted(X)[0])),
                       ValueError, r"X has chunks of unknown sizes.*call X.compute_chunk_sizes"),
    "unknown chunks of Y": (
        lambda: (parted(X)[0], (lambda a: a[a > 0])(parted(LABELS)[0])), ValueError,
        r"Y has chunks of unknown sizes.*call Y.compute_chunk_sizes"),
    "empty partition": (
        lambda: ([dask.delayed(X[:9]), dask.delayed(X[:0])],
                 [dask.delayed(LABELS[:9]), dask.delayed(LABELS[:0])]), ValueError,
        "partition 1 of X has no rows, expected at least one"),
    "NaN": (lambda: parted(changed(X, (90, 2), np.nan), LABELS), ValueError,
            "partition 2 of X holds nan at row 3, column 2, expected finite numbers"),
    "label": (lambda: parted(X, changed(LABELS, 38, 3)), ValueError,
              "partition 1 of Y holds the label 3 at row 1, expected labels from 0 to 2"),
    "rows": (lambda: (parted(X)[0], da.from_array(LABELS[:169], chunks=50)), ValueError,
             "X has 170 rows and Y has 169, expected the same number"),
    "rows of one partition": (
        lambda: ([dask.delayed(X[:9])], [dask.delayed(LABELS[:8])]), ValueError,
        "partition 0 of X has 9 rows and partition 0 of Y has 8"),
    "partitions": (lambda: ([dask.delayed(X)], [dask.delayed(LABELS)] * 2), ValueError,
                   "X has 1 partitions and Y has 2, expected the same number"),
    "no partitions": (lambda: ([], []), ValueError, "X has no partitions, expected at least one"),
    "columns in blocks": (
        lambda: (da.from_array(X, chunks=(SIZES, 3)), parted(LABELS)[0]), ValueError,
        r"X has 2 blocks of columns, expected one: give X.rechunk\(\{1: -1\}\)"),
    "an array": (lambda: (X, LABELS), TypeError, "X is of ndarray, expected a dask array"),
    "a list of arrays": (lambda: ([X], [LABELS]), TypeError, r"X\[0\] is .*expected a partition"),
    "no targets": (lambda: (parted(X)[0], None), TypeError, "Y is None, expected partitions"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_data_gives_one_sentence(client, case):
    make, kind, said = BAD[case]
    net = network()
    before = bits(net)
    with pytest.raises(kind, match=said) as caught:
        fit(net, *make())
    assert "\n" not in str(caught.value)
    assert bits(net) == before


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"rounds": -1}, ValueError, "rounds is -1, expected at least 0"),
        ({"rounds": 1.5}, TypeError, "rounds is 1.5, expected a whole number"),
        ({"local_epochs": 0}, ValueError, "local_epochs is 0, expected at least 1"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"mode": "ring"}, ValueError, "mode is 'ring', expected one of local, gradient"),
        ({"mode": np.array(["local", "ring"])}, ValueError, r"mode is array\(\['local', 'ring'\]"),
        ({"on_lost": np.zeros(2)}, ValueError, r"on_lost is array\(\[0., 0.\]\), expected one of"),
        ({"outer": np.zeros(2)}, TypeError, r"outer is array\(\[0., 0.\]\), expected 'average'"),
        ({"on_lost": "cry"}, ValueError, "on_lost is 'cry', expected one of recompute, skip"),
        ({"outer": "adam"}, TypeError, "outer is 'adam', expected 'average' or an SGD"),
        ({"outer": cyprop.Adam()}, TypeError, "outer is Adam"),
        ({"outer": cyprop.SGD(), "mode": "gradient"}, ValueError, "outer is for mode='local'"),
        ({"shuffle": 1}, TypeError, "shuffle is 1, expected True or False"),
        ({"patience": 0}, ValueError, "patience is 0, expected a finite number above 0"),
        ({"client": 1}, TypeError, "client is 1, expected a dask.distributed.Client"),
        ({"validation_data": X}, TypeError, "validation_data must be a pair"),
        (
            {"sample_weight": da.zeros(170, chunks=(SIZES,))},
            ValueError,
            "partition 0 of sample_weight adds up to 0.0, expected a positive, finite sum",
        ),
        (
            {"sample_weight": parted(changed(np.ones(170), 40, -1))[0]},
            ValueError,
            "partition 1 of sample_weight holds -1.0 at row 3",
        ),
    ],
)
def test_bad_options_give_one_sentence(client, options, kind, said):
    net = network()
    before = bits(net)
    with pytest.raises(kind, match=said):
        fit(net, *parted(X, LABELS), **options)
    assert bits(net) == before


@pytest.mark.parametrize(
    ("partition", "kind", "said"),
    [
        (np.ma.masked_greater(X, 0.5), TypeError, "X is a masked array, expected"),
        (scipy.sparse.csr_matrix(X), TypeError, "X is a scipy.sparse csr_matrix, expected an arr"),
        (None, TypeError, "X is None, expected an array of shape"),
        ([[0.0] * 6, [0.0] * 5], ValueError, "X is a ragged sequence: row 0 has 6 entries"),
        (X[:, :5], ValueError, r"X has shape \(170, 5\), expected \(6,\) or \(n, 6\)"),
    ],
)
def test_bad_partitions_to_predict_give_one_sentence(client, partition, kind, said):
    asked = cyprop.dask.predict(network(), [dask.delayed(lambda: partition)()])
    with pytest.raises(kind, match=said):
        dask.compute(*asked)


def test_a_training_inside_of_a_task_does_not_wait_for_itself():
    def train():
        net = network()
        fit(net, *parted(X, LABELS))
        return bits(net)

    with on_workers.threads(1) as client:
        found = client.submit(train, pure=False).result(60)
        assert found == train()


def test_a_client_that_is_closed_or_missing_is_refused(client):
    other = Client(client.cluster, set_as_default=False)
    other.close()
    with pytest.raises(ValueError, match="client is closed, expected one that is connected"):
        fit(network(), *parted(X, LABELS), client=other)
    code = (
        "import cyprop, cyprop.dask, dask.array as da\n"
        "try: cyprop.dask.fit(cyprop.Network([2, 1]), da.ones((4, 2)), da.ones((4, 1)), rounds=1)\n"
        "except ValueError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said.startswith("there is no client, expected one")


def test_an_error_in_a_users_task_is_passed_on(client):
    def broken():
        raise KeyError("no such file")

    with pytest.raises(KeyError, match="no such file"):
        fit(network(), [dask.delayed(broken)()], [dask.delayed(LABELS)])


@pytest.mark.parametrize(("mode", "rate"), [("local", 3.0), ("gradient", 20.0)])
def test_divergence_leaves_the_last_round(client, mode, rate):
    # Outputs without bounds: such a rate makes each step larger than the one before.
    net = cyprop.Network(
        [6, 3], output_activation="identity", optimizer=cyprop.SGD(rate), dtype="float64"
    )
    Y = np.eye(3)[LABELS]
    said = "the loss of partition . became" if mode == "local" else "the loss became"
    with pytest.raises(cyprop.DivergenceError, match=said) as caught:
        fit(net, *parted(X, Y), rounds=200, mode=mode)
    assert caught.value.epoch == len(caught.value.history) == len(net.history)
    assert np.isfinite(net.parameters).all()
    assert caught.value.epoch > 0


def test_targets_out_of_reach_are_warned_of_once(client):
    net = cyprop.Network([6, 9, 1], "sigmoid")
    with pytest.warns(UserWarning, match="partition 0 of Y holds 2.0 at row 0, .* of sigmoid") as w:
        fit(net, *parted(X, np.full((170, 1), 2.0)), rounds=1)
    assert len([entry for entry in w if "sigmoid" in str(entry.message)]) == 1
    assert w[0].filename == __file__


def test_nothing_but_vectors_and_losses_travels(client):
    """What tasks give: the parameters, the optimizer's vectors, and a few numbers."""
    from cyprop.dask import tasks

    form = tasks.form_of(network(), 8, 1, True)
    data = tasks.prepare(form, 0, X, LABELS, None)
    state = network().__getstate__()
    vectors = tasks.Vectors(*(state[key] for key in
                              ("parameters", "optimizer_states", "optimizer_tally")))  # fmt: skip
    learned = tasks.learn(form, vectors, data, 1, 0)
    sizes = {vector.shape for vector in (learned.vectors.parameters, *learned.vectors.states)}
    assert sizes == {network().parameters.shape}
    assert {type(learned.loss), type(learned.seconds)} == {float}


def test_a_worker_that_is_asked_twice_answers_the_same(client):
    from cyprop.dask import tasks

    form = tasks.form_of(network(dropout=0.5), 8, 2, True)
    data = tasks.prepare(form, 0, X, LABELS, None)
    state = network().__getstate__()
    vectors = tasks.Vectors(*(state[key] for key in
                              ("parameters", "optimizer_states", "optimizer_tally")))  # fmt: skip
    copies = [vector.copy() for vector in (vectors.parameters, *vectors.states)]
    one, other = (tasks.learn(form, vectors, data, 7, 3) for _ in range(2))
    np.testing.assert_array_equal(one.vectors.parameters, other.vectors.parameters)
    for vector, before in zip((vectors.parameters, *vectors.states), copies):
        np.testing.assert_array_equal(vector, before)  # pure: what it was given is as it was
    assert tasks.learn(form, vectors, data, 8, 3).loss != one.loss


@pytest.mark.parametrize("mode", ["local", "gradient"])
@pytest.mark.parametrize("rate", [1e-3, 20.0])  # with the second it ends in an error
def test_workers_are_left_with_nothing(mode, rate):
    net = cyprop.Network(
        [6, 3], output_activation="identity", optimizer=cyprop.SGD(rate), dtype="float64"
    )
    data = parted(X, np.eye(3)[LABELS])
    kept = None
    with on_workers.threads(2) as client:
        try:
            fit(net, *data, rounds=2 if rate < 1 else 200, mode=mode, on_lost="skip")
        except cyprop.DivergenceError as error:
            kept = error  # with its frames, and what is in them
        assert (kept is not None) == (rate > 1)
        deadline = time.monotonic() + 10
        while any(client.has_what().values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(client.has_what().values())
