"""A network as a state that can be pickled and copied, and back."""

from __future__ import annotations

from typing import Any, TypeVar

from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.settings import Settings

_Network = TypeVar("_Network", bound=Engine)

# What networks of before 0.2 kept among their attributes.
FORMER = ("_sizes", "_activations", "_loss", "_dtype", "_optimizer", "_rng")


def state_of(network: Engine) -> dict[str, Any]:
    """Settings, copies of all numbers, the random generator and the attributes of the user.

    What `fit` saw is left out: with its seconds no two pickles would be the same.
    """
    settings, parameters, states, tally = memory.state(network)
    attributes = dict(vars(network))
    attributes.pop("history", None)
    return {
        "settings": settings,
        "parameters": parameters,
        "optimizer_states": states,
        "optimizer_tally": tally,
        "rng": network._rng,
        "attributes": attributes,
    }


def take_state(network: Engine, state: dict[str, Any]) -> None:
    """Fill a blank network; the state may be one of before 0.2."""
    attributes = dict(state["attributes"])
    if "arguments" in state:
        settings, rng = Settings(**state["arguments"]), attributes["_rng"]
        tally = state["optimizer_memory"]
        attributes = {key: attributes[key] for key in attributes if key not in FORMER}
    else:
        settings, rng, tally = state["settings"], state["rng"], state["optimizer_tally"]
    memory.lay_out(network, settings)
    memory.set_state(network, state["parameters"], state["optimizer_states"], tally)
    network._rng = rng
    vars(network).update(attributes)


def shallow(network: _Network) -> _Network:
    """A network of its own with the same attributes; only the random generator is copied deeply."""
    from copy import deepcopy

    state: Any = network.__getstate__()
    state["rng"] = deepcopy(state["rng"])
    return _filled(type(network), state)


def deep(network: _Network, memo: dict[int, Any]) -> _Network:
    """A network of its own with attributes of its own."""
    from copy import deepcopy

    return _filled(type(network), deepcopy(network.__getstate__(), memo))


def _filled(kind: type[_Network], state: Any) -> _Network:
    """A network of that class, filled as by unpickling: by its own method if it has one."""
    network = kind.__new__(kind)
    blank: Any = network
    blank.__setstate__(state)
    return network
