"""Losses by name: C of each row, and its derivative by A (seed 2), or by Z where the two cancel.

The formulas and loops are in loops/loss.pxi. Arrays are (n, n_out), all float32 or all float64; C is
(n,) and float64. The columns of a row are adjacent in memory; rows may be any distance apart, Z's as
far as A's.

Every function raises TypeError for None, and ValueError for an unknown name, shapes that differ,
empty arrays and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels cimport registry
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride, vector
from cyprop.kernels.table cimport MAX_HYPERPARAMETERS, Loss, Table


cdef inline registry.Entries entries():
    cdef const Table *kernels = current_table()
    return registry.Entries(<const char *> kernels.losses, kernels.n_losses, sizeof(Loss))


cdef const Loss *find(str name) except NULL:
    return <const Loss *> registry.find("loss", entries(), name)


def names() -> tuple[str, ...]:
    """The known losses, in the order they are registered."""
    return registry.names(entries())


def hyperparameters(str name not None) -> dict[str, tuple[float, float, bool, float]]:
    """Of each hyperparameter: its default, and low, whether low itself is allowed, and high."""
    return registry.hyperparameters(&find(name).rule)


def output_activation(str name not None) -> str | None:
    """The activation that the loss `name` belongs to, or None if it takes any."""
    cdef const Loss *loss = find(name)
    return loss.output_activation.decode() if loss.output_activation != NULL else None


cpdef forward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] Y,
    double[:] C, values=None,
):
    """C of each row, overwritten. A loss reads Z or A, whichever its formula names.

    values: the hyperparameters, in the order of `hyperparameters`; None: their defaults.
    """
    cdef const Loss *loss = find(name)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t A_stride = matrix("Z", Z, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_out)
    same_stride("Z and A", A_stride, matrix("A", A, n, n_out))
    vector("C", C, n)
    registry.read(&loss.rule, values, numbers)
    with nogil:
        loss.forward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], A_stride, &Y[0, 0], Y_stride, &C[0], numbers)


cpdef backward(
    str name, const floating[:, :] A, const floating[:, :] Y, floating[:, :] dA, values=None,
):
    """dA of the mean over the n rows, overwritten; dZ for a loss with an output activation.

    values as in `forward`.
    """
    cdef const Loss *loss = find(name)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t A_stride = matrix("A", A, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_out)
    cdef Py_ssize_t dA_stride = matrix("dA", dA, n, n_out)
    registry.read(&loss.rule, values, numbers)
    with nogil:
        loss.backward[floating is double](
            n, n_out, n, &A[0, 0], A_stride, &Y[0, 0], Y_stride, &dA[0, 0], dA_stride, numbers)
