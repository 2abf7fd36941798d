# cython: boundscheck=False, wraparound=False
"""The same products by the BLAS that SciPy carries, from compiled code.

BLAS counts columns first, so each product is asked for as its transpose.
"""

from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef void gemm(
    char *first, char *second, int m, int n, int k, floating *a, int lda, floating *b, int ldb,
    floating *c, int ldc,
) noexcept nogil:
    cdef floating one = 1, zero = 0
    if floating is float:
        sgemm(first, second, &m, &n, &k, &one, a, &lda, b, &ldb, &zero, c, &ldc)
    else:
        dgemm(first, second, &m, &n, &k, &one, a, &lda, b, &ldb, &zero, c, &ldc)


def forward(floating[:, ::1] A_prev, floating[:, ::1] W, floating[:, ::1] Z, Py_ssize_t repeats):
    cdef Py_ssize_t _i
    cdef int n = Z.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    with nogil:
        for _i in range(repeats):
            gemm(b"N", b"N", n_out, n, n_in, &W[0, 0], n_out, &A_prev[0, 0], n_in, &Z[0, 0], n_out)


def backward_W(floating[:, ::1] A_prev, floating[:, ::1] dZ, floating[:, ::1] dW,
               Py_ssize_t repeats):
    cdef Py_ssize_t _i
    cdef int n = dZ.shape[0], n_in = dW.shape[0], n_out = dW.shape[1]
    with nogil:
        for _i in range(repeats):
            gemm(b"N", b"T", n_out, n_in, n, &dZ[0, 0], n_out, &A_prev[0, 0], n_in,
                 &dW[0, 0], n_out)


def backward_A(floating[:, ::1] dZ, floating[:, ::1] W, floating[:, ::1] dA_prev,
               Py_ssize_t repeats):
    cdef Py_ssize_t _i
    cdef int n = dZ.shape[0], n_in = W.shape[0], n_out = W.shape[1]
    with nogil:
        for _i in range(repeats):
            gemm(b"T", b"N", n_in, n, n_out, &W[0, 0], n_out, &dZ[0, 0], n_out,
                 &dA_prev[0, 0], n_in)
