"""One training on a cluster: round after round, and what is looked at in between."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cyprop.dask import tasks
from cyprop.dask.held import Data
from cyprop.dask.rounds import Kind, Outer, Round
from cyprop.engine import memory
from cyprop.training.history import History
from cyprop.waiting import Crew

if TYPE_CHECKING:
    from collections.abc import Callable

    from cyprop.network import Network

LEFT_OUT = "left_out."  # and a partition: the name of a column in a checkpoint, of zeros and ones


class Training:
    """A training under way, as a checkpoint has to know it.

    Parameters
    ----------
    network : Network
    n_rounds : int
    kind : Kind
        What a round is.
    outer : Outer or None
        What of it goes from round to round, if anything does.
    validation_loss : function of the network, or None
    keeper : Keeper or None

    Attributes
    ----------
    history : History
    epoch : int
        The round that comes next, or is under way.
    """

    network: Network
    n_epochs: int
    kind: Kind
    outer: Outer | None
    validation_loss: Callable[[Network], float] | None
    keeper: Any
    history: History
    epoch: int
    is_over: bool

    def __init__(
        self,
        network: Network,
        n_rounds: int,
        kind: Kind,
        outer: Outer | None,
        validation_loss: Callable[[Network], float] | None,
        keeper: Any,
    ) -> None:
        self.network, self.n_epochs, self.kind = network, n_rounds, kind
        self.outer, self.validation_loss, self.keeper = outer, validation_loss, keeper
        self.history, self.epoch, self.is_over = History(), 0, False

    def rounds(self) -> Iterator[History]:
        """Train round by round, yielding the history so far after each."""
        if self.keeper is not None:
            self.keeper.begin(self)
        vars(self.network)["history"] = self.history
        while self.epoch < self.n_epochs and not self.is_over:
            self._one_round()
            yield self.history
        self.is_over = True
        if self.keeper is not None:
            self.keeper.write(self)

    def _one_round(self) -> None:
        rng = memory.rng_of(self.network)
        before = rng.bit_generator.state
        started = time.perf_counter()
        try:
            found = self.kind.run(self.epoch, int(rng.integers(1 << 62)), self.history)
        except BaseException:  # so that the same call begins the same round again
            rng.bit_generator.state = before
            raise
        self._record(found, time.perf_counter() - started)
        if self.keeper is not None and self.epoch < self.n_epochs:
            self.keeper.after_epoch(self)

    def _record(self, found: Round, seconds: float) -> None:
        entries = {"loss": found.loss}
        if self.validation_loss is not None:
            entries["validation_loss"] = self.validation_loss(self.network)
        entries["task_seconds"] = found.task_seconds
        rate = memory.settings_of(self.network).optimizer.hyperparameters["learning_rate"]
        self.history.add({**entries, "learning_rate": rate, "seconds": seconds})
        if found.left_out:
            self.history.left_out[self.epoch] = found.left_out
        self.epoch += 1

    # What a checkpoint asks for.

    def _columns(self) -> list[str]:
        validation = [] if self.validation_loss is None else ["validation_loss"]
        return ["loss", *validation, "task_seconds", "learning_rate", "seconds"]

    def state(self) -> dict[str, Any]:
        """All that going on needs beside the network itself."""
        columns = self.history.columns() if self.epoch else {}
        columns = {name: columns.get(name, []) for name in self._columns()}
        rounds = range(self.epoch)
        left_out = self.history.left_out
        for partition in sorted({i for numbers in left_out.values() for i in numbers}):
            marks = [float(partition in left_out.get(number, ())) for number in rounds]
            columns[f"{LEFT_OUT}{partition}"] = marks
        velocity = None if self.outer is None else self.outer.velocity()
        return {
            "epoch": self.epoch,
            "place": (0, 0.0, 0.0, 0.0),
            "finished": self.is_over,
            "plateau": None,
            "stopping": None,
            "columns": columns,
            "vectors": {} if velocity is None else {"outer": velocity},
            "rng": None,
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises
        ------
        ValueError
            If that is not such as this training gives.
        """
        columns = dict(state["columns"])
        marks = {key: columns.pop(key) for key in list(columns) if key.startswith(LEFT_OUT)}
        if set(columns) != set(self._columns()):
            raise ValueError(f"has a History of {', '.join(columns)}, which is another")
        velocity = state["vectors"].get("outer")
        if (velocity is None) != (self.outer is None or self.outer.velocity() is None):
            raise ValueError("is of a training with another outer optimizer")
        if self.outer is not None and velocity is not None:
            self.outer.set_velocity(velocity)
        self.epoch, self.is_over = state["epoch"], state["finished"]
        if self.epoch:
            self.history.extend(columns)
        for number in range(self.epoch):
            found = [int(key[len(LEFT_OUT) :]) for key in marks if marks[key][number]]
            if found:
                self.history.left_out[number] = tuple(sorted(found))

    def may_have_more_epochs(self) -> bool:
        """The first rounds are the same however many follow them."""
        return True


class HeldOut:
    """Validation rows that workers hold.

    Parameters
    ----------
    data : Data
    form : Form
    crew : Crew
    """

    def __init__(self, crew: Crew, form: tasks.Form, data: Data) -> None:
        self._crew, self._form, self._data = crew, form, data

    def loss(self, network: Network) -> float:
        """The mean over all partitions."""
        parameters = memory.empty_like_parameters(network)
        memory.read_parameters(network, parameters)
        sent = self._crew.send("weights", parameters)

        def submit(partition: int, attempt: int) -> Any:
            vector, rows = sent.future(attempt), self._data.future(partition, attempt)
            return self._crew.submit("validation", tasks.evaluate, self._form, vector, rows)

        numbers = range(len(self._data))
        found = self._crew.run(numbers, submit, "partition", "while validating")
        weights = [described.weight for described in self._data.described]
        losses = [found.results[i] for i in numbers]
        return tasks.mean_of_numbers(zip(losses, weights, strict=True))

    def identity(self) -> str:
        """What tells these rows from others."""
        samples = " ".join(described.sample for described in self._data.described)
        return f"{sum(described.n for described in self._data.described)} rows ({samples})"
