"""A prediction made ready once: same network, same arrays, again and again.

All that `Engine.predict` checks on each call is checked when the object is made. Scratch is the
object's own; so two calls of one object never run at the same time, as they also share `out`.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree

from cyprop.checks.arrays import check_bound

from cyprop.engine.batches cimport predict_rows, predict_rows_scratch_size
from cyprop.engine.chain cimport predict as predict_chain
from cyprop.engine.engine cimport Engine
from cyprop.engine.maps cimport predict_through_maps
from cyprop.engine.memory cimport LONG_CALL, allocate, settings_of
from cyprop.engine.model cimport Model, aligned, has_maps
from cyprop.engine.stack cimport STACK_OF_A_ROW, STACK_OF_KERNELS, need_stack
from cyprop.engine.turns cimport Call, Turns, is_open, raise_what_is_set

cnp.import_array()


cdef class BoundPrediction(Turns):
    """What `Network.bind` returns: call it to predict from what x holds now, into out.

    Attributes
    ----------
    network : Network
    x : ndarray, (n_in,) or (n, n_in)
    out : ndarray, (n_out,) or (n, n_out)
        None of the three can go away while this object exists.

    Notes
    -----
    Thread-safety: calls of one object, which share out, follow one another; those of several run at
    once. Each sees the weights of a complete update.
    """

    cdef Engine kept_network
    cdef cnp.ndarray kept_x, kept_out
    cdef char *memory                # that scratch is in
    cdef const char *source
    cdef char *target
    cdef char *scratch
    cdef Py_ssize_t scratch_size
    cdef Py_ssize_t n
    cdef Py_ssize_t direct           # the model's without maps, where a call keeps the GIL; else −2

    def __cinit__(self, Engine network not None, x, out):
        cdef Model *model = &network.model
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        check_bound(x, out, network.n_in, network.n_out, settings_of(network).dtype)
        self.rewritten = True
        self.kept_network = network
        self.kept_x = x
        self.kept_out = out
        self.n = 1 if cnp.PyArray_NDIM(x) == 1 else cnp.PyArray_DIM(x, 0)
        self.direct = model.dtype if self.n * model.n_parameters < LONG_CALL else -2
        self.source = cnp.PyArray_BYTES(x)
        self.target = cnp.PyArray_BYTES(out)
        self.scratch_size = -1
        self.need_scratch()

    cdef int need_scratch(self) except -1:
        """Make room for what the network is now, which may have got maps; only in a call's turn."""
        cdef Py_ssize_t size = predict_rows_scratch_size(&self.kept_network.model, self.n, 1)
        cdef char *memory
        if size > self.scratch_size:
            memory = allocate(size)
            PyMem_RawFree(self.memory)
            self.memory = memory
            self.scratch = aligned(memory)
            self.scratch_size = size
        return 0

    def __dealloc__(self):
        PyMem_RawFree(self.memory)

    @property
    def network(self):
        """The network that predicts. Thread-safety: it never changes."""
        return self.kept_network

    @property
    def x(self):
        """The array that a call reads. Thread-safety: it is the same array always."""
        return self.kept_x

    @property
    def out(self):
        """The array that a call writes. Thread-safety: it is the same array always."""
        return self.kept_out

    def __call__(self):
        """Predict from what x holds now.

        Returns
        -------
        ndarray
            out, overwritten.

        Notes
        -----
        Thread-safety: any thread; the next call, by whichever thread, overwrites out.
        """
        cdef Engine network = self.kept_network
        cdef Model *model = &network.model
        cdef Call own, call
        cdef bint stopped
        need_stack(STACK_OF_A_ROW if self.n == 1 else STACK_OF_KERNELS)
        # A call of this object in another thread may be under way without the GIL.
        if self.direct == model.direct and is_open(network) and is_open(self):
            if self.n == 1:
                predict_chain(model, 1, self.source, network.n_in, self.target, self.scratch)
            else:
                predict_rows(
                    model, self.n, self.source, self.target, self.scratch, 1, stoppable=False)
            return self.kept_out
        if has_maps(model) and self.direct >= 0 and is_open(network) and is_open(self):
            self.need_scratch()
            if self.n == 1:
                predict_through_maps(
                    model, 1, self.source, network.n_in, self.target, self.scratch)
            else:
                predict_rows(
                    model, self.n, self.source, self.target, self.scratch, 1, stoppable=False)
            return self.kept_out
        self.begin_writing(&own)             # into out and scratch
        try:
            network.begin_reading(&call)
            try:
                self.need_scratch()
                with nogil:
                    stopped = predict_rows(
                        model, self.n, self.source, self.target, self.scratch, 1, stoppable=True)
                if stopped:
                    raise_what_is_set()
            finally:
                network.end_reading(&call)
        finally:
            self.end_writing(&own)
        return self.kept_out

    def __reduce__(self):
        raise TypeError("a bound prediction cannot be copied or pickled; bind the arrays again")
