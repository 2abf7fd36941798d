"""One training: epoch after epoch, and what is looked at in between."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.engine import memory
from cyprop.errors import DivergenceError
from cyprop.training.callbacks import call
from cyprop.training.data import check_parameters
from cyprop.training.history import History
from cyprop.training.sources import Arrays, Place, Source
from cyprop.training.stopping import EarlyStopping, Stopping, StopTraining

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine
    from cyprop.training.metrics import Metric
    from cyprop.training.pace import Pace
    from cyprop.training.validation import Held


class Plan(NamedTuple):
    """What to learn from and how, checked: all that the epochs of one training share."""

    source: Source
    shuffle: bool
    validation: Held | None
    n_threads: int  # that were asked for
    schedule: Any = None  # what `Pace` takes, or None
    metrics: tuple[Metric, ...] = ()
    early_stopping: EarlyStopping | None = None
    callbacks: tuple[Any, ...] = ()
    checkpoint: Any = None  # a Keeper (formats/checkpoints.py)


def columns_of(plan: Plan) -> dict[str, bool | None]:
    """What the history will have, and of each whether more of it is better; None: not known."""
    columns: dict[str, bool | None] = {"loss": False}
    if plan.validation is not None:
        columns["validation_loss"] = False
    for metric in plan.metrics:
        if isinstance(plan.source, Arrays):
            columns[metric.name] = metric.higher_is_better
        if plan.validation is not None:
            columns[f"validation_{metric.name}"] = metric.higher_is_better
    return columns


class NotFiniteError(Exception):
    """An epoch ended in a batch after which something was not finite."""

    def __init__(self, batch: int, what: str) -> None:
        super().__init__(batch, what)
        self.batch = batch
        self.what = what


class Training:
    """A training under way: where it is, and all that it needs to go on from there.

    Attributes
    ----------
    epoch : int
        That comes next, or is under way.
    place : Place
        How far that has got, and how many `seconds` it took so far.
    is_over : bool
        Whether it has ended, be it before the last epoch.
    """

    network: Engine
    plan: Plan
    n_epochs: int
    history: History
    epoch: int
    place: Place
    seconds: float
    is_over: bool
    stopping: Stopping | None
    pace: Pace | None
    best: Array | None  # parameters
    epoch_start: Array  # those of the beginning of the epoch
    rng_state: Any  # at that time; only where there is a checkpoint

    def __init__(self, network: Engine, plan: Plan, n_epochs: int) -> None:
        self.network, self.plan, self.n_epochs = network, plan, n_epochs
        self.history = History()
        self.epoch, self.place, self.seconds, self.is_over = 0, Place(), 0.0, False
        self.stopping = self.pace = self.best = self.rng_state = None
        self.epoch_start = memory.empty_like_parameters(network)
        if plan.early_stopping is not None:
            self.stopping = plan.early_stopping.begin(columns_of(plan))
        if plan.schedule is not None:
            from cyprop.training.pace import Pace  # which not every program needs

            settings = memory.settings_of(network)
            self.pace = Pace(
                plan.schedule,
                n_epochs,
                plan.source.n_batches,
                settings.optimizer.hyperparameters["learning_rate"],
                settings.dtype.name,
            )

    def state(self) -> dict[str, Any]:
        """All that going on needs beside the network itself, for a checkpoint."""
        place, stopping = self.place, self.stopping
        under_way = place.batches > 0
        columns = self.history.columns()
        if not self.epoch:
            columns = {name: list[float]() for name in self._columns()}
        if set(columns) != self._columns() or {*map(len, columns.values())} != {self.epoch}:
            raise ValueError(
                f"the History has lost or got entries, so that its lists are not of {self.epoch}"
                " epochs each, as a checkpoint needs them"
            )
        vectors = {"best": self.best, "epoch_start": self.epoch_start if under_way else None}
        return {
            "epoch": self.epoch,
            "place": (place.batches, place.total, place.weight, self.seconds),
            "finished": self.is_over,
            "plateau": None if self.pace is None else self.pace.followed(),
            "stopping": None if stopping is None else (stopping.best, stopping.n_without),
            "columns": columns,
            "vectors": {key: vector for key, vector in vectors.items() if vector is not None},
            "rng": self.rng_state if under_way else None,  # None: that of now
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; the network is as it was then.

        Raises
        ------
        ValueError
            If that is not such as this training gives.
        """
        n_batches = self.plan.source.n_batches
        if set(state["columns"]) != self._columns():
            raise ValueError(f"has a History of {', '.join(state['columns'])}, which is another")
        done, _, weight, _ = state["place"]
        if n_batches is not None and (done > n_batches or (done == n_batches and not weight > 0)):
            raise ValueError(f"is in the midst of an epoch of other than {n_batches} batches")
        self.epoch, self.is_over = state["epoch"], state["finished"]
        *place, self.seconds = state["place"]
        self.place = Place(*place)
        if self.epoch:
            self.history.extend(state["columns"])
        self.best = state["vectors"].get("best")
        self.epoch_start = state["vectors"].get("epoch_start", self.epoch_start)
        if self.pace is not None:
            self.pace.follow(state["plateau"])
        if self.stopping is not None and state["stopping"] is not None:
            self.stopping.best, self.stopping.n_without = state["stopping"]

    def _columns(self) -> set[str]:
        """The names of what the history has."""
        return {*columns_of(self.plan), "learning_rate", "seconds"}

    def may_have_more_epochs(self) -> bool:
        """Whether the first epochs are the same however many follow them."""
        return self.stopping is None and (self.pace is None or self.pace.followed() is not None)

    def begin(self) -> None:
        """Find where a checkpoint goes on; from now on the network has this history."""
        if self.plan.checkpoint is not None:
            self.plan.checkpoint.begin(self)
        vars(self.network)["history"] = self.history

    def epochs(self) -> Iterator[History]:
        """Train epoch by epoch, yielding the history so far after each; then end well.

        A caller that stops asking stops the training where it is.
        """
        plan = self.plan
        self.begin()
        if self.is_over:
            return
        try:
            call(plan.callbacks, "on_train_begin")
            while self.epoch < self.n_epochs and not self.is_over:
                self._one_epoch()
                yield self.history
        except StopTraining:
            pass
        self.end()

    def _one_epoch(self) -> None:
        network, plan = self.network, self.plan
        if self.place.batches == 0:  # or a checkpoint has what the callbacks did
            call(plan.callbacks, "on_epoch_begin", self.epoch, {})
            memory.read_parameters(network, self.epoch_start)
        order = self._order()
        rate = memory.settings_of(network).optimizer.hyperparameters["learning_rate"]
        rates = None
        if self.pace is not None:
            rates = self.pace.rates(self.epoch)
        started = time.perf_counter() - self.seconds
        try:
            loss = self._learn(order, rates, started)
        except NotFiniteError as found:
            memory.go_back(network, self.epoch_start)
            check_parameters(network)  # which the caller, or another thread, may have assigned
            raise DivergenceError(self.epoch, found.batch, found.what, self.history) from None
        seconds = time.perf_counter() - started
        self.record(
            {"loss": loss, "learning_rate": rate if rates is None else float(rates[-1])}, seconds
        )

    def record(self, entries: dict[str, float], seconds: float) -> None:
        """An epoch has ended that well: measure what the history has, and see what follows."""
        found = entries
        if self.plan.validation is not None or self.plan.metrics:
            found |= self._measured()
        found["seconds"] = seconds
        # Only now are there entries: an interrupted epoch has none, and all lists are as long.
        self.history.add(found)
        self._after_epoch(found)

    def _order(self) -> Any:
        """Which row comes when in this epoch."""
        source, network = self.plan.source, self.network
        if self.plan.checkpoint is not None:
            self.rng_state = memory.rng_of(network).bit_generator.state
        if not self.plan.shuffle or source.n_rows is None:
            return source.order(None)
        # Kernels trust it, so no subclass of the generator is asked.
        permutation = np.random.Generator.permutation
        return source.order(permutation(memory.rng_of(network), source.n_rows))

    def _learn(self, order: Any, rates: Any, started: float) -> float:
        """The mean loss of one pass over the rows, from `place` on."""
        checkpoint, place = self.plan.checkpoint, self.place
        steps = self.plan.source.steps(self.epoch, order, rates, place)
        for place in steps:
            if not math.isfinite(place.total):
                what = "a parameter" if memory.overflowed(self.network) else "the loss"
                raise NotFiniteError(place.batches, what)
            if checkpoint is not None and checkpoint.is_due():
                self.place, self.seconds = place, time.perf_counter() - started
                checkpoint.write(self)
        if not memory.is_finite(self.network):
            raise NotFiniteError(place.batches - 1, "a parameter")
        self.place, self.seconds = Place(), 0.0
        return place.total / place.weight

    def _measured(self) -> dict[str, float]:
        """The validation loss and the metrics, in the order in which the history has them."""
        found: dict[str, float] = {}
        network, plan = self.network, self.plan
        if plan.validation is not None:
            found["validation_loss"] = plan.validation.loss(network)
        if plan.metrics:
            from cyprop.training.metrics import measure
            from cyprop.training.validation import outputs_of

            if isinstance(plan.source, Arrays):
                data, rows = plan.source, plan.source.rows
                A = outputs_of(network, data.X, rows, data.batch_size, plan.n_threads)
                Y = data.Y if rows is None else data.Y[rows]
                found |= measure(plan.metrics, Y, A, data.weights_of_metrics())
            if plan.validation is not None:
                values = measure(plan.metrics, *plan.validation.outputs(network))
                found |= {f"validation_{name}": value for name, value in values.items()}
        return found

    def _after_epoch(self, entries: dict[str, float]) -> None:
        """Look at how the epoch went: the schedule, early stopping, callbacks, the checkpoint."""
        plan = self.plan
        self.epoch += 1
        if self.pace is not None:
            self.pace.after_epoch(self.history)
        if self.stopping is not None:
            rule = self.stopping.rule
            if self.stopping.after_epoch(entries[rule.monitor]) and rule.restore_best_weights:
                if self.best is None:
                    self.best = memory.empty_like_parameters(self.network)
                memory.read_parameters(self.network, self.best)
            self.is_over = self.stopping.is_over
        call(plan.callbacks, "on_epoch_end", self.epoch - 1, entries)
        if plan.checkpoint is not None and self.epoch < self.n_epochs and not self.is_over:
            plan.checkpoint.after_epoch(self)

    def end(self) -> None:
        """The best weights, and the last checkpoint."""
        if self.best is not None and self.stopping is not None and self.stopping.n_without:
            memory.go_back(self.network, self.best)
        self.is_over = True
        self.place = Place()  # a signal may have ended it in the midst of an epoch
        if self.plan.checkpoint is not None:
            self.plan.checkpoint.write(self)
        with suppress(StopTraining):
            call(self.plan.callbacks, "on_train_end")
