"""What the suites share: options, and peers that are checked before they are timed."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import floors, networks, peers, report
from benchmarks.networks import Problem


def layers(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if len(sizes) < 2 or min(sizes) < 1:
        raise argparse.ArgumentTypeError("expected at least two positive sizes, as 784,30,10")
    return sizes


def add_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")


def add_repeats(parser: argparse.ArgumentParser, repeats: int = 30) -> None:
    parser.add_argument("--repeats", type=int, default=repeats, help=f"default {repeats}")


def parser(name: str, description: str | None, repeats: int = 30) -> argparse.ArgumentParser:
    """The options that every suite has."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=description)
    made.add_argument(
        "--layers",
        type=layers,
        action="append",
        metavar="N,N,…",
        help="a network of your own instead of the standard ones; may be repeated",
    )
    add_dtype(made)
    made.add_argument("--activation", choices=("sigmoid", "tanh", "relu"), default="sigmoid")
    add_repeats(made, repeats)
    report.add_output(made)
    return made


def result_name(suite: str, options: argparse.Namespace) -> str:
    """The name of the result file; a run with options of your own has another name."""
    parts = [suite]
    parts += ["-".join(map(str, sizes)) for sizes in getattr(options, "layers", None) or ()]
    if options.dtype != "float32":
        parts.append(options.dtype)
    activation = getattr(options, "activation", "sigmoid")
    if activation != "sigmoid":
        parts.append(activation)
    return "_".join(parts)


def problems(options: argparse.Namespace) -> list[Problem]:
    return [
        networks.make(sizes, options.dtype, options.activation)
        for sizes in options.layers or networks.STANDARD
    ]


def offers(
    modules: Sequence[ModuleType], what: str, *arguments: Any
) -> tuple[list[Any], list[str]]:
    """All that the peers offer under the name `what`, and who has nothing for this case."""
    found: list[Any] = []
    without = []
    for module in modules:
        function: Callable[..., list[Any]] | None = getattr(module, what, None)
        offered = function(*arguments) if function else []
        found += offered
        if not offered:
            without.append(module.NAME)
    return found, without


def add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sources", type=Path, metavar="DIR", help="where RTNeural's sources are, to compile them"
    )


def load_peers(names: tuple[str, ...] = peers.MODULES) -> tuple[list[ModuleType], list[str]]:
    modules, missing = peers.load(names)
    for note in missing:
        print(f"not installed: {note}")
    return modules, missing


def kinds_of_data(problem: Problem, options: argparse.Namespace) -> tuple[str, ...]:
    """Dense data for every network; images too where the inputs could be one."""
    wide = problem.sizes[0] == 784 or options.layers
    return ("dense", "images") if wide else ("dense",)


def load_floors(missing: list[str]) -> floors.Floors | None:
    """The floors, or None and a note in `missing`."""
    found, notes = floors.load()
    for note in notes:
        print(f"not available: {note}")
    missing += notes
    return found
