"""Who does a task: a team for it alone, or the one that the calling thread keeps meanwhile.

Starting a thread and joining it takes some 100 µs. A call that gives many tasks, one after the other,
keeps its team between them; no call leaves a thread behind.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc

cdef extern from "team.h" nogil:
    void keep "cyprop_keep"(Team *team) noexcept
    void keep_no_longer "cyprop_keep_no_longer"(Team *team) noexcept
    void rest "cyprop_rest"() noexcept
    void give "cyprop_run"(Task task, void *work, Py_ssize_t n_parts, bint apart) noexcept


cdef void run(Task task, void *work, Py_ssize_t n_parts) noexcept nogil:
    """Have a task done in n_parts shares, or in fewer where the system gives no more threads."""
    give(task, work, n_parts, False)


cdef void run_apart(Task task, void *work, Py_ssize_t n_parts) noexcept nogil:
    """The same for a task whose parts never meet, and take from what is left to do until nothing is.

    There may be fewer of them than the team says, and some begin late.
    """
    give(task, work, n_parts, True)


cdef class Kept:
    """A team that is kept while it is entered, for all tasks that this thread gives.

    Its threads start with the first task that wants them.
    """

    cdef Team *team

    def __enter__(self):
        self.team = <Team *> PyMem_RawMalloc(sizeof(Team))
        if self.team == NULL:
            raise MemoryError("no memory for a team of threads")
        keep(self.team)
        return self

    def __exit__(self, *_):
        with nogil:
            keep_no_longer(self.team)
        PyMem_RawFree(self.team)
        self.team = NULL


def dismiss():
    """End the threads of the team that this thread keeps, if it does; the next task starts others.

    A user's code that runs in between may fork, and Python warns where it sees threads. A signal
    handler's may run in the midst of a task: then they stay.
    """
    with nogil:
        rest()
