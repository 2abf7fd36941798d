"""The gradient of a few hundred rows in float64, as a minimiser of SciPy's asks for it again and again."""

import argparse

from benchmarks import budget, common, data, networks, report
from benchmarks.networks import assert_same_parameters
from benchmarks.timing import Candidate, compare

CASES = (((24, 8, 2), 200), ((16, 64, 64, 4), 200))
DTYPE = "float64"
PEERS = ("numpy_peer", "jax_peer", "torch_peer")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gradient", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    modules, missing = common.load_peers(PEERS)
    cases = []
    for sizes, n in budget.each(CASES):
        problem = networks.make(sizes, DTYPE)
        X, Y = data.dense(n, sizes[0], sizes[-1], DTYPE)
        entrants = []
        for one in common.offers(modules, "gradients", problem, X, Y)[0]:
            expected = networks.gradient(problem, X, Y)
            assert_same_parameters(one.parameters(one.call()), expected, problem.dtype, one.label)
            entrants.append(Candidate(one.label, one.call, kind=one.kind))
        rows = report.entries(entrants, compare(entrants, options.repeats))
        title = f"{problem.name}, {n} rows"
        report.show(f"{title}, {DTYPE}: loss and gradient", rows)
        cases.append({"case": title, "dtype": DTYPE, "results": rows})
    report.save("gradient", {"missing": missing, "cases": cases}, options.output)
