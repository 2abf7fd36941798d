"""`cyprop.dask.predict`: a network's answers to partitions, when someone asks for them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import read_array
from cyprop.checks.numbers import shown
from cyprop.dask.borrowed import Array, delayed, is_frame
from cyprop.dask.partitions import blocks_of, check_width
from cyprop.engine import maps, memory
from cyprop.network import Network
from cyprop.version import __version__
from cyprop.workers import other_version

if TYPE_CHECKING:
    from collections.abc import Callable


def predict(net: Network, X: Any) -> Any:
    """The network's answers, partition by partition, when they are asked for.

    Parameters
    ----------
    net : Network
        As it is now: what it learns later does not count.
    X : dask array, (n, n_in), dataframe, or list of delayed partitions

    Returns
    -------
    dask array, (n, n_out), dataframe, or list of Delayed
        As X is, with its partitions. Nothing has been computed. The columns of a dataframe are the
        network's output names, or its labels, or numbers from 0; its index is that of X.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError, ValueError
        If X is no collection of Dask's, has another number of columns, or several blocks of them.
        What only a look into a partition shows is raised when it is computed, as by
        `Network.predict`; and a RuntimeError if a worker has another version of cyprop.

    Notes
    -----
    A row has the bits that `Network.predict` gives it. Partitions may be empty, and chunks of
    unknown sizes.
    Thread-safety: as `Network.predict`.

    Examples
    --------
    >>> import cyprop, cyprop.dask, dask.array as da
    >>> net = cyprop.Network([4, 8, 2])
    >>> cyprop.dask.predict(net, da.zeros((1000, 4), chunks=(100, 4))).chunks[1]
    (2,)
    """
    return mapped(net, X, answers, columns_of(net))


def mapped(
    net: Network, X: Any, function: Callable[..., Any], columns: list[Any] | None, dtype: Any = None
) -> Any:
    """What a function of the network and the rows of a partition gives, for each partition.

    Parameters
    ----------
    net : Network
    X : as in `predict`
    function : function of a network, a partition's rows and a version
        Gives an array, (n, n_columns), or (n,).
    columns : list or None
        The names of the columns of a frame; None for a vector, of which a series is made.
    dtype : optional
        Of what it gives; by default the network's.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net is {shown(net)}, expected a Network")
    settings = memory.settings_of(net)
    check_width(X, "X", settings.sizes[0])
    kept = copy(net)
    dtype = settings.dtype if dtype is None else np.dtype(dtype)
    if isinstance(X, Array):
        if any(n != 1 for n in X.numblocks[1:]):
            blocks_of(X, "X")  # which raises
        chunks = (X.chunks[0],) if columns is None else (X.chunks[0], (len(columns),))

        def on_block(rows: Any) -> Any:
            return function(kept, rows, __version__)

        return X.map_blocks(
            on_block,
            dtype=dtype,
            chunks=chunks,
            drop_axis=[1] if columns is None and X.ndim == 2 else None,
            new_axis=[1] if columns is not None and X.ndim == 1 else None,
            meta=np.empty((0,) * len(chunks), dtype),
        )
    if is_frame(X):
        return _frame(kept, X, function, columns, dtype)
    task = delayed(function, pure=False)
    network = delayed(kept, pure=False)
    return [task(network, rows, __version__) for rows in blocks_of(X, "X")]


def _frame(
    net: Network, X: Any, function: Callable[..., Any], columns: list[Any] | None, dtype: Any
) -> Any:
    import pandas

    def on_partition(rows: Any) -> Any:
        found = function(net, rows, __version__)
        if columns is None:
            return pandas.Series(found, index=rows.index)
        return pandas.DataFrame(found, index=rows.index, columns=columns)

    meta: Any = pandas.Series([], dtype=dtype)
    if columns is not None:
        meta = pandas.DataFrame(np.empty((0, len(columns)), dtype), columns=columns)
    meta.index = X._meta.index[:0]
    return X.map_partitions(on_partition, meta=meta)


def columns_of(net: Network) -> list[Any]:
    """What the outputs are called."""
    names = maps.names_of(net)
    return list(names.outputs or names.labels or range(memory.settings_of(net).sizes[-1]))


def answers(net: Network, rows: Any, version: str) -> Any:
    """`Network.predict`, of no rows too."""
    if version != __version__:
        raise RuntimeError(other_version("a worker", __version__, version))
    settings = memory.settings_of(net)
    X = read_array(rows, "X", f"an array of shape (n, {settings.sizes[0]})")
    if X.shape[:1] == (0,):
        return np.empty((0, settings.sizes[-1]), settings.dtype)
    return np.atleast_2d(net.predict(X))
