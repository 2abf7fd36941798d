from types import EllipsisType
from typing import Any

import numpy.typing as npt

from cyprop.checks.maps import Maps
from cyprop.checks.names import Names
from cyprop.engine.memory import Memory

def maps_of(network: Memory) -> Maps: ...
def names_of(network: Memory) -> Names: ...
def set_names(network: Memory, before: Names, after: Names) -> bool: ...
def set_maps(
    network: Memory,
    inputs: tuple[npt.ArrayLike, npt.ArrayLike] | EllipsisType | None = ...,
    outputs: tuple[npt.ArrayLike, npt.ArrayLike] | EllipsisType | None = ...,
) -> None: ...
def fold(
    network: Memory,
    before: Maps,
    inputs: npt.NDArray[Any] | None,
    outputs: npt.NDArray[Any] | None,
    after: Maps,
) -> bool: ...
