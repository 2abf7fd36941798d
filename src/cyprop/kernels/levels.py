"""The instruction sets by name: which there are, and how the kernels for one are found."""

from __future__ import annotations

import importlib
import os
from typing import Any

LEVELS = ("baseline", "avx2", "avx512")  # each has all that the one before has


def built() -> tuple[str, ...]:
    """The levels this installation contains."""
    from importlib.util import find_spec  # rarely needed, and slow to import

    return tuple(name for name in LEVELS if find_spec("cyprop.kernels.loops." + name))


def capsule(name: str, supported: tuple[str, ...]) -> Any:
    """The table of the level `name`, in a capsule.

    Raises
    ------
    ValueError
        If there is no such level.
    RuntimeError
        If it is not among those the processor supports, or not in this installation.
    """
    if name not in LEVELS:
        raise ValueError(f"instruction set {name!r} is unknown; known are {', '.join(LEVELS)}")
    if name not in supported:
        raise RuntimeError(
            f"instruction set {name!r} is not supported by this processor,"
            f" which has {', '.join(supported)}"
        )
    try:
        return importlib.import_module("cyprop.kernels.loops." + name).capsule
    except ModuleNotFoundError:
        raise RuntimeError(f"instruction set {name!r} is not in this build of cyprop") from None


def choice(supported: tuple[str, ...]) -> tuple[str, Any]:
    """The level to start with, and its capsule: what CYPROP_ISA names, or the best there is."""
    forced = os.environ.get("CYPROP_ISA")
    if forced:
        try:
            return forced, capsule(forced, supported)
        except (ValueError, RuntimeError) as error:
            raise ImportError(f"CYPROP_ISA: {error}") from None
    for name in reversed(supported):
        try:
            return name, capsule(name, supported)
        except RuntimeError:
            continue
    raise ImportError("this installation of cyprop contains no kernels")
