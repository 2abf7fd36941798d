"""One thread against several: within a call (n_threads), and several that call (of Python)."""

import argparse
import inspect
import os
import threading
from typing import Any

from benchmarks import common, data, networks, report
from benchmarks.peers import cyprop_peer
from benchmarks.timing import Candidate, compare

SIZES = (784, 300, 10)
ROWS = 10_000
BATCH_SIZE = 128
LEARNING_RATE = 0.1
# How many calls each thread of Python makes, by the rows of one; then starting it does not count.
CALLS = {1: 2000, 16: 300, 256: 20}


def available(net: Any, X: Any) -> bool:
    """Whether this cyprop takes n_threads."""
    try:
        net.predict(X[:1], n_threads=1)
    except TypeError:
        return False
    return "n_threads" in inspect.signature(net.fit).parameters


def counts() -> list[int]:
    """1, 2, 4 … up to the processor's cores."""
    cores = os.cpu_count() or 1
    return [2**i for i in range(cores.bit_length()) if 2**i <= cores]


def label_of(n: int) -> str:
    return f"{n} thread{'s' if n > 1 else ''}"


def candidates(
    options: argparse.Namespace, sizes: tuple[int, ...]
) -> dict[str, list[Candidate]] | None:
    """For each task the candidates, one thread first; None where threads are not available."""
    problem = networks.make(sizes, options.dtype, options.activation)
    X, Y = data.dense(options.samples, sizes[0], sizes[-1], options.dtype)
    if not available(cyprop_peer.network(problem), X):
        return None
    predict, fit = [], []
    for n in counts():
        net = cyprop_peer.network(problem, LEARNING_RATE)
        label = label_of(n)
        rows = X[:ROWS]

        def predict_rows(n: int = n, net: Any = net, rows: Any = rows) -> None:
            net.predict(rows, n_threads=n)

        def one_epoch(n: int = n, net: Any = net) -> None:
            net.fit(X, Y, epochs=1, batch_size=BATCH_SIZE, n_threads=n)

        predict.append(Candidate(label, predict_rows, kind="ours"))
        fit.append(Candidate(label, one_epoch, kind="ours"))
    return {f"predict {ROWS:,} rows": predict, f"an epoch at batch {BATCH_SIZE}": fit}


def at_once(net: Any, rows: list[Any], n_calls: int) -> None:
    """Predict each of the rows so many times, in a thread of its own, with one network."""

    def work(X: Any) -> None:
        out = net.predict(X)
        for _ in range(n_calls):
            net.predict(X, out)

    threads = [threading.Thread(target=work, args=(X,)) for X in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def callers(options: argparse.Namespace, sizes: tuple[int, ...]) -> dict[str, list[Candidate]]:
    """One thread of Python and several that predict with the same network."""
    net = cyprop_peer.network(networks.make(sizes, options.dtype, options.activation))
    tasks = {}
    for n_rows, n_calls in CALLS.items():
        entrants = []
        for n in counts():
            X, _ = data.dense(n * n_rows, sizes[0], sizes[-1], options.dtype)
            rows = [X[i] if n_rows == 1 else X[i * n_rows : (i + 1) * n_rows] for i in range(n)]
            arguments = [(net, rows, n_calls)]
            entrants.append(
                Candidate(label_of(n), at_once, arguments, n * n_calls * n_rows, kind="ours")
            )
        what = "one sample" if n_rows == 1 else f"{n_rows} rows"
        tasks[f"threads that predict {what} a call, per row"] = entrants
    return tasks


def main(arguments: list[str]) -> None:
    parser = common.parser("threads", __doc__, repeats=9)
    parser.add_argument("--samples", type=int, default=50_000, help="of an epoch; default 50,000")
    options = parser.parse_args(arguments)
    cases = []
    for sizes in options.layers or [SIZES]:
        tasks = candidates(options, sizes)
        if tasks is None:
            print("not available: this version of cyprop has no n_threads")
            return
        for task, entrants in (tasks | callers(options, sizes)).items():
            rows = report.entries(entrants, compare(entrants, options.repeats))
            for row in rows:
                row["speedup"] = rows[0]["median"] / row["median"]
            title = f"{'-'.join(map(str, sizes))}, {task}"
            report.show(title, rows)
            cases.append({"case": title, "dtype": options.dtype, "results": rows})
    report.save(common.result_name("threads", options), {"cases": cases}, options.output)
