"""How good predictions are: the formulas, each scikit-learn's, on plain arrays.

Which of them suits a network, and what its outputs mean, is said in `cyprop.training.metrics`.
Everywhere n is the number of rows, w the weights of rows (all 1 where there are none), and

    mean(x) = Σᵢ wᵢ·xᵢ / Σᵢ wᵢ

Arrays are of float64, but for classes: y and predicted are whole numbers, (n,), from 0 on; or bool,
(n, k), where each row may have several of k labels. Nothing is checked here. A sum is NumPy's, and
so is the logarithm of `log_loss`, whose last bit may differ between processors.

Thread-safety: every function may run in any number of threads at once; none changes an array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Weights = Array | None


def mse(Y: Array, A: Array, weights: Weights = None) -> float:
    """1/k · Σ_j mean((A_j − Y_j)²) over the k columns of (n, k)."""
    return float(_mean(np.square(A - Y), weights).mean())


def rmse(Y: Array, A: Array, weights: Weights = None) -> float:
    """1/k · Σ_j √mean((A_j − Y_j)²): the root is taken for each of the k columns."""
    return float(np.sqrt(_mean(np.square(A - Y), weights)).mean())


def mae(Y: Array, A: Array, weights: Weights = None) -> float:
    """1/k · Σ_j mean(|A_j − Y_j|) over the k columns of (n, k)."""
    return float(_mean(np.abs(A - Y), weights).mean())


def r2(Y: Array, A: Array, weights: Weights = None) -> float:
    """1/k · Σ_j (1 − mean((A_j − Y_j)²) / mean((Y_j − mean(Y_j))²)), the share that is explained.

    A column that does not vary counts 1 if it is met exactly, else 0. NaN for a single row.
    """
    if len(Y) < 2:
        return math.nan
    left: Array = _mean(np.square(A - Y), weights)
    spread: Array = _mean(np.square(Y - _mean(Y, weights)), weights)
    varies = spread != 0
    explained = np.where(varies, 1 - left / np.where(varies, spread, 1), left == 0)
    return float(explained.mean())


def accuracy(y: Array, predicted: Array, weights: Weights = None) -> float:
    """mean(predicted = y); where rows have several labels, all of a row's must be right."""
    right = y == predicted
    return float(_mean(right.all(axis=1) if right.ndim == 2 else right, weights))


def balanced_accuracy(y: Array, predicted: Array, n_classes: int, weights: Weights = None) -> float:
    """The mean, over the classes c that y has, of the share of their rows that are right.

    1/|C| · Σ_c Σ_{i: yᵢ = c} wᵢ·[predictedᵢ = c] / Σ_{i: yᵢ = c} wᵢ
    """
    hits, in_y, _ = _counts(y, predicted, n_classes, weights)
    there = in_y > 0
    return float((hits[there] / in_y[there]).mean())


def precision(y: Array, predicted: Array, n_classes: int, weights: Weights = None) -> float:
    """Of the rows predicted c, the share that is c; averaged as `f1`. 0 where none is predicted."""
    hits, _, in_predicted = _counts(y, predicted, n_classes, weights)
    return _averaged(hits, in_predicted, y, predicted, n_classes)


def recall(y: Array, predicted: Array, n_classes: int, weights: Weights = None) -> float:
    """Of the rows that are c, the share predicted c; averaged as `f1`. 0 where none is c."""
    hits, in_y, _ = _counts(y, predicted, n_classes, weights)
    return _averaged(hits, in_y, y, predicted, n_classes)


def f1(y: Array, predicted: Array, n_classes: int, weights: Weights = None) -> float:
    """2·TP / (2·TP + FP + FN), the harmonic mean of precision and recall; 0 where that is 0/0.

    Of two classes that of class 1; of more the mean over the classes that y or predicted has; where
    rows have several labels, the mean over all k.
    """
    hits, in_y, in_predicted = _counts(y, predicted, n_classes, weights)
    return _averaged(2 * hits, in_y + in_predicted, y, predicted, n_classes)


def top_k(y: Array, P: Array, weights: Weights = None, *, k: int) -> float:
    """mean(fewer than k classes are ahead of the right one), P being scores, (n, classes).

    A class is ahead if its score is higher, or the same and its number higher.
    """
    own = np.take_along_axis(P, y[:, np.newaxis], axis=1)
    later = np.arange(int(P.shape[1])) > y[:, np.newaxis]
    ahead = (own < P) | ((own == P) & later)
    return float(_mean(ahead.sum(axis=1) < k, weights))


def log_loss(y: Array, P: Array, weights: Weights = None) -> float:
    """−mean(ln p), p being the probability given to what is so, kept in [ε, 1 − ε], ε = 2⁻⁵².

    P is (n, classes), or (n,) that of class 1 alone. Where rows have several labels, the mean over
    all k of their log losses.
    """
    if y.ndim == 2:
        return float(np.mean([log_loss(y[:, j], P[:, j], weights) for j in range(y.shape[1])]))
    if P.ndim == 1:
        p = np.where(y == 1, P, 1 - P)
    else:
        p = np.take_along_axis(P, y[:, np.newaxis], axis=1)[:, 0]
    epsilon = np.finfo(np.float64).eps
    return -float(_mean(np.log(np.clip(p, epsilon, 1 - epsilon)), weights))


def auc(y: Array, P: Array, weights: Weights = None) -> float:
    """The area under the ROC curve: how often a row that is so scores above one that is not.

    Σᵢ Σⱼ wᵢ·wⱼ·([Pᵢ > Pⱼ] + ½·[Pᵢ = Pⱼ]) / (Σᵢ wᵢ · Σⱼ wⱼ),  yᵢ = 1 and yⱼ = 0

    Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", Radiology 143, 1982. Of P (n, classes) the mean over the classes of each against
    the rest; where rows have several labels, the mean over all k. NaN if a class has no row, or has
    all.
    """
    if P.ndim == 1:
        return _area(y == 1, P, weights)
    so = y if y.ndim == 2 else y[:, np.newaxis] == np.arange(int(P.shape[1]))
    return float(np.mean([_area(so[:, j], P[:, j], weights) for j in range(P.shape[1])]))


def _area(so: Array, scores: Array, weights: Weights) -> float:
    """The area of one class against the rest; `so` is bool."""
    w = np.ones(len(so)) if weights is None else weights
    places = np.unique(scores, return_inverse=True)[1]
    positive = np.bincount(places, np.where(so, w, 0.0))
    negative = np.bincount(places, np.where(so, 0.0, w))
    below = np.cumsum(negative) - negative / 2  # of an equal score half
    pairs = float(positive.sum() * negative.sum())
    return float((positive * below).sum()) / pairs if pairs else math.nan


def _mean(values: Array, weights: Weights) -> Any:
    """The weighted mean over the rows."""
    return np.average(values, axis=0, weights=weights)


def _counts(
    y: Array, predicted: Array, n_classes: int, weights: Weights
) -> tuple[Array, Array, Array]:
    """Of each class the weight of its rows that are right, of its rows, and of those given it."""
    w = np.ones(len(y)) if weights is None else weights
    if y.ndim == 2:
        return w @ (y & predicted), w @ y, w @ predicted
    right = y == predicted
    counted = [(y[right], w[right]), (y, w), (predicted, w)]
    hits, in_y, in_predicted = (np.bincount(rows, of, n_classes) for rows, of in counted)
    return hits, in_y, in_predicted


def _averaged(above: Array, below: Array, y: Array, predicted: Array, n_classes: int) -> float:
    """The quotients, 0 where both are, averaged over the classes that `f1` says."""
    shares = above / np.where(below > 0, below, 1)
    if y.ndim == 2:
        return float(shares.mean())
    if n_classes == 2:
        return float(shares[1])
    return float(shares[np.union1d(y, predicted)].mean())
