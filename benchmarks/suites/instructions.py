"""Instructions of a call under callgrind, which no noise reaches: beside another commit, and Numba.

Valgrind knows AVX2 at most, so all are counted with that. Instructions are not time: a division or
a wait for memory counts as little as an addition.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import data, networks, peers, report

ROOT = Path(__file__).parents[2]
ISA = "avx2"
BATCH_SIZE = 32


@dataclass(frozen=True)
class Case:
    """One kind of call of one network, float32; with Numba where it is a rival."""

    task: str
    sizes: tuple[int, ...]
    calls: int = 200
    rows: int = 1
    numba: bool = False

    @property
    def name(self) -> str:
        return f"{self.task} {'-'.join(map(str, self.sizes))}"


CASES = (
    Case("predict", (4, 8, 3)),
    Case("predict", (16, 64, 64, 4), numba=True),
    Case("predict", (784, 300, 10)),
    Case("predict", (64, 256, 256, 256, 1), numba=True),
    Case("learn", (4, 8, 3)),
    Case("learn", (784, 30, 10), numba=True),
    Case("learn", (784, 300, 10)),
    Case("epoch", (784, 30, 10), calls=10, rows=320),
)

Prepared = tuple[str, Callable[..., Any], tuple[Any, ...]]  # a label, a call, its arguments


def offered(case: Case, peer: Any) -> list[Prepared]:
    """What a peer has for a case."""
    problem = networks.make(case.sizes)
    X, Y = data.dense(case.rows, case.sizes[0], case.sizes[-1], "float32")
    if case.task == "epoch":
        trainers = peer.trainers(problem, X, Y, BATCH_SIZE, 0.1, True)
        return [(one.label, one.epoch, ()) for one in trainers]
    if case.task == "predict":
        predictors = peer.predictors(problem, False)
        return [(one.label, one.call, one.prepare(X[0])) for one in predictors]
    learners = [one for one in peer.learners(problem, 0.1) if not one.rows]
    return [(one.label, one.call, one.prepare(X[0], Y[0])) for one in learners]


def count(name: str) -> None:
    """In the process that is counted: callgrind writes its total at each call of getppid."""
    peer = import_module(f"benchmarks.peers.{name}")
    for place, case in enumerate(CASES):
        if not (case.numba or name == "cyprop_peer"):
            continue
        for label, call, arguments in offered(case, peer):
            call(*arguments)
            os.getppid()
            for _ in range(case.calls):
                call(*arguments)
            os.getppid()
            print(place, label, sep="\t", flush=True)


Counts = dict[tuple[int, str], float]  # by the place of the case, and the label


def counted(python: str, name: str) -> Counts:
    """The instructions of a call, of one peer under an interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--quiet", "--tool=callgrind", "--dump-before=getppid"]
        tool += [f"--callgrind-out-file={folder}/out"]
        child = [python, "-m", "benchmarks", "instructions", "--count", name]
        # In a folder without a cyprop of its own, so that the interpreter's installation is found.
        environment = {**os.environ, "CYPROP_ISA": ISA, "PYTHONHASHSEED": "0"}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*tool, *child],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [
            int(re.findall(r"^(?:summary|totals): (\d+)", path.read_text(), re.MULTILINE)[0])
            for path in dumps
        ]
    found: Counts = {}
    for line, total in zip(done.stdout.splitlines(), totals[1::2], strict=True):
        place, label = line.split("\t")
        found[int(place), label] = total / CASES[int(place)].calls
    return found


def rows_of(place: int, this: Counts, against: Counts, numba: Counts) -> list[dict[str, Any]]:
    """The rows of one case: cyprop's with both figures, then Numba's."""
    rows: list[dict[str, Any]] = []
    for kind, counts in (("ours", this), ("peer", numba)):
        for (of, label), instructions in counts.items():
            if of != place:
                continue
            row: dict[str, Any] = {"label": label, "kind": kind, "this": instructions}
            if kind == "ours" and (place, label) in against:
                row["against"] = against[place, label]
                row["ratio"] = instructions / against[place, label]
            rows.append(row)
    return rows


def show(case: Case, rows: list[dict[str, Any]], label: str) -> None:
    print(f"\n{case.name}: instructions a call, the loop that calls included")
    for row in rows:
        line = f"   {row['label']:24}{row['this']:>14,.1f}"
        if "ratio" in row:
            line += f"   {label} {row['against']:>14,.1f}   ratio {row['ratio']:.4f}"
        print(line)


def described(python: str) -> dict[str, str]:
    """The versions that an interpreter has."""
    program = "import cyprop, numpy, platform as p; print(cyprop.__version__, numpy.__version__,"
    program += "p.python_version(), cyprop.__file__)"
    command = [python, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    cyprop, numpy, version, file = done.stdout.split(maxsplit=3)
    print(f"{python}: cyprop {cyprop} of {file.strip()}")
    return {"cyprop": cyprop, "numpy": numpy, "python": version}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks instructions", description=__doc__)
    parser.add_argument(
        "--against", metavar="PYTHON", help="an interpreter that has another commit installed"
    )
    parser.add_argument("--label", default="against", help="what that commit is called")
    parser.add_argument("--count", metavar="PEER", help=argparse.SUPPRESS)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    if options.count:
        count(options.count)
        return
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    content: dict[str, Any] = {"instruction_set": ISA, "this": described(sys.executable)}
    against: Counts = {}
    if options.against:
        content["against"] = {"label": options.label, **described(options.against)}
        against = counted(options.against, "cyprop_peer")
    this = counted(sys.executable, "cyprop_peer")
    _, missing = peers.load(("numba_peer",))
    numba = {} if missing else counted(sys.executable, "numba_peer")
    cases, ratios = [], []
    for place, case in enumerate(CASES):
        rows = rows_of(place, this, against, numba)
        show(case, rows, options.label)
        cases.append({"case": case.name, "calls": case.calls, "results": rows})
        ratios += [row["ratio"] for row in rows if "ratio" in row]
    content["cases"] = cases
    if ratios:
        content["largest_ratio"] = max(ratios)
        print(f"\nthe largest ratio to {options.label}: {max(ratios):.4f}")
    report.save("instructions", content, options.output)
