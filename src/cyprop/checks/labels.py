"""Targets as a network's arrays; where its outputs are classes, whole numbers may name them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import is_array, matrix, plain, read_array, vector
from cyprop.checks.numbers import is_sequence, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.arrays import Array

WHOLE_KINDS = "biu"


def targets_of_rows(
    Y: Any, name: str, n_targets: int, dtype: npt.DTypeLike, n_classes: int
) -> Array:
    """Y as (n, n_targets); n whole numbers from 0 to n_classes − 1 become rows of zeros and a one.

    Parameters
    ----------
    Y : array_like
    name : str
        What to call it in an error message.
    n_targets : int
    dtype : float32 or float64
    n_classes : int
        0 where no number stands for a class; else it is n_targets.

    Raises
    ------
    TypeError, ValueError
        As `matrix`; and ValueError for a label outside the classes, naming it and its row.
    """
    if n_classes and _may_be_labels(Y):
        labels = read_array(Y, name, f"an array of shape (n, {n_classes})")
        if labels.ndim == 1 and labels.dtype.kind in WHOLE_KINDS:
            Y = _one_hot(labels, name, n_classes, dtype)
    return matrix(Y, name, n_targets, dtype, n_classes=n_classes)


def targets_of_row(
    y: Any, name: str, n_targets: int, dtype: npt.DTypeLike, n_classes: int
) -> Array:
    """One row, (n_targets,); a whole number from 0 to n_classes − 1 becomes zeros and a one.

    Parameters and errors are those of `targets_of_rows`.
    """
    label = _whole(y) if n_classes else None
    if label is not None:
        _check_label(label, n_classes, name, "")
        y = np.zeros(n_classes, dtype)
        y[label] = 1
    return vector(y, name, n_targets, dtype, n_classes=n_classes)


def _may_be_labels(Y: Any) -> bool:
    """Whether it has one axis, as far as can be told before it is read."""
    if is_sequence(Y):
        return len(Y) > 0 and _whole(Y[0]) is not None
    return getattr(Y, "ndim", None) == 1


def _whole(value: Any) -> int | None:
    """The value as an int if it is a whole number, or True or False."""
    if isinstance(value, bool | np.bool_):
        return 1 if value else 0
    if is_array(value) and (value.ndim or value.dtype.kind not in WHOLE_KINDS):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _one_hot(labels: Array, name: str, n_classes: int, dtype: npt.DTypeLike) -> Array:
    """A row for each label: 1 in the column of its class, 0 in the others."""
    labels = plain(labels)
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        row = int(np.argmax((labels < 0) | (labels >= n_classes)))
        from_1 = labels.min() == 1 and labels.max() == n_classes
        _check_label(int(labels[row]), n_classes, name, f" at row {row}", from_1)
    rows = np.zeros((len(labels), n_classes), dtype)
    rows[np.arange(len(labels)), labels.astype(np.intp)] = 1
    return rows


def _check_label(label: int, n_classes: int, name: str, where: str, from_1: bool = False) -> None:
    """Raise ValueError unless the label is that of a class."""
    if 0 <= label < n_classes:
        return
    verb = "holds the label" if where else "is the label"
    hint = f"; labels from 1? give {name.rpartition(' ')[2]} - 1" if from_1 else ""
    raise ValueError(
        f"{name} {verb} {shown(label)}{where}, expected labels from 0 to {n_classes - 1},"
        f" one for each output{hint}"
    )
