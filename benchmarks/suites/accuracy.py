"""The worst error of exp, tanh, erf and their like: every float32 there is, and many a float64.

float32 is judged by float64, float64 by the widest float there is (80 bits on x86). sigmoid, tanh
and gelu are asked of the installed kernels; the others, which have no face of their own, of
the same source compiled here with the flags of each instruction set.

An error is in units in the last place (ULP) of the exact result. What must hold: at most 2 ULP (4
for gelu, and for the logarithms that only losses take; more for some in float64), NaN where the
function has no value and nowhere else, exact at 0 and ±inf, nothing outside the function's range.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import cyprop
from benchmarks import native, report
from cyprop.kernels import activation, dispatch

LOOPS = Path(cyprop.__file__).parent / "kernels" / "loops"
AT_ONCE = 1 << 20
INF = np.inf

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Function:
    """What is asked of one function: its value at some places, and where all values lie."""

    reference: Callable[[Array], Array]
    exact: tuple[tuple[float, float], ...]
    low: float = -INF
    high: float = INF
    limit: float = 2  # ULP
    limit64: float | None = None  # of float64, where it is another
    face: str | None = None
    in_losses: bool = False  # and nowhere else, so that it is needed in float64 alone


def sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def by_the_c_library(name: str, x: Array) -> Array:
    y = np.empty_like(x)
    next(iter(sources().values())).reference(name, x, y)
    return y


def split(x: Array) -> tuple[Array, Array]:
    """A long double as the sum of two whose products are exact."""
    shifted = x * (2**32 + 1)
    high = shifted - (shifted - x)
    return high, x - high


def gelu(z: Array) -> Array:
    """A = z · erfc(x)/2, x = −z/√2. What rounding takes from x changes erfc −2x times as much."""
    inside = np.clip(z, -40, 40)
    x = -inside * np.sqrt(z.dtype.type(0.5))
    (high, low), (z_high, z_low) = split(x), split(inside)
    lost = (high * high - z_high * z_high / 2) + (2 * high * low - z_high * z_low)
    lost += low * low - z_low * z_low / 2  # x² − z²/2
    erfc = by_the_c_library("erfc", x)
    wide = erfc * (1 + lost) if z.dtype == np.longdouble else erfc
    return np.where(z < -40, -0.0, z * wide / 2)


FUNCTIONS = {
    "exp": Function(np.exp, ((0, 1), (-0.0, 1), (INF, INF), (-INF, 0)), low=0),
    "expm1": Function(np.expm1, ((0, 0), (-0.0, -0.0), (INF, INF), (-INF, -1)), low=-1, limit64=3),
    "log1p": Function(np.log1p, ((0, 0), (-0.0, -0.0), (INF, INF), (-1, -INF))),
    "erf": Function(
        lambda x: by_the_c_library("erf", x),
        ((0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1)),
        low=-1,
        high=1,
        limit64=3,
    ),
    # Twice as far off in float64 where no FMA says what rounding has left out.
    "erfc": Function(
        lambda x: by_the_c_library("erfc", x),
        ((0, 1), (-0.0, 1), (INF, 0), (-INF, 2)),
        low=0,
        high=2,
        limit64=8,
    ),
    "gelu": Function(
        gelu, ((0, 0), (INF, INF), (-INF, -0.0)), low=-0.17, limit=4, limit64=8, face="gelu"
    ),
    "sigmoid": Function(
        sigmoid, ((0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0)), low=0, high=1, face="sigmoid"
    ),
    "tanh": Function(
        np.tanh, ((0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1)), low=-1, high=1, face="tanh"
    ),
    # A loss takes the logarithm of a sum of exponentials, one of which is 1, and of nothing else.
    "log": Function(np.log, ((1, 0),), limit=4, in_losses=True),
    "log1p_exp": Function(
        lambda x: np.log1p(np.exp(x)), ((-INF, 0),), low=0, limit=4, in_losses=True
    ),
}


@dataclass
class Worst:
    """What was found of one function at one level."""

    function: str
    dtype: str
    level: str
    inputs: int = 0
    ulp: float = 0.0
    at: str = "nowhere"
    violations: int = 0
    first_violation: str | None = None

    def see(self, x: Array, y: Array, errors: Array, wrong: Array) -> None:
        """Keep what is worse than all before."""
        self.inputs += len(x)
        i = int(errors.argmax())
        if errors[i] > self.ulp:
            self.ulp, self.at = float(errors[i]), described(x[i])
        if wrong.any():
            i = int(wrong.argmax())
            self.first_violation = self.first_violation or f"{described(x[i])} → {y[i]!r}"
            self.violations += int(wrong.sum())


def described(x: Any) -> str:
    bits = x.view(np.uint32 if x.dtype == np.float32 else np.uint64)
    return f"{x!s} (bits {bits:#x})"


def ulps(y: Array, expected: Array) -> Array:
    """How far y is from a more precise result, in units in the last place of that."""
    info = np.finfo(y.dtype)
    top = expected.dtype.type(2) ** info.maxexp  # what infinity stands for
    expected = np.clip(expected, -top, top)
    error = np.abs(np.clip(y.astype(expected.dtype), -top, top) - expected)
    if expected.dtype == np.float64:  # by its bits, which is quicker
        exponent = np.maximum((expected.view(np.uint64) >> 52) & 0x7FF, 1023 + info.minexp)
        one_by_unit = ((2046 + info.nmant - exponent) << 52).view(np.float64)
        return error * one_by_unit
    exponent = np.maximum(np.frexp(expected)[1] - 1, info.minexp)
    return np.ldexp(error, info.nmant - exponent)


def judge(function: Function, worst: Worst, x: Array, y: Array, expected: Array) -> None:
    nan = np.isnan(expected)
    wrong = nan != np.isnan(y)
    wrong |= (y < function.low) | (y > function.high)
    errors = ulps(y, expected)
    errors[nan] = 0
    errors[np.isnan(errors)] = INF
    limit = function.limit if x.dtype == np.float32 else function.limit64 or function.limit
    worst.see(x, y, errors, wrong | (errors > limit))


def all_float32(every: int) -> Iterator[Array]:
    """Every float32, or every k-th pattern of bits, in pieces."""
    for start in range(0, 1 << 32, AT_ONCE * every):
        bits = np.arange(start, min(start + AT_ONCE * every, 1 << 32), every, dtype=np.uint64)
        yield bits.astype(np.uint32).view(np.float32)


def many_float64(name: str, pieces: int) -> Iterator[Array]:
    """Dense where the function bends, then patterns of bits drawn among all there are."""
    rng = np.random.Generator(np.random.PCG64(2))
    for piece in range(pieces):
        if name in ("log", "log1p"):  # the normal numbers above 0, and for log1p some below
            x = rng.uniform(0.5 if name == "log" else -1, 2.5, AT_ONCE)
            if piece % 2:
                x = np.exp(rng.uniform(-708, 709, AT_ONCE))
        elif piece % 2:
            x = rng.integers(0, 1 << 64, AT_ONCE, dtype=np.uint64).view(np.float64)
        else:
            x = rng.uniform(-1, 1, AT_ONCE) * (1, 20, 800)[piece // 2 % 3]
        yield -np.abs(x) if name == "log1p_exp" else x


def by_face(name: str, level: str) -> Callable[[Array, Array], None]:
    def ask(x: Array, y: Array) -> None:
        dispatch.use(level)
        activation.forward(name, x[None], y[None])

    return ask


def by_source(name: str, module: Any) -> Callable[[Array, Array], None]:
    return lambda x, y: module.evaluate(name, x, y)


@cache
def sources() -> dict[str, Any]:
    """The functions' source, compiled for each level as the installed kernels are."""
    levels = dispatch.supported()
    config = cyprop.show_config("dicts")
    path = native.source("elementary_loop.pyx")
    return {
        level: native.extension(
            path, config["Build"]["flags"] + config["Flags of a Level"][level], [str(LOOPS)]
        )
        for level in levels
    }


def sweep(
    name: str, dtype: str, inputs: Iterator[Array], asked: dict[str, Callable[[Array, Array], None]]
) -> list[Worst]:
    """One function over all inputs, at each level."""
    function = FUNCTIONS[name]
    found = {level: Worst(name, dtype, level) for level in asked}
    y = np.empty(AT_ONCE, dtype)
    for level, ask in asked.items():
        for x, expected in function.exact:
            ask(np.full(1, x, dtype), y[:1])
            if y[:1].tobytes() != np.full(1, expected, dtype).tobytes():
                found[level].violations += 1
                found[level].first_violation = f"{x} → {y[0]!r}, expected {expected} exactly"
    for x in inputs:
        expected = function.reference(x.astype(np.float64 if dtype == "float32" else np.longdouble))
        for level, ask in asked.items():
            part = y[: len(x)]
            ask(x, part)
            judge(function, found[level], x, part, expected)
    return list(found.values())


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--every", type=int, default=1, help="only every k-th float32; default 1")
    parser.add_argument(
        "--pieces", type=int, default=24, help="of 2^20 float64 each, for a function; default 24"
    )
    parser.add_argument(
        "--functions", nargs="+", choices=FUNCTIONS, default=[*FUNCTIONS], help="default all"
    )
    report.add_output(parser)
    options = parser.parse_args(arguments)
    if options.every < 1 or options.pieces < 1:
        parser.error("expected at least 1")
    if np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant:
        sys.exit("no float here is wider than float64, so none can judge it")
    levels = dispatch.supported()
    before = dispatch.level()
    missing: list[str] = []
    try:
        modules = sources()
    except native.UnavailableError as error:
        modules = {}
        missing.append(f"all but sigmoid and tanh: {error}")
        print(f"not available: {missing[0]}")
    results: list[Worst] = []
    for dtype in ("float32", "float64"):
        for name, function in FUNCTIONS.items():
            if name not in options.functions or (function.in_losses and dtype == "float32"):
                continue  # the losses are summed in float64
            if name == "gelu" and not modules:
                continue  # nothing to judge it by
            if function.face:
                asked = {level: by_face(function.face, level) for level in levels}
            else:
                asked = {level: by_source(name, module) for level, module in modules.items()}
            if not asked:
                continue
            started = time.perf_counter()
            inputs = all_float32(options.every)
            if dtype == "float64":
                inputs = many_float64(name, options.pieces)
            with np.errstate(all="ignore"):
                found = sweep(name, dtype, inputs, asked)
            print(f"\n{name}, {dtype}: {time.perf_counter() - started:.0f} s")
            for worst in found:
                print(
                    f"  {worst.level:10}{worst.inputs:>12,} inputs, worst {worst.ulp:.3f} ULP"
                    f" at {worst.at}"
                )
                if worst.violations:
                    print(f"  {worst.violations:,} wrong, the first: {worst.first_violation}")
            results += found
    dispatch.use(before)
    content = {"results": [asdict(worst) for worst in results], "missing": missing}
    if options.every == 1 and len(options.functions) == len(FUNCTIONS):
        report.save("accuracy", content, options.output)
    if any(worst.violations for worst in results):
        sys.exit("some results are wrong")
