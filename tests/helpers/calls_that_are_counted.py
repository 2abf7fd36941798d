"""Run by test_allocations.py in front of its counting malloc: prints allocations as JSON."""

import ctypes
import gc
import json
import sys
from functools import partial
from itertools import repeat

import numpy as np

import cyprop
from cyprop import interface

WARM_UP = 10
OTHER_KINDS = {
    "float32": lambda x: x.astype(np.float32),
    "float64": lambda x: x.astype(np.float64),
    "half": lambda x: x.astype(np.float16),
    "int": lambda x: x.astype(int),
    "bool": lambda x: x.astype(bool),
    "big-endian": lambda x: x.astype(">f8"),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
}
shim = ctypes.CDLL(sys.argv[1])
counter = ctypes.c_long.in_dll(shim, "counted_allocations")
allocations_of = shim.allocations_of
allocations_of.argtypes = [ctypes.c_void_p] * 6 + [ctypes.c_long]
allocations_of.restype = ctypes.c_long


def nothing():
    pass


def allocations(call, n_calls):
    """How many there were in that many calls, beyond what the loop and the counting take."""
    counts = []
    for function in (nothing, call):
        for n in (WARM_UP, n_calls):
            before = counter.value
            for _ in repeat(None, n):
                function()
            after = counter.value
        counts.append(after - before)
    return counts[1] - counts[0]


def calls(sizes, dtype):
    """Name, call, and how many times to call it."""
    net = cyprop.Network(sizes, "tanh", "tanh", dtype=dtype)
    x, y = np.full(sizes[0], 0.5, dtype), np.full(sizes[-1], 0.5, dtype)
    X, Y = np.full((100, sizes[0]), 0.5, dtype), np.full((100, sizes[-1]), 0.5, dtype)
    out = np.empty_like(y)
    yield "predict(x, out)", lambda: net.predict(x, out), 10_000
    yield "predict(x, out=out)", lambda: net.predict(x, out=out), 10_000
    yield "learn_one(x, y)", lambda: net.learn_one(x, y), 10_000
    yield "bind(x, out)()", net.bind(x, out), 10_000
    yield "bind(X, Y)()", net.bind(X, Y), 100
    yield "predict(x)", lambda: net.predict(x), 1000
    yield "predict(X, Y)", lambda: net.predict(X, Y), 100


def few_calls(sizes, dtype):
    """The same of a few numbers of every kind, which are converted on the way."""
    net = cyprop.Network(sizes, "tanh", "tanh", dtype=dtype)
    x, X = np.full(sizes[0], 0.5, dtype), np.full((3, sizes[0]), 0.5, dtype)
    out, few_out = np.empty(sizes[-1], dtype), np.empty((3, sizes[-1]), dtype)
    for kind, other in OTHER_KINDS.items():
        yield f"predict({kind}, out)", partial(net.predict, other(x), out), 1000
        yield f"predict({kind} rows, out)", partial(net.predict, other(X), few_out), 1000
    yield "predict(rows, out)", partial(net.predict, X, few_out), 1000
    yield "predict(list, out)", partial(net.predict, x.tolist(), out), 1000


def compiled_calls(sizes, dtype):
    """The same of what compiled code calls, counted there."""
    net = cyprop.Network(sizes, "tanh", "tanh", dtype=dtype)
    handle = net.handle()
    x, y, loss = np.full(sizes[0], 0.5, dtype), np.full(sizes[-1], 0.5, dtype), np.empty(1)
    scratch = np.empty(handle.scratch_size(), np.uint8)
    places = [handle.address, *(array.ctypes.data for array in (x, y, loss, scratch))]
    model, x_place, y_place, loss_place, scratch_place = places
    arguments = {
        "predict": (model, x_place, y_place, scratch_place, None),
        "learn_one": (model, x_place, y_place, loss_place, scratch_place),
    }
    for name, values in arguments.items():
        function = interface.address(f"{name}_{dtype}")
        yield f"cyprop.h {name}", allocations_of(function, *values, 10_000)


gc.disable()
counts = {}
for dtype in ("float32", "float64"):
    for name, call, n in few_calls([4, 8, 3], dtype):
        counts[f"{name}, {dtype}"] = allocations(call, n), n
for sizes in ([4, 8, 3], [300, 250, 7]):
    for dtype in ("float32", "float64"):
        for name, call, n in calls(sizes, dtype):
            counts[f"{name}, {sizes}, {dtype}"] = allocations(call, n), n
        for name, n_allocations in compiled_calls(sizes, dtype):
            counts[f"{name}, {sizes}, {dtype}"] = n_allocations, 10_000
json.dump(counts, sys.stdout)
