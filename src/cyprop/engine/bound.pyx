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
from cyprop.engine.memory cimport LONG_CALL
from cyprop.engine.model cimport Model
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

    cdef readonly Engine network
    cdef readonly cnp.ndarray x, out
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
        check_bound(x, out, network.n_in, network.n_out, network.settings.dtype)
        self.rewritten = True
        self.network = network
        self.x = x
        self.out = out
        self.n = x.shape[0] if x.ndim == 2 else 1
        self.is_long = self.n * model.n_parameters >= LONG_CALL
        self.source = cnp.PyArray_BYTES(x)
        self.target = cnp.PyArray_BYTES(out)
        self.keep = aligned_zeros(predict_rows_scratch_size(model, self.n, 1), np.uint8)
        self.scratch = cnp.PyArray_BYTES(self.keep)

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
        cdef Engine network = self.network
        cdef Model *model = &network.model
        cdef Call own, call
        cdef bint stopped
        # A call of this object in another thread may be under way without the GIL.
        if not self.is_long and is_open(network) and is_open(self):
            if self.n == 1:
                predict_chain(model, 1, self.source, network.n_in, self.target, self.scratch)
            else:
                predict_rows(
                    model, self.n, self.source, self.target, self.scratch, 1, stoppable=False)
            return self.out
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
        return self.out

    def __reduce__(self):
        raise TypeError("a bound prediction cannot be copied or pickled; bind the arrays again")
