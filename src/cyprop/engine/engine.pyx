"""The engine: the boundary between Python and the chain rule.

A call that is given arrays as the network wants them (its dtype, contiguous, aligned, native) goes
straight to the kernels through NumPy's C API; anything else is converted first (arrays.py).
Predictions bring their own scratch, so any number run at once; how calls take turns is in turns.pyx.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals, PyErr_Occurred
from cpython.mem cimport PyMem_RawFree

import numpy as np

from cyprop.checks.arrays import check_same_rows, checked_out, matrix, real_array, vector
from cyprop.engine.threads import threads_for_batches, threads_for_rows

from cyprop.engine.batches cimport (
    loss_of_rows, loss_of_rows_scratch_size, predict_rows, predict_rows_scratch_size,
    train as train_rows, train_scratch_size,
)
from cyprop.engine.chain cimport learn, predict as predict_chain, tape_size
from cyprop.engine.flag cimport give, take
from cyprop.engine.memory cimport LONG_CALL, Memory, allocate
from cyprop.engine.model cimport ALIGNMENT, Batch, Model, aligned, rows_of
from cyprop.engine.turns cimport is_open

cnp.import_array()

cdef enum:
    STACK_SCRATCH = 32768        # bytes of scratch that a one-sample prediction takes from the stack


cdef inline bint overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two contiguous arrays share memory."""
    cdef char *a_start = cnp.PyArray_BYTES(a)
    cdef char *b_start = cnp.PyArray_BYTES(b)
    return (
        a_start < b_start + cnp.PyArray_NBYTES(b) and b_start < a_start + cnp.PyArray_NBYTES(a)
    )


cdef inline bint is_vector(x, int typenum, Py_ssize_t size) noexcept:
    """Whether kernels can read x in place as (size,): an ndarray, and none of a subclass."""
    return (
        cnp.PyArray_CheckExact(x)
        and cnp.PyArray_NDIM(<cnp.ndarray> x) == 1
        and cnp.PyArray_TYPE(<cnp.ndarray> x) == typenum
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> x)
        and cnp.PyArray_DIM(<cnp.ndarray> x, 0) == size
    )


cdef int raise_what_is_set() except -1:
    """Raise the exception that came while training without the GIL, if one did."""
    return -1 if PyErr_Occurred() != NULL else 0


cdef class Engine(Memory):
    """The compiled part of a Network; make a Network instead."""

    def predict(self, X, out=None, n_threads=1):
        """Predict one sample, or each row of a batch.

        Parameters
        ----------
        X : array_like, (n_in,) or (n, n_in)
            Of the network's dtype, C-contiguous and aligned, it is read in place; other real
            numbers are converted first. Where there is one input, a vector of n > 1 numbers is n
            rows.
        out : ndarray, (n_out,) or (n, n_out), optional
            Written into and returned; of the network's dtype, C-contiguous, not overlapping X.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where the rows are few. They end
            with the call.

        Returns
        -------
        ndarray, (n_out,) or (n, n_out)
            Of the network's dtype. A row has the same bits alone and in any batch, on any number
            of threads.

        Raises
        ------
        TypeError
            If X is not real numbers, out not an array of the network's dtype, or n_threads not a
            whole number.
        ValueError
            If a shape does not fit, out is read-only, not contiguous, or overlaps X, or n_threads
            is below 1 or above 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        cdef cnp.ndarray x, y
        cdef char stack[STACK_SCRATCH + ALIGNMENT]
        cdef Model *model = &self.model
        if not (
            is_vector(X, self.typenum, self.n_in)
            and 2 * model.widest * model.itemsize <= STACK_SCRATCH
            and is_open(self)
            and n_threads is 1
        ):
            return self.predict_general(X, out, n_threads)
        x = <cnp.ndarray> X
        if out is None:
            y = cnp.PyArray_EMPTY(1, <cnp.npy_intp *> &self.n_out, self.typenum, 0)
        elif (
            is_vector(out, self.typenum, self.n_out)
            and cnp.PyArray_ISWRITEABLE(<cnp.ndarray> out)
            and not overlap(x, <cnp.ndarray> out)
        ):
            y = <cnp.ndarray> out
        else:
            return self.predict_general(X, out, n_threads)
        if model.n_parameters < LONG_CALL:
            predict_chain(
                model, 1, cnp.PyArray_BYTES(x), self.n_in, cnp.PyArray_BYTES(y), aligned(stack))
        else:
            self.readers += 1
            with nogil:
                predict_chain(
                    model, 1, cnp.PyArray_BYTES(x), self.n_in, cnp.PyArray_BYTES(y),
                    aligned(stack))
            self.end_reading()
        return y

    cdef object predict_general(self, X, out, n_threads):
        """`predict` for every input that is not one sample as the network wants it."""
        cdef Model *model = &self.model
        cdef cnp.ndarray x, y
        cdef Py_ssize_t n, n_parts
        cdef const char *source
        cdef char *target
        cdef char *memory
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        dtype = self.settings.dtype
        expected = f"({self.n_in},) or (n, {self.n_in})"
        x = real_array(X, "X", dtype, f"an array of shape {expected}")
        if self.n_in == 1 and cnp.PyArray_NDIM(x) == 1 and x.shape[0] != 1:
            x = x.reshape(-1, 1)
        if cnp.PyArray_NDIM(x) not in (1, 2) or x.shape[cnp.PyArray_NDIM(x) - 1] != self.n_in:
            raise ValueError(f"X has shape {np.shape(X)}, expected {expected}")
        n = x.shape[0] if cnp.PyArray_NDIM(x) == 2 else 1
        shape = (*np.shape(x[..., 0]), self.n_out)
        y = np.empty(shape, dtype) if out is None else checked_out(out, shape, dtype, X)
        n_parts = 1 if n_threads is 1 else threads_for_rows(n_threads, n, model.n_parameters)
        memory = allocate(predict_rows_scratch_size(model, n, n_parts))
        source = cnp.PyArray_BYTES(x)
        target = cnp.PyArray_BYTES(y)
        try:
            self.begin_reading()
            try:
                with nogil:
                    predict_rows(model, n, source, target, aligned(memory), n_parts)
            finally:
                self.end_reading()
        finally:
            PyMem_RawFree(memory)
        return y

    def learn_one(self, x, y):
        """Learn one sample: forward, backward, one update.

        Parameters
        ----------
        x : array_like, (n_in,)
        y : array_like, (n_out,)
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity.

        Returns
        -------
        float
            The loss of the sample before the update. If it is not finite, there was no update.

        Raises
        ------
        TypeError, ValueError
            If x or y is not real numbers of that shape; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
        cdef Model *model = &self.model
        cdef double loss
        cdef const char *x_data
        cdef const char *y_data
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        if not is_vector(x, self.typenum, self.n_in):
            x = vector(x, "x", self.n_in, self.settings.dtype)
        if not is_vector(y, self.typenum, self.n_out):
            y = vector(y, "y", self.n_out, self.settings.dtype)
        x_data = cnp.PyArray_BYTES(<cnp.ndarray> x)
        y_data = cnp.PyArray_BYTES(<cnp.ndarray> y)
        if (
            model.n_parameters < LONG_CALL and not self.closed and self.readers == 0
            and take(&self.writing)
        ):
            try:
                self.need_scratch(tape_size(model, 1, 1))
                return learn(model, x_data, y_data, aligned(self.scratch))
            finally:
                give(&self.writing)
        self.begin_writing()
        try:
            self.need_scratch(tape_size(model, 1, 1))
            with nogil:
                loss = learn(model, x_data, y_data, aligned(self.scratch))
        finally:
            self.end_writing()
        return loss

    def train_on_batch(self, X, Y, n_threads=1):
        """Make one update from one batch.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_out)
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity.
        n_threads : int, default 1
            How many threads share the batch, from 1 to 256; fewer where it is small. They end with
            the call.

        Returns
        -------
        float
            The mean loss of the rows before the update. If it is not finite, there was no update.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, or n_threads is not a whole
            number from 1 to 256; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
        X, Y = checked_batch(self, X, Y)
        n = X.shape[0]
        n_parts = 1 if n_threads is 1 else threads_for_batches(
            n_threads, n, n, self.model.n_parameters)
        total, _ = train(self, X, Y, None, n, 0, 0.0, n_parts)
        return total / n

    def evaluate(self, X, Y, n_threads=1):
        """The mean loss over the rows of X.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_out)
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where the rows are few. They end
            with the call.

        Returns
        -------
        float
            With the same bits on any number of threads.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, or n_threads is not a whole
            number from 1 to 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        cdef Model *model = &self.model
        cdef Py_ssize_t n, n_parts
        cdef Batch data
        cdef char *memory
        cdef double total
        X, Y = checked_batch(self, X, Y)
        n = X.shape[0]
        data = rows_of(
            model, n, cnp.PyArray_BYTES(<cnp.ndarray> X), cnp.PyArray_BYTES(<cnp.ndarray> Y))
        n_parts = 1 if n_threads is 1 else threads_for_rows(n_threads, n, model.n_parameters)
        memory = allocate(loss_of_rows_scratch_size(model, n, n_parts))
        try:
            self.begin_reading()
            try:
                with nogil:
                    total = loss_of_rows(model, &data, aligned(memory), n_parts)
            finally:
                self.end_reading()
        finally:
            PyMem_RawFree(memory)
        return total / n


def checked_batch(Engine network not None, X, Y):
    """X (n, n_in) and Y (n, n_out) as the network takes them, with as many rows each."""
    if network.model.n_layers == 0:
        raise RuntimeError("the network has not been initialised")
    dtype = network.settings.dtype
    X = matrix(X, "X", network.n_in, dtype)
    Y = matrix(Y, "Y", network.n_out, dtype)
    check_same_rows(X, Y)
    return X, Y


def train(
    Engine network not None, X, Y, order, Py_ssize_t batch_size, Py_ssize_t start, double total,
    Py_ssize_t n_parts,
):
    """Train batch after batch from row `start` on, for about as long as Ctrl-C may wait.

    `order` (None, or an index array) says which rows make up the batches. Returns the total
    with the losses of the rows seen, before their updates, added to it, and the row to go on
    from. A batch whose loss is not finite is not learned, and is where it stops.
    """
    cdef Model *model = &network.model
    cdef Batch data = rows_of(
        model, X.shape[0], cnp.PyArray_BYTES(<cnp.ndarray> X), cnp.PyArray_BYTES(<cnp.ndarray> Y))
    if order is not None:
        data.order = <const Py_ssize_t *> cnp.PyArray_DATA(<cnp.ndarray> order)
    batch_size = min(batch_size, data.n)
    network.begin_writing()
    try:
        network.need_scratch(train_scratch_size(model, batch_size, n_parts))
        with nogil:
            start = train_rows(
                model, &data, batch_size, start, &total, aligned(network.scratch), n_parts)
    finally:
        network.end_writing()
    raise_what_is_set()
    PyErr_CheckSignals()
    return total, start
