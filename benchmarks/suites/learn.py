"""Online learning: one sample, one update; cyprop's learn_one and its peers."""

import argparse
from typing import Any

from benchmarks import budget, common, data, peers, pictures, report
from benchmarks.networks import Problem, assert_same_parameters, sgd_step
from benchmarks.peers import Learner
from benchmarks.timing import Candidate, compare

LEARNING_RATE = 0.05
PEERS = tuple(name for name in peers.MODULES if name not in ("rtneural_peer", "compile_peer"))
N_CHECKED = 3
N_SAMPLES = 256  # different ones, so that no branch predictor learns where the zeros are


def check(modules: Any, problem: Problem) -> None:
    """Learn a few samples with every peer and compare all weights."""
    X, Y = data.images(N_CHECKED, problem.sizes[0], problem.sizes[-1], problem.dtype.name)
    learners, _ = common.offers(modules, "learners", problem, LEARNING_RATE)
    expected = problem
    for i in range(N_CHECKED):
        expected = sgd_step(expected, X[i : i + 1], Y[i : i + 1], LEARNING_RATE)
    for learner in learners:
        for arguments in [(X, Y)] if learner.rows else zip(X, Y, strict=True):
            learner.call(*learner.prepare(*arguments))
        assert_same_parameters(learner.parameters(), expected, problem.dtype, learner.label)


def candidate(learner: Learner, X: Any, Y: Any) -> Candidate:
    if learner.rows:
        calls, per_call = [learner.prepare(X, Y)], len(X)
    else:
        calls = [learner.prepare(x, y) for x, y in zip(X, Y, strict=True)]
        per_call = 1
    return Candidate(learner.label, learner.call, calls, per_call, learner.kind)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = common.parser("learn", __doc__)
    parser.add_argument("--mnist", metavar="FILE", help="real images instead of made ones")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    modules, missing = common.load_peers(PEERS)
    floor = common.load_floors(missing)
    cases = []
    for problem in budget.each(common.problems(options), lambda problem: problem.name):
        check(modules, problem)
        for kind in budget.each(
            common.kinds_of_data(problem, options), lambda kind, of=problem: f"{of.name}, {kind}"
        ):
            X, Y = data.samples(kind, N_SAMPLES, problem, options.mnist)
            learners, without = common.offers(modules, "learners", problem, LEARNING_RATE)
            entrants = [candidate(learner, X, Y) for learner in learners]
            if floor is not None:
                entrants.append(floor.rewrite(problem.n_bytes))
                entrants.append(floor.read_and_rewrite(problem.n_bytes))
            rows = report.entries(entrants, compare(entrants, options.repeats))
            title = f"{problem.name}, {kind}"
            report.show(f"{title}, {problem.dtype}: learn one sample", rows, without)
            cases.append(
                {
                    "case": title,
                    "network": problem.name,
                    "dtype": problem.dtype.name,
                    "data": kind,
                    "real_images": bool(options.mnist) and kind == "images",
                    "results": rows,
                }
            )
    name = common.result_name("learn", options)
    document = report.save(name, {"missing": missing, "cases": cases}, options.output)
    pictures.draw(document, options.output)
