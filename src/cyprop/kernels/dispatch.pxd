from cyprop.kernels.table cimport Table

cdef const Table *current_table() except NULL
