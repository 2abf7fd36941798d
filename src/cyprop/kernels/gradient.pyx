"""What is done with gradients between deriving and stepping: weights of samples, penalties, clipping.

The formulas and loops are in loops/gradient.pxi. Arrays of a call are all float32 or all float64; the
columns of a row are adjacent in memory, and rows may be any distance apart, W's as far as dW's.

Every function raises TypeError for None, and ValueError for shapes that differ, empty arrays and
misaligned ones. Numbers are as they are; who calls has checked them.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride, vector
from cyprop.kernels.table cimport BLOCK_ROWS, Table


cpdef weigh(const double[:] weights, double weight, Py_ssize_t n_batch, floating[:, :] dA):
    """dA_i ← dA_i · w_i / weight · n_batch for each row i; weights (n,), dA (n, n_out)."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dA.shape[0], n_out = dA.shape[1]
    cdef Py_ssize_t stride = matrix("dA", dA, n, n_out)
    vector("weights", weights, n)
    with nogil:
        kernels.weigh[floating is double](
            n, n_out, n_batch, &weights[0], weight, &dA[0, 0], stride)


cpdef double penalty(const floating[:, :] W, double l1, double l2) except? -1:
    """l1 · Σ|w| + l2/2 · Σw²"""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t stride = matrix("W", W, n_in, n_out)
    return kernels.penalty[floating is double](n_in, n_out, &W[0, 0], stride, l1, l2)


cpdef add_penalty(const floating[:, :] W, floating[:, :] dW, double l1, double l2):
    """dW ← dW + l1 · sign(W) + l2 · W, where sign(0) = 0; both (n_in, n_out)."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t stride = matrix("W", W, n_in, n_out)
    same_stride("W and dW", stride, matrix("dW", dW, n_in, n_out))
    with nogil:
        kernels.add_penalty[floating is double](
            n_in, n_out, &W[0, 0], &dW[0, 0], stride, l1, l2)


cpdef squares_of_blocks(const floating[:, :] dW, double[:] sums):
    """Σ_kj dW_kj² of each eight rows into sums (⌈n / 8⌉,), in float64."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dW.shape[0], n_out = dW.shape[1]
    cdef Py_ssize_t stride = matrix("dW", dW, n, n_out)
    vector("sums", sums, (n + BLOCK_ROWS - 1) // BLOCK_ROWS)
    with nogil:
        kernels.squares_of_blocks[floating is double](
            n, n_out, &dW[0, 0], stride, &sums[0])


cpdef clip(floating[:] dW, double bound):
    """dW ← max(−bound, min(dW, bound)), and NaN for NaN; dW (n,)."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dW.shape[0]
    vector("dW", dW, n)
    with nogil:
        kernels.clip[floating is double](n, &dW[0], bound)


cpdef scale(floating[:] dW, double factor):
    """dW ← factor · dW; dW (n,)."""
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dW.shape[0]
    vector("dW", dW, n)
    with nogil:
        kernels.scale[floating is double](n, &dW[0], factor, &dW[0])
