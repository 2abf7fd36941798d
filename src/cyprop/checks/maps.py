"""What may be set as a map of inputs or outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.arrays import is_array, read_array
from cyprop.checks.numbers import is_sequence, shown

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array


class Map(NamedTuple):
    """(x − offset)·scale of each column.

    Attributes
    ----------
    offset, scale : ndarray, (n_columns,)
        Of the network's dtype, and read-only.
    """

    offset: Array
    scale: Array


class Maps(NamedTuple):
    """The maps of a network, each of which may be None."""

    inputs: Map | None = None
    outputs: Map | None = None


NO_MAPS = Maps()


def checked_map(
    value: Any, name: str, n_columns: int, dtype: np.dtype[Any], zero_allowed: bool = False
) -> Map | None:
    """A pair (offset, scale) as arrays of the dtype, a number standing for all columns; or None.

    Raises
    ------
    TypeError
        If it is no pair, or not of real numbers.
    ValueError
        If a part has another shape, or holds NaN, infinity, a number that the dtype cannot hold, or
        a scale of 0 where that is not allowed.
    """
    if value is None:
        return None
    parts = value.tolist() if is_array(value) and value.ndim == 0 else value
    if not (is_sequence(parts) or is_array(parts)) or len(parts) != 2:
        raise TypeError(f"{name} is {shown(value)}, expected a pair (offset, scale) or None")
    offset = _checked_part(parts[0], f"{name} offset", n_columns, dtype)
    scale = _checked_part(parts[1], f"{name} scale", n_columns, dtype)
    if not zero_allowed and not scale.all():
        raise ValueError(
            f"{name} scale holds 0 at {int(np.argmin(scale != 0))}, expected numbers other than 0"
        )
    return Map(offset, scale)


def _checked_part(value: Any, name: str, n_columns: int, dtype: np.dtype[Any]) -> Array:
    array = read_array(value, name, f"an array of shape ({n_columns},)")
    if array.shape not in ((), (n_columns,)):
        raise ValueError(f"{name} has shape {array.shape}, expected ({n_columns},), or a number")
    array = np.broadcast_to(array, (n_columns,))
    with np.errstate(over="ignore", under="ignore"):
        found = array.astype(dtype)
    wrong = ~np.isfinite(found)
    if name.endswith("scale"):
        wrong |= (found == 0) & (array != 0)
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(
            f"{name} holds {shown(array[place].item())} at {place},"
            f" expected finite numbers that {dtype} can hold"
        )
    found.flags.writeable = False
    return found


# Of the mean of a column: how many times the deviation it can be before a dtype is left with fewer
# than 3 digits; and how large numbers can be, with room for the weights.
LONGEST_MEAN = {"float32": 1e4, "float64": 1e4 * 2.0**29}
LARGEST = {"float32": 1e30, "float64": 1e300}


def hard_to_tell_apart(mean: Array, deviation: Array, dtype: str = "float32") -> Array:
    """Where the values of a column, in that dtype, would lose what sets the rows apart.

    Parameters
    ----------
    mean, deviation : ndarray of float64, (n,)
        A column whose deviation is infinite does not count.
    dtype : "float32" or "float64"

    Returns
    -------
    ndarray of bool, (n,)
    """
    largest = LARGEST[dtype]
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.abs(mean) > LONGEST_MEAN[dtype] * deviation
    extreme = (np.maximum(np.abs(mean), deviation) > largest) | (deviation < 1 / largest)
    found: Array = np.isfinite(deviation) & (far | extreme)
    return found
