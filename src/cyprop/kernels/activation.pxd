from cython cimport floating

from cyprop.kernels.table cimport Activation

cdef const Activation *find(str name) except NULL

cpdef forward(str name, const floating[:, :] Z, floating[:, :] A, values=*)
cpdef backward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] dA,
    floating[:, :] dZ, values=*)
