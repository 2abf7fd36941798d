"""Losses by name: C of each row, and its derivative by A (seed 2), or by Z where the two cancel.

The formulas and loops are in loops/loss.pxi. Arrays are (n, n_out), all float32 or all float64; C is
(n,) and float64. The columns of a row are adjacent in memory; rows may be any distance apart, Z's as
far as A's.

Every function raises TypeError for None, and ValueError for an unknown name, shapes that differ,
empty arrays and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride, vector
from cyprop.kernels.table cimport Loss, Table


def names() -> tuple[str, ...]:
    """The known losses, in the order they are registered."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t i
    return tuple([kernels.losses[i].name.decode() for i in range(kernels.n_losses)])


def output_activation(str name not None) -> str | None:
    """The activation that the loss `name` belongs to, or None if it takes any."""
    cdef const Loss *loss = find(name)
    return loss.output_activation.decode() if loss.output_activation != NULL else None


cdef const Loss *find(str name) except NULL:
    cdef const Table *kernels = current_table()
    cdef bytes key
    cdef Py_ssize_t i
    if name is None:
        raise TypeError("loss is None, expected a name")
    key = name.encode()
    for i in range(kernels.n_losses):
        if kernels.losses[i].name == key:
            return &kernels.losses[i]
    raise ValueError(f"loss {name!r} is unknown; known are {', '.join(names())}")


cpdef forward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] Y,
    double[:] C,
):
    """C of each row, overwritten. A loss reads Z or A, whichever its formula names."""
    cdef const Loss *loss = find(name)
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t A_stride = matrix("Z", Z, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_out)
    same_stride("Z and A", A_stride, matrix("A", A, n, n_out))
    vector("C", C, n)
    with nogil:
        loss.forward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], A_stride, &Y[0, 0], Y_stride, &C[0])


cpdef backward(
    str name, const floating[:, :] A, const floating[:, :] Y, floating[:, :] dA,
):
    """dA of the mean over the n rows, overwritten; dZ for a loss with an output activation."""
    cdef const Loss *loss = find(name)
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t A_stride = matrix("A", A, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_out)
    cdef Py_ssize_t dA_stride = matrix("dA", dA, n, n_out)
    with nogil:
        loss.backward[floating is double](
            n, n_out, n, &A[0, 0], A_stride, &Y[0, 0], Y_stride, &dA[0, 0], dA_stride)
