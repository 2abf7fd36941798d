"""The optimizers, a class each: their hyperparameters by name, and the equation.

The arithmetic is in kernels/loops. Pickles of 0.1 look here for SGD, Adam, Optimizer and `named`.
"""

from __future__ import annotations

from typing import Never

from cyprop.rules import Optimizer, named, own_class

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Optimizer", "RMSprop", "named"]

# The `others` of each constructor are there to be refused in a sentence that says what there is.


@own_class("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked.

    v ← momentum·v + dθ,  θ ← θ − learning_rate·v

    With nesterov the step looks ahead: θ ← θ − learning_rate·(dθ + momentum·v), by the new v.

    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964. Sutskever,
    Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013, in the form that PyTorch gave Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float, default 0.1
        Positive.
    momentum : float, default 0.0
        At least 0 and below 1.
    nesterov : bool, default False
        Only with a momentum above 0.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`; ValueError also for nesterov without momentum.

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    __slots__ = ()
    _called = "an SGD"
    _shows_name = False

    def __init__(
        self,
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        **others: Never,
    ) -> None:
        super().__init__(
            "sgd", learning_rate=learning_rate, momentum=momentum, nesterov=nesterov, **others
        )


@own_class("adam")
class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    m ← beta1·m + (1 − beta1)·dθ,  v ← beta2·v + (1 − beta2)·dθ²,
    θ ← θ − learning_rate · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + epsilon)

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Parameters
    ----------
    learning_rate : float, default 0.001
        Positive.
    beta1, beta2 : float, default 0.9 and 0.999
        At least 0 and below 1.
    epsilon : float, default 1e-8
        Positive.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`. There is no weight_decay, since libraries mean two things by Adam's: use
        AdamW, or l2= of `Network`.

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    __slots__ = ()
    _called = "an Adam"
    _shows_name = False

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **others: Never,
    ) -> None:
        super().__init__(
            "adam",
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            **others,
        )


@own_class("adamw")
class AdamW(Optimizer):
    """AdamW: Adam, and weights that decay by the same share whatever their gradient was.

    θ ← θ − learning_rate·weight_decay·θ, and then the step of `Adam`

    Only weights decay, never biases. Loshchilov and Hutter, "Decoupled weight decay
    regularization", ICLR 2019, algorithm 2; the decay is by learning_rate·weight_decay, as in
    PyTorch, so that a schedule of the learning rate is one of the decay too.

    Parameters
    ----------
    learning_rate : float, default 0.001
        Positive.
    beta1, beta2 : float, default 0.9 and 0.999
        At least 0 and below 1.
    epsilon : float, default 1e-8
        Positive.
    weight_decay : float, default 0.01
        At least 0.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`.

    Notes
    -----
    Thread-safety: as `Optimizer`.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.AdamW(0.004, weight_decay=0.1)
    AdamW(learning_rate=0.004, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.1)
    """

    __slots__ = ()
    _called = "an AdamW"
    _shows_name = False

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        **others: Never,
    ) -> None:
        super().__init__(
            "adamw",
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            **others,
        )


@own_class("rmsprop")
class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of the squared gradient.

    v ← rho·v + (1 − rho)·dθ²,  u ← momentum·u + dθ / (√v + epsilon),
    θ ← θ − learning_rate·u

    Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012. The decay rate
    is called rho as in Goodfellow, Bengio and Courville, "Deep learning", 2016, algorithm 8.5, and
    in Keras; PyTorch calls it alpha. Where epsilon stands, the defaults and the momentum are
    PyTorch's.

    Parameters
    ----------
    learning_rate : float, default 0.01
        Positive.
    rho : float, default 0.99
        At least 0 and below 1.
    epsilon : float, default 1e-8
        Positive.
    momentum : float, default 0.0
        At least 0 and below 1.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`.

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    __slots__ = ()
    _called = "an RMSprop"
    _shows_name = False

    def __init__(
        self,
        learning_rate: float = 0.01,
        rho: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        **others: Never,
    ) -> None:
        super().__init__(
            "rmsprop",
            learning_rate=learning_rate,
            rho=rho,
            epsilon=epsilon,
            momentum=momentum,
            **others,
        )


@own_class("adagrad")
class AdaGrad(Optimizer):
    """AdaGrad: steps scaled by the sum of all squared gradients, so they only become shorter.

    v ← v + dθ²,  θ ← θ − learning_rate·dθ / (√v + epsilon)

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011, figure 1, with the diagonal of the matrix. Where epsilon stands,
    and the defaults, are PyTorch's. A sum beyond the dtype's largest number stays at that number.

    Parameters
    ----------
    learning_rate : float, default 0.01
        Positive.
    epsilon : float, default 1e-10
        Positive.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`.

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    __slots__ = ()
    _called = "an AdaGrad"
    _shows_name = False

    def __init__(
        self, learning_rate: float = 0.01, epsilon: float = 1e-10, **others: Never
    ) -> None:
        super().__init__("adagrad", learning_rate=learning_rate, epsilon=epsilon, **others)
