"""Showing how a training goes: tqdm's bar where it is installed, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyprop.training.history import History


def epoch_lines(steps: Iterator[History], n_epochs: int) -> Iterator[History]:
    """Pass the steps through, showing each on standard error."""
    try:
        from tqdm import tqdm
    except ImportError:
        for history in steps:
            done = len(history)
            parts = [f"{key} {value}" for key, value in _figures(history).items()]
            print(f"epoch {done}/{n_epochs}  {'  '.join(parts)}", file=sys.stderr)
            yield history
        return
    with tqdm(steps, total=n_epochs, unit="epoch") as bar:
        for history in bar:
            bar.set_postfix(_figures(history))  # pyright: ignore[reportUnknownMemberType]
            yield history


def _figures(history: History) -> dict[str, str]:
    """The last entry of every list, but for how long the epoch took."""
    columns = history.columns()
    columns.pop("seconds", None)
    return {name: f"{values[-1]:.4g}" for name, values in columns.items()}
