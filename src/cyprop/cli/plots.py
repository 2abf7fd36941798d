"""Pictures of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cyprop.formats import atomic
from cyprop.training import pictures
from cyprop.training.history import History


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
    pictures.draw_losses(history.columns(), axes, "held out")
    axes.set(xlabel="epoch", title=title)
    with atomic.replacing(str(path)) as file:
        figure.savefig(file, format=Path(path).suffix.lstrip(".").lower())


def _figure() -> Any:
    return pictures.figure(figsize=(7, 4.2), dpi=120)
