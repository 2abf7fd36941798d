from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cyprop.engine.turns import Turns
from cyprop.rules import Optimizer
from cyprop.settings import Settings

_Array = npt.NDArray[np.floating[Any]]
_M = TypeVar("_M", bound=Memory)

MAX_BYTES: int

def aligned_zeros(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]: ...

class Memory(Turns):
    """The part of a network that owns its memory; make a Network instead."""

    @property
    def settings(self) -> Settings:
        """All that the network is made of but its weights; setting the optimizer replaces it.

        Thread-safety: any number of threads at once.
        """
    @property
    def parameters(self) -> _Array:
        """All weights and biases as one 64-byte aligned vector: of each layer W, then b, padded.

        Made read-only, it keeps out assignments, and not updates: the network learns in its own
        memory, whatever is done to the shape, dtype or flags of this array.

        Thread-safety: it is the same array always. Writing to it is no update: let no other thread
        use the network meanwhile.
        """
    @property
    def weights(self) -> tuple[_Array, ...]:
        """The W of each layer: a writable view of `parameters`, of shape (n_in, n_out).

        Thread-safety: as `parameters`.
        """
    @property
    def biases(self) -> tuple[_Array, ...]:
        """The b of each layer: a writable view of `parameters`, of shape (n_out,).

        Thread-safety: as `parameters`.
        """

def settings_of(network: Memory) -> Settings: ...
def arrays(network: Memory) -> tuple[tuple[_Array, ...], tuple[_Array, ...]]: ...
def rng_of(network: Memory) -> np.random.Generator: ...
def set_rng(network: Memory, rng: np.random.Generator) -> None: ...
def seed_of(network: Memory) -> int: ...
def set_seed(network: Memory, seed: int) -> None: ...
def frozen_of(network: Memory) -> tuple[int, ...]: ...
def set_frozen(network: Memory, frozen: Sequence[int] | npt.NDArray[np.integer[Any]]) -> None: ...
def make(kind: type[_M], settings: Settings) -> _M: ...
def lay_out(network: Memory, settings: Settings) -> None: ...
def views(network: Memory, flat: _Array) -> tuple[tuple[_Array, ...], tuple[_Array, ...]]: ...
def set_optimizer(network: Memory, optimizer: Optimizer) -> None: ...
def set_hyperparameters(network: Memory, changes: dict[str, float]) -> None: ...
def empty_like_parameters(network: Memory) -> _Array: ...
def read_parameters(network: Memory, out: _Array) -> None: ...
def is_finite(network: Memory) -> bool: ...
def state(network: Memory) -> tuple[Settings, _Array, list[_Array], list[float]]: ...
def set_state(
    network: Memory, parameters: _Array, states: list[_Array], tally: list[float]
) -> None: ...
def overflowed(network: Memory) -> bool: ...
def go_back(network: Memory, parameters: _Array) -> None: ...
