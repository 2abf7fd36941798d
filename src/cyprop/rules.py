"""Activations, losses and optimizers as people write them: a name, and hyperparameters by name.

Their arithmetic is in kernels/loops. Everything here, the known names, the hyperparameters, their
defaults and bounds, is read from the kernels, so a rule that is registered there can be used as
``Optimizer("name", learning_rate=…)`` at once. Only the `Literal` types repeat the names, for those
who check types; a test compares them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, Never, TypeVar

from cyprop.checks.numbers import shown
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.kernels import update
from cyprop.rule import Bounds, Rule, is_made

__all__ = ["SGD", "Activation", "Adam", "Loss", "Optimizer", "Rule"]

ActivationName = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "identity",
    "softmax",
    "log_softmax",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "gelu_tanh",
    "silu",
    "softplus",
    "mish",
    "softsign",
    "relu6",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "log_sigmoid",
    "exponential",
]
LossName = Literal[
    "mse",
    "mae",
    "huber",
    "quantile",
    "log_cosh",
    "gaussian_nll",
    "cross_entropy",
    "binary_cross_entropy",
    "poisson",
]
OptimizerName = Literal["sgd", "adam"]


class Activation(Rule):
    """What a layer makes of its sums: A = f(Z).

    Parameters
    ----------
    name : str
        "identity"; bounded "sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh" or "relu6";
        like a relu "relu", "leaky_relu", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu",
        "mish", "softplus" or "hard_swish"; "exponential" or "log_sigmoid"; or for the output layer
        alone "softmax" or "log_softmax". docs/training.md has their equations.
    **hyperparameters : float
        Those the activation has; the others take their defaults. `LeakyReLU`, `ELU` and `CELU`
        name theirs.

    Raises
    ------
    ValueError
        If the name is unknown, or a hyperparameter is outside its range.
    TypeError
        If a hyperparameter is unknown, or not a real number.

    Notes
    -----
    Thread-safety: any number of threads, and of networks, may share it; it never changes.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.Activation("relu")
    Activation('relu')
    """

    __slots__ = ()
    _kind = "activation"
    _called = "an Activation"
    _instead = "make a network with another activation"

    def __init__(self, name: ActivationName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)

    @staticmethod
    def _names() -> tuple[str, ...]:
        return activations.names()

    @staticmethod
    def _known(name: str) -> dict[str, Bounds]:
        return activations.hyperparameters(name)


class Loss(Rule):
    """What training makes small.

    Parameters
    ----------
    name : str
        Of regressions "mse", "mae", "huber", "quantile", "log_cosh" or "gaussian_nll", of classes
        "cross_entropy" or "binary_cross_entropy", of counts "poisson".
    **hyperparameters : float
        Those the loss has; the others take their defaults. `Huber`, `Quantile` and `CrossEntropy`
        name theirs.

    Raises
    ------
    ValueError
        If the name is unknown, or a hyperparameter is outside its range.
    TypeError
        If a hyperparameter is unknown, or not a real number.

    Notes
    -----
    Thread-safety: any number of threads, and of networks, may share it; it never changes.

    Examples
    --------
    >>> import cyprop
    >>> cyprop.Loss("mse")
    Loss('mse')
    """

    __slots__ = ()
    _kind = "loss"
    _called = "a Loss"
    _instead = "make a network with another loss"

    def __init__(self, name: LossName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)

    @staticmethod
    def _names() -> tuple[str, ...]:
        return losses.names()

    @staticmethod
    def _known(name: str) -> dict[str, Bounds]:
        return losses.hyperparameters(name)


class Optimizer(Rule):
    """How parameters follow their gradient.

    Parameters
    ----------
    name : str
        One of ``cyprop.kernels.update.names()``.
    **hyperparameters : float
        Those the optimizer has; the others take their defaults.

    Raises
    ------
    ValueError
        If the name is unknown, or a hyperparameter is outside its range.
    TypeError
        If a hyperparameter is unknown, or not a real number.

    Notes
    -----
    Thread-safety: any number of threads, and of networks, may share it; it never changes. The
    state (momentum, moments, number of updates) belongs to the network.
    """

    __slots__ = ()
    _kind = "optimizer"
    _called = "an Optimizer"

    def __init__(self, name: OptimizerName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)

    @staticmethod
    def _names() -> tuple[str, ...]:
        return update.names()

    @staticmethod
    def _known(name: str) -> dict[str, Bounds]:
        return update.hyperparameters(name)

    def with_hyperparameters(self, **hyperparameters: float) -> Optimizer:
        """An optimizer of the same name with some hyperparameters changed.

        Parameters
        ----------
        **hyperparameters : float
            The others stay as they are.

        Returns
        -------
        Optimizer

        Raises
        ------
        TypeError, ValueError
            As the constructor does.

        Notes
        -----
        Thread-safety: any number of threads at once; this optimizer stays as it is.

        Examples
        --------
        >>> import cyprop
        >>> cyprop.SGD(0.5, momentum=0.9).with_hyperparameters(learning_rate=0.1)
        SGD(learning_rate=0.1, momentum=0.9)
        """
        _, name, values = self._checked()
        return named(name, {**values, **hyperparameters})

    def _instead_of_setting(self, key: str) -> str:
        own = self._checked()[2] if is_made(self) else {}
        others = [name for name in own if name != "learning_rate"]
        example = key if key in others else (others or ["learning_rate"])[0]
        return (
            f"set net.learning_rate, call net.set_hyperparameters({example}=…),"
            " or give the network another optimizer"
        )


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked.

    v ← momentum·v + dθ,  θ ← θ − learning_rate·v

    Parameters
    ----------
    learning_rate : float, default 0.1
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
    _called = "an SGD"
    _shows_name = False

    # `others` is there to be refused in a sentence that says what there is.
    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.0, **others: Never) -> None:
        super().__init__("sgd", learning_rate=learning_rate, momentum=momentum, **others)


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
        As `Optimizer`.

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


KINDS: dict[str, type[Rule]] = {"activation": Activation, "loss": Loss, "optimizer": Optimizer}
# The classes of one name alone: the module of each, imported when one is first asked for.
OWN_CLASSES: dict[tuple[type[Rule], str], tuple[str, str]] = {
    (Activation, "leaky_relu"): ("cyprop.activations", "LeakyReLU"),
    (Activation, "elu"): ("cyprop.activations", "ELU"),
    (Activation, "celu"): ("cyprop.activations", "CELU"),
    (Loss, "huber"): ("cyprop.losses", "Huber"),
    (Loss, "quantile"): ("cyprop.losses", "Quantile"),
    (Loss, "cross_entropy"): ("cyprop.losses", "CrossEntropy"),
    (Optimizer, "sgd"): ("cyprop.rules", "SGD"),
    (Optimizer, "adam"): ("cyprop.rules", "Adam"),
}

R = TypeVar("R", bound=Rule)


def activation_of(value: object) -> Activation:
    """The activation that a name or an Activation stands for.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If the name is unknown.
    """
    return _rule_of(value, Activation, f"one of {', '.join(activations.names())}, or an Activation")


def loss_of(value: object) -> Loss:
    """The loss that a name or a Loss stands for; errors as `activation_of`."""
    return _rule_of(value, Loss, f"one of {', '.join(losses.names())}, or a Loss")


def optimizer_of(value: object) -> Optimizer:
    """The optimizer that a name or an Optimizer stands for; errors as `activation_of`."""
    return _rule_of(value, Optimizer, "an Optimizer such as SGD() or a name")


def named(name: str, hyperparameters: dict[str, float] | None = None) -> Optimizer:
    """The optimizer of that name, as its own class where it has one."""
    return _made(Optimizer, name, hyperparameters or {})


def rule_named(kind: str, name: str, hyperparameters: dict[str, float]) -> Rule:
    """The rule of that kind ("activation", "loss" or "optimizer") and name, checked anew."""
    return _made(KINDS[kind], name, hyperparameters)


def _rule_of(value: object, kind: type[R], expected: str) -> R:
    """A rule of one of the classes above, whose values were checked, whatever a subclass does."""
    if isinstance(value, str):
        return _made(kind, value, {})
    if not isinstance(value, kind):
        raise TypeError(f"{kind._kind} is {shown(value)}, expected {expected}")
    if not is_made(value):
        raise AttributeError(f"{value._called} was not initialised; call its __init__ first")
    _, name, hyperparameters = Rule._checked(value)
    if type(value) in (kind, _own_class(kind, name)):
        return value
    return _made(kind, name, hyperparameters)


def _made(kind: type[R], name: str, hyperparameters: dict[str, float]) -> R:
    """The rule of that kind and name, as its own class where it has one."""
    own = _own_class(kind, name)
    made: R = kind(name, **hyperparameters) if own is None else own(**hyperparameters)
    return made


def _own_class(kind: type[Rule], name: str) -> Any:
    """The class of that one name, or None."""
    if (kind, name) not in OWN_CLASSES:
        return None
    module, own = OWN_CLASSES[kind, name]
    return getattr(import_module(module), own)
