"""The workers of a Dask client: what they have under way, who went, and which cyprop they have."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from cyprop.checks.numbers import is_dict, shown
from cyprop.version import __version__

PATIENCE = 60.0  # seconds without a sign of life
ANSWER = 30.0  # seconds for an answer of the scheduler, or for results to come


class Workers:
    """The workers of a client, as far as they can be asked.

    Parameters
    ----------
    client : dask.distributed.Client
    patience : float
        Seconds without a sign of life after which waiting ends.
    """

    died: set[Any]  # keys that were under way on a worker when it went, where someone listens
    woken: threading.Event
    client: Any
    patience: float
    own: Any  # the key of the task that waits here, if it is one of a worker's
    last_check: float

    def __init__(self, client: Any, patience: float = PATIENCE) -> None:
        self.client, self.patience = client, patience
        self.died, self.woken = set(), threading.Event()
        self.own = None
        self._checked: set[str] = set()  # addresses of workers
        self.last_check = 0.0

    @contextmanager
    def listening(self) -> Generator[None, None, None]:
        """Hear which tasks were under way on a worker when it went."""
        client = self.client
        handlers: dict[str, Any] = getattr(client, "_event_handlers", {})
        others = handlers.get("all", ignore)  # whoever else of this client listens

        def hear(event: Any) -> None:
            said = event[1]
            if is_dict(said) and said.get("action") == "remove-worker":
                self.died.update(said["processing-tasks"])
                self.woken.set()
            others(event)

        client.subscribe_topic("all", hear)
        try:
            yield
        finally:
            with suppress(Exception):  # of a client that is closed now
                client.subscribe_topic("all", others)
                if others is ignore:
                    client.unsubscribe_topic("all")

    def working(self) -> dict[str, Any] | None:
        """What each worker has under way; None if the scheduler does not say."""
        with suppress(Exception):  # of connections: there are many
            found: dict[str, Any] = self.client.sync(
                self.client.scheduler.processing,
                workers=None,
                callback_timeout=min(ANSWER, self.patience),
            )
            return found
        return None

    def check_versions(self) -> None:
        """Raise RuntimeError if a worker that is new has no cyprop, or another version of it."""
        new = sorted(set(self.working() or ()) - self._checked)
        self.last_check = time.monotonic()
        if not new:
            return

        def version() -> str | None:  # pickled by value, since it may find no cyprop there
            try:
                from cyprop.version import __version__
            except ImportError:
                return None
            return __version__

        try:
            found: dict[str, Any] = self.client.sync(
                lambda: self.client.run(version, workers=new, on_error="return"),
                callback_timeout=min(ANSWER, self.patience),
            )
        except Exception:  # workers that went meanwhile; tasks look again
            return
        for address, answer in sorted(found.items()):
            if answer is None:
                raise RuntimeError(without_cyprop(f"the worker {address}"))
            if isinstance(answer, str) and answer != __version__:
                raise RuntimeError(other_version(f"the worker {address}", answer, __version__))
            self._checked.add(address)


def key_of_this_task() -> Any:
    """The key of the task that calls, which gives up its place on its worker; None outside of one.

    The only worker there is would wait for itself.
    """
    worker: Any = import_module("distributed.worker")
    if not hasattr(worker.thread_state, "start_time"):
        return None
    with suppress(KeyError):  # it has given it up before
        worker.secede()
    return worker.thread_state.key


def without_cyprop(worker: str) -> str:
    """The sentence for a worker that cannot import cyprop."""
    return (
        f"{worker} has no cyprop, expected version {__version__} on every worker:"
        f" pip install cyprop=={__version__} there"
    )


def other_version(worker: str, there: str, here: str) -> str:
    """The sentence for a worker with another version than the client's."""
    return f"{worker} has cyprop {there}, expected {here} as here, since bits may differ"


def checked_client(client: Any) -> Any:
    """The client, or the current one if it is None.

    Raises
    ------
    ImportError
        If dask.distributed is not installed.
    TypeError
        If it is no client, or one of asynchronous programs.
    ValueError
        If there is none, or it is closed.
    """
    try:
        distributed: Any = import_module("dask.distributed")
    except ImportError:
        raise ImportError(
            "a client needs Dask, which is not installed: pip install 'cyprop[dask]'"
        ) from None
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError:
            raise ValueError(
                "there is no client, expected one: make it by dask.distributed.Client(…) first,"
                " or give client="
            ) from None
    if not isinstance(client, distributed.Client):
        raise TypeError(f"client is {shown(client)}, expected a dask.distributed.Client")
    if client.asynchronous:
        raise TypeError("client is asynchronous, expected one made with asynchronous=False")
    if client.status not in ("running", "connecting"):
        raise ValueError(f"client is {client.status}, expected one that is connected")
    return client


def ignore(event: Any) -> None:
    """Hear nothing: what is on its way when listening ends must find someone."""
