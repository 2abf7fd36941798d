"""How long single calls take, the slowest too: alone, and with another thread busy.

Each call is timed by itself, with the clock's own cost in every figure; that has a row of its own.
The garbage collector is off. The other thread either runs Python, so that whoever lets go of the
GIL gets it back after the interpreter's switch interval; or it trains, mostly without the GIL.
"""

import argparse
import gc
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks import common, data, networks, pictures, report
from benchmarks.peers import cyprop_peer, load
from benchmarks.suites import predict
from benchmarks.timing import Candidate

SIZES = ((4, 8, 3), (784, 30, 10))
PEERS = ("onnx_peer", "torch_peer")
CALLS, LEAST_CALLS, ROUNDS = 1_000_000, 1000, 20
TRAINED = (784, 300, 10)  # what the other thread trains
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "worst": 1.0}
SHARES = [10 ** -(i / 4) for i in range(25)]  # of calls that are slower: 1, 0.56 … 1e-6


def timed_loop(n_arguments: int) -> Callable[..., None]:
    """A loop that fills `times` with the nanoseconds of each call."""
    names = ", ".join(f"a{i}" for i in range(n_arguments))
    scope: dict[str, Any] = {}
    exec(
        f"def loop(function, times, clock, {names}):\n"
        "    for i in range(len(times)):\n"
        "        start = clock()\n"
        f"        function({names})\n"
        "        times[i] = clock() - start\n",
        scope,
    )
    loop: Callable[..., None] = scope["loop"]
    return loop


def clock_alone(_: Any, times: Any, clock: Callable[[], int]) -> None:
    for i in range(len(times)):
        start = clock()
        times[i] = clock() - start


class Readings:
    """The times of a candidate's calls, taken some at a time."""

    def __init__(self, candidate: Candidate, most: int, seconds: float) -> None:
        self.candidate = candidate
        self.arguments = candidate.calls[0]
        self.loop = timed_loop(len(self.arguments)) if candidate.kind != "call" else clock_alone
        self.times: list[Any] = []
        self.take(100)
        usual = float(np.median(self.take(100))) * 1e-9
        n_calls = min(most, max(LEAST_CALLS, int(seconds / usual)))
        self.per_round = -(-n_calls // ROUNDS)
        self.seconds = seconds

    def go_on(self) -> None:
        """A round's calls, unless there are enough and they have taken long."""
        n = len(self.times) * self.per_round
        if n < LEAST_CALLS or sum(float(times.sum()) for times in self.times) * 1e-9 < self.seconds:
            self.times.append(self.take(self.per_round))

    def take(self, n: int) -> Any:
        times = array("q", bytes(8 * n))
        self.loop(self.candidate.function, times, time.perf_counter_ns, *self.arguments)
        return np.frombuffer(times, np.int64)

    def result(self) -> dict[str, Any]:
        times = np.sort(np.concatenate(self.times)) * 1e-9
        row = {"label": self.candidate.label, "kind": self.candidate.kind, "calls": len(times)}
        row |= {name: at(times, q) for name, q in QUANTILES.items()}
        row["slower"] = [at(times, 1 - share) for share in SHARES if share * len(times) >= 1]
        return row


def at(times: Any, q: float) -> float:
    """The time that a share q of the calls does not exceed."""
    return float(times[min(int(np.ceil(q * len(times))), len(times)) - (q > 0)])


def idle(_: threading.Event) -> None:
    pass


def run_python(done: threading.Event) -> None:
    while not done.is_set():
        sum(i * i for i in range(1000))


def train(done: threading.Event) -> None:
    net = cyprop_peer.network(networks.make(TRAINED))
    X, Y = data.dense(2000, TRAINED[0], TRAINED[-1], "float32")
    while not done.is_set():
        net.fit(X, Y, epochs=1)


COMPANY = {
    "alone": idle,
    "beside a thread that runs Python": run_python,
    "beside a thread that trains": train,
}


@contextmanager
def company(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Another thread doing that, while the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def measure(entrants: list[Candidate], options: argparse.Namespace) -> list[dict[str, Any]]:
    readings = [Readings(entrant, options.calls, options.seconds) for entrant in entrants]
    collecting = gc.isenabled()
    gc.disable()
    try:
        for i in range(ROUNDS):
            for j in range(len(readings)):
                readings[(i + j) % len(readings)].go_on()
    finally:
        if collecting:
            gc.enable()
    return [one.result() for one in readings]


def show(title: str, rows: list[dict[str, Any]]) -> None:
    width = max(len(row["label"]) for row in rows) + 2
    print(f"\n{title}\n   {'':{width}}" + "".join(f"{name:>10}" for name in (*QUANTILES, "calls")))
    for row in sorted(rows, key=lambda row: row["p50"]):
        mark = {"ours": "*", "peer": " "}.get(row["kind"], "-")
        times = "".join(f"{report.seconds(row[name]):>10}" for name in QUANTILES)
        print(f" {mark} {row['label']:{width}}{times}{row['calls']:>10,}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks latency", description=__doc__)
    parser.add_argument("--layers", type=common.layers, action="append", metavar="N,N,…")
    common.add_dtype(parser)
    parser.add_argument("--calls", type=int, default=CALLS, help=f"default {CALLS:,}")
    parser.add_argument(
        "--seconds", type=float, default=10.0,
        help="after which slow ones have had their calls, if they are a thousand; default 10",
    )  # fmt: skip
    report.add_output(parser)
    options = parser.parse_args(arguments)
    modules, missing = load(PEERS)
    for note in missing:
        print(f"not installed: {note}")
    cases = []
    for sizes in options.layers or SIZES:
        problem = networks.make(sizes, options.dtype)
        predictors, _ = common.offers(modules, "predictors", problem, False)
        X, _ = data.dense(1, sizes[0], 1, options.dtype)
        entrants = predict.candidates(problem, predictors, list(X))
        entrants.append(Candidate("the clock alone", idle, kind="call"))
        for name, work in COMPANY.items():
            with company(work):
                rows = measure(entrants, options)
            show(f"{problem.name}, {options.dtype}, {name}", rows)
            cases.append(
                {
                    "case": f"{problem.name}, {name}",
                    "network": problem.name,
                    "company": name,
                    "dtype": options.dtype,
                    "results": rows,
                }
            )
    name = common.result_name("latency", options)
    document = report.save(
        name, {"missing": missing, "shares": SHARES, "cases": cases}, options.output
    )
    pictures.draw(document, options.output)
