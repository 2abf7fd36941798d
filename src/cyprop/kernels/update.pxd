from cython cimport floating

from cyprop.kernels.table cimport Optimizer, Table

cdef const Optimizer *find(str name, const Table *kernels = *) except NULL

cpdef step(
    str name, floating[:] theta, const floating[:] d_theta, states, hyperparameter_values,
    double[:] tally)
