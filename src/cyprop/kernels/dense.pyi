from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floating = TypeVar("_Floating", np.float32, np.float64)  # of all arrays of a call
_Array = npt.NDArray[_Floating]

def forward(
    A_prev: _Array[_Floating],
    W: _Array[_Floating],
    b: _Array[_Floating],
    Z: _Array[_Floating],
) -> None: ...
def forward_one(
    A_prev: _Array[_Floating],
    W: _Array[_Floating],
    b: _Array[_Floating],
    Z: _Array[_Floating],
) -> None: ...
def backward_W(A_prev: _Array[_Floating], dZ: _Array[_Floating], dW: _Array[_Floating]) -> None: ...
def backward_W_one(
    A_prev: _Array[_Floating], dZ: _Array[_Floating], dW: _Array[_Floating]
) -> None: ...
def backward_b(dZ: _Array[_Floating], db: _Array[_Floating]) -> None: ...
def backward_b_one(dZ: _Array[_Floating], db: _Array[_Floating]) -> None: ...
def backward_A(dZ: _Array[_Floating], W: _Array[_Floating], dA_prev: _Array[_Floating]) -> None: ...
def backward_A_one(
    dZ: _Array[_Floating], W: _Array[_Floating], dA_prev: _Array[_Floating]
) -> None: ...
