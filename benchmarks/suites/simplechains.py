"""SimpleChains.jl's task, 4-32-16-4 with tanh, 10,000 rows at once, Adam; its published times.

The task is "Small Multi-Layer Perceptron" of its documentation, to learn the exponential of a
matrix 2 × 2. An epoch is said to take 41 µs on a processor of 18 cores with AVX-512, and 72 µs on
one of 32 Zen 3 cores. Both are multiplied by those cores here: what one would take if sharing the
work cost nothing. They were not measured here.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import cyprop
from benchmarks import common, machines, networks, report
from benchmarks.networks import Array, Problem, assert_same_parameters
from benchmarks.timing import Candidate, compare

SIZES = (4, 32, 16, 4)
ROWS = 10_000
THREADS = (1, 2, 4, 8, 16)
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
N_CHECKED = 3
SOURCE = "https://pumasai.github.io/SimpleChains.jl/stable/examples/smallmlp/"
PUBLISHED = (  # a label, cores, seconds an epoch
    ("SimpleChains.jl, published, one of 18 AVX-512 cores", 18, 41e-6),
    ("SimpleChains.jl, published, one of 32 Zen 3 cores", 32, 72e-6),
)


def matrices(n: int, dtype: str) -> tuple[Array, Array]:
    """N matrices 2 × 2 of normal numbers, and their exponentials, by scaling and squaring."""
    X = np.random.default_rng(1).standard_normal((n, 2, 2))
    scaled, term, total = X / 256, np.eye(2), np.eye(2)
    for i in range(1, 13):
        term = term @ scaled / i
        total = total + term
    for _ in range(8):
        total = total @ total
    return X.reshape(n, 4).astype(dtype), total.reshape(n, 4).astype(dtype)


def problem() -> Problem:
    return networks.make(SIZES, "float32", "tanh").with_output("identity")


def network(start: Problem) -> cyprop.Network:
    return cyprop.Network(
        start.sizes,
        start.activations[:-1],
        start.activations[-1],
        dtype="float32",
        optimizer=cyprop.Adam(LEARNING_RATE),
        initializer=list(zip(start.weights, start.biases, strict=True)),
    )


def adam(start: Problem, X: Array, Y: Array, n_steps: int) -> Problem:
    """The network after so many steps of Adam, in float64."""
    arrays = [array.astype(float) for array in start.weights + start.biases]
    m, v = ([np.zeros_like(array) for array in arrays] for _ in range(2))
    n = len(start.weights)
    now = start
    for t in range(1, n_steps + 1):
        found = networks.gradient(now, X, Y)
        for i, g in enumerate(found.weights + found.biases):
            m[i] = BETA1 * m[i] + (1 - BETA1) * g
            v[i] = BETA2 * v[i] + (1 - BETA2) * g * g
            step = m[i] / (1 - BETA1**t) / (np.sqrt(v[i] / (1 - BETA2**t)) + EPSILON)
            arrays[i] = arrays[i] - LEARNING_RATE * step
        now = networks.replace(now, weights=tuple(arrays[:n]), biases=tuple(arrays[n:]))
    return now


def ours(X: Array, Y: Array, n_threads: int) -> Callable[[], Any]:
    """An epoch of cyprop's, once its first ones have proved right."""
    start = problem()
    checked = network(start)
    checked.fit(X, Y, epochs=N_CHECKED, batch_size=ROWS, n_threads=n_threads)
    assert_same_parameters(
        (checked.weights, checked.biases),
        adam(start, X, Y, N_CHECKED),
        start.dtype,
        f"cyprop, {n_threads} threads",
    )
    net = network(start)
    return lambda: net.fit(X, Y, epochs=10, batch_size=ROWS, n_threads=n_threads)


def in_torch(X: Array, Y: Array) -> list[Candidate]:
    """PyTorch's fused Adam, eager, on one thread; none where it is not installed."""
    try:
        import torch

        from benchmarks.peers import torch_peer
    except ImportError:
        return []
    net = torch_peer.module(problem())
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=True)
    cost = torch.nn.MSELoss()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch() -> None:
        optimizer.zero_grad(set_to_none=True)
        cost(net(inputs), targets).backward()
        optimizer.step()

    start = problem()
    for _ in range(N_CHECKED):
        epoch()
    expected = adam(start, X, Y, N_CHECKED)
    assert_same_parameters(torch_peer.parameters(net), expected, start.dtype, "PyTorch")
    return [Candidate("PyTorch eager", epoch)]


def of_one_core(label: str, cores: int, seconds: float, ours: float) -> dict[str, Any]:
    """A published time, as one core would have it, beside ours on one thread."""
    core_seconds = cores * seconds
    ratio = core_seconds / ours
    print(f"   {label}: {report.seconds(core_seconds)}, {ratio:.2f} × cyprop on one thread")
    found = {"label": label, "cores": cores, "seconds": seconds}
    return found | {"core_seconds": core_seconds, "times_ours": ratio}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks simplechains", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    X, Y = matrices(ROWS, "float32")
    entrants = []
    for n in (n for n in THREADS if n <= machines.cores()):
        label = "cyprop" if n == 1 else f"cyprop, {n} threads"
        entrants.append(Candidate(label, ours(X, Y, n), per_call=10, kind="ours"))
    entrants += in_torch(X, Y)
    rows = report.entries(entrants, compare(entrants, options.repeats))
    for row in rows:
        row["speedup"] = rows[0]["median"] / row["median"]
    report.show(f"{'-'.join(map(str, SIZES))}, {ROWS:,} rows a batch: an epoch", rows)
    published = [of_one_core(*one, rows[0]["median"]) for one in PUBLISHED]
    case = {"case": "4-32-16-4, an epoch", "results": rows}
    content = {"cases": [case], "published": published, "source": SOURCE}
    report.save("simplechains", content, options.output)
