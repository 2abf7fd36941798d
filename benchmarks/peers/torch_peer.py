"""PyTorch: eager, and a frozen trace for predicting; its fused SGD for learning; MKL's products."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import gemm
from benchmarks.gemm import Operation
from benchmarks.networks import Problem
from benchmarks.peers import Differentiator, Learner, Predictor, Trainer
from benchmarks.timing import Candidate

NAME = "PyTorch"

torch.set_num_threads(1)

ACTIVATIONS = {
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "identity": torch.nn.Identity,
}


def module(problem: Problem) -> torch.nn.Sequential:
    parts: list[torch.nn.Module] = []
    for W, b, activation in zip(problem.weights, problem.biases, problem.activations, strict=True):
        linear = torch.nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b))
        parts.append(linear)
        if activation != "identity":
            parts.append(ACTIVATIONS[activation]())
    return torch.nn.Sequential(*parts)


def parameters(net: torch.nn.Sequential) -> tuple[Any, Any]:
    linears = [part for part in net if isinstance(part, torch.nn.Linear)]
    return (
        [linear.weight.detach().numpy().T for linear in linears],
        [linear.bias.detach().numpy() for linear in linears],
    )


def tensor(x: Any) -> tuple[torch.Tensor]:
    with torch.inference_mode():
        return (torch.from_numpy(np.array(x)),)


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    net = module(problem).eval().requires_grad_(False)

    shape = (2, problem.sizes[0]) if batch else (problem.sizes[0],)
    with torch.inference_mode():
        example = torch.zeros(shape, dtype=next(net.parameters()).dtype)
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, example)))
        for _ in range(20):  # the profiling executor specialises over the first calls
            traced(example)
    return [
        Predictor("PyTorch eager", net, tensor),
        Predictor("PyTorch jit", traced, tensor),
    ]


class Step:
    """One update from a batch, or from one sample."""

    def __init__(self, problem: Problem, learning_rate: float) -> None:
        self.net = module(problem)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=learning_rate, fused=True)
        self.cost = torch.nn.MSELoss()

    def __call__(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.cost(self.net(X), Y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def parameters(self) -> tuple[Any, Any]:
        return parameters(self.net)


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    step = Step(problem, learning_rate)

    def prepare(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(np.array(x)), torch.from_numpy(np.array(y))

    return [Learner("PyTorch eager", step, step.parameters, prepare)]


def epochs(step: Step, X: Any, Y: Any, batch_size: int, shuffle: bool) -> Callable[[], float]:
    """One epoch a call, of a step on each batch."""
    n = len(X)
    X, Y = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch() -> float:
        order = torch.randperm(n) if shuffle else torch.arange(n)
        total = torch.zeros(())
        for rows in order.split(batch_size):
            total += step(X[rows], Y[rows]) * len(rows)
        return total.item() / n

    return epoch


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    step = Step(problem, learning_rate)
    epoch = epochs(step, X, Y, batch_size, shuffle)
    return [Trainer("PyTorch eager", epoch, step.parameters, problem)]


def gradients(problem: Problem, X: Any, Y: Any) -> list[Differentiator]:
    net, cost = module(problem), torch.nn.MSELoss()
    X, Y = torch.from_numpy(X), torch.from_numpy(Y)
    linears = [part for part in net if isinstance(part, torch.nn.Linear)]
    leaves = [linear.weight for linear in linears] + [linear.bias for linear in linears]

    def derive() -> Any:
        loss = cost(net(X), Y)
        return loss, torch.autograd.grad(loss, leaves)

    def read(found: Any) -> tuple[Any, Any]:
        arrays = [array.numpy() for array in found[1]]
        n = len(linears)
        return [dW.T for dW in arrays[:n]], arrays[n:]

    return [Differentiator("PyTorch eager", derive, read)]


def products(operation: Operation) -> list[Candidate]:
    """torch.mm, and the sgemm of the MKL that PyTorch carries, where it shows it."""
    first, second, out = (torch.from_numpy(array) for array in operation.factors_and_out)

    def multiply() -> None:
        torch.mm(first, second, out=out)

    made = [Candidate("PyTorch mm", multiply)]
    library = next(Path(torch.__file__).parent.glob("lib/libtorch_cpu.*"), None)
    if library is not None and torch.backends.mkl.is_available():
        made += gemm.candidates("MKL, compiled loop", library, "{}gemm_", operation)
    return made
