"""From the tensors of a PyTorch state_dict to a chain: what they are called tells what they are.

``NAME.weight`` of two dimensions, (n_out, n_in), and ``NAME.bias`` are a Linear layer.
``NAME.running_mean`` and ``running_var``, with ``weight`` and ``bias`` where it has them, are a
BatchNorm1d, y = (x − mean)/√(var + 1e-5)·weight + bias, as `torch.nn.BatchNorm1d` has it by
default. Anything else is refused by its name. Activations are not in a state_dict, so the caller
gives them.

Layers come in the order of the file. Names that differ in their last number alone, such as net.0
and net.2 or fc1 and fc2, are one group. Several groups are one chain if their sizes let them follow
each other in that order and in no other; else the caller chooses.

A BatchNorm1d stands in front of the activation of the layer before it, as it does in nearly every
network, unless numbers say otherwise: in an ``nn.Sequential`` net.0, net.2, net.3 are a Linear
layer, what has no parameters, a BatchNorm1d, and another Linear layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import is_sequence, shown
from cyprop.errors import FormatError
from cyprop.formats.chain import Builder, Chain
from cyprop.rules import Activation, ActivationName, loss_of
from cyprop.settings import checked_activations

Array = npt.NDArray[Any]
AnyActivation = ActivationName | Activation | Sequence[ActivationName | Activation]

EPSILON = 1e-5  # of BatchNorm1d, unless somebody gave it another, which a state_dict does not say
LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
OF_A_LINEAR = {"weight", "bias"}
OF_A_NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
MOST_GROUPS = 8  # whose orders are compared
MOST_NAMED = 12  # groups in a message


class NoActivationError(ValueError):
    """The activation is not given, and the file does not say it."""


class Tensors(Protocol):
    """Arrays by name, of which the shape is known before they are read."""

    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str) -> Array: ...
    def shape(self, name: str) -> tuple[int, ...]: ...


class Module(NamedTuple):
    """A Linear layer or a BatchNorm1d, and what its tensors are called in it."""

    name: str
    leaves: frozenset[str]
    n_in: int
    n_out: int

    @property
    def is_norm(self) -> bool:
        """Whether it is a BatchNorm1d."""
        return "running_mean" in self.leaves

    @property
    def number(self) -> int | None:
        """The last number in its name."""
        found = LAST_NUMBER.search(self.name)
        return None if found is None else int(found[0][-9:])

    @property
    def group(self) -> str:
        """Its name without the last number."""
        return LAST_NUMBER.sub("#", self.name, count=1)

    def tensor(self, leaf: str) -> str:
        """The whole name of one of its tensors."""
        return f"{self.name}.{leaf}" if self.name else leaf


class Group(NamedTuple):
    """Modules that follow each other and are called alike."""

    modules: tuple[Module, ...]

    @property
    def name(self) -> str:
        """What all their names begin with, as `layers` takes it."""
        names = [module.name for module in self.modules]
        if len(names) == 1:
            return names[0]
        common = LAST_NUMBER.sub("", names[0], count=1)
        inside = common.rstrip(".")
        return inside if common.endswith(".") else " ".join(names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, inputs first."""
        linear = [module for module in self.modules if not module.is_norm] or self.modules
        return (linear[0].n_in, *(module.n_out for module in linear))


def chain_of(
    tensors: Tensors,
    *,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
) -> Chain:
    """The network that a state_dict belongs to.

    Parameters
    ----------
    tensors : mapping of str to ndarray, which tells a shape too
        In the order of the layers.
    activation : str, Activation, or a sequence of these, optional
        Of all hidden layers, or one for each, as Network takes it. It must be given if there is a
        hidden layer.
    output_activation : str or Activation, optional
        By default there is none: "identity".
    layers : sequence of str, optional
        Names of modules, or what such names begin with, in the order in which data goes through
        them; what is not named is left out. By default all of them, in the order of the file.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        If the tensors are not those of a chain of Linear layers and BatchNorm1d.
    NoActivationError, which is a ValueError
        If the activation is missing.
    TypeError, ValueError
        If an argument is not one of the above.
    """
    modules = _chosen(_by_module(tensors), layers, tensors)
    n_layers = sum(not module.is_norm for module in modules)
    if not n_layers:
        raise FormatError(
            "it has no Linear layer, expected at least one NAME.weight of (n_out, n_in)"
        )
    sizes = Group(tuple(modules)).sizes
    if activation is None and n_layers > 1:
        raise NoActivationError(
            f"activation is not given, and the file, of a network {'-'.join(map(str, sizes))}, does"
            " not say it: give activation='relu', or another, or one for each hidden layer"
        )
    rules = checked_activations(
        "identity" if activation is None else activation,
        "identity" if output_activation is None else output_activation,
        loss_of("mse"),
        n_layers,
    )
    return _built(tensors, modules, rules)


def _built(tensors: Tensors, modules: list[Module], rules: Sequence[Activation]) -> Chain:
    """Read the arrays, layer upon layer."""
    builder = Builder()
    waiting: tuple[Activation, str] | None = None
    left = iter(rules)
    for at, module in enumerate(modules):
        what = f"the module {module.name!r}"
        if module.is_norm:
            if waiting is not None and _is_behind_activation(modules, at):
                builder.activation(*waiting)
                waiting = None
            builder.scale(*_scale_of(tensors, module), what, fold=True)
            continue
        if waiting is not None:
            builder.activation(*waiting)
        bias = tensors[module.tensor("bias")] if "bias" in module.leaves else None
        builder.affine(tensors[module.tensor("weight")].T, bias, what)
        waiting = next(left), f"the activation of {what}"
    if waiting is not None:
        builder.activation(*waiting)
    return builder.finish()


def _is_behind_activation(modules: list[Module], at: int) -> bool:
    """Whether numbers say that something stands between a layer and its BatchNorm1d.

    FormatError if they say that something stands on both sides, one of which is the activation.
    """
    before, module = modules[at - 1], modules[at]
    after = modules[at + 1] if at + 1 < len(modules) else None
    gap = _distance(before, module)
    if gap is None or gap == 1:
        return False
    if after is not None and _distance(module, after) == 1:
        return True
    raise FormatError(
        f"the module {module.name!r} may stand in front of an activation or behind it, which a"
        " state_dict does not say; cyprop.from_torch reads it from the model itself"
    )


def _distance(before: Module, after: Module) -> int | None:
    """How many places are between two modules of one group; None if they are of two."""
    if before.number is None or after.number is None or before.group != after.group:
        return None
    return after.number - before.number


def _scale_of(tensors: Tensors, module: Module) -> tuple[Array, Array]:
    """What a BatchNorm1d multiplies each column by, and adds then."""

    def numbers(leaf: str, default: float) -> Array:
        if leaf not in module.leaves:
            return np.full(module.n_out, default)
        return tensors[module.tensor(leaf)].astype(np.float64)

    with np.errstate(all="ignore"):
        factor = numbers("weight", 1) / np.sqrt(numbers("running_var", 1) + EPSILON)
        return factor, numbers("bias", 0) - numbers("running_mean", 0) * factor


def _by_module(tensors: Tensors) -> list[Module]:
    """The modules, in the order of their first tensors."""
    leaves: dict[str, set[str]] = {}
    for name in tensors:
        module, _, leaf = name.rpartition(".")
        leaves.setdefault(module, set()).add(leaf)
    return [Module(name, frozenset(found), 0, 0) for name, found in leaves.items()]


def _looked_at(module: Module, tensors: Tensors) -> Module:
    """A module with its sizes; FormatError if it is neither a Linear layer nor a BatchNorm1d."""
    known = OF_A_NORM if module.is_norm else OF_A_LINEAR
    for leaf in sorted(module.leaves - known):
        raise FormatError(
            f"its {module.tensor(leaf)[:200]!r} is not of a Linear layer or a BatchNorm1d; expected"
            " a chain of these"
        )
    if module.is_norm:
        n = _only_size(module, "running_mean", tensors)
        for leaf in sorted(module.leaves - {"num_batches_tracked"}):
            if _only_size(module, leaf, tensors) != n:
                raise FormatError(f"its {module.tensor(leaf)[:200]!r} has not {n} numbers")
        if "running_var" not in module.leaves:
            raise FormatError(f"it has no {module.tensor('running_var')[:200]!r}")
        return module._replace(n_in=n, n_out=n)
    if "weight" not in module.leaves:
        raise FormatError(f"it has no {module.tensor('weight')[:200]!r}")
    shape = tensors.shape(module.tensor("weight"))
    if len(shape) != 2:
        raise FormatError(
            f"its {module.tensor('weight')[:200]!r} has the shape {shape}, expected (n_out, n_in)"
            " of a Linear layer, or a BatchNorm1d that keeps its mean and variance"
        )
    if "bias" in module.leaves and _only_size(module, "bias", tensors) != shape[0]:
        raise FormatError(f"its {module.tensor('bias')[:200]!r} has not {shape[0]} numbers")
    return module._replace(n_in=shape[1], n_out=shape[0])


def _only_size(module: Module, leaf: str, tensors: Tensors) -> int:
    shape = tensors.shape(module.tensor(leaf))
    if len(shape) != 1:
        raise FormatError(
            f"its {module.tensor(leaf)[:200]!r} has the shape {shape}, expected one dimension"
        )
    return shape[0]


# Which modules, in which order


def _chosen(modules: list[Module], layers: Any, tensors: Tensors) -> list[Module]:
    """The modules to take, in order; FormatError or ValueError if they are no chain."""
    if layers is None:
        found = [_looked_at(module, tensors) for module in modules]
        groups = _grouped(found)
        if len(groups) > 1 and not _has_one_order(groups):
            raise FormatError(
                f"it has several chains of layers, {_listed(groups)}: give layers=[…], the names of"
                " those to take, in their order"
            )
        return found
    if not is_sequence(layers) or not all(isinstance(name, str) for name in layers) or not layers:
        raise TypeError(f"layers is {shown(layers)}, expected a list of names of modules")
    chosen: list[Module] = []
    for name in layers:
        inside = [
            module
            for module in modules
            if module.name == name or module.name.startswith(f"{name}.")
        ]
        if not inside:
            named = [Group((module,)) for module in modules]
            raise ValueError(
                f"layers has {name!r}, which is not in the file; it has {_names(named)}"
            )
        chosen += [_looked_at(module, tensors) for module in inside]
    if len({module.name for module in chosen}) != len(chosen):
        raise ValueError(f"layers is {shown(layers)}, which names a module twice")
    return chosen


def _grouped(modules: list[Module]) -> list[Group]:
    """Modules that follow each other and are called alike, together; a BatchNorm1d goes along."""
    groups: list[list[Module]] = []
    for module in modules:
        last = groups[-1] if groups else None
        goes_along = module.is_norm and last is not None and last[-1].n_out == module.n_in
        if last is not None and (goes_along or module.group == last[0].group):
            last.append(module)
        else:
            groups.append([module])
    return [Group(tuple(group)) for group in groups]


def _has_one_order(groups: list[Group]) -> bool:
    """Whether the sizes of groups let them follow each other as they stand, and in no other way."""
    ends = [(group.sizes[0], group.sizes[-1]) for group in groups]
    if any(before[1] != after[0] for before, after in pairwise(ends)):
        return False
    return len(groups) <= MOST_GROUPS and _count_orders(ends, None) == 1


def _count_orders(left: list[tuple[int, int]], end: int | None) -> int:
    """In how many orders all of these follow what ends in that many columns; 2 stands for more."""
    if not left:
        return 1
    found = 0
    for i, (first, last) in enumerate(left):
        if end in (None, first) and found < 2:
            found += _count_orders(left[:i] + left[i + 1 :], last)
    return min(found, 2)


def _listed(groups: list[Group]) -> str:
    shown_groups = [
        f"{group.name[:80]!r} {'-'.join(map(str, group.sizes[:9]))}"
        for group in groups[:MOST_NAMED]
    ]
    more = len(groups) - len(shown_groups)
    return ", ".join(shown_groups) + (f" and {more} more" if more else "")


def _names(groups: list[Group]) -> str:
    names = [repr(group.name[:80]) for group in groups[:MOST_NAMED]]
    more = len(groups) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
