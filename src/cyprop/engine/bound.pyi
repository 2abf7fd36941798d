from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from cyprop.engine.engine import Engine
from cyprop.engine.turns import Turns

_Array = npt.NDArray[np.floating[Any]]

class BoundPrediction(Turns):
    def __new__(cls, network: Engine, x: _Array, out: _Array) -> BoundPrediction: ...
    @property
    def network(self) -> Engine: ...
    @property
    def x(self) -> _Array: ...
    @property
    def out(self) -> _Array: ...
    def __call__(self) -> _Array: ...
    def __reduce__(self) -> NoReturn: ...
