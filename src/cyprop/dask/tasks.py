"""What workers do: pure functions of flat vectors, of the rows of a partition and of a seed.

Any of them may be done twice, or again on another worker, and gives the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.weights import weights_of_rows
from cyprop.engine import memory
from cyprop.engine.maps import maps_of, set_maps
from cyprop.errors import DivergenceError
from cyprop.network import Network
from cyprop.training.data import as_compared, checked_data
from cyprop.training.loop import Plan, Training
from cyprop.training.sources import Arrays, Clips, sampled
from cyprop.training.targets import out_of_reach
from cyprop.version import __version__
from cyprop.workers import other_version

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.checks.maps import Maps
    from cyprop.engine.engine import Engine
    from cyprop.settings import Settings


class Form(NamedTuple):
    """What a network is made of but its numbers, and how it learns."""

    settings: Settings
    maps: Maps
    frozen: tuple[int, ...]
    seed: int
    batch_size: int
    local_epochs: int
    shuffle: bool
    version: str = __version__

    def network(self) -> Network:
        """A network of that form, whose weights are zeros.

        Raises
        ------
        RuntimeError
            If this worker has another version of cyprop than the client.
        """
        if self.version != __version__:
            raise RuntimeError(other_version("a worker", __version__, self.version))
        network = memory.make(Network, self.settings)
        set_maps(network, self.maps.inputs, self.maps.outputs)
        memory.set_frozen(network, self.frozen)
        memory.set_seed(network, self.seed)
        return network


def form_of(network: Engine, batch_size: int, local_epochs: int, shuffle: bool) -> Form:
    """The form of a network that is to learn so."""
    settings, found = memory.settings_of(network), maps_of(network)
    frozen, seed = memory.frozen_of(network), memory.seed_of(network)
    return Form(settings, found, frozen, seed, batch_size, local_epochs, shuffle)


class Vectors(NamedTuple):
    """The numbers of a network: its parameters, and what the optimizer keeps."""

    parameters: Array
    states: list[Array]
    tally: list[float]


class Rows(NamedTuple):
    """A partition as a network takes it."""

    X: Array
    Y: Array
    weights: Array | None
    ordinary: bool
    weight: float  # of all rows together


class Described(NamedTuple):
    """What is to be known of a partition."""

    n: int
    weight: float
    sample: str  # a checksum of some rows
    out_of_reach: str | None  # the sentence to warn with


class Learned(NamedTuple):
    """What a task has made of the vectors it began with."""

    vectors: Vectors
    loss: float
    seconds: float


class Derived(NamedTuple):
    """The gradient of one batch; None where its rows all weigh 0."""

    gradient: Array | None
    loss: float
    weight: float
    seconds: float


def prepare(form: Form, number: int, X: Any, Y: Any, weights: Any, prefix: str = "") -> Rows:
    """Rows checked, and as the network takes them.

    Raises
    ------
    TypeError, ValueError
        As `Network.fit`, naming the partition too.
    """
    network = form.network()
    of = f"partition {number} of {prefix}"
    X, Y, ordinary = checked_data(network, X, Y, f"{of}X", f"{of}Y")
    if weights is None:
        return Rows(X, Y, None, ordinary, float(len(X)))
    checked = weights_of_rows(weights, len(X), f"{of}sample_weight")
    raw: Array = np.asarray(weights, np.float64)
    return Rows(X, Y, checked, ordinary, float(raw.sum()))


def describe(form: Form, number: int, rows: Rows) -> Described:
    """What the client has to know of a partition."""
    network = form.network()
    targets, name = as_compared(network, rows.Y, f"partition {number} of Y")
    weights = () if rows.weights is None else (rows.weights,)
    return Described(
        len(rows.X),
        rows.weight,
        sampled(rows.X, rows.Y, *weights),
        out_of_reach(targets, name, form.settings),
    )


def aligned(rows: Rows) -> Rows:
    """Rows as kernels need them; those that came from another worker may lie anywhere."""
    X: Array = np.require(rows.X, None, ["C", "A"])
    Y: Array = np.require(rows.Y, None, ["C", "A"])
    return rows._replace(X=X, Y=Y)


def learn(form: Form, vectors: Vectors, rows: Rows, seed: int, number: int) -> Learned:
    """Train on one partition: `Network.fit` from these vectors, by a generator of its own.

    Raises
    ------
    DivergenceError
        If a loss became non-finite.
    """
    started = time.perf_counter()
    network, rows = form.network(), aligned(rows)
    memory.set_state(network, *vectors)
    sequence = np.random.SeedSequence([seed, number])
    memory.set_rng(network, np.random.Generator(np.random.PCG64(sequence)))
    memory.set_seed(network, int(sequence.generate_state(1, np.uint64)[0]))
    batch_size = min(form.batch_size, len(rows.X))
    source = Arrays(
        *(network, rows.X, rows.Y, rows.ordinary, rows.weights, None, batch_size, 1),
        Clips(None, None),
    )
    training = Training(network, Plan(source, form.shuffle, None, 1), form.local_epochs)
    try:
        for _ in training.epochs():
            pass
    except DivergenceError as error:
        what = f"the loss of partition {number}"
        raise DivergenceError(error.epoch, error.batch, what) from None
    _, parameters, states, tally = memory.state(network)
    loss = training.history.loss[-1]
    return Learned(Vectors(parameters, states, tally), loss, time.perf_counter() - started)


def derive(
    form: Form, parameters: Array, updates: float, rows: Rows, seed: int, number: int, batch: int
) -> Derived:
    """The gradient of one batch of one partition: `Network.gradients` of its rows."""
    started = time.perf_counter()
    network, rows = form.network(), aligned(rows)
    _, _, states, tally = memory.state(network)
    memory.set_state(network, parameters, states, [*tally[:-1], updates])
    chosen = rows_of_batch(len(rows.X), seed, number, batch, form.batch_size, form.shuffle)
    weights = None if rows.weights is None else rows.weights[chosen]
    share = 1.0 if rows.weights is None else rows.weight / float(rows.weights.sum())
    weight = float(len(chosen)) if weights is None else float(weights.sum()) * share
    if not weight > 0:
        return Derived(None, 0.0, 0.0, time.perf_counter() - started)
    found = network.gradients(
        rows.X[chosen], rows.Y[chosen], inputs=False, sample_weight=weights, training=True
    )
    return Derived(found.parameters, found.loss, weight, time.perf_counter() - started)


def rows_of_batch(
    n: int, seed: int, number: int, batch: int, batch_size: int, shuffle: bool
) -> Array:
    """Which rows of a partition make up a batch."""
    rows = slice(batch * batch_size, (batch + 1) * batch_size)
    if not shuffle:
        return np.arange(n)[rows]
    return _order_of(n, seed, number)[rows]


def _shuffled(n: int, seed: int, number: int) -> Array:
    """The order of a partition's rows in one pass."""
    order: Array = np.random.Generator(np.random.PCG64([seed, number])).permutation(n)
    return order


# Remembered, since each batch asks for it.
_order_of = lru_cache(maxsize=32)(_shuffled)


def evaluate(form: Form, parameters: Array, rows: Rows) -> float:
    """The mean loss over a partition."""
    network, rows = form.network(), aligned(rows)
    memory.go_back(network, parameters)
    return network.evaluate(rows.X, rows.Y, 1, rows.weights)


def mean_of(vectors: list[Array], weights: list[float], dtype: Any) -> Array:
    """Their mean, summed in float64 in the order in which they stand."""
    total = math.fsum(weights)
    found: Array = np.zeros(len(vectors[0]), np.float64)
    with np.errstate(all="ignore"):  # of padding, which may hold anything
        for vector, weight in zip(vectors, weights, strict=True):
            found += weight / total * vector.astype(np.float64)
        result: Array = found.astype(dtype)
    return result


def same_or(vectors: list[Array], mean: Array) -> Array:
    """The mean, but exactly what all vectors hold where they agree, as in frozen layers."""
    agree = np.logical_and.reduce([vector == vectors[0] for vector in vectors])
    found: Array = np.where(agree, vectors[0], mean)
    return found


def mean_of_numbers(numbers: Iterator[tuple[float, float]]) -> float:
    """The mean of numbers that come with their weights."""
    pairs = list(numbers)
    total = math.fsum(weight for _, weight in pairs)
    return sum(weight / total * number for number, weight in pairs)
