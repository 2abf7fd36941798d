"""Batches that an iterable of the user's makes: of data that is nowhere as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from cyprop.checks.numbers import shown
from cyprop.checks.weights import weights_of_rows
from cyprop.engine.course import Course
from cyprop.engine.team import dismiss
from cyprop.training.data import checked_data
from cyprop.training.sources import Clips, Place, learned
from cyprop.training.stopping import StopTraining

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine


class _Same:
    """One rate for every batch, however many there are."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def __getitem__(self, number: int) -> float:
        return self._rate


class Batches:
    """An iterable of batches (X, Y) or (X, Y, weights), gone through once an epoch.

    Parameters
    ----------
    network : Network
    batches : iterable
        One that is its own iterator, such as a generator, cannot be gone through twice: it goes on
        from where it is, `n_batches` an epoch.
    n_batches : int or None
        How many there are in an epoch; None: as many as it gives.
    n_threads : function of a number of rows
        How many threads share a batch of that many.
    clips : Clips

    Raises
    ------
    TypeError
        If it is not iterable, or is its own iterator and `n_batches` is None.
    """

    n_rows = None
    weight = None

    def __init__(
        self, network: Engine, batches: Any, n_batches: int | None, n_threads: Any, clips: Clips
    ) -> None:
        kind = cast("type[object]", type(batches))
        # It is not gone through yet, not even begun: that may draw random numbers.
        if not (hasattr(kind, "__getitem__") or issubclass(kind, Iterable)):
            raise TypeError(
                f"X is a {kind.__name__} and Y is missing, expected X and Y,"
                " or an iterable of batches (X, Y)"
            )
        self.goes_on: bool = issubclass(kind, Iterator)
        if self.goes_on and n_batches is None:
            raise TypeError(
                f"X is a {kind.__name__}, which can be gone through once: give what can be gone"
                " through again each epoch, such as a list or an object with __iter__, or"
                " steps_per_epoch"
            )
        self._network = network
        self._batches: Any = batches
        self.n_batches: int | None = n_batches
        self._n_threads, self._clips = n_threads, clips

    def order(self, permutation: Array | None) -> None:
        """None: the iterable has an order of its own."""

    def steps(self, epoch: int, order: None, rates: Any, place: Place) -> Iterator[Place]:
        """Train from that place on, a batch a step.

        Raises
        ------
        RuntimeError
            From what the iterable raised.
        TypeError, ValueError
            If a batch is not such as the network takes, there are fewer or more than there should
            be, or none has a row that counts. The network is as the last complete update left it.
        """
        number, total, weight = place
        if rates is not None and self.n_batches is None:
            rates = _Same(rates[0])
        for X, Y, weights, ordinary in self._from(epoch, place.batches):
            n = len(X)
            course = Course(
                self._network, X, Y, weights, n, self._n_threads(n), ordinary, *self._clips
            )
            total = learned(course, n, rates, number, total)
            weight += float(n) if weights is None else float(weights.sum())
            number += bool(math.isfinite(total))
            yield Place(number, total, weight)
            if not math.isfinite(total):
                return
        if weight == 0:
            raise ValueError(f"the weights of all batches of epoch {epoch} (counted from 0) are 0")

    def _from(self, epoch: int, first: int) -> Iterator[tuple[Array, Array, Any, bool]]:
        """The batches of an epoch from that number on, checked."""
        batches, number = self._asked(iter, self._batches, epoch, 0), 0
        while self.n_batches is None or number < self.n_batches:
            try:
                batch = self._asked(next, batches, epoch, number)
            except StopIteration:
                if self.n_batches is not None or number == 0:
                    wanted = f"{self.n_batches or 'at least one'}"
                    raise ValueError(
                        f"the batches ended after {number} in epoch {epoch} (counted from 0),"
                        f" expected {wanted}"
                    ) from None
                return
            if number >= first:
                yield self._checked(batch, f"batch {number} of epoch {epoch}")
            number += 1
        if not self.goes_on:
            self._check_end(batches, epoch)

    def _asked(self, what: Any, of: Any, epoch: int, number: int) -> Any:
        """What ``iter`` or ``next`` gives; an error of the iterable's becomes the cause of ours."""
        if what is iter:
            dismiss()  # since many an iterable starts processes now
        try:
            return what(of)
        except StopTraining:
            raise
        except Exception as error:
            if what is next and isinstance(error, StopIteration):
                raise
            raise RuntimeError(
                f"the iterable of batches raised {type(error).__name__} at batch {number} of"
                f" epoch {epoch} (counted from 0): {shown(str(error))}"
            ) from error

    def _check_end(self, batches: Any, epoch: int) -> None:
        try:
            self._asked(next, batches, epoch, self.n_batches or 0)
        except StopIteration:
            return
        raise ValueError(
            f"there are more batches in epoch {epoch} (counted from 0) than"
            f" steps_per_epoch={self.n_batches}"
        )

    def _checked(self, batch: Any, what: str) -> tuple[Array, Array, Any, bool]:
        kind, parts = type(batch).__name__, list[Any]()
        if isinstance(batch, tuple | list):
            parts += batch
            kind += f" of {len(parts)}"
        if len(parts) not in (2, 3):
            raise TypeError(
                f"{what} is a {kind}, expected a pair (X, Y) or a triple (X, Y, weights)"
            )
        names = f"{what}: X", f"{what}: Y"
        X, Y, ordinary = checked_data(self._network, parts[0], parts[1], *names)
        weights = None
        if len(parts) == 3:
            weights = weights_of_rows(parts[2], len(X), f"{what}: weights", zeros_allowed=True)
        return X, Y, weights, ordinary

    def identity(self) -> dict[str, str]:
        """What tells this from other data: nothing but that it is an iterable."""
        return {"rows": "batches", "steps_per_epoch": f"{self.n_batches}"}
