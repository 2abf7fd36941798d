# cython: boundscheck=False, wraparound=False
"""cyprop's elementary functions one by one: its source, for one instruction set's flags."""

include "arithmetic.pxi"
include "elementary.pxi"

cdef extern from "math.h" nogil:
    double c_erf "erf"(double x)
    double c_erfc "erfc"(double x)
    long double erfl(long double x)
    long double erfcl(long double x)

ctypedef fused wide:
    double
    long double


def reference(str name, const wide[::1] x, wide[::1] y):
    """y = erf x or erfc x by the C library, in more than the precision that is judged."""
    cdef Py_ssize_t i, n = x.shape[0]
    if name == "erf":
        for i in range(n):
            if wide is double:
                y[i] = c_erf(x[i])
            else:
                y[i] = erfl(x[i])
    elif name == "erfc":
        for i in range(n):
            if wide is double:
                y[i] = c_erfc(x[i])
            else:
                y[i] = erfcl(x[i])
    else:
        raise ValueError(f"there is no {name!r}")


def evaluate(str name, const floating[::1] x, floating[::1] y):
    """y = f(x) for exp, expm1, sigmoid, tanh, log, log1p, log1p_exp, erf or erfc."""
    cdef Py_ssize_t i, n = x.shape[0]
    if name == "exp":
        for i in range(n):
            y[i] = exp(x[i])
    elif name == "expm1":
        for i in range(n):
            y[i] = expm1(x[i])
    elif name == "log1p":
        for i in range(n):
            y[i] = log1p(x[i])
    elif name == "erf":
        for i in range(n):
            y[i] = erf(x[i])
    elif name == "erfc":
        for i in range(n):
            y[i] = erfc(x[i])
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
