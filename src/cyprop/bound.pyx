"""A prediction made ready once: same network, same arrays, again and again.

All that `Engine.predict` checks on each call is checked when the object is made. Scratch is the
object's own; so two calls of one object never run at the same time, as they also share `out`.
"""

from time import sleep

cimport numpy as cnp

import numpy as np

from cyprop.arrays import check_bound
from cyprop.layers import aligned_zeros

from cyprop.batches cimport predict_rows, predict_rows_scratch_size
from cyprop.chain cimport Model, predict as predict_chain
from cyprop.engine cimport Engine
from cyprop.flag cimport is_held
from cyprop.layers cimport LONG_CALL

cnp.import_array()


cdef class BoundPrediction:
    """What `Network.bind` returns: call it to predict from what x holds now, into out.

    Attributes
    ----------
    network : Network
    x : ndarray, (n_in,) or (n, n_in)
    out : ndarray, (n_out,) or (n, n_out)
        None of the three can go away while this object exists.

    Notes
    -----
    Thread-safety: calls of one object follow one another; those of several run at once.
    """

    cdef readonly Engine network
    cdef readonly cnp.ndarray x, out
    cdef object keep                 # what scratch points into
    cdef const char *source
    cdef char *target
    cdef char *scratch
    cdef Py_ssize_t n
    cdef bint is_long, busy

    def __cinit__(self, Engine network not None, x, out):
        cdef Model *model = &network.model
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        check_bound(x, out, network.n_in, network.n_out, network.parameters.dtype)
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
        """
        cdef Engine network = self.network
        cdef Model *model = &network.model
        while self.busy or is_held(&network.writing):
            sleep(0.0001)
        if not self.is_long:
            if self.n == 1:
                predict_chain(model, 1, self.source, network.n_in, self.target, self.scratch)
            else:
                predict_rows(model, self.n, self.source, self.target, self.scratch, 1)
            return self.out
        self.busy = True
        network.readers += 1
        with nogil:
            predict_rows(model, self.n, self.source, self.target, self.scratch, 1)
        network.readers -= 1
        self.busy = False
        return self.out

    def __reduce__(self):
        raise TypeError("a bound prediction cannot be copied or pickled; bind the arrays again")
