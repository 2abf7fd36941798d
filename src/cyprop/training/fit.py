"""Epochs over a data set: shuffling, validation, and going back where learning diverges."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.arrays import check_same_rows, matrix
from cyprop.checks.labels import targets_of_rows
from cyprop.checks.numbers import real_number, whole_number
from cyprop.checks.weights import weights_of_rows
from cyprop.engine import memory
from cyprop.engine.course import Course
from cyprop.engine.engine import Engine
from cyprop.engine.finite import is_ordinary, place_of_nonfinite
from cyprop.engine.threads import threads_for_batches
from cyprop.errors import DivergenceError
from cyprop.training.history import History
from cyprop.training.progress import epoch_lines
from cyprop.training.targets import check_meaning, warn_of_what_is_out_of_reach

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array


def checked_data(
    network: Engine, X: Any, Y: Any, x_name: str = "X", y_name: str = "Y"
) -> tuple[Array, Array, bool]:
    """X and Y as the network's arrays, every number finite and every target one of the loss; and
    whether no number in X is so large that updates must look at it again.

    Raises
    ------
    TypeError, ValueError
        As `cyprop.checks.arrays.matrix`; and ValueError naming the row and column of
        the first NaN or infinity, or of the first target that the loss cannot mean.
    RuntimeError
        If the network has not been initialised.
    """
    settings = memory.settings_of(network)
    sizes, dtype = settings.sizes, settings.dtype
    with np.errstate(over="ignore"):
        X = matrix(X, x_name, sizes[0], dtype)
        Y = targets_of_rows(Y, y_name, settings.n_targets, dtype, settings.n_classes)
    check_same_rows(X, Y, x_name, y_name)
    ordinary = is_ordinary(X)
    for array, name, is_known in ((X, x_name, ordinary), (Y, y_name, False)):
        place = None if is_known else place_of_nonfinite(array)
        if place is not None:
            raise ValueError(
                f"{name} holds {array[place]} at row {place[0]}, column {place[1]},"
                f" expected finite numbers that fit {dtype}"
            )
    check_meaning(Y, y_name, settings)
    return X, Y, ordinary


def check_weights(network: Engine) -> None:
    """Raise ValueError for the first weight or bias that is not finite: nothing comes of it."""
    if memory.is_finite(network):
        return
    for what, arrays in zip(("weights", "biases"), memory.arrays(network), strict=True):
        for layer, array in enumerate(arrays):
            wrong = np.argwhere(~np.isfinite(array))
            if len(wrong):
                place = tuple(wrong[0].tolist())
                raise ValueError(
                    f"{what}[{layer}] holds {array[place]} at {list(place)} before training,"
                    " expected finite numbers; nothing was trained"
                )


class Plan(NamedTuple):
    """What to learn from and how, checked: all that the epochs of one training share."""

    course: Course
    n_rows: int
    weight: float  # of all rows together
    batch_size: int
    shuffle: bool
    validation: tuple[Array, Array] | tuple[Array, Array, Array] | None
    n_threads: int  # that were asked for
    schedule: Any  # what `Pace` takes, or None


def plan(
    network: Engine,
    X: Any,
    Y: Any,
    *,
    batch_size: int,
    shuffle: bool = True,
    validation_data: tuple[Any, ...] | None = None,
    n_threads: int = 1,
    sample_weight: Any = None,
    schedule: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Plan:
    """Check all but the number of epochs. Parameters, errors: see `Network.fit`.

    A warning of targets that are out of reach names the line that called the caller.
    """
    batch_size = whole_number(batch_size, "batch_size")
    X, Y, ordinary = checked_data(network, X, Y)
    settings = memory.settings_of(network)
    batch_size = min(batch_size, len(X))
    n_parts = threads_for_batches(n_threads, len(X), batch_size, settings.n_parameters)
    weights, weight = None, float(len(X))
    if sample_weight is not None:
        weights = weights_of_rows(sample_weight, len(X))
        weight = float(weights.sum())
    bounds = [
        None if bound is None else real_number(bound, name, 0, math.inf)
        for bound, name in ((clip_norm, "clip_norm"), (clip_value, "clip_value"))
    ]
    validation = None if validation_data is None else _validation(network, validation_data)
    if schedule is not None:
        from cyprop.training.pace import checked_schedule

        schedule = checked_schedule(schedule, validation is not None)
    check_weights(network)
    if not warn_of_what_is_out_of_reach(Y, "Y", settings, 3) and validation is not None:
        warn_of_what_is_out_of_reach(validation[1], "validation Y", settings, 3)
    course = Course(network, X, Y, weights, batch_size, n_parts, ordinary, *bounds)
    return Plan(course, len(X), weight, batch_size, shuffle, validation, n_threads, schedule)


def _validation(
    network: Engine, validation_data: tuple[Any, ...]
) -> tuple[Array, Array] | tuple[Array, Array, Array]:
    """The rows that are not learned from, checked, and their weights if there are any."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise TypeError("validation_data must be a pair (X, Y) or a triple (X, Y, sample_weight)")
    X, Y = validation_data[:2]
    X, Y, _ = checked_data(network, X, Y, "validation X", "validation Y")
    if len(validation_data) == 2:
        return X, Y
    return X, Y, weights_of_rows(validation_data[2], len(X), "validation sample_weight")


def epochs(network: Engine, plan: Plan, n_epochs: int) -> Iterator[History]:
    """Train epoch by epoch, yielding the history so far after each; stop asking to stop training.

    The history is at ``network.history`` from now on, however the training ends. Between two epochs
    the caller may do with the network what it likes: a schedule is a caller that sets the learning
    rate.
    """
    return _epochs(network, plan, whole_number(n_epochs, "epochs", low=0), _new_history(network))


def _new_history(network: Engine) -> History:
    history = History()
    vars(network)["history"] = history
    return history


def _epochs(network: Engine, plan: Plan, n_epochs: int, history: History) -> Iterator[History]:
    last_finite = memory.empty_like_parameters(network)
    pace = None
    if plan.schedule is not None:
        from cyprop.training.pace import Pace  # here and below: which not every program needs

        settings = memory.settings_of(network)
        pace = Pace(
            plan.schedule,
            n_epochs,
            -(-plan.n_rows // plan.batch_size),
            settings.optimizer.hyperparameters["learning_rate"],
            settings.dtype.name,
        )
    for epoch in range(n_epochs):
        memory.read_parameters(network, last_finite)
        order = _shuffled(network, plan.n_rows) if plan.shuffle else None
        started = time.perf_counter()
        try:
            loss = _one_epoch(network, plan, order, None if pace is None else pace.rates(epoch))
        except _NotFiniteError as found:
            memory.go_back(network, last_finite)
            check_weights(network)  # which the caller, or another thread, may have assigned
            raise DivergenceError(epoch, found.batch, found.what, history) from None
        seconds = time.perf_counter() - started
        # Only now are there entries: an interrupted epoch has none, and all lists are as long.
        if plan.validation is not None:
            X, Y, *weights = plan.validation  # a subclass may have an `evaluate` that knows none
            history.validation_loss.append(network.evaluate(X, Y, plan.n_threads, *weights))
        history.seconds.append(seconds)
        history.loss.append(loss)
        if pace is not None:
            pace.after_epoch(history)
        yield history


def _shuffled(network: Engine, n: int) -> Array:
    """The numbers of n rows in a random order; kernels trust it, so no subclass is asked."""
    return np.random.Generator.permutation(memory.rng_of(network), n)


class _NotFiniteError(Exception):
    """An epoch ended in a batch after which something was not finite."""

    def __init__(self, batch: int, what: str) -> None:
        super().__init__(batch, what)
        self.batch = batch
        self.what = what


def _one_epoch(network: Engine, plan: Plan, order: Array | None, rates: Array | None) -> float:
    """The mean loss of one pass over the rows."""
    n, total, row = plan.n_rows, 0.0, 0
    while row < n:
        total, row = plan.course.train(order, rates, row, total)
        if not np.isfinite(total):
            what = "a parameter" if memory.overflowed(network) else "the loss"
            raise _NotFiniteError(row // plan.batch_size, what)
    if not memory.is_finite(network):
        raise _NotFiniteError((n - 1) // plan.batch_size, "a parameter")
    return total / plan.weight


def fit(network: Engine, plan: Plan, n_epochs: int, progress: bool) -> History:
    """`Network.fit`, which see."""
    n_epochs = whole_number(n_epochs, "epochs", low=0)
    history = _new_history(network)
    steps = _epochs(network, plan, n_epochs, history)
    for _ in epoch_lines(steps, n_epochs) if progress else steps:
        pass
    return history
