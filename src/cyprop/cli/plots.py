"""Pictures of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyprop.formats import atomic
from cyprop.training.history import History

LOG_FROM = 30  # times the smallest loss: from there on a linear axis would hide the end


def check_plot(path: str | Path) -> None:
    """Raise now what `loss_curves` would raise after the training.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message says how to get it.
    ValueError
        If matplotlib writes no such format.
    """
    known = _figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in known:
        raise ValueError(f"{path} does not end in a format of matplotlib: {', '.join(known)}")


def loss_curves(history: History, path: str | Path, title: str) -> None:
    """Draw the loss of each epoch, in training and held out, into a file.

    Parameters
    ----------
    history : History
    path : path
        Its suffix says the format: .png, .svg, .pdf and others. It is written as a network is.
    title : str
    """
    figure = _figure()
    axes = figure.add_subplot()
    counted = range(1, len(history) + 1)
    marker = "o" if len(history) <= 30 else None
    axes.plot(counted, history.loss, marker=marker, markersize=3, label="training")
    if history.validation_loss:
        axes.plot(counted, history.validation_loss, marker=marker, markersize=3, label="held out")
    losses = history.loss + history.validation_loss
    if 0 < LOG_FROM * min(losses) < max(losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    with atomic.replacing(str(path)) as file:
        figure.savefig(file, format=Path(path).suffix.lstrip(".").lower())


def _figure() -> Any:
    """A blank figure that needs no screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "plots need matplotlib, which is not installed: pip install 'cyprop[plot]'"
        ) from None
    return Figure(figsize=(7, 4.2), dpi=120, layout="constrained")
