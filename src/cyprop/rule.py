"""What activations, losses and optimizers have in common: a name, and hyperparameters by name."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown

# The default, and low, whether low is allowed, and high. Of a switch the default is a bool.
Bounds = tuple[float, float, bool, float]

# What other libraries call a hyperparameter, in the order in which a name is looked for.
CALLED_HERE = {
    "learning_rate": ("lr", "eta"),
    "beta1": ("beta_1", "b1"),
    "beta2": ("beta_2", "b2"),
    "epsilon": ("eps", "delta"),
    "rho": ("alpha", "decay_rate", "discounting_factor"),
    "weight_decay": ("wd", "decoupled_weight_decay"),
    "nesterov": ("use_nesterov", "nesterovs_momentum"),
}

# What other libraries call a rule, small and without signs in between.
NAMED_HERE = {
    "sigmoid": ("logistic",),
    "identity": ("linear",),
    "silu": ("swish",),
    "hard_swish": ("hardsilu",),
    "exponential": ("exp",),
    "mse": ("meansquarederror", "squarederror", "l2", "l2loss"),
    "mae": ("meanabsoluteerror", "absoluteerror", "l1", "l1loss"),
    "huber": ("smoothl1", "smoothl1loss"),
    "quantile": ("pinball",),
    "cross_entropy": (
        "categoricalcrossentropy",
        "sparsecategoricalcrossentropy",
        "softmaxcrossentropy",
        "logloss",
    ),
    "binary_cross_entropy": ("bce", "binarycrossentropy", "bceloss"),
    "gaussian_nll": ("gaussiannllloss",),
    "poisson": ("poissonnll", "poissonnllloss"),
}


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
    _shows_name: ClassVar[bool] = True  # in the repr; the classes of one name leave it out

    def __init__(self, name: str, **hyperparameters: float) -> None:
        if self._kind == "rule":
            raise TypeError("a Rule is an Activation, a Loss or an Optimizer; make one of these")
        if is_made(self):
            raise AttributeError(f"{self._called} does not change; it cannot be initialised twice")
        names = self._names()
        if not isinstance(name, str):
            raise TypeError(
                f"the name of the {self._kind} is {shown(name)}, expected one of {', '.join(names)}"
            )
        name = str.__str__(name)  # without what a subclass of str adds, which kernels do not take
        if name not in names:
            raise ValueError(
                f"{self._kind} {shown(name)} is unknown; {_called_here(names, name)}known are"
                f" {', '.join(names)}"
            )
        known = self._known(name)
        for key in hyperparameters:
            if key not in known:
                raise TypeError(f"{name} has no hyperparameter {key!r}; {_what_it_has(known, key)}")
        checked = {
            key: _checked_value(key, hyperparameters.get(key, bounds[0]), bounds)
            for key, bounds in known.items()
        }
        self._check_together(name, checked)
        object.__setattr__(self, "_Rule__name", name)
        object.__setattr__(self, "_Rule__hyperparameters", checked)

    @staticmethod
    def _names() -> tuple[str, ...]:
        """The names that the kernels have for this kind."""
        raise NotImplementedError

    @staticmethod
    def _known(name: str) -> dict[str, Bounds]:
        """Of each hyperparameter of the rule `name`: its bounds."""
        raise NotImplementedError

    @staticmethod
    def _check_together(name: str, hyperparameters: dict[str, float]) -> None:
        """Raise ValueError if values that are right alone mean nothing together."""

    @property
    def name(self) -> str:
        """The name its kernel is found by."""
        return self.__name

    @property
    def hyperparameters(self) -> dict[str, float]:
        """A copy of all hyperparameters, defaults included, in the order of the kernels.

        A switch, such as nesterov, is a bool.
        """
        return dict(self.__hyperparameters)

    @property
    def values(self) -> tuple[float, ...]:
        """The hyperparameters alone, in the order of the kernels; a switch is 0.0 or 1.0."""
        return tuple(map(float, self.__hyperparameters.values()))

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
        given = self.__hyperparameters.items()
        values = [f"{key}={value!r}" for key, value in given if value is not False]
        if self._shows_name:
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


def is_made(rule: Rule) -> bool:
    """Whether its constructor has run; no `__getattr__` of a subclass is asked."""
    try:
        object.__getattribute__(rule, "_Rule__name")
    except AttributeError:
        return False
    return True


def _checked_value(key: str, value: object, bounds: Bounds) -> float:
    """The value of a hyperparameter: of a switch a bool, of any other a float within its bounds."""
    default, low, low_allowed, high = bounds
    if not isinstance(default, bool):
        return real_number(value, key, low, high, low_allowed=low_allowed)
    if not isinstance(value, bool):
        raise TypeError(f"{key} is {shown(value)}, expected True or False")
    return value


def _called_here(names: tuple[str, ...], unknown: str) -> str:
    """How to write a name that others write otherwise, as a clause, or nothing."""
    plain = "".join(sign for sign in unknown.lower() if sign not in "_- ")
    for name in names:
        if plain == name.replace("_", "") or plain in NAMED_HERE.get(name, ()):
            return f"it is called {name!r}; "
    return ""


def _what_it_has(known: dict[str, Bounds], unknown: str) -> str:
    """What to say to the name of a hyperparameter that a rule does not have."""
    instead = _instead_of(known, unknown)
    if instead:
        return f"{instead}; known are {', '.join(known)}"
    return f"it has {', '.join(known)}" if known else "it has none"


def _instead_of(known: dict[str, Bounds], unknown: str) -> str:
    """What to do in place of a hyperparameter that others know by that name, or nothing."""
    for key, others in CALLED_HERE.items():
        if key in known and unknown in others:
            return f"it is called {key}"
    if unknown == "betas" and "beta1" in known:
        return "they are called beta1 and beta2"
    if unknown == "weight_decay" and "learning_rate" in known:
        return "use AdamW, or l2=" if "beta1" in known else "use l2= of Network, or AdamW"
    if unknown in ("decay", "lr_decay", "learning_rate_decay") and "learning_rate" in known:
        return "let net.learning_rate, or a schedule of fit, make the learning rate smaller"
    return ""
