"""Taking turns: any number of readers at once, or one writer, in the order they came.

While a call keeps the GIL, no other call from Python runs. A call that lets go of the GIL begins
reading or writing first, and ends it when it has the GIL again: the fields are touched only with the
GIL held, so where nobody has to wait there is no lock. A caller that has to wait joins a queue and
sleeps on a lock of its own. While somebody waits, all that come later join the queue too; so neither
readers nor writers starve.

Compiled code that learns without the GIL (interface.pyx) knows nothing of this. It takes the flag
`writing`, as a writer from here does, and wakes nobody; the first in the queue looks again for it.
While something is copied it learns nothing, though others may read.

Signal handlers run in the midst of calls that look for Ctrl-C, and of calls that wait. One that has to
wait for the very call it interrupted would wait for ever, so it gets an error. For that, and for what a
fork leaves behind, all calls that are under way stand in one list. Between the beginning and the end
of a turn no Python code runs and nothing is allocated that the garbage collector tracks, or else a
handler or a finaliser could run there unseen.
"""

import os
import threading
from _thread import allocate_lock
from time import sleep

from cpython.exc cimport PyErr_Occurred

from cyprop.engine.flag cimport add, give, holder, take
from cyprop.engine.team cimport nap

cdef extern from "Python.h" nogil:
    unsigned long PyThread_get_thread_ident()

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030D0000
    #define Py_IsFinalizing _Py_IsFinalizing
    #endif
    """
    bint Py_IsFinalizing()

cdef Call *latest = NULL             # of the calls under way
cdef unsigned long main_thread = threading.main_thread().ident
n_forks = 1


cdef bint is_main_thread() noexcept nogil:
    """Whether this is the thread in which Python runs signal handlers."""
    return PyThread_get_thread_ident() == main_thread


cdef void enter(Turns turns, Call *call, Doing doing) noexcept:
    """Put a call into the list."""
    global latest
    if latest != NULL and Py_IsFinalizing():
        latest = NULL                # calls of threads that Python has ended, on stacks that are gone
    call.turns = <void *> turns
    call.thread = <long> PyThread_get_thread_ident()
    call.doing = doing
    call.before = latest
    call.after = NULL
    if latest != NULL:
        latest.after = call
    latest = call


cdef void leave(Call *call) noexcept:
    """Take a call out of the list."""
    global latest
    if call.after != NULL:
        call.after.before = call.before
    else:
        latest = call.before
    if call.before != NULL:
        call.before.after = call.after


cdef bint interrupts_itself(Turns turns) noexcept:
    """Whether this thread is in a call already, which then a signal handler has interrupted."""
    cdef Call *call = latest
    cdef long me = <long> PyThread_get_thread_ident()
    while call != NULL:
        if call.turns == <void *> turns and call.thread == me:
            return True
        call = call.before
    return False


cdef int raise_what_is_set() except -1:
    """Raise the exception that came without the GIL, before anything else is done with Python."""
    return -1 if PyErr_Occurred() != NULL else 0


cdef class Turns:
    """What may be read by many threads or written by one; the base of what has to take turns."""

    def __cinit__(self, *args, **kwargs):
        self.queue = []

    cdef int begin_reading(self, Call *call) except -1:
        if not is_open(self):
            self.wait(to_write=False)
        self.readers += 1
        enter(self, call, READING)
        return 0

    cdef int end_reading(self, Call *call) except -1:
        leave(call)
        self.readers -= 1
        if self.closed:
            self.call_next()
        return 0

    cdef int begin_copying(self, Call *call) except -1:
        """Begin reading, with compiled code kept from learning meanwhile."""
        self.begin_reading(call)
        call.doing = COPYING
        add(&self.copying, 1)
        while holder(&self.writing) != 0:
            # Compiled code has begun to learn before it could see the count. It ends by itself.
            with nogil:
                nap()
        return 0

    cdef int end_copying(self, Call *call) except -1:
        add(&self.copying, -1)
        return self.end_reading(call)

    cdef int begin_writing(self, Call *call) except -1:
        if self.closed or self.readers or not take(&self.writing, n_forks):
            self.wait(to_write=True)
        self.updating = self.closed = True
        enter(self, call, WRITING)
        return 0

    cdef int end_writing(self, Call *call) except -1:
        leave(call)
        self.updating = False
        give(&self.writing)
        self.closed = len(self.queue) > 0
        if self.closed:
            self.call_next()
        return 0

    cdef int wait(self, bint to_write) except -1:
        """Return when all that came before have had their turn and the way is free."""
        cdef Call call
        cdef long found
        if Py_IsFinalizing():
            raise RuntimeError(
                "Python is ending, and has ended a thread in the midst of a call of this network,"
                " for which a finaliser would wait for ever"
            )
        if interrupts_itself(self):
            raise RuntimeError(
                "a signal handler interrupted a call of this network and cannot use it meanwhile"
            )
        lock = allocate_lock()
        lock.acquire()
        place = <long> PyThread_get_thread_ident(), lock
        self.queue.append(place)
        self.closed = True
        enter(self, &call, WAITING)
        try:
            while True:
                found = holder(&self.writing)
                if found != 0 and found != n_forks:
                    raise RuntimeError(
                        "this process was forked while another thread was updating the network, which"
                        " is left half updated here; fork between updates, or load it from a file"
                    )
                if self.queue[0] is not place or self.updating or (to_write and self.readers):
                    lock.acquire()
                elif take(&self.writing, n_forks) if to_write else found == 0:
                    break
                else:
                    sleep(0.0001)
        finally:  # also when a signal handler has raised an exception
            leave(&call)
            self.queue.remove(place)
            self.closed = self.updating or len(self.queue) > 0
            self.call_next()
        return 0

    cdef int call_next(self) except -1:
        """Let the first in the queue see whether the way is free."""
        if self.queue and self.queue[0][1].locked():
            self.queue[0][1].release()
        return 0


cdef int forget(Call *call, long me) except -1:
    """End the turn, in a child, of a thread that the fork has left behind."""
    cdef Turns turns = <Turns> call.turns
    leave(call)
    if call.doing == READING or call.doing == COPYING:
        turns.readers -= 1
    if call.doing == COPYING:
        add(&turns.copying, -1)
    if call.doing == WRITING:
        turns.updating = False
        if turns.rewritten:
            give(&turns.writing)
    turns.queue = [place for place in turns.queue if place[0] == me]
    turns.closed = turns.updating or len(turns.queue) > 0
    turns.call_next()            # this thread may have been waiting for that one when a handler forked
    return 0


def _forget_other_threads():
    """End the turns of all threads but this one, after a fork, in the child.

    What one of them was in the midst of writing stays taken: the flag has the parent's count.
    """
    global n_forks, main_thread
    cdef Call *call = latest
    cdef Call *before
    cdef long me = <long> PyThread_get_thread_ident()
    n_forks += 1
    main_thread = PyThread_get_thread_ident()
    while call != NULL:
        before = call.before
        if call.thread != me:
            forget(call, me)
        elif call.doing == WRITING:      # a handler has forked in the midst of this thread's update
            give(&(<Turns> call.turns).writing)
            take(&(<Turns> call.turns).writing, n_forks)
        call = before


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
