"""Policies of stable-baselines3, the zip files that its ``model.save`` writes.

``policy.pth`` in them is a state_dict, which archive.py reads where it stands. ``data`` is JSON,
with pickles as base64 in it; these are never decoded. Beside a pickle of a dict it has the dict's
entries as text, and that is where the class of the activation is found: in ``policy_kwargs``, if
the user chose one there. If not, and the policy is one of the library's own, the activation is
that library's default: tanh for PPO and A2C, relu for DQN, SAC, TD3 and DDPG. A policy of another
module says nothing, and the caller is asked.

Which tensors are the policy, and which the value, is told by their names. The outputs are what the
library's own network gives: for PPO and A2C logits, or the means of actions; for DQN the value of
each action; for SAC, TD3 and DDPG actions from -1 to 1, which the library then stretches to the
bounds of the action space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

from cyprop.checks.numbers import is_dict, shown
from cyprop.errors import FormatError
from cyprop.formats.bounded_json import parsed, said
from cyprop.formats.chain import Chain
from cyprop.formats.pytorch.activations import CLASSES
from cyprop.formats.pytorch.archive import StateDict
from cyprop.formats.pytorch.state_dict import AnyActivation, NoActivationError, chain_of
from cyprop.formats.reading import size_of
from cyprop.formats.zip_members import Archive
from cyprop.rules import Activation, ActivationName

OUTPUTS = ("policy", "value")
POLICY = "policy.pth"
# Modules of policies whose defaults are known.
LIBRARIES = ("stable_baselines3.", "sb3_contrib.")
CLASS = re.compile(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>")


class Parts(NamedTuple):
    """The modules of a network, in order; those that end in ? may be without layers."""

    modules: tuple[str, ...]
    output_activation: ActivationName = "identity"


class Kind(NamedTuple):
    """What the algorithms of one kind of policy have."""

    key: str  # the tensor that no other kind has
    default: ActivationName
    outputs: dict[str, Parts]


SHARED = "mlp_extractor.shared_net?"
KINDS = (
    Kind(
        "action_net.weight",
        "tanh",
        {
            "policy": Parts((SHARED, "mlp_extractor.policy_net?", "action_net")),
            "value": Parts((SHARED, "mlp_extractor.value_net?", "value_net")),
        },
    ),
    Kind(
        "q_net.q_net.0.weight",
        "relu",
        dict.fromkeys(OUTPUTS, Parts(("q_net.q_net",))),
    ),
    Kind(
        "actor.mu.weight",
        "relu",
        {"policy": Parts(("actor.latent_pi?", "actor.mu"), "tanh")},
    ),
    Kind("actor.mu.0.weight", "relu", {"policy": Parts(("actor.mu",), "tanh")}),
)


def read(
    file: BinaryIO,
    *,
    output: str | None = None,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
) -> Chain:
    """The policy in a file, or its value network.

    Parameters
    ----------
    file : binary file
        It can be sought in.
    output : "policy" or "value", default "policy"
    activation : str, Activation, or a sequence of these, optional
        By default that of the file, or the default of its algorithm.
    output_activation : str or Activation, optional
        By default tanh for the actions of SAC, TD3 and DDPG, else "identity".
    layers : sequence of str, optional
        In place of `output`: the modules to take, as of `state_dict.chain_of`.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        If the file is no such file, or its policy not a chain, such as one with convolutions.
    TypeError, ValueError
        If an argument is missing or not one of the above.

    Notes
    -----
    Thread-safety: any number of threads, each with a file of its own.
    """
    if output is not None and output not in OUTPUTS:
        raise ValueError(f"output is {shown(output)}, expected 'policy' or 'value'")
    if output is not None and layers is not None:
        raise ValueError("output and layers are given, expected one of them")
    archive = Archive(file)
    size = size_of(file)
    tensors = StateDict(archive.opened(POLICY))
    kind = next((kind for kind in KINDS if kind.key in tensors), None)
    if layers is None:
        parts = _parts(tensors, kind, output or "policy")
        layers = parts.modules
        output_activation = output_activation or parts.output_activation
    if activation is None and kind is not None:
        activation = _activation(archive, size, kind.default)
    return chain_of(
        tensors, activation=activation, output_activation=output_activation, layers=layers
    )


def _parts(tensors: StateDict, kind: Kind | None, output: str) -> Parts:
    """The modules of a network that are in the file."""
    for name in tensors:
        if "features_extractor." in name:
            raise FormatError(
                f"its policy has {name[:200]!r}, of a features extractor with layers of its own,"
                " such as a CnnPolicy has; expected an MlpPolicy"
            )
    if kind is None:
        raise FormatError(
            "its policy is not one of PPO, A2C, DQN, SAC, TD3 or DDPG; give layers=[…], the names"
            " of the modules to take, in their order"
        )
    if output not in kind.outputs:
        raise FormatError(
            "its critics take the actions beside the observations, so there is no value network of"
            " observations alone; layers=['critic.qf0'] takes a critic as it is"
        )
    found = kind.outputs[output]
    modules: list[str] = []
    for module in found.modules:
        name = module.removesuffix("?")
        if name == module or any(key.startswith(f"{name}.") for key in tensors):
            modules.append(name)
    return found._replace(modules=tuple(modules))


def _activation(archive: Archive, size: int, default: ActivationName) -> Activation:
    """The activation that the file names, or the default of the library's own policies."""
    data = parsed(archive.read("data"), size, "its 'data'")
    chosen = data.get("policy_kwargs", {}) if is_dict(data) else None
    policy = data.get("policy_class", {}) if is_dict(data) else None
    if not (is_dict(chosen) and is_dict(policy)):
        raise FormatError("its 'data' does not say what policy it is")
    if "activation_fn" in chosen:
        return _of_class(chosen["activation_fn"])
    module = policy.get("__module__")
    if not (isinstance(module, str) and module.startswith(LIBRARIES)):
        raise NoActivationError(
            f"activation is not given, and the policy is of the module {said(module)}, which"
            " may have any: give activation='tanh', or another"
        )
    return Activation(default)


def _of_class(text: Any) -> Activation:
    """The activation of a class, as Python shows it."""
    named = CLASS.fullmatch(text) if isinstance(text, str) else None
    found = None if named is None else CLASSES.get(named[1])
    if found is None:
        raise FormatError(
            f"its activation is {said(text)}, which is not to be had here; activation=… puts"
            " another in its place"
        )
    return found
