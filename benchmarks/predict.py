"""One sample from Python: cyprop, its peers, a C program with fixed sizes, and the floor."""

from benchmarks import data, report, suite
from benchmarks.networks import Problem, assert_same, forward
from benchmarks.peers import Predictor
from benchmarks.timing import Candidate, compare

N_SAMPLES = 32  # different inputs, so that no branch predictor learns a single one


def candidates(problem: Problem, predictors: list[Predictor]) -> list[Candidate]:
    """Every predictor that has proved to compute the network, ready to be timed."""
    X, _ = data.dense(N_SAMPLES, problem.sizes[0], 1, problem.dtype.name)
    expected = forward(problem, X)[-1]
    made = []
    for predictor in predictors:
        for x, y in zip(X, expected, strict=True):
            actual = predictor.read(predictor.call(*predictor.prepare(x)))
            assert_same(actual.reshape(y.shape), y, problem.dtype, predictor.label)
        calls = [predictor.prepare(x) for x in X]
        made.append(Candidate(predictor.label, predictor.call, calls, kind=predictor.kind))
    return made


def main(arguments: list[str]) -> None:
    options = suite.parser("predict", __doc__).parse_args(arguments)
    modules, missing = suite.load_peers()
    cases = []
    for problem in suite.problems(options):
        predictors, without = suite.offers(modules, "predictors", problem, False)
        entrants = candidates(problem, predictors)
        rows = report.entries(entrants, compare(entrants, options.repeats))
        report.show(f"{problem.name}, {problem.dtype}, one sample", rows, without)
        cases.append({"case": problem.name, "dtype": problem.dtype.name, "results": rows})
    report.save(suite.result_name("predict", options), {"missing": missing, "cases": cases})
