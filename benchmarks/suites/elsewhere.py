"""Networks from elsewhere: one row in cyprop and in their own runtimes, how far apart, and loading.

The files are public ones (``--models DIR``). A file that is no chain, or whose runtime is not
installed, is named.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import cyprop
from benchmarks import common, pictures, report, runtimes
from benchmarks.timing import Candidate, compare

TIMED = ("go1_policy.onnx", "acasxu_1_1.onnx", "sb3_ppo_cartpole.zip", "flownet.keras")
LOADED = "go1_policy.onnx"
SUFFIXES = (".onnx", ".zip", ".keras", ".h5")
N_ROWS = 1000
COLD = """
import json, sys, time
import cyprop
before = set(sys.modules)
start = time.perf_counter()
cyprop.load(sys.argv[1])
seconds = time.perf_counter() - start
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([seconds, sorted(roots - set(sys.stdlib_module_names) - {"cyprop"})]))
"""


def one_row(path: Path, repeats: int) -> dict[str, Any]:
    """A row a call, the same row each time, as every runtime likes it best."""
    net = cyprop.load(path)
    x = rows(net, 1)[0]
    out = np.empty(net.sizes[-1], net.dtype)
    entrants = [
        Candidate("cyprop", net.predict, [(x,)], kind="ours"),
        Candidate("cyprop, out=", net.predict, [(x, out)], kind="ours"),
        Candidate("cyprop, bound", net.bind(x, out), kind="ours"),
    ]
    entrants += runtimes.runtime_of(path).ways(x)
    name = f"{path.name}, {'-'.join(map(str, net.sizes))}"
    found = report.entries(entrants, compare(entrants, repeats))
    report.show(name, found)
    return {"case": name, "file": path.name, "dtype": net.dtype.name, "results": found}


def rows(net: cyprop.Network, n: int) -> Any:
    return np.random.default_rng(1).normal(size=(n, net.sizes[0])).astype(net.dtype)


def difference(path: Path) -> dict[str, Any]:
    """The largest difference to the runtime over many random rows, and the largest output."""
    net = cyprop.load(path)
    runtime = runtimes.runtime_of(path)
    X = rows(net, N_ROWS)
    expected = np.asarray(runtime.outputs(X), np.float64)
    off = float(np.abs(net.predict(X) - expected).max())
    largest = float(np.abs(expected).max())
    found = {"file": path.name, "layers": "-".join(map(str, net.sizes)), "runtime": runtime.name}
    found |= {"difference": off, "largest": largest}
    print(f"{path.name:28}{found['layers']:32}{off / largest:10.2e} of {largest:.3g}")
    return found


def differences(folder: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Of each file that is a chain; and why the others are not compared."""
    found, refused = [], {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES:
            try:
                found.append(difference(path))
            except (cyprop.FormatError, ImportError) as error:
                refused[path.name] = str(error).replace(f"{folder}/", "")
                print(f"{path.name}: {refused[path.name]}")
    return found, refused


def loading(path: Path, repeats: int) -> dict[str, Any]:
    """Warm, beside its runtime, and the first one of a process."""
    entrants = [Candidate("cyprop.load", cyprop.load, [(path,)], kind="ours")]
    try:
        entrants.append(Candidate("ONNX Runtime, InferenceSession", runtimes.of_onnx, [(path,)]))
    except ImportError as error:
        print(error)
    found = report.entries(entrants, compare(entrants, max(5, repeats // 3)))
    command = [sys.executable, "-c", COLD, str(path)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # an installed package has it
    readings, others = [], set[str]()
    for _ in range(repeats + 1):  # the first fills the file cache
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        taken, loaded = json.loads(done.stdout)
        readings.append(taken)
        others |= set(loaded)
    low, median, high = statistics.quantiles(readings[1:], n=4, method="inclusive")
    # With the imports that it takes; another task than the warm ones.
    first = {"label": "cyprop.load, the first of a process", "kind": "reference"}
    first |= {"median": median, "low": low, "high": high, "repeats": repeats}
    found.append({**first, "times_ours": median / found[0]["median"]})
    size = path.stat().st_size
    report.show(f"load {path.name}, {size:,} bytes", found)
    print(f"   imported meanwhile: {', '.join(sorted(others)) or 'nothing but cyprop'}")
    return {
        "case": f"load {path.name}",
        "bytes": size,
        "imported": sorted(others),
        "results": found,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks elsewhere", description=__doc__)
    parser.add_argument(
        "--models", type=Path, required=True, metavar="DIR", help="where the files are"
    )
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    with runtimes.without_gradients():
        cases, missing = [], []
        for name in TIMED:
            try:
                cases.append(one_row(options.models / name, options.repeats))
            except (OSError, ImportError) as error:
                missing.append(f"{name} ({error})")
        print(f"\nthe largest difference over {N_ROWS:,} random rows, by the largest output")
        compared, refused = differences(options.models)
    loads = [loading(options.models / LOADED, options.repeats)]
    content = {"missing": missing, "cases": cases, "differences": compared, "refused": refused}
    document = report.save("elsewhere", {**content, "loads": loads}, options.output)
    pictures.draw(document, options.output)
