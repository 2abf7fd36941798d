"""All suites that make sense on this machine, each in a process of its own, and a summary of them.

Its folder gets a result file a suite, what each has printed, in `logs`, and `summary.md`. The time
(`--time 10m`) is shared out; a suite that fails, or for which there is no time, is named.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import budget, machines, report, summary
from benchmarks.summary import Run

ROOT = Path(__file__).parents[2]
TIME = 600.0  # seconds, where nothing else is said
LEAST = 5.0  # seconds, with which a suite is still begun
LONG = 1800.0  # seconds, from which on epochs have all their rows
GRACE, GRACE_SHARE = 60.0, 3  # how much longer than its share a suite may take before it is ended
FEWER_ROWS = ("--samples", "10000")


@dataclass(frozen=True)
class Step:
    """A suite with its arguments, and its share of the time beside the others'."""

    suite: str
    weight: float
    arguments: tuple[str, ...] = ()
    title: str = ""

    @property
    def name(self) -> str:
        return self.title or self.suite


def steps(options: argparse.Namespace, seconds: float) -> Iterator[Step]:
    """What is run, the most telling first."""
    mnist = ("--mnist", str(options.mnist)) if options.mnist else ()
    sources = ("--sources", str(options.sources)) if options.sources else ()
    rows = FEWER_ROWS if seconds < LONG else ()
    yield Step("floors", 2)
    yield Step("kernels", 14)
    yield Step("predict", 32, sources)
    yield Step("learn", 8, mnist)
    yield Step("train", 20, (*mnist, *rows))
    yield Step("threads", 16)
    yield Step("simplechains", 2)
    yield Step("gradient", 2)
    relu = ("--activation", "relu")
    yield Step("predict", 4, (*relu, "--only-samples", *sources), "predict relu")
    yield Step("learn", 3, (*relu, *mnist), "learn relu")
    yield Step("dtypes", 6)
    yield Step("options", 4)
    yield Step("loss", 2)
    yield Step("online", 3)
    yield Step("import", 1, ("--repeats", "9"))
    yield Step("latency", 5, ("--seconds", f"{seconds / 1200:.2f}"))
    if options.mnist:
        recipes = ("--recipes", "classic", "--seeds", "0", "--peer-seeds")
        yield Step("mnist", 4, (str(options.mnist), *recipes))
    if options.models:
        yield Step("elsewhere", 5, ("--models", str(options.models)))


LEFT_OUT = {
    "large": "not part of this: it writes files of gigabytes",
    "instructions": "not part of this: it needs Valgrind, and counts instead of timing",
    "scaling, sklearn, tables": "not part of this: they train for scores",
    "accuracy": "not part of this: it takes every float32 there is",
}


def left_out(options: argparse.Namespace) -> dict[str, str]:
    found = (
        {} if options.mnist else {"mnist": "no file was named (--mnist FILE); images are made up"}
    )
    if not options.models:
        found["elsewhere"] = "no folder was named (--models DIR)"
    return found | LEFT_OUT


def run_step(step: Step, share: float, output: Path) -> str | None:
    """Run one suite; why it has no result, or None."""
    log = output / "logs" / f"{step.name.replace(' ', '_')}.txt"
    command = [sys.executable, "-m", "benchmarks", step.suite, *step.arguments]
    if step.suite not in ("import", "mnist", "latency"):
        command += ["--time", f"{share:.1f}"]
    command += ["--output", str(output), "--kind", machines.kind()]
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with log.open("w", encoding="utf-8") as file:
        try:
            code = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=GRACE + GRACE_SHARE * share,
            ).returncode
        except subprocess.TimeoutExpired:
            return "it took far longer than its share, and was ended"
    if code == 0:
        return None
    lines = log.read_text(encoding="utf-8").strip().splitlines()
    return lines[-1] if lines else f"exit status {code}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks all", description=__doc__)
    parser.add_argument("--mnist", type=Path, metavar="FILE", help="real images")
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="networks of other libraries, for elsewhere"
    )
    parser.add_argument("--sources", type=Path, metavar="DIR", help="where RTNeural's sources are")
    report.add_output(parser)
    options = parser.parse_args(arguments)
    for name in ("mnist", "models", "sources", "output"):
        if getattr(options, name):
            setattr(options, name, getattr(options, name).resolve())
    (options.output / "logs").mkdir(parents=True, exist_ok=True)
    seconds = budget.left(TIME)
    end = time.monotonic() + seconds
    waiting = list(steps(options, seconds))
    run = Run(left_out=left_out(options))
    print(f"{machines.kind()}: {machines.processor()}, {machines.cores()} cores; {seconds:.0f} s")
    while waiting:
        left = end - time.monotonic()
        share = left * waiting[0].weight / sum(step.weight for step in waiting)
        step = waiting.pop(0)
        if left < LEAST:
            run.skipped.append(step.name)
            continue
        start = time.monotonic()
        why = run_step(step, max(share, 1.0), options.output)
        run.seconds[step.name] = time.monotonic() - start
        print(f"  {step.name:16}{run.seconds[step.name]:6.0f} s  {why or ''}", flush=True)
        if why is not None:
            run.failed[step.name] = why
    if run.skipped:
        print(f"no time for {', '.join(run.skipped)}")
    print(f"written: {summary.write(options.output, run)}")
