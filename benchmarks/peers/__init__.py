"""The libraries that are compared: one module each, and what each of them has to offer.

A peer's module has a NAME and any of these functions, each giving a list, empty where the library
cannot compute that network:

    predictors(problem, batch)                                   -> [Predictor]
    learners(problem, learning_rate)                             -> [Learner]
    trainers(problem, X, Y, batch_size, learning_rate, shuffle)  -> [Trainer]
    gradients(problem, X, Y)                                     -> [Differentiator]
    followers(task), of the suite online                         -> [Follower]
    products(operation), of the suite kernels                    -> [Candidate]
    loops(problem, x, n_calls), compiled ones                    -> [Candidate]

Every peer is given its arguments in the form it likes best, prepared before the clock starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.networks import Problem

MODULES = (
    "numpy_peer", "numba_peer", "jax_peer", "torch_peer", "onnx_peer",
    "sklearn_peer", "fann_peer", "mlpfile_peer", "rtneural_peer", "compile_peer",
)  # fmt: skip

sources: Path | None = None  # where the sources are of peers that are compiled: `--sources`


def as_one_argument(*arguments: Any) -> tuple[Any, ...]:
    return arguments


@dataclass
class Predictor:
    """A function from one sample (or a batch) to the outputs."""

    label: str
    call: Callable[..., Any]
    prepare: Callable[..., tuple[Any, ...]] = as_one_argument
    read: Callable[[Any], Any] = np.asarray
    kind: str = "peer"


@dataclass
class Learner:
    """A function that learns samples: one a call, or all rows of a matrix where `rows` is set.

    The latter is not what a caller with one sample at a time can use, so it is no peer but a
    reference.
    """

    label: str
    call: Callable[..., Any]
    parameters: Callable[[], tuple[Any, Any]]
    prepare: Callable[..., tuple[Any, ...]] = as_one_argument
    rows: bool = False
    kind: str = "peer"


@dataclass
class Trainer:
    """A function that trains for one epoch. `problem` is what it started from."""

    label: str
    epoch: Callable[[], Any]
    parameters: Callable[[], tuple[Any, Any]]
    problem: Problem
    kind: str = "peer"


@dataclass
class Differentiator:
    """A function without arguments that gives the loss and derives it by all parameters."""

    label: str
    call: Callable[[], Any]
    parameters: Callable[[Any], tuple[Any, Any]]  # of what `call` gives: dW and db of each layer
    kind: str = "peer"


@dataclass
class Follower:
    """What a stream's rows are given to, one a call: `step(x, y)` predicts, then learns.

    It gives what was predicted, a number, or the probability of class 1. `same` is false where that
    is another model than the task names.
    """

    label: str
    step: Callable[[Any, Any], Any]
    prepare: Callable[[Any, float], tuple[Any, Any]]
    tolerance: float = 1e-9
    same: bool = True
    kind: str = "peer"


def load(names: tuple[str, ...] = MODULES) -> tuple[list[ModuleType], list[str]]:
    """The module of cyprop, then the peers that are installed, and a note on each that is not."""
    found, missing = [importlib.import_module("benchmarks.peers.cyprop_peer")], []
    for name in names:
        try:
            found.append(importlib.import_module(f"benchmarks.peers.{name}"))
        except (ImportError, OSError) as error:  # OSError: a library that it is made of
            missing.append(f"{name.removesuffix('_peer')} ({error})")
    return found, missing
