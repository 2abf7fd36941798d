from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def names() -> tuple[str, ...]: ...
def hyperparameters(name: str) -> dict[str, tuple[float, float, bool, float]]: ...
def initialisation(name: str) -> str: ...
def couples_units(name: str) -> bool: ...
def positive(name: str) -> bool: ...
def forward(
    name: str,
    Z: _Array[_Floating],
    A: _Array[_Floating],
    values: Sequence[float] | None = None,
) -> None: ...
def backward(
    name: str,
    Z: _Array[_Floating],
    A: _Array[_Floating],
    dA: _Array[_Floating],
    dZ: _Array[_Floating],
    values: Sequence[float] | None = None,
) -> None: ...
