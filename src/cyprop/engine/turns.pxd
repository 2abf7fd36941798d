from cyprop.engine.flag cimport is_held


cdef class Turns:
    cdef Py_ssize_t readers          # calls that read without the GIL
    cdef long writing                # a flag (flag.pxd): an update is running
    cdef bint updating               # one that Python has called, without the GIL
    cdef bint closed                 # updating, or someone waits: who comes now joins the queue
    cdef long writer                 # the thread that updates
    cdef list queue                  # of those who wait: (thread, lock), the first come first

    cdef int begin_reading(self) except -1
    cdef int end_reading(self) except -1
    cdef int begin_writing(self) except -1
    cdef int end_writing(self) except -1
    cdef int wait(self, bint to_write) except -1
    cdef int call_next(self) except -1


cdef inline bint is_open(Turns turns) noexcept:
    """Whether a caller that keeps the GIL may read at once, without joining the readers."""
    return not turns.closed and not is_held(&turns.writing)
