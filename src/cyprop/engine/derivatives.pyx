"""Derivatives for a person to use, and the update from them: learning in two steps.

`derive` gives the gradient of the loss, or of what the caller has the derivative of by the outputs;
`step` takes a gradient, whatever has been done with it meanwhile. The other way to learn is fused: the
gradient never exists as a whole (`Engine.learn_one`, `Engine.train_on_batch`, `engine.train`). Both
end in the same bits.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree

import numpy as np

from cyprop.checks.arrays import real_array
from cyprop.engine.memory import aligned_zeros, frozen_of, views
from cyprop.engine.threads import threads_for_parameters, threads_for_rows, work_of_row

from cyprop.engine.batches cimport (
    derive as derive_batch, derive_scratch_size, input_gradient, input_gradient_scratch_size,
    step_by_vector, weight_of,
)
from cyprop.engine.chain cimport tape_size
from cyprop.engine.engine cimport Engine
from cyprop.engine.memory cimport allocate, settings_of
from cyprop.engine.stack cimport STACK_OF_KERNELS, need_stack
from cyprop.engine.turns cimport Call, raise_what_is_set
from cyprop.engine.model cimport VECTOR, Batch, Model, Sink, aligned, next_update, rows_of, sink_of
from cyprop.engine.pieces cimport penalty

cnp.import_array()


def derive(
    Engine network not None, X, Y, dA, bint inputs, n_threads, weights=None, bint training=False,
):
    """The loss (0 for a given dA), its gradient laid out like the parameters, and ∂C/∂X or None.

    X (n, n_in), and either Y (n, n_targets) or dA (n, n_out): checked arrays of the network's dtype;
    weights of the rows None or checked float64; training: with the dropout of the next update.
    """
    cdef Model *model = &network.model
    cdef Py_ssize_t n = X.shape[0]
    cdef Py_ssize_t n_parts = threads_for_rows(n_threads, n, work_of_row(settings_of(network)))
    cdef Batch batch
    cdef Sink sink
    cdef const char *given = NULL
    cdef char *memory
    cdef double total = 0, weight
    cdef Call call
    cdef bint stopped
    gradient = aligned_zeros(model.n_parameters, X.dtype)
    dX = np.empty((n, network.n_in), X.dtype) if inputs else None
    batch = rows_of(model, n, cnp.PyArray_BYTES(<cnp.ndarray> X), NULL)
    if dA is None:
        batch.Y = cnp.PyArray_BYTES(<cnp.ndarray> Y)
    else:
        given = cnp.PyArray_BYTES(<cnp.ndarray> dA)
    if weights is not None:
        batch.weights = <const double *> cnp.PyArray_DATA(<cnp.ndarray> weights)
    weight = weight_of(&batch)
    batch.weight = weight
    sink = sink_of(VECTOR)
    sink.gradient = cnp.PyArray_BYTES(<cnp.ndarray> gradient)
    sink.penalised = model.penalised and dA is None
    if inputs:
        sink.dX = cnp.PyArray_BYTES(<cnp.ndarray> dX)
    need_stack(STACK_OF_KERNELS)
    network.begin_reading(&call)
    try:
        memory = allocate(derive_scratch_size(model, n, n_parts))
        try:
            if training:
                batch.update = next_update(model)
            with nogil:
                stopped = derive_batch(
                    model, &batch, given, &sink, &total, aligned(memory), n_parts)
                if sink.penalised and not stopped:
                    total += weight * penalty(model)
        finally:
            PyMem_RawFree(memory)
        if stopped:
            raise_what_is_set()
    finally:
        network.end_reading(&call)
    return total / weight, gradient, dX


def jacobian(Engine network not None, X, n_threads):
    """∂A⁽ᴸ⁾/∂X of each row of X (n, n_in), a checked array: (n, n_out, n_in)."""
    cdef Model *model = &network.model
    cdef Py_ssize_t n = X.shape[0] * network.n_out
    cdef Py_ssize_t n_parts = threads_for_rows(n_threads, n, work_of_row(settings_of(network)))
    cdef const char *x
    cdef const char *da
    cdef char *dx
    cdef char *memory
    cdef Call call
    cdef bint stopped
    # Row j of the identity pulls back to row j of the Jacobian.
    repeated = np.repeat(X, network.n_out, axis=0)
    dA = np.tile(np.eye(network.n_out, dtype=X.dtype), (X.shape[0], 1))
    dX = np.empty((n, network.n_in), X.dtype)
    x = cnp.PyArray_BYTES(<cnp.ndarray> repeated)
    da = cnp.PyArray_BYTES(<cnp.ndarray> dA)
    dx = cnp.PyArray_BYTES(<cnp.ndarray> dX)
    need_stack(STACK_OF_KERNELS)
    network.begin_reading(&call)
    try:
        memory = allocate(input_gradient_scratch_size(model, n, n_parts))
        try:
            with nogil:
                stopped = input_gradient(
                    model, n, x, da, dx, aligned(memory), n_parts, stoppable=True)
        finally:
            PyMem_RawFree(memory)
        if stopped:
            raise_what_is_set()
    finally:
        network.end_reading(&call)
    return dX.reshape(X.shape[0], network.n_out, network.n_in)


def step(Engine network not None, gradient, n_threads):
    """One update of the optimizer from a gradient laid out like the parameters, checked here."""
    cdef Model *model = &network.model
    cdef Py_ssize_t n_parts = threads_for_parameters(n_threads, model.n_parameters)
    cdef const char *data
    cdef char *memory
    cdef bint stepped
    cdef Call call
    checked_gradient = checked(network, gradient)
    data = cnp.PyArray_BYTES(<cnp.ndarray> checked_gradient)
    memory = allocate(tape_size(model, 0, 1))
    try:
        network.begin_writing(&call)
        with nogil:
            stepped = step_by_vector(model, data, aligned(memory), n_parts)
        network.end_writing(&call)
    finally:
        PyMem_RawFree(memory)
    if not stepped:
        refuse_nonfinite(network, checked_gradient)
        raise ValueError(
            "the step would make a parameter infinite, or what the optimizer keeps; the network is"
            " unchanged: clip the gradient, or lower the learning rate"
        )


cdef object checked(Engine network, gradient):
    """The gradient as a vector that the kernels take."""
    dtype = settings_of(network).dtype
    expected = f"a vector of {network.model.n_parameters} numbers, laid out like net.parameters"
    with np.errstate(over="ignore"):
        vector = real_array(gradient, "gradient", dtype, expected)
    if vector.shape != (network.model.n_parameters,):
        raise ValueError(f"gradient has shape {vector.shape}, expected {expected}")
    return vector


cdef int refuse_nonfinite(Engine network, vector) except -1:
    """Say where a weight or bias that learns has no finite derivative; padding is let pass."""
    frozen = frozen_of(network)
    for what, arrays in zip(("weights", "biases"), views(network, vector), strict=True):
        for layer, array in enumerate(arrays):
            if layer in frozen:
                continue
            wrong = np.argwhere(~np.isfinite(array))
            if len(wrong):
                place = tuple(wrong[0].tolist())
                raise ValueError(
                    f"gradient holds {array[place]} at {what}[{layer}]{list(place)},"
                    f" expected finite numbers that fit {vector.dtype}"
                )
    return 0
