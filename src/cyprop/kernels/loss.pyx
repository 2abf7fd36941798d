"""Losses by name: C of each row, and its derivative by A (seed 2), or by Z where the two cancel.

The formulas and loops are in loops/loss.pxi. Arrays are (n, n_out), all float32 or all float64,
C-contiguous; C is float64.

Every function raises ValueError for an unknown name, shapes that differ and misaligned arrays.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, vector
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
    cdef bytes key = name.encode()
    cdef Py_ssize_t i
    for i in range(kernels.n_losses):
        if kernels.losses[i].name == key:
            return &kernels.losses[i]
    raise ValueError(f"loss {name!r} is unknown; known are {', '.join(names())}")


cpdef forward(
    str name, const floating[:, ::1] Z, const floating[:, ::1] A, const floating[:, ::1] Y,
    double[::1] C,
):
    """C of each row, overwritten. A loss reads Z or A, whichever its formula names."""
    cdef const Loss *loss = find(name)
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t size = sizeof(floating)
    matrix("Z", &Z[0, 0], size, Z.shape, Z.strides, n, n_out)
    matrix("A", &A[0, 0], size, A.shape, A.strides, n, n_out)
    matrix("Y", &Y[0, 0], size, Y.shape, Y.strides, n, n_out)
    vector("C", &C[0], sizeof(double), C.shape[0], n)
    with nogil:
        loss.forward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], n_out, &Y[0, 0], n_out, &C[0])


cpdef backward(
    str name, const floating[:, ::1] A, const floating[:, ::1] Y, floating[:, ::1] dA,
):
    """dA of the mean over the n rows, overwritten; dZ for a loss with an output activation."""
    cdef const Loss *loss = find(name)
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t size = sizeof(floating)
    matrix("A", &A[0, 0], size, A.shape, A.strides, n, n_out)
    matrix("Y", &Y[0, 0], size, Y.shape, Y.strides, n, n_out)
    matrix("dA", &dA[0, 0], size, dA.shape, dA.strides, n, n_out)
    with nogil:
        loss.backward[floating is double](
            n, n_out, n, &A[0, 0], n_out, &Y[0, 0], n_out, &dA[0, 0], n_out)
