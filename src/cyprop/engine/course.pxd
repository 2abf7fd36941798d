from cyprop.engine.learning cimport Recipe
from cyprop.engine.memory cimport Memory
from cyprop.engine.model cimport Batch

cdef double mean_loss(Memory network, Batch *data, Py_ssize_t n_parts) except? -1

cdef class Course:
    cdef Memory network
    cdef object X, Y, weights
    cdef bint ordinary
    cdef Recipe recipe
    cdef Py_ssize_t batch_size, n_parts

    cdef Batch rows(self) except *
    cdef int choose(self, Batch *data, order) except -1
