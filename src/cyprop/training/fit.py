"""`Network.fit`: what it was given, checked and made into a plan; then the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.numbers import real_number, whole_number
from cyprop.checks.weights import weights_of_rows
from cyprop.engine import memory
from cyprop.engine.threads import kept_threads, threads_for_batches, work_of_row
from cyprop.training.data import as_compared, check_parameters, checked_data
from cyprop.training.loop import Plan, Training, columns_of
from cyprop.training.mapped import mapping_of
from cyprop.training.progress import epoch_lines
from cyprop.training.rows import Rows
from cyprop.training.sources import Arrays, Clips, Read, Source
from cyprop.training.sparse import is_sparse
from cyprop.training.targets import warn_of_what_is_out_of_reach
from cyprop.training.validation import Held, Pair, ReadShare, Share

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine
    from cyprop.training.history import History

BATCH_SIZE = 32


class Given(NamedTuple):
    """Checked rows of any kind, and what is learned from them."""

    X: Array | None  # None where rows are read when they are needed
    Y: Array
    ordinary: bool
    read: Rows | None
    n: int


def plan(
    network: Engine,
    X: Any,
    Y: Any,
    *,
    batch_size: int = BATCH_SIZE,
    shuffle: bool = True,
    validation_data: tuple[Any, ...] | None = None,
    validation_split: float | None = None,
    n_threads: int = 1,
    sample_weight: Any = None,
    class_weight: Any = None,
    schedule: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    metrics: Any = None,
    early_stopping: Any = None,
    callbacks: Any = None,
    keeper: Any = None,
    steps_per_epoch: int | None = None,
) -> Plan:
    """Check all but the number of epochs. Parameters, errors: see `Network.fit`.

    A warning of targets that are out of reach names the line that called the caller.
    """
    batch_size = whole_number(batch_size, "batch_size")
    if type(n_threads) is not int:
        n_threads = whole_number(n_threads, "n_threads")
    clips = Clips(*_bounds(clip_norm, clip_value))
    settings = memory.settings_of(network)
    if validation_data is not None and validation_split is not None:
        raise ValueError("validation_data and validation_split are both given, expected one")
    out_of_reach: list[tuple[Array, str]] = []
    validation: Held | None
    if Y is None:
        source, validation = _batches(
            network, X, steps_per_epoch, n_threads, clips,
            {"batch_size": batch_size != BATCH_SIZE, "sample_weight": sample_weight is not None,
             "class_weight": class_weight is not None,
             "validation_split": validation_split is not None},
        ), None  # fmt: skip
    else:
        if steps_per_epoch is not None:
            raise ValueError("steps_per_epoch is for an iterable of batches; X and Y have rows")
        given = _given(network, X, Y)
        if given.X is not None:
            out_of_reach.append((given.Y, "Y"))
        source, validation = _rows(
            network, given, batch_size, n_threads, clips,
            sample_weight, class_weight, validation_split,
        )  # fmt: skip
    if validation_data is not None:
        validation = validation_of(network, validation_data, batch_size, n_threads)
        if isinstance(validation, Pair):
            out_of_reach.append((validation.Y, "validation Y"))
    found = Plan(source, shuffle, validation, n_threads)
    found = _options(network, found, schedule, metrics, early_stopping, callbacks, keeper)
    if found.checkpoint is not None:
        found.checkpoint.options |= _named(
            network, found, batch_size, clips, validation_data, validation_split
        )
    check_parameters(network)
    for targets, name in out_of_reach:
        if warn_of_what_is_out_of_reach(*as_compared(network, targets, name), settings, 3):
            break
    return found


def _bounds(clip_norm: Any, clip_value: Any) -> Iterator[float | None]:
    for bound, name in ((clip_norm, "clip_norm"), (clip_value, "clip_value")):
        yield None if bound is None else real_number(bound, name, 0, math.inf)


def _given(network: Engine, X: Any, Y: Any, x_name: str = "X", y_name: str = "Y") -> Given:
    """Rows as they were given: arrays in memory, or what is read when it is needed."""
    if is_sparse(X) or mapping_of(X) is not None or mapping_of(Y) is not None:
        read = Rows(network, X, Y, x_name, y_name)
        return Given(None, read.Y, False, read, read.n)
    X, Y, ordinary = checked_data(network, X, Y, x_name, y_name)
    return Given(X, Y, ordinary, None, len(X))


def _batches(
    network: Engine,
    X: Any,
    steps_per_epoch: int | None,
    n_threads: int,
    clips: Clips,
    others: dict[str, bool],
) -> Source:
    """An iterable of batches, and nothing that only rows can have."""
    from cyprop.training.batches import Batches

    for name, is_given in others.items():
        if is_given:
            raise ValueError(f"{name} is for X and Y; an iterable of batches has its own")
    if isinstance(X, np.ndarray) or is_sparse(X) or hasattr(X, "__array__"):
        n_targets = memory.settings_of(network).n_targets
        raise TypeError(f"Y is None, expected an array of shape (n, {n_targets})")
    if steps_per_epoch is not None:
        steps_per_epoch = whole_number(steps_per_epoch, "steps_per_epoch")
    work = work_of_row(memory.settings_of(network))
    threads_for_batches(n_threads, 1, 1, work)  # which checks n_threads now
    threads = partial(_threads, n_threads, work)
    return Batches(network, X, steps_per_epoch, threads, clips)


def _threads(n_threads: int, work: int, n: int) -> int:
    """How many share a batch of n rows that comes alone."""
    return threads_for_batches(n_threads, n, n, work)


def _rows(
    network: Engine,
    given: Given,
    batch_size: int,
    n_threads: int,
    clips: Clips,
    sample_weight: Any,
    class_weight: Any,
    validation_split: float | None,
) -> tuple[Source, Held | None]:
    """What to learn from among the rows, and those that are held out for validation."""
    settings = memory.settings_of(network)
    own = None if sample_weight is None else weights_of_rows(sample_weight, given.n)
    rows = held = None
    if validation_split is not None:
        rows, held = _split(network, given, validation_split)
    weights = own
    if class_weight is not None:
        weights = _class_weights(network, given, class_weight, rows, own)
    _check_shares(weights, rows, "learn from")
    _check_shares(own, held, "validate on")
    n = given.n if rows is None else len(rows)
    batch_size = min(batch_size, n)
    n_parts = 1
    if n_threads != 1:
        n_parts = threads_for_batches(n_threads, n, batch_size, work_of_row(settings))
    validation: Held | None = None
    if given.read is not None:
        if held is not None:
            validation = ReadShare(given.read, own, held, batch_size, n_threads)
        return Read(network, given.read, weights, rows, batch_size, n_parts, clips), validation
    assert given.X is not None
    data = given.X, given.Y, given.ordinary
    source = Arrays(network, *data, weights, rows, batch_size, n_parts, clips)
    source.given_weights = own
    if held is not None:
        validation = Share(network, *data, own, held, batch_size, n_threads)
    return source, validation


def _split(network: Engine, given: Given, validation_split: float) -> tuple[Array, Array]:
    from cyprop.training.classes import labels_of, split_rows

    settings = memory.settings_of(network)
    labels = labels_of(_all_targets(network, given), settings)
    return split_rows(given.n, validation_split, memory.seed_of(network), labels)


def _class_weights(
    network: Engine, given: Given, class_weight: Any, rows: Array | None, own: Array | None
) -> Array:
    from cyprop.training.classes import weights_of_classes

    Y = _all_targets(network, given)
    weights = weights_of_classes(class_weight, Y, memory.settings_of(network), rows)
    if own is None:
        return weights_of_rows(weights, given.n, "class_weight, row by row,")
    with np.errstate(over="ignore", under="ignore"):
        return weights_of_rows(weights * own, given.n, "class_weight times sample_weight")


def _check_shares(weights: Array | None, rows: Array | None, what_for: str) -> None:
    """Raise ValueError if no row of a share of a validation split counts."""
    if weights is not None and rows is not None and not weights[rows].any():
        raise ValueError(
            f"the rows that validation_split leaves to {what_for} all have the weight 0,"
            " expected one that counts"
        )


def _all_targets(network: Engine, given: Given) -> Array:
    """Every target as the network takes it, be it in memory for this look alone."""
    return given.Y if given.read is None else given.read.all_targets()


def validation_of(
    network: Engine, validation_data: tuple[Any, ...], batch_size: int, n_threads: int
) -> Held:
    """The rows that are not learned from, checked, and their weights if there are any."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise TypeError("validation_data must be a pair (X, Y) or a triple (X, Y, sample_weight)")
    X, Y = validation_data[0], validation_data[1]
    given = _given(network, X, Y, "validation X", "validation Y")
    weights = None
    if len(validation_data) == 3:
        weights = weights_of_rows(validation_data[2], given.n, "validation sample_weight")
    if given.read is not None:
        return ReadShare(given.read, weights, None, batch_size, n_threads)
    assert given.X is not None
    return Pair(given.X, given.Y, weights, n_threads)


def _options(
    network: Engine,
    plan: Plan,
    schedule: Any,
    metrics: Any,
    early_stopping: Any,
    callbacks: Any,
    keeper: Any,
) -> Plan:
    """The plan with all that is looked at between epochs, of which most programs need nothing."""
    if schedule is not None:
        from cyprop.training.pace import checked_schedule

        schedule = checked_schedule(schedule, plan.validation is not None)
        plan = plan._replace(schedule=schedule)
        if plan.source.n_batches is None and not hasattr(schedule, "begin"):
            raise ValueError(
                "a schedule needs to know how many batches an epoch has: give steps_per_epoch"
            )
    if metrics is not None:
        from cyprop.training.metrics import checked_metrics

        plan = plan._replace(metrics=checked_metrics(metrics, memory.settings_of(network)))
        _check_metrics(plan)
    if early_stopping is not None:
        from cyprop.training.stopping import checked_stopping

        plan = plan._replace(early_stopping=checked_stopping(early_stopping, columns_of(plan)))
    if callbacks is not None:
        from cyprop.training.callbacks import checked_callbacks

        plan = plan._replace(callbacks=checked_callbacks(callbacks))
    if keeper is not None:
        if getattr(plan.source, "goes_on", False):
            raise ValueError(
                "checkpoint needs batches that can be gone through again, such as a list or an"
                " object with __iter__; X can be gone through once"
            )
        plan = plan._replace(checkpoint=keeper)
    return plan


def _check_metrics(plan: Plan) -> None:
    """Raise ValueError for metrics that have nothing to look at, or targets they cannot mean."""
    from cyprop.training.metrics import check_targets

    if not isinstance(plan.source, Arrays) and plan.validation is None:
        raise ValueError(
            "metrics need validation_data or validation_split, since X is not in memory"
        )
    for metric in plan.metrics:
        if isinstance(plan.source, Arrays):
            check_targets(metric, plan.source.Y, "Y")
        if isinstance(plan.validation, Pair):
            check_targets(metric, plan.validation.Y, "validation Y")
        elif isinstance(plan.validation, ReadShare) and metric.needs_classes:
            plan.validation.look_at_targets(partial(check_targets, metric))


def _named(
    network: Engine, plan: Plan, batch_size: int, clips: Clips, validation_data: Any, split: Any
) -> dict[str, str]:
    """What a checkpoint's file says of the options, so that others are refused."""
    from cyprop.training.rates import described

    validation = "none" if split is None else f"a split of {split}"
    if validation_data is not None and isinstance(plan.validation, Pair | ReadShare):
        validation = plan.validation.identity()
    return {
        "optimizer": f"{memory.settings_of(network).optimizer}",
        "frozen": f"{memory.frozen_of(network)}",
        "batch_size": f"{batch_size}",
        "shuffle": f"{bool(plan.shuffle)}",
        "clip_norm": f"{clips.norm}",
        "clip_value": f"{clips.value}",
        "schedule": "none" if plan.schedule is None else described(plan.schedule),
        "early_stopping": f"{plan.early_stopping}",
        "metrics": ", ".join(metric.name for metric in plan.metrics) or "none",
        "validation": validation,
        **plan.source.identity(),
    }


def epochs(network: Engine, plan: Plan, n_epochs: int) -> Iterator[History]:
    """Train epoch by epoch, yielding the history so far after each; stop asking to stop training.

    The history is at ``network.history`` from now on, however the training ends. Between two epochs
    the caller may do with the network what it likes: a schedule is a caller that sets the learning
    rate.
    """
    return Training(network, plan, whole_number(n_epochs, "epochs", low=0)).epochs()


def fit(network: Engine, plan: Plan, n_epochs: int, progress: bool) -> History:
    """`Network.fit`, which see."""
    n_epochs = whole_number(n_epochs, "epochs", low=0)
    training = Training(network, plan, n_epochs)
    if plan.n_threads == 1:  # most programs: not even a context is entered
        _run(training, progress)
    else:
        with kept_threads(plan.n_threads):
            _run(training, progress)
    return training.history


def _run(training: Training, progress: bool) -> None:
    steps = training.epochs()
    for _ in epoch_lines(steps, training.n_epochs) if progress else steps:
        pass
