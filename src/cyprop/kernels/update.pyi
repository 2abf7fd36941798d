from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def names() -> tuple[str, ...]: ...
def hyperparameters(name: str) -> dict[str, tuple[float, float, bool, float]]: ...
def n_states(name: str) -> int: ...
def step(
    name: str,
    theta: _Array[_Floating],
    d_theta: _Array[_Floating],
    states: Sequence[_Array[_Floating]],
    hyperparameter_values: Sequence[float],
    tally: npt.NDArray[np.float64],
) -> None: ...
