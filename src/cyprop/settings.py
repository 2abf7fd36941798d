"""What a network is made of, checked once: anything else is refused in one sentence."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self, final, get_args

import numpy as np

from cyprop._restore import restore
from cyprop.checks.numbers import counted, is_sequence, real_number, shown, whole_number
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.rules import (
    Activation,
    ActivationName,
    Loss,
    LossName,
    Optimizer,
    OptimizerName,
    Rule,
    activation_of,
    loss_of,
    optimizer_of,
    rule_named,
)

if TYPE_CHECKING:
    import numpy.typing as npt

DtypeName = Literal["float32", "float64"]
DTYPES: tuple[str, ...] = get_args(DtypeName)


@final
class Settings:
    """What a network is made of, but for its weights: it is laid out, compared and shown by this.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, inputs first: at least two numbers, each at least 1.
    activation : str, Activation, or a sequence of these, default "sigmoid"
        Of all hidden layers, or one for each.
    output_activation : str or Activation, optional
        Of the last layer. By default the one that the loss belongs to; with a loss that goes with
        any, "identity", but for "mse": "sigmoid" if that is the activation of all hidden layers.
    loss : str or Loss, default "mse"
    optimizer : str or Optimizer, default SGD(learning_rate=0.1)
    dtype : "float32" or "float64", default "float32"
    l1, l2 : float, default 0.0
        Of the penalty l1·Σ|w| + l2/2·Σw² over all weights, and no biases; at least 0.
    dropout : float, or a sequence of floats, default 0.0
        The probability that a unit is silent in an update, of all hidden layers or one for each; at
        least 0 and below 1.

    Attributes
    ----------
    sizes : tuple of int
    activations : tuple of Activation
        One for each layer, the output layer's last.
    loss : Loss
    optimizer : Optimizer
    dtype : numpy.dtype
    l1, l2 : float
    dropout : tuple of float
        One for each hidden layer.

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of the above, or they do not go together. The message says what
        was given and expected.

    Notes
    -----
    They never change: setting an attribute raises AttributeError. Two are equal if all attributes
    are.
    Thread-safety: any number of threads, and of networks, may share it.
    """

    __slots__ = ("activations", "dropout", "dtype", "l1", "l2", "loss", "optimizer", "sizes")
    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    optimizer: Optimizer
    dtype: np.dtype[Any]
    l1: float
    l2: float
    dropout: tuple[float, ...]

    def __init__(
        self,
        sizes: Sequence[int],
        activation: (
            ActivationName | Activation | Sequence[ActivationName | Activation]
        ) = "sigmoid",
        output_activation: ActivationName | Activation | None = None,
        loss: LossName | Loss = "mse",
        optimizer: OptimizerName | Optimizer | None = None,
        dtype: npt.DTypeLike = "float32",
        l1: float = 0.0,
        l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
    ) -> None:
        if hasattr(self, "sizes"):
            raise AttributeError("Settings do not change; they cannot be initialised twice")
        found_sizes = checked_sizes(sizes)
        found_loss = loss_of(loss)
        found_activations = checked_activations(
            activation, output_activation, found_loss, len(found_sizes) - 1
        )
        check_outputs(found_sizes[-1], found_loss)
        found_dtype = checked_dtype(dtype)
        for rule in (*found_activations, found_loss):
            check_that_it_fits(rule, found_dtype)
        self._set(
            sizes=found_sizes,
            activations=found_activations,
            loss=found_loss,
            optimizer=checked_optimizer("sgd" if optimizer is None else optimizer, found_dtype),
            dtype=found_dtype,
            l1=checked_penalty(l1, "l1", found_dtype),
            l2=checked_penalty(l2, "l2", found_dtype),
            dropout=checked_dropout(dropout, len(found_sizes) - 2),
        )

    def _set(self, **attributes: Any) -> None:
        """Set the attributes, once, to what has been checked."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are, padding not counted."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def n_targets(self) -> int:
        """How many numbers a row of Y has: one for each output, or for each two of gaussian_nll."""
        return self.sizes[-1] // losses.outputs_per_target(self.loss.name)

    @property
    def n_classes(self) -> int:
        """How many classes whole numbers may name in place of rows of Y; 0 if they may not."""
        labelled = self.loss.name == "cross_entropy" and self.sizes[-1] > 1
        return self.sizes[-1] if labelled else 0

    @property
    def activation_names(self) -> tuple[str, ...]:
        """The name of each layer's activation, the output layer's last."""
        return tuple(activation.name for activation in self.activations)

    def with_optimizer(self, optimizer: OptimizerName | Optimizer) -> Settings:
        """The same settings with another optimizer.

        Parameters
        ----------
        optimizer : str or Optimizer

        Returns
        -------
        Settings

        Raises
        ------
        TypeError, ValueError
            If it is not an optimizer, or has a hyperparameter that the dtype cannot hold.

        Notes
        -----
        Thread-safety: any number of threads at once; these settings stay as they are.
        """
        return self._changed("optimizer", checked_optimizer(optimizer, self.dtype))

    def with_dtype(self, dtype: npt.DTypeLike) -> Settings:
        """The same settings with another dtype.

        Parameters
        ----------
        dtype : "float32" or "float64"

        Returns
        -------
        Settings

        Raises
        ------
        ValueError
            If it is neither, or cannot hold a hyperparameter.

        Notes
        -----
        Thread-safety: any number of threads at once; these settings stay as they are.
        """
        found = checked_dtype(dtype)
        for rule in (*self.activations, self.loss, self.optimizer):
            check_that_it_fits(rule, found)
        for name in ("l1", "l2"):
            check_that_it_can_be_held(getattr(self, name), name, found)
        return self._changed("dtype", found)

    def _changed(self, key: str, value: object) -> Settings:
        """The same settings but for one attribute, which has been checked."""
        changed = Settings.__new__(Settings)
        changed._set(**{own: getattr(self, own) for own in Settings.__slots__})
        changed._set(**{key: value})
        return changed

    def shown(self) -> str:
        """What stands between the parentheses of the network's `repr`.

        Returns
        -------
        str

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        return f"{self._shown_arguments()}: {self.n_parameters:,} parameters"

    def _shown_arguments(self) -> str:
        hidden = [_shown_rule(activation) for activation in self.activations[:-1]]
        activation = hidden[0] if len(set(hidden)) == 1 else f"[{', '.join(hidden)}]"
        return (
            f"{list(self.sizes)}, activation={activation},"
            f" output_activation={_shown_rule(self.activations[-1])},"
            f" loss={_shown_rule(self.loss)}, optimizer={self.optimizer!r},"
            f" dtype={self.dtype.name!r}"
            + "".join(f", {name}={value!r}" for name, value in self.extras().items())
        )

    def extras(self) -> dict[str, float | tuple[float, ...]]:
        """Of l1, l2 and dropout those that are not off.

        Returns
        -------
        dict of str to float or tuple of float

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        found: dict[str, float | tuple[float, ...]] = {"l1": self.l1, "l2": self.l2}
        found = {name: value for name, value in found.items() if value}
        if any(self.dropout):
            found["dropout"] = self.dropout
        return found

    def _values(self) -> tuple[Any, ...]:
        return (
            *(self.sizes, self.activations, self.loss, self.optimizer, self.dtype.name),
            *(self.l1, self.l2, self.dropout),
        )

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError("Settings do not change; make others, or call with_optimizer")

    def __delattr__(self, key: str) -> None:
        raise AttributeError("Settings do not change; make others, or call with_optimizer")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"Settings({self._shown_arguments()})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        *hidden, output = self.activations
        arguments = self.sizes, hidden, output, self.loss, self.optimizer, self.dtype.name
        extras = self.l1, self.l2, self.dropout
        return restore, ("settings", *arguments, *(extras if self.extras() else ()))


def checked_sizes(sizes: Any) -> tuple[int, ...]:
    entries: Any = sizes.tolist() if isinstance(sizes, np.ndarray) else sizes
    if not is_sequence(entries):
        raise TypeError(f"sizes is {shown(sizes)}, expected a sequence of whole numbers")
    if len(entries) < 2:
        raise ValueError(
            f"sizes has {counted(len(entries))}, expected at least two: inputs and outputs"
        )
    found = tuple([whole_number(size, f"sizes[{i}]") for i, size in enumerate(entries)])
    for i, size in enumerate(found):
        if size > sys.maxsize:
            raise ValueError(f"sizes[{i}] is {shown(size)}, too many parameters to address")
    return found


def checked_activations(
    activation: Any, output_activation: Any, loss: Loss, n_layers: int
) -> tuple[Activation, ...]:
    """The activation of each layer, the output layer's last."""
    if isinstance(activation, str | Activation):
        default = activation_of(activation)
        hidden = [default] * (n_layers - 1)
    elif is_sequence(activation):
        if len(activation) != n_layers - 1:
            raise ValueError(
                f"activation has {counted(len(activation))}, expected {n_layers - 1},"
                " one for each hidden layer"
            )
        default = Activation("sigmoid")
        hidden = [activation_of(entry) for entry in activation]
    elif isinstance(activation, type):
        raise TypeError(f"activation is the class {activation.__name__}, expected one made of it")
    else:
        raise TypeError(
            f"activation is {shown(activation)}, expected a name, an Activation, or a sequence of"
            " these"
        )
    output = checked_output(output_activation, hidden or [default], loss)
    for rule in hidden or [default]:
        if activations.couples_units(rule.name) and (hidden or rule != output):
            raise ValueError(f"activation {rule.name!r} is for the output layer, not a hidden one")
    return *hidden, output


def checked_output(output_activation: Any, hidden: Sequence[Activation], loss: Loss) -> Activation:
    """The activation of the last layer, chosen by the loss and the hidden layers if it is None."""
    own = losses.output_activations(loss.name)
    if output_activation is None:
        # A network of sigmoids alone is what the field began with; any other may want any number.
        bounded = loss.name == "mse" and all(rule.name == "sigmoid" for rule in hidden)
        output_activation = own[0] if own else "sigmoid" if bounded else "identity"
    output = activation_of(output_activation)
    if own and output.name not in own:
        known = " or ".join(repr(name) for name in own)
        raise ValueError(f"loss {loss.name!r} needs output_activation {known}, not {output.name!r}")
    return output


def check_outputs(n_out: int, loss: Loss) -> None:
    """Raise ValueError unless the outputs can be shared among targets."""
    if n_out % losses.outputs_per_target(loss.name):
        raise ValueError(
            f"sizes ends in {n_out}, expected an even number of outputs with loss {loss.name!r}:"
            " a mean for each target, and then a logarithm of the variance for each"
        )


def check_that_it_can_learn(settings: Settings) -> None:
    """Raise ValueError if the output is the same whatever the weights are.

    Files and pickles may hold such a network, so it is refused only where a person makes one.
    """
    output = settings.activation_names[-1]
    if settings.sizes[-1] == 1 and activations.couples_units(output):
        raise ValueError(
            f"sizes ends in one output with output_activation {output!r}, which is the same for any"
            " input: use loss='binary_cross_entropy' with one sigmoid output, or an output for each"
            " class"
        )


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    found: np.dtype[Any] | None = None
    with suppress(TypeError, ValueError, SyntaxError):
        found = np.dtype(dtype)
    if dtype is None or found is None or found.name not in DTYPES or not found.isnative:
        raise ValueError(f"dtype is {shown(dtype)}, expected 'float32' or 'float64'")
    return np.dtype(found.name)


def checked_optimizer(optimizer: Any, dtype: np.dtype[Any]) -> Optimizer:
    """The optimizer of a name, or an Optimizer, if the dtype can hold its hyperparameters."""
    chosen = optimizer_of(optimizer)
    check_that_it_fits(chosen, dtype)
    return chosen


def checked_penalty(value: Any, name: str, dtype: np.dtype[Any]) -> float:
    """l1 or l2: finite, at least 0, and such as the dtype can hold."""
    number = real_number(value, name, 0, math.inf, low_allowed=True)
    check_that_it_can_be_held(number, name, dtype)
    return number


def checked_dropout(value: Any, n_hidden: int) -> tuple[float, ...]:
    """The dropout of each hidden layer."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not is_sequence(value):
        rate = real_number(value, "dropout", 0, 1, low_allowed=True)
        if rate and not n_hidden:
            raise ValueError(f"dropout is {rate}, and there is no hidden layer for it")
        return (rate,) * n_hidden
    if len(value) != n_hidden:
        raise ValueError(
            f"dropout has {counted(len(value))}, expected {n_hidden}, one for each hidden layer"
        )
    return tuple(
        real_number(rate, f"dropout[{i}]", 0, 1, low_allowed=True) for i, rate in enumerate(value)
    )


def check_that_it_fits(rule: Rule, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if a hyperparameter overflows in the dtype, or becomes zero."""
    for key, value in rule.hyperparameters.items():
        check_that_it_can_be_held(value, key, dtype)


def check_that_it_can_be_held(value: float, name: str, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if the number overflows in the dtype, or becomes zero."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = dtype.type(value)
    if not np.isfinite(rounded) or (rounded == 0) != (value == 0):
        raise ValueError(f"{name} is {value!r}, expected a number that {dtype} can hold")


def _shown_rule(rule: Rule) -> str:
    """The name of a rule, in quotes, if its hyperparameters are the defaults; else its repr."""
    return repr(rule.name) if rule == rule_named(rule._kind, rule.name, {}) else repr(rule)
