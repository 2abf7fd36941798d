"""float64 beside float32: cyprop alone, every standard case in both, one after the other.

A number of float64 takes twice the memory and half the lanes of a vector, so half the rate, 0.5, is
what can be expected; small networks, where calls and latencies count, come nearer to 1.
"""

import argparse
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from benchmarks import budget, common, data, native, networks, report
from benchmarks.peers import cyprop_peer
from benchmarks.suites import kernels, train
from benchmarks.timing import Candidate, compare

DTYPES = ("float32", "float64")
ROWS = 256  # of a batch to predict
SAMPLES = 2000  # of an epoch
LEARNING_RATE = 0.05


def one_sample(sizes: tuple[int, ...], dtype: str) -> Candidate:
    net = cyprop_peer.network(networks.make(sizes, dtype))
    X, Y = data.dense(1, sizes[0], sizes[-1], dtype)
    return Candidate(dtype, net.predict, [(X[0], Y[0].copy())])


def rows(sizes: tuple[int, ...], dtype: str) -> Candidate:
    net = cyprop_peer.network(networks.make(sizes, dtype))
    X, Y = data.dense(ROWS, sizes[0], sizes[-1], dtype)
    return Candidate(dtype, net.predict, [(X, Y.copy())], ROWS)


def learn_one(sizes: tuple[int, ...], dtype: str) -> Candidate:
    net = cyprop_peer.network(networks.make(sizes, dtype), LEARNING_RATE)
    X, Y = data.dense(32, sizes[0], sizes[-1], dtype)
    return Candidate(dtype, net.learn_one, list(zip(X, Y, strict=True)))


def epoch(sizes: tuple[int, ...], batch_size: int, dtype: str) -> Candidate:
    net = cyprop_peer.network(networks.make(sizes, dtype), LEARNING_RATE)
    X, Y = data.dense(SAMPLES, sizes[0], sizes[-1], dtype)
    return Candidate(dtype, lambda: net.fit(X, Y, epochs=1, batch_size=batch_size))


def products(loops: ModuleType) -> Iterator[tuple[str, str, Callable[[str], Candidate]]]:
    """The kernels from a compiled loop, on rows padded as in a network."""
    for n_in, n_out in kernels.SHAPES:
        for n in kernels.BATCHES:
            for i, name in enumerate(("forward", "backward_W", "backward_A")):

                def made(
                    dtype: str, i: int = i, n: int = n, n_in: int = n_in, n_out: int = n_out
                ) -> Candidate:
                    operation = kernels.operations(n, n_in, n_out, dtype)[i]
                    loop, repeats = getattr(loops, operation.name), operation.repeats
                    return Candidate(dtype, loop, [(*operation.arguments, repeats)], repeats)

                yield f"kernel {name}", f"{n}×{n_in}×{n_out}", made


def cases(loops: ModuleType | None) -> Iterator[tuple[str, str, Callable[[str], Candidate]]]:
    """Task, case, and what makes its candidate for a dtype."""
    tasks = {
        "predict one sample": one_sample,
        f"predict {ROWS} rows": rows,
        "learn one sample": learn_one,
    }
    for task, make in tasks.items():
        for sizes in networks.STANDARD:
            yield task, name_of(sizes), lambda dtype, make=make, sizes=sizes: make(sizes, dtype)
    for sizes, batch_size in train.CONFIGURATIONS:
        yield (
            "an epoch",
            f"{name_of(sizes)}, batch {batch_size}",
            lambda dtype, sizes=sizes, n=batch_size: epoch(sizes, n, dtype),
        )
    if loops is not None:
        yield from products(loops)


def name_of(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks dtypes", description=__doc__)
    common.add_repeats(parser, repeats=15)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    missing, loops = [], None
    try:
        loops = native.extension(native.source("kernel_loop.pyx"))
    except native.UnavailableError as error:
        missing.append(f"the kernels ({error})")
        print(f"not available: {missing[-1]}")
    found: list[dict[str, Any]] = []
    print(f"{'':60}{'float32':>10}{'float64':>10}   rate")
    for task, case, make in budget.each(cases(loops), lambda case: f"{case[0]} {case[1]}"):
        entrants = [make(dtype) for dtype in DTYPES]
        results = report.entries(entrants, compare(entrants, options.repeats))
        single, double = (row["median"] for row in results)
        rate = single / double
        times = f"{report.seconds(single):>10}{report.seconds(double):>10}"
        print(f"{task:24}{case:36}{times}   {rate:.2f}")
        found.append({"task": task, "case": case, "rate": rate, "results": results})
    lowest = {}
    for task in dict.fromkeys(case["task"] for case in found):
        worst = min((case for case in found if case["task"] == task), key=lambda case: case["rate"])
        lowest[task] = {"case": worst["case"], "rate": worst["rate"]}
        print(f"lowest: {task:24}{worst['rate']:.2f} ({worst['case']})")
    report.save("dtypes", {"missing": missing, "lowest": lowest, "cases": found}, options.output)
