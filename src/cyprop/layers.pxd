cimport numpy as cnp

from cyprop.chain cimport Model

cdef enum:
    LONG_CALL = 1 << 16          # multiplications from which a call lets go of the GIL

cdef char *allocate(Py_ssize_t size) except NULL

cdef class Layers:
    cdef Model model
    cdef int typenum
    cdef Py_ssize_t n_in, n_out
    cdef char *scratch               # of training; predictions bring their own
    cdef Py_ssize_t scratch_size
    cdef Py_ssize_t readers          # predictions running without the GIL
    cdef long writing                # a flag (flag.pxd): an update is running
    cdef readonly cnp.ndarray parameters
    cdef readonly tuple weights, biases
    cdef list states
    cdef object keep                 # what the model's plain pointers point into

    cdef int need_scratch(self, Py_ssize_t size) except -1
    cdef int begin_reading(self) except -1
    cdef int begin_writing(self) except -1
