"""A stream that drifts, row by row: predict, then learn; cyprop, river and partial_fit.

All learn the task that is named, from the same weights with the same steps: what they predict for
the first rows is compared with plain NumPy's. Trees, where there are any, are another model, and
are there for their score.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks import budget, common, peers, report, stream
from benchmarks.peers import Follower
from benchmarks.stream import Task
from benchmarks.timing import Candidate, compare

TASKS: tuple[tuple[str, tuple[int, ...], bool], ...] = (
    ("numbers", (32,), False),
    ("classes", (32,), False),
    ("classes", (), False),
    ("classes", (), True),
)
N_CHECKED = 300
N_TIMED = 8  # rows of the stream's end, learnt again and again: few, so that readings are short
N_TIMED_OF_A_TREE = 512  # its time depends on the rows


def follow(follower: Follower, task: Task) -> Any:
    """What is predicted for each row of the stream before it is learnt."""
    rows = [follower.prepare(x, y) for x, y in zip(task.X, task.Y, strict=True)]
    return np.array([float(follower.step(*row)) for row in rows])


def check(follower: Follower, predicted: Any, expected: Any) -> None:
    worst = float(np.abs(predicted[: len(expected)] - expected).max())
    if follower.same and not worst <= follower.tolerance:
        raise SystemExit(f"{follower.label} predicts something else: off by {worst}")


def of_task(task: Task, modules: Any, repeats: int) -> dict[str, Any]:
    followers, without = common.offers(modules, "followers", task)
    expected = stream.expected(task, N_CHECKED)
    entrants, scores = [], []
    for follower in followers:
        predicted = follow(follower, task)
        check(follower, predicted, expected)
        guessed = predicted if task.kind == "numbers" else predicted > 0.5
        scores.append(stream.score(task, guessed))
        n = N_TIMED if follower.same else N_TIMED_OF_A_TREE
        rows = zip(task.X[-n:], task.Y[-n:], strict=True)
        calls = [follower.prepare(x, y) for x, y in rows]
        kind = follower.kind if follower.same else "reference"
        entrants.append(Candidate(follower.label, follower.step, calls, kind=kind))
    results = report.entries(entrants, compare(entrants, repeats))
    report.show(f"{task.name}: predict and learn one row", results, without)
    for row, found in zip(results, scores, strict=True):
        row["score"] = found
        print(f"   {row['label']:50}" + "  ".join(f"{k} {v:.4f}" for k, v in found.items()))
    return {"case": task.name, "kind": task.kind, "results": results}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks online", description=__doc__)
    parser.add_argument("--rows", type=int, default=6000, help="default 6,000")
    common.add_repeats(parser, repeats=21)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    modules, missing = peers.load(("sklearn_peer", "river_peer"))
    for note in missing:
        print(f"not installed: {note}")
    cases = [
        of_task(stream.task(*shape, options.rows), modules, options.repeats)
        for shape in budget.each(TASKS, lambda shape: str(shape[0]))
    ]
    content = {"missing": missing, "rows": options.rows, "fading": stream.FADING, "cases": cases}
    report.save("online", content, options.output)
