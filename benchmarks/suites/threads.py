"""One thread against several: within a call (n_threads), and several that call (of Python)."""

import argparse
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import budget, common, data, machines, networks, report
from benchmarks.peers import cyprop_peer
from benchmarks.timing import Candidate, compare

SIZES = (784, 300, 10)
ROWS = 50_000
EPOCHS = (  # layers, rows of a batch, rows of the epoch
    ((784, 300, 10), 128, 50_000),
    ((784, 300, 10), 512, 50_000),
    ((784, 1024, 1024, 10), 1024, 20_480),
)
LEARNING_RATE = 0.1
# How many calls each thread of Python makes, by the rows of one; then starting it does not count.
CALLS = {1: 2000, 16: 300, 256: 20}


def counts() -> list[int]:
    """1, 2, 4 … up to the processor's cores."""
    cores = machines.cores()
    return [2**i for i in range(cores.bit_length()) if 2**i <= cores]


def label_of(n: int) -> str:
    return f"{n} thread{'s' if n > 1 else ''}"


def predicting(options: argparse.Namespace, sizes: tuple[int, ...]) -> list[Candidate]:
    """All rows in one call, one thread first."""
    net = cyprop_peer.network(networks.make(sizes, options.dtype, options.activation))
    X, _ = data.dense(options.samples, sizes[0], sizes[-1], options.dtype)
    expected, made = net.predict(X), []
    for n in counts():
        if not np.array_equal(net.predict(X, n_threads=n), expected):
            raise SystemExit(f"{label_of(n)} predict other bits than one")

        def predict(n: int = n) -> None:
            net.predict(X, n_threads=n)

        made.append(Candidate(label_of(n), predict, kind="ours"))
    return made


def training(
    options: argparse.Namespace, sizes: tuple[int, ...], batch_size: int, n_rows: int
) -> list[Candidate]:
    """An epoch, one thread first; each has a network of its own."""
    problem = networks.make(sizes, options.dtype, options.activation)
    X, Y = data.dense(min(n_rows, options.samples), sizes[0], sizes[-1], options.dtype)
    made = []
    for n in counts():
        net = cyprop_peer.network(problem, LEARNING_RATE)

        def epoch(n: int = n, net: Any = net) -> None:
            net.fit(X, Y, epochs=1, batch_size=batch_size, n_threads=n)

        made.append(Candidate(label_of(n), epoch, kind="ours"))
    return made


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


def callers(
    options: argparse.Namespace, sizes: tuple[int, ...], n_rows: int, n_calls: int
) -> list[Candidate]:
    """One thread of Python and several that predict so many rows a call with the same network."""
    net = cyprop_peer.network(networks.make(sizes, options.dtype, options.activation))
    made = []
    for n in counts():
        X, _ = data.dense(n * n_rows, sizes[0], sizes[-1], options.dtype)
        rows = [X[i] if n_rows == 1 else X[i * n_rows : (i + 1) * n_rows] for i in range(n)]
        arguments = [(net, rows, n_calls)]
        made.append(Candidate(label_of(n), at_once, arguments, n * n_calls * n_rows, kind="ours"))
    return made


def name_of(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))


def tasks(
    options: argparse.Namespace,
) -> dict[str, Callable[[], list[Candidate]]]:
    """What makes the candidates of each case, by its title."""
    made: dict[str, Callable[[], list[Candidate]]] = {}
    for sizes, batch_size, n_rows in options.epochs:
        title = f"{name_of(sizes)}, an epoch at batch {batch_size}"
        made[title] = partial(training, options, sizes, batch_size, n_rows)
    for sizes in options.layers or [SIZES]:
        title = f"{name_of(sizes)}, predict {options.samples:,} rows"
        made[title] = partial(predicting, options, sizes)
        for n_rows, n_calls in CALLS.items():
            what = "one sample" if n_rows == 1 else f"{n_rows} rows"
            title = f"{name_of(sizes)}, threads that predict {what} a call, per row"
            made[title] = partial(callers, options, sizes, n_rows, n_calls)
    return made


def main(arguments: list[str]) -> None:
    parser = common.parser("threads", __doc__, repeats=9)
    parser.add_argument("--samples", type=int, default=ROWS, help="rows at most; default 50,000")
    options = parser.parse_args(arguments)
    options.epochs = EPOCHS
    if options.layers:
        options.epochs = [(sizes, 128, ROWS) for sizes in options.layers]
    cases = []
    found = tasks(options)
    for title in budget.each(found):
        entrants = found[title]()
        rows = report.entries(entrants, compare(entrants, options.repeats))
        for row in rows:
            row["speedup"] = rows[0]["median"] / row["median"]
        report.show(title, rows)
        cases.append({"case": title, "dtype": options.dtype, "results": rows})
    report.save(common.result_name("threads", options), {"cases": cases}, options.output)
