"""What both estimators share: a network that is fitted, asked, pickled and handed out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.engine import memory
from cyprop.engine.finite import is_ordinary
from cyprop.network import Network
from cyprop.rules import Optimizer
from cyprop.sklearn.borrowed import BaseEstimator, check_is_fitted, validate_data
from cyprop.sklearn.form import Form, optimizer_for
from cyprop.sklearn.rows import outputs_of

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array


class IsCollectionError(Exception):
    """X is a collection of Dask's; an exception, since a call with an array must not pay for it."""


def is_collection(value: Any) -> bool:
    """Whether it is a collection of Dask's, which need not be installed."""
    return hasattr(value, "__dask_graph__")


class Perceptron(BaseEstimator):
    """A multilayer perceptron as scikit-learn's; make an MLPClassifier or an MLPRegressor instead.

    Those who inherit say what targets are to a network, which form it has, and what a score is.
    """

    if TYPE_CHECKING:
        solver: Any
        alpha: float
        warm_start: bool
        early_stopping: bool
        validation_fraction: float
        random_state: Any
        _random_state: Any
        hidden_layer_sizes: Any
        n_threads: int
        coefs_: list[Array]
        intercepts_: list[Array]
        n_features_in_: int
        n_outputs_: int
        n_iter_: int
        n_layers_: int
        t_: int
        out_activation_: str
        loss_: float
        loss_curve_: list[float]
        best_loss_: float | None
        validation_scores_: list[float] | None
        best_validation_score_: float | None

    # What those who inherit know.

    def _form(self, n_features: int) -> Form:
        """The network that the parameters and the targets seen so far ask for."""
        raise NotImplementedError

    def _labels(self) -> list[Any] | None:
        """The classes, if the network's outputs are these."""
        return None

    # The network.

    @property
    def network_(self) -> Network:
        """The network itself, which learns and predicts with the estimator's own weights.

        It has the dtype of the X that was fitted, and predicts what `predict_proba` gives, or the
        regressor's `predict`, as (n, n_outputs); a classifier's has its classes as labels. Its
        optimizer is in the network's terms: where scikit-learn's gradient is a multiple of the
        network's, SGD's rate or epsilon makes up for it. The next `fit` makes another.

        Thread-safety: as `Network`; getting it may not run while another thread fits or assigns to
        `coefs_` or `intercepts_`.
        """
        if "coefs_" not in vars(self):
            check_is_fitted(self)
        network: Network | None = vars(self).get("_network")
        if network is None:  # someone has set all attributes that make an estimator a fitted one
            dtype, form = self.coefs_[0].dtype, self._form(len(self.coefs_[0]))
            network = self._made(form, optimizer_for(self, form, dtype), dtype, 1.0)
        self._take_weights(network)
        return network

    def _in_step(self, network: Network) -> bool:
        """Whether coefs_ and intercepts_ are the network's own weights, with none put in place."""
        for given, own in ((self.coefs_, network.weights), (self.intercepts_, network.biases)):
            if len(given) != len(own):
                return False
            for array, view in zip(given, own, strict=False):
                if array is not view:
                    return False
        return True

    def _take_weights(self, network: Network) -> None:
        """Let the network be what coefs_ and intercepts_ say, and these be views of it.

        Raises
        ------
        ValueError
            If they are not of as many layers, or one has another shape.
        """
        if self._in_step(network):
            return
        for name, own in (("coefs_", network.weights), ("intercepts_", network.biases)):
            given = getattr(self, name)
            shapes = [np.shape(array) for array in given]
            expected = [view.shape for view in own]
            if shapes != expected:
                raise ValueError(f"{name} has arrays of the shapes {shapes}, expected {expected}")
            for array, view in zip(given, own, strict=True):
                if array is not view:
                    view[...] = array
            setattr(self, name, list(own))

    def _made(self, form: Form, optimizer: Optimizer, dtype: Any, weight: float) -> Network:
        """A network of that form, at `_network`, whose weights are still zero.

        Its penalty is that of rows that weigh so much together.
        """
        l2 = float(self.alpha) / (form.gradient_scale * weight)
        network = memory.make(Network, form.settings(optimizer, dtype, l2))
        if any(form.dropout):
            memory.set_seed(network, int(self._random_state.randint(1 << 31)))
        with suppress(TypeError, ValueError):  # labels may be objects that no network knows
            network.labels = self._labels()
        network.input_names = vars(self).get("feature_names_in_")
        self._network = network
        return network

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        network: Network | None = state.get("_network")
        if network is not None:  # whose weights would else be there twice
            self._take_weights(network)
            del state["coefs_"], state["intercepts_"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        network: Network | None = vars(self).get("_network")
        if network is not None:
            self.coefs_, self.intercepts_ = list(network.weights), list(network.biases)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Predicting.

    def _outputs(self, X: Any) -> Array:
        """The network's outputs, (n, n_out), for X checked as scikit-learn does."""
        fast = self._outputs_of_array(X)
        if fast is not None:
            return fast
        check_is_fitted(self)
        if is_collection(X):
            raise IsCollectionError
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return outputs_of(self.network_, X, self.n_threads)

    def _later(self, method: str, X: Any) -> Any:
        """What the method gives for each partition of a collection, when someone asks for it."""
        from cyprop.sklearn import on_dask

        return on_dask.ask(self, method, X)

    def _outputs_of_array(self, X: Any) -> Array | None:
        """The same for an array that needs no more than a look; None for any other X."""
        own = vars(self)
        network: Network | None = own.get("_network")
        if (
            network is not None
            and type(X) is np.ndarray
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == own["n_features_in_"]
            and X.dtype == own["coefs_"][0].dtype
            and X.flags.carray
            and "feature_names_in_" not in own
            and self._in_step(network)
            and is_ordinary(X)
        ):
            return network.predict(X, None, self.n_threads)
        return None
