from cyprop.kernels.table cimport Activation

cdef const Activation *find(str name) except NULL
