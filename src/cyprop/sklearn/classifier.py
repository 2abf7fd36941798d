"""The classifier: one of two classes, one of several, or several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cyprop.sklearn.base import IsCollectionError, is_collection
from cyprop.sklearn.borrowed import (
    ClassifierMixin,
    LabelBinarizer,
    available_if,
    check_first_call,
    column_or_1d,
    compute_sample_weight,
    fit_context,
    type_of_target,
    unique_labels,
    validate_data,
)
from cyprop.sklearn.fitting import Fitting, Held
from cyprop.sklearn.form import Form, form_of_classifier
from cyprop.sklearn.parameters import OF_A_CLASSIFIER, STOCHASTIC

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


class MLPClassifier(ClassifierMixin, Fitting):
    """scikit-learn's MLPClassifier, by the kernels of cyprop.

    Parameters
    ----------
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
    loss : str or Loss, default "log_loss"
        Or another that `cyprop.Network` knows and that goes with softmax, for several classes, or
        else with sigmoid: such as ``cyprop.CrossEntropy(label_smoothing=0.1)``.
    class_weight : "balanced", dict of label to float, or list of these, optional
        How much each class counts, as scikit-learn's classifiers take it.
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
    classes_ : ndarray, or list of ndarray
        The labels.
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
    >>> from sklearn.datasets import load_iris
    >>> from cyprop.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(solver="lbfgs", random_state=1, max_iter=500).fit(X, y)
    >>> classifier.score(X, y) > 0.97
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = OF_A_CLASSIFIER

    if TYPE_CHECKING:
        classes_: Array

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
        schedule: Any = None,
        clip_norm: float | None = None,
        callbacks: Any = None,
        n_threads: int = 1,
    ) -> None:
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
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.callbacks = callbacks
        self.n_threads = n_threads

    def _form(self, n_features: int) -> Form:
        kind = vars(self).get("_label_binarizer")
        several = kind is not None and kind.y_type_.startswith("multilabel")
        return form_of_classifier(self, n_features, self.n_outputs_, several)

    def _labels(self) -> list[Any] | None:
        binarizer = vars(self).get("_label_binarizer")
        if binarizer is None or binarizer.y_type_.startswith("multilabel"):
            return None
        return list(self.classes_.tolist()) if len(self.classes_) > 1 else None

    def _checked(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            *(self, X, y),
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, self._label_binarizer.transform(y).astype(bool)

    def _check_classes(self, classes: Any) -> None:
        """Raise ValueError for labels that a network which goes on has no outputs for."""
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous"
                    f" call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}."
                f" 'y' has {classes}."
            )

    def _targets_to_validate(self, y: Any) -> Any:
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        classes = unique_labels(y)
        if len(np.setdiff1d(classes, self.classes_)):
            raise ValueError(
                f"y_val has the classes {classes}, expected some of those of y, {self.classes_}"
            )
        return self._label_binarizer.transform(y).astype(bool)

    def _weights_of_classes(self, y: Any, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not for partial_fit, which does not see all rows: give"
                " a dict, such as sklearn.utils.class_weight.compute_class_weight finds"
            )
        found: Array = compute_sample_weight(self.class_weight, y)
        return found

    def _is_stratified(self) -> bool:
        return self.n_outputs_ == 1  # as theirs: of two classes, and not of more

    def _score_of(self, A: Array, Y: Array, weights: Array | None) -> float:
        """The share of rows all of whose labels are right."""
        if self.out_activation_ == "softmax":
            right = A.argmax(axis=1) == Y.argmax(axis=1)
        else:
            right = ((A > 0.5) == Y).all(axis=1)
        return float(np.average(right, weights=weights))

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
        y : array_like, (n,) or (n, n_labels)
            Labels; or of several at once, 1 where one is true and 0 where it is not.
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
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go through these rows once, and keep the optimizer's state for the next call.

        Parameters
        ----------
        X, y, sample_weight
            As those of `fit`.
        classes : array_like, (n_classes,)
            All labels that there will be; only the first call needs it.

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
        if check_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if several else classes)
        self._fit(X, y, sample_weight, True)
        return self

    def predict(self, X: Any) -> Any:
        """The class of each row.

        Parameters
        ----------
        X : array_like or sparse matrix, (n, n_features); or a dask array or dataframe
            Of a dask collection the answer is one too, which is computed when it is asked for.

        Returns
        -------
        ndarray, (n,) or (n, n_labels)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another shape, or holds NaN or infinity.
        """
        try:
            A = self._outputs(X)
        except IsCollectionError:
            return self._later("predict", X)
        binarizer, classes = self._label_binarizer, self.classes_
        if self.out_activation_ == "softmax":
            return classes[A.argmax(axis=1)]
        if binarizer.y_type_ == "binary" and len(classes) == 2:
            return classes[(A[:, 0] > 0.5).astype(np.intp)]
        return binarizer.inverse_transform(A.ravel() if self.n_outputs_ == 1 else A)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, or of each label where several may be true at once.

        Parameters
        ----------
        X : array_like or sparse matrix, (n, n_features); or a dask array or dataframe
            Of a dask collection the answer is one too, which is computed when it is asked for.

        Returns
        -------
        ndarray, (n, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError, ValueError
            As `predict`.
        """
        try:
            A = self._outputs(X)
        except IsCollectionError:
            return self._later("predict_proba", X)
        if self.n_outputs_ == 1:
            return np.hstack([1 - A, A])
        return A

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of what `predict_proba` gives; parameters and errors are its.

        Returns
        -------
        ndarray, (n, n_classes)
        """
        A = self.predict_proba(X)
        if is_collection(A):
            return self._later("predict_log_proba", X)
        with np.errstate(divide="ignore"):
            return np.log(A, out=A)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
