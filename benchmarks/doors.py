"""The forms in which people bring samples, beside what the same form costs with the peers.

A peer that takes arrays of its dtype only is given what NumPy makes of the sample, within its time:
that is what its user writes. Each case has the call that a door is measured against, in one run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import budget, common, data, networks, report
from benchmarks.networks import Problem, assert_same, forward
from benchmarks.peers import Learner, Predictor, cyprop_peer
from benchmarks.timing import Candidate, compare

DTYPES = ("float32", "float64")
N_ROWS = 8
VECTOR = (
    "a vector of the network's dtype"  # what `predict` likes best, and doors are measured against
)
BOUND = f"{N_ROWS} bound calls"
LEARN = "learn_one of such vectors"

# Name, how the vectors become it, and the bound on its time as a multiple of the base's.
DOORS: tuple[tuple[str, Callable[[Any, Any], Any], float], ...] = (
    ("(1, n)", lambda X, dtype: X[:1], 1.3),
    ("float64 vector", lambda X, dtype: X[0].astype(np.float64), 1.5),
    ("(1, n) of float64", lambda X, dtype: X[:1].astype(np.float64), 1.5),
    ("list", lambda X, dtype: X[0].tolist(), 2),
    (f"{N_ROWS} rows", lambda X, dtype: X, 1),
    ("int vector", lambda X, dtype: np.rint(4 * X[0]).astype(int), 4),
    ("bool vector", lambda X, dtype: X[0] > 0, 4),
    ("float16 vector", lambda X, dtype: X[0].astype(np.float16), 4),
    ("big-endian vector", lambda X, dtype: X[0].astype(dtype.newbyteorder(">")), 4),
    ("strided vector", lambda X, dtype: np.repeat(X[0], 2)[::2], 4),
)
LEARNING_DOORS = (("learn_one of float64", 1.5), ("train_on_batch of one row", 2))


def by_numpy(predictor: Predictor, dtype: np.dtype[Any], batch: bool) -> Callable[[Any], Any]:
    """What a user of the peer writes to predict whatever there is."""

    def call(value: Any) -> Any:
        array = np.ascontiguousarray(value, dtype)
        return predictor.call(*predictor.prepare(array if batch else array.reshape(-1)))

    return call


def predicting(
    problem: Problem, offered: Callable[[bool], list[Predictor]], name: str, value: Any
) -> list[Candidate]:
    """cyprop, what it is measured against, and the peers, each after it has proved right."""
    net, dtype = cyprop_peer.network(problem), problem.dtype
    batch = np.ndim(value) == 2 and len(value) > 1
    plain = np.ascontiguousarray(value, dtype)
    expected = forward(problem, plain)[-1]
    assert_same(net.predict(value), expected, dtype, f"cyprop, {name}")
    made = [Candidate("cyprop", net.predict, [(value,)], kind="ours")]
    if batch:
        bound = net.bind(plain[0].copy(), np.empty(problem.sizes[-1], dtype))
        made.append(Candidate(BOUND, bound, per_call=1 / N_ROWS, kind="reference"))
    else:
        made.append(Candidate(VECTOR, net.predict, [(plain.reshape(-1),)], kind="reference"))
    for predictor in offered(batch):
        call = by_numpy(predictor, dtype, batch)
        actual = np.reshape(predictor.read(call(value)), expected.shape)
        assert_same(actual, expected, dtype, f"{predictor.label}, {name}")
        made.append(Candidate(predictor.label, call, [(value,)], kind=predictor.kind))
    return made


def learned_by_numpy(learner: Learner, dtype: np.dtype[Any]) -> Callable[[Any, Any], Any]:
    """What a user of the peer writes to learn one sample of float64, or a batch of one row."""

    def call(x: Any, y: Any) -> Any:
        arrays = (np.ascontiguousarray(value, dtype).reshape(-1) for value in (x, y))
        return learner.call(*learner.prepare(*arrays))

    return call


def learning(problem: Problem, modules: list[ModuleType], name: str) -> list[Candidate]:
    """cyprop, its learn_one of the network's dtype, and the peers, one sample a call."""
    net, dtype = cyprop_peer.network(problem, 0.05), problem.dtype
    X, Y = data.dense(1, problem.sizes[0], problem.sizes[-1], dtype.name)
    rows = name.startswith("train")
    sample = (X, Y) if rows else (X[0].astype(np.float64), Y[0].astype(np.float64))
    made = [
        Candidate("cyprop", net.train_on_batch if rows else net.learn_one, [sample], kind="ours"),
        Candidate(LEARN, net.learn_one, [(X[0], Y[0])], kind="reference"),
    ]
    for learner in common.offers(modules[1:], "learners", problem, 0.05)[0]:
        if not learner.rows:
            call = learned_by_numpy(learner, dtype)
            made.append(Candidate(learner.label, call, [sample], kind=learner.kind))
    return made


def predictors_of(problem: Problem, modules: list[ModuleType]) -> Callable[[bool], list[Predictor]]:
    """What the peers have for one row, and for many, made once: some are compiled."""

    @cache
    def offered(batch: bool) -> list[Predictor]:
        return common.offers(modules, "predictors", problem, batch)[0]

    return offered


def cases(options: argparse.Namespace, modules: list[ModuleType]) -> list[dict[str, Any]]:
    """Every door of every network in both dtypes, and its ratio to what it is measured by."""
    made = []
    networks_and_dtypes = product(options.layers or networks.STANDARD, DTYPES)
    for sizes, dtype in budget.each(networks_and_dtypes, lambda case: f"doors of {case}"):
        problem = networks.make(sizes, dtype, options.activation)
        X, _ = data.dense(N_ROWS, sizes[0], 1, dtype)
        offered = predictors_of(problem, modules[1:])
        forms = {name: form for name, form, _ in DOORS}
        doors = [(name, most) for name, _, most in DOORS] + list(LEARNING_DOORS)
        for name, most in budget.each(
            doors, lambda door, name=problem.name: f"door {door[0]} of {name}"
        ):
            if name in forms:
                value = forms[name](X, problem.dtype)
                entrants = predicting(problem, offered, name, value)
            else:
                entrants = learning(problem, modules, name)
            rows = report.entries(entrants, compare(entrants, max(5, options.repeats // 3)))
            report.show(f"{problem.name}, {dtype}, {name}", rows)
            ratio = rows[0]["median"] / rows[1]["median"]
            print(f"   {ratio:.2f} × {rows[1]['label']}; the goal on 4-8-3 is {most}")
            made.append(
                {
                    "case": f"{problem.name}, {dtype}, {name}",
                    "network": problem.name,
                    "dtype": dtype,
                    "door": name,
                    "ratio": ratio,
                    "at_most": most,
                    "results": rows,
                }
            )
    return made
