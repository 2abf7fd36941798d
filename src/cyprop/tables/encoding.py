"""What the numbers of a network mean: which columns go in, which target comes out."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.tables.table import Table, listed, missing

Array = npt.NDArray[Any]
Class = bool | int | float | str

MOST_CATEGORIES = 200  # of one text column; more look like names or identifiers
MOST_CLASSES = 1000
MOST_NUMBER_CLASSES = 20  # different whole numbers that are still taken for classes

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class Input:
    """A column that goes in: as it is, or if it has categories as one 0 or 1 for each of them."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return len(self.categories) or 1


@dataclass(frozen=True)
class Encoding:
    """How a table becomes the inputs of a network, and its outputs become answers.

    Attributes
    ----------
    inputs : tuple of Input
    target : str
        The column to predict.
    classes : tuple of str, int, float or bool; or None
        One for each output; None if the one output is the target itself.
    """

    inputs: tuple[Input, ...]
    target: str
    classes: tuple[Class, ...] | None

    @property
    def n_in(self) -> int:
        """Inputs of the network."""
        return sum(column.width for column in self.inputs)

    @property
    def n_out(self) -> int:
        """Outputs of the network."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def names(self) -> list[str]:
        """A name for each input of the network."""
        return [
            f"{column.name}={category}" if column.categories else column.name
            for column in self.inputs
            for category in (column.categories or ("",))
        ]

    def encode(self, table: Table, dtype: npt.DTypeLike = "float64") -> Array:
        """The inputs, found by name; float64, (n, n_in), every number in the range of `dtype`.

        Raises
        ------
        ValueError
            If a column is missing, of another kind, or holds a category that is not known, no
            value, or an infinite one; the message names column and row.
        """
        absent = [column.name for column in self.inputs if column.name not in table.columns]
        if absent:
            raise ValueError(
                f"{table.name} has no column {listed(absent, most=4)};"
                f" it has {listed(table.columns)}"
            )
        X = np.zeros((len(table), self.n_in))
        first = 0
        for column in self.inputs:
            values = present(table, column.name)
            if (values.dtype.kind == "O") != bool(column.categories):
                kinds = ("text", "numbers") if column.categories else ("numbers", "text")
                raise ValueError(
                    f"column {column.name!r} of {table.name} holds {kinds[1]}, expected {kinds[0]}"
                )
            if column.categories:
                codes = positions(values, column.categories)
                _refuse(table, column.name, values, codes < 0, "expected one of those learned")
                X[np.arange(len(table)), first + codes] = 1
            else:
                X[:, first] = values
                large = np.abs(X[:, first]) > np.finfo(dtype).max
                _refuse(table, column.name, values, large, f"{dtype} ends before that")
            first += column.width
        return X

    def encode_target(self, table: Table) -> Array:
        """What to learn: (n, n_out), one-hot for classes; float64.

        Raises
        ------
        ValueError
            As `encode`.
        """
        values = present(table, self.target)
        if self.classes is None:
            return values.astype(np.float64).reshape(-1, 1)
        Y = np.zeros((len(table), self.n_out))
        Y[np.arange(len(table)), positions(values, self.classes)] = 1
        return Y

    def to_json(self) -> dict[str, Any]:
        """As plain lists and dicts."""
        inputs = [
            {"name": column.name, "categories": list(column.categories)}
            if column.categories
            else {"name": column.name}
            for column in self.inputs
        ]
        classes = None if self.classes is None else list(self.classes)
        return {"inputs": inputs, "target": self.target, "classes": classes}

    @classmethod
    def from_json(cls, notes: Any) -> Encoding:
        """From what `to_json` gave; ValueError for anything else."""
        try:
            inputs = tuple(
                Input(entry["name"], tuple(entry.get("categories", ())))
                for entry in notes["inputs"]
            )
            classes = None if notes["classes"] is None else tuple(notes["classes"])
            found = cls(inputs, notes["target"], classes)
            if json.loads(json.dumps(found.to_json())) != notes or not all(
                isinstance(text, str)
                for column in inputs
                for text in (found.target, column.name, *column.categories)
            ):
                raise TypeError
            positions(np.empty(0), found.classes or ())
        except (AttributeError, KeyError, TypeError):
            raise ValueError(
                "the notes on columns are not in the form that cyprop writes"
            ) from None
        return found


def choose(
    table: Table, target: str, task: str | None = None, drop: Collection[str] = ()
) -> tuple[Encoding, str]:
    """The encoding that suits a table, and why its target is taken for classes or numbers.

    Parameters
    ----------
    table : Table
    target : str
        The column to predict. Text, true and false, and up to 20 different whole numbers are
        classes; other numbers are a quantity.
    task : "classification" or "regression", optional
        To decide it by name instead.
    drop : collection of str
        Columns to leave out.

    Raises
    ------
    ValueError
        If a column does not exist or suits no network, or there is nothing to learn.
    """
    for name in (target, *drop):
        table.column(name)
    classes, reason = _classes(present(table, target), target, task)
    inputs: list[Input] = []
    crowded: list[str] = []
    for name, column in table.columns.items():
        if name == target or name in drop:
            continue
        if column.dtype.kind != "O":
            inputs.append(Input(name))
            continue
        categories = tuple(sorted(set(present(table, name).tolist())))
        inputs.append(Input(name, categories))
        if len(categories) > MOST_CATEGORIES:
            crowded.append(f"{name!r} ({len(categories):,})")
    if crowded:
        raise ValueError(
            f"too many different texts, more than {MOST_CATEGORIES}, in {', '.join(crowded)};"
            " leave such columns out with --drop"
        )
    if not inputs:
        raise ValueError(f"{table.name} has no column besides {target!r} to learn from")
    return Encoding(tuple(inputs), target, classes), reason


def _classes(values: Array, target: str, task: str | None) -> tuple[tuple[Class, ...] | None, str]:
    """The classes of a target, None for a quantity; and the reason."""
    if task is not None and task not in TASKS:
        raise ValueError(f"task is {task!r}, expected {' or '.join(TASKS)}")
    kind = {"O": "texts", "b": "truth values", "f": "numbers"}.get(
        values.dtype.kind, "whole numbers"
    )
    if kind == "numbers" and np.all(values == np.floor(values)):
        kind = "whole numbers"
        values = values.astype(np.int64) if np.abs(values).max() < 2**53 else values
    different = np.unique(values)
    if len(different) == 1:
        raise ValueError(f"column {target!r} is {different[0]} in every row: nothing to learn")
    if task == "regression" and kind == "texts":
        raise ValueError(f"column {target!r} holds text, and regression needs numbers")
    reason = f"{target!r} holds {len(different):,} different {kind}"
    few = kind in ("texts", "truth values") or (
        kind == "whole numbers" and len(different) <= MOST_NUMBER_CLASSES
    )
    if task == "regression" or (task is None and not few):
        return None, reason
    if len(different) > MOST_CLASSES:
        raise ValueError(
            f"column {target!r} holds {len(different):,} different values,"
            f" more than {MOST_CLASSES:,} classes"
        )
    return tuple(different.tolist()), reason


def present(table: Table, name: str) -> Array:
    """A column with a finite value in every row; ValueError names the first row without."""
    column = table.column(name)
    _refuse(
        table, name, None, missing(column), "leave such rows out with --skip-missing, or fill them"
    )
    if column.dtype.kind == "f":
        _refuse(table, name, column, ~np.isfinite(column), "expected finite numbers")
    return column


def _refuse(table: Table, name: str, values: Array | None, bad: Array, advice: str) -> None:
    """ValueError naming the first row where `bad` is True, if there is one."""
    if bad.any():
        i = int(np.argmax(bad))
        what = "no value" if values is None else repr(values[i : i + 1].tolist()[0])
        raise ValueError(
            f"column {name!r} of {table.name} holds {what} in row {table.rows[i]},"
            f" counted from 0; {advice}"
        )


def positions(values: Array, known: Collection[Class]) -> Array:
    """Where in `known` each value is, -1 where it is not."""
    place = {value: i for i, value in enumerate(known)}
    return np.fromiter((place.get(value, -1) for value in values.tolist()), np.intp, len(values))
