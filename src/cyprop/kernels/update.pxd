from cython cimport floating

from cyprop.kernels.table cimport Optimizer

cdef const Optimizer *find(str name) except NULL

cpdef step(
    str name, floating[:] theta, const floating[:] d_theta, states, hyperparameter_values,
    double[:] memory)
