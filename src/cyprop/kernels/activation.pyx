"""Activations by name: A = f(Z), and the vector–Jacobian product dA → dZ (seed 3 and 7).

The formulas and loops are in loops/activation.pxi and loops/activations.h. Arrays are (n, n_out), all
float32 or all float64. The columns of a row are adjacent in memory; rows may be any distance apart, Z's
as far as A's and dA's as far as dZ's.

Every function raises TypeError for None, and ValueError for an unknown name, shapes that differ,
empty arrays and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels cimport registry
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride
from cyprop.kernels.table cimport MAX_HYPERPARAMETERS, Activation, Table


cdef inline registry.Entries entries():
    cdef const Table *kernels = current_table()
    return registry.Entries(
        <const char *> kernels.activations, kernels.n_activations, sizeof(Activation))


cdef const Activation *find(str name) except NULL:
    return <const Activation *> registry.find("activation", entries(), name)


def names() -> tuple[str, ...]:
    """The known activations, in the order they are registered."""
    return registry.names(entries())


def hyperparameters(str name not None) -> dict[str, tuple[float, float, bool, float]]:
    """Of each hyperparameter: its default, and low, whether low itself is allowed, and high."""
    return registry.hyperparameters(&find(name).rule)


def initialisation(str name not None) -> str:
    """How weights in front of the activation are drawn: "glorot", "he" or "lecun"."""
    return find(name).initialisation.decode()


def couples_units(str name not None) -> bool:
    """Whether an output depends on the whole row, as softmax's do; then no hidden layer takes it."""
    return bool(find(name).couples_units)


def positive(str name not None) -> bool:
    """Whether every output is above 0, but for those that are too small for a number."""
    return bool(find(name).positive)


cpdef forward(str name, const floating[:, :] Z, floating[:, :] A, values=None):
    """A = f(Z), overwritten. A may be Z.

    values: the hyperparameters, in the order of `hyperparameters`; None: their defaults.
    """
    cdef const Activation *activation = find(name)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t stride = matrix("Z", Z, n, n_out)
    same_stride("Z and A", stride, matrix("A", A, n, n_out))
    registry.read(&activation.rule, values, numbers)
    with nogil:
        activation.forward[floating is double](n, n_out, &Z[0, 0], &A[0, 0], stride, numbers)


cpdef backward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] dA,
    floating[:, :] dZ, values=None,
):
    """dZ = dA · ∂A/∂Z, overwritten. dZ may be dA. values as in `forward`."""
    cdef const Activation *activation = find(name)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t A_stride = matrix("Z", Z, n, n_out)
    cdef Py_ssize_t dZ_stride = matrix("dA", dA, n, n_out)
    same_stride("Z and A", A_stride, matrix("A", A, n, n_out))
    same_stride("dA and dZ", dZ_stride, matrix("dZ", dZ, n, n_out))
    registry.read(&activation.rule, values, numbers)
    with nogil:
        activation.backward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], A_stride, &dA[0, 0], &dZ[0, 0], dZ_stride, numbers)
