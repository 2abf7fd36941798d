"""X, Y and weights as partitions that belong together, whatever kind of collection they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from cyprop.checks.numbers import is_sequence, shown
from cyprop.dask.borrowed import Array, Delayed, Future, is_frame
from cyprop.engine import memory

if TYPE_CHECKING:
    from cyprop.engine.engine import Engine


class Pieces(NamedTuple):
    """What stands for one partition: tasks of Dask's, or None for weights that are not given."""

    X: Any
    Y: Any
    weights: Any


def partitions_of(
    network: Engine, X: Any, Y: Any, sample_weight: Any, prefix: str = ""
) -> list[Pieces]:
    """Each partition of X with those of Y and the weights that belong to it.

    Blocks of arrays are matched by their rows; partitions of dataframes, whose rows nobody has
    counted, and of lists by their numbers.

    Raises
    ------
    TypeError
        If one is no collection of Dask's.
    ValueError
        If they have other numbers of partitions, of rows or of columns, or an array has chunks of
        unknown sizes or several blocks of columns.
    """
    settings = memory.settings_of(network)
    check_width(X, f"{prefix}X", settings.sizes[0])
    columns = [blocks_of(X, f"{prefix}X")]
    for value, name in ((Y, f"{prefix}Y"), (sample_weight, f"{prefix}sample_weight")):
        if value is None and value is sample_weight:
            columns.append([None] * len(columns[0]))
            continue
        blocks = blocks_of(as_cut(value, name, X, f"{prefix}X"), name)
        if len(blocks) != len(columns[0]):
            raise ValueError(
                f"{prefix}X has {len(columns[0])} partitions and {name} has {len(blocks)},"
                " expected the same number"
            )
        columns.append(blocks)
    if not columns[0]:
        raise ValueError(f"{prefix}X has no partitions, expected at least one")
    return [Pieces(*pieces) for pieces in zip(*columns, strict=True)]


def blocks_of(value: Any, name: str) -> list[Any]:
    """The partitions of a collection, in order; errors as those of `partitions_of`."""
    if isinstance(value, Array):
        _check_chunks(value, name)
        return list(value.to_delayed().ravel())
    if is_frame(value):
        return list(value.to_delayed())
    if isinstance(value, Delayed | Future):
        return [value]
    if is_sequence(value):
        for i, entry in enumerate(value):
            if not isinstance(entry, Delayed | Future):
                raise TypeError(
                    f"{name}[{i}] is {shown(entry)}, expected a partition: a Delayed or a Future"
                )
        return list(value)
    kind = type(value).__name__
    raise TypeError(
        f"{name} is of {kind}, expected a dask array, a dask dataframe or a list of delayed"
        f" partitions; net.fit and net.predict take what one machine holds"
    )


def check_width(X: Any, name: str, n_in: int) -> None:
    """Raise ValueError for a number of columns that is known now to be another."""
    shape: tuple[Any, ...] = (math.nan, n_in)  # where nobody knows
    if isinstance(X, Array):
        shape = X.shape
    elif is_frame(X) and X.ndim == 2:
        shape = (math.nan, len(X.columns))
    if shape[1:] != (n_in,) and not (len(shape) == 1 and n_in == 1):
        raise ValueError(f"{name} has shape {shown_shape(shape)}, expected (n, {n_in})")


def shown_shape(shape: Any) -> str:
    """A shape, with n for a number of rows that nobody knows."""
    texts = ["n" if isinstance(n, float) and math.isnan(n) else str(n) for n in shape]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def _check_chunks(array: Any, name: str) -> None:
    if any(math.isnan(n) for n in array.chunks[0]):
        raise ValueError(
            f"{name} has chunks of unknown sizes, expected known ones: call"
            f" {name.rpartition(' ')[2]}.compute_chunk_sizes() first, or give the dataframe itself"
        )
    if any(n != 1 for n in array.numblocks[1:]):
        raise ValueError(
            f"{name} has {array.numblocks[1]} blocks of columns, expected one: give"
            f" {name.rpartition(' ')[2]}.rechunk({{1: -1}})"
        )


def as_cut(value: Any, name: str, X: Any, x_name: str) -> Any:
    """Y or weights with the rows of X's blocks, where both are arrays.

    Raises
    ------
    ValueError
        If they have other numbers of rows, or X has chunks of unknown sizes.
    """
    if not (isinstance(value, Array) and isinstance(X, Array)):
        return value
    _check_chunks(X, x_name)
    if any(math.isnan(n) for n in value.chunks[0]) or value.chunks[0] == X.chunks[0]:
        return value
    if value.shape[0] != X.shape[0]:
        raise ValueError(
            f"{x_name} has {X.shape[0]} rows and {name} has {value.shape[0]},"
            " expected the same number"
        )
    return value.rechunk({0: X.chunks[0]})
