"""Tables of named columns, from .csv, .parquet and .npz files and back."""

from __future__ import annotations

import csv
import math
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from cyprop import datasets
from cyprop.formats import atomic

Array = npt.NDArray[Any]

SUFFIXES = (".csv", ".parquet", ".npz")
# What NumPy, pandas and the libraries below them raise for a file that is no table. What a signal
# handler raises in the midst of the reading goes on to the caller.
UNREADABLE = (ValueError, TypeError, RuntimeError, AttributeError, LookupError, ArithmeticError,
              EOFError, SyntaxError, Warning, zipfile.BadZipFile, zlib.error, struct.error,
              tokenize.TokenError)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes
    ----------
    name : str
        What to call it in a message.
    columns : dict of str to ndarray, (n,)
        Booleans, integers or floats, NaN where there is no value; or text as an object array of
        str, None where there is no value.
    rows : ndarray of int64, (n,)
        Which row of the file each one was, counted from 0.
    one_unit : bool, default False
        Whether all columns measure the same thing, as the pixels of an image do.
    """

    name: str
    columns: dict[str, Array]
    rows: Array
    one_unit: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Array:
        """The column of that name; ValueError lists the names there are."""
        if name not in self.columns:
            raise ValueError(f"{self.name} has no column {name!r}; it has {listed(self.columns)}")
        return self.columns[name]

    def take(self, chosen: Array) -> Table:
        """The rows where `chosen`, an array of bool, is True."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Table(self.name, columns, self.rows[chosen], self.one_unit)

    def without_missing(self, names: Iterable[str]) -> Table:
        """The rows that have a value in each of the named columns."""
        complete = np.ones(len(self), bool)
        for name in names:
            complete &= ~missing(self.column(name))
        return self if complete.all() else self.take(complete)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, the first of them if there are many."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more


def missing(column: Array) -> Array:
    """Where a column has no value."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind == "O":
        return np.fromiter((value is None for value in column), bool, len(column))
    return np.zeros(len(column), bool)


def digits() -> Table:
    """The digits that come with the package, columns ``pixel_row_column`` and ``digit``."""
    pixels, labels = datasets.digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    columns = dict(zip(names, pixels.T, strict=True))
    return Table("digits", {**columns, "digit": labels}, np.arange(len(labels)), one_unit=True)


def read_table(path: str | Path) -> Table:
    """Read a table, its format told by the suffix.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.parquet``, which need pandas; or ``.npz``: arrays with one row for each row
        of the table. A vector is the column of its name, and so is a matrix with one column. The
        columns of any other array X are X_0, X_1 and so on.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If the suffix is another, or the file is not what its suffix says, has no rows, or holds
        anything but numbers and text.
    OSError
        If it cannot be read.
    ImportError
        If pandas is needed and missing.
    """
    path = Path(path)
    check_suffix(path)
    with path.open("rb"):  # a missing file is an OSError, whatever reads the rest
        pass
    columns = _read_npz(path) if path.suffix.lower() == ".npz" else _read_with_pandas(path)
    lengths = {len(column) for column in columns.values()}
    if not columns or lengths == {0}:
        raise ValueError(f"{path} holds no rows")
    return Table(str(path), columns, np.arange(lengths.pop()))


def check_suffix(path: Path) -> None:
    """ValueError unless the path ends like a table."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} does not end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise ValueError(f"{path} is not a .npz archive of plain arrays: {error}") from error
    if any(array.ndim == 0 for array in arrays.values()) or (
        len({len(array) for array in arrays.values()}) > 1
    ):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{path} holds arrays of different numbers of rows: {shapes}")
    columns: dict[str, Array] = {}
    for name, array in arrays.items():
        flat = array.reshape(len(array), math.prod(array.shape[1:]))
        one = flat.shape[1] == 1
        parts = {name if one else f"{name}_{i}": part for i, part in enumerate(flat.T)}
        for part_name, part in parts.items():
            if part_name in columns:
                raise ValueError(f"{path} holds two columns called {part_name!r}")
            columns[part_name] = _plain(part, part_name, path)
    return columns


def _plain(column: Array, name: str, path: Path) -> Array:
    """A column of an archive as a Table holds it."""
    if column.dtype.kind == "U":
        return column.astype(object)
    if column.dtype.kind not in "biuf":
        raise ValueError(
            f"column {name!r} of {path} holds {column.dtype}, expected numbers or text"
        )
    return column


def _read_with_pandas(path: Path) -> dict[str, Array]:
    pandas = import_pandas(path.suffix)
    # From 3.1 on every number is read exactly, and the option is going away.
    old = tuple(map(int, pandas.__version__.split(".")[:2])) < (3, 1)
    exact = {"float_precision": "round_trip"} if old else {}
    try:
        if path.suffix.lower() == ".csv":
            with warnings.catch_warnings():
                # Without these two, rows longer than the header silently lose a value, or shift.
                warnings.simplefilter("error", pandas.errors.ParserWarning)
                frame = pandas.read_csv(path, index_col=False, low_memory=False, **exact)
        else:
            frame = pandas.read_parquet(path)
    except UNREADABLE as error:
        raise ValueError(f"{path} is not a {path.suffix} table: {error}") from error
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ValueError(f"{path} has columns of the same name: {listed(names)}")
    return {
        name: _from_series(pandas, frame.iloc[:, i], name, path) for i, name in enumerate(names)
    }


def _from_series(pandas: Any, series: Any, name: str, path: Path) -> Array:
    """A column of a data frame as a Table holds it."""
    kinds = pandas.api.types
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    series = series.infer_objects()
    gaps = series.isna().to_numpy(bool)
    if kinds.is_bool_dtype(series.dtype) and not gaps.any():
        return np.asarray(series.to_numpy(bool))
    if kinds.is_integer_dtype(series.dtype) and not gaps.any():
        kind = "uint64" if kinds.is_unsigned_integer_dtype(series.dtype) else "int64"
        return np.asarray(series.to_numpy(kind))
    if kinds.is_bool_dtype(series.dtype) or (
        kinds.is_numeric_dtype(series.dtype) and not kinds.is_complex_dtype(series.dtype)
    ):
        return np.asarray(series.to_numpy("float64", na_value=np.nan))
    values = series.to_numpy(object)
    present = values[~gaps]
    if all(isinstance(value, bool | np.bool_) for value in present):
        numbers = np.full(len(values), np.nan)
        numbers[~gaps] = present.astype(float)
        return numbers
    for value in present:
        if not isinstance(value, str):
            raise ValueError(
                f"column {name!r} of {path} holds {type(value).__name__} values,"
                " expected numbers or text"
            )
    values = values.copy()
    values[gaps] = None
    return np.asarray(values)


def import_pandas(suffix: str) -> Any:
    """The pandas module; ImportError says how to get it."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            f"{suffix} tables need pandas, which is not installed: pip install 'cyprop[data]'"
        ) from None
    return pandas


def write_columns(path: str | Path | None, columns: Mapping[str, Array]) -> None:
    """Write columns to a file, its format told by the suffix, or as CSV to standard output.

    Numbers are written so that reading them gives the same bits. A matrix is left out of .csv and
    .parquet files. A file is replaced whole or not at all, and a FIFO or device written through.
    """
    vectors = {name: column for name, column in columns.items() if column.ndim == 1}
    if path is None:
        _write_csv(sys.stdout, vectors)
        return
    path = Path(path)
    check_suffix(path)
    suffix = path.suffix.lower()
    with atomic.replacing(str(path)) as file:
        if suffix == ".npz":
            np.savez_compressed(file, allow_pickle=False, **columns)
        elif suffix == ".parquet":
            import_pandas(suffix).DataFrame(vectors).to_parquet(file, index=False)
        else:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            _write_csv(text, vectors)
            text.detach()  # the file is closed by what opened it


def _write_csv(file: TextIO, columns: Mapping[str, Array]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))
    file.flush()
