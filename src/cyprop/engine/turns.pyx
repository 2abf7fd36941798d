"""Taking turns: any number of readers at once, or one writer, in the order they came.

While a call keeps the GIL, no other call from Python runs. A call that lets go of the GIL begins
reading or writing first, and ends it when it has the GIL again: the fields are touched only with the
GIL held, so where nobody has to wait there is no lock. A caller that has to wait joins a queue and
sleeps on a lock of its own. While somebody waits, all that come later join the queue too; so neither
readers nor writers starve.

Compiled code that learns without the GIL (interface.pyx) knows nothing of this. It takes the flag
`writing`, as a writer from here does, and wakes nobody; the first in the queue looks again for it.
"""

from _thread import allocate_lock
from time import sleep

from cpython.pythread cimport PyThread_get_thread_ident

from cyprop.engine.flag cimport give, is_held, take


cdef class Turns:
    """What may be read by many threads or written by one; the base of what has to take turns."""

    def __cinit__(self, *args, **kwargs):
        self.queue = []

    cdef int begin_reading(self) except -1:
        if not is_open(self):
            self.wait(to_write=False)
        self.readers += 1
        return 0

    cdef int end_reading(self) except -1:
        self.readers -= 1
        if self.closed:
            self.call_next()
        return 0

    cdef int begin_writing(self) except -1:
        if self.closed or self.readers or not take(&self.writing):
            self.wait(to_write=True)
        self.updating = self.closed = True
        self.writer = PyThread_get_thread_ident()
        return 0

    cdef int end_writing(self) except -1:
        self.updating = False
        give(&self.writing)
        self.closed = len(self.queue) > 0
        if self.closed:
            self.call_next()
        return 0

    cdef int wait(self, bint to_write) except -1:
        """Return when all who came before have had their turn and the way is free."""
        cdef long me = PyThread_get_thread_ident()
        lock = allocate_lock()
        lock.acquire()
        place = me, lock
        # Python runs signal handlers in the midst of calls; one would wait for what it interrupted.
        if (self.updating and self.writer == me) or any([thread == me for thread, _ in self.queue]):
            raise RuntimeError(
                "a signal handler interrupted a call of this network and cannot use it meanwhile"
            )
        self.queue.append(place)
        self.closed = True
        try:
            while True:
                if self.queue[0] is not place or self.updating or (to_write and self.readers):
                    lock.acquire()
                elif take(&self.writing) if to_write else not is_held(&self.writing):
                    break
                else:
                    sleep(0.0001)
        finally:  # also when a signal handler has raised an exception
            self.queue.remove(place)
            self.closed = self.updating or len(self.queue) > 0
            self.call_next()
        return 0

    cdef int call_next(self) except -1:
        """Let the first in the queue see whether the way is free."""
        if self.queue and self.queue[0][1].locked():
            self.queue[0][1].release()
        return 0
