"""PyTorch with torch.compile: a frozen graph for predicting, forward and backward for training.

It writes C++ and compiles it, so there is none of it without a C++ compiler and Python's headers.
"""

from typing import Any

import torch

from benchmarks.networks import Problem
from benchmarks.peers import Predictor, Trainer, torch_peer

NAME = "torch.compile"

MANY = 10_000  # networks in one process, beyond which PyTorch would go back to calling eagerly
KEPT = 4


def try_it() -> None:
    """Compile the least there is.

    Raises
    ------
    ImportError
    """
    try:
        torch.compile(lambda x: x + 1, dynamic=False)(torch.zeros(8))
    except Exception as error:  # of many kinds
        line = str(error).strip().partition("\n")[0]
        raise ImportError(f"torch.compile fails: {line or type(error).__name__}") from None


torch._dynamo.config.recompile_limit = MANY
torch._dynamo.config.accumulated_recompile_limit = MANY
try_it()

_frozen: list[tuple[Problem, bool, Any]] = []  # the last ones: doors ask for the same again


def frozen(problem: Problem, batch: bool) -> Any:
    for known, its_batch, compiled in _frozen:
        if known is problem and its_batch == batch:
            return compiled
    net = torch_peer.module(problem).eval().requires_grad_(False)
    compiled = torch.compile(net, dynamic=False, options={"freezing": True})
    _frozen.append((problem, batch, compiled))
    del _frozen[:-KEPT]
    return compiled


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    compiled = frozen(problem, batch)

    def prepare(x: Any) -> tuple[torch.Tensor]:
        arguments = torch_peer.tensor(x)
        compiled(*arguments)  # compiles for this shape, before the clock starts
        return arguments

    return [Predictor("PyTorch torch.compile", compiled, prepare)]


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    step = torch_peer.Step(problem, learning_rate)
    step.net.compile(dynamic=False)
    epoch = torch_peer.epochs(step, X, Y, batch_size, shuffle)
    return [Trainer("PyTorch torch.compile", epoch, step.parameters, problem)]
