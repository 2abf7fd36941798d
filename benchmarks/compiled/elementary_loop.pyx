# cython: boundscheck=False, wraparound=False
"""cyprop's elementary functions one by one: its source, for one instruction set's flags."""

include "arithmetic.pxi"
include "elementary.pxi"


def evaluate(str name, const floating[::1] x, floating[::1] y):
    """y = f(x) for exp, sigmoid, tanh, log or log1p_exp."""
    cdef Py_ssize_t i, n = x.shape[0]
    if name == "exp":
        for i in range(n):
            y[i] = exp(x[i])
    elif name == "sigmoid":
        for i in range(n):
            y[i] = sigmoid(x[i])
    elif name == "tanh":
        for i in range(n):
            y[i] = tanh(x[i])
    elif name == "log":
        for i in range(n):
            y[i] = log(x[i])
    elif name == "log1p_exp":
        for i in range(n):
            y[i] = log1p_exp(x[i])
    else:
        raise ValueError(f"there is no {name!r}")
