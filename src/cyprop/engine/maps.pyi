from collections.abc import Callable
from types import EllipsisType
from typing import Any, TypeVar

import numpy.typing as npt

from cyprop.checks.maps import Maps
from cyprop.checks.names import Names
from cyprop.engine.memory import Memory

_M = TypeVar("_M", bound=Memory)
_T = TypeVar("_T")

def maps_of(network: Memory) -> Maps: ...
def with_maps(network: _M, read: Callable[[_M], _T]) -> tuple[Maps, _T]: ...
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
