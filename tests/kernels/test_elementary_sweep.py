"""expm1, log1p, erf, erfc and gelu over a sample of all float32, and over many float64.

They are compiled from the package's headers, once for a processor that fuses a product and a sum,
and once for one that does not. float32 is judged by scipy in float64, float64 by the C library in
long double. ``python -m benchmarks accuracy`` takes every float32 there is.
"""

import ctypes
import platform
from pathlib import Path

import compiled_headers
import numpy as np
import pytest
from arrays_for_tests import same_bits, ulps
from scipy import special

import cyprop
from cyprop.kernels import dispatch

LOOPS = Path(cyprop.__file__).parent / "kernels/loops"
NAMES = ("expm1", "log1p", "erf", "erfc", "gelu")
SOURCE = (
    '#include "{loops}/arithmetic.h"\n'
    "#define LOOP(NAME, REAL, CALL) \\\n"
    "    void NAME(long n, const REAL *x, REAL *y); \\\n"
    "    void NAME(long n, const REAL *x, REAL *y) \\\n"
    "    { \\\n"
    "        for (long i = 0; i < n; i++) \\\n"
    "            y[i] = CALL(x[i]); \\\n"
    "    }\n"
    + "".join(
        f"LOOP(of_float32_{name}, float, cyprop_{name}32)\n"
        f"LOOP(of_float64_{name}, double, cyprop_{name}64)\n"
        for name in NAMES
    )
    + "".join(f"LOOP(of_longdouble_{name}, long double, {name}l)\n" for name in NAMES[:-1])
)
FUSED = ("-mavx2", "-mfma") if platform.machine() in ("x86_64", "AMD64") else ()
BUILDS = {"fused": FUSED, "rounded twice": ()}  # the second where processors are x86-64 alone
if FUSED and "avx2" not in dispatch.supported():
    del BUILDS["fused"]
# In units in the last place. Without a fused operation more is lost of 1 / (x + 4), and so of erfc.
LIMIT32 = {"gelu": 4}
LIMIT64 = {
    "fused": {"expm1": 3, "erfc": 4, "gelu": 4},
    "rounded twice": {"expm1": 3, "erf": 3, "erfc": 8, "gelu": 8},
}
LOWEST = {"expm1": -1, "log1p": -np.inf, "erf": -1, "erfc": 0, "gelu": -0.17}
HIGHEST = {"erf": 1, "erfc": 2}
SPECIAL = {
    "expm1": ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-np.inf, -1.0)),
    "log1p": ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-1.0, -np.inf)),
    "erf": ((0.0, 0.0), (-0.0, -0.0), (np.inf, 1.0), (-np.inf, -1.0)),
    "erfc": ((0.0, 1.0), (-0.0, 1.0), (np.inf, 0.0), (-np.inf, 2.0)),
    "gelu": ((0.0, 0.0), (-0.0, -0.0), (np.inf, np.inf), (-np.inf, -0.0)),
}


@pytest.fixture(scope="module", params=BUILDS)
def build(request, tmp_path_factory):
    """What was built, and its functions: of a kind of number and a name, y = f(x)."""
    source = tmp_path_factory.mktemp("sweep") / "networks.c"
    source.write_text(SOURCE.replace("{loops}", str(LOOPS)), encoding="utf-8")
    options = ("-O2", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
    library = compiled_headers.library(source, *options, *BUILDS[request.param])

    def evaluated(kind, name, x):
        y = np.empty_like(x)
        call = library[f"of_{kind}_{name}"]
        call.restype = None
        call.argtypes = (ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        call(len(x), x.ctypes.data, y.ctypes.data)
        return y

    return request.param, evaluated


def split(x):
    """A long double as the sum of two whose products are exact."""
    shifted = x * (2**32 + 1)
    high = shifted - (shifted - x)
    return high, x - high


def gelu(z, erfc):
    """A = z · erfc(x)/2, x = −z/√2; what rounding takes from x changes erfc −2x times as much."""
    inside = np.clip(z, -40, 40)
    x = -inside * np.sqrt(np.longdouble(0.5))
    (high, low), (z_high, z_low) = split(x), split(inside)
    lost = (high * high - z_high * z_high / 2) + (2 * high * low - z_high * z_low)
    lost += low * low - z_low * z_low / 2  # x² − z²/2, by e to which erfc is wrong
    return np.where(z < -40, -0.0, z * erfc(x) * (1 + lost) / 2)


def right_for_float32(name, x):
    return x * special.ndtr(x) if name == "gelu" else getattr(special, name)(x)


def check(name, limit, x, y, expected):
    """No more than the limit off, NaN where there is no value, nothing outside the range."""
    nan = np.isnan(expected)
    assert same_bits(np.isnan(y), nan)
    x, y, expected = x[~nan], y[~nan], expected[~nan]
    info = np.finfo(y.dtype)
    assert not np.isinf(y[np.abs(expected) <= info.max]).any()
    inside = np.isfinite(y) & (np.abs(expected) <= info.max)
    x, y, expected = x[inside], y[inside], expected[inside]
    errors = ulps(y, expected)
    worst = errors.argmax()
    assert errors[worst] <= limit, (x[worst], y[worst], expected[worst])
    assert y.min() >= LOWEST[name]
    assert y.max() <= HIGHEST.get(name, np.inf)


@pytest.mark.parametrize("first", [0, 3331])
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_all_float32(build, name, first):
    _, evaluated = build
    bits = np.arange(first, 0x7FC00000, 2503, dtype=np.uint32)
    x = bits.view(np.float32)
    x = np.concatenate([x, -x])
    with np.errstate(all="ignore"):
        expected = right_for_float32(name, x.astype(np.float64))
        check(name, LIMIT32.get(name, 2), x, evaluated("float32", name, x), expected)


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.7, 0.8), (0.34, 0.36), (0.99, 1.01), (8.5, 10.2), (12, 14.5), (17, 18), (87, 89)],
)
@pytest.mark.parametrize("name", NAMES)
def test_dense_ranges_of_float32(build, name, low, high):
    _, evaluated = build
    first, last = (int(np.array(edge, np.float32).view(np.uint32)) for edge in (low, high))
    x = np.arange(first, last, 7, dtype=np.uint32).view(np.float32)
    x = np.concatenate([x, -x])
    with np.errstate(all="ignore"):
        expected = right_for_float32(name, x.astype(np.float64))
        check(name, LIMIT32.get(name, 2), x, evaluated("float32", name, x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_many_float64(build, rng, name):
    kind, evaluated = build
    parts = [rng.uniform(-size, size, 100_000) for size in (1, 6, 40, 800)]
    parts.append(rng.integers(0, 1 << 64, 100_000, np.uint64).view(np.float64))
    parts.append(rng.uniform(-1, 1, 100_000) * 2.0 ** rng.integers(-1073, 1, 100_000))
    x = np.concatenate(parts)
    with np.errstate(all="ignore"):
        wide = x.astype(np.longdouble)
        if name == "gelu":
            expected = gelu(wide, lambda x: evaluated("longdouble", "erfc", x))
        else:
            expected = evaluated("longdouble", name, wide)
        y = evaluated("float64", name, x)
        check(name, LIMIT64[kind].get(name, 2), x, y, expected)


@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_exact(build, dtype, name):
    _, evaluated = build
    x, expected = np.array(SPECIAL[name], dtype).T.copy()
    assert same_bits(evaluated(dtype.name, name, x), expected)
    assert np.isnan(evaluated(dtype.name, name, np.array([np.nan, -np.nan], dtype))).all()


@pytest.mark.parametrize("name", ["erf"])
def test_odd_to_the_bit(build, rng, dtype, name):
    _, evaluated = build
    x = (rng.normal(size=50_000) * 2).astype(dtype)
    assert same_bits(evaluated(dtype.name, name, -x), -evaluated(dtype.name, name, x))
