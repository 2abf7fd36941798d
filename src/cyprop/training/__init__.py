"""Learning from data: epochs, schedules, and what is kept of them."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Pickles made before 0.2 look for History here; it is not loaded until then."""
    if name == "History":
        return import_module("cyprop.training.history").History
    raise AttributeError(f"module 'cyprop.training' has no attribute {name!r}")
