"""The results as pictures, each from a result file: dots beside the peers, lines over a size."""

from __future__ import annotations

import statistics
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import report

COLOURS = {"ours": "#c8442d", "native": "#e59a8b", "peer": "#3d6ea5", "reference": "#9a958a"}
NAMES = {
    "ours": "cyprop, from Python",
    "native": "cyprop, from a compiled loop",
    "peer": "other libraries",
    "reference": "not called from Python",
}
LINE_COLOURS = {
    "cyprop": "#c8442d",
    "cyprop, out=": "#e08a6f",
    "cyprop, bound": "#8c1d10",
    "NumPy by hand": "#3d6ea5",
    "NumPy matmul": "#3d6ea5",
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
    "cyprop, compiled loop": "#e59a8b",
    "BLAS, compiled loop": "#9db8d6",
    "OpenBLAS, compiled loop": "#9db8d6",
    "PyTorch mm": "#f0a35e",
    "MKL, compiled loop": "#f6cfa6",
    "LIBXSMM, compiled loop": "#2f9e77",
    "PyTorch torch.compile": "#a8641b",
    "mlpfile": "#7f7f2f",
}
GRID = "#e5e2da"
TITLES = {
    "predict": "Predict one row a call",
    "learn": "Learn one row a call",
    "train": "Train for one epoch",
    "elsewhere": "Predict one row a call, networks from elsewhere",
}
FRONT = ("4-8-3", "784-30-10", "784-300-10")  # the networks of README.md's picture
WAYS = {"cyprop": "cyprop: net.predict(x)", "cyprop, bound": "cyprop: net.bind(x, out)()"}


def draw(document: dict[str, Any], folder: Path) -> None:
    """All pictures of one suite's results."""
    plt = _plot()
    if plt is None:
        return
    name, suite = document["suite"], document["suite"].partition("_")[0]
    figures = {}
    if suite in TITLES:
        figures[name] = dots(plt, document, TITLES[suite])
    if "widths" in document:
        figures[f"{name}_widths"] = lines(
            plt,
            document,
            document["widths"],
            "Predict one row a call",
            "width of two square layers",
        )
    if "batches" in document:
        title = f"Predict a batch with {document['batches'][0]['network']}"
        figures[f"{name}_batches"] = lines(
            plt, document, document["batches"], title, "rows in the batch", per=True
        )
    if suite == "kernels":
        figures[name] = rates(plt, document)
    if suite == "latency":
        figures[name] = slowest(plt, document)
    if suite == "sklearn":
        figures[name] = estimators(plt, document)
    if suite == "scaling" and {"mnist", "search"} <= set(document):
        figures[name] = scaling(plt, document)
    folder.mkdir(parents=True, exist_ok=True)
    for stem, figure in figures.items():
        _save(plt, figure, folder / f"{stem}.png")


def draw_front(document: dict[str, Any], path: Path) -> None:
    """The picture of README.md, from the results of predict."""
    plt = _plot()
    if plt is not None:
        _save(plt, front(plt, document), path)


@cache
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
            "axes.axisbelow": True,
            "figure.dpi": 130,
            "savefig.bbox": "tight",
            "svg.hashsalt": "cyprop",
        }
    )
    return plt


def _save(plt: Any, figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    print(f"drawn: {path}")


def where_and_when(document: dict[str, Any]) -> str:
    """Machine, instruction set and date, which each picture names."""
    machine, versions = document["machine"], document["versions"]
    day = datetime.fromisoformat(document["date"])
    return (
        f"{machine['processor']}, {machine['cores']} cores, {document['instruction_set']};"
        f" {day.day} {day:%B %Y}; cyprop {versions['cyprop']}, Python {versions['python']}"
    )


def dtype_of(document: dict[str, Any]) -> str:
    return str(document["cases"][0].get("dtype", "float32"))


def _frame(figure: Any, document: dict[str, Any], title: str, note: str = "") -> None:
    """The title above the panels, and below them what is said of all."""
    height = figure.get_figheight()
    figure.text(0.01, 1 - 0.1 / height, title, ha="left", va="top", fontsize=12, weight="bold")
    text = f"{note}\n{where_and_when(document)}" if note else where_and_when(document)
    figure.text(0.01, 0.06 / height, text, ha="left", va="bottom", fontsize=8, color="#555555")


def _base(cases: list[dict[str, Any]]) -> str:
    """What × is a multiple of."""
    label = next(row["label"] for row in cases[0]["results"] if row["kind"] == "ours")
    return f"×: the median as a multiple of that of “{label}” in the same panel"


def dots(plt: Any, document: dict[str, Any], title: str) -> Any:
    """One panel a case: the median as a dot, the quartiles as a line, fastest on top."""
    cases = document["cases"]
    columns = 2 if len(cases) > 1 else 1
    n_rows = -(-len(cases) // columns)
    most = max(len(case["results"]) for case in cases)
    figure, axes = plt.subplots(
        n_rows, columns, figsize=(6.4 * columns, (0.22 * most + 0.8) * n_rows + 1), squeeze=False
    )
    for panel in axes.flat[len(cases) :]:
        panel.axis("off")
    kinds: list[str] = []
    for panel, case in zip(axes.flat, cases, strict=False):
        kinds += [kind for kind in _dot_panel(panel, case) if kind not in kinds]
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.45 / height, 1, 1 - 0.7 / height))
    note = f"{_base(cases)}. Dots are medians, lines reach from quartile to quartile."
    _frame(figure, document, f"{title}, {dtype_of(document)}", note)
    marks = [
        plt.Line2D([], [], color=COLOURS[kind], marker="o", linestyle="none") for kind in kinds
    ]
    figure.legend(
        marks, [NAMES[kind] for kind in kinds], ncol=len(kinds), loc="upper left", frameon=False,
        bbox_to_anchor=(0, 1 - 0.3 / height), handletextpad=0.1, columnspacing=1.5,
    )  # fmt: skip
    return figure


def _dot_panel(panel: Any, case: dict[str, Any]) -> list[str]:
    """The kinds in it, from the top."""
    shown = [row for row in case["results"] if row["kind"] in COLOURS]
    rows = sorted(shown, key=lambda row: -row["median"])
    _draw_dots(panel, case["case"], rows)
    return list(dict.fromkeys(row["kind"] for row in reversed(rows)))


def _draw_dots(panel: Any, title: str, rows: list[dict[str, Any]]) -> None:
    """One dot a row, the first at the bottom, with its time and a peer's multiple of ours."""
    panel.hlines(range(len(rows)), 0, 1, transform=panel.get_yaxis_transform(), color=GRID, lw=0.7)
    for i, row in enumerate(rows):
        colour = COLOURS[row["kind"]]
        panel.plot([row["low"], row["high"]], [i, i], color=colour, linewidth=1.5)
        panel.plot(row["median"], i, "o", color=colour, markersize=5)
        text = report.seconds(row["median"])
        if row["kind"] == "peer" and row["times_ours"] is not None:
            text += f"  ({row['times_ours']:.3g} ×)"
        panel.annotate(
            text, (max(row["high"], row["median"]), i), (6, 0), textcoords="offset points",
            va="center", fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    medians = [row["median"] for row in rows]
    panel.set_yticks(range(len(rows)), [row["label"] for row in rows])
    panel.set_ylim(-0.7, len(rows) - 0.3)
    panel.set_xscale("log")
    spread = max(medians) / min(medians)
    width = panel.get_position().width * panel.figure.get_figwidth()
    room = min(0.42, 1.3 / max(width - 1.3, 1))  # for the text behind the last dot
    panel.set_xlim(min(medians) / spread**0.06 / 1.1, max(medians) * spread**room * 1.8)
    panel.set_title(title, fontsize=10)
    _label_times(panel.xaxis)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)


def _label_times(axis: Any) -> None:
    """Ticks at 1, 10, 100 … of a unit, and at some in between where the axis is short."""
    from matplotlib import ticker

    low, high = axis.get_view_interval()
    steps = (1.0,) if high / low > 200 else (1.0, 3.0) if high / low > 20 else (1.0, 2.0, 5.0)
    axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=12))
    axis.set_major_formatter(lambda value, _: report.seconds(value))
    axis.set_minor_formatter(ticker.NullFormatter())


def front(plt: Any, document: dict[str, Any]) -> Any:
    """One row a library, one panel a network; of each library the fastest way in."""
    cases = [case for case in document["cases"] if case["case"] in FRONT]
    best = [_fastest(case) for case in cases]
    libraries = sorted(
        set.intersection(*map(set, best)),
        key=lambda library: -statistics.geometric_mean(rows[library]["median"] for rows in best),
    )
    figure, axes = plt.subplots(
        1, len(cases), figsize=(10.5, 0.27 * len(libraries) + 1.55), sharey=True, squeeze=False
    )
    for panel, case, rows in zip(axes.flat, cases, best, strict=True):
        _draw_dots(panel, case["case"], [rows[library] for library in libraries])
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.42 / height, 1, 1 - 0.32 / height))
    note = (
        "Logarithmic; left is faster. ×: the time as a multiple of net.predict(x)'s in the same"
        " panel. Of each library the fastest of its ways in."
    )
    title = f"Time to predict one row from Python, {dtype_of(document)}, one thread"
    _frame(figure, document, title, note)
    return figure


def _fastest(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of each library its fastest entry, of cyprop two, by the names that the picture has."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(case["results"], key=lambda row: row["median"]):
        name = _library(row["label"]) if row["kind"] == "peer" else WAYS.get(row["label"])
        if name is not None:
            found.setdefault(name, {**row, "label": name})
    return found


def _library(label: str) -> str:
    return (
        label.partition(",")[0]
        .removesuffix(" io-binding")
        .removesuffix(" jit")
        .removesuffix(" eager")
        .removesuffix(" torch.compile")
    )


def lines(
    plt: Any,
    document: dict[str, Any],
    cases: list[dict[str, Any]],
    title: str,
    x_label: str,
    per: bool = False,
) -> Any:
    """One line a peer over the size of each case; `per` divides the time by that size.

    The legend is in the order in which the lines end on the right, since it stands there.
    """
    figure, panel = plt.subplots(figsize=(9.4, 5.2))
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
            color=LINE_COLOURS.get(label, "#c8442d" if ours else "#999999"),
            linewidth=2.4 if ours else 1.3,
            linestyle="--" if floor or ("," in label and ours) else "-",
            marker="" if floor else "o",
            markersize=3,
            zorder=3 if ours else 2,
        )
        ends.append((points[-1][1], label, line))
    ends.sort(key=lambda end: -end[0])
    texts = [f"{label}, {report.seconds(value)}" for value, label, _ in ends]
    panel.legend(
        [line for _, _, line in ends],
        texts,
        title=f"at {cases[-1]['case']:,}, from the slowest",
        alignment="left",
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    sizes = [case["case"] for case in cases]
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.set_xlabel(x_label)
    panel.set_ylabel("time a row" if per else "time a call")
    _label_times(panel.yaxis)
    panel.grid(axis="y", color=GRID, linewidth=0.7)
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.25 / height, 1, 1 - 0.3 / height))
    _frame(figure, document, f"{title}, {dtype_of(document)}, one thread")
    return figure


def estimators(plt: Any, document: dict[str, Any]) -> Any:
    """How many times as fast `fit` is as scikit-learn's, one row a table, one dot a dtype."""
    cases = document["cases"]
    names = list(dict.fromkeys(case["table"] for case in cases))[::-1]
    figure, panel = plt.subplots(figsize=(8, 0.32 * len(names) + 1.6))
    panel.hlines(range(len(names)), 0, 1, transform=panel.get_yaxis_transform(), color=GRID, lw=0.7)
    for dtype, colour in (("float64", COLOURS["ours"]), ("float32", COLOURS["native"])):
        found = {case["table"]: case for case in cases if case["dtype"] == dtype}
        ratios = [found[name]["times_as_fast"] for name in names]
        panel.plot(ratios, range(len(names)), "o", color=colour, markersize=6, label=dtype)
    panel.axvline(1, color=COLOURS["peer"], linewidth=1.2)
    labels = [
        f"{name}, {next(c['rows'] for c in cases if c['table'] == name):,} rows" for name in names
    ]
    panel.set_yticks(range(len(names)), labels)
    panel.set_xlim(0, None)
    panel.set_ylim(-0.7, len(names) - 0.3)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncol=2, frameon=False)
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.45 / height, 1, 1 - 0.3 / height))
    note = (
        "Processor time of scikit-learn's fit ÷ that of cyprop.sklearn's, the same rows, parameters"
        f" and seeds ({len(cases[0]['seeds']['cyprop'])}); geometric means. The line: scikit-learn."
    )
    _frame(figure, document, "fit, × as fast as scikit-learn's own", note)
    return figure


def scaling(plt: Any, document: dict[str, Any]) -> Any:
    """Accuracy by round, of even and skewed partitions and of fit; the time of a search."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=[3, 2])
    mnist, search = document["mnist"], document["search"]
    names = {"fit": "fit", "even": "16 even partitions", "skewed": "sorted by label"}
    colours = {"fit": COLOURS["reference"], "even": COLOURS["ours"], "skewed": COLOURS["native"]}
    rows = {row["label"]: row for row in mnist["results"]}
    for label, name in names.items():
        if label in rows:
            scores = rows[label]["accuracy"]
            left.plot(range(1, len(scores) + 1), scores, "o-", color=colours[label], label=name)
    left.set_xlabel(f"round ({mnist['local_epochs']} passes each)")
    left.set_ylabel("MNIST test images read right, %")
    left.legend(frameon=False, loc="lower right")
    times = {
        "GridSearchCV, n_jobs=2": search["grid_search"],
        "fit_many, one thread": search["one_thread"],
        "fit_many, two threads": search["two_threads"],
    }
    shades = [COLOURS["peer"], COLOURS["native"], COLOURS["ours"]]
    bars = right.barh(list(times), list(times.values()), color=shades)
    right.bar_label(bars, [report.seconds(value) for value in times.values()], padding=3)
    right.margins(x=0.15)
    right.invert_yaxis()
    right.set_xlabel(f"seconds for {search['networks']} networks")
    for axis in (left, right):
        axis.grid(True, color=GRID)
        axis.set_axisbelow(True)
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.25 / height, 1, 1 - 0.35 / height))
    _frame(figure, document, "Four processes of Dask, and 64 networks at once")
    return figure


def rates(plt: Any, document: dict[str, Any]) -> Any:
    """GFLOP/s of the kernels beside others', one panel an operation, the FMA peak as a line."""
    cases = document["cases"]
    operations = list(dict.fromkeys(case["operation"] for case in cases))
    figure, axes = plt.subplots(
        len(operations), 1, figsize=(10, 2.5 * len(operations) + 1), sharex=True, squeeze=False
    )
    for panel, operation in zip(axes.flat, operations, strict=True):
        chosen = [case for case in cases if case["operation"] == operation]
        peaks = [case["peak_gflops"] for case in chosen if case["peak_gflops"] is not None]
        if peaks:
            peak = statistics.median(peaks)
            panel.axhline(peak, color="black", linestyle="--", linewidth=1, label="FMA peak")
        labels = list(dict.fromkeys(row["label"] for case in chosen for row in case["results"]))
        rates_of = [{row["label"]: row["gflops"] for row in case["results"]} for case in chosen]
        width = 0.8 / len(labels)
        for i, label in enumerate(labels):
            panel.bar(
                [x + (i - (len(labels) - 1) / 2) * width for x in range(len(chosen))],
                [rate.get(label, 0) for rate in rates_of],
                width,
                label=label,
                color=LINE_COLOURS.get(label, "#9a958a"),
            )
        names = [f"{case['layer']}\nbatch {case['batch']}" for case in chosen]
        panel.set_xticks(range(len(chosen)), names)
        panel.set_xlim(-0.6, len(chosen) - 0.4)
        panel.grid(axis="y", color=GRID, linewidth=0.7)
        panel.set_ylabel("GFLOP/s")
        panel.set_title(operation)
    handles, texts = axes.flat[0].get_legend_handles_labels()
    height = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.25 / height, 1, 1 - 0.8 / height))
    figure.legend(
        handles, texts, ncol=4, loc="upper left", frameon=False,
        bbox_to_anchor=(0, 1 - 0.28 / height),
    )  # fmt: skip
    title = f"The products of a layer beside other libraries, {dtype_of(document)}, one thread"
    _frame(figure, document, title, "From zero, not logarithmic; higher is faster.")
    return figure


def slowest(plt: Any, document: dict[str, Any]) -> Any:
    """What the slowest calls take, by their share: a row a network, a column a company."""
    shares, cases = document["shares"], document["cases"]
    networks = list(dict.fromkeys(case["network"] for case in cases))
    companies = list(dict.fromkeys(case["company"] for case in cases))
    figure, axes = plt.subplots(
        len(networks),
        len(companies),
        figsize=(4.4 * len(companies) + 1.6, 3.2 * len(networks) + 0.8),
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
                color=LINE_COLOURS.get(row["label"], "#999999"),
                linewidth=2.0 if ours else 1.3,
                linestyle=":" if row["kind"] == "call" else "-",
                label=row["label"],
                zorder=3 if ours else 2,
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(f"{case['network']}, {case['company']}", fontsize=10)
        panel.grid(color=GRID, linewidth=0.7)
        _label_times(panel.yaxis)
    axes[0, 0].set_xlim(1.5, 6e-7)  # shared by all: from every call to the slowest of a million
    axes[0, 0].set_xticks(
        [10.0**-i for i in range(7)],
        ["1", "10", "100", "1,000", "10,000", "100,000", "10⁶"],
    )
    for panel in axes[-1]:
        panel.set_xlabel("one call in so many takes longer")
    for panel in axes[:, 0]:
        panel.set_ylabel("time of a call, clock included")
    medians = {row["label"]: row["p50"] for row in cases[0]["results"]}
    handles = dict(zip(*reversed(axes.flat[0].get_legend_handles_labels()), strict=True))
    order = sorted(medians, key=lambda label: -medians[label])
    height, width = figure.get_figheight(), figure.get_figwidth()
    figure.tight_layout(rect=(0, 0.25 / height, 1 - 1.8 / width, 1 - 0.35 / height))
    figure.legend(
        [handles[label] for label in order],
        order,
        title="from the slowest, top left panel",
        alignment="left",
        loc="center left",
        bbox_to_anchor=(1 - 1.8 / width, 0.5),
        frameon=False,
    )
    _frame(figure, document, f"The slowest calls, {dtype_of(document)}")
    return figure
