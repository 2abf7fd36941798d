"""One row a case, one column a kind of machine: our time, and the best peer's by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.tables import markdown, time

Document = dict[str, Any]
Case = dict[str, Any]

SUITES = {  # what a case of each is called in the first column
    "predict": "predict one row, {}",
    "learn": "learn one row, {}",
    "train": "a row of an epoch, {}",
    "gradient": "gradient, {}",
    "simplechains": "{}",
}
KERNELS = ("128×784×30", "10×784×300", "128×784×300", "32×512×512", "128×1024×1024")
NAMES = {"forward": "forward", "backward_W": "dW", "backward_A": "dA_prev"}
NOTHING = "–"


def table(kinds: dict[str, dict[str, Document]]) -> str:
    """All cases of these suites, whichever kind has them."""
    columns = {kind: dict(cells(documents)) for kind, documents in kinds.items()}
    columns = {kind: found for kind, found in columns.items() if found}
    names = dict.fromkeys(name for found in columns.values() for name in found)
    rows = [[name, *(found.get(name, NOTHING) for found in columns.values())] for name in names]
    return markdown(["", *(headed(kind, kinds[kind]) for kind in columns)], rows)


def headed(kind: str, documents: dict[str, Document]) -> str:
    """The kind, and the versions of cyprop that were measured."""
    versions = sorted({document["versions"]["cyprop"] for document in documents.values()})
    return f"{kind} (cyprop {', '.join(versions)})"


def cells(documents: dict[str, Document]) -> Iterator[tuple[str, str]]:
    """Name and text of every case of one kind."""
    for suite, called in SUITES.items():
        for case in documents.get(suite, {}).get("cases", []):
            yield called.format(case["case"]), beside(case)
    for case in documents.get("kernels", {}).get("cases", []):
        operation, shape = case["case"].split()
        if shape in KERNELS:
            yield f"kernel {NAMES[operation]}, {shape}", rate(case)
    for case in documents.get("threads", {}).get("cases", []):
        if not case["case"].endswith("per row"):
            *_, last = case["results"]
            yield case["case"], f"{last['speedup']:.2f} × on {last['label']}"


def beside(case: Case) -> str:
    """Our time, of an epoch that of a row, and the best peer's by it."""
    [ours, *_] = [row for row in case["results"] if row["kind"] == "ours"]
    peers = [row["median"] for row in case["results"] if row["kind"] == "peer"]
    said = time(ours["median"] / case.get("samples", 1))
    return f"{said}, {min(peers) / ours['median']:.2f} ×" if peers else said


def rate(case: Case) -> str:
    """Our GFLOP/s, and what share of the peak, or of the best other library, that is."""

    def best(chosen: Callable[[Case], bool]) -> float | None:
        return max((row["gflops"] for row in case["results"] if chosen(row)), default=None)

    ours = best(lambda row: row["kind"] in ("ours", "native"))
    other = best(lambda row: row["kind"] in ("peer", "reference"))
    if ours is None:
        return NOTHING
    said = f"{ours:.0f} GFLOP/s"
    if case["peak_gflops"]:
        said += f", {100 * ours / case['peak_gflops']:.0f} % of the peak"
    return said if other is None else f"{said}, {ours / other:.2f} ×"
