"""What stays with the workers while a training goes on: the partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyprop.dask.borrowed import delayed
from cyprop.dask.tasks import Described, describe, prepare
from cyprop.waiting import BAD, Crew

if TYPE_CHECKING:
    from cyprop.dask.partitions import Pieces
    from cyprop.dask.tasks import Form


class Data:
    """Partitions as the network takes them, each in the memory of the worker that has read it.

    Parameters
    ----------
    crew : Crew
    form : Form
    pieces : list of Pieces
    prefix : str
        What to say before X and Y in a sentence, such as "validation ".
    """

    def __init__(self, crew: Crew, form: Form, pieces: list[Pieces], prefix: str = "") -> None:
        self._crew, self._form, self._pieces, self._prefix = crew, form, pieces, prefix
        self._futures: list[Any] = crew.client.compute([self._task(i) for i in range(len(pieces))])
        found = crew.run(range(len(pieces)), self._describe, "partition", "at the beginning")
        self.described: list[Described] = [found.results[i] for i in range(len(pieces))]

    def __len__(self) -> int:
        return len(self._pieces)

    def release(self) -> None:
        """Let the workers forget the partitions."""
        self._futures.clear()

    def _task(self, number: int) -> Any:
        task = delayed(prepare, pure=False)
        key = self._crew.key("partition")
        pieces = self._pieces[number]
        return task(self._form, number, *pieces, self._prefix, dask_key_name=key)

    def future(self, number: int, attempt: int) -> Any:
        """The rows of a partition; read once more where an attempt has shown that they are gone."""
        if attempt > 1 or (attempt and self._futures[number].status in BAD):
            self._futures[number] = self._crew.client.compute(self._task(number))
        return self._futures[number]

    def _describe(self, number: int, attempt: int) -> Any:
        rows = self.future(number, attempt)
        return self._crew.submit("description", describe, self._form, number, rows)
