"""``cyprop train`` and ``cyprop predict``, on the library and nothing else."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.cli import plots
from cyprop.cli.lesson import learn, prepare
from cyprop.cli.output import checked_output, layers, show, task, with_size
from cyprop.cli.reading import DIGITS, NOTES, read_table, with_columns
from cyprop.network import Network
from cyprop.rules import ActivationName, Optimizer
from cyprop.tables import table as tables
from cyprop.tables.encoding import Encoding
from cyprop.tables.scores import fingerprint, score, scores

Array = npt.NDArray[Any]

LEARNING_RATES = {"adam": 0.002, "adamw": 0.002}  # unless one is asked for, or the optimizer's own
ACTIVATIONS: dict[str, ActivationName] = {"classification": "relu", "regression": "tanh"}


def train(options: argparse.Namespace) -> None:
    """Learn from a table; show how it goes; write the network and say how to use it."""
    output = checked_output(
        options.output or f"{Path(options.table).stem}.safetensors", options.table
    )
    if options.plot:
        checked_output(options.plot, options.table)
        plots.check_plot(options.plot)

    table = read_table(options.table)
    n_read = len(table)
    digits = options.table == DIGITS
    target = "digit" if digits else options.target
    if options.skip_missing:
        table = table.without_missing(set(table.columns) - set(options.drop) | {target})
        if not len(table):
            raise ValueError(f"every row of {table.name} has a missing value")
    lesson = prepare(
        table,
        target,
        "classification" if digits else options.task,
        options.drop,
        options.validation,
        options.seed,
        options.dtype,
    )
    dtype, why = _dtype(options.dtype, lesson.hard_in_float32)
    network = _new_network(options, lesson.encoding, dtype)
    held = lesson.held
    skipped = f", {n_read - len(table):,} skipped for missing values" if n_read > len(table) else ""
    reason = "" if digits else f": {lesson.reason}"
    show(
        [
            (table.name, f"{len(table):,} rows{skipped}; {held.sum():,} held out"),
            ("task", task(lesson.encoding) + reason),
            ("network", f"{layers(network)}: {network.n_parameters:,} parameters, {dtype}{why}"),
        ]
    )
    history = learn(network, lesson, options.epochs, options.batch_size)

    network = lesson.fold(network)
    predictions = network.predict(lesson.X[held])
    notes = lesson.encoding.to_json()
    notes["held_out"] = fingerprint(table, predictions, options.validation, options.seed)
    network.save(output, metadata={NOTES: json.dumps(notes)})

    seconds = sum(history.seconds)
    rate = len(history) * int((~held).sum()) / seconds
    lines = [("", "")]
    if held.any():
        lines.append(("held out", score(lesson.encoding, predictions, table.take(held))))
    lines += [
        ("time", f"{seconds:.2f} s of training, {rate:,.0f} samples a second"),
        ("written", with_size(output)),
    ]
    if options.plot:
        plots.loss_curves(history, options.plot, f"{table.name}: {layers(network)}")
        lines.append(("plot", options.plot))
    show(lines)
    print(f"\nUse it:  {_use(output, options.table)}")


def predict(options: argparse.Namespace) -> None:
    """Answer each row of a table, and score the answers where the target is known."""
    if options.output is not None:
        tables.check_suffix(checked_output(options.output, options.table, options.model))
    network, notes, encoding = with_columns(options.model)
    table = read_table(options.table)
    if options.skip_missing:
        table = table.without_missing(column.name for column in encoding.inputs)
    outputs = network.predict(encoding.encode(table, network.dtype))
    answers: dict[str, Array] = {"row": table.rows}
    if encoding.classes is None and network.labels is not None:
        answers["prediction"] = network.classify(encoding.encode(table, network.dtype))
    elif encoding.classes is None:
        answers["prediction"] = outputs[:, 0]
    else:
        classes = np.array(encoding.classes)
        best = outputs.argmax(axis=1)
        answers["prediction"] = classes[best]
        answers["probability"] = outputs[np.arange(len(table)), best]
        answers["classes"] = classes[np.newaxis]
    answers["outputs"] = outputs  # matrices, as this and the classes, are for .npz alone
    tables.write_columns(options.output, answers)

    lines: list[tuple[str, str]] = []
    if options.output is not None:
        lines.append(("written", f"{options.output}, {len(table):,} rows"))
    lines += scores(encoding, notes.get("held_out", {}), table, outputs)
    show(lines, sys.stderr if options.output is None else sys.stdout)


def _dtype(asked: str | None, hard: list[str]) -> tuple[str, str]:
    """The dtype to compute in, and why, if it is not the usual."""
    if asked is None and hard:
        return "float64", f", since float32 cannot tell the values of {hard[0]!r} apart"
    if asked == "float32" and hard:
        print(
            f"cyprop: float32 cannot tell the values of {tables.listed(hard)} apart; float64 can",
            file=sys.stderr,
        )
    return asked or "float32", ""


def _new_network(options: argparse.Namespace, encoding: Encoding, dtype: str) -> Network:
    rate = options.learning_rate or LEARNING_RATES.get(options.optimizer)
    hyperparameters = {} if rate is None else {"learning_rate": rate}
    classify = encoding.classes is not None
    task = "classification" if classify else "regression"
    return Network(
        [encoding.n_in, *options.hidden, encoding.n_out],
        activation=options.activation or ACTIVATIONS[task],
        output_activation="softmax" if classify else "identity",
        loss="cross_entropy" if classify else "mse",
        optimizer=Optimizer(options.optimizer, **hyperparameters),
        dtype=dtype,
        seed=options.seed,
    )


def _use(model: Path, table: str) -> str:
    """A command that predicts with the model, as the user's shell can run it."""
    script = shutil.which("cyprop")
    own = Path(sys.executable).parent / Path(script or "cyprop").name
    program = ["cyprop"] if script and Path(script) == own else [sys.executable, "-m", "cyprop"]
    command = [*program, "predict", str(model), table, "--output", "predictions.csv"]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
