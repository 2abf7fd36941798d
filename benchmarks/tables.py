"""What tables are made of: Markdown, times of three digits, and entries of a case."""

from __future__ import annotations

from typing import Any

from benchmarks import report

Case = dict[str, Any]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line).strip() + " |" for line in lines).replace(
        "|  |", "| |"
    )


def named(case: Case, label: str) -> float | None:
    """The least median of the entries whose label begins so."""
    exact = [row["median"] for row in case["results"] if row["label"] == label]
    found = exact or [r["median"] for r in case["results"] if r["label"].startswith(f"{label},")]
    return min(found) if found else None


def best_peer(case: Case) -> Case:
    peers: list[Case] = [row for row in case["results"] if row["kind"] == "peer"]
    return min(peers, key=lambda row: row["median"])


def time(seconds: float | None) -> str:
    """Three digits, also where the last ones are zeros, so that a column can be compared."""
    if seconds is None:
        return "–"
    number, unit = report.seconds(seconds).split()
    return f"{float(number):#.3g}".rstrip(".") + f" {unit}"
