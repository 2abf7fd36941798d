"""RTNeural in C++ on its STL backend: sizes fixed when it is compiled (ModelT), and not (Model).

It has no call from Python, so it is timed in a compiled loop, as a reference. Its headers are read
from the folder that `--sources` names; a program is written and compiled for each network.
"""

import ctypes
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import native, peers
from benchmarks.fixed import Loop
from benchmarks.networks import Problem, assert_same, forward
from benchmarks.timing import Candidate

NAME = "RTNeural"


def headers() -> Path:
    """The folder that has RTNeural/RTNeural.h: the one that is named, or one in it.

    Raises
    ------
    ImportError
    """
    if peers.sources is None:
        raise ImportError("its folder is not named: --sources DIR")
    for folder in (peers.sources, *sorted(peers.sources.glob("*"))):
        if (folder / "RTNeural/RTNeural.h").is_file():
            return folder
    raise ImportError(f"no RTNeural/RTNeural.h in {peers.sources}")


FOLDER = headers()
FLAGS = (
    "-std=c++17", "-DRTNEURAL_USE_STL=1", "-DRTNEURAL_DEFAULT_ALIGNMENT=64", f"-I{FOLDER}",
)  # fmt: skip
CLASSES = {"sigmoid": "SigmoidActivation", "tanh": "TanhActivation", "relu": "ReLuActivation"}

HEADER = """
#include <cstddef>
#include <vector>
#include "RTNeural/RTNeural.h"
typedef {type} T;
static std::vector<std::vector<T>> rows(const T *&theta, int n_out, int n_in) {{
    std::vector<std::vector<T>> W(n_out);
    for (auto &row : W) {{ row.assign(theta, theta + n_in); theta += n_in; }}
    return W;
}}
"""
FOOTER = """
extern "C" void loop(long n, const T *x, T *y) {
    for (long i = 0; i < n; i++) {
        model->forward(x);
        __asm__ volatile("" ::: "memory");
    }
    const T *outputs = model->getOutputs();
    for (int j = 0; j < N_OUT; j++) y[j] = outputs[j];
}
"""


def layers(problem: Problem) -> Iterator[tuple[int, int, str | None]]:
    """n_in, n_out and the class of the activation of each layer."""
    for (n_in, n_out), activation in zip(pairwise(problem.sizes), problem.activations, strict=True):
        yield n_in, n_out, CLASSES.get(activation)


def fixed(problem: Problem) -> str:
    """The program whose model has its sizes as parameters of its type."""
    parts, loads, place = [], [], 0
    for n_in, n_out, activation in layers(problem):
        parts.append(f"RTNeural::DenseT<T, {n_in}, {n_out}>")
        loads.append(
            f"    model->get<{place}>().setWeights(rows(theta, {n_out}, {n_in}));\n"
            f"    model->get<{place}>().setBias(theta); theta += {n_out};\n"
        )
        place += 1
        if activation:
            parts.append(f"RTNeural::{activation}T<T, {n_out}>")
            place += 1
    ends = f"{problem.sizes[0]}, {problem.sizes[-1]}"
    made = f"typedef RTNeural::ModelT<T, {ends}, {', '.join(parts)}> Net;\n"
    made += "static Net *model = new Net;\n"
    return f'{made}extern "C" void load(const T *theta) {{\n{"".join(loads)}}}\n'


def dynamic(problem: Problem) -> str:
    """The program whose model is put together while it runs."""
    loads = []
    for n_in, n_out, activation in layers(problem):
        loads.append(
            f"    {{ auto *layer = new RTNeural::Dense<T>({n_in}, {n_out});\n"
            f"      layer->setWeights(rows(theta, {n_out}, {n_in}));\n"
            f"      layer->setBias(theta); theta += {n_out};\n"
            "      model->addLayer(layer); }\n"
        )
        if activation:
            loads.append(f"    model->addLayer(new RTNeural::{activation}<T>({n_out}));\n")
    made = f"static auto *model = new RTNeural::Model<T>({problem.sizes[0]});\n"
    return f'{made}extern "C" void load(const T *theta) {{\n{"".join(loads)}}}\n'


def loops(problem: Problem, x: Any, n_calls: int) -> list[Candidate]:
    """Both programs, checked; a call of a candidate predicts x `n_calls` times.

    Raises
    ------
    UnavailableError
    """
    made = []
    for label, program in (("sizes fixed", fixed), ("dynamic", dynamic)):
        kind = "double" if problem.dtype == np.float64 else "float"
        source = HEADER.format(type=kind) + program(problem)
        source += FOOTER.replace("N_OUT", str(problem.sizes[-1]))
        library = native.library(source, "c++", FLAGS)
        parts = [
            part
            for W, b in zip(problem.weights, problem.biases, strict=True)
            for part in (W.T.ravel(), b)
        ]
        theta = np.concatenate(parts)
        library.load(ctypes.c_void_p(theta.ctypes.data))
        out = np.empty(problem.sizes[-1], problem.dtype)
        pointers = ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(out.ctypes.data)
        library.loop(ctypes.c_long(1), *pointers)
        name = f"{NAME}, {label}"
        assert_same(out, forward(problem, x[None])[-1][0], problem.dtype, name)
        call = Loop(library.loop, (ctypes.c_long(n_calls), *pointers), (x, out))
        made.append(Candidate(name, call, per_call=n_calls, kind="reference"))
    return made
