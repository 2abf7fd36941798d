"""A course of learning from one set of data: what all its epochs share, checked once.

An order names the rows of an epoch, or those that are evaluated, so that neither needs a copy of them.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_RawFree
from libc.math cimport INFINITY

from cyprop.engine.threads import threads_for_rows, work_of_row

from cyprop.engine.batches cimport loss_of_rows, loss_of_rows_scratch_size, weight_of
from cyprop.engine.learning cimport Recipe, train, train_scratch_size
from cyprop.engine.memory cimport Memory, allocate, settings_of
from cyprop.engine.model cimport Batch, Model, aligned, rows_of
from cyprop.engine.stack cimport STACK_OF_KERNELS, need_stack
from cyprop.engine.turns cimport Call, raise_what_is_set

cnp.import_array()


cdef bint is_matrix(X, Memory network, Py_ssize_t n_columns) noexcept:
    """Whether kernels can read X in place as (n, n_columns), whoever says so."""
    if not cnp.PyArray_Check(X):
        return False
    return (
        cnp.PyArray_NDIM(<cnp.ndarray> X) == 2
        and cnp.PyArray_TYPE(<cnp.ndarray> X) == network.typenum
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> X)
        and cnp.PyArray_DIM(<cnp.ndarray> X, 1) == n_columns
    )


cdef bint is_order(order, Py_ssize_t n) noexcept:
    """Whether kernels can read it as numbers of some of n rows; that they are is up to the caller."""
    return (
        cnp.PyArray_CheckExact(order)
        and cnp.PyArray_NDIM(<cnp.ndarray> order) == 1
        and cnp.PyArray_TYPE(<cnp.ndarray> order) == cnp.NPY_INTP
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> order)
        and 1 <= cnp.PyArray_DIM(<cnp.ndarray> order, 0) <= n
    )


cdef bint is_numbers(vector, Py_ssize_t n) noexcept:
    """Whether kernels can read it in place as n numbers of float64."""
    return (
        cnp.PyArray_CheckExact(vector)
        and cnp.PyArray_NDIM(<cnp.ndarray> vector) == 1
        and cnp.PyArray_TYPE(<cnp.ndarray> vector) == cnp.NPY_FLOAT64
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> vector)
        and cnp.PyArray_DIM(<cnp.ndarray> vector, 0) == n
    )


cdef double mean_loss(Memory network, Batch *data, Py_ssize_t n_parts) except? -1:
    """C̄ over rows whose arrays the caller keeps, without the penalty."""
    cdef Model *model = &network.model
    cdef char *memory
    cdef double total = 0
    cdef Call call
    cdef bint stopped
    need_stack(STACK_OF_KERNELS)
    network.begin_reading(&call)
    try:
        memory = allocate(loss_of_rows_scratch_size(model, data, n_parts))
        try:
            with nogil:
                stopped = loss_of_rows(model, data, &total, aligned(memory), n_parts)
        finally:
            PyMem_RawFree(memory)
        if stopped:
            raise_what_is_set()
    finally:
        network.end_reading(&call)
    return total / weight_of(data)


cdef class Course:
    """Learning from X and Y in batches, of a network.

    Parameters
    ----------
    network : Network
    X, Y : ndarray, (n, n_in) and (n, n_targets)
        Of the network's dtype, C-contiguous and aligned.
    weights : ndarray of float64, (n,), or None
        Of the rows.
    batch_size, n_parts : int
        Rows of an update, and threads that share them.
    ordinary : bool
        Whether every |X| is known to be below 2²⁹.
    clip_norm, clip_value : float or None
    shared_l2 : float or None
        The penalty of an update is shared_l2 / (2·Σ wᵢ) · Σw² over the rows of its batch, as
        scikit-learn has it, in place of the network's; only for a network that has an l2 of its
        own, if it is not 0. In the total a batch then counts by the number of its rows, and not by
        what they weigh.
    penalty_counts : float
        How often such a penalty is added to the loss.
    """

    def __init__(
        self, Memory network not None, X, Y, weights, Py_ssize_t batch_size, Py_ssize_t n_parts,
        bint ordinary=False, clip_norm=None, clip_value=None, shared_l2=None, penalty_counts=1.0,
    ):
        self.network = network
        self.X, self.Y, self.weights = X, Y, weights
        self.ordinary = ordinary
        self.batch_size = batch_size
        self.n_parts = n_parts
        self.recipe = Recipe(
            NULL, INFINITY if clip_value is None else clip_value,
            INFINITY if clip_norm is None else clip_norm,
            -1 if shared_l2 is None else shared_l2, penalty_counts)
        self.rows()

    cdef Batch rows(self) except *:
        """All rows as kernels read them, looked at anew: another thread may have resized an array."""
        cdef Model *model = &self.network.model
        cdef Batch data
        X, Y, weights = self.X, self.Y, self.weights
        if not (
            is_matrix(X, self.network, self.network.n_in)
            and is_matrix(Y, self.network, self.network.n_targets)
        ):
            raise ValueError("X and Y are not such as this network takes")
        if cnp.PyArray_DIM(<cnp.ndarray> X, 0) != cnp.PyArray_DIM(<cnp.ndarray> Y, 0):
            raise ValueError("X and Y have different numbers of rows")
        data = rows_of(
            model, cnp.PyArray_DIM(<cnp.ndarray> X, 0), cnp.PyArray_BYTES(<cnp.ndarray> X),
            cnp.PyArray_BYTES(<cnp.ndarray> Y))
        data.ordinary = self.ordinary
        if weights is not None:
            if not is_numbers(weights, data.n):
                raise ValueError("weights are not such as a course takes")
            data.weights = <const double *> cnp.PyArray_DATA(<cnp.ndarray> weights)
        return data

    cdef int choose(self, Batch *data, order) except -1:
        """Let the rows be those that an order names, if there is one."""
        if order is not None:
            if not is_order(order, data.n):
                raise ValueError("order is not such as an array of the numbers of rows")
            data.order = <const Py_ssize_t *> cnp.PyArray_DATA(<cnp.ndarray> order)
            data.n = cnp.PyArray_DIM(<cnp.ndarray> order, 0)
        return 0

    def train(self, order, rates, Py_ssize_t start, double total):
        """Train batch after batch from row `start` on, for about as long as Ctrl-C may wait.

        `order` (None, or an index array) says which rows make up the batches, all or some of them;
        `start` counts along it. `rates` (None, or float64) gives each batch of the epoch its
        learning rate. Returns the total with the losses
        of the rows seen, before their updates, times their weights, added to it, and the row to go
        on from. A batch whose loss is not finite is not learned, and is where it stops.
        """
        cdef Model *model = &self.network.model
        cdef Batch data = self.rows()
        cdef Recipe recipe = self.recipe
        cdef Py_ssize_t batch_size
        cdef Call call
        self.choose(&data, order)
        batch_size = min(self.batch_size, data.n)
        if not 0 <= start <= data.n:
            raise ValueError(f"start is {start}, expected a row from 0 to {data.n}")
        if rates is not None:
            if not is_numbers(rates, (data.n + batch_size - 1) // batch_size):
                raise ValueError("rates are not one number for each batch")
            recipe.rates = <const double *> cnp.PyArray_DATA(<cnp.ndarray> rates)
        need_stack(STACK_OF_KERNELS)
        self.network.begin_writing(&call)
        try:
            self.network.need_scratch(
                train_scratch_size(model, &recipe, batch_size, self.n_parts))
            with nogil:
                start = train(
                    model, &data, &recipe, batch_size, start, &total,
                    aligned(self.network.scratch), self.n_parts)
            raise_what_is_set()
        finally:
            self.network.end_writing(&call)
        PyErr_CheckSignals()
        return total, start

    def evaluate(self, order, n_threads, bint weighted=True):
        """The mean loss of the rows that `order` names (None: of all), as by `Network.evaluate`.

        Rows count by their weights, if there are any and it is `weighted`. Raises ValueError if
        those of these rows are all 0.
        """
        cdef Batch data = self.rows()
        self.choose(&data, order)
        if data.weights != NULL:
            data.weights = NULL
            if weighted:
                weights = self.weights if order is None else self.weights[order]
                if not weights.any():
                    raise ValueError("the weights of these rows are all 0, expected a positive sum")
                data.weights = <const double *> cnp.PyArray_DATA(<cnp.ndarray> weights)
        return mean_loss(
            self.network, &data,
            threads_for_rows(n_threads, data.n, work_of_row(settings_of(self.network))))
