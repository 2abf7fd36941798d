"""The dense layer Z = A_prev · W + b and its three derivatives (seed 4, 5 and 6).

Each comes for a batch of n samples, a matrix of rows, and for one sample, a vector (`…_one`); the
bits are the same either way. The arrays of a call are all float32 or all float64. The columns of a
row are adjacent in memory; rows may be any distance apart, so the padded rows of a network's weights
fit. Outputs must not overlap inputs. The loops, and the order of every sum, are in loops/dense.pxi.

Every function raises TypeError for None, and ValueError for shapes that do not fit together, empty
arrays and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, vector
from cyprop.kernels.table cimport Table


cpdef forward(
    const floating[:, :] A_prev, const floating[:, :] W, const floating[:] b, floating[:, :] Z,
):
    """Z = A_prev · W + b

    A_prev (n, n_in), W (n_in, n_out), b (n_out,) → Z (n, n_out), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = A_prev.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = matrix("W", W, n_in, n_out)
    cdef Py_ssize_t A_prev_stride = matrix("A_prev", A_prev, n, n_in)
    cdef Py_ssize_t Z_stride = matrix("Z", Z, n, n_out)
    vector("b", b, n_out)
    with nogil:
        kernels.dense_forward[floating is double](
            n, n_in, n_out, &A_prev[0, 0], A_prev_stride, NULL, &W[0, 0], W_stride, &b[0],
            &Z[0, 0], Z_stride)


cpdef forward_one(
    const floating[:] A_prev, const floating[:, :] W, const floating[:] b, floating[:] Z,
):
    """Z = A_prev · W + b

    A_prev (n_in,), W (n_in, n_out), b (n_out,) → Z (n_out,), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = matrix("W", W, n_in, n_out)
    vector("A_prev", A_prev, n_in)
    vector("b", b, n_out)
    vector("Z", Z, n_out)
    with nogil:
        kernels.dense_forward[floating is double](
            1, n_in, n_out, &A_prev[0], n_in, NULL, &W[0, 0], W_stride, &b[0], &Z[0], n_out)


cpdef backward_W(const floating[:, :] A_prev, const floating[:, :] dZ, floating[:, :] dW):
    """dW = A_prevᵀ · dZ

    A_prev (n, n_in), dZ (n, n_out) → dW (n_in, n_out), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = A_prev.shape[0], n_in = A_prev.shape[1], n_out = dZ.shape[1]
    cdef Py_ssize_t A_prev_stride = matrix("A_prev", A_prev, n, n_in)
    cdef Py_ssize_t dZ_stride = matrix("dZ", dZ, n, n_out)
    cdef Py_ssize_t dW_stride = matrix("dW", dW, n_in, n_out)
    with nogil:
        kernels.dense_backward_W[floating is double](
            n, n_in, n_out, &A_prev[0, 0], A_prev_stride, NULL, &dZ[0, 0], dZ_stride,
            &dW[0, 0], dW_stride)


cpdef backward_W_one(const floating[:] A_prev, const floating[:] dZ, floating[:, :] dW):
    """dW = A_prevᵀ · dZ

    A_prev (n_in,), dZ (n_out,) → dW (n_in, n_out), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_in = A_prev.shape[0], n_out = dZ.shape[0]
    cdef Py_ssize_t dW_stride
    vector("A_prev", A_prev, n_in)
    vector("dZ", dZ, n_out)
    dW_stride = matrix("dW", dW, n_in, n_out)
    with nogil:
        kernels.dense_backward_W[floating is double](
            1, n_in, n_out, &A_prev[0], n_in, NULL, &dZ[0], n_out, &dW[0, 0], dW_stride)


cpdef backward_b(const floating[:, :] dZ, floating[:] db):
    """db = Σ_rows dZ

    dZ (n, n_out) → db (n_out,), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dZ.shape[0], n_out = dZ.shape[1]
    cdef Py_ssize_t dZ_stride = matrix("dZ", dZ, n, n_out)
    vector("db", db, n_out)
    with nogil:
        kernels.dense_backward_b[floating is double](n, n_out, &dZ[0, 0], dZ_stride, &db[0])


cpdef backward_b_one(const floating[:] dZ, floating[:] db):
    """db = dZ

    dZ (n_out,) → db (n_out,), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_out = dZ.shape[0]
    vector("dZ", dZ, n_out)
    vector("db", db, n_out)
    with nogil:
        kernels.dense_backward_b[floating is double](1, n_out, &dZ[0], n_out, &db[0])


cpdef backward_A(const floating[:, :] dZ, const floating[:, :] W, floating[:, :] dA_prev):
    """dA_prev = dZ · Wᵀ

    dZ (n, n_out), W (n_in, n_out) → dA_prev (n, n_in), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n = dZ.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = matrix("W", W, n_in, n_out)
    cdef Py_ssize_t dZ_stride = matrix("dZ", dZ, n, n_out)
    cdef Py_ssize_t dA_prev_stride = matrix("dA_prev", dA_prev, n, n_in)
    with nogil:
        kernels.dense_backward_A[floating is double](
            n, n_in, n_out, n_out, &dZ[0, 0], dZ_stride, &W[0, 0], W_stride,
            &dA_prev[0, 0], dA_prev_stride)


cpdef backward_A_one(const floating[:] dZ, const floating[:, :] W, floating[:] dA_prev):
    """dA_prev = dZ · Wᵀ

    dZ (n_out,), W (n_in, n_out) → dA_prev (n_in,), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = matrix("W", W, n_in, n_out)
    vector("dZ", dZ, n_out)
    vector("dA_prev", dA_prev, n_in)
    with nogil:
        kernels.dense_backward_A[floating is double](
            1, n_in, n_out, n_out, &dZ[0], n_out, &W[0, 0], W_stride, &dA_prev[0], n_in)
