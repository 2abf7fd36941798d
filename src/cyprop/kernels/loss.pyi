from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def names() -> tuple[str, ...]: ...
def output_activation(name: str) -> str | None: ...
def forward(
    name: str,
    Z: _Array[_Floating],
    A: _Array[_Floating],
    Y: _Array[_Floating],
    C: npt.NDArray[np.float64],
) -> None: ...
def backward(
    name: str, A: _Array[_Floating], Y: _Array[_Floating], dA: _Array[_Floating]
) -> None: ...
