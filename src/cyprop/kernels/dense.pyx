"""The dense layer Z = A_prev · W + b and its three derivatives (seed 4, 5 and 6).

One sample is a vector, a batch of n samples a matrix of rows; the bits are the same either way. The
arrays of a call are all float32 or all float64. The columns of a row are adjacent in memory; rows may
be any distance apart, so the padded rows of a network's weights fit. Outputs must not overlap
inputs. The loops, and the order of every sum, are in loops/dense.pxi.

Every function raises ValueError for shapes that do not fit together and for misaligned arrays.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, vector
from cyprop.kernels.table cimport Table


cpdef forward(
    const floating[:, :] A_prev, const floating[:, :] W, const floating[::1] b,
    floating[:, :] Z,
):
    """Z = A_prev · W + b

    A_prev (n, n_in), W (n_in, n_out), b (n_out,) → Z (n, n_out), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t n = A_prev.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t A_prev_stride = matrix(
        "A_prev", &A_prev[0, 0], size, A_prev.shape, A_prev.strides, n, n_in)
    cdef Py_ssize_t W_stride = matrix("W", &W[0, 0], size, W.shape, W.strides, n_in, n_out)
    cdef Py_ssize_t Z_stride = matrix("Z", &Z[0, 0], size, Z.shape, Z.strides, n, n_out)
    vector("b", &b[0], size, b.shape[0], n_out)
    with nogil:
        kernels.dense_forward[floating is double](
            n, n_in, n_out, &A_prev[0, 0], A_prev_stride, &W[0, 0], W_stride, &b[0],
            &Z[0, 0], Z_stride)


cpdef backward_W(
    const floating[:, :] A_prev, const floating[:, :] dZ, floating[:, :] dW,
):
    """dW = A_prevᵀ · dZ

    A_prev (n, n_in), dZ (n, n_out) → dW (n_in, n_out), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t n = A_prev.shape[0], n_in = A_prev.shape[1], n_out = dZ.shape[1]
    cdef Py_ssize_t A_prev_stride = matrix(
        "A_prev", &A_prev[0, 0], size, A_prev.shape, A_prev.strides, n, n_in)
    cdef Py_ssize_t dZ_stride = matrix("dZ", &dZ[0, 0], size, dZ.shape, dZ.strides, n, n_out)
    cdef Py_ssize_t dW_stride = matrix("dW", &dW[0, 0], size, dW.shape, dW.strides, n_in, n_out)
    with nogil:
        kernels.dense_backward_W[floating is double](
            n, n_in, n_out, &A_prev[0, 0], A_prev_stride, &dZ[0, 0], dZ_stride,
            &dW[0, 0], dW_stride)


cpdef backward_b(const floating[:, :] dZ, floating[::1] db):
    """db = Σ_rows dZ

    dZ (n, n_out) → db (n_out,), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t n = dZ.shape[0], n_out = dZ.shape[1]
    cdef Py_ssize_t dZ_stride = matrix("dZ", &dZ[0, 0], size, dZ.shape, dZ.strides, n, n_out)
    vector("db", &db[0], size, db.shape[0], n_out)
    with nogil:
        kernels.dense_backward_b[floating is double](n, n_out, &dZ[0, 0], dZ_stride, &db[0])


cpdef backward_A(
    const floating[:, :] dZ, const floating[:, :] W, floating[:, :] dA_prev,
):
    """dA_prev = dZ · Wᵀ

    dZ (n, n_out), W (n_in, n_out) → dA_prev (n, n_in), overwritten.
    """
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t n = dZ.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t dZ_stride = matrix("dZ", &dZ[0, 0], size, dZ.shape, dZ.strides, n, n_out)
    cdef Py_ssize_t W_stride = matrix("W", &W[0, 0], size, W.shape, W.strides, n_in, n_out)
    cdef Py_ssize_t dA_prev_stride = matrix(
        "dA_prev", &dA_prev[0, 0], size, dA_prev.shape, dA_prev.strides, n, n_in)
    with nogil:
        kernels.dense_backward_A[floating is double](
            n, n_in, n_out, &dZ[0, 0], dZ_stride, &W[0, 0], W_stride,
            &dA_prev[0, 0], dA_prev_stride)
