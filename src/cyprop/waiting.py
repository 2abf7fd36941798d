"""Tasks on a Dask cluster, waited for until each has its result, whatever becomes of the workers.

Nothing here waits without an end. A task that is pure may be done twice, or again where the worker
that had it is gone: Dask itself begins it anew on another, and where it gives a task up, the task
is submitted once more under another key. While any worker has a task under way the cluster is
alive; where nothing has been under way for some time, a sentence says what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple
from uuid import uuid4

from cyprop.workers import ANSWER, PATIENCE, Workers, key_of_this_task, without_cyprop

Submit = Callable[[int, int], Any]  # of the number of a task, and of the attempt: its future

ATTEMPTS = 8  # of one task, before it is given up
LOOK = 0.25  # seconds between two looks at what there is
SIGN = 1.0  # seconds between two questions whether the cluster is alive

BAD = ("error", "cancelled")  # of a future that will have no result
KILLED = "was lost with its worker (does it, or another there, need more memory than a worker has?)"
CANCELLED = (
    "was cancelled, or has lost data that Dask cannot compute again (had it been scattered, or"
    " persisted by another client?)"
)


class Found(NamedTuple):
    """The results of tasks by their numbers, and those that were lost with their worker."""

    results: dict[int, Any]
    lost: tuple[int, ...]


class Crew(Workers):
    """The workers of a client, who are given tasks.

    Parameters
    ----------
    client, patience
        As those of `Workers`.
    skips : bool
        Whether tasks may be left out whose worker died, inside of `listening`.
    """

    own: Any
    skips: bool

    def __init__(self, client: Any, patience: float = PATIENCE, skips: bool = False) -> None:
        super().__init__(client, patience)
        self.skips = skips
        self._token = uuid4().hex[:12]
        self._n_keys = 0
        self._sent: list[Sent] = []

    def send(self, what: str, value: Any) -> Sent:
        """What the tasks of one `run` need; the workers may forget it when that ends."""
        self._sent.append(Sent(self, what, value))
        return self._sent[-1]

    def key(self, what: str) -> str:
        """A key for a task, which no other has."""
        self._n_keys += 1
        return f"cyprop-{what}-{self._token}-{self._n_keys}"

    def submit(self, what: str, function: Any, *arguments: Any) -> Any:
        """The future of a call of a pure function; among the arguments may be other futures.

        Raises
        ------
        TypeError
            If an argument cannot be pickled.
        """
        config: Any = import_module("dask.config")
        try:
            # Weights of any size are what is sent here: Dask's advice is not for them.
            with config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
                return self.client.submit(function, *arguments, key=self.key(what), pure=True)
        except TypeError as error:
            said = error if error.__cause__ is None else error.__cause__
            raise TypeError(f"what a worker needs cannot be sent there: {said}") from error

    def run(
        self,
        numbers: Iterable[int],
        submit: Submit,
        what: str,
        where: str,
        skips: bool = False,
        seen: Callable[[int, Any], None] | None = None,
    ) -> Found:
        """Submit a task for each number, and wait for their results.

        Parameters
        ----------
        numbers : iterable of int
        submit : function of a number and an attempt
            Gives a future, whose key no other has; attempts count from 0.
        what, where : str
            What to call a task in a sentence, and the time, such as "partition" and "in round 3".
        skips : bool
            Whether to leave a task out whose worker died, unless it is the only one left.
        seen : function of a number and a result, optional
            Called as results come, in whatever order.

        Raises
        ------
        RuntimeError
            If the client is closed, the cluster shows no sign of life, or a task ends with its
            worker each time.
        Exception
            What a task raised; of several the one with the lowest number.
        """
        self.own = key_of_this_task()
        if time.monotonic() - self.last_check >= SIGN:
            self.check_versions()
        try:
            return _Wait(self, numbers, submit, what, where, seen).until_all_are_there(skips)
        finally:  # not later, as an error that is kept would keep them
            for sent in self._sent:
                sent.release()
            self._sent.clear()


def as_is(value: Any) -> Any:
    """What was sent from the client, so that Dask can send it again."""
    return value


class Sent:
    """Something that many tasks need, sent from the client once."""

    def __init__(self, crew: Crew, what: str, value: Any) -> None:
        self._crew, self._what, self._value = crew, what, value
        self._future: Any = None

    def future(self, attempt: int) -> Any:
        """Where it is on the workers; sent once more where an attempt has shown that it is gone."""
        gone = attempt and self._future is not None and self._future.status in BAD
        if self._future is None or attempt > 1 or gone:
            self._future = self._crew.submit(self._what, as_is, self._value)
        return self._future

    def release(self) -> None:
        """Let the workers forget it."""
        self._future = None


class _Wait:
    """One waiting, for all tasks of one kind."""

    def __init__(
        self,
        crew: Workers,
        numbers: Iterable[int],
        submit: Submit,
        what: str,
        where: str,
        seen: Any,
    ) -> None:
        self.crew, self.client, self.submit = crew, crew.client, submit
        self.what, self.where, self.seen = what, where, seen
        self.attempts = dict.fromkeys(numbers, 0)
        self.futures: dict[int, Any] = {}  # of the tasks without a result
        self.results: dict[int, Any] = {}
        self.lost: list[int] = []
        self.last_sign = self.last_question = time.monotonic()
        self.n_workers = -1  # not known
        self.begun_anew = False
        self.first_error: tuple[int, BaseException] | None = None

    def until_all_are_there(self, skips: bool) -> Found:
        try:
            for number in self.attempts:
                self._begin(number)
            while self.futures:
                self.crew.woken.wait(LOOK)
                self.crew.woken.clear()
                self._check_client()
                if skips:
                    self._leave_out()
                if self._take_results() or not self.futures:
                    self.last_sign, self.begun_anew = time.monotonic(), False
                else:
                    self._look_for_life()
        finally:
            self.futures.clear()  # nobody wants them now: Dask drops what has not begun
        if self.first_error is not None:
            raise self.first_error[1]
        return Found(self.results, tuple(sorted(self.lost)))

    def _begin(self, number: int) -> None:
        future = self.submit(number, self.attempts[number])
        self.futures[number] = future
        woken = self.crew.woken

        def done(_: Any) -> None:  # keeps nothing else alive, as long as the future is not done
            woken.set()

        future.add_done_callback(done)

    def _begin_again(self, number: int, why: str) -> None:
        """Submit a task once more, if it has not been often enough."""
        if self.client.status != "running":
            return  # until it is connected again, or patience has an end
        self.attempts[number] += 1
        if self.attempts[number] >= ATTEMPTS:
            raise RuntimeError(f"{self.what} {number} {why}, {ATTEMPTS} times {self.where}")
        self._begin(number)

    def _take_results(self) -> bool:
        """Take what has come; whether anything has."""
        distributed: Any = import_module("distributed")
        ready: list[int] = []
        errors: list[int] = []
        for number, future in self.futures.items():
            status = future.status
            if status == "finished":
                ready.append(number)
            elif status in BAD:
                errors.append(number)
        for number in sorted(errors):
            error = _exception_of(self.futures[number])
            if isinstance(error, distributed.KilledWorker):
                self._begin_again(number, KILLED)
            elif error is None or type(error).__name__.endswith("CancelledError"):
                self._begin_again(number, CANCELLED)
            elif isinstance(error, ImportError) and (error.name or "").startswith("cyprop"):
                raise RuntimeError(without_cyprop("a worker")) from error
            else:
                self._note(number, error)
                return True
        return self._gathered(ready)

    def _note(self, number: int, error: BaseException) -> None:
        """Wait for the tasks before this one alone, so that the error is always the same."""
        self.first_error = number, error
        for other in list(self.futures):
            if other >= number:
                del self.futures[other]

    def _gathered(self, ready: list[int]) -> bool:
        if not ready:
            return False
        futures = [self.futures[number] for number in ready]
        try:
            values: list[Any] = self.client.sync(
                lambda: self.client.gather(futures), callback_timeout=ANSWER
            )
        except Exception:  # they were lost on the way; the next look says of what kind
            return False
        for number, value in zip(ready, values, strict=True):
            del self.futures[number]
            self.results[number] = value
            if self.seen is not None:
                self.seen(number, value)
        return True

    # Signs of life.

    def _check_client(self) -> None:
        if self.client.status in ("closed", "closing"):
            raise RuntimeError(f"the client was closed {self.where}")

    def _look_for_life(self) -> None:
        now = time.monotonic()
        if now - self.last_question >= min(SIGN, self.crew.patience / 4):
            self.last_question = now
            working = self.crew.working()
            self.n_workers = -1 if working is None else len(working)
            if working is not None and any(
                set(keys) - {self.crew.own} for keys in working.values()
            ):
                self.last_sign = time.monotonic()
        if now - self.last_sign <= self.crew.patience:
            return
        seconds = f"for {self.crew.patience:g} seconds {self.where}"
        if self.n_workers < 0:
            raise RuntimeError(f"the scheduler has not answered {seconds}")
        if self.n_workers == 0:
            raise RuntimeError(f"no worker has been there {seconds}")
        if self.begun_anew:
            raise RuntimeError(f"the {self.n_workers} workers have had nothing under way {seconds}")
        self.begun_anew, self.last_sign = True, now
        for number in list(self.futures):
            self._begin_again(number, "was not begun by any worker")

    def _leave_out(self) -> None:
        """Do without the tasks whose worker died, but not without the last."""
        for number, future in list(self.futures.items()):
            others = len(self.results) + len(self.futures) > 1
            if future.key in self.crew.died and future.status != "finished" and others:
                del self.futures[number]
                self.lost.append(number)


def _exception_of(future: Any) -> BaseException | None:
    """What a task raised, without waiting for it."""
    try:
        found: BaseException | None = future.exception(timeout=ANSWER)
    except Exception as error:  # of cancelled ones
        return error
    return found
