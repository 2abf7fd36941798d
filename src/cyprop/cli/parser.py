"""The command ``cyprop``: what can be typed, and how it ends.

Exit codes: 0; 1 for a failure, with one sentence on standard error; 2 for a mistyped command;
130 after Ctrl-C; 141 when the reader of the output has gone, as after ``| head``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cyprop.cli import commands, models
from cyprop.cli.reading import DIGITS
from cyprop.kernels import activation, update
from cyprop.settings import DTYPES
from cyprop.tables.encoding import TASKS
from cyprop.version import __version__

Number = TypeVar("Number", int, float)

FAILURES = (OSError, ValueError, TypeError, ArithmeticError, ImportError, MemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit code. As usual with argparse, a mistyped command, ``--help`` and ``--version``
        raise SystemExit.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    if options.command == "train":
        _check_train(parser, options)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more on its way out; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("cyprop: interrupted", file=sys.stderr)
        return 130
    except FAILURES as error:
        print(f"cyprop: {sentence(error)}", file=sys.stderr)
        return 1
    return 0


def sentence(error: BaseException) -> str:
    """An error as one line."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"not enough memory: {text}" if text else "not enough memory"
    return text or type(error).__name__


def _check_train(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.table == DIGITS:
        for name in ("target", "task", "drop", "skip_missing"):
            if getattr(options, name):
                parser.error(f"--{name.replace('_', '-')} does not go with the digits")
    elif options.target is None:
        parser.error("a table needs --target COLUMN, the column to predict")


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``cyprop``."""
    parser = argparse.ArgumentParser(
        prog="cyprop", description="Train small neural networks, and predict with them."
    )
    parser.add_argument("--version", action="version", version=f"cyprop {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_train(subparsers.add_parser("train", help="learn from a table, or from digits"))
    _add_predict(subparsers.add_parser("predict", help="predict with a trained network"))
    _add_info(subparsers.add_parser("info", help="say what is in a model file"))
    _add_import(subparsers.add_parser("import", help="read a network of another library"))
    _add_export(subparsers.add_parser("export", help="write a network as a C header, or as ONNX"))
    _add_compare(subparsers.add_parser("compare", help="how far two networks' outputs differ"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a network on a table, or on the handwritten digits that come with cyprop. Part of"
        " the rows is held out, and only used to say how good the network is. The columns are"
        " scaled for training; the saved network takes them raw."
    )
    parser.set_defaults(run=commands.train)
    parser.add_argument(
        "table",
        nargs="?",
        default=DIGITS,
        metavar="TABLE",
        help="a .csv, .parquet or .npz file, or the word digits (default)",
    )
    add = parser.add_argument
    hidden = [name for name in activation.names() if not activation.couples_units(name)]
    add("--target", metavar="COLUMN", help="the column to predict")
    add("--task", choices=TASKS, help="instead of deciding by the target column")
    add("--drop", metavar="COLUMN", action="append", default=[], help="leave a column out")
    add("--skip-missing", action="store_true", help="leave out rows in which a value is missing")
    add(
        "--hidden",
        metavar="SIZES",
        type=_sizes,
        default=(128,),
        help="units of the hidden layers, such as 64,32; none for no hidden layer (default 128)",
    )
    add(
        "--activation",
        metavar="NAME",
        choices=hidden,
        help=f"of the hidden layers: {', '.join(hidden)} (default relu, and tanh for"
        " regression, where it keeps a row unlike all others from going far astray)",
    )
    _add_learning(add)
    add("-o", "--output", metavar="MODEL", help="where to write (default TABLE.safetensors)")
    add("--plot", metavar="FILE", help="draw the loss of each epoch (needs matplotlib)")


def _add_learning(add: Callable[..., Any]) -> None:
    """The options that say how a network learns."""
    add("--epochs", type=_count, default=25, help="passes over the rows (default 25)")
    add("--batch-size", type=_count, default=32, help="rows an update (default 32)")
    add(
        "--optimizer",
        metavar="NAME",
        default="adam",
        choices=update.names(),
        help=f"{', '.join(update.names())} (default adam)",
    )
    add(
        "--learning-rate",
        metavar="RATE",
        type=_rate,
        help="a tenth of it in the last fifth of the epochs (default 0.002 for adam"
        " and adamw, else that of the optimizer)",
    )
    add(
        "--dtype",
        choices=DTYPES,
        help="of the network (default float32, unless a column needs float64)",
    )
    add("--seed", type=_seed, default=0, help="of the split, the weights, the order (default 0)")
    add(
        "--validation",
        metavar="FRACTION",
        type=_fraction,
        default=0.2,
        help="of the rows, held out; the same share of every class (default 0.2)",
    )


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Predict each row of a table. Columns are found by name, in any order; others are ignored."
        " If the target column is there too, the predictions are scored."
    )
    parser.set_defaults(run=commands.predict)
    parser.add_argument("model", metavar="MODEL", help="a file that cyprop train has written")
    parser.add_argument(
        "table", metavar="TABLE", help="a .csv, .parquet or .npz file, or the word digits"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="a .csv, .parquet or .npz file to write (default: CSV to standard output)",
    )
    parser.add_argument(
        "--skip-missing", action="store_true", help="leave out rows in which an input is missing"
    )


KINDS = (
    "a file of cyprop; safetensors or a state_dict (.pt, .pth) of PyTorch; ONNX; Keras (.keras,"
    " .h5; they need h5py); or a policy of stable-baselines3 (.zip); whatever it is called"
)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say what is in a model file, of cyprop or of another library: layers, activations, and the"
        " median time of one prediction here; or why it cannot be read."
    )
    parser.set_defaults(run=models.info)
    parser.add_argument("model", metavar="MODEL", help=KINDS)
    _add_choices(parser.add_argument)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read a network that another library has written, and write it as a model file of cyprop."
        " The other library is not needed."
    )
    parser.set_defaults(run=models.import_)
    parser.add_argument("file", metavar="FILE", help=KINDS)
    parser.add_argument(
        "-o", dest="model", metavar="MODEL", help="where to write (default FILE.safetensors)"
    )
    _add_choices(parser.add_argument)


def _add_choices(add: Callable[..., Any]) -> None:
    """The options that say what a file leaves open; each belongs to some kinds of files."""
    add(
        "--activation",
        metavar="NAMES",
        type=_names,
        help="of all hidden layers, or one for each, such as relu or relu,tanh: for a state_dict,"
        " which does not say it",
    )
    add(
        "--output-activation",
        metavar="NAME",
        help="of the last layer of such a file (default none)",
    )
    add(
        "--layers",
        metavar="NAMES",
        type=_listed,
        help="which modules of a state_dict to take, in which order, such as net.0,net.2",
    )
    add(
        "--output",
        metavar="NAME",
        help="which output to take where there are several: its name in ONNX and Keras, policy"
        " (the default) or value in stable-baselines3 (where to write is said by -o)",
    )
    add("--loss", metavar="NAME", help="to go on learning with (default: by the outputs)")
    add("--dtype", choices=DTYPES, help="of the network (default: that of the file)")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write a network for others to run, in the format that the suffix says. FILE.h, or one"
        " without a suffix, is one C99 header with a function NAME_predict that needs nothing else"
        " and gives the same bits."
        " FILE.onnx is a graph for ONNX Runtime and others. FILE.safetensors has the names of"
        " PyTorch's Sequential. All take numbers, in the order in which cyprop info lists the"
        " columns, categories as 0 or 1 each."
    )
    parser.set_defaults(run=models.export)
    parser.add_argument("model", metavar="MODEL", help=KINDS)
    parser.add_argument(
        "output", metavar="FILE", help=f"the file to write: {', '.join(models.EXPORTS)}"
    )
    parser.add_argument("--name", help="what names in C begin with (default: the file's name)")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Predict the same rows with two networks, and say how far their outputs differ at most, and"
        " in which row and which output, counted from 0."
    )
    parser.set_defaults(run=models.compare)
    parser.add_argument("model", metavar="A", help=KINDS)
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument(
        "--data",
        metavar="TABLE",
        help="the rows to predict: a .csv, .parquet or .npz file, or the word digits, with the"
        " columns that a network of cyprop train has learned from, or one column for each input"
        " (default: random rows, each number normal with a variance of 1)",
    )
    parser.add_argument("--rows", type=_count, default=1000, help="random rows (default 1000)")
    parser.add_argument("--seed", type=_seed, default=0, help="of the random rows (default 0)")


def _listed(text: str) -> list[str]:
    return text.split(",")


def _names(text: str) -> str | list[str]:
    """One name, or several."""
    return text.split(",") if "," in text else text


def _checked(
    kind: Callable[[str], Number], fits: Callable[[Number], bool], expected: str
) -> Callable[[str], Number]:
    """A type for argparse: a number of that kind that fits."""

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
        return value

    return parse


_count = _checked(int, lambda value: value >= 1, "a whole number of at least 1")
_seed = _checked(int, lambda value: value >= 0, "a whole number of at least 0")
_rate = _checked(float, lambda value: 0 < value < math.inf, "a positive number")
_fraction = _checked(float, lambda value: 0 <= value < 1, "a number of at least 0 and below 1")


def _sizes(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    return tuple(_count(part) for part in text.split(","))
