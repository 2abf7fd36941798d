"""`fit` and `partial_fit` of both estimators: what was given, and what is learned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.checks.weights import weights_of_rows
from cyprop.engine import memory
from cyprop.engine.threads import kept_threads
from cyprop.network import Network
from cyprop.sklearn import lbfgs
from cyprop.sklearn.base import Perceptron, is_collection
from cyprop.sklearn.borrowed import (
    check_random_state,
    check_sample_weight,
    train_test_split,
    validate_data,
)
from cyprop.sklearn.form import Form, hidden_sizes, initial_weights, name_of_output, optimizer_for
from cyprop.sklearn.rows import Data, kernels_rows, outputs_of
from cyprop.sklearn.stochastic import Learning, Rate

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array

TOO_FEW = (
    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
)
ONLY_IN_BATCHES = {"dropout": 0.0, "schedule": None, "clip_norm": None, "callbacks": None}


class Held(NamedTuple):
    """Rows held out, to see how good the network is; X is None where there are none."""

    X: Any = None
    Y: Any = None
    weights: Any = None


NONE = Held()


class Fitting(Perceptron):
    """The part of an estimator that learns.

    Those who inherit say what targets are to a network, and what a score is.
    """

    if TYPE_CHECKING:  # what fitting sets, once more, since it is set here
        coefs_: list[Array]
        intercepts_: list[Array]
        loss_curve_: list[float]
        n_layers_: int
        n_outputs_: int
        out_activation_: str
        best_loss_: float | None
        validation_scores_: list[float] | None

    def _checked(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them, y as numbers, or as True and False."""
        raise NotImplementedError

    def _targets_to_validate(self, y: Any) -> Any:
        """Targets held out as `_checked` gives them."""
        raise NotImplementedError

    def _score_of(self, A: Array, Y: Array, weights: Array | None) -> float:
        """The score of outputs on targets."""
        raise NotImplementedError

    def _weights_of_classes(self, y: Any, incremental: bool) -> Array | None:
        """What class_weight makes each row count; None: nothing."""
        return None

    def _is_stratified(self) -> bool:
        """Whether rows are held out of each class by its share."""
        return False

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, held: Held = NONE
    ) -> None:
        if is_collection(X) or is_collection(y):
            self._fit_on_dask(X, y, sample_weight, incremental, held)
            return
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        hidden_sizes(self.hidden_layer_sizes)
        self._check_options(incremental, held)
        X, Y = self._checked(X, y, incremental, reset=first)
        weights = self._weights(X, y, sample_weight, incremental)
        Y = Y.reshape(-1, 1) if Y.ndim == 1 else Y
        self.n_outputs_ = Y.shape[1]
        form = self._form(X.shape[1])
        self._random_state = check_random_state(self.random_state)
        dtype = X.dtype if first else self.coefs_[0].dtype
        if first:
            self._begin(form, dtype)
        if self.solver == "lbfgs":
            data = data_of(X, Y, weights, dtype)
            total = float(data.n) if weights is None else float(weights.sum())
            lbfgs.learn(self, self._prepare(form, dtype, total, False), form, data)
        else:
            self._learn_in_batches(form, data_of(X, Y, weights, dtype), Y, incremental, held)

    def _fit_on_dask(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, held: Held
    ) -> None:
        from cyprop.sklearn import on_dask

        if incremental or held.X is not None or held.Y is not None:
            what = "partial_fit" if incremental else "X_val"
            raise ValueError(f"{what} is not for dask collections: give arrays")
        on_dask.fit(self, X, y, sample_weight)

    def _weights(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        """What each row counts."""
        weights = self._weights_of_classes(y, incremental)
        if sample_weight is not None:
            own = weights_of_rows(check_sample_weight(sample_weight, X), X.shape[0])
            weights = own if weights is None else weights * own
        if weights is not None:
            weights = weights_of_rows(weights, X.shape[0])
        return weights

    def _check_options(self, incremental: bool, held: Held) -> None:
        if (held.X is None) != (held.Y is None) or (held.X is None and held.weights is not None):
            raise ValueError("X_val and y_val go together, and sample_weight_val with both")
        if self.solver == "lbfgs":
            for name, default in ONLY_IN_BATCHES.items():
                value = getattr(self, name)
                if not (value is None or value == default):
                    raise ValueError(
                        f"{name} is {value!r}, which solver='lbfgs' has no use for: it learns from"
                        " all rows at once"
                    )
            if held.X is not None:
                raise ValueError("X_val is given, which solver='lbfgs' has no use for")
        elif self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _begin(self, form: Form, dtype: Any) -> None:
        """Draw weights, and forget what was learned before."""
        vars(self).pop("_network", None)
        vars(self).pop("_optimizer", None)
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(form.sizes)
        self.out_activation_ = name_of_output(form)
        self.coefs_, self.intercepts_ = initial_weights(self, form, self._random_state, dtype)
        if self.solver != "lbfgs":
            self._begin_curve()

    def _begin_curve(self) -> None:
        """Nothing has been seen of the loss so far."""
        self.loss_curve_ = []
        self._no_improvement_count = 0
        stops = self.early_stopping
        self.best_loss_ = None if stops else np.inf
        self.validation_scores_ = [] if stops else None
        self.best_validation_score_ = -np.inf if stops else None
        vars(self).pop("_best_parameters", None)

    def _go_on_with_curve(self, validates: bool) -> None:
        """See that there is all that this call will look at, whatever those before it did."""
        if not hasattr(self, "loss_curve_"):
            self._begin_curve()
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf
        if validates and getattr(self, "validation_scores_", None) is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf

    def _prepare(self, form: Form, dtype: Any, weight: float, incremental: bool) -> Network:
        """The network to train: that of before, if it can be, or another with its weights."""
        goes_on = incremental and hasattr(self, "_optimizer")
        old: Network | None = vars(self).get("_network")
        if goes_on and old is not None:
            self._take_weights(old)
            settings, parameters, states, tally = memory.state(old)
            made = form.settings(settings.optimizer, dtype, settings.l2)
            if made == settings and (settings.l2 > 0) == (self.alpha > 0):
                return old
            network = self._made(form, settings.optimizer, dtype, weight)
            memory.set_state(network, parameters, states, tally)
        else:
            network = self._made(form, optimizer_for(self, form, dtype), dtype, weight)
            self._optimizer = Rate(self)
        self._take_weights(network)
        return network

    def _learn_in_batches(
        self, form: Form, data: Data, Y: Array, incremental: bool, given: Held
    ) -> None:
        held, dtype = given, data.Y.dtype
        if given.X is not None:
            held = self._to_validate(given, dtype)
        elif self.early_stopping:
            data, held = self._split(data, Y)
        self._go_on_with_curve(held.X is not None)
        network = self._prepare(form, dtype, float(data.n), incremental)
        if self.early_stopping and not hasattr(self, "_best_parameters"):
            self._best_parameters: Array = memory.empty_like_parameters(network)
            memory.read_parameters(network, self._best_parameters)

        def score() -> float:
            A = outputs_of(network, held.X, self.n_threads)
            return self._score_of(A, held.Y, held.weights)

        looks = None if held.X is None else score
        with kept_threads(self.n_threads):
            Learning(self, network, form, data, looks, incremental).run()

    def _split(self, data: Data, Y: Array) -> tuple[Data, Held]:
        """Rows to learn from, and rows held out, chosen as scikit-learn chooses them."""
        parts = train_test_split(
            *(data.X, Y, np.arange(data.n)),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=Y if self._is_stratified() else None,
        )
        X, X_val, _, Y_val, rows, rows_val = parts
        if len(rows_val) < 2:
            raise ValueError(TOO_FEW)
        weights = weights_val = None
        if data.weights is not None:
            weights, weights_val = data.weights[rows], data.weights[rows_val]
        return Data(X, data.Y[rows], weights), Held(X_val, Y_val, weights_val)

    def _to_validate(self, given: Held, dtype: Any) -> Held:
        """Rows that the caller holds out, checked."""
        X = validate_data(
            self, given.X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False
        )
        Y = self._targets_to_validate(given.Y)
        Y = Y.reshape(-1, 1) if Y.ndim == 1 else Y
        if Y.shape != (X.shape[0], self.n_outputs_):
            raise ValueError(
                f"y_val has shape {Y.shape}, expected ({X.shape[0]}, {self.n_outputs_})"
            )
        weights = given.weights
        if weights is not None:
            weights = weights_of_rows(weights, X.shape[0], "sample_weight_val")
        return Held(kernels_rows(X, dtype, "X_val"), Y, weights)


def data_of(X: Any, Y: Array, weights: Array | None, dtype: Any) -> Data:
    """Rows as the network's kernels read them."""
    with np.errstate(over="ignore"):
        targets: Array = np.require(Y, dtype, ["C", "A"])
    if Y.dtype.kind == "f" and not np.isfinite(targets).all():
        raise ValueError(f"y holds a number that {dtype} cannot hold, which the weights have")
    return Data(kernels_rows(X, dtype), targets, weights)
