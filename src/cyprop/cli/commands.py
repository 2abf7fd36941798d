"""What the subcommands of ``cyprop`` do, on the library and nothing else."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.cli import plots
from cyprop.cli.lesson import learn, prepare
from cyprop.errors import FormatError
from cyprop.formats import safetensors as storage
from cyprop.network import Network
from cyprop.rules import ActivationName, Optimizer
from cyprop.tables import table as tables
from cyprop.tables.encoding import Encoding, Input
from cyprop.tables.scores import fingerprint, score, scores
from cyprop.tables.table import Table

Array = npt.NDArray[Any]

DIGITS = "digits"  # the table that comes with the package
NOTES = "table"  # where the model file's metadata keeps the names
WIDTH = 96  # of the output, in characters
LEARNING_RATES = {"adam": 0.002, "adamw": 0.002}  # unless one is asked for, or the optimizer's own
ACTIVATIONS: dict[str, ActivationName] = {"classification": "relu", "regression": "tanh"}


def train(options: argparse.Namespace) -> None:
    """Learn from a table; show how it goes; write the network and say how to use it."""
    output = _checked_output(
        options.output or f"{Path(options.table).stem}.safetensors", options.table
    )
    if options.plot:
        _checked_output(options.plot, options.table)
        plots.check_plot(options.plot)

    table = _read(options.table)
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
    _show(
        [
            (table.name, f"{len(table):,} rows{skipped}; {held.sum():,} held out"),
            ("task", _task(lesson.encoding) + reason),
            ("network", f"{_layers(network)}: {network.n_parameters:,} parameters, {dtype}{why}"),
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
        ("written", _with_size(output)),
    ]
    if options.plot:
        plots.loss_curves(history, options.plot, f"{table.name}: {_layers(network)}")
        lines.append(("plot", options.plot))
    _show(lines)
    print(f"\nUse it:  {_use(output, options.table)}")


def predict(options: argparse.Namespace) -> None:
    """Answer each row of a table, and score the answers where the target is known."""
    if options.output is not None:
        tables.check_suffix(_checked_output(options.output, options.table, options.model))
    network, notes, encoding = _load(options.model)
    table = _read(options.table)
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
    _show(lines, sys.stderr if options.output is None else sys.stdout)


def info(options: argparse.Namespace) -> None:
    """Say what is in a model file."""
    network, metadata = storage.load_with_metadata(Network, options.model)
    lines = [
        ("file", _with_size(Path(options.model))),
        ("layers", "-".join(map(str, network.sizes))),
        ("activations", ", ".join(network.activations)),
        ("loss", network.loss),
        ("optimizer", repr(network.optimizer)),
        ("dtype", network.dtype.name),
        ("parameters", f"{network.n_parameters:,}"),
    ]
    lines += _ends(network)
    if NOTES in metadata:
        _, encoding = _columns(options.model, network, metadata)
        lines.append(("target", f"{encoding.target}: {_task(encoding)}"))
        if encoding.classes is not None:
            lines.append(("classes", ", ".join(map(str, encoding.classes))))
        lines.append(("columns", ", ".join(column.name for column in encoding.inputs)))
        for column in encoding.inputs:
            if column.categories:
                lines.append((f"  {column.name}", ", ".join(column.categories)))
    _show(lines)


def _ends(network: Network) -> list[tuple[str, str]]:
    """What a network has before its first layer and behind its last."""
    lines = [
        ("input map", "(x - offset) * scale of each input" if network.input_map else ""),
        ("output map", "(A - offset) * scale of each output" if network.output_map else ""),
        ("inputs", ", ".join(network.input_names or ())),
        ("outputs", ", ".join(network.output_names or ())),
        ("labels", ", ".join(map(str, network.labels or ()))),
    ]
    return [(name, text) for name, text in lines if text]


def export(options: argparse.Namespace) -> None:
    """Write a network as a C header."""
    output = _checked_output(options.output, options.model)
    network = Network.load(options.model)
    network.to_c(output, options.name)
    _show([("written", _with_size(output))])


def _read(name: str) -> Table:
    return tables.digits() if name == DIGITS else tables.read_table(name)


def _checked_output(path: str, *read: str) -> Path:
    """The path, if a file can be put there that is not one of those read; known beforehand."""
    target = Path(path)
    if target.exists() and any(Path(other).exists() and target.samefile(other) for other in read):
        raise ValueError(f"{path} would be overwritten while it is read; choose another output")
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a directory, expected a file to write")
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is not a directory to write {target.name} into")
    return target


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


def _load(path: str) -> tuple[Network, dict[str, Any], Encoding]:
    """The network of a model file, its notes, and what they say of its columns."""
    network, metadata = storage.load_with_metadata(Network, path)
    return network, *_columns(path, network, metadata)


def _columns(
    path: str, network: Network, metadata: dict[str, str]
) -> tuple[dict[str, Any], Encoding]:
    """What the notes of a model file say of its columns, or else the names of its inputs."""
    if NOTES not in metadata:
        is_one = network.sizes[-1] == 1
        if network.input_names is None or not (
            is_one or (network.labels and _has_classes(network))
        ):
            raise FormatError(
                f"{path} has no column names; files that cyprop train writes have them"
            )
        inputs = tuple(Input(name) for name in network.input_names)
        target = "" if network.output_names is None else network.output_names[0]
        return {}, Encoding(inputs, target, None if is_one else network.labels)
    try:
        notes = json.loads(metadata[NOTES])
        columns = {key: notes[key] for key in ("inputs", "target", "classes")}
        encoding = Encoding.from_json(columns)
    except (ValueError, TypeError, KeyError):
        raise FormatError(f"{path} has notes on its columns that cannot be read") from None
    if (encoding.n_in, encoding.n_out) != (network.sizes[0], network.sizes[-1]):
        raise FormatError(f"{path} has notes on other columns than its network takes")
    return notes, encoding


def _has_classes(network: Network) -> bool:
    """Whether each row is of one class."""
    return network.loss not in ("binary_cross_entropy", "gaussian_nll")


def _with_size(path: Path) -> str:
    """The path, and how large the file is; a device or FIFO has no size."""
    return f"{path}, {path.stat().st_size:,} bytes" if path.is_file() else str(path)


def _task(encoding: Encoding) -> str:
    if encoding.classes is None:
        return "regression"
    return f"classification, {len(encoding.classes)} classes"


def _layers(network: Network) -> str:
    sizes = "-".join(map(str, network.sizes))
    return f"{sizes}, {' and '.join(dict.fromkeys(network.activations))}"


def _use(model: Path, table: str) -> str:
    """A command that predicts with the model, as the user's shell can run it."""
    script = shutil.which("cyprop")
    own = Path(sys.executable).parent / Path(script or "cyprop").name
    program = ["cyprop"] if script and Path(script) == own else [sys.executable, "-m", "cyprop"]
    command = [*program, "predict", str(model), table, "--output", "predictions.csv"]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _show(lines: Iterable[tuple[str, str]], stream: Any = None) -> None:
    """Names and texts in two columns."""
    lines = list(lines)
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        wrapped = textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"{name:<{width}}  ",
            subsequent_indent=" " * (width + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(wrapped.rstrip(), file=stream or sys.stdout, flush=True)
