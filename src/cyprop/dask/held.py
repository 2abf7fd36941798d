"""What stays with the workers while a training goes on: their partitions, and the latest vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cyprop.dask.borrowed import delayed, set_config
from cyprop.dask.tasks import Described, as_is, describe, prepare
from cyprop.waiting import Crew

if TYPE_CHECKING:
    from cyprop.dask.partitions import Pieces
    from cyprop.dask.tasks import Form

BAD = ("error", "cancelled")  # of a future, which will have no result


class Cluster:
    """A crew, and keys that nobody else has.

    Parameters
    ----------
    crew : Crew
    skips : bool
        Whether tasks that die with their worker are left out.
    """

    def __init__(self, crew: Crew, skips: bool) -> None:
        self.crew, self.client, self.skips = crew, crew.client, skips
        self._token = uuid4().hex[:12]
        self._n_keys = 0

    def key(self, what: str) -> str:
        """A key for a task, which no other has."""
        self._n_keys += 1
        return f"cyprop-{what}-{self._token}-{self._n_keys}"

    def submit(self, what: str, function: Any, *arguments: Any) -> Any:
        """The future of a call; among the arguments may be other futures."""
        # Weights of any size are what is sent here: Dask's advice is not for them.
        with set_config({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            return self.client.submit(function, *arguments, key=self.key(what), pure=True)


class Data:
    """Partitions as the network takes them, each in the memory of the worker that has read it.

    Parameters
    ----------
    cluster : Cluster
    form : Form
    pieces : list of Pieces
    prefix : str
        What to say before X and Y in a sentence, such as "validation ".
    """

    def __init__(self, cluster: Cluster, form: Form, pieces: list[Pieces], prefix: str = "") -> None:
        self._cluster, self._form, self._pieces, self._prefix = cluster, form, pieces, prefix
        self._futures: list[Any] = cluster.client.compute([self._task(i) for i in range(len(pieces))])
        found = cluster.crew.run(range(len(pieces)), self._describe, "partition", "at the beginning")
        self.described: list[Described] = [found.results[i] for i in range(len(pieces))]

    def __len__(self) -> int:
        return len(self._pieces)

    def _task(self, number: int) -> Any:
        task = delayed(prepare, pure=False)
        key = self._cluster.key("partition")
        pieces = self._pieces[number]
        return task(self._form, number, *pieces, self._prefix, dask_key_name=key)

    def future(self, number: int, attempt: int) -> Any:
        """The rows of a partition; read once more where an attempt has shown that they are gone."""
        if attempt > 1 or (attempt and self._futures[number].status in BAD):
            self._futures[number] = self._cluster.client.compute(self._task(number))
        return self._futures[number]

    def _describe(self, number: int, attempt: int) -> Any:
        rows = self.future(number, attempt)
        return self._cluster.submit("description", describe, self._form, number, rows)


class Sent:
    """Something that all tasks of a round need, sent from the client once."""

    def __init__(self, cluster: Cluster, value: Any) -> None:
        self._cluster, self._value = cluster, value
        self._future: Any = None

    def future(self, attempt: int) -> Any:
        """Where it is on the workers; sent once more where an attempt has shown that it is gone."""
        gone = attempt and self._future is not None and self._future.status in BAD
        if self._future is None or attempt > 1 or gone:
            self._future = self._cluster.submit("weights", as_is, self._value)
        return self._future
