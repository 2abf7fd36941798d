"""The regressor, of one target or several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cyprop.sklearn.base import IsCollectionError
from cyprop.sklearn.borrowed import (
    RegressorMixin,
    available_if,
    column_or_1d,
    fit_context,
    r2_score,
    validate_data,
)
from cyprop.sklearn.fitting import Fitting, Held
from cyprop.sklearn.form import Form, form_of_regressor
from cyprop.sklearn.parameters import OF_A_REGRESSOR, STOCHASTIC

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array


def _learns_in_batches(estimator: Any) -> bool:
    """Whether it has partial_fit, as far as the solver goes."""
    if isinstance(estimator.solver, str) and estimator.solver not in STOCHASTIC:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not"
            " stochastic."
        )
    return True


class MLPRegressor(RegressorMixin, Fitting):
    """scikit-learn's MLPRegressor, by the kernels of cyprop.

    Parameters
    ----------
    loss : str or Loss, default "squared_error"
        "squared_error" (half of it) or "poisson", as scikit-learn has them; or another that
        `cyprop.Network` knows, such as "huber" or ``cyprop.Quantile(0.9)``. Of "gaussian_nll"
        `predict` gives the means.
    hidden_layer_sizes : sequence of int, or int, default (100,)
        Units of each hidden layer; () for none.
    activation : str, Activation, or a sequence of these, default "relu"
        Of all hidden layers, or one for each: "identity", "logistic", "tanh", "relu", or any other
        that `cyprop.Network` knows.
    solver : str or Optimizer, default "adam"
        "lbfgs", which learns from all rows at once; "sgd" or "adam" as scikit-learn has them;
        "adamw", "rmsprop" or "adagrad" at learning_rate_init, or a `cyprop.Optimizer`.
    alpha : float, default 0.0001
        Of the penalty alpha/2 · Σw², which is divided by what the rows of a batch weigh together.
    batch_size : int or "auto", default "auto"
        Rows an update; "auto" is 200, or all if there are fewer.
    learning_rate : "constant", "invscaling" or "adaptive", default "constant"
        How sgd's rate goes: as it is; learning_rate_init / (t + 1)^power_t after t rows; or a fifth
        of it each time that learning would else end.
    learning_rate_init : float, default 0.001
        Positive.
    power_t : float, default 0.5
        At least 0.
    max_iter : int, default 200
        Epochs at most, or iterations of lbfgs.
    shuffle : bool, default True
        Whether each epoch takes the rows in a new random order.
    random_state : int, RandomState or None, default None
        Of the initial weights, the rows held out and the order of rows: the same numbers as
        scikit-learn draws.
    tol : float, default 1e-4
        Learning ends where n_iter_no_change epochs and one more were not better by so much.
    verbose : bool or int, default False
        Whether to print each epoch.
    warm_start : bool, default False
        Whether `fit` goes on from the weights of before.
    momentum : float, default 0.9
        Of sgd, from 0 to 1; Nesterov's if `nesterovs_momentum`.
    nesterovs_momentum : bool, default True
    early_stopping : bool, default False
        Whether the score on rows held out is looked at, in place of the loss, and the weights of
        the best score are kept.
    validation_fraction : float, default 0.1
        The share of the rows that is held out for it, unless `fit` is given others.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999 and 1e-8
        Of adam.
    n_iter_no_change : int or inf, default 10
    max_fun : int, default 15000
        How often lbfgs may ask for the loss.
    dropout : float, or a sequence of floats, default 0.0
        The probability that a hidden unit is silent in an update, of all hidden layers or one for
        each.
    schedule : Schedule, ReduceOnPlateau, name, or callable, optional
        The learning rate of each update, as `cyprop.Network.fit` takes it, over max_iter epochs.
    clip_norm : float, optional
        The largest Euclidean norm of an update's gradient; a longer one is made shorter.
    callbacks : object or sequence of objects, optional
        As `cyprop.Network.fit` takes them.
    n_threads : int, default 1
        How many threads share a batch, or the rows to predict; bits do not depend on it.

    Attributes
    ----------
    network_ : cyprop.Network
        The network itself; it predicts a row in a fraction of the time.
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer: views of the network's.
    loss_curve_, validation_scores_ : list of float
        The loss of each epoch, and the score on rows held out, or None where there are none.
    best_loss_, best_validation_score_ : float or None
    loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As scikit-learn's.

    Raises
    ------
    ImportError
        On import, if scikit-learn is not installed.
    ValueError
        By `fit`, in scikit-learn's words, for a parameter that is out of range.

    Notes
    -----
    Initial weights, batches, penalty, stopping rules, warnings and loss are scikit-learn's
    (sklearn.neural_network, after Hinton 1989, Glorot and Bengio 2010, Kingma and Ba 2015), so that
    a training goes the same way up to rounding; gradients and updates are cyprop's. The weights
    have the dtype of the X that was fitted, float32 or float64. A loss that is not finite ends the
    learning where it is found.
    Thread-safety: any number of threads may predict at once, while none fits.

    Examples
    --------
    >>> import numpy as np
    >>> from cyprop.sklearn import MLPRegressor
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> regressor = MLPRegressor(solver="lbfgs", activation="tanh", random_state=1)
    >>> regressor.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = OF_A_REGRESSOR

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        schedule: Any = None,
        clip_norm: float | None = None,
        callbacks: Any = None,
        n_threads: int = 1,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.callbacks = callbacks
        self.n_threads = n_threads

    def _form(self, n_features: int) -> Form:
        return form_of_regressor(self, n_features, self.n_outputs_)

    def _checked(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            *(self, X, y),
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _targets_to_validate(self, y: Any) -> Any:
        y = np.asarray(y, np.float64)
        if not np.isfinite(y).all():
            raise ValueError("y_val holds a number that is not finite")
        return y

    def _score_of(self, A: Array, Y: Array, weights: Array | None) -> float:
        """R², the mean of those of all targets; NaN where an output is not finite."""
        if not np.isfinite(A).all():
            return math.nan
        return float(r2_score(Y, A[:, : self.n_outputs_], sample_weight=weights))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Learn from X and y.

        Parameters
        ----------
        X : array_like or sparse matrix, (n, n_features)
            Rows of a sparse matrix are made dense a batch at a time. X, y and weights may be dask
            arrays or dataframes: then an epoch is a round of `cyprop.dask.fit`, on the current
            client, and parameters that need to see all rows have no meaning.
        y : array_like, (n,) or (n, n_targets)
        sample_weight : array_like, (n,), optional
            How much each row counts, at least 0.
        X_val, y_val, sample_weight_val : optional
            Rows held out by the caller, whose score is in validation_scores_; with early_stopping
            in place of a share of X.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If something given is not one of the above, or learning ends in numbers that are not
            finite.

        Warns
        -----
        ConvergenceWarning
            If max_iter ended it.
        """
        self._fit(X, y, sample_weight, False, Held(X_val, y_val, sample_weight_val))
        return self

    @available_if(_learns_in_batches)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go through these rows once, and keep the optimizer's state for the next call.

        Parameters
        ----------
        X, y, sample_weight
            As those of `fit`.

        Returns
        -------
        self

        Raises
        ------
        AttributeError
            If the solver is lbfgs.
        TypeError, ValueError
            As `fit`.
        """
        self._fit(X, y, sample_weight, True)
        return self

    def predict(self, X: Any) -> Any:
        """The targets of each row.

        Parameters
        ----------
        X : array_like or sparse matrix, (n, n_features); or a dask array or dataframe
            Of a dask collection the answer is one too, which is computed when it is asked for.

        Returns
        -------
        ndarray, (n,) or (n, n_targets)
            Of the dtype that the weights have.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another shape, or holds NaN or infinity.
        """
        try:
            A = self._outputs(X)[:, : self.n_outputs_]
        except IsCollectionError:
            return self._later("predict", X)
        return A.ravel() if self.n_outputs_ == 1 else A
