"""Small neural networks at the speed of memory."""

from cyprop.network import Gradients, Network
from cyprop.optimizers import SGD, Adam, Optimizer
from cyprop.storage import FormatError
from cyprop.training import DivergenceError, History
from cyprop.version import __version__

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
]
