from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from cyprop.engine.engine import Engine
from cyprop.engine.turns import Turns

_Array = npt.NDArray[np.floating[Any]]

class BoundPrediction(Turns):
    """What `Network.bind` returns: call it to predict from what x holds now, into out.

    Attributes
    ----------
    network : Network
    x : ndarray, (n_in,) or (n, n_in)
    out : ndarray, (n_out,) or (n, n_out)
        None of the three can go away while this object exists.

    Notes
    -----
    Thread-safety: calls of one object, which share out, follow one another; those of several run at
    once. Each sees the weights of a complete update.
    """

    def __new__(cls, network: Engine, x: _Array, out: _Array) -> BoundPrediction: ...
    @property
    def network(self) -> Engine:
        """The network that predicts. Thread-safety: it never changes."""
    @property
    def x(self) -> _Array:
        """The array that a call reads. Thread-safety: it is the same array always."""
    @property
    def out(self) -> _Array:
        """The array that a call writes. Thread-safety: it is the same array always."""
    def __call__(self) -> _Array:
        """Predict from what x holds now.

        Returns
        -------
        ndarray
            out, overwritten.

        Notes
        -----
        Thread-safety: any thread; the next call, by whichever thread, overwrites out.
        """
    def __reduce__(self) -> NoReturn: ...
