"""Showing how a training goes: tqdm's bar where it is installed, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyprop.training.history import History


@contextmanager
def showing(
    n_epochs: int, progress: bool, unit: str = "epoch"
) -> Generator[Callable[[History], None], None, None]:
    """A function that shows a history on standard error when it has one epoch more, or does not."""
    if not progress:
        yield lambda history: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda history: print(_line(history, n_epochs, unit), file=sys.stderr)
        return
    with tqdm(total=n_epochs, unit=unit) as bar:

        def show(history: History) -> None:
            bar.set_postfix(_figures(history))  # pyright: ignore[reportUnknownMemberType]
            bar.update(len(history) - bar.n)

        yield show


@contextmanager
def counting(n: int, progress: bool, unit: str) -> Generator[Callable[[], None], None, None]:
    """A function that shows on standard error that one more of n is done, or does not."""
    if not progress:
        yield lambda: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        numbers = iter(range(1, n + 1))
        yield lambda: print(f"{unit} {next(numbers)}/{n}", file=sys.stderr)
        return
    with tqdm(total=n, unit=unit) as bar:

        def one_more() -> None:
            bar.update()

        yield one_more


def epoch_lines(steps: Iterator[History], n_epochs: int) -> Iterator[History]:
    """Pass the steps through, showing each."""
    with showing(n_epochs, True) as show:
        for history in steps:
            show(history)
            yield history


def _line(history: History, n_epochs: int, unit: str) -> str:
    parts = [f"{key} {value}" for key, value in _figures(history).items()]
    return f"{unit} {len(history)}/{n_epochs}  {'  '.join(parts)}"


def _figures(history: History) -> dict[str, str]:
    """The last entry of every list, but for how long the epoch took."""
    columns = history.columns()
    return {
        name: f"{values[-1]:.4g}"
        for name, values in columns.items()
        if not name.endswith("seconds")
    }
