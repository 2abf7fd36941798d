from typing import Any

import numpy.typing as npt

def place_of_nonfinite(array: npt.NDArray[Any]) -> tuple[int, ...] | None: ...
