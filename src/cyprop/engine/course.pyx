"""A course of learning from one set of data: what all its epochs share, checked once."""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY

from cyprop.engine.memory cimport Memory
from cyprop.engine.learning cimport Recipe, train, train_scratch_size
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
    """Whether kernels can read it as the numbers of n rows; that they are is up to the caller."""
    return (
        cnp.PyArray_CheckExact(order)
        and cnp.PyArray_TYPE(<cnp.ndarray> order) == cnp.NPY_INTP
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> order)
        and cnp.PyArray_SIZE(<cnp.ndarray> order) == n
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
    """

    def __init__(
        self, Memory network not None, X, Y, weights, Py_ssize_t batch_size, Py_ssize_t n_parts,
        bint ordinary=False, clip_norm=None, clip_value=None,
    ):
        cdef Model *model = &network.model
        if not (is_matrix(X, network, network.n_in) and is_matrix(Y, network, network.n_targets)):
            raise ValueError("X and Y are not such as this network takes")
        if cnp.PyArray_DIM(<cnp.ndarray> X, 0) != cnp.PyArray_DIM(<cnp.ndarray> Y, 0):
            raise ValueError("X and Y have different numbers of rows")
        self.data = rows_of(
            model, cnp.PyArray_DIM(<cnp.ndarray> X, 0), cnp.PyArray_BYTES(<cnp.ndarray> X),
            cnp.PyArray_BYTES(<cnp.ndarray> Y))
        self.data.ordinary = ordinary
        if weights is not None:
            if not is_numbers(weights, self.data.n):
                raise ValueError("weights are not such as a course takes")
            self.data.weights = <const double *> cnp.PyArray_DATA(<cnp.ndarray> weights)
        self.network = network
        self.keep = X, Y, weights
        self.batch_size = min(batch_size, self.data.n)
        self.n_parts = n_parts
        self.recipe = Recipe(
            NULL, INFINITY if clip_value is None else clip_value,
            INFINITY if clip_norm is None else clip_norm)

    def train(self, order, rates, Py_ssize_t start, double total):
        """Train batch after batch from row `start` on, for about as long as Ctrl-C may wait.

        `order` (None, or an index array) says which rows make up the batches, and `rates` (None, or
        float64) gives each batch of the epoch its learning rate. Returns the total with the losses
        of the rows seen, before their updates, times their weights, added to it, and the row to go
        on from. A batch whose loss is not finite is not learned, and is where it stops.
        """
        cdef Model *model = &self.network.model
        cdef Batch data = self.data
        cdef Recipe recipe = self.recipe
        cdef Call call
        if not 0 <= start <= data.n:
            raise ValueError(f"start is {start}, expected a row from 0 to {data.n}")
        if order is not None:
            if not is_order(order, data.n):
                raise ValueError("order is not such as a permutation of the rows")
            data.order = <const Py_ssize_t *> cnp.PyArray_DATA(<cnp.ndarray> order)
        if rates is not None:
            if not is_numbers(rates, (data.n + self.batch_size - 1) // self.batch_size):
                raise ValueError("rates are not one number for each batch")
            recipe.rates = <const double *> cnp.PyArray_DATA(<cnp.ndarray> rates)
        need_stack(STACK_OF_KERNELS)
        self.network.begin_writing(&call)
        try:
            self.network.need_scratch(
                train_scratch_size(model, &recipe, self.batch_size, self.n_parts))
            with nogil:
                start = train(
                    model, &data, &recipe, self.batch_size, start, &total,
                    aligned(self.network.scratch), self.n_parts)
            raise_what_is_set()
        finally:
            self.network.end_writing(&call)
        PyErr_CheckSignals()
        return total, start
