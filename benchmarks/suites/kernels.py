"""The batch kernels against OpenBLAS on the same shapes, in GFLOP/s beside the FMA peak."""

import argparse
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import common, floors, native, pictures, report
from benchmarks.networks import assert_same
from benchmarks.timing import Candidate, compare
from cyprop import Network
from cyprop.kernels import dense

SHAPES = ((784, 30), (784, 300), (256, 256), (512, 512))
BATCHES = (10, 32, 128)
LOOP_OPERATIONS = 2e8  # floating-point operations a call into a compiled loop does, at least


def array(shape: tuple[int, ...], dtype: str, rng: np.random.Generator, stride: int = 0) -> Any:
    """Random numbers that start at a cache line, rows `stride` apart or without gaps."""
    memory_shape = (*shape[:-1], stride or shape[-1])
    memory = np.empty(int(np.prod(memory_shape)) * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    made = memory[start : start + memory.size - 64].view(dtype).reshape(memory_shape)
    made[:] = rng.standard_normal(memory_shape)
    return made[..., : shape[-1]]


@dataclass
class Operation:
    """One product: its name, its arguments with the output last, and what NumPy multiplies."""

    name: str
    arguments: tuple[Any, ...]
    factors: tuple[Any, Any]
    bias: Any = None

    @property
    def out(self) -> Any:
        return self.arguments[-1]


def operations(n: int, n_in: int, n_out: int, dtype: str, stride: int = 0) -> list[Operation]:
    rng = np.random.default_rng(0)
    A_prev, dA_prev = array((n, n_in), dtype, rng), array((n, n_in), dtype, rng)
    W, dW = (array((n_in, n_out), dtype, rng, stride) for _ in range(2))
    Z, dZ = (array((n, n_out), dtype, rng, stride) for _ in range(2))
    b = array((n_out,), dtype, rng)
    return [
        Operation("forward", (A_prev, W, b, Z), (A_prev, W), b),
        Operation("backward_W", (A_prev, dZ, dW), (A_prev.T, dZ)),
        Operation("backward_A", (dZ, W, dA_prev), (dZ, W.T)),
    ]


class Loops:
    """The compiled loops, where they can be built."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.kernel = self._load("kernel_loop")
        self.blas = self._load("blas_loop")

    def _load(self, name: str) -> ModuleType | None:
        try:
            return native.extension(native.source(f"{name}.pyx"))
        except native.UnavailableError as error:
            self.missing.append(f"{name} ({error})")
            return None


def checked(candidate: Candidate, out: Any, expected: Any, dtype: str) -> Candidate:
    """The candidate, once it has filled `out` with the expected numbers."""
    out.fill(np.nan)
    candidate.function(*candidate.calls[0])
    scale = np.abs(expected).max()
    assert_same(out / scale, expected / scale, np.dtype(dtype), candidate.label)
    return candidate


def candidates(plain: Operation, padded: Operation, loops: Loops, dtype: str) -> list[Candidate]:
    """From Python on plain arrays; from compiled loops, cyprop's rows padded as in a network."""
    first, second = (factor.astype(float) for factor in plain.factors)
    product = first @ second
    expected = product if plain.bias is None else product + plain.bias
    made = [
        checked(
            Candidate("cyprop", getattr(dense, plain.name), [plain.arguments], kind="ours"),
            plain.out, expected, dtype,
        ),
        checked(
            Candidate(
                "NumPy matmul", np.matmul, [(*plain.factors, plain.out)]
            ),
            plain.out, product, dtype,
        ),
    ]  # fmt: skip
    n_multiplied = first.shape[0] * first.shape[1] * second.shape[1]
    repeats = max(1, int(LOOP_OPERATIONS / (2 * n_multiplied)))
    if loops.kernel is not None:
        loop = getattr(loops.kernel, plain.name)
        loop(*padded.arguments, 1)
        calls = [(*padded.arguments, repeats)]
        made.append(Candidate("cyprop, compiled loop", loop, calls, repeats, "native"))
    if loops.blas is not None:
        without_bias = [a for a in plain.arguments if a is not plain.bias]
        made.append(
            checked(
                Candidate(
                    "BLAS, compiled loop",
                    getattr(loops.blas, plain.name),
                    [(*without_bias, repeats)],
                    repeats,
                    "reference",
                ),
                plain.out, product, dtype,
            )
        )  # fmt: skip
    return made


def show(case: dict[str, Any]) -> None:
    rates = {row["label"]: row["gflops"] for row in case["results"]}
    texts = [f"{label} {rate:6.1f}" for label, rate in rates.items()]
    line = f"{case['case']:28}" + "   ".join(texts)
    if case["of_peak"] is not None:
        line += f"   {100 * case['of_peak']:.0f} % of the peak"
    print(line)


def measure(
    options: argparse.Namespace, loops: Loops, floor: floors.Floors | None
) -> list[dict[str, Any]]:
    itemsize = np.dtype(options.dtype).itemsize
    line = 64 // itemsize
    cases = []
    for n_in, n_out in SHAPES:
        stride = Network([n_in, n_out], dtype=options.dtype).weights[0].strides[0] // itemsize
        for n in BATCHES:
            plain = operations(n, n_in, n_out, options.dtype)
            padded = operations(n, n_in, -(-n_out // line) * line, options.dtype, stride)
            for one, its_padded in zip(plain, padded, strict=True):
                entrants = candidates(one, its_padded, loops, options.dtype)
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
                    "case": f"{one.name} {n}×{n_in}×{n_out}",
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
    loops = Loops()
    missing: list[str] = []
    floor = common.load_floors(missing)
    for note in loops.missing:
        print(f"not available: {note}")
    missing += loops.missing
    print("GFLOP/s, medians")
    cases = measure(options, loops, floor)
    name = common.result_name("kernels", options)
    document = report.save(name, {"missing": missing, "cases": cases}, options.output)
    pictures.draw(document, options.output)
