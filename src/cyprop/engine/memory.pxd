cimport numpy as cnp

from cyprop.engine.model cimport Model
from cyprop.engine.turns cimport Turns

cdef enum:
    LONG_CALL = 1 << 16          # multiplications from which a call lets go of the GIL

cdef char *allocate(Py_ssize_t size) except NULL
cdef bint all_finite(const Model *model) noexcept nogil
cdef void take_hyperparameters(Model *model, const double *numbers) noexcept nogil

cdef class Memory(Turns):
    cdef Model model
    cdef int typenum
    cdef Py_ssize_t n_in, n_out, n_targets
    cdef Py_ssize_t n_direct         # n_in; −1 where there are maps, which no array has for columns
    cdef Py_ssize_t n_classes        # that whole numbers may name; 0 where they may not
    cdef char *scratch               # of training; predictions bring their own
    cdef Py_ssize_t scratch_size
    cdef cnp.ndarray kept_parameters
    cdef tuple kept_weights, kept_biases      # views of them
    cdef object kept_settings        # None before lay_out
    cdef object rng                  # of shuffling
    cdef cnp.ndarray own_parameters  # those of kept_parameters, in a view that nobody else has
    cdef list states
    cdef object keep                 # what the model's plain pointers point into
    cdef object keep_of_maps         # the same of its maps, from the first on
    cdef object kept_maps, kept_names         # see maps.pyx

    cdef int need_scratch(self, Py_ssize_t size) except -1

cdef void set_rate(Model *model, double learning_rate) noexcept nogil
cpdef object settings_of(Memory network)
