"""Small neural networks at the speed of memory.

    net = cyprop.Network([64, 32, 10], "relu", loss="cross_entropy", optimizer="adam")
    history = net.fit(X, labels, epochs=20)
    probabilities = net.predict(X)

`Network` is what one begins with: ``help(cyprop.Network)`` has its arguments and methods. Losses,
activations, optimizers and schedules go by name, or are objects where they have numbers to choose,
such as ``cyprop.Adam(0.003)``. `cyprop.datasets` has digits to try it on.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cyprop.activations import CELU, ELU, LeakyReLU
from cyprop.errors import DivergenceError, FormatError
from cyprop.losses import CrossEntropy, Huber, Quantile
from cyprop.network import Network
from cyprop.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from cyprop.rules import Activation, Loss, Optimizer
from cyprop.settings import Settings
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop import datasets as datasets
    from cyprop import interface as interface
    from cyprop import storage as storage
    from cyprop.checking import GradientCheck, check_gradients
    from cyprop.configuration import get_include, show_config
    from cyprop.formats.checkpoints import Checkpoint
    from cyprop.gradients import Gradients
    from cyprop.importing import from_keras, from_sklearn, from_torch, load
    from cyprop.training.callbacks import Callback
    from cyprop.training.history import History
    from cyprop.training.lbfgs import LBFGS
    from cyprop.training.many import fit_many
    from cyprop.training.plateau import ReduceOnPlateau
    from cyprop.training.schedules import (
        Constant,
        Cosine,
        Exponential,
        InverseScaling,
        OneCycle,
        Polynomial,
        Schedule,
        Step,
    )
    from cyprop.training.stopping import EarlyStopping, StopTraining

__all__ = [
    "CELU",
    "ELU",
    "LBFGS",
    "SGD",
    "Activation",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Callback",
    "Checkpoint",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "DivergenceError",
    "EarlyStopping",
    "Exponential",
    "FormatError",
    "GradientCheck",
    "Gradients",
    "History",
    "Huber",
    "InverseScaling",
    "LeakyReLU",
    "Loss",
    "Network",
    "OneCycle",
    "Optimizer",
    "Polynomial",
    "Quantile",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "Settings",
    "Step",
    "StopTraining",
    "__version__",
    "check_gradients",
    "fit_many",
    "from_keras",
    "from_sklearn",
    "from_torch",
    "get_include",
    "load",
    "show_config",
]

# Imported when first asked for, since not every program needs them.
_LATER = {
    **dict.fromkeys(
        (
            "Constant",
            "Cosine",
            "Exponential",
            "InverseScaling",
            "OneCycle",
            "Polynomial",
            "Schedule",
            "Step",
        ),
        "cyprop.training.schedules",
    ),
    "Callback": "cyprop.training.callbacks",
    "Checkpoint": "cyprop.formats.checkpoints",
    "EarlyStopping": "cyprop.training.stopping",
    "LBFGS": "cyprop.training.lbfgs",
    "StopTraining": "cyprop.training.stopping",
    **dict.fromkeys(("from_keras", "from_sklearn", "from_torch", "load"), "cyprop.importing"),
    "_C_API": "cyprop.interface",
    "GradientCheck": "cyprop.checking",
    "Gradients": "cyprop.gradients",
    "History": "cyprop.training.history",
    "ReduceOnPlateau": "cyprop.training.plateau",
    "check_gradients": "cyprop.checking",
    "fit_many": "cyprop.training.many",
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
