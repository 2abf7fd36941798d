"""A round: what every partition makes of the same weights, and what the network makes of that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from cyprop.dask import tasks
from cyprop.dask.held import Data
from cyprop.engine import derivatives, memory
from cyprop.errors import DivergenceError
from cyprop.network import Network
from cyprop.optimizers import SGD
from cyprop.waiting import Crew

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.dask.tasks import Form, Vectors
    from cyprop.training.history import History


class Round(NamedTuple):
    """How a round went."""

    loss: float
    task_seconds: float
    left_out: tuple[int, ...]


class Kind(Protocol):
    """What both kinds of rounds can do."""

    def run(self, number: int, seed: int, history: History) -> Round:
        """Let the network learn from all partitions; on an error it is as it was before."""
        ...


class Local:
    """Each partition trains by itself; then comes the mean, or a step towards it.

    Parameters
    ----------
    crew : Crew
    network : Network
    data : Data
    form : Form
    outer : Outer
    """

    def __init__(self, crew: Crew, network: Network, data: Data, form: Form, outer: Outer) -> None:
        self._crew, self._network, self._data = crew, network, data
        self._form, self._outer = form, outer

    def run(self, number: int, seed: int, history: History) -> Round:
        """A round of local training.

        What the optimizer keeps is averaged as the weights are. Momentum and moments are linear in
        the gradients, and so are the 1 − beta^t by which Adam divides: the mean of the moments,
        divided by the mean of these, is unbiased for partitions of any sizes.
        """
        _, parameters, states, tally = memory.state(self._network)
        sent = self._crew.send("weights", tasks.Vectors(parameters, states, tally))

        def submit(partition: int, attempt: int) -> Any:
            vectors, rows = sent.future(attempt), self._data.future(partition, attempt)
            arguments = self._form, vectors, rows, seed, partition
            return self._crew.submit("round", tasks.learn, *arguments)

        where = f"in round {number}"
        try:
            found = self._crew.run(
                range(len(self._data)), submit, "partition", where, self._crew.skips
            )
        except DivergenceError as error:
            raise DivergenceError(number, error.batch, error.what, history) from error
        learned = [found.results[i] for i in sorted(found.results)]
        weights = [self._data.described[i].weight for i in sorted(found.results)]
        self._combine(parameters, [entry.vectors for entry in learned], weights, number, history)
        pairs = zip([entry.loss for entry in learned], weights, strict=True)
        seconds = sum(entry.seconds for entry in learned)
        return Round(tasks.mean_of_numbers(pairs), seconds, found.lost)

    def _combine(
        self,
        before: Array,
        learned: list[Vectors],
        weights: list[float],
        number: int,
        history: History,
    ) -> None:
        dtype = before.dtype
        parameters = [vectors.parameters for vectors in learned]
        after = self._outer.after(before, parameters, weights)
        if after is None:
            raise diverged(number, 0, history)
        states = [
            tasks.same_or(list(vectors), tasks.mean_of(list(vectors), weights, dtype))
            for vectors in zip(*(vectors.states for vectors in learned), strict=True)
        ]
        numbers = list(zip(*(vectors.tally for vectors in learned), strict=True))
        tally = [tasks.mean_of_numbers(zip(column, weights, strict=True)) for column in numbers]
        tally[-1] = max(numbers[-1])  # how many updates there were, a whole number
        memory.set_state(self._network, after, states, tally)


class Outer:
    """What becomes of the mean of all partitions' parameters.

    Parameters
    ----------
    network : Network
    optimizer : SGD or None
        None: the mean itself. Else a step of it, whose gradient is before − mean.
    """

    def __init__(self, network: Network, optimizer: SGD | None) -> None:
        self._network: Network | None = None
        if optimizer is not None:
            settings = memory.settings_of(network).with_optimizer(optimizer)
            self._network = memory.make(Network, settings)
            memory.set_frozen(self._network, memory.frozen_of(network))

    def after(self, before: Array, parameters: list[Array], weights: list[float]) -> Array | None:
        """The parameters of the next round; None if one would not be finite."""
        mean = tasks.same_or(parameters, tasks.mean_of(parameters, weights, np.float64))
        if self._network is None:
            after: Array = mean.astype(before.dtype)
            return after
        _, _, states, tally = memory.state(self._network)
        memory.set_state(self._network, before, states, tally)
        with np.errstate(all="ignore"):  # of padding, which may hold anything
            gradient = (before.astype(np.float64) - mean).astype(before.dtype)
        try:
            derivatives.step(self._network, gradient, 1)
        except ValueError:  # it is not finite, or its step
            return None
        _, after, _, _ = memory.state(self._network)
        return after

    def velocity(self) -> Array | None:
        """What the optimizer keeps from round to round."""
        return None if self._network is None else memory.state(self._network)[2][0]

    def set_velocity(self, velocity: Array) -> None:
        """Go on with what `velocity` gave."""
        assert self._network is not None
        _, parameters, _, tally = memory.state(self._network)
        memory.set_state(self._network, parameters, [velocity], tally)


class Stepwise:
    """Every step is made from the mean of the gradients of one batch of each partition.

    Parameters
    ----------
    crew, network, data, form
        As those of `Local`.
    """

    def __init__(self, crew: Crew, network: Network, data: Data, form: Form) -> None:
        self._crew, self._network, self._data, self._form = crew, network, data, form
        # No task needs more of the optimizer than the number of its updates.
        self._form_of_tasks = form._replace(settings=form.settings.with_optimizer(SGD()))
        sizes = [described.n for described in data.described]
        self._n_batches = [-(-n // form.batch_size) for n in sizes]

    def run(self, number: int, seed: int, history: History) -> Round:
        """local_epochs passes, each through all batches of all partitions."""
        before = memory.state(self._network)
        losses: list[tuple[float, float]] = []
        seconds, left_out = 0.0, set[int]()
        try:
            for passed in range(self._form.local_epochs):
                for batch in range(max(self._n_batches)):
                    derived, lost = self._gradients(number, seed + passed, batch)
                    left_out.update(lost)
                    seconds += sum(entry.seconds for entry in derived)
                    counted = [entry for entry in derived if entry.weight > 0]
                    if counted:
                        losses += [(entry.loss, entry.weight) for entry in counted]
                        self._step(counted, number, batch, history)
        except BaseException:
            memory.set_state(self._network, *before[1:])
            raise
        return Round(tasks.mean_of_numbers(iter(losses)), seconds, tuple(sorted(left_out)))

    def _gradients(
        self, number: int, seed: int, batch: int
    ) -> tuple[list[tasks.Derived], tuple[int, ...]]:
        """Those of all partitions that have such a batch, in order; and which were lost."""
        _, parameters, _, tally = memory.state(self._network)
        sent = self._crew.send("weights", parameters)

        def submit(partition: int, attempt: int) -> Any:
            vector, rows = sent.future(attempt), self._data.future(partition, attempt)
            arguments = self._form_of_tasks, vector, tally[-1], rows, seed, partition, batch
            return self._crew.submit("step", tasks.derive, *arguments)

        there = [i for i, n in enumerate(self._n_batches) if batch < n]
        where = f"in batch {batch} of round {number}"
        found = self._crew.run(there, submit, "partition", where, self._crew.skips)
        return [found.results[i] for i in sorted(found.results)], found.lost

    def _step(
        self, derived: list[tasks.Derived], number: int, batch: int, history: History
    ) -> None:
        vectors = [entry.gradient for entry in derived if entry.gradient is not None]
        weights = [entry.weight for entry in derived]
        gradient = tasks.mean_of(vectors, weights, vectors[0].dtype)
        if not all(math.isfinite(entry.loss) for entry in derived):
            raise diverged(number, batch, history)
        try:
            derivatives.step(self._network, gradient, 1)
        except ValueError as error:  # it is not finite, or its step
            raise diverged(number, batch, history) from error


def diverged(number: int, batch: int, history: History) -> DivergenceError:
    """The error of a round, which stands for an epoch."""
    return DivergenceError(number, batch, "the loss", history)
