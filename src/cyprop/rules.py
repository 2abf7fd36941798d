"""Activations, losses and optimizers as people write them: a name, and hyperparameters by name.

Their arithmetic is in kernels/loops. Everything here, the known names, the hyperparameters, their
defaults and bounds, is read from the kernels, so a rule that is registered there can be used as
``Optimizer("name", learning_rate=…)`` at once. Only the `Literal` types repeat the names, for those
who check types; a test compares them.

A rule may have a class of its own, such as SGD. Those classes stand in modules above this one, and
say with `own_class` which rule they are; asked for that rule by its name, this one makes theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from cyprop.checks.numbers import shown
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.kernels import update
from cyprop.rule import Bounds, Rule, is_made

__all__ = ["Activation", "Loss", "Optimizer", "Rule"]

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
OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "adam_of_sklearn"]


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

    @staticmethod
    def _check_together(name: str, hyperparameters: dict[str, float]) -> None:
        if hyperparameters.get("nesterov") and hyperparameters.get("momentum") == 0:
            raise ValueError(
                "nesterov is True and momentum 0, expected a momentum above 0: without it there is"
                " nothing to look ahead by"
            )

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


KINDS: dict[str, type[Rule]] = {"activation": Activation, "loss": Loss, "optimizer": Optimizer}
OWN_CLASSES: dict[tuple[str, str], Any] = {}  # of a kind and a name

R = TypeVar("R", bound=Rule)


def own_class(name: str) -> Callable[[type[R]], type[R]]:
    """Decorate the class of the rule `name`, whose arguments are that rule's hyperparameters."""

    def register(own: type[R]) -> type[R]:
        OWN_CLASSES[own._kind, name] = own
        return own

    return register


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
    if isinstance(value, type):
        raise TypeError(f"{kind._kind} is the class {value.__name__}, expected one made of it")
    if not isinstance(value, kind):
        raise TypeError(f"{kind._kind} is {shown(value)}, expected {expected}")
    if not is_made(value):
        raise AttributeError(f"{value._called} was not initialised; call its __init__ first")
    _, name, hyperparameters = Rule._checked(value)
    if type(value) in (kind, OWN_CLASSES.get((kind._kind, name))):
        return value
    return _made(kind, name, hyperparameters)


def _made(kind: type[R], name: str, hyperparameters: dict[str, float]) -> R:
    """The rule of that kind and name, as its own class where it has one."""
    own = OWN_CLASSES.get((kind._kind, name))
    made: R = kind(name, **hyperparameters) if own is None else own(**hyperparameters)
    return made
