"""What a network's file has beside the network where it keeps a training too: its description.

The description is JSON, ``training`` in the metadata, after ``network``::

    {"seed":0,"frozen":[],"rng":[STATE,INCREMENT,0,0],"tally":[…],"run":null}

- ``seed``: the network's, which dropout and a validation split draw from.
- ``frozen``: the layers that do not learn, in ascending order.
- ``rng``: the four numbers of NumPy's PCG64, as its ``state`` has them.
- ``tally``: the numbers that the optimizer keeps; the last is how many updates there were.
- ``run``: null, or in a checkpoint what `fit` needs to go on::

    {"options":{…},"epoch":3,"place":[BATCHES,TOTAL,WEIGHT,SECONDS],"finished":false,
     "plateau":[RATE,BEST,EPOCHS],"stopping":[BEST,EPOCHS],"columns":["loss",…],"vectors":["best"]}

The arrays are tensors behind those of the layers, and their names begin with ``cyprop.``: of the
optimizer ``cyprop.optimizer.0`` and so on, and of a checkpoint ``cyprop.best`` (the best weights so
far), ``cyprop.epoch_start`` (those of the beginning of the epoch) and ``cyprop.outer`` (what the
outer optimizer of `cyprop.dask.fit` keeps), each a vector of all weights and biases in the order in
which the layers' tensors have them; and ``cyprop.history.COLUMN``,
float64, one number an epoch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.kernels import update
from cyprop.settings import Settings

KEYS = ("seed", "frozen", "rng", "tally", "run")
RUN_KEYS = (
    "options",
    "epoch",
    "place",
    "finished",
    "plateau",
    "stopping",
    "columns",
    "vectors",
)
VECTORS = ("best", "epoch_start", "outer")
MAX_TRAINING = 1 << 16  # characters of the description in the header
MAX_WHOLE = 1 << 128  # of any whole number: those of PCG64 have 128 bits
MAX_EPOCH = 1 << 40


class Run(NamedTuple):
    """A `fit` that is under way, or has ended."""

    options: dict[str, str]  # that the same command has again
    epoch: int  # that comes next, or is under way
    place: tuple[int, float, float, float]  # in it: batches, total, weight, seconds
    finished: bool
    plateau: tuple[float, float | None, int] | None
    stopping: tuple[float | None, int] | None
    columns: tuple[str, ...]  # of the History
    vectors: tuple[str, ...]  # those of VECTORS that there are


class Training(NamedTuple):
    """A training as a file describes it, without its arrays."""

    seed: int
    frozen: tuple[int, ...]
    rng: tuple[int, int, int, int]
    tally: tuple[float, ...]
    run: Run | None = None


class Vector(NamedTuple):
    """An array of a training: its name, and how many numbers of which dtype."""

    name: str
    n: int
    dtype: str


def describe(training: Training) -> str:
    """The JSON of a training."""
    entries = training._asdict()
    if training.run is not None:
        entries["run"] = training.run._asdict()
    return json.dumps(entries, separators=(",", ":"), allow_nan=False)


def vectors(training: Training, settings: Settings) -> Iterator[Vector]:
    """The arrays that stand in the payload behind the layers', in order."""
    n, dtype = settings.n_parameters, settings.dtype.name
    for i in range(update.n_states(settings.optimizer.name)):
        yield Vector(f"cyprop.optimizer.{i}", n, dtype)
    if training.run is None:
        return
    for name in training.run.vectors:
        yield Vector(f"cyprop.{name}", n, dtype)
    if training.run.epoch:
        for column in training.run.columns:
            yield Vector(f"cyprop.history.{column}", training.run.epoch, "float64")


def parse(text: str, settings: Settings) -> Training:
    """The training that a description is of.

    Raises
    ------
    FormatError
        If `describe` would not have written it.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise FormatError("the description of the training is not JSON") from None
    try:
        training = _training(entries, settings)
    except _OddError as error:
        raise FormatError(f"the description of the training has an odd {error}") from None
    if describe(training) != text:
        raise FormatError("the description of the training is not written as save writes it")
    return training


class _OddError(Exception):
    """An entry is not such as `describe` writes; its argument is the entry's name."""


def _training(entries: Any, settings: Settings) -> Training:
    _check_keys(entries, KEYS, "set of keys")
    n_layers = len(settings.sizes) - 1
    frozen = _wholes(entries["frozen"], "frozen", n_layers)
    if sorted(set(frozen)) != list(frozen):
        raise _OddError("frozen")
    rng = _wholes(entries["rng"], "rng", MAX_WHOLE)
    if len(rng) != 4 or rng[1] % 2 == 0 or rng[2] > 1 or rng[3] >= 1 << 32:
        raise _OddError("rng")
    tally = entries["tally"]
    if not is_list(tally) or not all(_is_number(number) for number in tally):
        raise _OddError("tally")
    run = entries["run"]
    return Training(
        _whole(entries["seed"], "seed", MAX_WHOLE),
        frozen,
        (rng[0], rng[1], rng[2], rng[3]),
        tuple(tally),
        None if run is None else _run(run),
    )


def _run(entries: Any) -> Run:
    _check_keys(entries, RUN_KEYS, "run")
    options = entries["options"]
    if not is_dict(options) or not all(isinstance(text, str) for text in options.values()):
        raise _OddError("options")
    place = entries["place"]
    if not is_list(place) or len(place) != 4 or not all(map(_is_number, place[1:])):
        raise _OddError("place")
    if not isinstance(entries["finished"], bool):
        raise _OddError("finished")
    columns = _names(entries["columns"], "columns")
    vectors_there = _names(entries["vectors"], "vectors")
    if [name for name in VECTORS if name in vectors_there] != list(vectors_there):
        raise _OddError("vectors")
    if ("epoch_start" in vectors_there) != (place[0] != 0):
        raise _OddError("vectors")
    plateau, stopping = entries["plateau"], entries["stopping"]
    return Run(
        options,
        _whole(entries["epoch"], "epoch", MAX_EPOCH),
        (_whole(place[0], "place", MAX_EPOCH), place[1], place[2], place[3]),
        entries["finished"],
        None if plateau is None else _followed(plateau, "plateau", 1),
        None if stopping is None else _followed(stopping, "stopping", 0),
        columns,
        vectors_there,
    )


def _check_keys(entries: Any, keys: tuple[str, ...], name: str) -> None:
    if not is_dict(entries) or tuple(entries) != keys:
        raise _OddError(name)


def _whole(value: Any, name: str, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        raise _OddError(name)
    return value


def _wholes(values: Any, name: str, end: int) -> tuple[int, ...]:
    if not is_list(values):
        raise _OddError(name)
    return tuple(_whole(value, name, end) for value in values)


def _names(values: Any, name: str) -> tuple[str, ...]:
    if not is_list(values) or not all(isinstance(value, str) for value in values):
        raise _OddError(name)
    if len(set(values)) != len(values):
        raise _OddError(name)
    return tuple(values)


def _is_number(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)


def _followed(values: Any, name: str, n_first: int) -> Any:
    """Numbers, then the best value or null, then how many epochs there were without one."""
    if not is_list(values) or len(values) != n_first + 2:
        raise _OddError(name)
    *first, best, n_without = values
    if not all(map(_is_number, first)) or not (best is None or _is_number(best)):
        raise _OddError(name)
    return (*first, best, _whole(n_without, name, MAX_EPOCH))
