"""What a network is made of: its settings, by which it is laid out, copied, compared and shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from cyprop.checks.numbers import whole_number
from cyprop.engine.engine import Engine
from cyprop.kernels import loss as losses
from cyprop.rules import SGD, Optimizer
from cyprop.settings import (
    checked_activations,
    checked_dtype,
    checked_name,
    checked_optimizer,
    checked_sizes,
)

if TYPE_CHECKING:
    import numpy.typing as npt

N = TypeVar("N", bound="Architecture")


class Architecture(Engine):
    """The part of a network that knows its settings; make a Network instead."""

    def _lay_out(
        self,
        sizes: Sequence[int],
        activation: str | Sequence[str],
        output_activation: str | None,
        loss: str,
        optimizer: Optimizer | str | None,
        dtype: npt.DTypeLike,
        seed: int = 0,
    ) -> None:
        """All that the constructor does but draw the weights, which are zero."""
        if self.weights:
            raise RuntimeError("a network cannot be initialised twice; make a new one")
        self._sizes = checked_sizes(sizes)
        self._loss = checked_name(loss, "loss", losses.names())
        self._activations = checked_activations(
            activation, output_activation, self._loss, len(self._sizes) - 1
        )
        self._dtype = checked_dtype(dtype)
        chosen = checked_optimizer(SGD() if optimizer is None else optimizer, self._dtype)
        self._rng = np.random.Generator(np.random.PCG64(whole_number(seed, "seed", low=0)))
        self._build(self._sizes, self._activations, self._loss, self._dtype)
        self._optimizer = chosen
        self._set_optimizer(chosen.name, list(chosen.hyperparameters.values()))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, inputs first. Thread-safety: it never changes."""
        return tuple(self._sizes)

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer, the output layer's last.

        Thread-safety: it never changes.
        """
        return tuple(self._activations)

    @property
    def loss(self) -> str:
        """The name of the loss. Thread-safety: it never changes."""
        return self._loss

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters and of all results. Thread-safety: it never changes."""
        return self._dtype

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are, padding not counted.

        Thread-safety: it never changes.
        """
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self._sizes))

    @property
    def optimizer(self) -> Optimizer:
        """How the parameters follow their gradient. Setting it starts its state afresh.

        Thread-safety: any number of threads may get it, one may set it; that waits its turn.
        """
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Optimizer | str) -> None:
        chosen = checked_optimizer(value, self._dtype)
        self._set_optimizer(chosen.name, list(chosen.hyperparameters.values()))
        self._optimizer = chosen

    @classmethod
    def _from_arguments(cls, arguments: dict[str, Any]) -> Self:
        """What `_arguments` describes, with zeros for weights, by no subclass's constructor."""
        network = _blank(cls)
        network._lay_out(**arguments)
        return network

    def _arguments(self) -> dict[str, Any]:
        """What to call the constructor with for a network like this one."""
        return {
            "sizes": list(self._sizes),
            "activation": list(self._activations[:-1]),
            "output_activation": self._activations[-1],
            "loss": self._loss,
            "optimizer": self._optimizer,
            "dtype": self._dtype.name,
        }

    def __getstate__(self) -> dict[str, Any]:
        parameters, states, memory = self._state()
        return {
            "arguments": self._arguments(),
            "parameters": parameters,
            "optimizer_states": states,
            "optimizer_memory": memory,
            "attributes": dict(self.__dict__),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lay_out(**state["arguments"])
        self._set_state(state["parameters"], state["optimizer_states"], state["optimizer_memory"])
        self.__dict__.update(state["attributes"])

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self),), self.__getstate__()

    def __copy__(self) -> Self:
        from copy import deepcopy

        state = self.__getstate__()
        state["attributes"]["_rng"] = deepcopy(self._rng)
        return _filled(type(self), state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from copy import deepcopy

        return _filled(type(self), deepcopy(self.__getstate__(), memo))

    def __eq__(self, other: object) -> bool:
        """Same architecture, settings and parameters; the optimizer's state does not count.

        Thread-safety: no other thread may train either of them meanwhile.
        """
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._arguments() == other._arguments() and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(
                self.weights + self.biases, other.weights + other.biases, strict=True
            )
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        hidden = self._activations[:-1]
        activation = repr(hidden[0]) if len(set(hidden)) == 1 else repr(hidden)
        return (
            f"Network({list(self._sizes)}, activation={activation},"
            f" output_activation={self._activations[-1]!r}, loss={self._loss!r},"
            f" optimizer={self._optimizer!r}, dtype={self._dtype.name!r}:"
            f" {self.n_parameters:,} parameters)"
        )


def _blank(kind: type[N]) -> N:
    return kind.__new__(kind)


def _filled(kind: type[N], state: dict[str, Any]) -> N:
    network = _blank(kind)
    network.__setstate__(state)
    return network
