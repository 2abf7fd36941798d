"""One epoch of shuffled mini-batches: cyprop's fit and its peers."""

import argparse

from benchmarks import budget, common, data, networks, peers, pictures, report
from benchmarks.networks import Problem, assert_same_parameters, sgd_step
from benchmarks.timing import Candidate, compare

CONFIGURATIONS = (
    ((784, 30, 10), 10),
    ((784, 30, 10), 32),
    ((784, 300, 10), 32),
    ((784, 300, 10), 128),
    ((64, 256, 256, 256, 1), 32),
    ((784, 1024, 1024, 10), 128),
)
LARGE = 2e11  # multiplications and additions of an epoch, beyond which it has fewer rows
LEARNING_RATE = 0.5
PEERS = tuple(name for name in peers.MODULES if name not in ("rtneural_peer", "mlpfile_peer"))


def check(modules: list, problem: Problem, batch_size: int) -> None:
    """Train every peer on three batches and a rest, unshuffled, and compare all weights."""
    n = 3 * batch_size + 1
    X, Y = data.images(n, problem.sizes[0], problem.sizes[-1], problem.dtype.name)
    trainers, _ = common.offers(
        modules, "trainers", problem, X, Y, batch_size, LEARNING_RATE, False
    )
    for trainer in trainers:
        expected = trainer.problem
        for start in range(0, n, batch_size):
            rows = slice(start, start + batch_size)
            expected = sgd_step(expected, X[rows], Y[rows], LEARNING_RATE)
        trainer.epoch()
        assert_same_parameters(trainer.parameters(), expected, problem.dtype, trainer.label)


def operations(problem: Problem) -> int:
    """Multiplications and additions that training takes for a sample: forward, dW, dA_prev."""
    products = [W.size for W in problem.weights]
    return 2 * (3 * sum(products) - products[0])


def name_of(configuration: tuple[tuple[int, ...], int]) -> str:
    sizes, batch_size = configuration
    return f"{'-'.join(map(str, sizes))}, batch {batch_size}"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = common.parser("train", __doc__, repeats=9)
    parser.add_argument("--batch-size", type=int, help="of a network of your own; default 32")
    parser.add_argument("--samples", type=int, default=50_000, help="default 50,000")
    parser.add_argument("--mnist", metavar="FILE", help="real images instead of made ones")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    modules, missing = common.load_peers(PEERS)
    floor = common.load_floors(missing)
    if options.layers:
        configurations = [(sizes, options.batch_size or 32) for sizes in options.layers]
    else:
        configurations = list(CONFIGURATIONS)
    cases = []
    for sizes, batch_size in budget.each(configurations, name_of):
        problem = networks.make(sizes, options.dtype, options.activation)
        check(modules, problem, batch_size)
        n = min(options.samples, int(LARGE / operations(problem)) // batch_size * batch_size)
        titles = {
            f"{name_of((sizes, batch_size))}, {kind}": kind
            for kind in common.kinds_of_data(problem, options)
        }
        for title in budget.each(titles):
            kind = titles[title]
            X, Y = data.samples(kind, n, problem, options.mnist)
            trainers, without = common.offers(
                modules, "trainers", problem, X, Y, batch_size, LEARNING_RATE, True
            )
            entrants = [
                Candidate(trainer.label, trainer.epoch, kind=trainer.kind) for trainer in trainers
            ]
            if floor is not None:
                entrants.append(floor.fma(options.dtype, operations(problem) * len(X)))
            rows = report.entries(entrants, compare(entrants, options.repeats))
            report.show(f"{title}: one epoch of {len(X):,} samples", rows, without)
            cases.append(
                {
                    "case": title,
                    "network": problem.name,
                    "batch_size": batch_size,
                    "data": kind,
                    "dtype": problem.dtype.name,
                    "samples": len(X),
                    "real_images": bool(options.mnist) and kind == "images",
                    "results": rows,
                }
            )
    name = common.result_name("train", options)
    document = report.save(name, {"missing": missing, "cases": cases}, options.output)
    pictures.draw(document, options.output)
