"""All that is Dask's here, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Array: Any
    Delayed: Any
    Future: Any
    delayed: Any
    is_dask_collection: Any
else:
    try:
        from dask import delayed, is_dask_collection
        from dask.array import Array
        from dask.delayed import Delayed
        from dask.distributed import Future
    except ImportError as error:
        raise ImportError(
            "cyprop.dask needs Dask with dask.array and dask.distributed:"
            " pip install 'cyprop[dask]'"
        ) from error

__all__ = ["Array", "Delayed", "Future", "delayed", "is_dask_collection"]


def is_frame(value: Any) -> bool:
    """Whether it is a dask dataframe or series, which to import takes pandas."""
    return (
        is_dask_collection(value)
        and not isinstance(value, Delayed)  # which has any attribute that it is asked for
        and hasattr(value, "map_partitions")
        and hasattr(value, "npartitions")
        and hasattr(value, "divisions")
    )
