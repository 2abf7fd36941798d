"""Print hashes of what this installation learns and predicts: python tools/fingerprint.py

The hashes of every machine, compiler and instruction set with FMA are the same; so are those of all
without. On other weights they would differ: every activation, loss and optimizer takes part.
"lessons" is the oldest of them; the others were added on commit fe3d48f, before its files were
moved. PROMISED has them all, and tests/test_fingerprint.py holds the installation to it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import cyprop
from cyprop.datasets import digits
from cyprop.interface import address
from cyprop.kernels import dispatch

LESSONS: tuple[tuple[list[int], str, str, str, cyprop.Optimizer], ...] = (
    ([64, 30, 10], "sigmoid", "sigmoid", "mse", cyprop.SGD(0.5)),
    ([64, 100, 33, 10], "relu", "softmax", "cross_entropy", cyprop.SGD(0.01, momentum=0.9)),
    ([64, 17, 128, 10], "tanh", "sigmoid", "binary_cross_entropy", cyprop.Adam(0.003)),
)
MORE = (
    *LESSONS,
    ([64, 21, 1, 10], "identity", "identity", "mse", cyprop.SGD(0.01)),
    ([64, 300, 10], "tanh", "softmax", "mse", cyprop.Adam(0.001, beta1=0.8)),
)

PROMISED: dict[str, dict[str, tuple[str, str]]] = {
    "with FMA": {
        "lessons": ("0cca4c9f8c38ae84", "6727f2394ac2f6d5"),
        "identity": ("3e9ec6db6f1334a9", "952369792de77692"),
        "gradients": ("8199c968209e5f59", "49ca070296a1c785"),
        "bound": ("115ac805514a9d67", "a4c99e292a06ac65"),
        "batches": ("3059bca266cdb9ec", "0ada44d56147a87f"),
        "threads": ("1bd819f286c3f0de", "4c64725a96b64c21"),
        "interface": ("65201c73438241b4", "6dda9c3a6d242ddd"),
        "header": ("c09876e7f333294e", "47e49cff43ff07aa"),
    },
    "without FMA": {
        "lessons": ("8998f68b16cb978a", "6b3cb1049fb68a32"),
        "identity": ("00ce713ef605366f", "46a70d797f8c19b2"),
        "gradients": ("8a04ea0e9b3bbb6f", "c241d2e2a76e632b"),
        "bound": ("eefce9dd1dddcc10", "cbbd618062f8bab5"),
        "batches": ("01b6b6a99d65b9f5", "fb13d6c3dff03d55"),
        "threads": ("59e1f9d10f577e70", "867407c68f59624a"),
        "interface": ("aec3c8ad8797b485", "f73a2d14755ad36c"),
        "header": ("c2264dca0dd0c029", "c206351fea00f0d7"),
    },
}


def images(dtype: str) -> tuple[Any, Any]:
    """The digits, from 0 to 1, and one-hot."""
    pixels, labels = digits()
    return (pixels / 16).astype(dtype), np.eye(10, dtype=dtype)[labels]


def network(lesson: tuple[Any, ...], dtype: str) -> cyprop.Network:
    """What a lesson teaches, before it has learned anything."""
    sizes, activation, output_activation, loss, optimizer = lesson
    return cyprop.Network(
        sizes,
        activation=activation,
        output_activation=output_activation,
        loss=loss,
        dtype=dtype,
        seed=7,
        optimizer=optimizer,
    )


def lessons(dtype: str) -> Iterator[Any]:
    """The weights after three lessons, and predictions and losses."""
    X, Y = images(dtype)
    for lesson in LESSONS:
        net = network(lesson, dtype)
        history = net.fit(X, Y, epochs=3, batch_size=32)
        for x, y in zip(X[:200], Y, strict=False):
            net.learn_one(x, y)
        yield net.parameters
        yield net.predict(X)
        yield np.array([history.loss[-1], net.evaluate(X, Y)])


def identity(dtype: str) -> Iterator[Any]:
    """A linear network, and softmax under a loss that is not its own."""
    X, Y = images(dtype)
    for lesson in MORE[3:]:
        net = network(lesson, dtype)
        net.fit(X, Y, epochs=2, batch_size=20)
        yield net.parameters
        yield net.predict(X[:100])


def gradients(dtype: str) -> Iterator[Any]:
    """Of one row, of some, and of more than kernels take together."""
    X, Y = images(dtype)
    for lesson in MORE:
        net = network(lesson, dtype)
        for n in (1, 37, 300):
            found = net.gradients(X[:n], Y[:n])
            yield np.array([found.loss])
            yield found.parameters
            yield found.inputs


def bound(dtype: str) -> Iterator[Any]:
    """Bound predictions of a row and of some."""
    X, _ = images(dtype)
    for lesson in MORE:
        net = network(lesson, dtype)
        for x in (X[0], X[:70]):
            yield net.bind(x, np.empty((*x.shape[:-1], 10), dtype))()


def batches(dtype: str) -> Iterator[Any]:
    """Learning in batches of 1 and 128, and of all rows."""
    X, Y = images(dtype)
    for lesson in MORE:
        for size in (1, 128, len(X)):
            net = network(lesson, dtype)
            net.fit(X[:500], Y[:500], epochs=1, batch_size=size)
            yield net.parameters
            yield np.array([net.train_on_batch(X[:size], Y[:size])])


def threads(dtype: str) -> Iterator[Any]:
    """On three threads, where there are as many processors."""
    X, Y = images(dtype)
    X, Y = np.tile(X, (4, 4)), np.tile(Y, (4, 1))
    net = cyprop.Network([256, 300, 10], "relu", loss="cross_entropy", dtype=dtype, seed=7)
    net.fit(X, Y, epochs=1, batch_size=64, n_threads=3)
    yield net.parameters
    yield net.predict(X, n_threads=3)
    yield np.array([net.evaluate(X, Y, n_threads=3)])


def interface(dtype: str) -> Iterator[Any]:
    """What compiled code gets from the functions of cyprop.h."""
    X, Y = images(dtype)
    kinds = {"predict": 4, "predict_rows": 5, "learn_one": 5, "input_gradient": 6}
    call: dict[str, Callable[..., int]] = {
        name: ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * count)(address(f"{name}_{dtype}"))
        for name, count in kinds.items()
    }
    for lesson in MORE:
        net = network(lesson, dtype)
        handle = net.handle()
        memory = np.empty(handle.scratch_size(100), np.uint8)
        model, scratch = handle.address, memory.ctypes.data
        one, rows, dX = np.empty(10, dtype), np.empty((100, 10), dtype), np.empty((100, 64), dtype)
        loss = np.empty(1)
        done = [
            call["predict"](model, X.ctypes.data, one.ctypes.data, scratch),
            call["predict_rows"](model, 100, X.ctypes.data, rows.ctypes.data, scratch),
            call["input_gradient"](
                model, 100, X.ctypes.data, Y.ctypes.data, dX.ctypes.data, scratch
            ),
            call["learn_one"](model, X.ctypes.data, Y.ctypes.data, loss.ctypes.data, scratch),
        ]
        yield np.array(done)
        yield from (one, rows, dX, loss, net.parameters)


def header(dtype: str) -> Iterator[Any]:
    """What exported C headers predict, compiled by the compiler of Python, or CC."""
    X, _ = images(dtype)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    flags = ["-DCYPROP_NO_FMA"] if dispatch.level() == "baseline" else []
    real = {"float32": "float", "float64": "double"}[dtype]
    with tempfile.TemporaryDirectory() as folder:
        for number, lesson in enumerate(MORE):
            name = f"net{number}"
            network(lesson, dtype).to_c(Path(folder, f"{name}.h"))
            source, library = Path(folder, f"{name}.c"), Path(folder, f"{name}.so")
            source.write_text(
                f'#include "{name}.h"\n'
                f"void rows(const {real} *X, {real} *out);\n"
                f"void rows(const {real} *X, {real} *out) {{ for (int i = 0; i < 100; i++)"
                f" {name}_predict(X + 64 * i, out + 10 * i); }}\n",
                encoding="ascii",
            )
            command = [*compiler, "-O2", "-ffp-contract=off", *flags, "-shared", "-fPIC"]
            subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=True)
            out = np.empty((100, 10), dtype)
            compiled = ctypes.CDLL(str(library))
            compiled.rows(ctypes.c_void_p(X.ctypes.data), ctypes.c_void_p(out.ctypes.data))
            yield out


PARTS: dict[str, Callable[[str], Iterator[Any]]] = {
    part.__name__: part
    for part in (lessons, identity, gradients, bound, batches, threads, interface, header)
}


def fingerprint(part: str, dtype: str) -> str:
    """The hash of all numbers of a part, with the kernels that are in use."""
    said = hashlib.sha256()
    for array in PARTS[part](dtype):
        said.update(array.tobytes())
    return said.hexdigest()[:16]


def family(level: str) -> str:
    """The levels that share their bits: those with FMA, and those without."""
    without = level == "baseline" and platform.machine() in ("x86_64", "AMD64")
    return "without FMA" if without else "with FMA"


if __name__ == "__main__":
    for level in dispatch.supported():
        if level in dispatch.built():
            dispatch.use(level)
            for part in PARTS:
                hashes = [fingerprint(part, dtype) for dtype in ("float32", "float64")]
                kept = tuple(hashes) == PROMISED.get(family(level), {}).get(part)
                note = "as promised" if kept else "NOT as promised"
                print(platform.machine(), level, f"{part:10}", *hashes, note, flush=True)
