"""The engine: the boundary between Python and the chain rule.

A call that is given arrays as the network wants them (its dtype, contiguous, aligned, native) goes
straight to the kernels through NumPy's C API. Small arrays of other kinds, and lists, are converted
on the way (inputs.pyx); all else is converted or refused by checks/arrays.py. Predictions bring their
own scratch, so any number run at once; how calls take turns is in turns.pyx.
"""

cimport numpy as cnp
from libc.math cimport INFINITY
from cpython.mem cimport PyMem_RawFree

import numpy as np

from cyprop.checks.arrays import check_same_rows, checked_out, matrix, real_array, vector
from cyprop.checks.labels import targets_of_row, targets_of_rows
from cyprop.checks.layers import layer_number
from cyprop.checks.weights import weight_of_a_row, weights_of_rows
from cyprop.engine.threads import threads_for_batches, threads_for_rows

from cyprop.engine.batches cimport predict_rows, predict_rows_scratch_size
from cyprop.engine.chain cimport (
    learn, predict as predict_chain, predict_scratch_size, tape_size,
)
from cyprop.engine.course cimport Course, mean_loss
from cyprop.engine.flag cimport give, take
from cyprop.engine.inputs cimport ROOM, Input, read_input, read_vector
from cyprop.engine.maps cimport (
    learn_through_maps, predict_through_maps, room_for_maps, room_of_maps,
)
from cyprop.engine.memory cimport LONG_CALL, Memory, allocate, settings_of
from cyprop.engine.learning cimport Recipe, train as train_rows, train_scratch_size
from cyprop.engine.model cimport (
    LINE_BYTES, Batch, Model, aligned, has_maps, output_size, rows_of,
)
from cyprop.engine.stack cimport STACK_OF_A_ROW, STACK_OF_KERNELS, need_stack
from cyprop.engine.turns cimport Call, is_open, n_forks, raise_what_is_set

cnp.import_array()

cdef object ONCE = 1.0           # the weight of a sample that was given none

cdef enum:
    STACK_SCRATCH = 32768        # bytes of scratch that a one-sample prediction takes from the stack
    SMALL_SCRATCH = 8192         # the same of a few samples, beside the numbers that are converted


cdef inline bint overlap(cnp.ndarray x, cnp.ndarray y) noexcept:
    """Whether the bytes from the first to the last of x meet those of y, which has no gaps."""
    cdef char *start = cnp.PyArray_BYTES(x)
    cdef char *end = start + cnp.PyArray_ITEMSIZE(x)
    cdef Py_ssize_t i, reach
    for i in range(cnp.PyArray_NDIM(x)):
        reach = (cnp.PyArray_DIM(x, i) - 1) * cnp.PyArray_STRIDE(x, i)
        if reach < 0:
            start += reach
        else:
            end += reach
    return (
        start < cnp.PyArray_BYTES(y) + cnp.PyArray_NBYTES(y) and cnp.PyArray_BYTES(y) < end
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


cdef inline bint is_output(y, Engine network, const Input *x) noexcept:
    """Whether kernels can write the predictions of x into y."""
    if not cnp.PyArray_CheckExact(y):
        return False
    return (
        cnp.PyArray_TYPE(<cnp.ndarray> y) == network.typenum
        and cnp.PyArray_ISCARRAY(<cnp.ndarray> y)
        and cnp.PyArray_NDIM(<cnp.ndarray> y) == (1 if x.is_row else 2)
        and cnp.PyArray_DIM(<cnp.ndarray> y, cnp.PyArray_NDIM(<cnp.ndarray> y) - 1) == network.n_out
        and (x.is_row or cnp.PyArray_DIM(<cnp.ndarray> y, 0) == x.n)
    )


cdef class Engine(Memory):
    """The compiled part of a Network; make a Network instead."""

    def predict(self, X, out=None, n_threads=1, layer=None):
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
        layer : int, optional
            Give the activations of this layer in place of the outputs: 0 is the first hidden layer,
            and n_out above and below the number of this layer's units.

        Returns
        -------
        ndarray, (n_out,) or (n, n_out)
            Of the network's dtype. A row has the same bits alone and in any batch, on any number
            of threads.

        Raises
        ------
        TypeError
            If X is not real numbers, out not an array of the network's dtype, or n_threads or layer
            not a whole number.
        ValueError
            If a shape does not fit, out is read-only, not contiguous, or overlaps X, n_threads
            is below 1 or above 256, or there is no such layer.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        cdef Model *model = &self.model
        cdef cnp.ndarray y
        if layer is not None:
            return self.predict_general(X, out, n_threads, layer)
        # Where there are maps, n_direct is no number of columns, here and in `predict_few`.
        if (
            is_vector(X, self.typenum, self.n_direct)
            and 2 * model.widest * model.itemsize <= STACK_SCRATCH
            and is_open(self)
            and n_threads is 1
        ):
            if out is None:
                need_stack(STACK_SCRATCH + STACK_OF_A_ROW)
                y = cnp.PyArray_EMPTY(1, <cnp.npy_intp *> &self.n_out, self.typenum, 0)
                self.predict_row(<cnp.ndarray> X, y)
                return y
            if (
                is_vector(out, self.typenum, self.n_out)
                and cnp.PyArray_ISWRITEABLE(<cnp.ndarray> out)
                and not overlap(<cnp.ndarray> X, <cnp.ndarray> out)
            ):
                need_stack(STACK_SCRATCH + STACK_OF_A_ROW)
                self.predict_row(<cnp.ndarray> X, <cnp.ndarray> out)
                return out
        elif n_threads is 1 and is_open(self):
            need_stack(ROOM + SMALL_SCRATCH + STACK_OF_A_ROW)
            y = self.predict_few(X, out)
            if y is not None:
                return y
        return self.predict_general(X, out, n_threads, None)

    # Each of the functions below has the memory it needs on its own stack, and none calls another, so
    # that together they fit a small one. Their callers ask for it, since to enter one is to need it.

    cdef int predict_row(self, cnp.ndarray x, cnp.ndarray y) except -1:
        """`predict` for one sample as the network wants it."""
        cdef char stack[STACK_SCRATCH + LINE_BYTES]
        cdef Model *model = &self.model
        if model.n_parameters >= LONG_CALL:
            return self.predict_long_row(x, y, aligned(stack))
        predict_chain(
            model, 1, cnp.PyArray_BYTES(x), self.n_in, cnp.PyArray_BYTES(y), aligned(stack))
        return 0

    cdef int predict_long_row(self, cnp.ndarray x, cnp.ndarray y, char *scratch) except -1:
        """`predict_row` without the GIL."""
        cdef Model *model = &self.model
        cdef Call call
        self.begin_reading(&call)
        if has_maps(model):                  # since a wait, if there was one
            self.end_reading(&call)
            self.predict_general(x, y, 1, None)
            return 0
        with nogil:
            predict_chain(
                model, 1, cnp.PyArray_BYTES(x), self.n_in, cnp.PyArray_BYTES(y), scratch)
        self.end_reading(&call)
        return 0

    cdef cnp.ndarray predict_few(self, X, out):
        """`predict` for a few samples, converted where they must be, with the GIL if they are done
        soon; None for others."""
        cdef Model *model = &self.model
        cdef char memory[ROOM + SMALL_SCRATCH + 2 * LINE_BYTES]
        cdef char *numbers = aligned(memory)
        cdef cnp.npy_intp shape[2]
        cdef cnp.ndarray y
        cdef Input x
        cdef Call call
        if not (
            read_input(X, self.typenum, self.n_direct, numbers, &x)
            and (x.n == 1 or x.n * model.n_parameters < LONG_CALL)
            and x.n * 2 * model.widest * model.itemsize <= SMALL_SCRATCH
        ):
            return None
        if out is None:
            shape[0] = self.n_out if x.is_row else x.n
            shape[1] = self.n_out
            y = cnp.PyArray_EMPTY(1 if x.is_row else 2, shape, self.typenum, 0)
        elif is_output(out, self, &x) and not (
            cnp.PyArray_CheckExact(X) and overlap(<cnp.ndarray> X, <cnp.ndarray> out)
        ):
            y = <cnp.ndarray> out
        else:
            return None
        need_stack(STACK_OF_KERNELS if x.n > 1 else STACK_OF_A_ROW)
        if x.n * model.n_parameters < LONG_CALL:
            predict_chain(
                model, x.n, x.data, self.n_in, cnp.PyArray_BYTES(y), aligned(numbers + ROOM))
            return y
        self.begin_reading(&call)
        if has_maps(model):                  # since a wait, if there was one
            self.end_reading(&call)
            return None
        with nogil:
            predict_chain(
                model, 1, x.data, self.n_in, cnp.PyArray_BYTES(y), aligned(numbers + ROOM))
        self.end_reading(&call)
        return y

    cdef cnp.ndarray predict_mapped(self, X, out):
        """`predict` for a few samples through maps, converted where they must be; None for others."""
        cdef Model *model = &self.model
        cdef char memory[ROOM + STACK_SCRATCH + 2 * LINE_BYTES]
        cdef char *numbers = aligned(memory)
        cdef cnp.npy_intp shape[2]
        cdef cnp.ndarray y
        cdef Input x
        cdef Call call
        if not (
            read_input(X, self.typenum, self.n_in, numbers, &x)
            and (x.n == 1 or x.n * model.n_parameters < LONG_CALL)
            and predict_scratch_size(model, x.n) + room_for_maps(model, x.n) <= STACK_SCRATCH
        ):
            return None
        if out is None:
            shape[0] = self.n_out if x.is_row else x.n
            shape[1] = self.n_out
            y = cnp.PyArray_EMPTY(1 if x.is_row else 2, shape, self.typenum, 0)
        elif is_output(out, self, &x) and not (
            cnp.PyArray_CheckExact(X) and overlap(<cnp.ndarray> X, <cnp.ndarray> out)
        ):
            y = <cnp.ndarray> out
        else:
            return None
        need_stack(STACK_OF_KERNELS if x.n > 1 else STACK_OF_A_ROW)
        if x.n * model.n_parameters < LONG_CALL:
            predict_through_maps(
                model, x.n, x.data, self.n_in, cnp.PyArray_BYTES(y), aligned(numbers + ROOM))
            return y
        self.begin_reading(&call)
        with nogil:
            # Without maps, if another thread has folded them meanwhile, this does the same.
            predict_through_maps(
                model, x.n, x.data, self.n_in, cnp.PyArray_BYTES(y), aligned(numbers + ROOM))
        self.end_reading(&call)
        return y

    cdef object predict_general(self, X, out, n_threads, layer):
        """`predict` for every input that is not one sample as the network wants it."""
        cdef Model *model = &self.model
        cdef Model lower                 # up to that layer
        cdef cnp.ndarray x, y
        cdef Py_ssize_t n, n_parts
        cdef const char *source
        cdef char *target
        cdef char *memory
        cdef Call call
        cdef bint stopped
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        if has_maps(model) and layer is None and n_threads is 1 and is_open(self):
            need_stack(ROOM + STACK_SCRATCH + STACK_OF_A_ROW)
            y = self.predict_mapped(X, out)
            if y is not None:
                return y
        if layer is not None:
            lower = model[0]
            lower.n_layers = layer_number(layer, "layer", model.n_layers) + 1
            if lower.n_layers < model.n_layers:
                lower.n_parameters = model.layers[lower.n_layers].offset
            model = &lower
        dtype = settings_of(self).dtype
        expected = f"({self.n_in},) or (n, {self.n_in})"
        x = real_array(X, "X", dtype, f"an array of shape {expected}")
        if self.n_in == 1 and cnp.PyArray_NDIM(x) == 1 and x.shape[0] != 1:
            x = x.reshape(-1, 1)
        if cnp.PyArray_NDIM(x) not in (1, 2) or x.shape[cnp.PyArray_NDIM(x) - 1] != self.n_in:
            raise ValueError(f"X has shape {np.shape(X)}, expected {expected}")
        n = x.shape[0] if cnp.PyArray_NDIM(x) == 2 else 1
        shape = (*np.shape(x[..., 0]), output_size(model))
        y = np.empty(shape, dtype) if out is None else checked_out(out, shape, dtype, X)
        n_parts = 1 if n_threads is 1 else threads_for_rows(n_threads, n, model.n_parameters)
        need_stack(STACK_OF_KERNELS)
        source = cnp.PyArray_BYTES(x)
        target = cnp.PyArray_BYTES(y)
        self.begin_reading(&call)
        try:
            if layer is not None:            # with the maps of now, whatever the wait was for
                lower.direct, lower.maps = self.model.direct, self.model.maps
                lower.maps.outputs = lower.maps.outputs and lower.n_layers == self.model.n_layers
            memory = allocate(predict_rows_scratch_size(model, n, n_parts))
            try:
                with nogil:
                    stopped = predict_rows(
                        model, n, source, target, aligned(memory), n_parts, stoppable=True)
            finally:
                PyMem_RawFree(memory)
            if stopped:
                raise_what_is_set()
        finally:
            self.end_reading(&call)
        return y

    def learn_one(self, x, y, weight=ONCE):
        """Learn one sample: forward, backward, one update.

        Parameters
        ----------
        x : array_like, (n_in,)
        y : array_like, (n_targets,), or a label
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity. n_targets and
            labels are those of `Network.fit`.
        weight : float, default 1.0
            How much the sample counts, at least 0: the update is made by weight times its gradient.

        Returns
        -------
        float
            The loss of the sample before the update, whatever it weighs. If it is not finite, there
            was no update. It is NaN where the update would have made a number infinite, of the
            parameters or of what the optimizer keeps. (Where that shows in a lower layer, those
            above have been updated.)

        Raises
        ------
        TypeError, ValueError
            If x or y is not real numbers of that shape, a label is outside the classes, or weight
            is not a finite number of at least 0; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
        cdef Model *model = &self.model
        cdef double own_weight
        cdef const double *weighed = NULL
        cdef char numbers[2 * ROOM + LINE_BYTES]
        cdef char *room = aligned(numbers)
        cdef const char *x_data
        cdef const char *y_data
        cdef Input found
        cdef double loss
        cdef Call call
        if model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        need_stack(STACK_OF_KERNELS)
        if weight is not ONCE:
            own_weight = weight_of_a_row(weight, "weight")
            weighed = &own_weight
        if is_vector(x, self.typenum, self.n_direct):
            x_data = cnp.PyArray_BYTES(<cnp.ndarray> x)
        elif read_vector(x, self.typenum, self.n_direct, room, &found):
            x_data = found.data
        elif has_maps(model):                # which both have found by n_direct
            return self.learn_mapped(x, y, weighed)
        else:
            x = vector(x, "x", self.n_in, settings_of(self).dtype)
            x_data = cnp.PyArray_BYTES(<cnp.ndarray> x)
        if is_vector(y, self.typenum, self.n_targets):
            y_data = cnp.PyArray_BYTES(<cnp.ndarray> y)
        elif read_vector(y, self.typenum, self.n_targets, room + ROOM, &found):
            y_data = found.data
        else:
            y = targets_of_row(y, "y", self.n_targets, settings_of(self).dtype, self.n_classes)
            y_data = cnp.PyArray_BYTES(<cnp.ndarray> y)
        if (
            model.n_parameters < LONG_CALL and not self.closed and self.readers == 0
            and take(&self.writing, n_forks)
        ):
            try:
                self.need_scratch(tape_size(model, 1, 1))
                return learn(model, x_data, y_data, weighed, aligned(self.scratch))
            finally:
                give(&self.writing)
        self.begin_writing(&call)
        try:
            self.need_scratch(tape_size(model, 1, 1) + room_of_maps(model, 1))
            with nogil:
                if has_maps(model):          # since the wait
                    loss = learn_through_maps(
                        model, x_data, y_data, weighed, aligned(self.scratch))
                else:
                    loss = learn(model, x_data, y_data, weighed, aligned(self.scratch))
        finally:
            self.end_writing(&call)
        return loss

    cdef double learn_mapped(self, x, y, const double *weight) except? -1:
        """`learn_one` through maps."""
        cdef Model *model = &self.model
        cdef char numbers[2 * ROOM + LINE_BYTES]
        cdef char *room = aligned(numbers)
        cdef const char *x_data
        cdef const char *y_data
        cdef Input found
        cdef double loss
        cdef Call call
        if read_vector(x, self.typenum, self.n_in, room, &found):
            x_data = found.data
        else:
            x = vector(x, "x", self.n_in, settings_of(self).dtype)
            x_data = cnp.PyArray_BYTES(<cnp.ndarray> x)
        if read_vector(y, self.typenum, self.n_targets, room + ROOM, &found):
            y_data = found.data
        else:
            y = targets_of_row(y, "y", self.n_targets, settings_of(self).dtype, self.n_classes)
            y_data = cnp.PyArray_BYTES(<cnp.ndarray> y)
        need_stack(STACK_OF_KERNELS)
        self.begin_writing(&call)
        try:
            self.need_scratch(tape_size(model, 1, 1) + room_for_maps(model, 1))
            if model.n_parameters < LONG_CALL:
                loss = learn_through_maps(model, x_data, y_data, weight, aligned(self.scratch))
            else:
                with nogil:
                    loss = learn_through_maps(
                        model, x_data, y_data, weight, aligned(self.scratch))
        finally:
            self.end_writing(&call)
        return loss

    def train_on_batch(self, X, Y, n_threads=1, sample_weight=None):
        """Make one update from one batch.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_targets), or labels (n,)
            Of the network's dtype, C-contiguous and aligned, they are read in place; other real
            numbers are converted first. They are not checked for NaN or infinity. n_targets and
            labels are those of `Network.fit`.
        n_threads : int, default 1
            How many threads share the batch, from 1 to 256; fewer where it is small. They end with
            the call.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ: what is learned from is Σ wᵢ·Cᵢ / Σ wᵢ.

        Returns
        -------
        float
            The mean loss of the rows, and the penalty on the weights if there is one, before the
            update; not finite as in `learn_one`.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, a label is outside the
            classes, a weight is negative or not finite, or all are 0, or n_threads is not a whole
            number from 1 to 256; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; updates of one network follow one another.
        """
        cdef double loss
        if n_threads is 1 and sample_weight is None and not self.closed and self.readers == 0:
            need_stack(2 * ROOM + STACK_OF_KERNELS)
            if self.train_on_few(X, Y, &loss):
                return loss
        X, Y = checked_batch(self, X, Y)
        n = X.shape[0]
        n_parts = 1 if n_threads is 1 else threads_for_batches(
            n_threads, n, n, self.model.n_parameters)
        if sample_weight is not None:
            sample_weight = weights_of_rows(sample_weight, n)
            n = sum(sample_weight.tolist())
        total, _ = Course(self, X, Y, sample_weight, len(X), n_parts).train(None, None, 0, 0.0)
        return total / n

    cdef bint train_on_few(self, X, Y, double *loss) except -1:
        """One update from a few samples, converted where they must be, with the GIL if it is done
        soon; or false."""
        cdef Model *model = &self.model
        cdef char numbers[2 * ROOM + LINE_BYTES]
        cdef char *room = aligned(numbers)
        cdef Batch data
        cdef Recipe recipe = Recipe(NULL, INFINITY, INFINITY, -1, 1)
        cdef Input x, y
        cdef Call call
        if not (
            read_input(X, self.typenum, self.n_direct, room, &x)
            and read_input(Y, self.typenum, self.n_targets, room + ROOM, &y)
            and x.n == y.n and (x.n == 1 or x.n * model.n_parameters < LONG_CALL)
            and (not x.is_row or self.n_in == 1) and (not y.is_row or self.n_targets == 1)
        ):
            return False
        if model.n_parameters >= LONG_CALL:
            self.begin_writing(&call)
            try:
                if has_maps(model):          # since the wait
                    return False
                self.need_scratch(tape_size(model, 1, 1))
                with nogil:
                    loss[0] = learn(model, x.data, y.data, NULL, aligned(self.scratch))
            finally:
                self.end_writing(&call)
            return True
        if not take(&self.writing, n_forks):
            return False
        try:
            if x.n == 1:
                self.need_scratch(tape_size(model, 1, 1))
                loss[0] = learn(model, x.data, y.data, NULL, aligned(self.scratch))
            else:
                self.need_scratch(train_scratch_size(model, &recipe, x.n, 1))
                data = rows_of(model, x.n, x.data, y.data)
                loss[0] = 0
                train_rows(model, &data, &recipe, x.n, 0, loss, aligned(self.scratch), 1)
                loss[0] /= x.n
        finally:
            give(&self.writing)
        return True

    def evaluate(self, X, Y, n_threads=1, sample_weight=None, metrics=None):
        """The mean loss over the rows of X, without the penalty on the weights; or metrics of them.

        Parameters
        ----------
        X : array_like, (n, n_in)
        Y : array_like, (n, n_targets), or labels (n,)
            As in `Network.fit`.
        n_threads : int, default 1
            How many threads share the rows, from 1 to 256; fewer where the rows are few. They end
            with the call.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ: the mean is Σ wᵢ·Cᵢ / Σ wᵢ.
        metrics : optional
            What to measure, as `Network.fit` takes it.

        Returns
        -------
        float
            With the same bits on any number of threads. Where metrics are given, a dict of the
            loss and of each of them by name.

        Raises
        ------
        TypeError, ValueError
            If X or Y is not real numbers of that shape, or has no rows, a label is outside the
            classes, a weight is negative or not finite, or all are 0, or n_threads is not a whole
            number from 1 to 256.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        cdef Model *model = &self.model
        cdef Py_ssize_t n
        cdef Batch data
        if metrics is not None:
            return self._measured(X, Y, n_threads, sample_weight, metrics)
        X, Y = checked_batch(self, X, Y)
        n = X.shape[0]
        data = rows_of(
            model, n, cnp.PyArray_BYTES(<cnp.ndarray> X), cnp.PyArray_BYTES(<cnp.ndarray> Y))
        if sample_weight is not None:
            sample_weight = weights_of_rows(sample_weight, n)
            data.weights = <const double *> cnp.PyArray_DATA(<cnp.ndarray> sample_weight)
        return mean_loss(
            self, &data,
            1 if n_threads is 1 else threads_for_rows(n_threads, n, model.n_parameters))

    def _measured(self, X, Y, n_threads, sample_weight, metrics):
        """What `evaluate` gives where metrics are asked for, which a Network knows how to measure."""
        raise NotImplementedError("metrics are measured by a Network")


def checked_batch(Engine network not None, X, Y):
    """X (n, n_in) and Y (n, n_targets) as the network takes them, with as many rows each."""
    if network.model.n_layers == 0:
        raise RuntimeError("the network has not been initialised")
    dtype = settings_of(network).dtype
    X = matrix(X, "X", network.n_in, dtype)
    Y = targets_of_rows(Y, "Y", network.n_targets, dtype, network.n_classes)
    check_same_rows(X, Y)
    return X, Y
