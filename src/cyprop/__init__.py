"""Small neural networks at the speed of memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cyprop.errors import DivergenceError, FormatError
from cyprop.network import Gradients, Network
from cyprop.optimizers import SGD, Adam, Optimizer
from cyprop.training import History
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop import storage as storage
    from cyprop.configuration import get_include, show_config

__all__ = [
    "SGD",
    "Adam",
    "DivergenceError",
    "FormatError",
    "Gradients",
    "History",
    "Network",
    "Optimizer",
    "__version__",
    "get_include",
    "show_config",
]


def __getattr__(name: str) -> Any:
    """Import what few programs need when it is first asked for; it is half the time of import."""
    if name == "storage":
        return import_module("cyprop.storage")
    if name in ("get_include", "show_config"):
        return getattr(import_module("cyprop.configuration"), name)
    if name == "_C_API":
        return import_module("cyprop.interface")._C_API
    raise AttributeError(f"module 'cyprop' has no attribute {name!r}")
