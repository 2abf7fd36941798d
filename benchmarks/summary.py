"""What one machine's run has found, as one page of Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machines, page, report, targets
from benchmarks.tables import markdown, named, time

Document = dict[str, Any]

TITLES = {
    "predict": "Predict one row",
    "learn": "Learn one row",
    "train": "One epoch",
    "kernels": "Products of a layer, GFLOP/s",
    "threads": "Threads: one, and how many times as fast several are",
    "simplechains": "SimpleChains.jl's task",
    "gradient": "Gradients",
    "options": "Options of a training",
    "loss": "What a loss costs, a row of 1,000",
    "online": "A stream, row by row",
    "latency": "The slowest calls",
    "elsewhere": "Networks from elsewhere",
    "mnist": "MNIST",
}


SHOWN = 8  # of the names of what was skipped


@dataclass
class Run:
    """How the suites of a run went: seconds of each, and why others have no results."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def write(folder: Path, run: Run) -> Path:
    """The page `summary.md` of the results in that folder."""
    documents = report.read_all(folder)
    parts = [f"# cyprop on {machines.kind()}", about(documents, run)]
    parts.append(f"## The machine\n\n{floors(documents)}")
    goals = markdown(["case", "reach", "here"], targets.rows(documents))
    parts.append(f"## Figures to reach\n\n{goals}")
    tables = page.of_suites(documents)
    parts += [f"## {title}\n\n{tables[name]}" for name, title in TITLES.items() if name in tables]
    parts += relu(folder)
    if "dtypes" in documents:
        parts.append(f"## float64 beside float32\n\n{dtypes(documents['dtypes'])}")
    parts.append(f"## Where others are ahead\n\n{page.losses(documents)}")
    parts.append(f"## What is not here\n\n{gaps(folder, run)}")
    path = folder / "summary.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def about(documents: dict[str, Document], run: Run) -> str:
    """Machine, versions and date, and how long each suite took."""
    machine = machines.machine()
    last = max((document["date"] for document in documents.values()), default="–")
    versions: dict[str, str] = {}
    for document in documents.values():
        versions |= document["versions"]
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    levels = sorted({document["instruction_set"] for document in documents.values()})
    pools = sorted({pool for document in documents.values() for pool in document["thread_pools"]})
    processor = f"{machine['processor']}, {machine['cores']} cores, {machine['architecture']}"
    if "family" in machine:
        processor += f", family {machine['family']}, model {machine['model']}"
    lines = [
        f"- Processor: {processor}",
        f"- System: {machine['system']}; cyprop's instructions: {', '.join(levels) or '–'}",
        f"- Versions: {known or '–'}",
        f"- Date: {last}",
    ]
    lines += [f"- Libraries of others: {'; '.join(pools)}"] if pools else []
    if run.seconds:
        taken = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in run.seconds.items())
        lines.append(f"- Time: {taken}")
    return "\n".join(lines)


def floors(documents: dict[str, Document]) -> str:
    if "floors" not in documents:
        return "Its floors were not measured."
    rows = [
        [
            case["case"],
            row["label"],
            time(row["median"]) if row.get("unit") != "GFLOP/s" else "",
            f"{row['rate']:.1f} {row['unit']}" if "rate" in row else "",
        ]
        for case in documents["floors"]["cases"]
        for row in case["results"]
    ]
    return markdown(["", "", "time", "rate"], rows)


def relu(folder: Path) -> list[str]:
    """The suites that ran once more with relu, which more libraries have."""
    found = []
    for suite, document in report.read_variants(folder, "relu").items():
        rows = []
        for case in document["cases"]:
            peers = [row for row in case["results"] if row["kind"] == "peer"]
            peers.sort(key=lambda row: row["median"])
            ratios = ", ".join(f"{row['times_ours']:.2f} ({row['label']})" for row in peers)
            rows.append([case["case"], time(named(case, "cyprop")), ratios])
        header = ["", "cyprop", "each ÷ that"]
        found.append(f"## {TITLES[suite]}, relu\n\n{markdown(header, rows)}")
    return found


def dtypes(document: Document) -> str:
    rows = [[task, row["case"], f"{row['rate']:.2f}"] for task, row in document["lowest"].items()]
    return markdown(["task", "the case that loses most", "rate in float64 ÷ in float32"], rows)


def shortened(names: list[str]) -> str:
    """The first ones, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f", and {more} more" if more > 0 else "")


def gaps(folder: Path, run: Run) -> str:
    """Peers that are missing, cases for which there was no time, and suites that did not run."""
    lines = []
    missing: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.json")):
        document = report.read(path)
        for note in document.get("missing", []):
            missing.setdefault(note, []).append(path.stem)
        if document.get("skipped"):
            lines.append(f"- {path.stem}, no time for: {shortened(document['skipped'])}")
    lines += [f"- Missing in {', '.join(names)}: {note}" for note, names in missing.items()]
    lines += [f"- {name} did not end well: {why}" for name, why in run.failed.items()]
    lines += [f"- No time for {', '.join(run.skipped)}"] if run.skipped else []
    lines += [f"- {name}: {why}" for name, why in run.left_out.items()]
    return "\n".join(lines) or "Nothing is missing."
