"""Dropout: which units are silent in an update, and the way there and back.

The formulas and loops are in loops/dropout.pxi. Arrays are (n, n_out), all float32 or all float64; the
columns of a row are adjacent in memory, and rows are any distance apart, the same for all arrays.

Every function raises TypeError for None, and ValueError for shapes that differ, empty arrays and
misaligned ones. Numbers are as they are; who calls has checked them.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride
from cyprop.kernels.table cimport Dropout, Table


cpdef drop(
    const floating[:, :] A, floating[:, :] M, floating[:, :] D, double rate,
    unsigned long long seed, long long update, Py_ssize_t layer, Py_ssize_t first=0,
):
    """D = A · M,  M = 0 with probability rate, else 1 / (1 − rate)

    A, M and D hold rows of an update from `first` on; update and layer are counted from 0.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t stride = matrix("A", A, n, n_out)
    cdef Dropout dropout = Dropout(rate, seed, update, layer)
    same_stride("A and M", stride, matrix("M", M, n, n_out))
    same_stride("A and D", stride, matrix("D", D, n, n_out))
    with nogil:
        kernels.drop[floating is double](
            n, n_out, &dropout, first, &A[0, 0], &M[0, 0], &D[0, 0], stride)


cpdef silence(const floating[:, :] M, floating[:, :] dA):
    """dA = dD · M, in place: dA holds dD before."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = M.shape[0], n_out = M.shape[1]
    cdef Py_ssize_t stride = matrix("M", M, n, n_out)
    same_stride("M and dA", stride, matrix("dA", dA, n, n_out))
    with nogil:
        kernels.silence[floating is double](n, n_out, &M[0, 0], &dA[0, 0], stride)
