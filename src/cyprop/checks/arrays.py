"""What may be passed as data: anything NumPy reads as real numbers, made contiguous and native."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeGuard

    import numpy.typing as npt

    Array = npt.NDArray[Any]

REAL_KINDS = "biuf"


def is_array(value: Any) -> TypeGuard[npt.NDArray[Any]]:
    """Whether it is an array, of whatever."""
    return isinstance(value, np.ndarray)


def plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as an ndarray and nothing more: a subclass may say what it likes of its shape."""
    return np.ndarray.view(array, np.ndarray)


def real_array(value: Any, name: str, dtype: npt.DTypeLike, expected: str) -> npt.NDArray[Any]:
    """`value` as a C-contiguous, aligned array of `dtype`, copied only if it must be.

    Parameters
    ----------
    value : array_like
        Numbers: booleans, integers or floats of any width and byte order.
    name, expected : str
        What to call it, and what to ask for instead, in an error message.
    dtype : float32 or float64

    Raises
    ------
    TypeError
        If it is None, masked, or holds anything but real numbers.
    ValueError
        If it is a ragged nest of lists.
    """
    if value is None:
        raise TypeError(f"{name} is None, expected {expected}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected {expected} without a mask")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is a ragged sequence, expected {expected}") from None
    if array.dtype.kind not in REAL_KINDS:
        raise TypeError(f"{name} has dtype {array.dtype}, expected {expected} of real numbers")
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def matrix(
    value: Any, name: str, n_columns: int, dtype: npt.DTypeLike, empty: bool = False
) -> npt.NDArray[Any]:
    """`value` as (n, n_columns); a vector stands for one column where n_columns is 1.

    Raises
    ------
    TypeError, ValueError
        As `real_array`; and for another shape, or no rows unless `empty` allows that.
    """
    expected = f"an array of shape (n, {n_columns})"
    array = real_array(value, name, dtype, expected)
    if array.ndim == 1 and n_columns == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise ValueError(f"{name} has shape {array.shape}, expected (n, {n_columns})")
    if not empty and array.shape[0] == 0:
        raise ValueError(f"{name} has no rows, expected at least one")
    return array


def vector(value: Any, name: str, size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """`value` as (size,); a single number stands for a vector of one.

    Raises
    ------
    TypeError, ValueError
        As `real_array`; and for another shape.
    """
    array = real_array(value, name, dtype, f"an array of shape ({size},)")
    if array.ndim == 0 and size == 1:
        array = array.reshape(1)
    if array.shape != (size,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({size},)")
    return array


def check_same_rows(
    X: npt.NDArray[Any], Y: npt.NDArray[Any], x_name: str = "X", y_name: str = "Y"
) -> None:
    """Raise ValueError unless X and Y have the same number of rows."""
    if X.shape[0] != Y.shape[0]:
        raise ValueError(
            f"{x_name} has {X.shape[0]} rows and {y_name} has {Y.shape[0]},"
            " expected the same number"
        )


def checked_out(out: Any, shape: tuple[int, ...], dtype: npt.DTypeLike, X: Any) -> npt.NDArray[Any]:
    """`out`, if it is an array of that shape and dtype that can take the predictions of X.

    Raises
    ------
    TypeError
        If it is not an array of that dtype.
    ValueError
        If it has another shape, cannot be written, is not contiguous, or overlaps X.
    """
    given = out
    if is_array(out):
        out = plain(out)
    if not is_array(out) or out.dtype != dtype:
        what = f"dtype {out.dtype}" if is_array(out) else type(out).__name__
        raise TypeError(f"out is {what}, expected an array of {dtype}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")
    if not (out.flags.carray and out.dtype.isnative):
        raise ValueError("out must be writable, C-contiguous and aligned")
    if np.may_share_memory(out, X):
        raise ValueError("out overlaps X; expected memory of its own")
    return given


def check_bound(x: Any, out: Any, n_in: int, n_out: int, dtype: npt.DTypeLike) -> None:
    """Raise TypeError or ValueError unless a prediction can be bound to these two arrays."""
    if not is_array(x) or isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"x is {type(x).__name__}, expected an array of {dtype}")
    x = plain(x)
    if x.dtype != dtype:
        raise TypeError(f"x is of {x.dtype}, expected an array of {dtype}")
    if x.ndim not in (1, 2) or x.shape[-1] != n_in:
        raise ValueError(f"x has shape {x.shape}, expected ({n_in},) or (n, {n_in})")
    if not (x.flags.c_contiguous and x.flags.aligned):
        raise ValueError("x must be C-contiguous and aligned")
    checked_out(out, (*x.shape[:-1], n_out), dtype, x)


def rows_or_row(
    value: Any, name: str, n_columns: int, dtype: npt.DTypeLike
) -> tuple[npt.NDArray[Any], bool]:
    """`value` as (n, n_columns), and whether it was one row, (n_columns,).

    Raises
    ------
    TypeError, ValueError
        As `real_array`; and for another shape, or no rows.
    """
    expected = f"({n_columns},) or (n, {n_columns})"
    array = real_array(value, name, dtype, f"an array of shape {expected}")
    if array.shape == (n_columns,):
        return array.reshape(1, n_columns), True
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")
    if array.shape[0] == 0:
        raise ValueError(f"{name} has no rows, expected at least one")
    return array, False
