"""The functions that compiled code calls, called through their addresses."""

import ctypes
import functools

import numpy as np

from cyprop.interface import address

OK, NULL_POINTER, STALE, WRONG_DTYPE, NEGATIVE_COUNT, MISALIGNED, NOT_FINITE, BUSY = range(
    0, -8, -1
)
BAD_WEIGHT = -9

POINTER, COUNT = ctypes.c_void_p, ctypes.c_ssize_t

ARGUMENTS = {
    "error_message": [ctypes.c_int],
    "n_inputs": [POINTER],
    "n_outputs": [POINTER],
    "n_parameters": [POINTER],
    "dtype": [POINTER],
    "scratch_size": [POINTER, COUNT],
    "predict": [POINTER, POINTER, POINTER, POINTER],
    "predict_rows": [POINTER, COUNT, POINTER, POINTER, POINTER],
    "learn_one": [POINTER, POINTER, POINTER, POINTER, POINTER],
    "learn_weighted": [POINTER, POINTER, POINTER, ctypes.c_double, POINTER, POINTER],
    "input_gradient": [POINTER, COUNT, POINTER, POINTER, POINTER, POINTER],
}
RESULTS = {"error_message": ctypes.c_char_p, "dtype": ctypes.c_int}


@functools.cache
def function(name, dtype=None):
    """`name`, or that for a dtype; with ctypes, so that it runs without the GIL."""
    result = RESULTS.get(name, COUNT if dtype is None else ctypes.c_int)
    full_name = name if dtype is None else f"{name}_{np.dtype(dtype)}"
    return ctypes.CFUNCTYPE(result, *ARGUMENTS[name])(address(full_name))


class Calls:
    """The functions for one network, on arrays; each returns its code and what it wrote."""

    def __init__(self, net, most_rows=100):
        self.handle = net.handle()
        self.model = self.handle.address
        self.sizes, self.dtype = net.sizes, net.dtype
        self.scratch = np.empty(self.handle.scratch_size(most_rows), np.uint8)

    def predict(self, x):
        out = np.empty(self.sizes[-1], self.dtype)
        return self._call("predict", x, out), out

    def predict_rows(self, X):
        out = np.empty((len(X), self.sizes[-1]), self.dtype)
        return self._call("predict_rows", len(X), X, out), out

    def learn_one(self, x, y):
        loss = np.empty(1)
        return self._call("learn_one", x, y, loss), loss[0]

    def learn_weighted(self, x, y, weight):
        loss = np.full(1, 12345.0)
        return self._call("learn_weighted", x, y, weight, loss), loss[0]

    def input_gradient(self, X, dA):
        dX = np.empty_like(X)
        return self._call("input_gradient", len(X), X, dA, dX), dX

    def _call(self, name, *arguments):
        pointers = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
        return function(name, self.dtype)(self.model, *pointers, self.scratch.ctypes.data)
