from typing import Any, overload

import numpy as np
import numpy.typing as npt

from cyprop.engine.memory import Memory

_Array = npt.NDArray[np.floating[Any]]

class Engine(Memory):
    """The compiled part of a Network; make a Network instead."""

    def predict(
        self,
        X: npt.ArrayLike,
        out: _Array | None = None,
        n_threads: int = 1,
        layer: int | None = None,
    ) -> _Array:
        """Predict one sample, or each row of a batch.

        Parameters
        ----------
        X : array_like, (n_in,) or (n, n_in)
            Of the network's dtype, C-contiguous and aligned, it is read in place; other real
            numbers are converted first. Where there is one input, a vector of n > 1 numbers is n
            rows.
        out : ndarray, (n_out,) or (n, n_out), optional
            Written into and returned; of the network's dtype, C-contiguous, not overlapping X.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where the rows are few. They end
            with the call.
        layer : int, optional
            Give the activations of this layer in place of the outputs: 0 is the first hidden layer,
            and n_out above and below the number of this layer's units.

        Returns
        -------
        ndarray, (n_out,) or (n, n_out)
            Of the network's dtype. A row has the same bits alone and in any batch, on any number
            of threads.

        Raises
        ------
        TypeError
            If X is not real numbers, out not an array of the network's dtype, or n_threads or layer
            not a whole number.
        ValueError
            If a shape does not fit, out is read-only, not contiguous, or overlaps X, n_threads
            is below 1 or above 256, or there is no such layer.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
    def learn_one(self, x: npt.ArrayLike, y: npt.ArrayLike, weight: float = 1.0) -> float:
        """Learn one sample: forward, backward, one update.

        Parameters
        ----------
        x : array_like, (n_in,)
        y : array_like, (n_targets,), or a label
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity. n_targets and
            labels are those of `Network.fit`.
        weight : float, default 1.0
            How much the sample counts, at least 0: the update is made by weight times its gradient.

        Returns
        -------
        float
            The loss of the sample before the update, whatever it weighs. If it is not finite, there
            was no update. It is NaN where the update would have made a number infinite, of the
            parameters or of what the optimizer keeps. (Where that shows in a lower layer, those
            above have been updated.)

        Raises
        ------
        TypeError, ValueError
            If x or y is not real numbers of that shape, a label is outside the classes, or weight
            is not a finite number of at least 0; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
    def train_on_batch(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        n_threads: int = 1,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Make one update from one batch.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_targets), or labels (n,)
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity. n_targets and
            labels are those of `Network.fit`.
        n_threads : int, default 1
            How many threads share the batch, from 1 to 256; fewer where it is small. They end with
            the call.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ: what is learned from is Σ wᵢ·Cᵢ / Σ wᵢ.

        Returns
        -------
        float
            The mean loss of the rows, and the penalty on the weights if there is one, before the
            update; not finite as in `learn_one`.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, a label is outside the
            classes, a weight is negative or not finite, or all are 0, or n_threads is not a whole
            number from 1 to 256; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
    @overload
    def evaluate(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        n_threads: int = 1,
        sample_weight: npt.ArrayLike | None = None,
        metrics: None = None,
    ) -> float:
        """The mean loss over the rows of X, without the penalty on the weights; or metrics of them.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_targets), or labels (n,)
            As in `Network.fit`.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where the rows are few. They end
            with the call.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ: the mean is Σ wᵢ·Cᵢ / Σ wᵢ.
        metrics : optional
            What to measure, as `Network.fit` takes it.

        Returns
        -------
        float
            With the same bits on any number of threads. Where metrics are given, a dict of the
            loss and of each of them by name.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, a label is outside the
            classes, a weight is negative or not finite, or all are 0, or n_threads is not a whole
            number from 1 to 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
    @overload
    def evaluate(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        n_threads: int = 1,
        sample_weight: npt.ArrayLike | None = None,
        *,
        metrics: Any,
    ) -> dict[str, float]: ...
    def _measured(
        self, X: Any, Y: Any, n_threads: Any, sample_weight: Any, metrics: Any
    ) -> dict[str, float]: ...

def checked_batch(network: Engine, X: npt.ArrayLike, Y: npt.ArrayLike) -> tuple[_Array, _Array]: ...
