"""Numbers of 16 bits that NumPy has no dtype for: the upper halves of float32."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt


def from_bfloat16(upper: npt.NDArray[np.uint16]) -> npt.NDArray[Any]:
    """The float32 whose upper halves these are, in an array of its own, of the same bits."""
    wide = np.zeros((*upper.shape, 2), np.uint16)
    wide[..., 1 if sys.byteorder == "little" else 0] = upper
    return wide.view(np.float32)[..., 0]
