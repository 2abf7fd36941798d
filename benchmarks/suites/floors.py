"""What the machine itself can do: read memory, rewrite it, multiply and add, and call a method.

Without a compiler the C library's memchr, NumPy's invert and its matmul stand in for the loops, and
are named so: the machine can do at least that.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import budget, common, native, report
from benchmarks.fixed import Loop
from benchmarks.floors import Floors
from benchmarks.timing import Candidate, compare

SIZES = {  # bytes
    "32 kB": 32 << 10,
    "the weights of 784-300-10, 953 kB": 4 * 238_510,
    "8 MB": 8 << 20,
    "128 MB": 128 << 20,
}
LABELS = ("read", "rewrite", "read, then read and rewrite")
PRODUCT = 1024  # rows and columns of the matrices that NumPy multiplies
DTYPES = ("float32", "float64")


def memory(floors: Floors | None, n_bytes: int) -> list[Candidate]:
    """Reading so many bytes, rewriting them, and both one after the other."""
    if floors is not None:
        made = [way(n_bytes) for way in (floors.read, floors.rewrite, floors.read_and_rewrite)]
        for candidate, label in zip(made, LABELS, strict=True):
            candidate.label = label
        return made
    data = np.ones(n_bytes // 8, np.int64)
    made = [Candidate("rewrite, by NumPy's invert", np.invert, [(data, data)])]
    try:
        memchr = ctypes.CDLL(None).memchr
    except (OSError, TypeError, AttributeError):
        return made
    zeros = np.zeros(n_bytes, np.uint8)
    arguments = (ctypes.c_void_p(zeros.ctypes.data), ctypes.c_int(1), ctypes.c_size_t(n_bytes))
    return [Candidate("read, by memchr", Loop(memchr, arguments, (zeros,))), *made]


def arithmetic(floors: Floors | None, dtype: str) -> Candidate:
    """Seconds of one floating-point operation."""
    if floors is not None:
        candidate = floors.fma(dtype)
        candidate.label = f"multiply and add in registers, {dtype}"
        return candidate
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal((PRODUCT, PRODUCT)).astype(dtype) for _ in range(2))
    label = f"NumPy's matmul, {PRODUCT} × {PRODUCT}, {dtype}"
    return Candidate(label, np.matmul, [(A, B, np.empty_like(A))], 2 * PRODUCT**3)


def calls() -> list[Candidate]:
    """A method that does nothing, and the clock."""
    made = [Candidate("a method of a built-in class", (1.0).is_integer)]
    try:
        module = native.extension(native.source("nogil_loop.pyx"))
        empty = module.Empty().nothing
        made.insert(0, Candidate("an empty method of a compiled class", empty))
    except native.UnavailableError as error:
        print(f"not available: an empty method of a compiled class ({error})")
    return [*made, Candidate("the clock", time.perf_counter_ns)]


def cases(floors: Floors | None) -> Iterator[tuple[str, list[Candidate], float, str]]:
    """Name, candidates, how much of the unit a call does, and the unit of a rate."""
    for name, n_bytes in SIZES.items():
        yield name, memory(floors, n_bytes), n_bytes, "GB/s"
    for dtype in DTYPES:
        yield dtype, [arithmetic(floors, dtype)], 1, "GFLOP/s"
    yield "a call", calls(), 0, ""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks floors", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    missing: list[str] = []
    floors = common.load_floors(missing)
    found: list[dict[str, Any]] = []
    for name, entrants, amount, unit in budget.each(cases(floors), lambda case: case[0]):
        for entrant in entrants:
            entrant.kind = "reference"
        rows = report.entries(entrants, compare(entrants, options.repeats))
        for row in rows:
            line = f"{name:36}{row['label']:44}{report.seconds(row['median']):>10}"
            if amount:
                row["rate"], row["unit"] = 1e-9 * amount / row["median"], unit
                line += f"{row['rate']:10.1f} {unit}"
            print(line)
        found.append({"case": name, "results": rows})
    report.save("floors", {"missing": missing, "cases": found}, options.output)
