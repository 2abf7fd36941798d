"""The layers of a network: who owns the parameters, and who may touch them when.

Parameters are one vector, laid out as chain.pyx says; `weights` and `biases` are views of it, and so
is what the optimizer keeps. All are NumPy arrays, so a view outlives the network safely.

Predictions read the parameters and updates write them, in turns (turns.pyx): a prediction sees the
weights as some complete update of Python's left them. Who assigns to the views takes no turn.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.string cimport memcpy, memset

import numpy as np

from cyprop.engine.chain cimport ALIGNMENT, Layer, Model, round_up, row_stride, weight_stride
from cyprop.kernels cimport activation as activation_kernels
from cyprop.kernels cimport loss as loss_kernels
from cyprop.kernels cimport update as update_kernels
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.table cimport Optimizer
from cyprop.engine.turns cimport Turns

cnp.import_array()

MAX_BYTES = 1 << 46              # of a parameter vector; more cannot be addressed anyway


cdef char *allocate(Py_ssize_t size) except NULL:
    """Memory for `size` bytes from any aligned start in it; freed with PyMem_RawFree."""
    cdef char *memory = <char *> PyMem_RawMalloc(size + ALIGNMENT)
    if memory == NULL:
        raise MemoryError(f"no memory for {size} bytes of scratch")
    return memory


def aligned_zeros(Py_ssize_t n, dtype):
    """A vector of n zeros that starts at a cache line."""
    itemsize = np.dtype(dtype).itemsize
    memory = np.zeros(n * itemsize + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start:start + n * itemsize].view(dtype)


cdef class Layers(Turns):
    """The part of a network that holds its layers; make a Network instead."""

    def __cinit__(self, *args, **kwargs):
        self.n_in = self.n_out = -1        # no array has that many columns before _build

    def __dealloc__(self):
        PyMem_RawFree(self.scratch)

    def _build(self, list sizes, list activations, str loss, dtype):
        """Lay out the layers; called once, by Network, with checked sizes."""
        cdef Model *model = &self.model
        cdef Layer *layer
        cdef Py_ssize_t l, n_layers = len(sizes) - 1
        if model.n_layers:
            raise RuntimeError("a network cannot be initialised twice; make a new one")
        model.kernels = current_table()
        dtype = np.dtype(dtype)
        self.typenum = dtype.num
        model.dtype = 0 if dtype == np.float32 else 1
        model.itemsize = dtype.itemsize
        model.loss = loss_kernels.find(loss)
        n_parameters = 0
        for l in range(n_layers):
            n_parameters += (sizes[l] + 1) * (sizes[l + 1] + ALIGNMENT)
        if n_parameters > MAX_BYTES // dtype.itemsize:
            raise ValueError(f"layers of sizes {sizes} have too many parameters to address")
        layers = aligned_zeros(n_layers * <Py_ssize_t> sizeof(Layer), np.uint8)
        model.layers = <Layer *> cnp.PyArray_DATA(layers)
        n_parameters = 0
        kept = 0
        for l in range(n_layers):
            layer = &model.layers[l]
            layer.n_in = sizes[l]
            layer.n_out = sizes[l + 1]
            layer.width = round_up(layer.n_out, model.itemsize)
            layer.stride = row_stride(layer.width, model.itemsize)
            layer.activation = activation_kernels.find(activations[l])
            if layer.activation.couples_units and l < n_layers - 1:
                raise ValueError(
                    f"activation {activations[l]!r} is for the output layer, not a hidden one"
                )
            layer.W_stride = weight_stride(layer.n_out, model.itemsize)
            layer.offset = n_parameters
            layer.b_offset = n_parameters + round_up(layer.n_in * layer.W_stride, model.itemsize)
            n_parameters = layer.b_offset + layer.stride
            layer.A_offset = layer.Z_offset = kept
            if layer.activation.keeps_Z or (l == n_layers - 1 and model.loss.output_activation):
                layer.Z_offset = kept + layer.stride
                kept += layer.stride
            kept += layer.stride
            model.widest = max(model.widest, layer.stride)
        model.kept = kept
        model.n_parameters = n_parameters
        self.parameters = aligned_zeros(n_parameters, dtype)
        model.parameters = cnp.PyArray_BYTES(self.parameters)
        self.weights, self.biases = self._views(self.parameters, n_layers)
        self.n_in = sizes[0]
        self.n_out = sizes[n_layers]
        self.keep = layers
        model.n_layers = n_layers

    def _views(self, flat, Py_ssize_t n_layers):
        """W and b of each layer as views of a vector laid out like the parameters."""
        cdef Layer *layer
        cdef Py_ssize_t l
        weights = []
        biases = []
        for l in range(n_layers):
            layer = &self.model.layers[l]
            rows = flat[layer.offset:layer.offset + layer.n_in * layer.W_stride]
            weights.append(rows.reshape(layer.n_in, layer.W_stride)[:, :layer.n_out])
            biases.append(flat[layer.b_offset:layer.b_offset + layer.n_out])
        return tuple(weights), tuple(biases)

    def _set_optimizer(self, str name, list values):
        """Choose the update rule; its state starts at zero."""
        cdef Model *model = &self.model
        cdef const Optimizer *optimizer = update_kernels.find(name, self.model.kernels)
        cdef Py_ssize_t i
        states = [
            aligned_zeros(model.n_parameters, self.parameters.dtype)
            for _ in range(optimizer.n_states)
        ]
        self.begin_writing()
        try:
            model.optimizer = optimizer
            self.states = states
            for i in range(optimizer.n_states):
                model.states[i] = cnp.PyArray_BYTES(states[i])
            for i in range(optimizer.rule.n_hyperparameters):
                model.hyperparameters[i] = values[i]
            memset(model.tally, 0, sizeof(model.tally))
        finally:
            self.end_writing()

    def _read_parameters(self, cnp.ndarray out not None):
        """Copy the parameters into a vector like theirs."""
        cdef void *target = cnp.PyArray_DATA(out)
        cdef const void *source = self.model.parameters
        cdef size_t size = self.parameters.nbytes
        if out.nbytes != <Py_ssize_t> size:
            raise ValueError(f"out has {out.nbytes} bytes, expected {size}")
        self.begin_reading()
        with nogil:
            memcpy(target, source, size)
        self.end_reading()

    def _is_finite(self):
        """Whether all weights and biases are; found without a temporary as large as they are."""
        self.begin_reading()
        try:
            parts = self.weights + self.biases
            return all([np.isfinite([part.min(), part.max()]).all() for part in parts])
        finally:
            self.end_reading()

    def _state(self):
        """Copies of the parameters, of the optimizer's vectors and of its numbers."""
        self.begin_reading()
        try:
            return (
                self.parameters.copy(),
                [state.copy() for state in self.states],
                [x for x in self.model.tally],
            )
        finally:
            self.end_reading()

    def _set_state(self, parameters, states=None, memory=()):
        """Take what `_state` gave, or only the parameters, with the optimizer's state afresh."""
        cdef Py_ssize_t i
        self.begin_writing()
        try:
            self.parameters[:] = parameters
            for i, mine in enumerate(self.states):
                mine[:] = 0 if states is None else states[i]
            memset(self.model.tally, 0, sizeof(self.model.tally))
            for i, x in enumerate(memory):
                self.model.tally[i] = x
        finally:
            self.end_writing()

    cdef int need_scratch(self, Py_ssize_t size) except -1:
        """Make room to train; only while writing."""
        cdef char *memory
        if size > self.scratch_size:
            memory = allocate(size)
            PyMem_RawFree(self.scratch)
            self.scratch = memory
            self.scratch_size = size
        return 0
