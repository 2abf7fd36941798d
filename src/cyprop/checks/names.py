"""What inputs, outputs and classes may be called."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cyprop.checks.numbers import is_sequence, shown

MOST = 1 << 63  # above every whole number that may be a label
ONE_OF_TWO = ("sigmoid", "hard_sigmoid")  # activations of one output that tells two classes apart

Label = str | int | float | bool


class Names(NamedTuple):
    """What the inputs, the outputs and the classes are called, each in order, or None."""

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    labels: tuple[Label, ...] | None = None


NO_NAMES = Names()


def checked_names(value: Any, name: str, n: int) -> tuple[str, ...] | None:
    """As many texts as there are columns, as a tuple; or None for None.

    Raises
    ------
    TypeError
        If it is no sequence, or not of texts.
    ValueError
        If there is another number of them, or one is not Unicode text or holds a NUL.
    """
    if value is None:
        return None
    entries = _entries(value, name, "texts")
    if len(entries) != n:
        raise ValueError(f"{name} has {len(entries)} names, expected {n}")
    for i, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise TypeError(f"{name}[{i}] is {shown(entry)}, expected a text")
        _check_text(entry, f"{name}[{i}]")
    return tuple(entries)


def checked_labels(value: Any, settings: Any) -> tuple[Label, ...] | None:
    """What the classes of a network with these settings are called, as a tuple, or None for None.

    Raises
    ------
    TypeError
        If it is no sequence, or not of texts, numbers, and True and False.
    ValueError
        If the outputs tell no classes apart, there is another number of labels than of classes, two
        are the same, or one is not Unicode text, or no number that can be written.
    """
    if value is None:
        return None
    entries = _entries(value, "labels", "texts or numbers")
    n = n_classes(settings, "labels", exclusive=False)
    if len(entries) != n:
        raise ValueError(f"labels has {len(entries)} labels, expected {n}, one for each class")
    for i, entry in enumerate(entries):
        what = f"labels[{i}]"
        if isinstance(entry, str):
            _check_text(entry, what)
        elif type(entry) not in (int, float, bool):
            raise TypeError(
                f"{what} is {shown(entry)}, expected a text, a number, or True or False"
            )
        elif not (math.isfinite(entry) if type(entry) is float else -MOST <= entry < MOST):
            raise ValueError(
                f"{what} is {shown(entry)}, expected a finite number, and a whole one of 64 bits"
            )
        if entry in entries[:i]:
            raise ValueError(f"{what} is {shown(entry)} again, expected labels that differ")
    return tuple(entries)


def n_classes(settings: Any, asker: str, exclusive: bool = True) -> int:
    """How many classes the outputs tell apart; ValueError, for the one who asks, if they do not.

    Where classes need not be `exclusive`, a row may be of several of them, or of none.
    """
    n_out: int = settings.sizes[-1]
    output: str = settings.activation_names[-1]
    if settings.loss.name == "gaussian_nll":
        raise ValueError(f"{asker}: half of the outputs are variances, expected one for each class")
    if settings.loss.name == "binary_cross_entropy" and n_out > 1 and exclusive:
        raise ValueError(
            f"{asker}: with loss 'binary_cross_entropy' a row may be of several of {n_out} classes,"
            " or of none, expected loss 'cross_entropy': compare the outputs with 0.5"
        )
    if n_out == 1 and output not in ONE_OF_TWO:
        raise ValueError(
            f"{asker}: one output of {output!r} tells no classes apart, expected"
            f" {' or '.join(map(repr, ONE_OF_TWO))}, or an output for each class"
        )
    return max(n_out, 2)


def _entries(value: Any, name: str, what: str) -> list[Any]:
    """The entries of a sequence, an array or an index, as Python has them."""
    entries = value.tolist() if hasattr(value, "tolist") else value
    if not is_sequence(entries):
        raise TypeError(f"{name} is {shown(value)}, expected a sequence of {what}, or None")
    return [entry.item() if isinstance(entry, np.generic) else entry for entry in entries]


def _check_text(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is {text!r}, which is not Unicode text") from None
    if "\0" in text:
        raise ValueError(f"{name} is {shown(text)}, expected a text without a NUL")
