"""Small neural networks at the speed of memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cyprop.errors import DivergenceError, FormatError
from cyprop.network import Network
from cyprop.rules import SGD, Activation, Adam, Loss, Optimizer
from cyprop.settings import Settings
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop import datasets as datasets
    from cyprop import storage as storage
    from cyprop.configuration import get_include, show_config
    from cyprop.gradients import Gradients
    from cyprop.training.history import History

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "DivergenceError",
    "FormatError",
    "Gradients",
    "History",
    "Loss",
    "Network",
    "Optimizer",
    "Settings",
    "__version__",
    "get_include",
    "show_config",
]

# Imported when first asked for, since not every program needs them.
_LATER = {
    "_C_API": "cyprop.interface",
    "Gradients": "cyprop.gradients",
    "History": "cyprop.training.history",
    "get_include": "cyprop.configuration",
    "show_config": "cyprop.configuration",
}


def __getattr__(name: str) -> Any:
    if name == "storage":
        return import_module("cyprop.storage")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'cyprop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "storage"})
