from cyprop.kernels.table cimport Optimizer

cdef const Optimizer *find(str name) except NULL
