"""The gradient of 200 rows in float64, as a minimiser of SciPy's asks for it again and again.

24-8-2 with tanh is the example in the README of SimpleChains.jl. Its figure there, 5.66 µs for a
gradient written in place, with dropout and on a machine without a name, is shown beside ours.
"""

import argparse

from benchmarks import budget, common, data, networks, report
from benchmarks.networks import assert_same_parameters
from benchmarks.timing import Candidate, compare

NETWORKS = ((24, 8, 2), (16, 64, 64, 4))
ROWS = 200
PUBLISHED = {"label": "SimpleChains.jl, published", "seconds": 5.66e-6}
SOURCE = "https://github.com/PumasAI/SimpleChains.jl"
DTYPE = "float64"
PEERS = ("numpy_peer", "jax_peer", "torch_peer")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gradient", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    modules, missing = common.load_peers(PEERS)
    cases = []
    for sizes in budget.each(NETWORKS):
        problem = networks.make(sizes, DTYPE, "tanh").with_output("identity")
        X, Y = data.dense(ROWS, sizes[0], sizes[-1], DTYPE)
        entrants = []
        for one in common.offers(modules, "gradients", problem, X, Y)[0]:
            expected = networks.gradient(problem, X, Y)
            assert_same_parameters(one.parameters(one.call()), expected, problem.dtype, one.label)
            entrants.append(Candidate(one.label, one.call, kind=one.kind))
        rows = report.entries(entrants, compare(entrants, options.repeats))
        title = f"{problem.name}, {ROWS} rows"
        report.show(f"{title}, {DTYPE}: loss and gradient", rows)
        cases.append({"case": title, "dtype": DTYPE, "results": rows})
    print(f"   {PUBLISHED['label']}, 24-8-2: {report.seconds(float(PUBLISHED['seconds']))}")
    content = {"missing": missing, "cases": cases, "published": [PUBLISHED], "source": SOURCE}
    report.save("gradient", content, options.output)
