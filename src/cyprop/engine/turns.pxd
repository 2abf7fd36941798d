from cyprop.engine.flag cimport holder

cdef enum Doing:
    READING
    COPYING
    WRITING
    WAITING

cdef struct Call:                    # under way without the GIL, or waiting; on its thread's stack
    void *turns
    long thread
    Doing doing
    Call *before
    Call *after

cdef class Turns:
    cdef Py_ssize_t readers          # calls that read without the GIL
    cdef long writing                # a flag (flag.pxd): an update is running
    cdef long copying                # calls beside which compiled code may not learn either
    cdef bint updating               # an update that Python has called
    cdef bint closed                 # updating, or somebody waits: a new call joins the queue
    cdef bint rewritten              # by each writer, whole: one that is cut short does no harm
    cdef list queue                  # of the calls that wait: (thread, lock), the first come first

    cdef int begin_reading(self, Call *call) except -1
    cdef int end_reading(self, Call *call) except -1
    cdef int begin_copying(self, Call *call) except -1
    cdef int end_copying(self, Call *call) except -1
    cdef int begin_writing(self, Call *call) except -1
    cdef int end_writing(self, Call *call) except -1
    cdef int wait(self, bint to_write) except -1
    cdef int call_next(self) except -1

cdef int raise_what_is_set() except -1

cdef long n_forks                    # 1 in the first process; what a holder of the flag puts there

cdef bint is_main_thread() noexcept nogil


cdef inline bint is_open(Turns turns) noexcept:
    """Whether a caller that keeps the GIL may read at once, without joining the readers."""
    return not turns.closed and holder(&turns.writing) == 0
