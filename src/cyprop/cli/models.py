"""``cyprop info``, ``import``, ``export`` and ``compare``: model files, also of other libraries."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.cli.output import checked_output, layers, show, task, with_size
from cyprop.cli.reading import NOTES, columns, read_table
from cyprop.formats import load as files
from cyprop.formats import safetensors as storage
from cyprop.formats.pytorch.state_dict import NoActivationError
from cyprop.network import Network
from cyprop.tables.table import Table, missing

Array = npt.NDArray[Any]

# What `load` takes, by the names of the options of the command.
CHOICES = ("activation", "output_activation", "layers", "output", "loss", "dtype")
REPEATS, SECONDS = 15, 0.01  # of the timing of one prediction: how often, and how long each time
EXPORTS = (".h", ".onnx", ".safetensors")


class Model(NamedTuple):
    """A network, what kind of file it is from, and the notes in a file of cyprop."""

    network: Network
    kind: str
    notes: dict[str, str] | None  # None in a file of another library


def read_model(path: str, **given: Any) -> Model:
    """The network of a file of any kind."""
    kind, chain = files.read(path, **given)
    if chain is None:
        return Model(*_own(path, kind.name))
    made = chain.network(Network, loss=given.get("loss"), dtype=given.get("dtype"))
    return Model(made, kind.name, None)


def _own(path: str, kind: str) -> tuple[Network, str, dict[str, str]]:
    network, notes = storage.load_with_metadata(Network, path)
    return network, kind, notes


def info(options: argparse.Namespace) -> None:
    """Say what is in a model file."""
    given = _given(options)
    says_activations = True
    try:
        model = read_model(options.model, **given)
    except NoActivationError:
        given["activation"] = "identity"
        says_activations = False
        model = read_model(options.model, **given)
    network = model.network
    rules = network.settings.activations
    activations = ", ".join(repr(rule) if rule.hyperparameters else rule.name for rule in rules)
    if not says_activations:
        activations = "not in the file, and --activation NAME says them"
    own = model.notes is not None
    lines = [
        ("file", f"{with_size(Path(options.model))}: {model.kind}"),
        ("layers", "-".join(map(str, network.sizes))),
        ("activations", activations),
    ]
    if own or says_activations:
        lines.append(("loss", network.loss + ("" if own else ", by the outputs")))
    if own:
        lines.append(("optimizer", repr(network.optimizer)))
    lines += [
        ("dtype", network.dtype.name),
        ("parameters", f"{network.n_parameters:,}"),
    ]
    lines += _ends(network)
    if model.notes is not None and NOTES in model.notes:
        lines += _columns(options.model, network, model.notes)
    if says_activations:
        lines.append(("one row", f"{_duration(_seconds(network))} here, the median"))
    show(lines)


def _columns(path: str, network: Network, notes: dict[str, str]) -> list[tuple[str, str]]:
    """What the notes of a file that cyprop train has written say."""
    _, encoding = columns(path, network, notes)
    lines = [("target", f"{encoding.target}: {task(encoding)}")]
    if encoding.classes is not None:
        lines.append(("classes", ", ".join(map(str, encoding.classes))))
    lines.append(("columns", ", ".join(column.name for column in encoding.inputs)))
    lines += [
        (f"  {column.name}", ", ".join(column.categories))
        for column in encoding.inputs
        if column.categories
    ]
    return lines


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


def _seconds(network: Network) -> float:
    """The median time of one prediction from Python, of a row of random numbers."""
    X = np.random.default_rng(0).normal(size=network.sizes[0]).astype(network.dtype)
    out = np.empty(network.sizes[-1], network.dtype)
    network.predict(X, out)
    taken = _timed(network.predict, X, out, 1)
    calls = max(1, int(SECONDS / max(taken, 1e-9)))
    return statistics.median(_timed(network.predict, X, out, calls) / calls for _ in range(REPEATS))


def _timed(predict: Callable[..., Any], x: Array, out: Array, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        predict(x, out)
    return time.perf_counter() - started


def _duration(seconds: float) -> str:
    """A time with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def import_(options: argparse.Namespace) -> None:
    """Read a network of another library, and write it as a model file."""
    name = options.model or f"{Path(options.file).stem}.safetensors"
    output = checked_output(name, options.file)
    model = read_model(options.file, **_given(options))
    model.network.save(output, model.notes)
    network = model.network
    show(
        [
            ("read", f"{options.file}: {model.kind}"),
            ("network", f"{layers(network)}: {network.n_parameters:,} parameters, {network.dtype}"),
            ("loss", network.loss),
            ("written", with_size(output)),
        ]
    )


def export(options: argparse.Namespace) -> None:
    """Write a network in the format that the suffix of the file says."""
    output = checked_output(options.output, options.model)
    suffix = output.suffix.lower() or ".h"  # a FIFO and /dev/stdout have none
    if suffix not in EXPORTS:
        expected = f"{', '.join(EXPORTS[:-1])} or {EXPORTS[-1]}"
        raise ValueError(f"{options.output} does not end in {expected}")
    if options.name is not None and suffix != ".h":
        raise ValueError(f"--name is for names in C, and {options.output} has none")
    model = read_model(options.model)
    if suffix == ".h":
        model.network.to_c(output, options.name)
    elif suffix == ".onnx":
        model.network.to_onnx(output)
    else:
        model.network.save(output, model.notes)
    show([("written", with_size(output))])


def compare(options: argparse.Namespace) -> None:
    """The largest difference between the outputs of two networks, and where it is."""
    models = [read_model(options.model), read_model(options.other)]
    paths = (options.model, options.other)
    ends = [(model.network.sizes[0], model.network.sizes[-1]) for model in models]
    if ends[0] != ends[1]:
        shapes = [f"{path} takes {i} inputs and gives {o} outputs" for path, (i, o) in
                  zip(paths, ends, strict=True)]  # fmt: skip
        raise ValueError(f"{', and '.join(shapes)}: they cannot be compared")
    if options.data is None:
        n_rows: int = options.rows
        rng = np.random.default_rng(options.seed)
        X = rng.normal(size=(n_rows, ends[0][0])).astype(np.float32)
        rows: Array = np.arange(n_rows)
        inputs, said = [X, X], f"random, of seed {options.seed}"
    else:
        table = read_table(options.data)
        inputs = _encoded(paths, models, table)
        rows = np.asarray(table.rows)
        said = f"of {options.data}"
    A, B = (model.network.predict(X).astype(float) for model, X in zip(models, inputs, strict=True))
    show([("rows", f"{len(rows):,}, {said}"), *_difference(A, B, rows)])


def _encoded(paths: Sequence[str], models: Sequence[Model], table: Table) -> list[Array]:
    """The rows of a table as each network takes them: by notes, by names, or as they are."""
    noted = [
        columns(path, model.network, model.notes)[1]
        for path, model in zip(paths, models, strict=True)
        if model.notes is not None and NOTES in model.notes
    ]
    if noted:  # those of one file stand for the other, which it has become by an export
        return [encoding.encode(table) for encoding in (noted[0], noted[-1])]
    named = [model.network.input_names for model in models if model.network.input_names]
    names, n_in = named[0] if named else tuple(table.columns), models[0].network.sizes[0]
    if len(names) != n_in:
        raise ValueError(
            f"{table.name} has {len(table.columns)} columns, and the networks take {n_in}"
        )
    found = {name: table.column(name) for name in names}
    for name, column in found.items():
        if column.dtype.kind not in "biuf":
            raise ValueError(f"column {name!r} of {table.name} holds text, expected numbers")
        if missing(column).any():
            raise ValueError(f"column {name!r} of {table.name} has missing values")
    X = np.stack([column.astype(float) for column in found.values()], axis=1)
    return [X, X]


def _difference(A: Array, B: Array, rows: Array) -> list[tuple[str, str]]:
    """Lines on the largest difference of two matrices; numbers that are no numbers are equal."""
    with np.errstate(invalid="ignore"):
        off = np.where((A == B) | (np.isnan(A) & np.isnan(B)), 0.0, abs(A - B))
    off[np.isnan(off)] = np.inf  # a number beside what is none
    row, output = np.unravel_index(off.argmax(), off.shape)
    largest = abs(A[np.isfinite(A)]).max(initial=0.0)
    if not off[row, output]:
        return [("largest difference", "none: all outputs are equal")]
    where = f"row {rows[row]}, output {output}"
    lines = [
        ("largest difference", f"{off[row, output]:.3g}, in {where}"),
        ("there", f"{A[row, output]:.9g} and {B[row, output]:.9g}"),
    ]
    if largest:
        share = off[row, output] / largest
        lines.append(("of the largest output", f"{share:.3g} × {largest:.3g}"))
    return lines


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The options of `load` that were typed."""
    given = {name: getattr(options, name) for name in CHOICES}
    return {name: value for name, value in given.items() if value is not None}
