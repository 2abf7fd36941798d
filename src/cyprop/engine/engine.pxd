from cyprop.engine.memory cimport Layers

cdef class Engine(Layers):
    cdef object predict_general(self, X, out, n_threads)
