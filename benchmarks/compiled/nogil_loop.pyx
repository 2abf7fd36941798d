# cython: boundscheck=False, wraparound=False
"""cyprop called from compiled code without the GIL, and the cheapest call Python can make."""

from libc.stdlib cimport free, malloc

cimport numpy as cnp

from cyprop.engine.chain cimport predict, predict_scratch_size
from cyprop.engine.engine cimport Engine
from cyprop.engine.model cimport LINE_BYTES, aligned, input_size

cnp.import_array()


cdef class Empty:
    """What a method call on a compiled class costs when the method does nothing."""

    def nothing(self):
        pass


def predict_loop(Engine engine not None, cnp.ndarray x not None, cnp.ndarray out not None,
                 Py_ssize_t n):
    """Predict the sample x, n times."""
    cdef Py_ssize_t _i
    cdef char *memory = <char *> malloc(predict_scratch_size(&engine.model, 1) + LINE_BYTES)
    cdef char *scratch = aligned(memory)
    cdef const char *source = cnp.PyArray_BYTES(x)
    cdef char *target = cnp.PyArray_BYTES(out)
    with nogil:
        for _i in range(n):
            predict(&engine.model, 1, source, input_size(&engine.model), target, scratch)
    free(memory)
