"""The losses that have a hyperparameter, each as a class that names it; ``Loss("name")`` is any."""

from __future__ import annotations

from typing import Never

from cyprop.rules import Loss, own_class

__all__ = ["CrossEntropy", "Huber", "Loss", "Quantile"]

# In each, `others` is there to be refused in a sentence that says what there is.


@own_class("huber")
class Huber(Loss):
    """The squared error of small errors and the absolute error of large ones.

    C = 1/N_out · Σ_j (E_j²/2 where |E_j| ≤ delta, else delta·(|E_j| − delta/2)),  E = A − Y

    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Parameters
    ----------
    delta : float, default 1.0
        Positive: the size of an error from which on it counts by its size alone.

    Raises
    ------
    TypeError, ValueError
        As `Loss`.

    Notes
    -----
    Thread-safety: as `Loss`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.Network([2, 3, 1], "tanh", loss=cyprop.Huber(delta=0.5)).settings.loss.delta
    0.5
    """

    __slots__ = ()
    _called = "a Huber"
    _shows_name = False

    def __init__(self, delta: float = 1.0, **others: Never) -> None:
        super().__init__("huber", delta=delta, **others)


@own_class("quantile")
class Quantile(Loss):
    """The pinball loss: outputs become the q-quantile of what is seen, the median by default.

    C = 1/N_out · Σ_j max(q·(Y_j − A_j), (1 − q)·(A_j − Y_j))

    Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978, equation 2.1.

    Parameters
    ----------
    q : float, default 0.5
        Above 0 and below 1: the share of targets that shall lie below the outputs.

    Raises
    ------
    TypeError, ValueError
        As `Loss`.

    Notes
    -----
    The derivative where output and target are equal is 0, one of those between the slopes of both
    sides, so that a perfect fit stays.
    Thread-safety: as `Loss`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.Quantile(0.9)
    Quantile(q=0.9)
    """

    __slots__ = ()
    _called = "a Quantile"
    _shows_name = False

    def __init__(self, q: float = 0.5, **others: Never) -> None:
        super().__init__("quantile", q=q, **others)


@own_class("cross_entropy")
class CrossEntropy(Loss):
    """The cross-entropy between classes and the softmax, or log_softmax, of the outputs.

    C = −Σ_j Y′_j · ln p_j,  Y′ = (1 − label_smoothing)·Y + label_smoothing/N_out · Σ_i Y_i

    Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016,
    section 7.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        At least 0 and below 1: the part of each target that is spread evenly over all classes.

    Raises
    ------
    TypeError, ValueError
        As `Loss`.

    Notes
    -----
    Thread-safety: as `Loss`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.CrossEntropy(label_smoothing=0.1)
    CrossEntropy(label_smoothing=0.1)
    """

    __slots__ = ()
    _called = "a CrossEntropy"
    _shows_name = False

    def __init__(self, label_smoothing: float = 0.0, **others: Never) -> None:
        super().__init__("cross_entropy", label_smoothing=label_smoothing, **others)
