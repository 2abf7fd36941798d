"""Learning from all rows at once, by scipy's L-BFGS, as scikit-learn calls it."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.engine import derivatives, memory
from cyprop.engine.threads import kept_threads, threads_for_rows, work_of_row
from cyprop.sklearn.borrowed import ConvergenceWarning
from cyprop.sklearn.form import Form, constants_of
from cyprop.sklearn.rows import Data, dense, pieces
from cyprop.sklearn.stochastic import NOT_FINITE
from cyprop.training.lbfgs import learning_parameters
from cyprop.training.sparse import is_sparse

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.network import Network


class Descent:
    """What scipy asks of one set of data: the loss at a place, and the gradient there.

    Parameters
    ----------
    network : Network
        Whose l2 is alpha / Σ wᵢ, in its own multiple of the gradient.
    form : Form
    data : Data
    n_threads : int
    """

    def __init__(self, network: Network, form: Form, data: Data, n_threads: int) -> None:
        self._network, self._form, self._data = network, form, data
        self._settings = memory.settings_of(network)
        self._n_threads = threads_for_rows(n_threads, data.n, work_of_row(self._settings))
        self._learns = learning_parameters(network)
        self._parameters: Array = memory.empty_like_parameters(network)
        memory.read_parameters(network, self._parameters)
        self._constant = 0.0
        if form.constant:
            self._constant = float(np.average(constants_of(data.Y), weights=data.weights))
        self._parts = [self._data]
        if is_sparse(data.X):
            self._parts = [self._part(piece) for piece in pieces(data.n, data.X.shape[1], 1)]

    def _part(self, piece: slice) -> Data:
        weights = self._data.weights
        return Data(
            self._data.X[piece],
            self._data.Y[piece],
            None if weights is None else weights[piece],
        )

    def start(self) -> Array:
        """Where the network is, as scipy's vector."""
        return self._parameters[self._learns].astype(np.float64)

    def take(self, x: Array) -> None:
        """Let the network be there.

        Raises
        ------
        ValueError
            If a parameter is not finite there.
        """
        with np.errstate(over="ignore"):
            self._parameters[self._learns] = x
        if not np.isfinite(self._parameters).all():
            raise ValueError(NOT_FINITE)
        memory.go_back(self._network, self._parameters)

    def loss_and_gradient(self, x: Array) -> tuple[float, Array]:
        """scikit-learn's loss and gradient at x."""
        with np.errstate(over="ignore"):
            self._parameters[self._learns] = x
        memory.go_back(self._network, self._parameters)
        total, gradient = self._mean()
        form = self._form
        loss = form.loss_scale * total + self._constant
        if form.loss_scale != form.gradient_scale:
            # The penalty in total is scaled as the gradient is, which is not as the loss is.
            loss += (form.gradient_scale - form.loss_scale) * self._penalty()
        return loss, form.gradient_scale * gradient

    def _penalty(self) -> float:
        """l2/2 · Σw² of the network."""
        weights = self._network.weights
        return 0.5 * self._settings.l2 * sum(float(np.vdot(W, W)) for W in weights)

    def _mean(self) -> tuple[float, Array]:
        """The network's loss and gradient over all rows, with its penalty."""
        total, weight = 0.0, 0.0
        gradient: Any = 0.0
        for X, Y, weights in self._parts:
            counts = float(len(Y)) if weights is None else float(weights.sum())
            if counts == 0:
                continue
            if is_sparse(X):
                X = dense(X, self._settings.dtype)
            loss, found, _ = derivatives.derive(
                self._network, X, Y, None, False, self._n_threads, weights
            )
            own = found[self._learns].astype(np.float64)
            if len(self._parts) == 1:
                return loss, own
            total, gradient = total + counts * loss, gradient + counts * own
            weight += counts
        return total / weight, gradient / weight


def learn(estimator: Any, network: Network, form: Form, data: Data) -> None:
    """Go down by scipy's L-BFGS-B until its gradient is at most `tol`."""
    optimize: Any = import_module("scipy.optimize")
    descent = Descent(network, form, data, estimator.n_threads)
    with kept_threads(estimator.n_threads):
        found = optimize.minimize(
            *(descent.loss_and_gradient, descent.start()),
            method="L-BFGS-B",
            jac=True,
            options={
                "maxfun": estimator.max_fun,
                "maxiter": estimator.max_iter,
                "gtol": estimator.tol,
            },
        )
    estimator.n_iter_ = min(found.nit, estimator.max_iter)
    estimator.loss_ = found.fun
    descent.take(found.x)
    if found.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}):\n"
            f"{found.message}\n\nIncrease the number of iterations to improve the convergence"
            f" (max_iter={estimator.max_iter}), or scale the data.",
            ConvergenceWarning,
            stacklevel=5,
        )
