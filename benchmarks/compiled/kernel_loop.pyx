# cython: boundscheck=False, wraparound=False
"""cyprop's dense kernels as its engine calls them: over padded rows, from compiled code."""

from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.table cimport Table
from cython cimport floating


cdef Py_ssize_t stride(floating[:, :] array):
    """From a row to the next, in elements."""
    return array.strides[0] // <Py_ssize_t> sizeof(floating)


def forward(floating[:, :] A_prev, floating[:, :] W, floating[:] b, floating[:, :] Z,
            Py_ssize_t repeats):
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t _i, n = Z.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = stride(W), A_prev_stride = stride(A_prev)
    with nogil:
        for _i in range(repeats):
            kernels.dense_forward[floating is double](
                n, n_in, n_out, &A_prev[0, 0], A_prev_stride, NULL, &W[0, 0], W_stride, &b[0],
                &Z[0, 0], W_stride)


def backward_W(floating[:, :] A_prev, floating[:, :] dZ, floating[:, :] dW,
               Py_ssize_t repeats):
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t _i, n = dZ.shape[0], n_in = dW.shape[0], n_out = dW.shape[1]
    cdef Py_ssize_t W_stride = stride(dW), A_prev_stride = stride(A_prev)
    with nogil:
        for _i in range(repeats):
            kernels.dense_backward_W[floating is double](
                n, n_in, n_out, &A_prev[0, 0], A_prev_stride, NULL, &dZ[0, 0], W_stride,
                &dW[0, 0], W_stride)


def backward_A(floating[:, :] dZ, floating[:, :] W, floating[:, :] dA_prev,
               Py_ssize_t repeats):
    cdef const Table *kernels = current_table()
    cdef Py_ssize_t _i, n = dZ.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    cdef Py_ssize_t W_stride = stride(W), stride_in = stride(dA_prev)
    with nogil:
        for _i in range(repeats):
            kernels.dense_backward_A[floating is double](
                n, n_in, n_out, n_out, &dZ[0, 0], W_stride, &W[0, 0], W_stride, &dA_prev[0, 0],
                stride_in)
