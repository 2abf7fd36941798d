"""A training as pictures: what `History.plot` and the command draw with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Columns = dict[str, list[float]]  # of a History, as its `columns` gives them

OTHERS = ("loss", "validation_loss", "learning_rate", "seconds")  # than metrics
MANY = 30  # epochs: of more no dots are drawn
DECADE = 10.0
TRAINING, VALIDATION = "C0", "C1"
STYLES = ("-", "--", ":", "-.")  # of one metric and the next
MISSING = "plots need matplotlib, which is not installed: pip install 'cyprop[plot]'"


def plot(columns: Columns, axes: Any) -> tuple[Any, ...]:
    """`History.plot`, which see."""
    if "loss" not in columns:
        raise ValueError("the history has no epoch to plot")
    panels: list[Callable[[Columns, Any], None]] = [draw_losses]
    if any(name not in OTHERS for name in columns):
        panels.append(_draw_metrics)
    if len(set(columns.get("learning_rate", []))) > 1:
        panels.append(_draw_rate)
    if axes is None:
        places = _new_axes([3, *(2 if panel is _draw_metrics else 1 for panel in panels[1:])])
    else:
        places = [axes] if hasattr(axes, "plot") else list(axes)
    drawn = list(zip(panels, places, strict=False))
    for panel, place in drawn:
        panel(columns, place)
    if drawn and axes is None:
        drawn[-1][1].set_xlabel("epoch")
    return tuple(place for _, place in drawn)


def draw_losses(columns: Columns, axes: Any, held_out: str = "validation") -> None:
    """Draw the loss of each epoch in training and, if there is one, in validation.

    Parameters
    ----------
    columns : dict of str to list of float
        Of a History with an epoch at least.
    axes : matplotlib Axes
    held_out : str, default "validation"
        What to call the rows that were not learned from.

    Notes
    -----
    Thread-safety: one thread at a time for the same axes.
    """
    training, validation = columns["loss"], columns.get("validation_loss", [])
    _line(axes, training, TRAINING, label="training")
    if validation:
        _line(axes, validation, VALIDATION, label=held_out)
        best = _best_epoch(validation)
        if best is not None:
            value = validation[best]
            text = f"best: {value:.4g} in epoch {best + 1}"
            ring = {"markersize": 9, "markerfacecolor": "none", "linestyle": "none"}
            axes.plot([best + 1], [value], "o", color=VALIDATION, label=text, **ring)
    losses = [value for value in training + validation if math.isfinite(value)]
    if losses and 0 < DECADE * min(losses) < max(losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    elif losses and min(losses) >= 0:
        axes.set_ylim(0, 1.05 * max(losses) or 1)
    axes.set_ylabel("loss")
    _finish(axes, len(columns["loss"]))


def _best_epoch(losses: list[float]) -> int | None:
    """The epoch, counted from 0, with the lowest loss; None if none has a number."""
    found = [(value, k) for k, value in enumerate(losses) if math.isfinite(value)]
    return min(found)[1] if found else None


def figure(**options: Any) -> Any:
    """A blank figure that needs no screen; ImportError says how to get matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(MISSING) from None
    return Figure(layout="constrained", **options)


def _draw_metrics(columns: Columns, axes: Any) -> None:
    """Training and validation have the colours of their losses, and each metric has a style."""
    metrics = [name for name in columns if name not in OTHERS]
    names = list(dict.fromkeys(name.removeprefix("validation_") for name in metrics))
    for k, name in enumerate(names):
        style = STYLES[k % len(STYLES)]
        for key, colour in ((name, TRAINING), (f"validation_{name}", VALIDATION)):
            if key in metrics:
                label = key.replace("_", " ")
                _line(axes, columns[key], colour, linestyle=style, label=label)
    axes.set_ylabel("metrics" if len(names) > 1 else names[0].replace("_", " "))
    _finish(axes, len(columns["loss"]))


def _draw_rate(columns: Columns, axes: Any) -> None:
    """The learning rate of each epoch's last update."""
    rates = columns["learning_rate"]
    _line(axes, rates, "0.35", linewidth=0.9)
    if 0 < DECADE * min(rates) < max(rates):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel("learning rate")
    _finish(axes, len(columns["loss"]), legend=False)


def _line(axes: Any, values: Iterable[float], colour: str, **options: Any) -> None:
    """Values over the epochs, counted from 1; a dot for each where there are few."""
    values = list(values)
    marker = "o" if len(values) <= MANY else None
    counted = range(1, len(values) + 1)
    axes.plot(counted, values, color=colour, marker=marker, markersize=3, **options)


def _finish(axes: Any, n_epochs: int, legend: bool = True) -> None:
    """Whole epochs on the axis below, a faint grid, and what is which."""
    if n_epochs == 1:
        axes.set_xticks([1])
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(True, which="both", alpha=0.25)
    if legend:
        axes.legend(frameon=False)


def _new_axes(heights: Sequence[int]) -> list[Any]:
    """Axes one below the other, as high as told, in a new figure of pyplot."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(MISSING) from None
    _, axes = plt.subplots(
        len(heights),
        sharex=True,
        squeeze=False,
        height_ratios=heights,
        figsize=(7, 1.4 + sum(heights)),
        layout="constrained",
    )
    return list(axes[:, 0])
