from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cyprop.engine.memory import Layers
from cyprop.settings import Settings

_Array = npt.NDArray[np.floating[Any]]

class Engine(Layers):
    @property
    def settings(self) -> Settings: ...
    @classmethod
    def _from_settings(cls, settings: Settings) -> Self: ...
    def predict(
        self, X: npt.ArrayLike, out: _Array | None = None, n_threads: int = 1
    ) -> _Array: ...
    def learn_one(self, x: npt.ArrayLike, y: npt.ArrayLike) -> float: ...
    def train_on_batch(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> float: ...
    def evaluate(self, X: npt.ArrayLike, Y: npt.ArrayLike, n_threads: int = 1) -> float: ...
    def _checked_batch(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[_Array, _Array]: ...
    def _train(
        self,
        X: _Array,
        Y: _Array,
        order: npt.NDArray[np.intp] | None,
        batch_size: int,
        start: int,
        total: float,
        n_parts: int,
    ) -> tuple[float, int]: ...
    def _gradient(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[float, _Array, _Array]: ...
    @staticmethod
    def _first_nonfinite(array: _Array) -> tuple[int, int] | None: ...
