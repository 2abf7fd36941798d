"""Rows that stand for classes: how a network tells them, what they weigh, and their shares."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cyprop.checks.numbers import is_dict, real_number, shown, whole_number
from cyprop.datasets import held_out

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.arrays import Array
    from cyprop.settings import Settings

Telling = Literal["columns", "one", "labels"]


def telling(settings: Settings) -> Telling | None:
    """How outputs would tell classes: a column for each, one for two, or labels side by side.

    None where they cannot: half of the outputs are variances, or one of softmax is always 1.
    """
    loss, n_out = settings.loss.name, settings.sizes[-1]
    if loss == "gaussian_nll" or (n_out == 1 and loss == "cross_entropy"):
        return None
    if n_out == 1:
        return "one"
    return "labels" if loss == "binary_cross_entropy" else "columns"


def outputs(settings: Settings) -> str:
    """How many outputs there are, as a sentence says it."""
    return "1 output" if settings.sizes[-1] == 1 else f"{settings.sizes[-1]} outputs"


def labels_of(Y: Array, settings: Settings) -> npt.NDArray[np.intp] | None:
    """The class of each row of targets, or None where they are no classes.

    Parameters
    ----------
    Y : ndarray, (n, n_targets)
    settings : Settings

    Returns
    -------
    ndarray of intp, (n,), or None
        With cross_entropy the column of the 1 in a row of zeros; with one sigmoid output the 0 or
        1. None with other networks, and if a single row is anything else.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    if not _has_classes(settings) or _place_of_no_class(Y, telling(settings)) is not None:
        return None
    return Y.argmax(axis=1) if telling(settings) == "columns" else Y[:, 0].astype(np.intp)


def weights_of_classes(
    class_weight: Any, Y: Array, settings: Settings, rows: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.float64]:
    """What each row weighs by its class.

    "balanced" is n / (k · n_c) for the rows of class c, of n rows with k classes of which n_c are
    of that class: all classes then weigh the same together, and a row 1 in the mean; King and Zeng,
    "Logistic regression in rare events data", Political Analysis 9, 2001.

    Parameters
    ----------
    class_weight : "balanced" or dict of int to float
        A dict has the weight of each label, at least 0; of labels that it does not name it is 1.
    Y : ndarray, (n, n_targets)
    settings : Settings
    rows : ndarray of intp, optional
        Which rows of Y are counted for "balanced"; all of them by default. A class that has none of
        them weighs 1.

    Returns
    -------
    ndarray of float64, (n,)
        Of all rows of Y, whichever are counted.

    Raises
    ------
    TypeError
        If it is neither, or a label is not a whole number, or a weight not a number.
    ValueError
        If another name is given, a label is of no class, a weight is negative or not finite, no row
        that is counted weighs more than 0, the network's rows are not of one class each, or a row
        of Y is no class.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight is {shown(class_weight)}, expected 'balanced' or a dict of labels"
            )
    elif not is_dict(class_weight):
        raise TypeError(
            f"class_weight is {shown(class_weight)}, expected 'balanced' or a dict of labels"
        )
    labels = _labels_that_weigh(Y, settings)
    n_classes = max(settings.sizes[-1], 2)
    counted = labels if rows is None else labels[rows]
    if is_dict(class_weight):
        weights = _weights_of_labels(class_weight, n_classes)
        if not weights[counted].any():
            raise ValueError("class_weight is 0 for every row, expected one that counts")
    else:
        counts = np.bincount(counted, minlength=n_classes)
        there = counts > 0
        weights = np.ones(n_classes)
        weights[there] = len(counted) / (there.sum() * counts[there])
    return weights[labels]


def _has_classes(settings: Settings) -> bool:
    """Whether each row is of one class, whatever the targets are."""
    how, output = telling(settings), settings.activation_names[-1]
    crossed = how == "columns" and settings.loss.name == "cross_entropy"
    return crossed or (how == "one" and output == "sigmoid")


def _labels_that_weigh(Y: Array, settings: Settings) -> npt.NDArray[np.intp]:
    """The labels, or a sentence that says why there are none."""
    labels = labels_of(Y, settings)
    if labels is not None:
        return labels
    how, loss = telling(settings), settings.loss.name
    if not _has_classes(settings):
        has = f"loss {loss!r} with {outputs(settings)} of {settings.activation_names[-1]}"
        why = ", whose rows may have several labels: give sample_weight" if how == "labels" else ""
        raise ValueError(
            f"class_weight needs loss 'cross_entropy', or one output of sigmoid, not {has}{why}"
        )
    raise ValueError(no_class(Y, "Y", "class_weight", how))


def _weights_of_labels(given: dict[Any, Any], n_classes: int) -> npt.NDArray[np.float64]:
    """The weight of each class, 1 where none is given."""
    weights = np.ones(n_classes)
    for key, value in given.items():
        try:
            label = operator.index(key)
        except TypeError:
            raise TypeError(
                f"class_weight has the label {shown(key)}, expected a whole number"
            ) from None
        if not 0 <= label < n_classes:
            raise ValueError(
                f"class_weight has the label {shown(label)}, expected labels from 0 to"
                f" {n_classes - 1}"
            )
        weights[label] = real_number(value, f"class_weight[{label}]", 0, math.inf, low_allowed=True)
    return weights


def no_class(Y: Array, name: str, asker: str, how: Telling | None) -> str | None:
    """What is wrong with the first target that is no class, for a sentence; None if all are one.

    `asker` is what needs classes, as the sentence calls it.
    """
    place = _place_of_no_class(Y, how)
    if place is None:
        return None
    row, column = place
    if column is None:
        zeros = "zeros" if not Y[row].any() else "more than a single 1"
        return f"{name} holds {zeros} at row {row}, expected a single 1 in each row for {asker}"
    return (
        f"{name} holds {shown(Y[place].item())} at row {row}, column {column},"
        f" expected 0 or 1 for {asker}, which needs classes"
    )


def _place_of_no_class(Y: Array, how: Telling | None) -> tuple[int, int | None] | None:
    """Row and column of the first number that is neither 0 nor 1.

    Where columns are classes, or else the first row that has not a single 1, and None.
    """
    right = (Y == 0) | (Y == 1)
    if not right.all():
        row, column = np.unravel_index(int(right.argmin()), Y.shape)
        return int(row), int(column)
    if how != "columns":
        return None
    single = np.count_nonzero(Y, axis=1) == 1
    return None if single.all() else (int(single.argmin()), None)


def split_rows(
    n: int, fraction: Any, seed: int, labels: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which rows to learn from and which to validate on, drawn as `cyprop.datasets.held_out` does.

    Parameters
    ----------
    n : int
    fraction : float
        Of the rows, above 0 and below 1, to validate on. It is rounded to whole rows; with labels
        for each of them, leaving at least one of its rows to learn from.
    seed : int
    labels : array_like, (n,), or None

    Returns
    -------
    training, validation : ndarray of intp
        In ascending order; every row is in one of them, and neither is empty.

    Raises
    ------
    TypeError
        If the fraction is not a number.
    ValueError
        If it is outside its range, or one of the two would be empty.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    fraction = real_number(fraction, "validation_split", 0, 1)
    seed = whole_number(seed, "seed", low=0)
    held = held_out(n, fraction, seed, labels)
    if not held.any():
        kinds = "" if labels is None else ", class by class,"
        raise ValueError(
            f"validation_split is {fraction!r}, which{kinds} is no whole row of"
            f" {'1 row' if n == 1 else f'{n} rows'}, expected a larger share or more rows"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)
