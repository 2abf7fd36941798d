"""The results as pictures: bars beside the peers, and lines over a size."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks import report

COLOURS = {"ours": "#c8442d", "native": "#e59a8b", "peer": "#5b7a99", "reference": "#b9b4a8"}
NAMES = {
    "ours": "cyprop",
    "native": "cyprop, compiled loop",
    "peer": "peers",
    "reference": "references",
}
PEER_COLOURS = {
    "cyprop": "#c8442d",
    "cyprop, out=": "#e08a6f",
    "cyprop, bound": "#8c1d10",
    "NumPy by hand": "#3d6ea5",
    "Numba by hand, dots": "#2f9e77",
    "Numba by hand, rows": "#8fc7ab",
    "JAX": "#9467bd",
    "PyTorch eager": "#f0a35e",
    "PyTorch jit": "#d9822b",
    "ONNX Runtime": "#6b6b6b",
    "ONNX Runtime io-binding": "#a3a3a3",
    "FANN": "#b07aa1",
    "scikit-learn": "#c7a93b",
    "floor: read the weights once": "#000000",
}
RATE_COLOURS = {
    "cyprop": "#c8442d",
    "NumPy matmul": "#3d6ea5",
    "cyprop, compiled loop": "#e59a8b",
    "BLAS, compiled loop": "#9db8d6",
}


def _plot() -> Any:
    """Matplotlib's pyplot without a window, or None with a plain message."""
    try:
        import matplotlib
    except ImportError:
        print("no pictures: matplotlib is not installed")
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "figure.dpi": 130,
            "savefig.bbox": "tight",
        }
    )
    return plt


def _save(plt: Any, figure: Any, name: str) -> None:
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(report.RESULTS / f"{name}.png")
    plt.close(figure)
    print(f"drawn: {name}.png")


def bars(name: str, title: str, cases: list[dict[str, Any]]) -> None:
    """One panel a case: the median as a bar, the quartiles as a line, fastest on top."""
    plt = _plot()
    if plt is None:
        return
    columns = 2 if len(cases) > 1 else 1
    n_rows = -(-len(cases) // columns)
    most = max(len(case["results"]) for case in cases)
    figure, axes = plt.subplots(
        n_rows, columns, figsize=(6.4 * columns, (0.24 * most + 0.9) * n_rows), squeeze=False
    )
    for panel in axes.flat[len(cases) :]:
        panel.axis("off")
    for panel, case in zip(axes.flat, cases, strict=False):
        _bar_panel(panel, case)
    kinds = {row["kind"] for case in cases for row in case["results"]}
    shown = [kind for kind in COLOURS if kind in kinds]
    legend = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[kind]) for kind in shown]
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.6 / figure.get_figheight()))
    figure.suptitle(f"{title} (median and quartiles, logarithmic)", x=0.01, ha="left", fontsize=12)
    names = [NAMES[kind] for kind in shown]
    figure.legend(legend, names, ncol=len(names), loc="upper right", frameon=False)
    _save(plt, figure, name)


def _bar_panel(panel: Any, case: dict[str, Any]) -> None:
    shown = [row for row in case["results"] if row["kind"] in COLOURS]
    rows = sorted(shown, key=lambda row: row["median"], reverse=True)
    medians = [row["median"] for row in rows]
    spread = [
        [row["median"] - row["low"] for row in rows],
        [row["high"] - row["median"] for row in rows],
    ]
    panel.barh(
        range(len(rows)),
        medians,
        xerr=spread,
        color=[COLOURS[row["kind"]] for row in rows],
        error_kw={"elinewidth": 0.8, "ecolor": "#333333"},
    )
    panel.set_yticks(range(len(rows)), [row["label"] for row in rows])
    panel.set_xscale("log")
    panel.set_xlim(min(medians) / 2, max(medians) * 12)
    for i, row in enumerate(rows):
        text = report.seconds(row["median"])
        if row["kind"] == "peer" and row["times_ours"] is not None:
            text += f"  ({row['times_ours']:.1f} ×)"
        panel.text(row["high"] * 1.1, i, text, va="center", fontsize=8)
    panel.set_title(case["case"], fontsize=10)
    panel.xaxis.set_major_formatter(lambda value, _: report.seconds(value))
    panel.tick_params(axis="y", length=0)


def lines(
    name: str, cases: list[dict[str, Any]], x_label: str, title: str, per: bool = False
) -> None:
    """One line a peer over the size of each case; `per` divides the time by that size."""
    plt = _plot()
    if plt is None:
        return
    figure, panel = plt.subplots(figsize=(7.6, 4.8))
    labels = [row["label"] for row in cases[-1]["results"]]
    ends = []
    for label in labels:
        points = [
            (case["case"], row["median"] / (case["case"] if per else 1))
            for case in cases
            for row in case["results"]
            if row["label"] == label
        ]
        floor = label.startswith("floor")
        ours = label.startswith("cyprop")
        (line,) = panel.plot(
            *zip(*points, strict=True),
            color=PEER_COLOURS.get(label, "#c8442d" if ours else "#999999"),
            linewidth=2.4 if ours else 1.3,
            linestyle="--" if floor or ("," in label and ours) else "-",
            marker="" if floor else "o",
            markersize=3,
            zorder=3 if ours else 2,
        )
        ends.append((line, label, points[-1][1]))
    ends.sort(key=lambda end: -end[2])
    panel.legend(
        [end[0] for end in ends],
        [end[1] for end in ends],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    sizes = [case["case"] for case in cases]
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.set_xlabel(x_label)
    panel.set_ylabel("time a row" if per else "time a call")
    panel.yaxis.set_major_formatter(lambda value, _: report.seconds(value))
    panel.grid(axis="y", color="#e5e2da", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.set_title(title)
    _save(plt, figure, name)


def rates(name: str, cases: list[dict[str, Any]]) -> None:
    """GFLOP/s of the kernels beside OpenBLAS, one panel an operation, the FMA peak as a line."""
    plt = _plot()
    if plt is None:
        return
    operations = list(dict.fromkeys(case["operation"] for case in cases))
    figure, axes = plt.subplots(
        len(operations), 1, figsize=(10, 2.7 * len(operations)), sharex=True, squeeze=False
    )
    for panel, operation in zip(axes.flat, operations, strict=True):
        chosen = [case for case in cases if case["operation"] == operation]
        labels = [row["label"] for row in chosen[0]["results"]]
        width = 0.8 / len(labels)
        for i, label in enumerate(labels):
            panel.bar(
                [x + (i - (len(labels) - 1) / 2) * width for x in range(len(chosen))],
                [case["results"][i]["gflops"] for case in chosen],
                width,
                label=label,
                color=RATE_COLOURS.get(label, "#b9b4a8"),
            )
        peaks = [case["peak_gflops"] for case in chosen if case["peak_gflops"] is not None]
        if peaks:
            peak = statistics.median(peaks)
            panel.axhline(peak, color="black", linestyle="--", linewidth=1, label="FMA peak")
        names = [f"{case['layer']}\nbatch {case['batch']}" for case in chosen]
        panel.set_xticks(range(len(chosen)), names)
        panel.set_ylabel("GFLOP/s")
        panel.set_title(f"{operation}, {chosen[0]['dtype']}")
    handles, texts = axes.flat[0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.legend(handles, texts, ncol=len(texts), loc="upper left", frameon=False)
    _save(plt, figure, name)


def slowest(name: str, title: str, shares: list[float], cases: list[dict[str, Any]]) -> None:
    """What the slowest calls take, by their share: a row a network, a column a company."""
    plt = _plot()
    if plt is None:
        return
    networks = list(dict.fromkeys(case["network"] for case in cases))
    companies = list(dict.fromkeys(case["company"] for case in cases))
    figure, axes = plt.subplots(
        len(networks),
        len(companies),
        figsize=(4.4 * len(companies), 3.4 * len(networks)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for panel, case in zip(axes.flat, cases, strict=True):
        for row in case["results"]:
            ours = row["kind"] == "ours"
            panel.plot(
                shares[: len(row["slower"])],
                row["slower"],
                color=PEER_COLOURS.get(row["label"], "#999999"),
                linewidth=2.0 if ours else 1.3,
                linestyle=":" if row["kind"] == "call" else "-",
                label=row["label"],
                zorder=3 if ours else 2,
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(f"{case['network']}, {case['company']}", fontsize=10)
        panel.grid(color="#e5e2da", linewidth=0.7)
        panel.yaxis.set_major_formatter(lambda value, _: report.seconds(value))
    axes[0, 0].invert_xaxis()  # shared by all
    for panel in axes[-1]:
        panel.set_xlabel("share of the calls that take longer")
    for panel in axes[:, 0]:
        panel.set_ylabel("time of a call, clock included")
    handles, texts = axes.flat[0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.8 / figure.get_figheight()))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.legend(
        handles, texts, ncol=len(texts), loc="upper left", bbox_to_anchor=(0, 0.96), frameon=False
    )
    _save(plt, figure, name)
