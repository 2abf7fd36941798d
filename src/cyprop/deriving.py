"""Derivatives as a person asks for them and gives them back: the methods that Network inherits.

Here are checks, shapes and names; the arithmetic is in engine/derivatives.pyx and below.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cyprop.checks.arrays import check_same_rows, matrix, rows_or_row, vector
from cyprop.checks.weights import weights_of_rows
from cyprop.engine import derivatives, memory
from cyprop.engine.engine import Engine, checked_batch

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.gradients import Array, Gradients


class Deriving(Engine):
    """The part of a network that derives, and steps by what it is given; make a Network instead."""

    def gradients(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        inputs: bool = True,
        n_threads: int = 1,
        sample_weight: npt.ArrayLike | None = None,
        training: bool = False,
    ) -> Gradients:
        """The derivatives of the mean loss over the rows of X; the network is unchanged.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_targets), or labels (n,)
            As in `Network.fit`.
        inputs : bool, default True
            Whether to derive by X too.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where they are few. They end with
            the call.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ: the mean is Σ wᵢ·Cᵢ / Σ wᵢ.
        training : bool, default False
            Whether units are silent by dropout, as they will be in the network's next update.

        Returns
        -------
        Gradients
            With ``loss``, ``weights[l]``, ``biases[l]``, ``inputs`` and ``parameters``, with the
            same bits on any number of threads. The penalty on the weights, if there is one, is in
            the loss and in the derivatives.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, a label is outside the
            classes, a weight is negative or not finite, or all are 0, or n_threads is not a whole
            number from 1 to 256.

        Notes
        -----
        ``net.step(net.gradients(X, Y, training=True))`` ends in the same bits as
        ``net.train_on_batch(X, Y)``.
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        from cyprop.gradients import Gradients

        X, Y = checked_batch(self, X, Y)
        weights = None if sample_weight is None else weights_of_rows(sample_weight, len(X))
        loss, gradient, dX = derivatives.derive(
            self, X, Y, None, inputs, n_threads, weights, training
        )
        return Gradients(loss, *memory.views(self, gradient), dX, gradient)

    def vjp(
        self, X: npt.ArrayLike, dA: npt.ArrayLike, inputs: bool = True, n_threads: int = 1
    ) -> Gradients:
        """The derivatives of a C of your own, given ∂C/∂A of the outputs; the network is unchanged.

        It is the product of dA with the Jacobian: for a loss that is not among ours, a policy
        gradient, or a network that is part of something larger.

        Parameters
        ----------
        X : array_like, (n_in,) or (n, n_in)
        dA : array_like, (n_out,) or (n, n_out)
            The derivative of C by each output of each row: whatever sums or means C takes over rows
            or outputs are in it.
        inputs : bool, default True
            Whether to derive by X too.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where they are few. They end with
            the call.

        Returns
        -------
        Gradients
            ``inputs`` has the shape of X, and ``loss`` is NaN, since C is not known.

        Raises
        ------
        TypeError, ValueError
            If X or dA is not real numbers of that shape, or has no rows, or n_threads is not a
            whole number from 1 to 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.

        Examples
        --------
        The mean fourth power of the error, which is not among the losses:

        >>> import numpy as np, cyprop
        >>> net = cyprop.Network([2, 3, 1], output_activation="identity")
        >>> X, Y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
        >>> A = net.predict(X)
        >>> net.step(net.vjp(X, 4 * (A - Y) ** 3 / A.size))
        """
        from cyprop.gradients import Gradients

        rows, is_row = _checked_rows(self, X, "X")
        settings = memory.settings_of(self)
        n_out, dtype = settings.sizes[-1], settings.dtype
        if is_row:
            errors = vector(dA, "dA", n_out, dtype).reshape(1, n_out)
        else:
            errors = matrix(dA, "dA", n_out, dtype)
        check_same_rows(rows, errors, "X", "dA")
        _, gradient, dX = derivatives.derive(self, rows, None, errors, inputs, n_threads)
        if is_row and dX is not None:
            dX = dX[0]
        return Gradients(math.nan, *memory.views(self, gradient), dX, gradient)

    def jacobian(self, x: npt.ArrayLike, n_threads: int = 1) -> Array:
        """The derivative of each output by each input; the network is unchanged.

        Parameters
        ----------
        x : array_like, (n_in,) or (n, n_in)
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where they are few. They end with
            the call.

        Returns
        -------
        ndarray, (n_out, n_in) or (n, n_out, n_in)
            ∂A_j/∂x_i at [j, i].

        Raises
        ------
        TypeError, ValueError
            If x is not real numbers of that shape, or has no rows, or n_threads is not a whole
            number from 1 to 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        rows, is_row = _checked_rows(self, x, "x")
        found = derivatives.jacobian(self, rows, n_threads)
        return found[0] if is_row else found

    def step(self, gradient: Gradients | npt.ArrayLike, n_threads: int = 1) -> None:
        """Make one update of the optimizer from a gradient.

        Parameters
        ----------
        gradient : Gradients, or array_like of ``net.parameters.shape``
            What `gradients` or `vjp` gave, or a vector of your own that is laid out like
            ``net.parameters``. What lies in its padding, or belongs to frozen layers, takes no
            part.
        n_threads : int, default 1
            How many threads share the parameters, from 1 to 256; fewer where they are few. They end
            with the call.

        Raises
        ------
        TypeError, ValueError
            If the gradient has another shape, is not real numbers, or is not finite (the message
            says where), or n_threads is not a whole number from 1 to 256; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.

        Examples
        --------
        Clip a gradient by its norm before it is used:

        >>> import numpy as np, cyprop
        >>> net = cyprop.Network([2, 3, 1])
        >>> gradient = net.gradients([[0.5, 1.0]], [[1.0]]).parameters
        >>> norm = np.linalg.norm(gradient)
        >>> net.step(gradient * min(1.0, 0.1 / norm))
        """
        from cyprop.gradients import Gradients

        numbers = gradient.parameters if isinstance(gradient, Gradients) else gradient
        derivatives.step(self, numbers, n_threads)


def _checked_rows(network: Engine, X: npt.ArrayLike, name: str) -> tuple[Array, bool]:
    """X as (n, n_in), and whether it was one row, (n_in,)."""
    settings = memory.settings_of(network)
    return rows_or_row(X, name, settings.sizes[0], settings.dtype)
