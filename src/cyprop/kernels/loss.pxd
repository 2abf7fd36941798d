from cython cimport floating

from cyprop.kernels.table cimport Loss

# The entry of that name for an output activation; None: the first.
cdef const Loss *find(str name, str output) except NULL

cpdef forward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] Y,
    double[:] C, values=*, str output=*)
cpdef backward(
    str name, const floating[:, :] A, const floating[:, :] Y, floating[:, :] dA, values=*,
    str output=*)
