"""Small neural networks at the speed of memory."""

from cyprop.network import Gradients, Network
from cyprop.optimizers import SGD, Adam, Optimizer
from cyprop.storage import FormatError
from cyprop.training import DivergenceError, History

__all__ = [
    "SGD",
    "Adam",
    "DivergenceError",
    "FormatError",
    "Gradients",
    "History",
    "Network",
    "Optimizer",
]
__version__ = "0.1.0"
