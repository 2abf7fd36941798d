"""A network as a state that can be pickled and copied, and back."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from cyprop.checks.maps import NO_MAPS, Maps
from cyprop.checks.names import NO_NAMES, Names, checked_labels, checked_names
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.settings import Settings

_Network = TypeVar("_Network", bound=Engine)

# What networks of before 0.2 kept among their attributes.
FORMER = ("_sizes", "_activations", "_loss", "_dtype", "_optimizer", "_rng")


def state_of(network: Engine) -> dict[str, Any]:
    """Settings, copies of all numbers, the random generator and what a user has added.

    What `fit` saw is left out: with its seconds no two pickles would be the same. Slots are those
    of a subclass that hold something; without any the state is what it always was.
    """
    found_maps, (settings, parameters, states, tally) = maps.with_maps(network, memory.state)
    attributes = dict(vars(network))
    attributes.pop("history", None)
    state: dict[str, Any] = {
        "settings": settings,
        "parameters": parameters,
        "optimizer_states": states,
        "optimizer_tally": tally,
        "rng": memory.rng_of(network),
        "attributes": attributes,
    }
    seed, frozen = memory.seed_of(network), memory.frozen_of(network)
    if seed or any(settings.dropout):
        state["dropout_seed"] = seed  # which it was for alone when the name was given
    if frozen:
        state["frozen"] = frozen
    if found_maps != NO_MAPS:
        state["maps"] = {key: tuple(pair) for key, pair in set_of(found_maps).items()}
    if maps.names_of(network) != NO_NAMES:
        state["names"] = set_of(maps.names_of(network))
    found: Any = object.__getstate__(network)
    if isinstance(found, tuple):  # attributes, and slots
        state["slots"] = found[1]
    return state


def set_of(several: Maps | Names) -> dict[str, Any]:
    """Of a few things that may be None those that are not, by name."""
    return {key: value for key, value in several._asdict().items() if value is not None}


def take_state(network: Engine, state: Any) -> None:
    """Fill a blank network; the state may be one of before 0.2."""
    state = _part({"state": state}, "state", dict)
    attributes: dict[str, Any] = dict(_part(state, "attributes", dict))
    if "arguments" in state:
        settings = Settings(**_part(state, "arguments", dict))
        rng = _part(attributes, "_rng", np.random.Generator)
        tally = _part(state, "optimizer_memory", list)
        attributes = {key: attributes[key] for key in attributes if key not in FORMER}
    else:
        settings = _checked(_part(state, "settings", Settings))
        rng = _part(state, "rng", np.random.Generator)
        tally = _part(state, "optimizer_tally", list)
    parameters = _part(state, "parameters", np.ndarray)
    states = _part(state, "optimizer_states", list)
    if not all(isinstance(number, float) for number in tally):
        raise TypeError("the state has numbers of the optimizer that are not floats")
    slots: dict[str, Any] = _part(state, "slots", dict) if "slots" in state else {}
    seed: int = _part(state, "dropout_seed", int) if "dropout_seed" in state else 0
    frozen: tuple[Any, ...] = _part(state, "frozen", tuple) if "frozen" in state else ()
    found_maps: dict[str, Any] = _part(state, "maps", dict) if "maps" in state else {}
    names: dict[str, Any] = _part(state, "names", dict) if "names" in state else {}
    memory.lay_out(network, settings)
    take_maps_and_names(network, found_maps, names)
    memory.set_rng(network, rng)
    memory.set_seed(network, seed)
    if frozen:
        memory.set_frozen(network, frozen)
    memory.set_state(network, parameters, states, tally)
    vars(network).update(attributes)
    for name, value in slots.items():
        setattr(network, name, value)


def take_maps_and_names(network: Engine, found_maps: dict[str, Any], names: dict[str, Any]) -> None:
    """Give a new network maps and names, which are checked; keys as those of Maps and Names.

    Raises
    ------
    TypeError, ValueError
        If one is not such as the network can have.
    """
    settings = memory.settings_of(network)
    if found_maps:
        maps.set_maps(network, found_maps.get("inputs"), found_maps.get("outputs"))
    if names:
        found = Names(
            checked_names(names.get("inputs"), "input_names", settings.sizes[0]),
            checked_names(names.get("outputs"), "output_names", settings.sizes[-1]),
            checked_labels(names.get("labels"), settings),
        )
        maps.set_names(network, maps.names_of(network), found)


def same_maps_and_names(one: Engine, other: Engine) -> bool:
    """Whether two networks of equal settings take and give the same things by the same names."""
    names = maps.names_of(one), maps.names_of(other)
    kinds = [[type(label) for label in found.labels or ()] for found in names]
    if names[0] != names[1] or kinds[0] != kinds[1]:
        return False
    return all(
        mine is theirs
        or (mine is not None and theirs is not None and all(map(np.array_equal, mine, theirs)))
        for mine, theirs in zip(maps.maps_of(one), maps.maps_of(other), strict=True)
    )


def attributes_of(network: Engine) -> dict[str, Any]:
    """What a user has added, and slots of a subclass that hold something."""
    found: Any = object.__getstate__(network)
    if not isinstance(found, tuple):
        return dict(vars(network))
    slots: dict[str, Any] = found[1]  # pyright: ignore[reportUnknownVariableType]
    return {**vars(network), **slots}


def _part(state: dict[Any, Any], key: str, kind: type[Any]) -> Any:
    """What the state has under the key, if it is of that kind."""
    if key not in state:
        raise ValueError(f"the state has no {key!r}, so it is not one of a network")
    if not isinstance(state[key], kind):
        found = type(state[key]).__name__
        raise TypeError(f"the pickle has {found} for {key!r}, expected a {kind.__name__}")
    return state[key]


def _checked(settings: Settings) -> Settings:
    """The same settings made anew, so that all in them is checked: a file may hold anything."""
    try:
        *hidden, output = settings.activations
        arguments = settings.sizes, hidden, output, settings.loss, settings.optimizer
        others = settings.dtype, settings.l1, settings.l2, settings.dropout
    except (AttributeError, TypeError, ValueError):
        raise TypeError("the state has settings that were never made") from None
    return Settings(*arguments, *others)


def shallow(network: _Network) -> _Network:
    """A network of its own with the same attributes; only the random generator is copied deeply."""
    from copy import deepcopy

    state: Any = network.__getstate__()
    state["rng"] = deepcopy(state["rng"])
    return _filled(_blank_like(network), state)


def deep(network: _Network, memo: dict[int, Any]) -> _Network:
    """A network of its own with attributes of its own, which may lead back to it."""
    from copy import deepcopy

    copy = _blank_like(network)
    memo[id(network)] = copy
    return _filled(copy, deepcopy(network.__getstate__(), memo))


def _blank_like(network: _Network) -> _Network:
    kind = type(network)
    return kind.__new__(kind)


def _filled(network: _Network, state: Any) -> _Network:
    """Fill a blank network as unpickling does: by its own method if it has one."""
    blank: Any = network
    blank.__setstate__(state)
    return network
