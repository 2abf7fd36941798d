"""Optimizers as people write them: hyperparameters by name.

Their arithmetic is in kernels/loops, a file an optimizer.

Everything here, the known names, the hyperparameters, their defaults and bounds, is read from the
kernels, so an optimizer added there can be used as ``Optimizer("name", learning_rate=…)`` at once.
"""

from __future__ import annotations

from typing import Any

from cyprop.checks.numbers import real_number
from cyprop.kernels import update

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer:
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

    def __init__(self, name: str, **hyperparameters: float) -> None:
        known = update.hyperparameters(name)
        for key in hyperparameters:
            if key not in known:
                raise TypeError(f"{name} has no hyperparameter {key!r}; it has {', '.join(known)}")
        values: dict[str, float] = {}
        for key, (default, low, low_allowed, high) in known.items():
            values[key] = real_number(
                hyperparameters.get(key, default), key, low, high, low_allowed=low_allowed
            )
        self._name = name
        self._hyperparameters = values

    @property
    def name(self) -> str:
        """The name its kernel is found by."""
        return self._name

    @property
    def hyperparameters(self) -> dict[str, float]:
        """A copy of all hyperparameters, defaults included."""
        return dict(self._hyperparameters)

    def __getattr__(self, key: str) -> float:
        values: dict[str, float] = self.__dict__.get("_hyperparameters", {})
        if key in values:
            return values[key]
        raise AttributeError(f"{type(self).__name__} has no attribute {key!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Optimizer):
            return NotImplemented
        return (self._name, self._hyperparameters) == (other._name, other._hyperparameters)

    def __hash__(self) -> int:
        return hash((self._name, *self._hyperparameters.values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value!r}" for key, value in self._hyperparameters.items())
        if type(self) is Optimizer:
            return f"Optimizer({self._name!r}, {values})"
        return f"{type(self).__name__}({values})"

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (self._name, self.hyperparameters)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked.

    v ← momentum·v + dθ,  θ ← θ − learning_rate·v

    Parameters
    ----------
    learning_rate : float, default 0.1
        Positive.
    momentum : float, default 0.0
        At least 0 and below 1.

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.0) -> None:
        super().__init__("sgd", learning_rate=learning_rate, momentum=momentum)


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

    Notes
    -----
    Thread-safety: as `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(
            "adam", learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon
        )


def named(name: str, hyperparameters: dict[str, float] | None = None) -> Optimizer:
    """The optimizer of that name, as its own class where it has one."""
    values = hyperparameters or {}
    for kind in (SGD, Adam):
        if kind.__name__.lower() == name:
            return kind(**values)
    return Optimizer(name, **values)
