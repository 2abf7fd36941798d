"""Checkpoints: the file from which a training goes on where it was killed."""

from __future__ import annotations

import math
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.formats import atomic, kept
from cyprop.formats import safetensors as files
from cyprop.formats.training_state import Run

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where `fit` writes all that it needs to go on, and how often.

    Parameters
    ----------
    path : path
        Replaced whole, or not at all, as by `Network.save`. `Network.load` reads it too.
    seconds : float, optional
        Write when so many seconds have passed, also in the midst of an epoch, and at the end. By
        default: after each epoch. Positive.

    Raises
    ------
    TypeError, ValueError
        If path is not a path of str, or seconds not a positive number.

    Notes
    -----
    Thread-safety: it never changes.
    """

    path: str | os.PathLike[str]
    seconds: float | None = None

    def __post_init__(self) -> None:
        atomic.checked_path(self.path)
        if self.seconds is not None:
            seconds = real_number(self.seconds, "seconds", 0, math.inf)
            object.__setattr__(self, "seconds", seconds)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("checkpoint", self.path, self.seconds)


class UnderWay(Protocol):
    """A training, as far as a checkpoint has to know it (`cyprop.training.loop.Training`)."""

    network: Engine
    n_epochs: int

    def state(self) -> dict[str, Any]:
        """All that going on needs beside the network: see `Run`, and arrays and lists by name."""
        ...

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        ...

    def may_have_more_epochs(self) -> bool:
        """Whether the first epochs are the same however many follow them."""
        ...


class Keeper:
    """The file of one training.

    Parameters
    ----------
    network : Network
    checkpoint : path or Checkpoint

    Attributes
    ----------
    options : dict of str to str
        What the same command has again; another is refused.

    Raises
    ------
    TypeError, ValueError
        If checkpoint is neither, or the network's random generator cannot be saved.
    """

    def __init__(self, network: Engine, checkpoint: Any) -> None:
        if isinstance(checkpoint, type):
            raise TypeError(
                f"checkpoint is the class {checkpoint.__name__}, expected one made of it"
            )
        if isinstance(checkpoint, Checkpoint):
            rule = checkpoint
        elif isinstance(checkpoint, str) or hasattr(checkpoint, "__fspath__"):
            rule = Checkpoint(checkpoint)
        else:
            raise TypeError(f"checkpoint is {shown(checkpoint)}, expected a path or a Checkpoint")
        self._path = atomic.checked_path(rule.path)
        self._seconds = rule.seconds
        self._written = 0.0
        self.options: dict[str, str] = {}
        kept.rng_numbers(kept.rng_state(network))  # refused now rather than after an epoch

    def begin(self, training: UnderWay) -> None:
        """Go on from the file, if there is one; else write it, so that it is known to be writable.

        Raises
        ------
        ValueError
            If the file is of another network, other data or options, or no checkpoint.
        OSError
            If it cannot be read or written.
        """
        self.options["epochs"] = f"{training.n_epochs}"
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            self.write(training)
            return
        if not stat.S_ISREG(there.st_mode) and not stat.S_ISDIR(there.st_mode):
            raise ValueError(
                f"checkpoint {self._path!r} is a device, a FIFO or a socket, expected a file"
            )
        if there.st_size:
            self._go_on(training)
        else:
            self.write(training)

    def is_due(self) -> bool:
        """Whether the seconds have passed."""
        return self._seconds is not None and time.monotonic() - self._written >= self._seconds

    def after_epoch(self, training: UnderWay) -> None:
        """Write, unless it is the seconds that count, and they have not passed."""
        if self._seconds is None or self.is_due():
            self.write(training)

    def write(self, training: UnderWay) -> None:
        """Replace the file by one from which the training can go on."""
        state = training.state()
        columns, vectors, rng = state.pop("columns"), state.pop("vectors"), state.pop("rng")
        run = Run(self.options, **state, columns=tuple(columns), vectors=tuple(vectors))
        network = training.network
        found = kept.snapshot(network, run, tuple(vectors.values()), tuple(columns.values()), rng)
        files.write(network, self._path, found, {})
        self._written = time.monotonic()

    def _go_on(self, training: UnderWay) -> None:
        network = training.network
        try:
            other, found = files.load_snapshot(Engine, self._path)
        except FormatError as error:
            raise ValueError(
                f"checkpoint {self._path!r} is a file that is no checkpoint, and it is not"
                f" replaced: {error}"
            ) from None
        run = None if found.training is None else found.training.run
        if found.training is None or run is None:
            raise ValueError(
                f"checkpoint {self._path!r} is the file of a network, expected one that fit has"
                " written, or none yet; it is not replaced"
            )
        self._check_network(network, found)
        self._check_options(run, found, training)
        n_states = len(found.vectors) - len(run.vectors)
        states, vectors = list(found.vectors[:n_states]), found.vectors[n_states:]
        if not all(np.isfinite(vector).all() for vector in (other.parameters, *vectors)):
            raise ValueError(
                f"checkpoint {self._path!r} has weights that are not finite, which no training"
                " leaves; give another path, or remove it"
            )
        # One that went through all its epochs goes on where there are more now.
        went_through = f"{run.epoch}" == run.options.get("epochs")
        try:
            training.go_on(
                {
                    **run._asdict(),
                    "finished": run.finished
                    and not (went_through and run.epoch < training.n_epochs),
                    "columns": dict(zip(run.columns, found.columns, strict=True)),
                    "vectors": dict(zip(run.vectors, vectors, strict=True)),
                }
            )
        except ValueError as error:
            raise ValueError(
                f"checkpoint {self._path!r} {error}; give another path, or remove it"
            ) from None
        # A callback may have changed the optimizer, or which layers stay.
        if found.settings.optimizer != memory.settings_of(network).optimizer:
            memory.set_optimizer(network, found.settings.optimizer)
        memory.set_frozen(network, found.training.frozen)
        memory.set_state(network, other.parameters, states, list(found.training.tally))
        memory.set_rng(network, memory.rng_of(other))
        self._written = time.monotonic()

    def _check_network(self, network: Engine, found: kept.Snapshot) -> None:
        mine, training = memory.settings_of(network), found.training
        assert training is not None
        what, theirs = "", found.settings
        if theirs.with_optimizer(mine.optimizer) != mine:
            what = f"is of Network({theirs.shown()}), not of Network({mine.shown()})"
        elif self._ends_differ(network, found):
            what = "is of a network with other maps, names or labels"
        elif training.seed != memory.seed_of(network):
            what = f"is of a network of seed={training.seed}, not {memory.seed_of(network)}"
        if what:
            raise ValueError(f"checkpoint {self._path!r} {what}; give another path, or remove it")

    def _ends_differ(self, network: Engine, found: kept.Snapshot) -> bool:
        mine, numbers = kept.ends_and_arrays(network, maps.maps_of(network))
        pairs = zip(numbers, found.map_arrays, strict=True)
        return found.ends != mine or not all(np.array_equal(*pair) for pair in pairs)

    def _check_options(self, run: Run, found: kept.Snapshot, training: UnderWay) -> None:
        there, mine = run.options, self.options
        may_differ = {"epochs"} if training.may_have_more_epochs() else set[str]()
        if run.finished and found.training is not None:
            # The network may be the one that was trained, with what callbacks made of these.
            now = {
                "optimizer": f"{found.settings.optimizer}",
                "frozen": f"{found.training.frozen}",
            }
            for key in now:
                if mine.get(key) == now[key]:
                    mine[key] = there.get(key, "")
        for key in {**there, **mine}:
            if there.get(key) != mine.get(key) and key not in may_differ:
                raise ValueError(
                    f"checkpoint {self._path!r} was made with {key}={there.get(key, 'none')},"
                    f" not {mine.get(key, 'none')}; give another path, or remove it"
                )
        if run.epoch > training.n_epochs:
            raise ValueError(
                f"checkpoint {self._path!r} has {run.epoch} epochs already, which is more than"
                f" epochs={training.n_epochs}; give another path, or remove it"
            )
