"""The batch kernels beside OpenBLAS, MKL and LIBXSMM, in GFLOP/s beside the FMA peak."""

import argparse
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import budget, common, floors, native, peers, pictures, report
from benchmarks.gemm import Operation
from benchmarks.networks import assert_same
from benchmarks.timing import Candidate, compare
from cyprop import Network
from cyprop.kernels import dense

SHAPES = ((784, 30), (784, 300), (256, 256), (512, 512), (1024, 1024))
BATCHES = (10, 32, 128)
PEERS = ("numpy_peer", "torch_peer", "xsmm_peer")
LINE_BYTES = 64


def array(shape: tuple[int, ...], dtype: str, rng: np.random.Generator, stride: int = 0) -> Any:
    """Random numbers that start at a cache line, rows `stride` apart or without gaps."""
    memory_shape = (*shape[:-1], stride or shape[-1])
    memory = np.empty(int(np.prod(memory_shape)) * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    made = memory[start : start + memory.size - 64].view(dtype).reshape(memory_shape)
    made[:] = rng.standard_normal(memory_shape)
    return made[..., : shape[-1]]


def stride_of(width: int, dtype: str) -> int:
    """Elements from a row of a layer's outputs to the next, as a network has them."""
    [W] = Network([2, width], dtype=dtype).weights
    return int(W.strides[0] // W.itemsize)


def operations(n: int, n_in: int, n_out: int, dtype: str) -> list[Operation]:
    """The products of a layer; W, Z and dZ as wide as whole lines are."""
    rng = np.random.default_rng(0)
    line = LINE_BYTES // np.dtype(dtype).itemsize
    width = -(-n_out // line) * line
    stride_in, stride = stride_of(n_in, dtype), stride_of(n_out, dtype)
    A_prev, dA_prev = (array((n, n_in), dtype, rng, stride_in) for _ in range(2))
    W, dW = (array((n_in, width), dtype, rng, stride) for _ in range(2))
    Z, dZ = (array((n, width), dtype, rng, stride) for _ in range(2))
    b = array((width,), dtype, rng)
    # In a network what fills a line of W and dZ is zero.
    W[:, n_out:] = 0
    dZ[:, n_out:] = 0
    return [
        Operation("forward", (A_prev, W, b, Z), n_out, b),
        Operation("backward_W", (A_prev, dZ, dW), n_out),
        Operation("backward_A", (dZ, W, dA_prev), n_out),
    ]


def load_loop(missing: list[str]) -> ModuleType | None:
    """The compiled loop over cyprop's kernels, or None and a note in `missing`."""
    try:
        return native.extension(native.source("kernel_loop.pyx"))
    except native.UnavailableError as error:
        missing.append(f"kernel_loop ({error})")
        print(f"not available: {missing[-1]}")
        return None


def checked(candidate: Candidate, out: Any, expected: Any) -> Candidate:
    """The candidate, once it has filled `out` with the expected numbers."""
    out.fill(np.nan)
    candidate.function(*candidate.calls[0])
    scale = np.abs(expected).max()
    assert_same(out / scale, expected / scale, out.dtype, candidate.label)
    return candidate


def candidates(
    operation: Operation, modules: list[ModuleType], loop: ModuleType | None
) -> list[Candidate]:
    """Ours and the others, from Python and from compiled loops, over the same rows."""
    first, second, out = operation.factors_and_out
    product = first.astype(float) @ second.astype(float)
    bias = 0 if operation.bias is None else operation.bias[: operation.n_out].astype(float)
    kernel = getattr(dense, operation.name)
    ours = Candidate("cyprop", kernel, [operation.arguments], kind="ours")
    made = [checked(ours, out, product + bias)]
    if loop is not None:
        n = operation.repeats
        calls = [(*operation.arguments, n)]
        looped = Candidate(
            "cyprop, compiled loop", getattr(loop, operation.name), calls, n, "native"
        )
        made.append(checked(looped, out, product + bias))
    for candidate in common.offers(modules, "products", operation)[0]:
        if "loop" in candidate.label:  # no call from Python
            candidate.kind = "reference"
        made.append(checked(candidate, out, product))
    return made


def show(case: dict[str, Any]) -> None:
    rates = {row["label"]: row["gflops"] for row in case["results"]}
    texts = [f"{label} {rate:6.1f}" for label, rate in rates.items()]
    line = f"{case['case']:28}" + "   ".join(texts)
    if case["of_peak"] is not None:
        line += f"   {100 * case['of_peak']:.0f} % of the peak"
    print(line)


def measure(
    options: argparse.Namespace,
    modules: list[ModuleType],
    loop: ModuleType | None,
    floor: floors.Floors | None,
) -> list[dict[str, Any]]:
    cases = []
    for (n_in, n_out), n in budget.each(
        product(SHAPES, BATCHES), lambda case: f"{case[1]}×{case[0][0]}×{case[0][1]}"
    ):
        shape = f"{n}×{n_in}×{n_out}"
        for one in budget.each(
            operations(n, n_in, n_out, options.dtype),
            lambda one, shape=shape: f"{one.name} {shape}",
        ):
            entrants = candidates(one, modules, loop)
            if floor is not None:
                entrants.append(floor.fma(options.dtype))
            timings = compare(entrants, options.repeats)
            peak = 1e-9 / timings[-1].median if floor is not None else None
            if floor is not None:
                del entrants[-1], timings[-1]
            rows = report.entries(entrants, timings)
            for row in rows:
                row["gflops"] = 2e-9 * n * n_in * n_out / row["median"]
            best = max(row["gflops"] for row in rows if row["kind"] in ("ours", "native"))
            case = {
                "case": f"{one.name} {shape}",
                "operation": one.name,
                "batch": n,
                "layer": f"{n_in}×{n_out}",
                "dtype": options.dtype,
                "peak_gflops": peak,
                "of_peak": best / peak if peak else None,
                "results": rows,
            }
            show(case)
            cases.append(case)
    return cases


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kernels", description=__doc__)
    common.add_dtype(parser)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    modules, missing = peers.load(PEERS)
    for note in missing:
        print(f"not available: {note}")
    floor = common.load_floors(missing)
    loop = load_loop(missing)
    print("GFLOP/s, medians")
    cases = measure(options, modules[1:], loop, floor)
    name = common.result_name("kernels", options)
    document = report.save(name, {"missing": missing, "cases": cases}, options.output)
    pictures.draw(document, options.output)
