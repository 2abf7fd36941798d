"""Numba by hand: plain loops with sizes known when they are compiled, learning fused into one pass.

There are two ways to write them, and which is faster depends on the network, so both are timed:
"dots" keeps W as (n_out, n_in), and an output is a dot product; "rows" keeps it as (n_in, n_out),
and an input adds its row of W to all outputs. fastmath lets Numba vectorise either. The parameters
are one vector, since every array argument costs a call about 0.1 µs.
"""

from itertools import pairwise
from typing import Any

import numba
import numpy as np

from benchmarks.networks import Problem
from benchmarks.peers import Learner, Predictor

NAME = "Numba by hand"
LAYOUTS = ("dots", "rows")

jit = numba.njit(fastmath=True, error_model="numpy")

ACTIVATE = {
    "sigmoid": "one / (one + np.exp(-z))",
    "tanh": "np.tanh(z)",
    "relu": "max(z, zero)",
    "identity": "z",
}
DERIVATIVE = {
    "sigmoid": "a * (one - a)",
    "tanh": "one - a * a",
    "relu": "one if a > zero else zero",
    "identity": "one",
}


def views(sizes: tuple[int, ...], layout: str) -> list[str]:
    """Lines that cut W and b of each layer out of theta."""
    lines, start = [], 0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
        shape = (n_out, n_in) if layout == "dots" else (n_in, n_out)
        lines.append(f"W{layer} = theta[{start}:{middle}].reshape({shape})")
        lines.append(f"b{layer} = theta[{middle}:{stop}]")
        start = stop
    return lines


def forward(problem: Problem, layout: str) -> list[str]:
    lines = []
    for layer, (n_in, n_out) in enumerate(pairwise(problem.sizes)):
        activate = ACTIVATE[problem.activations[layer]]
        A_prev, W, b, A = f"a{layer}", f"W{layer}", f"b{layer}", f"a{layer + 1}"
        lines.append(f"{A} = np.empty({n_out}, dtype)")
        if layout == "dots":
            lines += [
                f"for j in range({n_out}):",
                f"    z = {b}[j]",
                f"    for k in range({n_in}):",
                f"        z += {W}[j, k] * {A_prev}[k]",
                f"    {A}[j] = {activate}",
            ]
        else:
            lines += [
                f"for j in range({n_out}):",
                f"    {A}[j] = {b}[j]",
                f"for k in range({n_in}):",
                f"    a = {A_prev}[k]",
                f"    for j in range({n_out}):",
                f"        {A}[j] += {W}[k, j] * a",
                f"for j in range({n_out}):",
                f"    z = {A}[j]",
                f"    {A}[j] = {activate}",
            ]
    return lines


def backward(problem: Problem, layout: str) -> list[str]:
    """The update of every layer in one pass over its weights, the last layer first.

    d is dZ times the learning rate.
    """
    last = len(problem.sizes) - 1
    n_out = problem.sizes[last]
    lines = [
        "loss = zero",
        f"d{last} = np.empty({n_out}, dtype)",
        f"for j in range({n_out}):",
        f"    a = a{last}[j]",
        "    error = a - y[j]",
        "    loss += error * error",
        f"    d{last}[j] = rate * error * ({DERIVATIVE[problem.activations[-1]]})",
    ]
    for layer in range(last - 1, -1, -1):
        n_in, n_out = problem.sizes[layer], problem.sizes[layer + 1]
        W, A_prev, d, below = f"W{layer}", f"a{layer}", f"d{layer + 1}", f"d{layer}"
        if layout == "dots":
            if layer:
                lines.append(f"{below} = np.zeros({n_in}, dtype)")
            lines += [
                f"for j in range({n_out}):",
                f"    e = {d}[j]",
                f"    for k in range({n_in}):",
            ]
            if layer:
                lines.append(f"        {below}[k] += e * {W}[j, k]")
            lines.append(f"        {W}[j, k] -= e * {A_prev}[k]")
        else:
            if layer:
                lines.append(f"{below} = np.empty({n_in}, dtype)")
            lines += [f"for k in range({n_in}):", f"    a = {A_prev}[k]", "    s = zero"]
            lines.append(f"    for j in range({n_out}):")
            if layer:
                lines.append(f"        s += {d}[j] * {W}[k, j]")
            lines.append(f"        {W}[k, j] -= {d}[j] * a")
            if layer:
                lines.append(f"    {below}[k] = s")
        lines += [f"for j in range({n_out}):", f"    b{layer}[j] -= {d}[j]"]
        if layer:
            lines += [
                f"for k in range({n_in}):",
                f"    a = {A_prev}[k]",
                f"    {below}[k] *= {DERIVATIVE[problem.activations[layer - 1]]}",
            ]
    return lines


def function(signature: str, lines: list[str], problem: Problem, **scope: Any) -> Any:
    """Compile the lines as one function."""
    source = f"def {signature}:\n" + "\n".join("    " + line for line in lines)
    kind = problem.dtype.type
    scope |= {"np": np, "dtype": problem.dtype, "one": kind(1), "zero": kind(0)}
    exec(source, scope)
    return jit(scope[signature.partition("(")[0]])


def flat(problem: Problem, layout: str) -> Any:
    parts = []
    for W, b in zip(problem.weights, problem.biases, strict=True):
        parts += [(W.T if layout == "dots" else W).ravel(), b]
    return np.concatenate(parts)


def parameters(problem: Problem, layout: str, theta: Any) -> tuple[Any, Any]:
    """Theta as weights (n_in, n_out) and biases."""
    weights, biases, start = [], [], 0
    for n_in, n_out in pairwise(problem.sizes):
        stop = start + n_in * n_out
        W = theta[start:stop]
        weights.append(W.reshape(n_out, n_in).T if layout == "dots" else W.reshape(n_in, n_out))
        biases.append(theta[stop : stop + n_out])
        start = stop + n_out
    return weights, biases


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    return [predictor(problem, layout, batch) for layout in LAYOUTS]


def predictor(problem: Problem, layout: str, batch: bool) -> Predictor:
    theta = flat(problem, layout)
    body = [
        *views(problem.sizes, layout),
        *forward(problem, layout),
        f"return a{len(problem.sizes) - 1}",
    ]
    call = function("predict(theta, a0)", body, problem)
    if batch:
        lines = [
            f"out = np.empty((len(X), {problem.sizes[-1]}), dtype)",
            "for i in range(len(X)):",
            "    out[i] = one_row(theta, X[i])",
            "return out",
        ]
        call = function("predict_rows(theta, X)", lines, problem, one_row=call)
    return Predictor(f"Numba by hand, {layout}", call, lambda x: (theta, x))


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    return [
        learner
        for layout in LAYOUTS
        for learner in learners_of_layout(problem, layout, learning_rate)
    ]


def learners_of_layout(problem: Problem, layout: str, learning_rate: float) -> list[Learner]:
    """One that is called for every sample, and one that is called for all rows."""
    rate = problem.dtype.type(2 * learning_rate / problem.sizes[-1])
    body = [
        *views(problem.sizes, layout),
        *forward(problem, layout),
        *backward(problem, layout),
        f"return loss / {problem.sizes[-1]}",
    ]
    learn = function("learn(theta, a0, y)", body, problem, rate=rate)
    lines = ["for i in range(len(X)):", "    learn(theta, X[i], Y[i])"]
    learn_rows = function("learn_rows(theta, X, Y)", lines, problem, learn=learn)
    made = []
    for label, call, rows in ((layout, learn, False), (f"{layout}, all rows", learn_rows, True)):
        theta = flat(problem, layout)
        made.append(
            Learner(
                f"Numba by hand, {label}",
                call,
                lambda theta=theta: parameters(problem, layout, theta),
                lambda x, y, theta=theta: (theta, x, y),
                rows,
                "reference" if rows else "peer",
            )
        )
    return made
