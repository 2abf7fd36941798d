"""Estimators with dask collections: fitted by `cyprop.dask.fit`, asked as `cyprop.dask.predict` is.

Rows stay with the workers. An epoch is a round, in which each partition goes through its rows once;
learning ends by scikit-learn's rule on the loss.
"""

from __future__ import annotations

import math
import warnings
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.dask.borrowed import Array, delayed, is_frame
from cyprop.dask.fitting import rounds_of
from cyprop.dask.partitions import as_cut, blocks_of, shown_shape
from cyprop.dask.predicting import mapped
from cyprop.engine import memory
from cyprop.errors import DivergenceError
from cyprop.sklearn.borrowed import ConvergenceWarning, LabelBinarizer, check_random_state
from cyprop.sklearn.form import hidden_sizes
from cyprop.sklearn.stochastic import NOT_FINITE
from cyprop.version import __version__
from cyprop.waiting import Crew
from cyprop.workers import checked_client, other_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cyprop.network import Network
    from cyprop.training.history import History

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
    own: dict[str, Any] = estimator.__dict__
    before = dict(own)
    try:
        form, steps = _begun(estimator, X, y, sample_weight)
        next(steps)  # when partitions have been looked at, and nothing has been learned
    except BaseException:
        own.clear()  # so that it is as fitted as it was
        own.update(before)
        raise
    _go_through(estimator, form, steps)


def _begun(estimator: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Iterator[History]]:
    """The form of the network that is to learn, and its rounds."""
    _check_kind(X, "X", (2,))
    blocks = blocks_of(X, "X")
    targets, n_outputs, labels = _targets(estimator, y, X)
    weights = None
    if sample_weight is not None:
        weights = _blocks(as_cut(sample_weight, "sample_weight", X, "X"), "sample_weight")
    first = not (estimator.warm_start and hasattr(estimator, "coefs_"))
    hidden_sizes(estimator.hidden_layer_sizes)
    n_features = len(X.columns) if is_frame(X) else X.shape[1]
    if not first:
        _check_same(estimator, n_features, n_outputs, labels)
    elif labels is not None:
        seen = np.zeros((2, labels), int) if isinstance(labels, int) else labels
        estimator._label_binarizer = LabelBinarizer().fit(seen)
        estimator.classes_ = estimator._label_binarizer.classes_
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
    estimator._go_on_with_curve(False)
    return form, rounds_of(
        *(network, blocks, targets),
        rounds=estimator.max_iter,
        batch_size=int(batch_size),
        sample_weight=weights,
        shuffle=bool(estimator.shuffle),
    )


def _check_parameters(estimator: Any) -> None:
    if estimator.solver == "lbfgs":
        raise ValueError("solver is 'lbfgs', which needs all rows at once and takes no dask"
                         " collection")  # fmt: skip
    for name, default in WITHOUT.items():
        value = getattr(estimator, name, default)
        if value is not default and value != default:
            raise ValueError(f"{name} is {value!r}, which has no meaning with a dask collection")


def _go_through(estimator: Any, form: Any, steps: Any) -> None:
    estimator.n_iter_, converged = 0, False
    try:
        for history in steps:
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
        steps.close()
    if not converged:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the"
            " optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )


def _blocks(value: Any, name: str) -> list[Any]:
    _check_kind(value, name)
    return blocks_of(value, name)


def _check_kind(value: Any, name: str, n_dims: tuple[int, ...] = (1, 2)) -> None:
    """Raise TypeError for what is no array or frame of Dask's, ValueError for other dimensions."""
    if not isinstance(value, Array) and not is_frame(value):
        kind = type(value).__name__
        raise TypeError(
            f"{name} is of {kind}, expected a dask array or dataframe, as the others are"
        )
    if value.ndim not in n_dims:
        shape = value.shape if isinstance(value, Array) else (math.nan,)
        expected = "(n,) or (n, n_outputs)" if 1 in n_dims else "(n, n_features)"
        raise ValueError(f"{name} has shape {shown_shape(shape)}, expected {expected}")


def _dtype_of(X: Any) -> Any:
    """float32 where all of X is, else float64."""
    kinds = list(X.dtypes) if is_frame(X) else [X.dtype]
    return np.dtype(np.float32 if all(kind == np.float32 for kind in kinds) else np.float64)


def _targets(estimator: Any, y: Any, X: Any) -> tuple[list[Any], int, Any]:
    """The targets of each partition, how many outputs they need, and the classes if there are."""
    _check_kind(y, "y")
    blocks = blocks_of(as_cut(y, "y", X, "X"), "y")
    n_columns = 1 if y.ndim == 1 else (len(y.columns) if is_frame(y) else y.shape[1])
    if not hasattr(estimator, "classes_") and not hasattr(estimator, "predict_proba"):
        return blocks, n_columns, None
    if n_columns > 1:
        check = delayed(zeros_and_ones, pure=False)
        return [check(block, i) for i, block in enumerate(blocks)], n_columns, n_columns
    crew = Crew(checked_client(None))

    def submit(number: int, attempt: int) -> Any:
        return crew.client.compute(delayed(distinct, pure=False)(blocks[number], number))

    found = crew.run(range(len(blocks)), submit, "partition", "while looking for the classes of y")
    classes = _together([found.results[i] for i in range(len(blocks))])
    if len(classes) < 2:
        raise ValueError(f"y has {len(classes)} class, expected at least 2")
    encode = delayed(numbers_of, pure=False)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    return [encode(block, classes) for block in blocks], n_outputs, classes


def _together(found: list[Any]) -> Any:
    """The classes of all partitions; NumPy would make texts of numbers, where some have these."""
    kinds: dict[str, tuple[int, Any]] = {}
    for number, labels in enumerate(found):
        if len(labels):
            first = labels[0]
            kinds.setdefault("text" if isinstance(first, str) else "number", (number, first))
    if len(kinds) > 1:
        has = " and ".join(f"{label!r} in partition {number}" for number, label in kinds.values())
        raise TypeError(f"y has {has}, expected labels of one kind")
    return np.unique(np.concatenate(found))


def distinct(y: Any, number: int) -> Any:
    """The labels that a partition has.

    Raises
    ------
    TypeError
        If they are of several kinds, one is missing among texts, or some are behind a mask.
    """
    _refuse_mask(y, number)
    labels = np.asarray(y).ravel()
    try:
        return np.unique(labels)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in labels.tolist()})
        raise TypeError(
            f"partition {number} of y holds labels of the kinds {', '.join(kinds)}, expected one"
        ) from None


def numbers_of(y: Any, classes: Any) -> Any:
    """Which class each row has; (n, 1) of 0 and 1 where there are two."""
    numbers = np.searchsorted(classes, np.asarray(y).ravel())
    return numbers.astype(np.float64)[:, None] if len(classes) == 2 else numbers


def zeros_and_ones(y: Any, number: int) -> Any:
    """The targets of a partition, where several labels may be true at once.

    Raises
    ------
    TypeError, ValueError
        If one is neither 0 nor 1, or some are behind a mask.
    """
    _refuse_mask(y, number)
    Y = np.asarray(y)
    wrong = np.argwhere(~((Y == 0) | (Y == 1)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ValueError(
            f"partition {number} of y holds {Y[row, column]} at row {row}, column {column},"
            " expected 0 or 1 for each label"
        )
    return y


def _refuse_mask(y: Any, number: int) -> None:
    if isinstance(y, np.ma.MaskedArray):
        raise TypeError(
            f"partition {number} of y is a masked array, expected labels without a mask"
        )


def _check_same(estimator: Any, n_features: int, n_outputs: int, labels: Any) -> None:
    """Raise ValueError for rows that an estimator cannot go on with."""
    if n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_features} columns, and warm_start goes on with"
            f" {estimator.n_features_in_}, expected the same"
        )
    several = isinstance(labels, int)
    if labels is not None:
        if several != estimator._label_binarizer.y_type_.startswith("multilabel"):
            n_outputs = -1  # another kind, be there as many
        elif not several:
            estimator._check_classes(labels)
    if n_outputs != estimator.n_outputs_:
        raise ValueError(
            f"warm_start goes on with {estimator.n_outputs_} outputs, and y has other targets,"
            " expected the same"
        )


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
        if np.shape(rows)[0] == 0:  # of a sparse matrix too
            return np.empty((0,) if columns is None else (0, len(columns)), dtype)
        return getattr(estimator, method)(rows)

    return answer
