from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.engine.turns import Turns

_Array = npt.NDArray[np.floating[Any]]

MAX_BYTES: int

def aligned_zeros(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]: ...

class Layers(Turns):
    @property
    def parameters(self) -> _Array: ...
    @property
    def weights(self) -> tuple[_Array, ...]: ...
    @property
    def biases(self) -> tuple[_Array, ...]: ...
    def _build(
        self, sizes: list[int], activations: list[str], loss: str, dtype: npt.DTypeLike
    ) -> None: ...
    def _views(
        self, flat: _Array, n_layers: int
    ) -> tuple[tuple[_Array, ...], tuple[_Array, ...]]: ...
    def _set_optimizer(self, name: str, values: list[float]) -> None: ...
    def _read_parameters(self, out: _Array) -> None: ...
    def _is_finite(self) -> bool: ...
    def _state(self) -> tuple[_Array, list[_Array], list[float]]: ...
    def _set_state(
        self,
        parameters: _Array,
        states: list[_Array] | None = None,
        memory: Sequence[float] = (),
    ) -> None: ...
