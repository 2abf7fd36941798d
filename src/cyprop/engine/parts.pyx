"""What the parts of a task do beside their share of it: wait for each other, and look for Ctrl-C."""

from cyprop.engine.team cimport LOOK, desert, now, stop, stops
from cyprop.engine.turns cimport is_main_thread, n_forks

cdef extern from "Python.h":
    int PyErr_CheckSignals()
    void PyErr_SetString(object kind, const char *text)


cdef bint interrupted(const Part *part) noexcept nogil:
    """Whether Python has something to raise, such as KeyboardInterrupt; it is then set.

    The first part looks, in the thread that Python has called. The others learn of it here, or
    when they next wait for each other. A handler may fork, and a child has no team.

    Handlers run in the main thread alone, and no other asks for the GIL here: when Python ends, it
    ends whatever thread asks for it, in the midst of a task that others still work on.
    """
    cdef bint found = False
    cdef long n_forks_before = n_forks
    if part.index == 0 and is_main_thread():
        with gil:
            found = PyErr_CheckSignals() != 0
            if n_forks != n_forks_before and part.n_parts > 1:
                desert(<Team *> part.team)
                if not found:
                    PyErr_SetString(
                        RuntimeError, "a signal handler forked in the midst of a call on several"
                        " threads, of which the child has one; call it again")
                found = True
        if found and part.team != NULL:
            stop(<Team *> part.team)
    return found or (part.team != NULL and stops(<Team *> part.team))


cdef bint look(const Part *part, long long *next_look) noexcept nogil:
    """`interrupted`, for parts that are stoppable, and asked of Python only every 30 ms."""
    cdef long long time
    if not part.stoppable:
        return False
    if part.index > 0:
        return stops(<Team *> part.team)
    time = now()
    if time < next_look[0]:
        return False
    next_look[0] = time + LOOK
    return interrupted(part)
