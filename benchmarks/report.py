"""Results on the screen and in a file."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.timing import Candidate, Timing

RESULTS = Path(__file__).parent / "results"  # what is committed; only read, unless one says so
OUTPUT = Path("benchmark-results")  # in the current folder
PACKAGES = (
    "cyprop", "numpy", "numba", "jax", "torch", "onnxruntime", "onnx", "scikit-learn", "cynn",
    "Cython", "river", "keras", "h5py", "dask", "distributed",
)  # fmt: skip


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def instruction_set() -> str:
    from cyprop.kernels import dispatch

    return dispatch.level()


def blas() -> list[str]:
    """Every thread pool loaded in this process, and its threads."""
    try:
        import threadpoolctl
    except ImportError:
        return []
    return [
        f"{pool['internal_api']} {pool['version'] or ''}: {pool['num_threads']} thread(s)"
        for pool in threadpoolctl.threadpool_info()
    ]


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="DIR",
        help=f"where results and pictures go; default {OUTPUT}, in the current folder",
    )


def save(suite: str, content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write one suite's results, with machine, versions and date, as JSON; what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{suite}.json"
    document = {
        "suite": suite,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "instruction_set": instruction_set(),
        "thread_pools": blas(),
        **content,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {path}")
    return document


def entries(candidates: Sequence[Candidate], timings: Sequence[Timing]) -> list[dict[str, Any]]:
    """One dictionary a candidate, with its time as a multiple of cyprop's first entry."""
    ours = next(
        (t.median for c, t in zip(candidates, timings, strict=True) if c.kind == "ours"), None
    )
    return [
        {
            "label": candidate.label,
            "kind": candidate.kind,
            **asdict(timing),
            "times_ours": timing.median / ours if ours else None,
        }
        for candidate, timing in zip(candidates, timings, strict=True)
    ]


def seconds(value: float) -> str:
    """Three digits and a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def show(title: str, rows: Sequence[dict[str, Any]], missing: Sequence[str] = ()) -> None:
    """A table of one case, and how the best peer compares."""
    print(f"\n{title}")
    width = max(len(row["label"]) for row in rows) + 2
    for row in sorted(rows, key=lambda row: row["median"]):
        mark = {"ours": "*", "native": "*", "peer": " "}.get(row["kind"], "-")
        ratio = "" if row["times_ours"] is None else f"{row['times_ours']:8.2f} ×"
        spread = f"{seconds(row['low'])} … {seconds(row['high'])}"
        print(f" {mark} {row['label']:{width}}{seconds(row['median']):>10}{ratio}   {spread}")
    peers = [row for row in rows if row["kind"] == "peer"]
    if peers and peers[0]["times_ours"] is not None:
        best = min(peers, key=lambda row: row["median"])
        print(f"   best peer ÷ cyprop: {best['times_ours']:.2f} ({best['label']})")
    if missing:
        print(f"   no entry: {'; '.join(missing)}")


def read_all(folder: Path) -> dict[str, dict[str, Any]]:
    """The standard suites' results in a folder, by their names."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        if "_" not in path.stem:  # the others had options of their own
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return found
