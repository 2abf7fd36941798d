from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.engine.engine import Engine

_Array = npt.NDArray[np.floating[Any]]

def derive(
    network: Engine,
    X: _Array,
    Y: _Array | None,
    dA: _Array | None,
    inputs: bool,
    n_threads: int,
    weights: npt.NDArray[np.float64] | None = None,
    training: bool = False,
) -> tuple[float, _Array, _Array | None]: ...
def jacobian(network: Engine, X: _Array, n_threads: int) -> _Array: ...
def step(network: Engine, gradient: npt.ArrayLike, n_threads: int) -> None: ...
