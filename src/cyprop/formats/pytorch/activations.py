"""What PyTorch calls activations, by the names of its classes, and what they are here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyprop.activations import CELU, ELU, LeakyReLU
from cyprop.rules import Activation, ActivationName

# Each class with its defaults.
CLASSES: dict[str, Activation] = {
    "CELU": CELU(1.0),
    "ELU": ELU(1.0),
    "GELU": Activation("gelu"),
    "Hardsigmoid": Activation("hard_sigmoid"),
    "Hardswish": Activation("hard_swish"),
    "Hardtanh": Activation("hard_tanh"),
    "Identity": Activation("identity"),
    "LeakyReLU": LeakyReLU(0.01),
    "LogSigmoid": Activation("log_sigmoid"),
    "LogSoftmax": Activation("log_softmax"),
    "Mish": Activation("mish"),
    "ReLU": Activation("relu"),
    "ReLU6": Activation("relu6"),
    "SELU": Activation("selu"),
    "SiLU": Activation("silu"),
    "Sigmoid": Activation("sigmoid"),
    "Softmax": Activation("softmax"),
    "Softplus": Activation("softplus"),
    "Softsign": Activation("softsign"),
    "Tanh": Activation("tanh"),
}
GELUS: dict[str, ActivationName] = {"none": "gelu", "tanh": "gelu_tanh"}
ENDS: dict[tuple[float, float], ActivationName] = {(-1, 1): "hard_tanh", (0, 6): "relu6"}


def of_module(module: Any, refused: Callable[[str], Exception]) -> Activation | None:
    """The activation that a live module is, by the name of its class; None if it is none.

    Parameters
    ----------
    module : torch.nn.Module
    refused : callable
        Makes the exception for a sentence, if it is one whose numbers cannot be had here.
    """
    name = type(module).__name__
    match name:
        case "LeakyReLU":
            return LeakyReLU(module.negative_slope)
        case "ELU":
            return ELU(module.alpha)
        case "CELU":
            return CELU(module.alpha)
        case "GELU" if module.approximate in GELUS:
            return Activation(GELUS[module.approximate])
        case "Hardtanh" if (module.min_val, module.max_val) in ENDS:
            return Activation(ENDS[module.min_val, module.max_val])
        case "GELU":
            expected = "approximate='none' or 'tanh'"
        case "Hardtanh":
            expected = "ends at -1 and 1, or at 0 and 6"
        case "Softplus" if module.beta != 1 or module.threshold < 20:
            expected = "beta=1, and a threshold of at least 20"
        case "Softmax" | "LogSoftmax" if module.dim not in (1, -1):
            expected = "dim=1 or dim=-1"
        case _:
            return CLASSES.get(name)
    raise refused(f"{module!r} is not to be had here, expected {expected}")
