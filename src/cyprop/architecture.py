"""What a network is made of: its settings, by which it is laid out, copied, compared and shown."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from cyprop.checks.numbers import whole_number
from cyprop.engine.engine import Engine
from cyprop.rules import Optimizer, OptimizerName
from cyprop.settings import Settings

OWN = ("_settings", "_rng")  # what a network keeps in its __dict__, beside what a user adds
OLD = ("_sizes", "_loss", "_activations", "_dtype", "_optimizer", "_rng")  # the same, before 0.2
N = TypeVar("N", bound="Architecture")


class Architecture(Engine):
    """The part of a network that knows its settings; make a Network instead."""

    _settings: Settings
    _rng: np.random.Generator

    def _lay_out(self, settings: Settings, seed: int = 0) -> None:
        """All that the constructor does but draw the weights, which are zero."""
        if self.weights:
            raise RuntimeError("a network cannot be initialised twice; make a new one")
        self._rng = np.random.Generator(np.random.PCG64(whole_number(seed, "seed", low=0)))
        self._build(
            list(settings.sizes),
            list(settings.activation_names),
            settings.loss.name,
            settings.dtype,
        )
        self._settings = settings
        self._set_optimizer(settings.optimizer.name, list(settings.optimizer.values))

    @property
    def settings(self) -> Settings:
        """What the network is made of, but for its weights.

        Thread-safety: any number of threads may get it; the optimizer in it is the one of that
        moment.
        """
        return self._settings

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, inputs first. Thread-safety: it never changes."""
        return self._settings.sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer, the output layer's last.

        Thread-safety: it never changes.
        """
        return self._settings.activation_names

    @property
    def loss(self) -> str:
        """The name of the loss. Thread-safety: it never changes."""
        return self._settings.loss.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters and of all results. Thread-safety: it never changes."""
        return self._settings.dtype

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are, padding not counted.

        Thread-safety: it never changes.
        """
        return self._settings.n_parameters

    @property
    def optimizer(self) -> Optimizer:
        """How the parameters follow their gradient. Setting it starts its state afresh.

        Thread-safety: any number of threads may get it, one may set it; that waits its turn.
        """
        return self._settings.optimizer

    @optimizer.setter
    def optimizer(self, value: OptimizerName | Optimizer) -> None:
        settings = self._settings.with_optimizer(value)
        self._set_optimizer(settings.optimizer.name, list(settings.optimizer.values))
        self._settings = settings

    @classmethod
    def _from_settings(cls, settings: Settings) -> Self:
        """A network with zeros for weights, made by no subclass's constructor."""
        network = cls.__new__(cls)
        network._lay_out(settings)
        return network

    def __getstate__(self) -> dict[str, Any]:
        parameters, states, memory = self._state()
        attributes = {key: value for key, value in self.__dict__.items() if key not in OWN}
        return {
            "settings": self._settings,
            "parameters": parameters,
            "optimizer_states": states,
            "optimizer_memory": memory,
            "rng": self._rng,
            "attributes": attributes,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = dict(state["attributes"])
        if "arguments" in state:  # of a pickle made before 0.2
            settings, rng = Settings(**state["arguments"]), attributes["_rng"]
            attributes = {key: value for key, value in attributes.items() if key not in OLD}
        else:
            settings, rng = state["settings"], state["rng"]
        self._lay_out(settings)
        self._set_state(state["parameters"], state["optimizer_states"], state["optimizer_memory"])
        self._rng = rng
        self.__dict__.update(attributes)

    def __copy__(self) -> Self:
        from copy import deepcopy

        state = self.__getstate__()
        state["rng"] = deepcopy(self._rng)
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
        return self._settings == other._settings and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(
                self.weights + self.biases, other.weights + other.biases, strict=True
            )
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Network({self._settings.shown()})"


def _blank(kind: type[N]) -> N:  # pyright: ignore[reportUnusedFunction]
    """Pickles made before 0.2 begin with this function; later ones with ``_restore.restore``."""
    return kind.__new__(kind)


def _filled(kind: type[N], state: dict[str, Any]) -> N:
    network = kind.__new__(kind)
    network.__setstate__(state)
    return network
