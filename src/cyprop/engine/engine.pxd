from cyprop.engine.inputs cimport Input
from cyprop.engine.memory cimport Memory

cdef class Engine(Memory):
    cdef object predict_small(self, X, out, n_threads)
    cdef object predict_general(self, X, out, n_threads)
    cdef double train_small(self, const Input *x, const Input *y) except? -1

cdef bint is_matrix(X, Engine network, Py_ssize_t n_columns) noexcept
