from cyprop.engine.memory cimport Memory

cdef class Engine(Memory):
    cdef object predict_general(self, X, out, n_threads)
