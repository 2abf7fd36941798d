"""The tables of the documents, made of result files and put between their markers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import pictures, side_by_side
from benchmarks.tables import best_peer, markdown, named, time

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
PAGES = {  # tables that stand elsewhere
    "online": DOCS / "online.md",
    "scaling": DOCS / "scaling.md",
    "sklearn": DOCS / "scikit-learn.md",
}
BEGIN, END = "<!-- Made by `python -m benchmarks render --write`: {}. -->", "<!-- End. -->"
LOOPS = {  # the columns of the kernels, and what their entries are called
    "cyprop": ("cyprop, compiled loop",),
    "OpenBLAS": ("OpenBLAS, compiled loop", "BLAS, compiled loop"),
    "MKL": ("MKL, compiled loop",),
    "LIBXSMM": ("LIBXSMM, compiled loop",),
}
CALLS = {  # the same where no loop could be compiled
    "cyprop": ("cyprop",),
    "NumPy": ("NumPy matmul",),
    "PyTorch": ("PyTorch mm",),
}
Document = dict[str, Any]
Case = dict[str, Any]

PREDICT = {
    "`predict(x)`": "cyprop",
    "`predict(x, out)`": "cyprop, out=",
    "`bind(x, out)()`": "cyprop, bound",
    "from a nogil loop": "cyprop from a nogil loop",
    "the same through `cimport cyprop`": "cyprop through cimport",
    "C, sizes fixed when compiled": "C, sizes fixed",
    "reading the weights once": "floor: read the weights once",
}


def tables(documents: dict[str, Document], kinds: dict[str, dict[str, Document]]) -> dict[str, str]:
    """Each table as Markdown, with the line about its machine and date, by its name.

    All are of one kind of machine, but the one that has a column for each kind.
    """
    made = {"losses": losses(documents), "side by side": side_by_side.table(kinds)}
    return made | of_suites(documents)


def of_suites(documents: dict[str, Document]) -> dict[str, str]:
    """The table of each suite that there are results of."""
    makers = {
        "predict": predict,
        "learn": learn,
        "kernels": kernels,
        "train": train,
        "threads": threads,
        "simplechains": simplechains,
        "gradient": gradient,
        "instructions": instructions,
        "latency": latency,
        "mnist": mnist,
        "options": options,
        "loss": loss,
        "online": online,
        "elsewhere": elsewhere,
        "large": large,
        "scaling": scaling,
        "sklearn": sklearn,
    }
    return {
        name: f"{maker(documents[name])}\n\n{source(documents[name])}"
        for name, maker in makers.items()
        if name in documents
    }


def write(made: dict[str, str]) -> None:
    for path, tables_of_page in by_page(made).items():
        text = path.read_text(encoding="utf-8")
        path.write_text(filled(text, tables_of_page), encoding="utf-8")
        print(f"written: {path}")


def by_page(made: dict[str, str]) -> dict[Path, dict[str, str]]:
    found: dict[Path, dict[str, str]] = {}
    for name, table in made.items():
        found.setdefault(PAGES.get(name, PAGE), {})[name] = table
    return found


def filled(text: str, made: dict[str, str]) -> str:
    """The page with these tables between its markers."""
    for name, table in made.items():
        begin = BEGIN.format(name)
        pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"the page does not have one place for {name!r}")
        text = pattern.sub(lambda _, new=f"{begin}\n{table}\n{END}": new, text)  # type: ignore[misc]
    return text


def source(document: Document) -> str:
    return f"`{document['suite']}.json`: {pictures.where_and_when(document)}."


def predict(document: Document) -> str:
    cases = document["cases"]
    rows = [
        [text, *(time(named(case, label)) for case in cases)] for text, label in PREDICT.items()
    ]
    ratios = [f"{b['times_ours']:.2f} ({b['label']})" for b in map(best_peer, cases)]
    rows.append(["fastest peer ÷ `predict(x)`", *ratios])
    return markdown(["", *(case["case"] for case in cases)], rows)


def learn(document: Document) -> str:
    rows = []
    for case in document["cases"]:
        ours, best = named(case, "cyprop"), best_peer(case)
        floor = named(case, "floor: read, then read and rewrite")
        ratio = f"{best['times_ours']:.2f} ({best['label']})"
        rows.append([case["case"], time(ours), ratio, time(floor)])
    header = ["", "`learn_one`", "fastest peer ÷ that", "reading the weights, then rewriting them"]
    return markdown(header, rows)


def kernels(document: Document) -> str:
    """By layer and batch, of cyprop and of each library: compiled loops, or calls from Python."""
    operations = list(dict.fromkeys(case["operation"] for case in document["cases"]))
    names = {"forward": "forward", "backward_W": "dW", "backward_A": "dA_prev"}
    labels = {row["label"] for case in document["cases"] for row in case["results"]}
    ways = LOOPS if "cyprop, compiled loop" in labels else CALLS
    shown = {name: labels & set(called) for name, called in ways.items() if labels & set(called)}
    cells: dict[str, list[str]] = {}
    for case in document["cases"]:
        found = [
            next((row for row in case["results"] if row["label"] in called), None)
            for called in shown.values()
        ]
        rates = ", ".join("–" if row is None else f"{row['gflops']:.0f}" for row in found)
        cells.setdefault(f"{case['batch']} × {case['layer']}", []).append(rates)
    header = ["batch × layer", *(f"{names[o]}: {', '.join(shown)}" for o in operations)]
    return markdown(header, [[name, *row] for name, row in cells.items()])


def threads(document: Document) -> str:
    """How many times as fast as one thread."""
    counts = [row["label"] for row in document["cases"][0]["results"]]
    rows = [
        [
            case["case"],
            time(case["results"][0]["median"]),
            *(f"{row['speedup']:.2f} ×" for row in case["results"][1:]),
        ]
        for case in document["cases"]
    ]
    return markdown(["", *counts], rows)


def simplechains(document: Document) -> str:
    """An epoch of ours and PyTorch's, and the published ones for a core."""
    [case] = document["cases"]
    rows = [[row["label"], time(row["median"])] for row in case["results"]]
    rows += [[row["label"], time(row["core_seconds"])] for row in document["published"]]
    return markdown([case["case"], "time"], rows)


def gradient(document: Document) -> str:
    rows = []
    for case in document["cases"]:
        best = best_peer(case)
        ratio = f"{best['times_ours']:.2f} ({best['label']})"
        rows.append([case["case"], time(named(case, "cyprop")), ratio])
    return markdown(["float64", "`gradients`", "fastest peer ÷ that"], rows)


def loss(document: Document) -> str:
    """A row of each loss, and PyTorch's forward by ours."""
    rows = []
    for case in document["cases"]:
        peers = [row for row in case["results"] if row["kind"] == "peer"]
        ratio = f"{peers[0]['times_ours']:.2f}" if peers else ""
        ours = [time(named(case, label)) for label in ("forward", "backward")]
        rows.append([case["case"], *ours, ratio])
    return markdown(["", "C", "its derivative", "PyTorch's C ÷ that"], rows)


def train(document: Document) -> str:
    rows = []
    for case in document["cases"]:
        ratios = sorted(
            (row["times_ours"], row["label"]) for row in case["results"] if row["kind"] == "peer"
        )
        texts = [f"{ratio:.2f} ({label.partition(',')[0]})" for ratio, label in ratios]
        texts = [*texts, "", "", ""][:3]
        rows.append([case["case"], time(named(case, "cyprop")), *texts])
    header = ["", "`fit`, an epoch", "fastest peer ÷ that", "the second", "the third"]
    return markdown(header, rows)


def instructions(document: Document) -> str:
    """Of one call as people write it; of Numba's two ways the better."""
    names = {"predict": "`predict(x)`", "learn": "`learn_one`", "epoch": "`fit`, an epoch"}
    rows = []
    for case in document["cases"]:
        task, _, network = case["case"].partition(" ")
        [ours] = [row for row in case["results"] if row["label"] == "cyprop"]
        peers = [row["this"] for row in case["results"] if row["kind"] == "peer"]
        counts = [ours["this"], ours["against"], *([min(peers)] if peers else [])]
        texts = [f"{count:,.0f}" for count in counts] + [""] * (not peers)
        rows.append([f"{names[task]}, {network}", *texts])
    before = f"before, {document['against']['label']}"
    return markdown(["", "cyprop", before, "Numba by hand"], rows)


def options(document: Document) -> str:
    """Each option's epoch by the plain one; last, our step of an optimizer by PyTorch's."""
    epochs = [case for case in document["cases"] if "ratio" not in case]
    rows = [
        [found[0]["label"], *(f"{row['times_plain']:.2f}" for row in found)]
        for found in zip(*(case["results"] for case in epochs), strict=True)
        if found[0]["label"] != "plain"
    ]
    table = markdown(["an epoch ÷ the plain one", *(case["case"] for case in epochs)], rows)
    steps = [case for case in document["cases"] if "ratio" in case]
    if not steps:
        return table
    names = [case["case"].rpartition(" ")[2] for case in steps]
    ratios = [f"{case['ratio']:.2f}" for case in steps]
    step = ["step of AdamW ÷ PyTorch's fused one", *ratios]
    return f"{table}\n\n{markdown(['', *names], [step])}"


def mnist(document: Document) -> str:
    """The mean accuracy of each recipe, of how many seeds, and the time of an epoch."""
    rows = []
    for recipe in document["recipes"]:
        found = {row["label"]: row for row in recipe["results"]}
        texts = []
        for label in ("cyprop", "PyTorch"):
            if label in found:
                row, n = found[label], len(found[label]["runs"])
                texts.append(f"{row['accuracy']:.2f} % ({n} seed{'s' * (n > 1)})")
                texts.append(time(row["seconds_an_epoch"]))
            else:
                texts += ["–", "–"]
        name = f"{recipe['network']}, {recipe['epochs']} epochs of batches of"
        rows.append([f"{name} {recipe['batch_size']}: {recipe['setting']}", *texts])
    return markdown(["", "cyprop", "an epoch", "PyTorch", "an epoch"], rows)


def online(document: Document) -> str:
    """Time and scores of every entrant; those of another model than the task names in italics."""
    rows = []
    for case in document["cases"]:
        scale, unit = (100, " %") if case["kind"] == "classes" else (1, "")
        title = case["case"]
        for row in case["results"]:
            score = row["score"]
            texts = [
                f"{score[when] * scale:#.3g}".rstrip(".") + unit
                for when in ("all", "before", "end")
            ]
            label = f"*{row['label']}*" if row["kind"] == "reference" else row["label"]
            ratio = f"{row['times_ours']:,.{2 if row['times_ours'] < 10 else 0}f}"
            rows.append([title, label, time(row["median"]), ratio, *texts])
            title = ""
    header = ["", "", "a row", "÷ cyprop", "error, all rows", "before the drift", "at the end"]
    return markdown(header, rows)


def elsewhere(document: Document) -> str:
    """One row in each runtime; the largest differences; and how long loading takes."""
    rows = []
    for case in document["cases"]:
        peers = [row for row in case["results"] if row["kind"] == "peer"]
        texts = [f"{time(row['median'])} ({row['label']})" for row in peers]
        ours = [time(named(case, label)) for label in ("cyprop", "cyprop, bound")]
        rows.append([case["case"], *ours, " · ".join(texts)])
    one_row = markdown(["", "`predict(x)`", "`bind(x, out)()`", "its own runtime"], rows)
    rows = [
        [found["file"], found["layers"], found["runtime"], f"{found['largest']:.3g}",
         f"{found['difference'] / found['largest']:.1e}"]
        for found in document["differences"]
    ]  # fmt: skip
    header = ["", "layers", "runtime", "largest output", "largest difference ÷ that"]
    differences = markdown(header, rows)
    [load] = document["loads"]
    rows = [[row["label"], time(row["median"])] for row in load["results"]]
    loads = markdown([f"{load['case']}, {load['bytes'] / 1000:,.0f} kB", "time"], rows)
    return f"{one_row}\n\n{differences}\n\n{loads}"


def large(document: Document) -> str:
    """Resident memory of training on mapped files; and sparse rows beside dense ones."""
    files = [row for case in document["cases"] if "ratio" not in case for row in case["results"]]
    rows = [
        [
            row["label"],
            f"{row['resident_before_mb']:.0f} MB",
            f"{row['resident_most_mb']:.0f} MB",
            f"{row['seconds']:.1f} s",
        ]
        for row in files
    ]
    table = markdown(["a file of float32", "before `fit`", "at most", "an epoch"], rows)
    sparse = [case for case in document["cases"] if "ratio" in case]
    header = ["", *(case["case"].removeprefix("CSR, ") for case in sparse)]
    ratios = ["an epoch of CSR ÷ of dense rows", *(f"{case['ratio']:.2f}" for case in sparse)]
    return f"{table}\n\n{markdown(header, [ratios])}"


def sklearn(document: Document) -> str:
    """Scores and times of fitting, of both; and what one row costs to ask about."""
    rows = []
    for name in dict.fromkeys(case["table"] for case in document["cases"]):
        wide, narrow = (
            next(c for c in document["cases"] if c["table"] == name and c["dtype"] == dtype)
            for dtype in ("float64", "float32")
        )
        scores = [
            f"{wide['score'][label]:.4f} ± {wide['spread'][label]:.4f}"
            for label in ("cyprop", "scikit-learn")
        ]
        ratios = [f"{case['times_as_fast']:.1f}" for case in (wide, narrow)]
        rows.append([name, f"{wide['rows']:,}", *scores, time(wide["seconds"]["cyprop"]), *ratios])
    means = [f"{document['geometric_mean'][dtype]:.1f}" for dtype in ("float64", "float32")]
    rows.append(["geometric mean", "", "", "", "", *means])
    header = ["table", "rows", "score", "scikit-learn's", "`fit`", "× as fast", "in float32"]
    asked = document["one_row"]["results"]
    peer = best_peer(document["one_row"])["median"]
    ways = [[row["label"], time(row["median"]), f"{peer / row['median']:.0f}"] for row in asked]
    one_row = markdown(["one row of digits a call", "time", "× as fast"], ways)
    return f"{markdown(header, rows)}\n\n{one_row}"


def scaling(document: Document) -> str:
    """MNIST on four processes; trainings that lost a worker; and 64 networks at once."""
    mnist, deaths, search = (document[part] for part in ("mnist", "deaths", "search"))
    passes = mnist["rounds"] * mnist["local_epochs"]
    names = {
        "fit": f"`fit`, {passes} epochs, one thread",
        "even": f"{mnist['rounds']} rounds of {mnist['local_epochs']} local epochs",
        "skewed": "the same, rows sorted by label",
    }
    rows = []
    for row in sorted(mnist["results"], key=lambda row: list(names).index(row["label"])):
        rounds = [row.get("seconds_a_round"), row.get("task_seconds_a_round")]
        score = f"{row['accuracy'][-1]:.2f} %"
        rows.append([names[row["label"]], score, time(row["seconds"]), *map(time, rounds)])
    header = ["MNIST, 784-300-10, 16 partitions", "accuracy", "time", "a round", "its tasks' sum"]
    learning = markdown(header, rows)
    killed = markdown(
        ["a worker killed", "the same bits", "undisturbed", "the slowest ÷ that"],
        [[f"{deaths['runs']} runs", f"{deaths['same_bits']}", time(deaths["undisturbed"]),
          f"{deaths['slowest']:.2f}"]],
    )  # fmt: skip
    two = search["two_threads"]
    ways = {
        "`fit_many`, two threads": two,
        "`fit_many`, one thread": search["one_thread"],
        "scikit-learn's `GridSearchCV`, `n_jobs=2`": search["grid_search"],
    }
    header = [f"{search['networks']} networks 16-64-64-4, {search['epochs']} epochs", "time", "÷"]
    many = markdown(header, [[name, time(t), f"{t / two:.2f}"] for name, t in ways.items()])
    return f"{learning}\n\n{killed}\n\n{many}"


def latency(document: Document) -> str:
    rows = []
    for case in document["cases"]:
        for row in case["results"]:
            if row["label"] in ("cyprop, bound", "ONNX Runtime io-binding"):
                name = row["label"].replace("cyprop, bound", "`bind(x, out)()`")
                times = [time(row[share]) for share in ("p50", "p99", "p99.9", "worst")]
                rows.append([case["case"], name, *times])
    return markdown(["", "", "p50", "p99", "p99.9", "worst"], rows)


def losses(documents: dict[str, Document]) -> str:
    """Every entry of cyprop's that a peer of the same case beats, the worst first in each suite."""
    rows = []
    for suite, document in documents.items():
        found = [loss for title, case in all_cases(document) for loss in lost(title, case)]
        for ratio, title, door, peer in sorted(found):
            rows.append([suite, title, f"`{door}`", peer, f"{ratio:.3f}"])
    if not rows:
        return "No peer is ahead of an entry of cyprop's in any result file."
    return markdown(["suite", "case", "entry of cyprop's", "faster peer", "its time ÷ ours"], rows)


def all_cases(document: Document) -> Iterator[tuple[str, Case]]:
    """Every case with medians, under whatever name the suite has it, and how to call it."""
    for group, cases in document.items():
        if not isinstance(cases, list):
            continue
        for case in cases:
            rows = case.get("results") if isinstance(case, dict) else None
            if isinstance(rows, list) and all("median" in row and "kind" in row for row in rows):
                title = str(case["case"])
                if group == "widths":
                    title = str(case["network"])
                if group == "batches":
                    title = f"{case['network']}, batch of {case['case']}"
                yield title, case


def lost(title: str, case: Case) -> Iterator[tuple[float, str, str, str]]:
    """Ratio, case, entry and peer where the fastest peer is ahead of an entry."""
    ours = [row for row in case["results"] if row["kind"] == "ours"]
    if not ours or not any(row["kind"] == "peer" for row in case["results"]):
        return
    best = best_peer(case)
    for row in ours:
        ratio = best["median"] / row["median"]
        if ratio < 1:
            yield ratio, title, row["label"], best["label"]
