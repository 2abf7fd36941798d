"""Functions of elementary.h that no kernel shows by itself, compiled from the package's headers."""

import ctypes
from pathlib import Path

import compiled_headers
import numpy as np
import pytest
from arrays_for_tests import ulps

import cyprop

LOOPS = Path(cyprop.__file__).parent / "kernels/loops"
SOURCE = """\
#include "{loops}/arithmetic.h"
#define EACH(NAME, REAL) \\
    void NAME(long n, const REAL *x, REAL *y); \\
    void NAME(long n, const REAL *x, REAL *y) \\
    { \\
        for (long i = 0; i < n; i++) \\
            y[i] = cyprop_##NAME(x[i]); \\
    }
EACH(exp32, float)
EACH(exp64, double)
EACH(log32, float)
EACH(log64, double)
EACH(log1p_exp32, float)
EACH(log1p_exp64, double)
"""
FUNCTIONS = {
    "exp": (np.exp, lambda rng: rng.uniform(-80, 80, 100_000)),
    "log": (np.log, lambda rng: np.exp(rng.uniform(-80, 80, 100_000))),
    "log1p_exp": (lambda x: np.log1p(np.exp(x)), lambda rng: -(rng.uniform(0, 9, 100_000) ** 2)),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    source = tmp_path_factory.mktemp("headers") / "networks.c"
    source.write_text(SOURCE.replace("{loops}", str(LOOPS)), encoding="utf-8")
    return compiled_headers.library(source, "-ffp-contract=off")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_most_three_units_in_the_last_place_off(library, rng, dtype, name):
    function, values = FUNCTIONS[name]
    x = values(rng).astype(dtype)
    x = np.concatenate([x, np.array([0.0 if name != "log" else 1.0], dtype)])
    y = np.empty_like(x)
    call = library[f"{name}{8 * dtype.itemsize}"]
    call.restype = None
    call.argtypes = (ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    call(len(x), x.ctypes.data, y.ctypes.data)
    expected = function(x.astype(np.longdouble))
    assert ulps(y, expected).max() <= 3
