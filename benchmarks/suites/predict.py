"""One sample from Python, in every form: cyprop, its peers, fixed sizes in C, and the floor."""

import argparse
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import (
    budget,
    common,
    data,
    doors,
    fixed,
    floors,
    native,
    networks,
    peers,
    pictures,
    report,
)
from benchmarks.networks import Problem, assert_same, forward
from benchmarks.peers import Predictor, cyprop_peer
from benchmarks.timing import Candidate, compare

N_SAMPLES = 4  # few, so that they leave the weights in the cache
NATIVE_SECONDS = 1e-3  # about how long a call into a compiled loop takes
WIDTHS = tuple(2**i for i in range(2, 12))
WEIGHTS = {"cases": 6, "doors": 5, "widths": 1, "batches": 1}  # shares of the time
BATCHES = tuple(2**i for i in range(11))


def candidates(problem: Problem, predictors: list[Predictor], X: Any) -> list[Candidate]:
    """Every predictor, called with each item of X, after it has proved to compute the network."""
    made = []
    for predictor in predictors:
        for x in X:
            expected = forward(problem, x)[-1]
            actual = predictor.read(predictor.call(*predictor.prepare(x)))
            assert_same(
                np.reshape(actual, expected.shape), expected, problem.dtype, predictor.label
            )
        calls = [predictor.prepare(x) for x in X]
        made.append(Candidate(predictor.label, predictor.call, calls, kind=predictor.kind))
    return made


class References:
    """What is not called from Python: a loop without the GIL, fixed sizes, the floor."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self.missing: list[str] = []
        self.modules = modules
        self.floors = common.load_floors(self.missing)
        self.loop: ModuleType | None = None
        self.public: ModuleType | None = None
        try:
            self.loop = native.extension(native.source("nogil_loop.pyx"))
            self.public = native.extension(native.source("cimport_loop.pyx"))
        except native.UnavailableError as error:
            self.missing.append(f"cyprop from a nogil loop ({error})")
            print(f"not available: {self.missing[-1]}")

    def compiled(self, name: str, make: Callable[[], list[Candidate]]) -> list[Candidate]:
        """What is compiled for each network anew, or nothing and a note why."""
        try:
            return make()
        except native.UnavailableError as error:
            note = f"{name} ({error})"
            if note not in self.missing:
                self.missing.append(note)
                print(f"not available: {note}")
            return []

    def candidates(self, problem: Problem, x: Any) -> list[Candidate]:
        made = []
        n_calls = max(1, int(NATIVE_SECONDS * 2e10 / problem.n_bytes))
        if self.loop is not None:
            net = cyprop_peer.network(problem)
            out = np.empty(problem.sizes[-1], problem.dtype)
            self.loop.predict_loop(net, x, out, 1)
            assert_same(out, forward(problem, x)[-1], problem.dtype, "nogil loop")
            calls = [(net, x, out, n_calls)]
            label = "cyprop from a nogil loop"
            loop = self.loop.predict_loop
            made.append(Candidate(label, loop, calls, n_calls, "native"))
            label = "an empty method of a compiled class"
            made.append(Candidate(label, self.loop.Empty().nothing, kind="call"))
        if self.public is not None:
            net = cyprop_peer.network(problem)
            out = np.empty(problem.sizes[-1], problem.dtype)
            calls = [(net.handle(), x, out, n_calls)]
            self.public.predict_loop(*calls[0])
            assert_same(out, forward(problem, x)[-1], problem.dtype, "cimport")
            label = "cyprop through cimport"
            made.append(Candidate(label, self.public.predict_loop, calls, n_calls, "native"))
        made += self.compiled("C, sizes fixed", lambda: fixed.candidates(problem, x, n_calls))
        made += self.compiled(
            "RTNeural", lambda: common.offers(self.modules, "loops", problem, x, n_calls)[0]
        )
        if self.floors is not None:
            made.append(self.floors.read(problem.n_bytes))
        return made


def one_sample(
    options: argparse.Namespace, modules: list[ModuleType], references: References
) -> list[dict[str, Any]]:
    """Every network, one sample a call."""
    cases = []
    for problem in budget.each(common.problems(options), lambda problem: problem.name):
        predictors, without = common.offers(modules, "predictors", problem, False)
        X, _ = data.dense(N_SAMPLES, problem.sizes[0], 1, problem.dtype.name)
        entrants = candidates(problem, predictors, X) + references.candidates(problem, X[0])
        rows = report.entries(entrants, compare(entrants, options.repeats))
        report.show(f"{problem.name}, {problem.dtype}, one sample", rows, without)
        cases.append({"case": problem.name, "dtype": problem.dtype.name, "results": rows})
    return cases


def curve(
    options: argparse.Namespace,
    modules: list[ModuleType],
    problems: list[tuple[int, Problem, Any]],
    title: str,
    floor: floors.Floors | None = None,
) -> list[dict[str, Any]]:
    """The same peers over every (size, network, input), with a third of the repeats."""
    cases = []
    for size, problem, x in budget.each(problems, lambda case: f"{title} {case[0]}"):
        predictors, _ = common.offers(modules, "predictors", problem, x.ndim == 2)
        entrants = candidates(problem, predictors, [x])
        if floor is not None:
            entrants.append(floor.read(problem.n_bytes))
        rows = report.entries(entrants, compare(entrants, max(5, options.repeats // 3)))
        report.show(f"{title} {size}", rows)
        cases.append({"case": size, "network": problem.name, "results": rows})
    return cases


def widths(
    options: argparse.Namespace, modules: list[ModuleType], references: References
) -> list[dict[str, Any]]:
    """Networks of two square layers, from the caches' smallest to main memory."""
    problems = []
    for width in WIDTHS:
        problem = networks.make((width,) * 3, options.dtype, options.activation)
        problems.append((width, problem, data.dense(1, width, 1, options.dtype)[0][0]))
    return curve(options, modules, problems, "width", references.floors)


def batches(
    options: argparse.Namespace, modules: list[ModuleType], sizes: tuple[int, ...]
) -> list[dict[str, Any]]:
    problem = networks.make(sizes, options.dtype, options.activation)
    X, _ = data.dense(max(BATCHES), sizes[0], 1, options.dtype)
    return curve(
        options, modules, [(n, problem, np.ascontiguousarray(X[:n])) for n in BATCHES], "batch of"
    )


def main(arguments: list[str]) -> None:
    parser = common.parser("predict", __doc__)
    parser.add_argument(
        "--no-curves", action="store_true", help="leave out cost against width and batch size"
    )
    parser.add_argument("--only-samples", action="store_true", help="nothing but one sample a call")
    parser.add_argument(
        "--only-doors", action="store_true", help="nothing but the forms of samples"
    )
    common.add_sources(parser)
    options = parser.parse_args(arguments)
    peers.sources = options.sources
    modules, missing = common.load_peers()
    # It takes seconds to compile each network, and is the slowest for one row.
    quick = [module for module in modules if module.NAME != "torch.compile"]
    if options.only_doors:
        content = {"missing": missing, "doors": doors.cases(options, quick)}
        report.save("predict_doors", content, options.output)
        return
    references = References(modules)
    name = common.result_name("predict", options)
    sizes = (options.layers or [(784, 30, 10)])[0]
    parts: dict[str, Any] = {"cases": lambda: one_sample(options, modules, references)}
    if not options.only_samples:
        parts["doors"] = lambda: doors.cases(options, quick)
        if not options.layers and not options.no_curves:
            parts["widths"] = lambda: widths(options, quick, references)
        if not options.no_curves:
            parts["batches"] = lambda: batches(options, modules, sizes)
    content: dict[str, Any] = {"missing": missing}
    for part in budget.each(parts, weight=WEIGHTS.__getitem__):
        content[part] = parts[part]()
    missing += references.missing
    document = report.save(name, content, options.output)
    pictures.draw(document, options.output)
