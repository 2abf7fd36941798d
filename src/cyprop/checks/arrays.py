"""What may be passed as data: anything NumPy reads as real numbers, made contiguous and native."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.numbers import counted, is_sequence, shown

if TYPE_CHECKING:
    from typing import TypeGuard

    import numpy.typing as npt

    Array = npt.NDArray[Any]

REAL_KINDS = "biuf"

# What to do with an array of another kind; NAME stands for what it is called.
ADVICE = {
    "c": "give NAME.real, or np.abs(NAME)",
    "M": "give numbers, such as the days since the first date",
    "m": "give numbers, such as NAME / np.timedelta64(1, 's')",
    "U": "give numbers, such as NAME.astype(float) if that is what the texts say",
    "S": "give numbers, such as NAME.astype(float) if that is what the texts say",
    "O": "give NAME.astype(float) if all of them are numbers",
    "V": "give one field of the records, or several side by side",
}
LABELS_AS_NUMBERS = "for class labels give np.unique(Y, return_inverse=True)[1]"
MISSING = ("NoneType", "NAType", "NaTType")
# What NumPy and the methods __array__ of other libraries raise. Any other exception is a signal
# handler's, which may run in the midst of the reading, and is not ours to translate.
UNREADABLE = (TypeError, ValueError, RuntimeError, AttributeError, LookupError, ArithmeticError,
              BufferError)  # fmt: skip


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
        If it is a ragged nest of lists, has no value somewhere, or a number that no float can hold.
    """
    array = read_array(value, name, expected)
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def read_array(value: Any, name: str, expected: str) -> npt.NDArray[Any]:
    """`value` as an array of real numbers of any dtype; parameters and errors as `real_array`."""
    if type(value) is np.ndarray and value.dtype.kind in REAL_KINDS:
        return value
    if value is None:
        raise TypeError(f"{name} is None, expected {expected}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected {expected} without a mask")
    if not is_array(value):
        _refuse_what_is_no_array(value, name, expected)
    try:
        array = np.asarray(value)
    except UNREADABLE as error:
        raise _not_read(value, name, expected, error) from error
    if is_array(value):
        pass
    elif array.dtype.kind == "O":
        return _read_objects(array, value, name, expected)
    elif hasattr(value, "isna"):
        _refuse_gaps(value, name)
    if array.dtype.kind not in REAL_KINDS:
        code = _code(name)
        advice = ADVICE.get(array.dtype.kind, "").replace("NAME", code)
        if code == "Y" and (array.dtype.kind in "US" or _begins_with_text(array)):
            advice = LABELS_AS_NUMBERS
        raise TypeError(
            f"{name} has dtype {array.dtype}, expected {expected} of real numbers"
            + (f"; {advice}" if advice else "")
        )
    return array


def _begins_with_text(array: npt.NDArray[Any]) -> bool:
    """Whether it is a vector of objects, the first of them a text."""
    is_vector = array.dtype.kind == "O" and array.ndim == 1 and array.size > 0
    return is_vector and isinstance(array[0], str)


def _refuse_what_is_no_array(value: Any, name: str, expected: str) -> None:
    """Raise TypeError for what NumPy would take for a single object."""
    kind, code = type(value).__name__, _code(name)
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        library = ".".join(type(value).__module__.split(".")[:2])
        raise TypeError(f"{name} is a {library} {kind}, expected an array: give {code}.toarray()")
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{name} is {shown(value)}, expected {expected} of real numbers")
    if not hasattr(value, "__array__") and isinstance(value, Iterator):
        raise TypeError(
            f"{name} is a {kind}, expected {expected}: give list({code}),"
            f" or np.fromiter({code}, float)"
        )
    if isinstance(value, Mapping):
        raise TypeError(f"{name} is a {kind}, expected {expected}: give list({code}.values())")
    if isinstance(value, ValuesView | KeysView):
        raise TypeError(f"{name} is a {kind}, expected {expected}: give list({code})")
    if isinstance(value, Set):
        raise TypeError(f"{name} is a {kind}, which has no order, expected {expected}")


def _not_read(value: Any, name: str, expected: str, error: Exception) -> Exception:
    """The exception for what NumPy did not read as an array."""
    unequal = _unequal_rows(value) if is_sequence(value) else ""
    if unequal or "inhomogeneous" in str(error):
        return ValueError(f"{name} is a ragged sequence{unequal}, expected {expected}")
    kind = f"{type(value).__module__.partition('.')[0]} {type(value).__name__}"
    kind = kind.removeprefix("builtins ")
    if hasattr(value, "detach"):
        return TypeError(
            f"{name} is a {kind} that NumPy cannot read, expected {expected}:"
            f" give {_code(name)}.detach().cpu().numpy()"
        )
    said = shown(" ".join(str(error).split()))
    return TypeError(f"{name} is a {kind} that NumPy cannot read, {said}, expected {expected}")


def _unequal_rows(rows: Sequence[Any]) -> str:
    """Which row of a nest of lists has another length than the first, as a clause."""
    lengths = [len(row) if hasattr(row, "__len__") else None for row in rows]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            first, other = (
                f"row {place} is a single {type(rows[place]).__name__}" if n is None
                else f"row {place} has {counted(n)}"
                for place, n in ((0, lengths[0]), (i, length))
            )  # fmt: skip
            return f": {first} and {other}"
    return ""


def _read_objects(
    array: npt.NDArray[Any], value: Any, name: str, expected: str
) -> npt.NDArray[Any]:
    """An array of objects that are numbers after all: of pandas, or whole numbers of any size."""
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        entry = array[place]
        if isinstance(entry, Real | np.bool_):
            try:
                found[place] = entry
            except OverflowError:
                raise ValueError(
                    f"{_what(entry, name, place, value)}, expected a number that a float can hold"
                ) from None
        elif type(entry).__name__ in MISSING:
            raise ValueError(f"{_what(entry, name, place, value)}, expected a number")
        else:
            are_labels = isinstance(entry, str) and len(place) == 1 and _code(name) == "Y"
            raise TypeError(
                f"{_what(entry, name, place, value)}, expected {expected} of real numbers"
                + (f"; {LABELS_AS_NUMBERS}" if are_labels else "")
            )
    return found


def _refuse_gaps(value: Any, name: str) -> None:
    """Raise ValueError where a nullable column of pandas has no value, which NumPy reads as NaN."""
    kinds: Any = getattr(value, "dtypes", getattr(value, "dtype", None))
    kinds = kinds if hasattr(kinds, "__iter__") else [kinds]
    if any(hasattr(kind, "na_value") for kind in kinds):
        gaps = np.argwhere(np.asarray(value.isna()))
        if len(gaps):
            place = tuple(gaps[0].tolist())
            raise ValueError(f"{_what(None, name, place, value)}, expected a number")


def _what(entry: Any, name: str, place: tuple[int, ...], value: Any) -> str:
    """What stands where, with the name of the column where it has one."""
    if not place:
        return f"{name} is {shown(entry)}"
    entry = "no value" if type(entry).__name__ in MISSING else shown(entry)
    if len(place) != 2:
        return f"{name} holds {entry} at {place[0] if len(place) == 1 else list(place)}"
    columns = getattr(value, "columns", None)
    column = place[1] if columns is None else f"{place[1]} ({shown(columns[place[1]])})"
    return f"{name} holds {entry} at row {place[0]}, column {column}"


def matrix(
    value: Any,
    name: str,
    n_columns: int,
    dtype: npt.DTypeLike,
    empty: bool = False,
    n_classes: int = 0,
) -> npt.NDArray[Any]:
    """`value` as (n, n_columns); a vector stands for one column where n_columns is 1.

    The message of an error says what to do with class labels: where n_classes is not 0, whole
    numbers name them (checks/labels.py).

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
        raise ValueError(
            f"{name} has shape {array.shape}, expected (n, {n_columns})"
            + _hint_for_labels(array, value, name, n_columns, n_classes)
        )
    if not empty and array.shape[0] == 0:
        raise ValueError(f"{name} has no rows, expected at least one")
    return array


def vector(
    value: Any, name: str, size: int, dtype: npt.DTypeLike, n_classes: int = 0
) -> npt.NDArray[Any]:
    """`value` as (size,); a single number stands for a vector of one. n_classes as in `matrix`.

    Raises
    ------
    TypeError, ValueError
        As `real_array`; and for another shape.
    """
    array = real_array(value, name, dtype, f"an array of shape ({size},)")
    if array.ndim == 0 and size == 1:
        array = array.reshape(1)
    if array.shape != (size,):
        raise ValueError(
            f"{name} has shape {array.shape}, expected ({size},)"
            + _hint_for_labels(array, value, name, size, n_classes)
        )
    return array


def _hint_for_labels(
    array: npt.NDArray[Any], value: Any, name: str, n_outputs: int, n_classes: int
) -> str:
    """What to do with whole numbers that tell classes apart, where each has an output."""
    code = _code(name)
    if code not in ("Y", "y") or n_outputs < 2 or not 0 < array.size == len(np.atleast_1d(array)):
        return ""
    first = next((k for k in (0, 1) if k <= array.min() and array.max() < n_outputs + k), None)
    if first is None or (array != np.floor(array)).any():
        return ""
    if n_classes and code == "y":
        return f": for a class label give {int(array.flat[0]) - first}, a whole number"
    if np.asarray(value).dtype.kind in "fO":
        by_method = n_classes and is_array(value)
        code = f"{code}.astype(int)" if by_method else f"np.asarray({code}, int)"
    elif first and not is_array(value):
        code = f"np.asarray({code})"
    code = f"{code} - 1" if first else code
    code = f"np.ravel({code})" if array.ndim == 2 else code
    return f": for class labels give {code if n_classes else f'np.eye({n_outputs})[{code}]'}"


def _code(name: str) -> str:
    """What stands for it in a line of Python: Y for what is called validation Y."""
    return name.rpartition(" ")[2]


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
    given: npt.NDArray[Any] = out
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

    Where n_columns is 1, any other vector stands for one column.

    Raises
    ------
    TypeError, ValueError
        As `real_array`; and for another shape, or no rows.
    """
    expected = f"({n_columns},) or (n, {n_columns})"
    array = real_array(value, name, dtype, f"an array of shape {expected}")
    if array.shape == (n_columns,):
        return array.reshape(1, n_columns), True
    if array.ndim == 1 and n_columns == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")
    if array.shape[0] == 0:
        raise ValueError(f"{name} has no rows, expected at least one")
    return array, False
