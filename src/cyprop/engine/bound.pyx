"""A prediction made ready once: same network, same arrays, again and again.

All that `Engine.predict` checks on each call is checked when the object is made. Scratch is the
object's own; so two calls of one object never run at the same time, as they also share `out`.
"""

cimport numpy as cnp

import numpy as np

from cyprop.checks.arrays import check_bound
from cyprop.engine.memory import aligned_zeros

from cyprop.engine.batches cimport predict_rows, predict_rows_scratch_size
from cyprop.engine.chain cimport predict as predict_chain
from cyprop.engine.engine cimport Engine
from cyprop.engine.memory cimport LONG_CALL, settings_of
from cyprop.engine.model cimport Model
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
    cdef object keep                 # what scratch points into
    cdef const char *source
    cdef char *target
    cdef char *scratch
    cdef Py_ssize_t n
    cdef bint is_long

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
        self.is_long = self.n * model.n_parameters >= LONG_CALL
        self.source = cnp.PyArray_BYTES(x)
        self.target = cnp.PyArray_BYTES(out)
        self.keep = aligned_zeros(predict_rows_scratch_size(model, self.n, 1), np.uint8)
        self.scratch = cnp.PyArray_BYTES(self.keep)

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
        if not self.is_long and is_open(network) and is_open(self):
            if self.n == 1:
                predict_chain(model, 1, self.source, network.n_in, self.target, self.scratch)
            else:
                predict_rows(
                    model, self.n, self.source, self.target, self.scratch, 1, stoppable=False)
            return self.kept_out
        self.begin_writing(&own)             # into out and scratch
        try:
            network.begin_reading(&call)
            try:
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
