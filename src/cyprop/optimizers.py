"""Where pickles made before 0.2 look for optimizers; now they are in ``cyprop.rules``."""

from cyprop.rules import SGD, Adam, Optimizer, named

__all__ = ["SGD", "Adam", "Optimizer", "named"]
