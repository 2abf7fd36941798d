"""What a loss costs beside the rest of a batch: C of each row, and the derivative that goes down.

1,000 rows of float32, with one output, a few classes, and many. `forward` of cyprop gives what each
row costs, in float64; PyTorch's functions with reduction="none" give that in float32.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import budget, common, report
from benchmarks.timing import Candidate, compare
from cyprop.kernels import loss

N = 1000
WIDTHS = (1, 3, 10, 100)
LOSSES = ("cross_entropy", "binary_cross_entropy", "log_cosh", "mse")
CASES = [(name, n_out) for name in LOSSES for n_out in WIDTHS][1:]  # of one class nothing is learnt


def targets(name: str, n_out: int, rng: np.random.Generator) -> Any:
    if name == "cross_entropy":
        return np.eye(n_out, dtype="float32")[rng.integers(n_out, size=N)]
    if name == "binary_cross_entropy":
        return rng.integers(2, size=(N, n_out)).astype("float32")
    return rng.normal(size=(N, n_out)).astype("float32")


def activated(name: str, Z: Any) -> Any:
    """A, as the output activation of the loss gives it."""
    if name == "cross_entropy":
        powers = np.exp(Z - Z.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return 1 / (1 + np.exp(-Z)) if name == "binary_cross_entropy" else Z


def of_torch(name: str, Z: Any, Y: Any) -> tuple[str, Callable[[], Any]] | None:
    """PyTorch's function of rows, if it is there and has one."""
    try:
        import torch
    except ImportError:
        return None
    from torch.nn import functional

    torch.set_num_threads(1)
    z, y = torch.from_numpy(Z), torch.from_numpy(Y)
    functions: dict[str, Callable[[], Any]] = {
        "cross_entropy": lambda: functional.cross_entropy(z, y, reduction="none"),
        "binary_cross_entropy": lambda: functional.binary_cross_entropy_with_logits(
            z, y, reduction="none"
        ).mean(dim=1),
        "mse": lambda: functional.mse_loss(z, y, reduction="none").mean(dim=1),
    }
    return ("PyTorch", functions[name]) if name in functions else None


def entrants(name: str, n_out: int) -> list[Candidate]:
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(N, n_out)).astype("float32")
    A, Y = activated(name, Z).astype("float32"), targets(name, n_out, rng)
    C, dA = np.empty(N), np.empty_like(A)
    found = [
        Candidate("forward", lambda: loss.forward(name, Z, A, Y, C), per_call=N, kind="ours"),
        Candidate("backward", lambda: loss.backward(name, A, Y, dA), per_call=N, kind="reference"),
    ]
    peer = of_torch(name, Z, Y)
    if peer is not None:
        label, call = peer
        found[0].function()
        np.testing.assert_allclose(call().numpy(), C, rtol=1e-5, atol=1e-6)
        found.append(Candidate(f"{label}, forward", call, per_call=N, kind="peer"))
    return found


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks loss", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    cases = []
    for name, n_out in budget.each(CASES):
        candidates = entrants(name, n_out)
        rows = report.entries(candidates, compare(candidates, options.repeats))
        title = f"{name}, {n_out} output{'s' * (n_out > 1)}"
        report.show(f"{title}: a row of {N}, float32", rows)
        cases.append({"case": title, "loss": name, "n_out": n_out, "results": rows})
    report.save("loss", {"missing": [], "cases": cases}, options.output)
