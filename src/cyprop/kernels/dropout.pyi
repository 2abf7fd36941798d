from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def drop(
    A: _Array[_Floating],
    M: _Array[_Floating],
    D: _Array[_Floating],
    rate: float,
    seed: int,
    update: int,
    layer: int,
    first: int = 0,
) -> None: ...
def silence(M: _Array[_Floating], dA: _Array[_Floating]) -> None: ...
