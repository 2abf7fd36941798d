"""Estimators with dask collections: fitted by `cyprop.dask.fit`, asked as `cyprop.dask.predict` is.

Rows stay with the workers. An epoch is a round, in which each partition goes through its rows once;
learning ends by scikit-learn's rule on the loss.
"""

from __future__ import annotations

import warnings
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.dask.borrowed import Array, delayed, is_frame
from cyprop.dask.fitting import rounds_of
from cyprop.dask.partitions import blocks_of
from cyprop.dask.predicting import mapped
from cyprop.engine import memory
from cyprop.errors import DivergenceError
from cyprop.sklearn.borrowed import ConvergenceWarning, LabelBinarizer, check_random_state
from cyprop.sklearn.form import hidden_sizes
from cyprop.sklearn.stochastic import NOT_FINITE
from cyprop.version import __version__
from cyprop.waiting import Crew, checked_client, other_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from cyprop.network import Network

BATCH_SIZE = 200  # where it is "auto", as of scikit-learn where there are so many rows
# What needs to see all rows at once, or goes from epoch to epoch in another way.
WITHOUT: dict[str, Any] = {
    "early_stopping": False,
    "learning_rate": "constant",
    "schedule": None,
    "clip_norm": None,
    "callbacks": None,
    "class_weight": None,
}


def fit(estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Fit an estimator, whose parameters have been checked.

    Raises
    ------
    TypeError, ValueError
        If a parameter has no meaning here, or the collections do not fit each other.
    """
    _check_parameters(estimator)
    blocks = _blocks(X, "X")
    targets, n_outputs, labels = _targets(estimator, y)
    first = not (estimator.warm_start and hasattr(estimator, "coefs_"))
    hidden_sizes(estimator.hidden_layer_sizes)
    n_features = len(X.columns) if is_frame(X) else X.shape[1]
    _learn_classes(estimator, labels, first)
    estimator.n_features_in_, estimator.n_outputs_ = n_features, n_outputs
    if hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    if is_frame(X) and all(isinstance(name, str) for name in X.columns):
        estimator.feature_names_in_ = np.array(X.columns, object)
    form = estimator._form(n_features)
    estimator._random_state = check_random_state(estimator.random_state)
    dtype = _dtype_of(X) if first else estimator.coefs_[0].dtype
    if first:
        estimator._begin(form, dtype)
    batch_size = BATCH_SIZE if estimator.batch_size == "auto" else estimator.batch_size
    network = estimator._prepare(form, dtype, float(batch_size), False)
    seed = int(estimator._random_state.randint(1 << 31))
    memory.set_rng(network, np.random.Generator(np.random.PCG64(seed)))
    weights = None if sample_weight is None else _blocks(sample_weight, "sample_weight")
    _rounds(estimator, network, form, (blocks, targets, weights), batch_size)


def _check_parameters(estimator: Any) -> None:
    if estimator.solver == "lbfgs":
        raise ValueError("solver is 'lbfgs', which needs all rows at once and takes no dask"
                         " collection")  # fmt: skip
    for name, default in WITHOUT.items():
        value = getattr(estimator, name, default)
        if value is not default and value != default:
            raise ValueError(f"{name} is {value!r}, which has no meaning with a dask collection")


def _rounds(estimator: Any, network: Network, form: Any, rows: Any, batch_size: int) -> None:
    X, Y, weights = rows
    steps = rounds_of(
        *(network, X, Y),
        rounds=estimator.max_iter,
        batch_size=int(batch_size),
        sample_weight=weights,
        shuffle=bool(estimator.shuffle),
    )
    estimator.n_iter_, converged = 0, False
    try:
        for history in steps:
            if not len(history):
                continue
            loss = history.loss[-1] * form.loss_scale
            estimator.n_iter_ += 1
            estimator.loss_ = loss
            estimator.loss_curve_.append(loss)
            if estimator.verbose:
                print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
            worse = loss > estimator.best_loss_ - estimator.tol
            estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
            estimator.best_loss_ = min(loss, estimator.best_loss_)
            converged = estimator._no_improvement_count > estimator.n_iter_no_change
            if converged:
                break
    except DivergenceError as error:
        raise ValueError(NOT_FINITE) from error
    finally:
        steps.close()  # type: ignore[attr-defined]
    if not converged:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the"
            " optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )


def _blocks(value: Any, name: str) -> list[Any]:
    if not isinstance(value, Array) and not is_frame(value):
        kind = type(value).__name__
        raise TypeError(
            f"{name} is of {kind}, expected a dask array or dataframe, as the others are"
        )
    return blocks_of(value, name)


def _dtype_of(X: Any) -> Any:
    """float32 where all of X is, else float64."""
    kinds = list(X.dtypes) if is_frame(X) else [X.dtype]
    return np.dtype(np.float32 if all(kind == np.float32 for kind in kinds) else np.float64)


def _targets(estimator: Any, y: Any) -> tuple[list[Any], int, Any]:
    """The targets of each partition, how many outputs they need, and the classes if there are."""
    blocks = _blocks(y, "y")
    n_columns = 1 if y.ndim == 1 else (len(y.columns) if is_frame(y) else y.shape[1])
    if not hasattr(estimator, "classes_") and not hasattr(estimator, "predict_proba"):
        return blocks, n_columns, None
    if n_columns > 1:
        return blocks, n_columns, n_columns
    crew = Crew(checked_client(None))

    def submit(number: int, attempt: int) -> Any:
        return crew.client.compute(delayed(distinct, pure=False)(blocks[number]))

    found = crew.run(range(len(blocks)), submit, "partition", "while looking for the classes of y")
    classes = np.unique(np.concatenate([found.results[i] for i in range(len(blocks))]))
    if len(classes) < 2:
        raise ValueError(f"y has {len(classes)} class, expected at least 2")
    encode = delayed(numbers_of, pure=False)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    return [encode(block, classes) for block in blocks], n_outputs, classes


def distinct(y: Any) -> Any:
    """The labels that a partition has."""
    return np.unique(np.asarray(y))


def numbers_of(y: Any, classes: Any) -> Any:
    """Which class each row has; (n, 1) of 0 and 1 where there are two."""
    numbers = np.searchsorted(classes, np.asarray(y).ravel())
    return numbers.astype(np.float64)[:, None] if len(classes) == 2 else numbers


def _learn_classes(estimator: Any, labels: Any, first: bool) -> None:
    if labels is None:
        return
    if not first:
        known = estimator.classes_
        if len(known) != np.size(labels) and not isinstance(labels, int):
            raise ValueError(
                f"warm_start goes on with the classes {known}, and y has {labels}, expected the"
                " same"
            )
        return
    seen = np.zeros((2, labels), int) if isinstance(labels, int) else labels
    estimator._label_binarizer = LabelBinarizer().fit(seen)
    estimator.classes_ = estimator._label_binarizer.classes_


def ask(estimator: Any, method: str, X: Any) -> Any:
    """What a method of an estimator gives for each partition, when it is asked for."""
    network = estimator.network_
    kept = copy(estimator)
    kept._network = copy(network)
    columns: list[Any] | None = None
    dtype = network.dtype
    if method != "predict":
        columns = list(estimator.classes_)
    elif hasattr(estimator, "classes_") and estimator._label_binarizer.y_type_ in (
        "binary",
        "multiclass",
    ):
        dtype = estimator.classes_.dtype
    elif estimator.n_outputs_ > 1:
        columns = list(range(estimator.n_outputs_))
        dtype = np.dtype(int) if hasattr(estimator, "classes_") else dtype
    return mapped(network, X, _asking(kept, method, columns, dtype), columns, dtype)


def _asking(
    estimator: Any, method: str, columns: list[Any] | None, dtype: Any
) -> Callable[..., Any]:
    def answer(network: Network, rows: Any, version: str) -> Any:
        if version != __version__:
            raise RuntimeError(other_version("a worker", __version__, version))
        if len(rows) == 0:
            return np.empty((0,) if columns is None else (0, len(columns)), dtype)
        return getattr(estimator, method)(rows)

    return answer
