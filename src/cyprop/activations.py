"""The activations that have a hyperparameter, each as a class that names it; others are names."""

from __future__ import annotations

from typing import Never

from cyprop.rules import Activation, own_class

__all__ = ["CELU", "ELU", "Activation", "LeakyReLU"]

# In each, `others` is there to be refused in a sentence that says what there is.


@own_class("leaky_relu")
class LeakyReLU(Activation):
    """A relu that lets a part of what is negative through.

    A = Z where Z > 0, else negative_slope·Z

    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML
    2013.

    Parameters
    ----------
    negative_slope : float, default 0.01
        At least 0: the derivative where Z is not above 0.

    Raises
    ------
    TypeError, ValueError
        As `Activation`.

    Notes
    -----
    The derivative at 0 is negative_slope.
    Thread-safety: as `Activation`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.Network([2, 3, 1], cyprop.LeakyReLU(0.2)).settings.activations[0].negative_slope
    0.2
    """

    __slots__ = ()
    _called = "a LeakyReLU"
    _shows_name = False

    def __init__(self, negative_slope: float = 0.01, **others: Never) -> None:
        super().__init__("leaky_relu", negative_slope=negative_slope, **others)


@own_class("elu")
class ELU(Activation):
    """The exponential linear unit, which bends down to −alpha.

    A = Z where Z > 0, else alpha·(e^Z − 1)

    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential
    linear units", ICLR 2016, equation 15.

    Parameters
    ----------
    alpha : float, default 1.0
        Positive: how far below 0 outputs reach.

    Raises
    ------
    TypeError, ValueError
        As `Activation`.

    Notes
    -----
    The derivative at 0 is alpha.
    Thread-safety: as `Activation`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.ELU(0.5)
    ELU(alpha=0.5)
    """

    __slots__ = ()
    _called = "an ELU"
    _shows_name = False

    def __init__(self, alpha: float = 1.0, **others: Never) -> None:
        super().__init__("elu", alpha=alpha, **others)


@own_class("celu")
class CELU(Activation):
    """An ELU whose derivative has no jump, whatever alpha is.

    A = Z where Z > 0, else alpha·(e^(Z/alpha) − 1)

    Barron, "Continuously differentiable exponential linear units", arXiv:1704.07483, 2017,
    equation 2.

    Parameters
    ----------
    alpha : float, default 1.0
        Positive: how far below 0 outputs reach.

    Raises
    ------
    TypeError, ValueError
        As `Activation`.

    Notes
    -----
    Thread-safety: as `Activation`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.CELU(2.0)
    CELU(alpha=2.0)
    """

    __slots__ = ()
    _called = "a CELU"
    _shows_name = False

    def __init__(self, alpha: float = 1.0, **others: Never) -> None:
        super().__init__("celu", alpha=alpha, **others)
