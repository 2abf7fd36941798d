from cyprop.engine.memory cimport Memory
from cyprop.engine.learning cimport Recipe
from cyprop.engine.model cimport Batch

cdef class Course:
    cdef Memory network
    cdef Batch data
    cdef Recipe recipe
    cdef Py_ssize_t batch_size, n_parts
    cdef object keep                 # the arrays that data points into
