"""What the subcommands write, and how they say what they found."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cyprop.network import Network
from cyprop.tables.encoding import Encoding

WIDTH = 96  # of the output, in characters


def checked_output(path: str, *read: str) -> Path:
    """The path, if a file can be put there that is not one of those read; known beforehand."""
    target = Path(path)
    if target.exists() and any(Path(other).exists() and target.samefile(other) for other in read):
        raise ValueError(f"{path} would be overwritten while it is read; choose another output")
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a directory, expected a file to write")
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is not a directory to write {target.name} into")
    return target


def with_size(path: Path) -> str:
    """The path, and how large the file is; a device or FIFO has no size."""
    return f"{path}, {path.stat().st_size:,} bytes" if path.is_file() else str(path)


def task(encoding: Encoding) -> str:
    """What a network does with the columns of a table."""
    if encoding.classes is None:
        return "regression"
    return f"classification, {len(encoding.classes)} classes"


def layers(network: Network) -> str:
    """Its sizes and its activations."""
    sizes = "-".join(map(str, network.sizes))
    return f"{sizes}, {' and '.join(dict.fromkeys(network.activations))}"


def show(lines: Iterable[tuple[str, str]], stream: Any = None) -> None:
    """Names and texts in two columns."""
    lines = list(lines)
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        wrapped = textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"{name:<{width}}  ",
            subsequent_indent=" " * (width + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(wrapped.rstrip(), file=stream or sys.stdout, flush=True)
