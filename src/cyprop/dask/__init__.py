"""Networks on a Dask cluster: learning from data that many machines hold, in the same bits always.

    from cyprop.dask import fit, predict

Needs Dask: ``pip install 'cyprop[dask]'``.
"""

from cyprop.dask.fitting import fit
from cyprop.dask.predicting import predict

__all__ = ["fit", "predict"]
