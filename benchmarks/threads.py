"""One thread against several: predicting many rows, and an epoch of large batches."""

import argparse
import inspect
import os
from typing import Any

from benchmarks import data, networks, report, suite
from benchmarks.peers import cyprop_peer
from benchmarks.timing import Candidate, compare

SIZES = (784, 300, 10)
ROWS = 10_000
BATCH_SIZE = 128
LEARNING_RATE = 0.1


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
        label = f"{n} thread{'s' if n > 1 else ''}"
        rows = X[:ROWS]

        def predict_rows(n: int = n, net: Any = net, rows: Any = rows) -> None:
            net.predict(rows, n_threads=n)

        def one_epoch(n: int = n, net: Any = net) -> None:
            net.fit(X, Y, epochs=1, batch_size=BATCH_SIZE, n_threads=n)

        predict.append(Candidate(label, predict_rows, kind="ours"))
        fit.append(Candidate(label, one_epoch, kind="ours"))
    return {f"predict {ROWS:,} rows": predict, f"an epoch at batch {BATCH_SIZE}": fit}


def main(arguments: list[str]) -> None:
    parser = suite.parser("threads", __doc__, repeats=9)
    parser.add_argument("--samples", type=int, default=50_000, help="of an epoch; default 50,000")
    options = parser.parse_args(arguments)
    cases = []
    for sizes in options.layers or [SIZES]:
        tasks = candidates(options, sizes)
        if tasks is None:
            print("not available: this version of cyprop has no n_threads")
            return
        for task, entrants in tasks.items():
            rows = report.entries(entrants, compare(entrants, options.repeats))
            for row in rows:
                row["speedup"] = rows[0]["median"] / row["median"]
            title = f"{'-'.join(map(str, sizes))}, {task}"
            report.show(title, rows)
            cases.append({"case": title, "dtype": options.dtype, "results": rows})
    report.save(suite.result_name("threads", options), {"cases": cases})
