"""Small neural networks at the speed of memory."""

from importlib import import_module
from typing import TYPE_CHECKING

from cyprop.errors import DivergenceError, FormatError
from cyprop.network import Network
from cyprop.rules import SGD, Activation, Adam, Loss, Optimizer
from cyprop.settings import Settings
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop import datasets as datasets
    from cyprop import interface as interface
    from cyprop import storage as storage
    from cyprop.activations import CELU, ELU, LeakyReLU
    from cyprop.configuration import get_include, show_config
    from cyprop.gradients import Gradients
    from cyprop.losses import CrossEntropy, Huber, Quantile
    from cyprop.training.history import History

__all__ = [
    "CELU",
    "ELU",
    "SGD",
    "Activation",
    "Adam",
    "CrossEntropy",
    "DivergenceError",
    "FormatError",
    "Gradients",
    "History",
    "Huber",
    "LeakyReLU",
    "Loss",
    "Network",
    "Optimizer",
    "Quantile",
    "Settings",
    "__version__",
    "get_include",
    "show_config",
]

# Imported when first asked for, since not every program needs them.
_LATER = {
    "CELU": "cyprop.activations",
    "ELU": "cyprop.activations",
    "CrossEntropy": "cyprop.losses",
    "_C_API": "cyprop.interface",
    "Gradients": "cyprop.gradients",
    "History": "cyprop.training.history",
    "Huber": "cyprop.losses",
    "LeakyReLU": "cyprop.activations",
    "Quantile": "cyprop.losses",
    "get_include": "cyprop.configuration",
    "show_config": "cyprop.configuration",
}
_MODULES = ("datasets", "interface", "storage")

# Type checkers do not see this function, which would let them take any name for one of cyprop's.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _MODULES:
            return import_module(f"cyprop.{name}")
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        raise AttributeError(f"module 'cyprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    own = {"__doc__", "__file__", "__name__", "__path__"}
    return sorted({*__all__, *_MODULES, *own})
