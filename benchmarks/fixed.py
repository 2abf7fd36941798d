"""A C program whose layer sizes are fixed when it is compiled: plain loops, -O3 -ffast-math.

It is written for each network anew, in the two orders a C programmer would try ("dots" and "rows",
as in Numba's loops), and both are timed. RTNeural's ModelT is a public example of the idea.
"""

import ctypes
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import native
from benchmarks.networks import Problem, assert_same, forward
from benchmarks.timing import Candidate

HEADER = """
#include <math.h>
#include <string.h>
typedef {type} T;
static inline T sigmoid(T z) {{ return 1 / (1 + {exp}(-z)); }}
static inline T tanh_(T z) {{ return {tanh}(z); }}
static inline T relu(T z) {{ return z > 0 ? z : 0; }}
static inline T identity(T z) {{ return z; }}
"""

# One layer from a{below} to a{above}; W is stored as its order wants it.
DOTS = """
    for (int j = 0; j < {n_out}; j++) {{
        T z = b{l}[j];
        for (int k = 0; k < {n_in}; k++) z += W{l}[j][k] * {below}[k];
        {above}[j] = z;
    }}
    for (int j = 0; j < {n_out}; j++) {above}[j] = {f}({above}[j]);
"""
ROWS = """
    for (int j = 0; j < {n_out}; j++) {above}[j] = b{l}[j];
    for (int k = 0; k < {n_in}; k++)
        for (int j = 0; j < {n_out}; j++) {above}[j] += W{l}[k][j] * {below}[k];
    for (int j = 0; j < {n_out}; j++) {above}[j] = {f}({above}[j]);
"""

FOOTER = """
void loop(long n, const T *x, T *y) {
    for (long i = 0; i < n; i++) {
        predict(x, y);
        __asm__ volatile("" ::: "memory");
    }
}
"""


def source(problem: Problem, layout: str) -> str:
    """The whole program."""
    double = problem.dtype == np.float64
    parts = [
        HEADER.format(
            type="double" if double else "float",
            exp="exp" if double else "expf",
            tanh="tanh" if double else "tanhf",
        )
    ]
    loads, body = [], []
    last = len(problem.sizes) - 2
    for layer, (n_in, n_out) in enumerate(pairwise(problem.sizes)):
        rows, columns = (n_out, n_in) if layout == "dots" else (n_in, n_out)
        parts.append(
            f"static T W{layer}[{rows}][{columns}] __attribute__((aligned(64)));\n"
            f"static T b{layer}[{n_out}] __attribute__((aligned(64)));\n"
        )
        loads.append(
            f"    memcpy(W{layer}, theta, sizeof W{layer}); theta += {n_in * n_out};\n"
            f"    memcpy(b{layer}, theta, sizeof b{layer}); theta += {n_out};\n"
        )
        below = f"a{layer}" if layer else "x"
        above = f"a{layer + 1}"
        f = {"tanh": "tanh_"}.get(problem.activations[layer], problem.activations[layer])
        template = DOTS if layout == "dots" else ROWS
        body.append(f"    T {above}[{n_out}] __attribute__((aligned(64)));")
        body.append(template.format(l=layer, n_in=n_in, n_out=n_out, below=below, above=above, f=f))
    body.append(f"    memcpy(y, a{last + 1}, sizeof a{last + 1});\n")
    parts.append("void load(const T *theta) {\n" + "".join(loads) + "}\n")
    parts.append(
        "static void predict(const T *restrict x, T *restrict y) {\n" + "".join(body) + "}\n"
    )
    return "".join([*parts, FOOTER])


def flat(problem: Problem, layout: str) -> Any:
    parts = []
    for W, b in zip(problem.weights, problem.biases, strict=True):
        parts += [(W.T if layout == "dots" else W).ravel(), b]
    return np.concatenate(parts)


@dataclass
class Loop:
    """A compiled loop with its arguments, and the arrays that they point into."""

    function: Any
    arguments: tuple[Any, ...]
    keep: tuple[Any, ...]

    def __call__(self) -> None:
        self.function(*self.arguments)


def candidates(problem: Problem, x: Any, n_calls: int) -> list[Candidate]:
    """The programs, checked; a call of a candidate predicts x `n_calls` times.

    Raises
    ------
    UnavailableError
    """
    made = []
    for layout in ("dots", "rows"):
        library = native.library(source(problem, layout))
        theta = flat(problem, layout)
        library.load(ctypes.c_void_p(theta.ctypes.data))
        out = np.empty(problem.sizes[-1], problem.dtype)
        pointers = ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(out.ctypes.data)
        library.loop(ctypes.c_long(1), *pointers)
        label = f"C, sizes fixed, {layout}"
        assert_same(out, forward(problem, x[None])[-1][0], problem.dtype, label)
        call = Loop(library.loop, (ctypes.c_long(n_calls), *pointers), (x, out))
        made.append(Candidate(label, call, per_call=n_calls, kind="reference"))
    return made
