"""Instructions of a call, of cyprop and of Numba by hand, counted by callgrind: noise reaches none.

Valgrind knows AVX2 at most, so both are counted with that. Instructions are not time: a division or
a wait for memory count as little as an addition.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import common, networks, report
from benchmarks.peers import cyprop_peer, numba_peer

CALLS = 200
DISPUTED = {"predict": ((16, 64, 64, 4), (64, 256, 256, 256, 1)), "learn": ((784, 30, 10),)}


def count(task: str, sizes: tuple[int, ...]) -> None:
    """In the process that is counted: callgrind writes its total at each call of getppid."""
    problem = networks.make(sizes)
    rng = np.random.default_rng(0)
    x, y = (rng.random(size, np.float32) for size in (sizes[0], sizes[-1]))
    for peer in (cyprop_peer, numba_peer):
        made = (
            peer.predictors(problem, False)
            if task == "predict"
            else [one for one in peer.learners(problem, 0.1) if not one.rows]
        )
        for one in made:
            arguments = one.prepare(x) if task == "predict" else one.prepare(x, y)
            one.call(*arguments)
            os.getppid()
            for _ in range(CALLS):
                one.call(*arguments)
            os.getppid()
            print(one.label, flush=True)


def counted(task: str, sizes: tuple[int, ...]) -> list[dict[str, object]]:
    """The instructions of a call, for each that can make it."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", "--dump-before=getppid"]
        tool += [f"--callgrind-out-file={folder}/out"]
        child = [sys.executable, "-m", "benchmarks", "instructions"]
        child += ["--count", task, "--layers", ",".join(map(str, sizes))]
        done = subprocess.run([*tool, *child], check=True, stdout=subprocess.PIPE, text=True)
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [
            int(re.findall(r"^(?:summary|totals): (\d+)", path.read_text(), re.MULTILINE)[0])
            for path in dumps
        ]
    return [
        {"label": label, "instructions": total / CALLS}
        for label, total in zip(done.stdout.splitlines(), totals[1::2], strict=True)
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks instructions", description=__doc__)
    parser.add_argument("--count", choices=tuple(DISPUTED), help=argparse.SUPPRESS)
    parser.add_argument("--layers", type=common.layers, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.count:
        count(options.count, options.layers)
        return
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    cases = []
    for task, nets in DISPUTED.items():
        for sizes in nets:
            results = counted(task, sizes)
            name = "-".join(map(str, sizes))
            print(f"{task} {name}: instructions a call, the loop that calls included")
            for row in results:
                print(f"   {row['label']:28}{row['instructions']:>12,.0f}")
            cases.append({"case": f"{task} {name}", "results": results})
    report.save("instructions", {"calls": CALLS, "cases": cases})
