from cython cimport floating

from cyprop.kernels.table cimport Loss

cdef const Loss *find(str name) except NULL

cpdef forward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] Y,
    double[:] C, values=*)
cpdef backward(
    str name, const floating[:, :] A, const floating[:, :] Y, floating[:, :] dA, values=*)
