"""`cyprop.dask.fit`: what it was given, checked; then the rounds."""

from __future__ import annotations

import math
import warnings
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from cyprop.checks.numbers import is_sequence, real_number, shown, whole_number
from cyprop.dask.borrowed import is_dask_collection
from cyprop.dask.held import Data
from cyprop.dask.partitions import partitions_of
from cyprop.dask.rounds import Local, Outer, Stepwise
from cyprop.dask.tasks import Form, form_of
from cyprop.dask.training import HeldOut, Training
from cyprop.engine import memory
from cyprop.network import Network
from cyprop.optimizers import SGD
from cyprop.training.data import check_parameters
from cyprop.training.fit import validation_of
from cyprop.training.history import History
from cyprop.training.progress import showing
from cyprop.waiting import Crew
from cyprop.workers import PATIENCE, checked_client

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import Literal

    from cyprop.formats.checkpoints import Checkpoint

MODES = ("local", "gradient")
ON_LOST = ("recompute", "skip")


class Options(NamedTuple):
    """What a person chose, checked."""

    rounds: int
    form: Form
    outer: SGD | None
    mode: str
    on_lost: str
    patience: float


def fit(
    net: Network,
    X: Any,
    Y: Any,
    *,
    rounds: int,
    local_epochs: int = 1,
    batch_size: int = 32,
    sample_weight: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    outer: Literal["average"] | SGD = "average",
    mode: Literal["local", "gradient"] = "local",
    on_lost: Literal["recompute", "skip"] = "recompute",
    shuffle: bool = True,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    progress: bool = True,
    patience: float = PATIENCE,
) -> History:
    """Train a network on rows that the workers of a Dask cluster hold, partition by partition.

    By default this is Local SGD (McMahan et al. 2017, there FedAvg). In each round every partition
    is trained from the same weights, in a task of its own that is a pure function of these weights,
    of what the optimizer keeps, of the partition and of a seed; the mean of what comes out is what
    the next round begins with. Tasks may be done in any order, on any worker, and again: the bits
    are the same on any number of workers, and whichever of them dies.

    Parameters
    ----------
    net : Network
        It is trained in place, by its own optimizer; between rounds it can be used.
    X, Y : dask array, dataframe or series, or list of delayed partitions
        Rows as `Network.fit` takes them, in partitions that belong together: of arrays Y is cut as
        X is, else the n-th partition of one goes with the n-th of the other. A partition is read
        once, and stays in the memory of the worker that has read it.
    rounds : int
        How often the partitions' weights are brought together; 0: not at all.
    local_epochs : int, default 1
        Passes of each partition in a round.
    batch_size : int, default 32
        Rows of a partition that an update learns from.
    sample_weight : as Y, (n,), optional
        How much each row counts, at least 0, with a positive sum in each partition. A partition
        counts by that sum, else by its rows.
    validation_data : pair or triple, optional
        X and Y, and weights, evaluated after each round: arrays here, or partitions as above.
    outer : "average" or SGD, default "average"
        What the next round begins with: the mean of the weights, or a step of this optimizer from
        the last ones, whose gradient is the difference last − mean, such as ``cyprop.SGD(0.7,
        momentum=0.9, nesterov=True)`` (Douillard et al. 2023, there DiLoCo).
    mode : "local" or "gradient", default "local"
        With "gradient" every update is made by the network's own optimizer from the mean of the
        gradients of a batch of each partition, and there is no `outer`; partitions that have no
        rows left take no part in the last batches.
    on_lost : "recompute" or "skip", default "recompute"
        What becomes of a partition in a round whose worker dies: it is trained again, by another
        worker; or it is left out of this round (with "gradient" of this update), and the History
        says so. At least one is in each.
    shuffle : bool, default True
        Whether each pass takes the rows of a partition in a new random order.
    client : dask.distributed.Client, optional
        By default the current one.
    checkpoint : path or Checkpoint, optional
        A file, here, that has after each round all that is needed to go on; as in `Network.fit`.
        The same call goes on from there, be it that the client itself was killed.
    progress : bool, default True
        Whether to show each round on standard error.
    patience : float, default 60
        Above 0: seconds without any worker, or without an answer of the scheduler, after which it
        is given up; and twice that where workers are there and begin nothing. A task that is under
        way is waited for.

    Returns
    -------
    History
        Its lists have one entry a round: the loss is that of the last local epoch, and
        "task_seconds" among the metrics is what all tasks of the round took together. ``left_out``
        says which partitions were left out of which rounds.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError, ValueError
        If an option is not one of the above, X or Y is no collection of Dask's, they do not fit the
        network or each other, a partition is empty, or holds NaN, infinity or a target that the
        loss cannot mean (the message names the first partition and its row), chunks have unknown
        sizes, there is no client, it is closed, or the checkpoint is of something else; the network
        is unchanged.
    RuntimeError
        If a worker has no cyprop or another version of it, patience has an end, the client is
        closed meanwhile, a partition is lost with its workers again and again, or its data is gone
        and cannot be computed again, as what has been scattered is.
    DivergenceError
        If a loss became non-finite, in the round that the message calls an epoch; it names the
        partition, where one by itself did.
    OSError
        If the checkpoint cannot be written.

        However it ends after the first round has begun, the network is as the last complete round
        left it, and the history at ``net.history``.

    Warns
    -----
    UserWarning
        Once, if a target is out of reach for the output activation.

    Notes
    -----
    The mean is Σ wᵢ·θᵢ / Σ wᵢ, in float64 and in the order of the partitions; what the optimizer
    keeps is averaged likewise, and of the counts of its updates the largest is taken. The seed of a
    round is drawn from the network's generator; partition i of it shuffles, and drops out, by
    ``PCG64(SeedSequence([seed, i]))``. With ``mode="gradient"`` the rows of pass p of partition i
    have the order of ``Generator(PCG64([seed + p, i])).permutation(n)``.

    Between the workers and the client nothing travels but vectors as long as ``net.parameters``,
    and losses. Called in a task, it gives up the place that the task has on its worker, as
    ``distributed.secede`` does, or the only worker would wait for itself.
    Thread-safety: any thread; no other may train the network meanwhile.

    Examples
    --------
    >>> import cyprop, cyprop.dask, dask.array as da
    >>> from dask.distributed import Client
    >>> client = Client(n_workers=2, threads_per_worker=1)  # doctest: +SKIP
    >>> net = cyprop.Network([4, 8, 1], "tanh", optimizer="adam")
    >>> X = da.random.random((10_000, 4), chunks=(1_000, 4))
    >>> Y = X.sum(axis=1, keepdims=True)
    >>> history = cyprop.dask.fit(net, X, Y, rounds=5)  # doctest: +SKIP
    """
    history = History()
    steps = rounds_of(
        *(net, X, Y),
        rounds=rounds,
        local_epochs=local_epochs,
        batch_size=batch_size,
        sample_weight=sample_weight,
        validation_data=validation_data,
        outer=outer,
        mode=mode,
        on_lost=on_lost,
        shuffle=shuffle,
        client=client,
        checkpoint=checkpoint,
        patience=patience,
    )
    with showing(whole_number(rounds, "rounds", low=0), progress, "round") as show:
        for history in steps:
            show(history)
    return history


def rounds_of(
    net: Network,
    X: Any,
    Y: Any,
    *,
    sample_weight: Any = None,
    validation_data: tuple[Any, ...] | None = None,
    client: Any = None,
    checkpoint: Any = None,
    **options: Any,
) -> Iterator[History]:
    """`fit`, which see, round by round: the history so far before the first, and after each.

    A caller that asks no more ends it there.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net is {shown(net)}, expected a Network")
    chosen = _checked(net, **options)
    if Y is None:
        raise TypeError("Y is None, expected partitions of targets that belong to those of X")
    client = checked_client(client)
    pieces = partitions_of(net, X, Y, sample_weight)
    held = _checked_pair(validation_data)
    held_pieces = None
    if held is not None and is_of_partitions(held[0]):
        held_pieces = partitions_of(net, held[0], held[1], held[2], "validation ")
    keeper = None if checkpoint is None else net._keeper(checkpoint)
    check_parameters(net)
    crew = Crew(client, chosen.patience, skips=chosen.on_lost == "skip")
    crew.check_versions()
    with ExitStack() as at_the_end:
        if crew.skips:
            at_the_end.enter_context(crew.listening())
        data = Data(crew, chosen.form, pieces)
        at_the_end.callback(data.release)
        _check_weights(data)
        validation: Any = None
        if held_pieces is not None:
            rows = Data(crew, chosen.form, held_pieces, "validation ")
            at_the_end.callback(rows.release)
            validation = HeldOut(crew, chosen.form, rows)
        elif held is not None:
            assert validation_data is not None
            validation = validation_of(net, validation_data, chosen.form.batch_size, 1)
        _warn(data)
        training = _training(net, chosen, crew, data, validation, keeper)
        yield training.history
        yield from training.rounds()


def _checked(
    net: Network,
    *,
    rounds: Any,
    local_epochs: Any = 1,
    batch_size: Any = 32,
    outer: Any = "average",
    mode: Any = "local",
    on_lost: Any = "recompute",
    shuffle: Any = True,
    patience: Any = PATIENCE,
) -> Options:
    for value, name, known in ((mode, "mode", MODES), (on_lost, "on_lost", ON_LOST)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{name} is {shown(value)}, expected one of {', '.join(known)}")
    if not isinstance(shuffle, bool):
        raise TypeError(f"shuffle is {shown(shuffle)}, expected True or False")
    optimizer: SGD | None = None
    if isinstance(outer, SGD):
        optimizer = outer
    elif not isinstance(outer, str) or outer != "average":
        raise TypeError(
            f"outer is {shown(outer)}, expected 'average' or an SGD, such as"
            " cyprop.SGD(0.7, momentum=0.9, nesterov=True)"
        )
    if optimizer is not None and mode == "gradient":
        raise ValueError(
            "outer is for mode='local'; with mode='gradient' the network's own optimizer makes"
            " every update"
        )
    form = form_of(
        net,
        whole_number(batch_size, "batch_size"),
        whole_number(local_epochs, "local_epochs"),
        shuffle,
    )
    return Options(
        whole_number(rounds, "rounds", low=0),
        form,
        optimizer,
        mode,
        on_lost,
        real_number(patience, "patience", 0, math.inf),
    )


def _checked_pair(validation_data: Any) -> tuple[Any, Any, Any] | None:
    if validation_data is None:
        return None
    if not is_sequence(validation_data) or len(validation_data) not in (2, 3):
        raise TypeError("validation_data must be a pair (X, Y) or a triple (X, Y, sample_weight)")
    X, Y, *weights = validation_data
    return X, Y, weights[0] if weights else None


def is_of_partitions(value: Any) -> bool:
    """Whether it is made of Dask's partitions, as far as a look at the first tells."""
    first: Any = value[0] if is_sequence(value) and len(value) else value
    found: bool = is_dask_collection(first) or hasattr(first, "add_done_callback")
    return found


def _check_weights(data: Data) -> None:
    total = sum(described.weight for described in data.described)
    if not 0 < total < math.inf:
        raise ValueError(f"sample_weight adds up to {total}, expected a positive, finite sum")


def _warn(data: Data) -> None:
    for described in data.described:
        if described.out_of_reach is not None:
            warnings.warn(described.out_of_reach, stacklevel=4)
            return


def _training(
    net: Network, chosen: Options, crew: Crew, data: Data, validation: Any, keeper: Any
) -> Training:
    kind: Local | Stepwise
    outer: Outer | None = None
    if chosen.mode == "gradient":
        kind = Stepwise(crew, net, data, chosen.form)
    else:
        outer = Outer(net, chosen.outer)
        kind = Local(crew, net, data, chosen.form, outer)
    if keeper is not None:
        keeper.options |= _named(net, chosen, data, validation)
    loss = None if validation is None else validation.loss
    return Training(net, chosen.rounds, kind, outer, loss, keeper)


def _named(net: Network, chosen: Options, data: Data, validation: Any) -> dict[str, str]:
    """What a checkpoint's file says of the options, so that others are refused."""
    samples = "".join(described.sample for described in data.described)
    return {
        "optimizer": f"{memory.settings_of(net).optimizer}",
        "frozen": f"{memory.frozen_of(net)}",
        "batch_size": f"{chosen.form.batch_size}",
        "local_epochs": f"{chosen.form.local_epochs}",
        "shuffle": f"{chosen.form.shuffle}",
        "mode": chosen.mode,
        "outer": "average" if chosen.outer is None else f"{chosen.outer}",
        "on_lost": chosen.on_lost,
        "validation": "none" if validation is None else validation.identity(),
        "partitions": f"{len(data)}",
        "rows": f"{sum(described.n for described in data.described)}",
        "weights": f"{sum(described.weight for described in data.described)}",
        "data": f"{zlib.crc32(samples.encode()):08x}",
    }
