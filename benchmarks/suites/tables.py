"""cyprop train against scikit-learn's MLPRegressor on a real table: the error on held-out rows.

The table is diamonds (53,940 rows, price from 9 columns), as the package plotnine carries it. For
each seed, ``cyprop train`` is run as a user would run it, and MLPRegressor learns from the same
rows, scaled the same, with the same layers, optimizer, learning rate, batch size and epochs: once
with tanh, as cyprop train has it in a regression, and once with relu, its own default. Its penalty
on weights and its early stopping, which cyprop train does not have, are off; cyprop train lowers
the learning rate in the last fifth of the epochs, which MLPRegressor cannot.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import report
from cyprop import Network, datasets
from cyprop.cli import parser as cli
from cyprop.tables import encoding, scaling
from cyprop.tables import table as tables

TARGET = "price"
HIDDEN = (128,)
BATCH_SIZE = 32
LEARNING_RATE = 0.001
NAMES = ("cyprop train", "MLPRegressor tanh", "MLPRegressor relu")


def diamonds() -> Path:
    """The table in the installed plotnine, which is not imported for that."""
    package = importlib.util.find_spec("plotnine")
    if package is None or package.origin is None:
        sys.exit("the table comes with plotnine, which is not installed: pip install plotnine")
    return Path(package.origin).parent / "data" / "diamonds.csv"


def cyprop_error(
    path: Path, X: np.ndarray, y: np.ndarray, held: np.ndarray, seed: int, epochs: int
) -> tuple[float, float]:
    """Root mean squared error on the held-out rows, and the seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.safetensors")
        command = ["train", str(path), "--target", TARGET, "--hidden", ",".join(map(str, HIDDEN))]
        command += ["--batch-size", str(BATCH_SIZE), "--learning-rate", str(LEARNING_RATE)]
        command += ["--epochs", str(epochs), "--seed", str(seed), "--output", model]
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            if cli.main(command):
                sys.exit("cyprop train failed")
        seconds = time.perf_counter() - started
        predicted = Network.load(model).predict(X[held])[:, 0]
    return root_mean_square(predicted - y[held]), seconds


def sklearn_error(
    X: np.ndarray, y: np.ndarray, held: np.ndarray, activation: str, seed: int, epochs: int
) -> tuple[float, float]:
    """The same of MLPRegressor, without the reading of the table."""
    from sklearn.neural_network import MLPRegressor

    inputs = scaling.Scaling.of(X[~held])
    target = scaling.Scaling.of(y[~held, np.newaxis])
    model = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        activation=activation,
        solver="adam",
        alpha=0.0,
        batch_size=BATCH_SIZE,
        learning_rate_init=LEARNING_RATE,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=seed,
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: it has its epochs
        model.fit(
            inputs.apply(X[~held]).astype("float32"),
            target.apply(y[~held, np.newaxis]).astype("float32").ravel(),
        )
    seconds = time.perf_counter() - started
    scaled = model.predict(inputs.apply(X[held]).astype("float32")).astype(float)
    predicted = target.mean + target.scale * scaled
    return root_mean_square(predicted - y[held]), seconds


def root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt(np.square(errors).mean()))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks tables", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15)
    report.add_output(parser)
    options = parser.parse_args(arguments)

    path = diamonds()
    table = tables.read_table(path)
    coded, _ = encoding.choose(table, TARGET)
    X, y = coded.encode(table), coded.encode_target(table)[:, 0]
    print(
        f"diamonds: {len(table):,} rows; root mean squared error of {TARGET} on the held-out fifth"
    )
    print(f"layers {coded.n_in}-{'-'.join(map(str, HIDDEN))}-1, Adam, {options.epochs} epochs\n")
    print("seed" + "".join(f"{name:>28}" for name in NAMES))
    results: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    for seed in range(options.seeds):
        held = datasets.held_out(len(table), 0.2, seed)
        line = f"{seed:4}"
        for name in NAMES:
            if name == "cyprop train":
                error, seconds = cyprop_error(path, X, y, held, seed, options.epochs)
            else:
                error, seconds = sklearn_error(X, y, held, name.split()[-1], seed, options.epochs)
            results[name].append({"error": error, "seconds": seconds})
            line += f"{error:18.1f}{seconds:8.1f} s"
        print(line, flush=True)
    means = {name: float(np.mean([run["error"] for run in results[name]])) for name in NAMES}
    print("mean" + "".join(f"{mean:18.1f}{'':10}" for mean in means.values()))
    report.save(
        "tables",
        {
            "table": "diamonds, from plotnine",
            "rows": len(table),
            "layers": [coded.n_in, *HIDDEN, 1],
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "epochs": options.epochs,
            "mean_error": means,
            "seeds": results,
        },
        options.output,
    )
