"""Activations, losses and optimizers as people write them: a name, and hyperparameters by name.

Their arithmetic is in kernels/loops. Everything here, the known names, the hyperparameters, their
defaults and bounds, is read from the kernels, so a rule that is registered there can be used as
``Optimizer("name", learning_rate=…)`` at once. Only the `Literal` types repeat the names, for those
who check types; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Never, Self, TypeVar

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.kernels import update

__all__ = ["SGD", "Activation", "Adam", "Loss", "Optimizer", "Rule"]

ActivationName = Literal["sigmoid", "tanh", "relu", "identity", "softmax"]
LossName = Literal["mse", "cross_entropy", "binary_cross_entropy"]
OptimizerName = Literal["sgd", "adam"]

Bounds = tuple[float, float, bool, float]  # the default, and low, whether low is allowed, and high


class Rule:
    """A name and hyperparameters; make an Activation, a Loss or an Optimizer instead.

    Attributes
    ----------
    name : str
    hyperparameters : dict of str to float
    values : tuple of float

    Each hyperparameter is an attribute too.

    Notes
    -----
    It never changes: setting or deleting an attribute raises AttributeError. Two are equal if they
    are of the same kind, and their names and hyperparameters are equal. A pickle, and a network,
    keep the name and hyperparameters that were checked when it was made, and nothing that a
    subclass adds.
    Thread-safety: any number of threads, and of networks, may share it.
    """

    # Two underscores keep them apart from whatever a subclass calls its own.
    __slots__ = ("__hyperparameters", "__name")
    __name: str
    __hyperparameters: dict[str, float]

    _kind: ClassVar[str] = "rule"
    _called: ClassVar[str] = "a rule"
    _instead: ClassVar[str] = "make another"
    _names: ClassVar[Callable[[], tuple[str, ...]]]
    _known: ClassVar[Callable[[str], dict[str, Bounds]]]

    def __init__(self, name: str, **hyperparameters: float) -> None:
        if self._kind == "rule":
            raise TypeError("a Rule is an Activation, a Loss or an Optimizer; make one of these")
        if hasattr(self, "_Rule__name"):
            raise AttributeError(f"{self._called} does not change; it cannot be initialised twice")
        names = type(self)._names()
        if not isinstance(name, str):
            raise TypeError(
                f"the name of the {self._kind} is {shown(name)}, expected one of {', '.join(names)}"
            )
        name = str.__str__(name)  # without what a subclass of str adds, which kernels do not take
        if name not in names:
            raise ValueError(f"{self._kind} {name!r} is unknown; known are {', '.join(names)}")
        known = type(self)._known(name)
        for key in hyperparameters:
            if key not in known:
                raise TypeError(f"{name} has no hyperparameter {key!r}; {_what_it_has(known, key)}")
        checked = {
            key: real_number(
                hyperparameters.get(key, default), key, low, high, low_allowed=low_allowed
            )
            for key, (default, low, low_allowed, high) in known.items()
        }
        object.__setattr__(self, "_Rule__name", name)
        object.__setattr__(self, "_Rule__hyperparameters", checked)

    @property
    def name(self) -> str:
        """The name its kernel is found by."""
        return self.__name

    @property
    def hyperparameters(self) -> dict[str, float]:
        """A copy of all hyperparameters, defaults included, in the order in which kernels take them."""
        return dict(self.__hyperparameters)

    @property
    def values(self) -> tuple[float, ...]:
        """The hyperparameters alone, in the order in which kernels take them."""
        return tuple(self.__hyperparameters.values())

    def __getattr__(self, key: str) -> float:
        if key.startswith("_Rule__"):
            raise AttributeError(f"{self._called} was not initialised; call its __init__ first")
        if key in self.__hyperparameters:
            return self.__hyperparameters[key]
        raise AttributeError(f"{type(self).__name__} has no attribute {key!r}")

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{self._called} does not change; {self._instead_of_setting(key)}")

    def __delattr__(self, key: str) -> None:
        raise AttributeError(f"{self._called} does not change; {self._instead_of_setting(key)}")

    def _instead_of_setting(self, key: str) -> str:
        """What to do in place of setting or deleting the attribute `key`, as a clause."""
        return self._instead

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rule):
            return NotImplemented
        return self._checked() == other._checked()

    def __hash__(self) -> int:
        kind, name, hyperparameters = self._checked()
        return hash((kind, name, *hyperparameters.values()))

    def __repr__(self) -> str:
        values = [f"{key}={value!r}" for key, value in self.__hyperparameters.items()]
        if type(self) in (Activation, Loss, Optimizer):
            values.insert(0, repr(self.__name))
        return f"{type(self).__name__}({', '.join(values)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("rule", *self._checked())

    def _checked(self) -> tuple[str, str, dict[str, float]]:
        """The kind, the name and the hyperparameters, whatever a subclass says they are."""
        return self._kind, self.__name, dict(self.__hyperparameters)


class Activation(Rule):
    """What a layer makes of its sums: A = f(Z).

    Parameters
    ----------
    name : str
        "sigmoid", "tanh", "relu", "identity", or "softmax" for the output layer.
    **hyperparameters : float
        Those the activation has; the others take their defaults.

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
    _names = staticmethod(activations.names)
    _known = staticmethod(activations.hyperparameters)

    def __init__(self, name: ActivationName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)


class Loss(Rule):
    """What training makes small.

    Parameters
    ----------
    name : str
        "mse", "cross_entropy" or "binary_cross_entropy".
    **hyperparameters : float
        Those the loss has; the others take their defaults.

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
    _names = staticmethod(losses.names)
    _known = staticmethod(losses.hyperparameters)

    def __init__(self, name: LossName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)


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
    _names = staticmethod(update.names)
    _known = staticmethod(update.hyperparameters)

    def __init__(self, name: OptimizerName, **hyperparameters: float) -> None:
        super().__init__(name, **hyperparameters)

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
        own = self._checked()[2] if hasattr(self, "_Rule__name") else {}
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
OWN_CLASSES: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}
PLAIN_CLASSES = (Activation, Loss, Optimizer, SGD, Adam)

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
    _, name, hyperparameters = Rule._checked(value)
    return value if type(value) in PLAIN_CLASSES else _made(kind, name, hyperparameters)


def _made(kind: type[R], name: str, hyperparameters: dict[str, float]) -> R:
    own = OWN_CLASSES.get(name)
    if own is not None and issubclass(own, kind):
        return own(**hyperparameters)
    return kind(name, **hyperparameters)


def _what_it_has(known: dict[str, Bounds], unknown: str) -> str:
    """What to say to the name of a hyperparameter that a rule does not have."""
    if unknown == "lr" and "learning_rate" in known:
        return f"it is called learning_rate; known are {', '.join(known)}"
    return f"it has {', '.join(known)}" if known else "it has none"
