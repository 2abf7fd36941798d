from cyprop.kernels.table cimport Loss

cdef const Loss *find(str name) except NULL
