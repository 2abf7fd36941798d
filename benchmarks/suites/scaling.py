"""Beyond one thread: Local SGD on a cluster of four processes, workers killed, and fit_many.

`mnist` trains 784-300-10 on MNIST in 16 partitions, even ones and ones sorted by label, and beside
that `fit` with as many passes. `deaths` kills a worker in each of twenty trainings
(peers/helpers/kill_workers.py). `search` trains 64 networks by fit_many, on one thread and on two,
and by scikit-learn's GridSearchCV. Each part is added to the result file that has the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import cyprop
from benchmarks import data, pictures, report

PARTS = ("mnist", "deaths", "search")
ROUNDS, LOCAL_EPOCHS, BATCH_SIZE, N_PARTITIONS = 10, 5, 32, 16
OUTER = cyprop.SGD(0.7, momentum=0.9, nesterov=True)
N_NETWORKS, SEARCH_EPOCHS = 64, 20


def network() -> cyprop.Network:
    return cyprop.Network([784, 300, 10], "relu", loss="cross_entropy", optimizer="adam")


def mnist(options: argparse.Namespace) -> dict[str, Any]:
    """Accuracy after each round, and the time of a round beside the sum of its tasks'."""
    if options.mnist is None:
        sys.exit("the part mnist needs --mnist PATH, an .npz file")
    images = data.mnist(options.mnist, n_images=60_000)
    found: dict[str, Any] = {"rounds": ROUNDS, "local_epochs": LOCAL_EPOCHS, "results": []}
    if options.of in (None, "fit"):
        found["results"].append(by_fit(images))
    with workers() as client:
        for label in ("even", "skewed"):
            if options.of in (None, label):
                found["results"].append(on_cluster(client, label, images))
    return found


def accuracy(net: cyprop.Network, images: Any) -> float:
    _, _, X_test, labels = images
    return float(100 * np.mean(net.predict(X_test).argmax(axis=1) == labels))


class Scores(cyprop.Callback):
    """The accuracy on the test images after every so many epochs."""

    def __init__(self, net: cyprop.Network, images: Any) -> None:
        self.net, self.images, self.found = net, images, []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if (epoch + 1) % LOCAL_EPOCHS == 0:
            self.found.append(accuracy(self.net, self.images))


def by_fit(images: Any) -> dict[str, Any]:
    X, Y, _, _ = images
    net = network()
    scores = Scores(net, images)
    net.fit(X, Y, ROUNDS * LOCAL_EPOCHS, BATCH_SIZE, callbacks=scores)
    seconds = sum(net.history.seconds)
    print(f"fit, {ROUNDS * LOCAL_EPOCHS} epochs: {scores.found[-1]:.2f} %, {seconds:.1f} s")
    return {"label": "fit", "accuracy": scores.found, "seconds": seconds}


def workers(n: int = 4) -> Any:
    from dask.distributed import Client

    return Client(
        n_workers=n, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    )


def on_cluster(client: Any, label: str, images: Any) -> dict[str, Any]:
    import dask.array as da

    from cyprop.dask.fitting import rounds_of

    X, Y, _, _ = images
    if label == "skewed":
        order = np.argsort(Y.argmax(axis=1), kind="stable")
        X, Y = X[order], Y[order]
    n = len(X) // N_PARTITIONS
    given = [client.persist(da.from_array(array, chunks=(n, array.shape[1]))) for array in (X, Y)]
    net, scores = network(), []
    for history in rounds_of(
        *(net, *given), rounds=ROUNDS, local_epochs=LOCAL_EPOCHS, batch_size=BATCH_SIZE,
        outer=OUTER, client=client,
    ):  # fmt: skip
        if len(history):
            scores.append(accuracy(net, images))
    tasks = statistics.median(net.history.metrics["task_seconds"])
    rounds = statistics.median(net.history.seconds)
    print(
        f"{label}: {scores[-1]:.2f} % after {ROUNDS} rounds; a round {rounds:.2f} s,"
        f" its {N_PARTITIONS} tasks together {tasks:.2f} s"
    )
    return {
        "label": label,
        "accuracy": scores,
        "seconds": sum(net.history.seconds),
        "seconds_a_round": rounds,
        "task_seconds_a_round": tasks,
    }


def deaths(options: argparse.Namespace) -> dict[str, Any]:
    """Trainings in each of which a worker dies with a task of a round."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "peers/helpers"))
    import kill_workers
    from dask.distributed import Client

    with kill_workers.cluster() as cluster, Client(cluster) as client:
        training = kill_workers.Training(client, rounds=8, n=40_000)
        undisturbed, ended = kill_workers.proven(training, options.kills, options.seed, print)
    same = sum(run.bits == undisturbed.bits for run in ended)
    slowest = max(run.seconds for run in ended) / undisturbed.seconds
    print(
        f"{same} of {len(ended)} have the same bits; the slowest took {slowest:.2f} times as long"
    )
    return {
        "runs": len(ended),
        "same_bits": same,
        "undisturbed": undisturbed.seconds,
        "seconds": [run.seconds for run in ended],
        "slowest": slowest,
    }


def candidates() -> tuple[list[cyprop.Network], Any, Any]:
    """64 networks that differ in seed and rate, and rows to learn from."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 16)).astype("float32")
    labels = np.argmax(X[:, :4] + X[:, 4:8] * X[:, 8:12], axis=1)
    networks = [
        cyprop.Network(
            [16, 64, 64, 4], "relu", loss="cross_entropy", optimizer=cyprop.Adam(rate), seed=seed
        )
        for seed in range(N_NETWORKS // 4)
        for rate in (0.0003, 0.001, 0.003, 0.01)
    ]
    return networks, X, labels


def timed_search(n_threads: int) -> float:
    networks, X, labels = candidates()
    started = time.perf_counter()
    cyprop.fit_many(
        networks, X, labels, epochs=SEARCH_EPOCHS, batch_size=BATCH_SIZE, n_threads=n_threads
    )
    return time.perf_counter() - started


def by_grid_search(n_jobs: int) -> float:
    """The same networks, epochs, batches and optimizer, fitted once each, as theirs are here."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    _, X, labels = candidates()
    model = MLPClassifier(
        (64, 64), batch_size=BATCH_SIZE, max_iter=SEARCH_EPOCHS, n_iter_no_change=SEARCH_EPOCHS
    )
    grid = {
        "random_state": list(range(N_NETWORKS // 4)),
        "learning_rate_init": [0.0003, 0.001, 0.003, 0.01],
    }
    whole = [(np.arange(len(X)), np.arange(10))]  # all rows to learn from, ten to score
    search = GridSearchCV(model, grid, cv=whole, refit=False, n_jobs=n_jobs)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        search.fit(X, labels)
    return time.perf_counter() - started


def search(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds for all 64; of fit_many the median of several, on one thread and on two in turn."""
    times: dict[int, list[float]] = {1: [], 2: []}
    timed_search(2)
    for _ in range(options.repeats):
        for n_threads, found in times.items():
            found.append(timed_search(n_threads))
    one, two = (statistics.median(found) for found in times.values())
    theirs = by_grid_search(n_jobs=2)
    print(f"fit_many: {one:.3f} s on one thread, {two:.3f} s on two ({one / two:.2f} times)")
    print(f"GridSearchCV, n_jobs=2: {theirs:.2f} s ({theirs / two:.1f} times)")
    return {
        "networks": N_NETWORKS,
        "epochs": SEARCH_EPOCHS,
        "one_thread": one,
        "two_threads": two,
        "all": {str(n): found for n, found in times.items()},
        "grid_search": theirs,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", metavar="PATH", help="an .npz file, as keras has it")
    parser.add_argument("--part", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--of", choices=("fit", "even", "skewed"), help="one of the part mnist")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=7)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    path = options.output / "scaling.json"
    there = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content = {name: there[name] for name in PARTS if name in there}
    for name in options.part or PARTS:
        found = {"mnist": mnist, "deaths": deaths, "search": search}[name](options)
        if name == "mnist" and options.of is not None and name in content:
            kept = [row for row in content[name]["results"] if row["label"] != options.of]
            found["results"] = kept + found["results"]
        content[name] = found
    pictures.draw(report.save("scaling", content, options.output), options.output)
