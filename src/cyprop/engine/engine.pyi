from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.engine.memory import Memory

_Array = npt.NDArray[np.floating[Any]]

class Engine(Memory):
    def predict(
        self, X: npt.ArrayLike, out: _Array | None = None, n_threads: int = 1
    ) -> _Array: ...
    def learn_one(self, x: npt.ArrayLike, y: npt.ArrayLike) -> float: ...
    def train_on_batch(self, X: npt.ArrayLike, Y: npt.ArrayLike, n_threads: int = 1) -> float: ...
    def evaluate(self, X: npt.ArrayLike, Y: npt.ArrayLike, n_threads: int = 1) -> float: ...

def checked_batch(network: Engine, X: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[_Array, _Array]: ...
def train(
    network: Engine,
    X: _Array,
    Y: _Array,
    order: npt.NDArray[np.intp] | None,
    batch_size: int,
    start: int,
    total: float,
    n_parts: int,
) -> tuple[float, int]: ...
