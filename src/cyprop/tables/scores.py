"""How good predictions are, on rows that were held out and on others."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop import datasets, metrics
from cyprop.tables.encoding import Encoding, positions, present
from cyprop.tables.table import Table

Array = npt.NDArray[Any]


def held_out(table: Table, encoding: Encoding, fraction: float, seed: int) -> Array:
    """Which rows are held out: of classes the same share each; bool, (n,)."""
    labels = None
    if encoding.classes is not None:
        labels = positions(present(table, encoding.target), encoding.classes)
    return datasets.held_out(len(table), fraction, seed, labels)


def fingerprint(table: Table, outputs: Array, fraction: float, seed: int) -> dict[str, Any]:
    """What tells, later, whether the held-out rows are predicted with the same bits."""
    return {
        "seed": seed,
        "fraction": fraction,
        "rows": len(table),
        "crc32": zlib.crc32(outputs.tobytes()),
    }


def score(encoding: Encoding, outputs: Array, table: Table) -> str:
    """How close the outputs are to the target column; ValueError where that has no answer."""
    truth = present(table, encoding.target)
    if encoding.classes is not None:
        right = outputs.argmax(axis=1) == positions(truth, encoding.classes)
        return f"accuracy {right.mean():.1%} ({right.sum():,} of {len(right):,})"
    Y, A = truth.astype(np.float64)[:, np.newaxis], outputs[:, :1]
    text = f"RMS error {metrics.rmse(Y, A):.4g}, mean absolute error {metrics.mae(Y, A):.4g}"
    if Y.min() < Y.max():
        text += f", {metrics.r2(Y, A):.1%} of the variance explained"
    return text


def scores(
    encoding: Encoding, fingerprint: dict[str, Any], table: Table, outputs: Array
) -> list[tuple[str, str]]:
    """Lines on all rows and, if these are the rows of the training, on those held out.

    There are none if the table does not know every answer: that is no reason not to predict.
    """
    try:
        lines = [("all rows", score(encoding, outputs, table))]
    except ValueError:
        return []
    if fingerprint.get("rows") != len(table) or not fingerprint["fraction"]:
        return lines
    held = held_out(table, encoding, fingerprint["fraction"], fingerprint["seed"])
    if zlib.crc32(outputs[held].tobytes()) == fingerprint["crc32"]:
        text = score(encoding, outputs[held], table.take(held))
        lines.append(("held out", f"{text}, bit for bit as in training"))
    return lines
