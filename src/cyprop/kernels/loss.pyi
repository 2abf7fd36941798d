from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def names() -> tuple[str, ...]: ...
def hyperparameters(name: str) -> dict[str, tuple[float, float, bool, float]]: ...
def output_activations(name: str) -> tuple[str, ...]: ...
def output_activation(name: str) -> str | None: ...
def gives_dZ(name: str, output: str | None = None) -> bool: ...
def outputs_per_target(name: str) -> int: ...
def forward(
    name: str,
    Z: _Array[_Floating],
    A: _Array[_Floating],
    Y: _Array[_Floating],
    C: npt.NDArray[np.float64],
    values: Sequence[float] | None = None,
    output: str | None = None,
) -> None: ...
def backward(
    name: str,
    A: _Array[_Floating],
    Y: _Array[_Floating],
    dA: _Array[_Floating],
    values: Sequence[float] | None = None,
    output: str | None = None,
) -> None: ...
