"""A network as a live model of PyTorch, which is imported when this is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.rules import Activation

CLASSES = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "identity": "Identity",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "softsign": "Softsign",
    "relu6": "ReLU6",
    "hard_sigmoid": "Hardsigmoid",
    "hard_swish": "Hardswish",
    "hard_tanh": "Hardtanh",
    "log_sigmoid": "LogSigmoid",
}
# Those that take something else than the hyperparameters that they have here.
OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "log_softmax": ("LogSoftmax", {"dim": 1}),
    "softmax": ("Softmax", {"dim": 1}),
    "softplus": ("Softplus", {"threshold": 40.0}),  # above it is the identity, to the last bit
}


def to_torch(network: Engine) -> Any:
    """A Sequential with the same weights, in evaluation mode.

    Parameters
    ----------
    network : Network

    Returns
    -------
    torch.nn.Sequential
        Of Linear layers, each with its activation behind it ("identity" is Identity), so that its
        state_dict has the names that `Network.save` writes. A network with dropout gets Dropout
        behind the activations, and other names therefore.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If PyTorch has no module for an activation.

    Notes
    -----
    Thread-safety: any number of threads at once; each sees the weights of a complete update.
    """
    settings = memory.settings_of(network)
    modules = [_module_of(rule) for rule in settings.activations]
    try:
        torch = import_module("torch")
    except ImportError:
        raise ImportError(
            "to_torch needs PyTorch, which is not installed: pip install torch"
        ) from None
    parameters = memory.empty_like_parameters(network)
    memory.read_parameters(network, parameters)
    parts: list[Any] = []
    rates = (*settings.dropout, 0.0)
    for W, b, (name, options), rate in zip(
        *memory.views(network, parameters), modules, rates, strict=True
    ):
        linear = torch.nn.utils.skip_init(
            torch.nn.Linear, *W.shape, dtype=getattr(torch, settings.dtype.name)
        )
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(W.T)))
            linear.bias.copy_(torch.from_numpy(np.ascontiguousarray(b)))
        parts += [linear, getattr(torch.nn, name)(**options)]
        if rate:
            parts.append(torch.nn.Dropout(rate))
    return torch.nn.Sequential(*parts).eval()


def _module_of(rule: Activation) -> tuple[str, dict[str, Any]]:
    """The class of an activation, and its arguments."""
    if rule.name in OWN:
        return OWN[rule.name]
    if rule.name not in CLASSES:
        raise ValueError(
            f"PyTorch has no module for the activation {rule.name!r}; it has those for"
            f" {', '.join(sorted([*CLASSES, *OWN]))}"
        )
    return CLASSES[rule.name], dict(rule.hyperparameters)
