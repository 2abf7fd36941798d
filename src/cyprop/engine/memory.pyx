"""The memory of a network: who owns the parameters, how they lie, and who may touch them when.

Parameters are one vector: of each layer the rows of W, each padded to whole cache lines, then b
padded likewise. Rows of a multiple of 1 KiB get one line more, which is not read when predicting:
otherwise rows that a loop visits side by side would compete for the same few places of the cache.
Rows of less than a line are padded to a power of two instead: a network of one output then has one
number for each input, where a whole line would be sixteen. `weights` and `biases` are views of the
vector, and what the optimizer keeps is laid out like it. All are NumPy arrays, so a view outlives the
network safely.

Predictions read the parameters and updates write them, in turns (turns.pyx): a prediction sees the
weights as some complete update of Python's left them. Assigning to the views takes no turn.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport INFINITY
from libc.string cimport memcpy, memset

import numpy as np

from cyprop.checks.layers import layer_numbers

from cyprop.engine.finite cimport first_nonfinite
from cyprop.engine.model cimport (
    FOREIGN, LINE_BYTES, MAX_HYPERPARAMETERS, MAX_STATES, TAME, UNSEEN, UPDATES, Layer, Model,
    aligned, blocks_of,
)
from cyprop.engine.turns cimport Call, Turns
from cyprop.kernels cimport activation as activation_kernels
from cyprop.kernels cimport loss as loss_kernels
from cyprop.kernels cimport registry
from cyprop.kernels cimport update as update_kernels
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.table cimport Optimizer

cnp.import_array()

MAX_BYTES = 1 << 46              # of a parameter vector; more cannot be addressed anyway


cdef Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t itemsize) noexcept:
    """n elements as whole cache lines."""
    cdef Py_ssize_t line = LINE_BYTES // itemsize
    return (n + line - 1) // line * line


cdef Py_ssize_t row_stride(Py_ssize_t width, Py_ssize_t itemsize) noexcept:
    """From one row of that many elements (whole cache lines) to the next, in elements."""
    return width + (LINE_BYTES // itemsize if width * itemsize % 1024 == 0 else 0)


cdef Py_ssize_t weight_stride(Py_ssize_t n_out, Py_ssize_t itemsize) noexcept:
    """From one row of W to the next, in elements."""
    cdef Py_ssize_t fitting = 1
    if n_out * itemsize > LINE_BYTES:
        return row_stride(round_up(n_out, itemsize), itemsize)
    while fitting < n_out:
        fitting *= 2
    return fitting


cdef char *allocate(Py_ssize_t size) except NULL:
    """Memory for `size` bytes from any aligned start in it; freed with PyMem_RawFree."""
    cdef char *memory = <char *> PyMem_RawMalloc(size + LINE_BYTES)
    if memory == NULL:
        raise MemoryError(f"no memory for {size} bytes of scratch")
    return memory


def aligned_zeros(Py_ssize_t n, dtype):
    """A vector of n zeros that starts at a cache line."""
    cdef cnp.dtype kind = np.dtype(dtype)
    cdef cnp.npy_intp size = n, room = n * <Py_ssize_t> kind.itemsize + LINE_BYTES
    cdef cnp.ndarray memory = cnp.PyArray_ZEROS(1, &room, cnp.NPY_UINT8, 0)
    cdef cnp.ndarray vector = cnp.PyArray_SimpleNewFromData(
        1, &size, kind.type_num, aligned(cnp.PyArray_DATA(memory)))
    cnp.set_array_base(vector, memory)
    return vector


cdef class Memory(Turns):
    """The part of a network that owns its memory; make a Network instead."""

    def __cinit__(self, *args, **kwargs):
        # No array has so many columns before lay_out.
        self.n_in = self.n_direct = self.n_out = self.n_targets = -1

    def __dealloc__(self):
        PyMem_RawFree(self.scratch)

    @property
    def settings(self):
        """All that the network is made of but its weights; setting the optimizer replaces it.

        Thread-safety: any number of threads at once.
        """
        return settings_of(self)

    @property
    def parameters(self):
        """All weights and biases as one 64-byte aligned vector: of each layer W, then b, padded.

        Made read-only, it keeps out assignments, and not updates: the network learns in its own
        memory, whatever is done to the shape, dtype or flags of this array.

        Thread-safety: it is the same array always. Writing to it is no update: let no other thread
        use the network meanwhile.
        """
        return self.kept_parameters

    @property
    def weights(self):
        """The W of each layer: a writable view of `parameters`, of shape (n_in, n_out).

        Thread-safety: as `parameters`.
        """
        return self.kept_weights

    @property
    def biases(self):
        """The b of each layer: a writable view of `parameters`, of shape (n_out,).

        Thread-safety: as `parameters`.
        """
        return self.kept_biases

    cdef int need_scratch(self, Py_ssize_t size) except -1:
        """Make room to train; only while writing."""
        cdef char *memory
        if size > self.scratch_size:
            memory = allocate(size)
            PyMem_RawFree(self.scratch)
            self.scratch = memory
            self.scratch_size = size
        return 0


# What a class of the user's calls settings, weights or _rng is its own affair: here and in all that
# reads a network, those that it was laid out with count.

cpdef object settings_of(Memory network):
    """All that the network is made of but its weights."""
    if network.kept_settings is None:
        raise RuntimeError("the network has not been initialised")
    return network.kept_settings


def arrays(Memory network not None):
    """W and b of each layer as new views, whatever has been done to the shapes of those handed out."""
    return views(network, network.own_parameters)


def rng_of(Memory network not None):
    """The random generator that shuffles."""
    return network.rng


def set_rng(Memory network not None, rng):
    network.rng = rng


def seed_of(Memory network not None):
    """The seed that the network was made with: that of dropout, and of what `fit` sets aside."""
    return network.model.seed


def set_seed(Memory network not None, seed):
    """Draw which units are silent from this seed on; of a larger one the last 64 bits count."""
    network.model.seed = seed % (1 << 64)


def frozen_of(Memory network not None):
    """The numbers of the layers that learning leaves alone, in ascending order."""
    cdef Model *model = &network.model
    return tuple([l for l in range(model.n_layers) if model.layers[l].frozen])


def set_frozen(Memory network not None, frozen):
    """Leave the layers of these numbers alone, and let all others learn."""
    cdef Model *model = &network.model
    cdef Py_ssize_t l
    cdef Call call
    numbers = layer_numbers(frozen, "frozen", len(settings_of(network).sizes) - 1)
    cdef bytes chosen = bytes([l in numbers for l in range(model.n_layers)])
    cdef const char *flags = chosen
    network.begin_writing(&call)
    for l in range(model.n_layers):
        model.layers[l].frozen = flags[l]
    find_ends(model)
    model.wild = FOREIGN                 # the states of layers that learn again may not have been tried
    network.end_writing(&call)


cdef void find_ends(Model *model) noexcept nogil:
    """Which are the lowest and the highest layer that learn."""
    cdef Py_ssize_t l
    model.lowest, model.highest = model.n_layers, -1
    for l in range(model.n_layers):
        if not model.layers[l].frozen:
            model.lowest = min(model.lowest, l)
            model.highest = l


def make(kind, settings):
    """A network of the class `kind`, a Network, with zeros for weights; its __init__ is not called.

    It shuffles as one of seed 0.
    """
    network = kind.__new__(kind)
    lay_out(network, settings)
    set_rng(network, np.random.Generator(np.random.PCG64(0)))
    return network


def lay_out(Memory network not None, settings):
    """Make room for the layers that the settings describe, with zeros for weights; once."""
    cdef Model *model = &network.model
    cdef Py_ssize_t l, n_layers = len(settings.sizes) - 1
    if model.n_layers:
        raise RuntimeError("a network cannot be initialised twice; make a new one")
    dtype = settings.dtype
    n_parameters = 0
    for l in range(n_layers):
        n_parameters += (settings.sizes[l] + 1) * (settings.sizes[l + 1] + LINE_BYTES)
    if n_parameters > MAX_BYTES // dtype.itemsize:
        raise ValueError(
            f"layers of sizes {list(settings.sizes)} have too many parameters to address")
    model.kernels = current_table()
    network.typenum = dtype.num
    model.dtype = 0 if dtype == np.float32 else 1
    model.itemsize = dtype.itemsize
    model.loss = loss_kernels.find(settings.loss.name, settings.activations[n_layers - 1].name)
    registry.read(&model.loss.rule, settings.loss.values, model.loss_hyperparameters)
    model.l1 = settings.l1
    model.l2 = settings.l2
    model.penalised = model.l1 > 0 or model.l2 > 0
    layers = aligned_zeros(n_layers * <Py_ssize_t> sizeof(Layer), np.uint8)
    model.layers = <Layer *> cnp.PyArray_DATA(layers)
    place_layers(model, settings)
    network.keep = layers
    network.own_parameters = aligned_zeros(model.n_parameters, dtype)
    network.kept_parameters = network.own_parameters.view()
    model.parameters = cnp.PyArray_BYTES(network.own_parameters)
    model.direct = model.dtype
    network.n_in = network.n_direct = settings.sizes[0]
    network.n_out = settings.sizes[n_layers]
    network.n_targets = model.n_targets = settings.n_targets
    network.n_classes = settings.n_classes
    model.n_layers = n_layers
    find_ends(model)
    network.kept_weights, network.kept_biases = views(network, network.kept_parameters)
    network.kept_settings = settings
    set_optimizer(network, settings.optimizer)


cdef int place_layers(Model *model, settings) except -1:
    """Say where W and b lie in the parameters, and A and Z on a tape."""
    cdef Layer *layer
    cdef Py_ssize_t l, n_layers = len(settings.sizes) - 1
    cdef Py_ssize_t n_parameters = 0, n_blocks = 0, kept = 0
    for l in range(n_layers):
        layer = &model.layers[l]
        layer.n_in = settings.sizes[l]
        layer.n_out = settings.sizes[l + 1]
        layer.width = round_up(layer.n_out, model.itemsize)
        layer.stride = row_stride(layer.width, model.itemsize)
        layer.activation = activation_kernels.find(settings.activations[l].name)
        registry.read(
            &layer.activation.rule, settings.activations[l].values, layer.hyperparameters)
        if layer.activation.couples_units and l < n_layers - 1:
            raise ValueError(
                f"activation {settings.activations[l].name!r} is for the output layer,"
                " not a hidden one"
            )
        layer.W_stride = weight_stride(layer.n_out, model.itemsize)
        layer.offset = n_parameters
        layer.first_block = n_blocks
        n_blocks += blocks_of(layer.n_in) + 1
        layer.b_offset = n_parameters + round_up(layer.n_in * layer.W_stride, model.itemsize)
        n_parameters = layer.b_offset + layer.stride
        layer.dropout = settings.dropout[l] if l < n_layers - 1 else 0
        model.drops = model.drops or layer.dropout > 0
        layer.A_offset = layer.Z_offset = kept
        if layer.activation.keeps_Z or (l == n_layers - 1 and model.loss.gives_dZ):
            layer.Z_offset = kept + layer.stride
            kept += layer.stride
        kept += layer.stride
        layer.M_offset = layer.D_offset = layer.A_offset
        if layer.dropout > 0:
            layer.M_offset = kept
            layer.D_offset = kept + layer.stride
            kept += 2 * layer.stride
        model.widest = max(model.widest, layer.stride)
    for l in range(n_layers - 1, -1, -1):    # on the tape of a team the output layer's dZ is the first
        model.layers[l].dZ_offset = model.widths
        model.widths += model.layers[l].stride
    model.kept = kept
    model.n_parameters = n_parameters
    return 0


def views(Memory network not None, flat):
    """W and b of each layer as views of a vector laid out like the parameters."""
    cdef Layer *layer
    cdef Py_ssize_t l
    weights = []
    biases = []
    for l in range(network.model.n_layers):
        layer = &network.model.layers[l]
        rows = flat[layer.offset:layer.offset + layer.n_in * layer.W_stride]
        weights.append(rows.reshape(layer.n_in, layer.W_stride)[:, :layer.n_out])
        biases.append(flat[layer.b_offset:layer.b_offset + layer.n_out])
    return tuple(weights), tuple(biases)


cdef void take_hyperparameters(Model *model, const double *numbers) noexcept nogil:
    """Give the optimizer these, and say how far its steps go; biases are without weight decay."""
    cdef const Optimizer *optimizer = model.optimizer
    memcpy(model.hyperparameters, numbers, sizeof(model.hyperparameters))
    memcpy(model.hyperparameters_of_biases, numbers, sizeof(model.hyperparameters))
    model.decays = optimizer.weight_decay >= 0 and numbers[optimizer.weight_decay] != 0
    if model.decays:
        model.hyperparameters_of_biases[optimizer.weight_decay] = 0
    model.reach = INFINITY
    if optimizer.reach != NULL:
        model.reach = optimizer.reach(numbers, model.dtype)


cdef void set_rate(Model *model, double learning_rate) noexcept nogil:
    """Go on with this learning rate, which every optimizer's hyperparameters begin with."""
    cdef double numbers[MAX_HYPERPARAMETERS]
    memcpy(numbers, model.hyperparameters, sizeof(numbers))
    numbers[0] = learning_rate
    take_hyperparameters(model, numbers)


def set_optimizer(Memory network not None, optimizer):
    """Choose the update rule; its state starts at zero."""
    cdef Model *model = &network.model
    cdef const Optimizer *kernels = update_kernels.find(optimizer.name, model.kernels)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef char *places[MAX_STATES]
    cdef Py_ssize_t i
    cdef Call call
    registry.read(&kernels.rule, optimizer.values, numbers)
    settings = settings_of(network).with_optimizer(optimizer)
    states = [
        aligned_zeros(model.n_parameters, settings.dtype) for _ in range(kernels.n_states)
    ]
    memset(places, 0, sizeof(places))
    for i in range(kernels.n_states):
        places[i] = cnp.PyArray_BYTES(states[i])
    network.begin_writing(&call)
    model.optimizer = kernels
    model.step_outer = NULL if model.penalised else kernels.step_outer[model.dtype]
    memcpy(model.states, places, sizeof(places))
    take_hyperparameters(model, numbers)
    model.wild = TAME
    memset(model.tally, 0, UPDATES * sizeof(double))
    network.states, states = states, network.states       # the old ones go when the turn has ended
    network.kept_settings, settings = settings, network.kept_settings
    network.end_writing(&call)


def set_hyperparameters(Memory network not None, changes):
    """Go on with the same kind of optimizer and its state, with these hyperparameters changed.

    Of two threads that each change one, neither undoes what the other has done.
    """
    cdef Model *model = &network.model
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef bint same = False
    cdef Call call
    while not same:
        before = settings_of(network)
        settings = before.with_optimizer(before.optimizer.with_hyperparameters(**changes))
        registry.read(
            &update_kernels.find(settings.optimizer.name, model.kernels).rule,
            settings.optimizer.values, numbers)
        network.begin_writing(&call)
        same = network.kept_settings is before       # or another thread has set something meanwhile
        if same:
            take_hyperparameters(model, numbers)
            model.wild = UNSEEN if model.wild == TAME else model.wild
            network.kept_settings, settings = settings, network.kept_settings
        network.end_writing(&call)


cdef int copy_parameters(Memory network, void *target) except -1:
    """The parameters as one update left them, into memory of their size."""
    cdef const void *source = network.model.parameters
    cdef size_t size = network.model.n_parameters * network.model.itemsize
    cdef Call call
    network.begin_copying(&call)
    with nogil:
        memcpy(target, source, size)
    network.end_copying(&call)
    return 0


def empty_like_parameters(Memory network not None):
    """A vector for a copy of the parameters."""
    return np.empty(network.model.n_parameters, settings_of(network).dtype)


def read_parameters(Memory network not None, cnp.ndarray out not None):
    """Copy the parameters into a vector like theirs."""
    cdef Py_ssize_t size = network.model.n_parameters * network.model.itemsize
    if cnp.PyArray_NBYTES(out) != size or not cnp.PyArray_ISCARRAY(out):
        raise ValueError(f"out has {out.nbytes} bytes, expected {size} in one piece")
    copy_parameters(network, cnp.PyArray_DATA(out))


cdef bint all_finite(const Model *model) noexcept nogil:
    """Whether weights and biases are; padding is not looked at."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k
    for l in range(model.n_layers):
        layer = &model.layers[l]
        for k in range(layer.n_in + 1):
            if first_nonfinite(
                model.dtype, layer.n_out,
                model.parameters + model.itemsize * (
                    layer.offset + k * layer.W_stride if k < layer.n_in else layer.b_offset)
            ) < layer.n_out:
                return False
    return True


def is_finite(Memory network not None):
    """Whether all weights and biases are."""
    cdef const Model *model = &network.model
    cdef bint found
    cdef Call call
    network.begin_reading(&call)
    with nogil:
        found = all_finite(model)
    network.end_reading(&call)
    return found


def state(Memory network not None):
    """The settings, and copies of the parameters, of the optimizer's vectors and of its numbers.

    All are of one complete update.
    """
    cdef Model *model = &network.model
    cdef size_t size = model.n_parameters * model.itemsize
    cdef double tally[MAX_HYPERPARAMETERS]
    cdef char *targets[MAX_STATES]
    cdef char *parameters_target
    cdef Py_ssize_t i, n
    cdef Call call
    while True:
        settings = settings_of(network)
        n = model.optimizer.n_states
        parameters = np.empty(model.n_parameters, settings.dtype)
        states = [np.empty(model.n_parameters, settings.dtype) for _ in range(n)]
        parameters_target = cnp.PyArray_BYTES(parameters)
        for i in range(n):
            targets[i] = cnp.PyArray_BYTES(states[i])
        network.begin_copying(&call)
        if network.kept_settings is settings:
            with nogil:
                memcpy(parameters_target, model.parameters, size)
                for i in range(n):
                    memcpy(targets[i], model.states[i], size)
                memcpy(tally, model.tally, sizeof(tally))
            network.end_copying(&call)
            return settings, parameters, states, [tally[i] for i in range(MAX_HYPERPARAMETERS)]
        network.end_copying(&call)       # the optimizer was set after the look at it


cdef void clear_gaps(const Model *model, char *vector) noexcept:
    """Zeros for the padding of a vector laid out like the parameters: steps run over it too."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k, start, end
    for l in range(model.n_layers):
        layer = &model.layers[l]
        for k in range(layer.n_in + 1):
            start = layer.offset + k * layer.W_stride if k < layer.n_in else layer.b_offset
            end = start + (layer.W_stride if k < layer.n_in else layer.stride)
            start += layer.n_out
            memset(vector + start * model.itemsize, 0, (end - start) * model.itemsize)


def set_state(Memory network not None, parameters, states, tally):
    """Take numbers that `state` gave."""
    cdef Model *model = &network.model
    cdef size_t size = model.n_parameters * model.itemsize
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef char *sources[MAX_STATES + 1]
    cdef Py_ssize_t i
    cdef Call call
    kept = [vector_like_parameters(network, vector) for vector in (parameters, *states)]
    if len(kept) != model.optimizer.n_states + 1 or len(tally) != MAX_HYPERPARAMETERS:
        raise ValueError(
            f"the state has {len(kept) - 1} vectors and {len(tally)} numbers,"
            f" expected {model.optimizer.n_states} and {MAX_HYPERPARAMETERS}"
        )
    if not 0 <= tally[UPDATES] <= 1 << 53:
        raise ValueError(
            f"the state has {tally[UPDATES]!r} updates, expected a number from 0 to 2**53")
    for i in range(len(kept)):
        sources[i] = cnp.PyArray_BYTES(kept[i])
    for i in range(MAX_HYPERPARAMETERS):
        numbers[i] = tally[i]
    network.begin_writing(&call)
    memcpy(model.parameters, sources[0], size)
    for i in range(model.optimizer.n_states):
        memcpy(model.states[i], sources[i + 1], size)
        clear_gaps(model, model.states[i])
    memcpy(model.tally, numbers, sizeof(numbers))
    model.wild = FOREIGN
    network.end_writing(&call)


cdef cnp.ndarray vector_like_parameters(Memory network, vector):
    """The vector, if it is one such as the parameters are."""
    dtype = settings_of(network).dtype
    if not isinstance(vector, np.ndarray):
        raise TypeError(f"the state holds {type(vector).__name__}, expected vectors of {dtype}")
    plain = np.ndarray.view(vector, np.ndarray)      # a subclass may say what it likes of its shape
    if plain.dtype != dtype or plain.shape != (network.model.n_parameters,):
        raise ValueError(
            f"the state holds a vector of {plain.dtype} and shape {plain.shape},"
            f" expected {dtype} and ({network.model.n_parameters},)"
        )
    return np.ascontiguousarray(plain)


def go_back(Memory network not None, parameters):
    """Take these parameters again, with the optimizer's state afresh."""
    cdef Model *model = &network.model
    cdef size_t size = model.n_parameters * model.itemsize
    cdef Py_ssize_t i
    cdef Call call
    cdef cnp.ndarray kept = vector_like_parameters(network, parameters)
    network.begin_writing(&call)
    memcpy(model.parameters, cnp.PyArray_DATA(kept), size)
    for i in range(model.optimizer.n_states):
        memset(model.states[i], 0, size)
    memset(model.tally, 0, UPDATES * sizeof(double))
    model.wild = TAME
    network.end_writing(&call)


def overflowed(Memory network not None):
    """Whether the last update stopped, since a parameter would have become infinite."""
    return bool(network.model.overflowed)
