"""`fit_many`: many small networks on the same data, one for each thread or worker at a time."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.arrays import is_array, matrix, read_array
from cyprop.checks.labels import targets_of_rows
from cyprop.checks.numbers import is_sequence, shown, whole_number
from cyprop.engine import memory
from cyprop.engine.maps import maps_of
from cyprop.engine.threads import MOST, processors
from cyprop.training.callbacks import checked_callbacks
from cyprop.training.data import checked_data, checked_targets
from cyprop.training.fitting import Fitting
from cyprop.training.mapped import mapping_of
from cyprop.training.progress import counting
from cyprop.training.sparse import is_sparse
from cyprop.training.stopping import StopTraining
from cyprop.waiting import Crew, Sent
from cyprop.workers import checked_client

if TYPE_CHECKING:
    from cyprop.training.history import History

# What `fit` has and this has not, or takes itself; of iterables of batches there are none here.
OWN = ("self", "X", "Y", "others", "progress", "n_threads", "checkpoint", "steps_per_epoch")
OPTIONS = tuple(name for name in inspect.signature(Fitting.fit).parameters if name not in OWN)


class Fitted(NamedTuple):
    """What a worker has made of a network."""

    network: Any
    history: Any
    error: Exception | None


def fit_many(
    networks: Sequence[Fitting],
    X: Any,
    Y: Any,
    *,
    n_threads: int | None = None,
    client: Any = None,
    progress: bool = False,
    **options: Any,
) -> list[History]:
    """Train many networks on the same rows, one for each thread or worker at a time.

    For searches: networks of other seeds, rates, sizes or folds. Each ends in the bits in which its
    own `Network.fit` would have ended, and training lets go of Python's lock, so that threads of
    one process are enough on one machine.

    Parameters
    ----------
    networks : sequence of Network
        All of them are trained in place; none may be there twice.
    X, Y : array_like
        As `Network.fit` takes them, once for all: arrays, mapped files or CSR matrices, but no
        iterables of batches.
    n_threads : int, optional
        How many networks are trained at a time, from 1 to 256, each on one thread; by default one
        for each processor.
    client : dask.distributed.Client, optional
        Train them on the workers of a Dask cluster instead (extra ``dask``). Networks and data are
        sent there, and what was learned comes back; a network whose worker dies is trained again.
    progress : bool, default False
        Whether to show on standard error how many are done.
    **options
        Of `Network.fit`: ``epochs``, ``batch_size``, ``shuffle``, ``validation_data`` and others,
        the same for all; but ``sample_weight`` may have a row for each network, (n_networks, n),
        such as one with a 0 for each row of its fold. There are no checkpoints, and on a client no
        callbacks.

    Returns
    -------
    list of History
        In the order of the networks.

    Raises
    ------
    TypeError, ValueError
        If networks are not networks, or one is there twice, or an option is not one of `fit`'s; and
        as `fit` of a network, whose number the message then begins with. What is wrong with X and Y
        is found before anything is trained, where they are arrays.
    RuntimeError
        If the training of a network raised anything else, such as a `DivergenceError`, which is
        then its cause; the message names the network. With a client also as `cyprop.dask.fit`.
    ImportError
        If there is a client and Dask is not installed.

        Whatever one network raised, all others are trained, and have their history at
        ``network.history``; the error comes when they are done.
    KeyboardInterrupt
        On Ctrl-C, when the epochs under way have ended; no other is begun.

    Warns
    -----
    UserWarning
        As `Network.fit`, from the thread that trains.

    Notes
    -----
    Callbacks are called in the thread that trains, from several at a time.
    Thread-safety: any thread; as `Network.fit` for each network.

    Examples
    --------
    >>> import numpy as np, cyprop
    >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> rates = [0.001, 0.01, 0.1]
    >>> networks = [cyprop.Network([1, 8, 1], "tanh", optimizer=cyprop.Adam(r)) for r in rates]
    >>> histories = cyprop.fit_many(networks, X, np.sin(3 * X), epochs=50)
    >>> rates[int(np.argmin([history.loss[-1] for history in histories]))]
    0.1
    """
    networks = _checked_networks(networks)
    _check_options(options, client is not None)
    if client is not None and n_threads is not None:
        raise ValueError("n_threads is for this machine; a client's workers have their own")
    weights = _weights_of_each(options.pop("sample_weight", None), len(networks))
    data = _Shared(X, Y)
    for i, network in enumerate(networks):
        try:
            data.check(network)
        except (TypeError, ValueError) as error:
            raise type(error)(f"networks[{i}]: {error}") from error
    errors: dict[int, Exception] = {}
    with counting(len(networks), progress, "network") as one_more:
        if client is not None:
            _on_workers(networks, data, weights, options, checked_client(client), errors, one_more)
        else:
            _on_threads(networks, data, weights, options, _threads(n_threads), errors, one_more)
    if errors:
        raise _named(errors, len(networks))
    return [network.history for network in networks if network.history is not None]


def _checked_networks(networks: Any) -> list[Fitting]:
    if not is_sequence(networks):
        raise TypeError(f"networks is {shown(networks)}, expected a sequence of networks")
    places: dict[int, int] = {}
    for i, network in enumerate(networks):
        if not isinstance(network, Fitting):
            raise TypeError(f"networks[{i}] is {shown(network)}, expected a Network")
        if id(network) in places:
            raise ValueError(
                f"networks[{i}] is networks[{places[id(network)]}], expected each once; copy.copy"
                " makes another"
            )
        places[id(network)] = i
    return list(networks)


def _check_options(options: dict[str, Any], on_workers: bool) -> None:
    for name in options:
        if name not in OPTIONS:
            raise TypeError(f"fit_many has no option {name!r}: it has {', '.join(OPTIONS)}")
    if on_workers and options.get("callbacks") is not None:
        raise ValueError("callbacks are for threads: on a client's workers only copies would run")


def _threads(n_threads: Any) -> int:
    if n_threads is None:
        return processors()
    number = whole_number(n_threads, "n_threads")
    if number > MOST:
        raise ValueError(f"n_threads is {shown(number)}, expected at most {MOST}")
    return number


def _weights_of_each(weights: Any, n: int) -> list[Any]:
    """Those of each network: all have the same, or a row of their own."""
    if weights is None:
        return [None] * n
    rows = read_array(weights, "sample_weight", f"an array of shape (n,) or ({n}, n)")
    if rows.ndim != 2:
        return [weights] * n
    if len(rows) != n:
        raise ValueError(
            f"sample_weight has {len(rows)} rows, expected {n}, one for each network, or a"
            " vector for all"
        )
    return [rows[i] for i in range(n)]


class _Shared:
    """X and Y as networks take them, made once for all that take them alike."""

    def __init__(self, X: Any, Y: Any) -> None:
        if Y is None:
            raise TypeError("Y is None, expected targets for the rows of X")
        self._X, self._Y = X, Y
        self._made: dict[Any, tuple[Any, Any]] = {}
        self._checked: set[Any] = set()

    def key(self, network: Fitting) -> Any:
        """What networks have in common that take the data alike."""
        settings = memory.settings_of(network)
        return settings.sizes[0], settings.n_targets, settings.n_classes, settings.dtype

    def of(self, network: Fitting) -> tuple[Any, Any]:
        """X and Y; errors as those of `Network.fit`."""
        key = self.key(network)
        if key not in self._made:
            n_in, n_targets, n_classes, dtype = key
            X, Y = self._X, self._Y
            with np.errstate(over="ignore"):
                if not is_sparse(X) and mapping_of(X) is None:
                    X = matrix(X, "X", n_in, dtype)
                if mapping_of(Y) is None:
                    Y = targets_of_rows(Y, "Y", n_targets, dtype, n_classes)
            self._made[key] = X, Y
        return self._made[key]

    def check(self, network: Fitting) -> None:
        """Raise what its `fit` would say of the data, once for all networks that say the same."""
        X, Y = self.of(network)
        settings = memory.settings_of(network)
        by_itself = None if maps_of(network).outputs is None else id(network)
        kind = (self.key(network), str(settings.loss), str(settings.activations[-1]), by_itself)
        if kind in self._checked:
            return
        if is_array(X) and mapping_of(X) is None and mapping_of(Y) is None:
            checked_data(network, X, Y, "X", "Y")
        elif mapping_of(Y) is None:
            checked_targets(network, Y, "Y")
        self._checked.add(kind)


def _on_threads(
    networks: list[Fitting],
    data: _Shared,
    weights: list[Any],
    options: dict[str, Any],
    n_threads: int,
    errors: dict[int, Exception],
    one_more: Callable[[], None],
) -> None:
    stop = threading.Event()
    own = options if n_threads == 1 else _that_can_stop(options, stop)

    def job(number: int) -> None:
        network = networks[number]
        X, Y = data.of(network)
        try:
            network.fit(X, Y, sample_weight=weights[number], **own)
        except Exception as error:
            errors[number] = error

    if n_threads == 1:
        for number in range(len(networks)):
            job(number)
            one_more()
        return
    numbers, done = iter(range(len(networks))), SimpleQueue[BaseException | None]()
    lock = threading.Lock()

    def work() -> None:
        try:
            while not stop.is_set():
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                job(number)
                done.put(None)
        except BaseException as error:  # a user's callback may raise SystemExit
            done.put(error)

    threads: list[threading.Thread] = []
    try:
        for i in range(min(n_threads, len(networks))):
            thread = threading.Thread(target=work, name=f"fit_many-{i}", daemon=True)
            threads.append(thread)  # before it starts: Ctrl-C may come before `start` returns
            try:
                thread.start()
            except RuntimeError:  # the system gives no more: those that there are do it all
                threads.pop()
                if not threads:
                    raise
                break
        for _ in networks:
            error = done.get()
            if error is not None:
                raise error
            one_more()
    finally:
        stop.set()
        for thread in threads:
            if thread.is_alive():  # one that has not begun finds that it is to stop
                thread.join()


class _Stop:
    """A callback that ends a training where the others are to end."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self._stop.is_set():
            raise StopTraining


def _that_can_stop(options: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
    callbacks = checked_callbacks(options.get("callbacks"))
    return {**options, "callbacks": [*callbacks, _Stop(stop)]}


def _on_workers(
    networks: list[Fitting],
    data: _Shared,
    weights: list[Any],
    options: dict[str, Any],
    client: Any,
    errors: dict[int, Exception],
    one_more: Callable[[], None],
) -> None:
    crew = Crew(client)
    crew.check_versions()
    sent: dict[Any, Sent] = {}

    def submit(number: int, attempt: int) -> Any:
        network = networks[number]
        key = data.key(network)
        if key not in sent:
            sent[key] = crew.send("data", data.of(network))
        rows = sent[key].future(attempt)
        return crew.submit("fit", fit_one, network, rows, weights[number], options)

    def seen(number: int, found: Fitted) -> None:
        _take(networks[number], found)
        if found.error is not None:
            errors[number] = found.error
        one_more()

    crew.run(range(len(networks)), submit, "network", "in fit_many", seen=seen)


def fit_one(network: Any, rows: tuple[Any, Any], weights: Any, options: dict[str, Any]) -> Fitted:
    """Train a copy of a network, on a worker."""
    X, Y = (np.require(part, None, ["C", "A"]) if is_array(part) else part for part in rows)
    error = None
    try:
        network.fit(X, Y, sample_weight=weights, **options)
    except Exception as raised:
        error = raised
    return Fitted(network, network.history, error)


def _take(network: Fitting, found: Fitted) -> None:
    """Have a network be what a worker has made of its copy."""
    _, parameters, states, tally = memory.state(found.network)
    memory.set_state(network, parameters, states, tally)
    memory.set_rng(network, memory.rng_of(found.network))
    if found.history is not None:
        network.history = found.history


def _counted(n: int) -> str:
    return "one other" if n == 1 else f"{n} others"


def _named(errors: dict[int, Exception], n: int) -> Exception:
    """One error for all, which says whose it is."""
    first = min(errors)
    error = errors[first]
    others = len(errors) - 1
    also = f"; {_counted(others)} failed too" if others else ""
    trained = n - len(errors)
    verb = "is" if trained == 1 else "are"
    rest = f"{also}; {_counted(trained)} {verb} trained" if trained else also
    made: Exception
    if type(error) in (TypeError, ValueError):
        made = type(error)(f"networks[{first}]: {error}{rest}")
    else:
        made = RuntimeError(f"networks[{first}]: {type(error).__name__}: {error}{rest}")
    made.__cause__ = error
    return made
