"""Results on the screen and in a file."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import budget, machines
from benchmarks.timing import Candidate, Timing

RESULTS = Path(__file__).parent / "results"  # what is committed: a folder for a kind of machine
SHOWN = RESULTS / "zen5"  # the kind whose tables and pictures the documents have
OUTPUT = Path("benchmark-results")  # in the current folder
PACKAGES = (
    "cyprop", "numpy", "numba", "jax", "torch", "onnxruntime", "onnx", "scikit-learn", "cynn",
    "Cython", "river", "keras", "h5py", "mlpfile", "dask", "distributed",
)  # fmt: skip


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
        f"{pool['internal_api']} {pool['version'] or ''}{architecture(pool)}:"
        f" {pool['num_threads']} thread(s)"
        for pool in threadpoolctl.threadpool_info()
    ]


def architecture(pool: dict[str, Any]) -> str:
    """For which processor a BLAS has chosen its products, where it says so."""
    return f" for {pool['architecture']}" if pool.get("architecture") else ""


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=folder,
        default=OUTPUT,
        metavar="DIR",
        help=f"where results and pictures go; default {OUTPUT}, in the current folder;"
        " of benchmarks/results, the folder of this kind of machine",
    )


def folder(text: str) -> Path:
    """The folder of that name; below the committed results, the one of this kind of machine."""
    path = Path(text)
    return path / machines.kind() if path.resolve() == RESULTS.resolve() else path


def save(suite: str, content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write one suite's results, with machine, versions and date, as JSON; what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{suite}.json"
    document = {
        "suite": suite,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machines.machine(),
        "versions": versions(),
        "instruction_set": instruction_set(),
        "thread_pools": blas(),
        **({"skipped": budget.skipped} if budget.skipped else {}),
        **content,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {path}")
    if budget.skipped:
        print(f"skipped, since the time was over: {', '.join(budget.skipped)}")
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


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def read_all(folder: Path) -> dict[str, dict[str, Any]]:
    """The standard suites' results in a folder, by their names."""
    # The others had options of their own.
    return {path.stem: read(path) for path in sorted(folder.glob("*.json")) if "_" not in path.stem}


def read_variants(folder: Path, option: str) -> dict[str, dict[str, Any]]:
    """Results that had one option of their own, by the names of their suites."""
    return {
        path.stem.removesuffix(f"_{option}"): read(path)
        for path in sorted(folder.glob(f"*_{option}.json"))
    }


def by_kind(folder: Path = RESULTS) -> dict[str, dict[str, dict[str, Any]]]:
    """The results of every kind of machine, the kind that the documents show first."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    folders.sort(key=lambda path: path != SHOWN)
    return {path.name: read_all(path) for path in folders}
