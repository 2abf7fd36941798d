cimport numpy as cnp

from cyprop.engine.inputs cimport Input
from cyprop.engine.memory cimport Memory

cdef class Engine(Memory):
    cdef int predict_row(self, cnp.ndarray x, cnp.ndarray y) except -1
    cdef int predict_long_row(self, cnp.ndarray x, cnp.ndarray y, char *scratch) except -1
    cdef cnp.ndarray predict_few(self, X, out)
    cdef cnp.ndarray predict_mapped(self, X, out)
    cdef object predict_general(self, X, out, n_threads, layer)
    cdef double learn_mapped(self, x, y, const double *weight) except? -1
    cdef bint train_on_few(self, X, Y, double *loss) except -1
