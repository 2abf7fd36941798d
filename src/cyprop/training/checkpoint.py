"""A training that goes on where it was killed: what is written meanwhile, and read again."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown
from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.formats import atomic, kept
from cyprop.formats import safetensors as files
from cyprop.formats.training_state import Run
from cyprop.training.loop import enter
from cyprop.training.sources import Place

if TYPE_CHECKING:
    from cyprop.training.loop import Training


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
        If checkpoint is neither.
    """

    def __init__(self, network: Engine, checkpoint: Any) -> None:
        if not isinstance(checkpoint, str | os.PathLike | Checkpoint):
            raise TypeError(f"checkpoint is {shown(checkpoint)}, expected a path or a Checkpoint")
        rule = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        self._path = atomic.checked_path(rule.path)
        self._seconds = rule.seconds
        self._written = 0.0
        self.options: dict[str, str] = {}
        kept.rng_numbers(kept.rng_state(network))  # refused now rather than after an epoch

    def begin(self, training: Training) -> None:
        """Go on from the file, if there is one; else write it, so that it is known to be writable.

        Raises
        ------
        ValueError
            If the file is of another network, other data or options, or no checkpoint.
        OSError
            If it cannot be read or written.
        """
        self.options["epochs"] = f"{training.n_epochs}"
        if os.path.lexists(self._path) and os.path.getsize(self._path):
            self._go_on(training)
        else:
            self.write(training)

    def is_due(self) -> bool:
        """Whether the seconds have passed."""
        return self._seconds is not None and time.monotonic() - self._written >= self._seconds

    def after_epoch(self, training: Training) -> None:
        """Write, unless it is the seconds that count, and they have not passed."""
        if self._seconds is None or self.is_due():
            self.write(training)

    def write(self, training: Training) -> None:
        """Replace the file by one from which the training can go on."""
        place, history, stopping = training.place, training.history, training.stopping
        under_way = place.batches > 0
        vectors = {"best": training.best, "epoch_start": training.epoch_start}
        if not under_way:
            del vectors["epoch_start"]
        there = {name: vector for name, vector in vectors.items() if vector is not None}
        columns = history.columns() if training.epoch else {}
        run = Run(
            options=self.options,
            epoch=training.epoch,
            place=(place.batches, place.total, place.weight, training.seconds),
            finished=training.is_over,
            plateau=None if training.pace is None else training.pace.followed(),
            stopping=None if stopping is None else (stopping.best, stopping.n_without),
            columns=tuple(columns),
            vectors=tuple(there),
        )
        network = training.network
        found = kept.snapshot(
            network,
            run,
            tuple(there.values()),
            tuple(columns.values()),
            training.rng_state if under_way else None,
        )
        files.write(network, self._path, found, {})
        self._written = time.monotonic()

    def _go_on(self, training: Training) -> None:
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
        self._check_options(run, training)
        _, parameters, states, tally = memory.state(other)
        memory.set_state(network, parameters, states, tally)
        memory.set_rng(network, memory.rng_of(other))
        training.epoch = run.epoch
        # One that went through all its epochs goes on where there are more now.
        went_through = f"{run.epoch}" == run.options["epochs"]
        training.is_over = run.finished and not (went_through and run.epoch < training.n_epochs)
        training.place, training.seconds = Place(*run.place[:3]), run.place[3]
        if run.epoch:
            enter(training.history, dict(zip(run.columns, found.columns, strict=True)))
        vectors = dict(zip(run.vectors, found.vectors[len(states) :], strict=True))
        training.best = vectors.get("best")
        if "epoch_start" in vectors:
            training.epoch_start = vectors["epoch_start"]
        if training.pace is not None:
            training.pace.follow(run.plateau)
        if training.stopping is not None and run.stopping is not None:
            training.stopping.best, training.stopping.n_without = run.stopping
        self._written = time.monotonic()

    def _check_network(self, network: Engine, found: kept.Snapshot) -> None:
        mine, training = memory.settings_of(network), found.training
        assert training is not None
        what = ""
        if found.settings != mine:
            what = f"is of Network({found.settings.shown()}), not of Network({mine.shown()})"
        elif training.seed != memory.seed_of(network):
            what = f"is of a network of seed={training.seed}, not {memory.seed_of(network)}"
        elif training.frozen != memory.frozen_of(network):
            what = f"is of a network with frozen={training.frozen}, not {memory.frozen_of(network)}"
        if what:
            raise ValueError(f"checkpoint {self._path!r} {what}; give another path, or remove it")

    def _check_options(self, run: Run, training: Training) -> None:
        there, mine = run.options, self.options
        for key in {**there, **mine}:
            if there.get(key) != mine.get(key) and not (key == "epochs" and may_differ(training)):
                raise ValueError(
                    f"checkpoint {self._path!r} was made with {key}={there.get(key, 'none')},"
                    f" not {mine.get(key, 'none')}; give another path, or remove it"
                )
        if run.epoch > training.n_epochs:
            raise ValueError(
                f"checkpoint {self._path!r} has {run.epoch} epochs already, which is more than"
                f" epochs={training.n_epochs}; give another path, or remove it"
            )


def may_differ(training: Training) -> bool:
    """Whether the first epochs are the same however many follow them."""
    from cyprop.training.plateau import ReduceOnPlateau

    schedule = training.plan.schedule
    return training.stopping is None and (schedule is None or isinstance(schedule, ReduceOnPlateau))
