"""Activations by name: A = f(Z), and the vector–Jacobian product dA → dZ (seed 3 and 7).

The formulas and loops are in loops/activation.pxi. Arrays are (n, n_out), all float32 or all float64,
C-contiguous. A may be Z, and dZ may be dA.

Every function raises ValueError for an unknown name, shapes that differ and misaligned arrays.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix
from cyprop.kernels.table cimport Activation, Table


def names() -> tuple[str, ...]:
    """The known activations, in the order they are registered."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t i
    return tuple([kernels.activations[i].name.decode() for i in range(kernels.n_activations)])


def initialisation(str name not None) -> str:
    """How weights in front of the activation are drawn: "glorot" or "he"."""
    return find(name).initialisation.decode()


cdef const Activation *find(str name) except NULL:
    cdef const Table *kernels = current_table()
    cdef bytes key = name.encode()
    cdef Py_ssize_t i
    for i in range(kernels.n_activations):
        if kernels.activations[i].name == key:
            return &kernels.activations[i]
    raise ValueError(f"activation {name!r} is unknown; known are {', '.join(names())}")


cpdef forward(str name, const floating[:, ::1] Z, floating[:, ::1] A):
    """A = f(Z), overwritten."""
    cdef const Activation *activation = find(name)
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t size = sizeof(floating)
    matrix("Z", &Z[0, 0], size, Z.shape, Z.strides, n, n_out)
    matrix("A", &A[0, 0], size, A.shape, A.strides, n, n_out)
    with nogil:
        activation.forward[floating is double](n, n_out, &Z[0, 0], &A[0, 0], n_out)


cpdef backward(
    str name, const floating[:, ::1] Z, const floating[:, ::1] A, const floating[:, ::1] dA,
    floating[:, ::1] dZ,
):
    """dZ = dA · ∂A/∂Z, overwritten."""
    cdef const Activation *activation = find(name)
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t size = sizeof(floating)
    matrix("Z", &Z[0, 0], size, Z.shape, Z.strides, n, n_out)
    matrix("A", &A[0, 0], size, A.shape, A.strides, n, n_out)
    matrix("dA", &dA[0, 0], size, dA.shape, dA.strides, n, n_out)
    matrix("dZ", &dZ[0, 0], size, dZ.shape, dZ.strides, n, n_out)
    with nogil:
        activation.backward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], n_out, &dA[0, 0], &dZ[0, 0], n_out)
