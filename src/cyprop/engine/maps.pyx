"""Maps of inputs and outputs: what stands in front of the chain rule and behind it.

    A⁽⁰⁾ = (X − offset)·scale          of each input
    prediction = (A⁽ᴸ⁾ − offset)·scale   of each output, so a target is Y / scale + offset for the loss

The chain rule knows nothing of them: rows are mapped into scratch, a few at a time, and go on from
there as those of a network without maps would. So a row has the same bits in any batch. Derivatives
by an input are multiplied by its scale, and derivatives by a prediction by that of the output.

A network without maps pays nothing: where a hot path compares a dtype or a number of columns anyway, it
compares with `direct`, which is −1 where there are maps, and only then looks further.

Maps, like weights, are set in turns. Their memory stays where it is, so that compiled code that
predicts meanwhile reads numbers of before or of after, and never memory of another's.
"""

cimport numpy as cnp
from libc.string cimport memcpy, memset

import numpy as np

from cyprop.checks.maps import NO_MAPS, checked_map
from cyprop.checks.names import NO_NAMES
from cyprop.engine.memory import aligned_zeros

from cyprop.engine.chain cimport learn, predict
from cyprop.engine.memory cimport Memory, all_finite, settings_of
from cyprop.engine.model cimport TAME, UPDATES, Layer
from cyprop.engine.turns cimport Call

cnp.import_array()


cdef inline void map_inputs(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride, const Py_ssize_t *order,
    char *target,
) noexcept nogil:
    """(X − offset)·scale of n rows, without gaps."""
    model.kernels.map_rows[model.dtype](
        n, input_size(model), X, X_stride, order, model.maps.input_offset, model.maps.input_scale,
        target, input_size(model))


cdef inline void map_targets(
    const Model *model, Py_ssize_t n, const char *Y, Py_ssize_t Y_stride, char *target,
) noexcept nogil:
    """Y / scale + offset of n rows, without gaps; variances have no targets."""
    model.kernels.map_back[model.dtype](
        n, model.n_targets, Y, Y_stride, model.maps.output_offset, model.maps.output_scale, target,
        model.n_targets)


cdef void map_batch(
    const Model *model, Py_ssize_t first, Py_ssize_t end, char *room, Batch *batch,
) noexcept nogil:
    """Have a batch lie in room as the layers take it; its rows from `first` to `end` are put there."""
    cdef Py_ssize_t n = end - first, n_in = input_size(model), size = model.itemsize
    cdef char *Y = behind_inputs(model, batch.n, room)
    if model.maps.inputs:
        if batch.order == NULL:
            map_inputs(
                model, n, batch.X + first * batch.X_stride * size, batch.X_stride, NULL,
                room + first * n_in * size)
        else:
            map_inputs(
                model, n, batch.X, batch.X_stride, batch.order + first, room + first * n_in * size)
        batch.X = room
        batch.X_stride = n_in
        batch.order = NULL
        batch.ordinary = False           # whatever the numbers were before
    if model.maps.outputs and batch.Y != NULL:
        map_targets(
            model, n, batch.Y + first * batch.Y_stride * size, batch.Y_stride,
            Y + first * model.n_targets * size)
        batch.Y = Y
        batch.Y_stride = model.n_targets


cdef void predict_through_maps(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride, char *out, char *scratch,
) noexcept nogil:
    """`predict`; scratch is `room_for_maps` and then its own."""
    if model.maps.inputs:
        map_inputs(model, n, X, X_stride, NULL, scratch)
        X = scratch
        X_stride = input_size(model)
    predict(model, n, X, X_stride, out, scratch + room_for_maps(model, n))
    if model.maps.outputs:
        map_outputs(model, n, out)


cdef double learn_through_maps(
    Model *model, const char *x, const char *y, const double *weight, char *scratch,
) noexcept nogil:
    """`learn`; scratch is `room_for_maps` and then its own."""
    cdef char *target = behind_inputs(model, 1, scratch)
    if model.maps.inputs:
        map_inputs(model, 1, x, input_size(model), NULL, scratch)
        x = scratch
    if model.maps.outputs:
        map_targets(model, 1, y, model.n_targets, target)
        y = target
    return learn(model, x, y, weight, scratch + room_for_maps(model, 1))


def maps_of(Memory network not None):
    """The maps of inputs and outputs, of which each may be None.

    The same object as long as nobody has set one.
    """
    return NO_MAPS if network.kept_maps is None else network.kept_maps


def with_maps(Memory network not None, read):
    """The maps of a network, and what a function reads of it while it has them."""
    while True:
        before = maps_of(network)
        found = read(network)
        if is_still(network, before):        # or they were folded meanwhile
            return before, found


def names_of(Memory network not None):
    """What the inputs, the outputs and the classes are called; the same object until one is set."""
    return NO_NAMES if network.kept_names is None else network.kept_names


def set_names(Memory network not None, before, after):
    """Call them so, unless others have been set after `before`; whether it was done.

    The names have been checked (checks/names.py).
    """
    if network.kept_names is not before and not (
        network.kept_names is None and before is NO_NAMES
    ):
        return False
    network.kept_names = after
    return True


def set_maps(Memory network not None, inputs=..., outputs=...):
    """Take a pair (offset, scale) of columns for each, or None; ... leaves one as it is.

    Raises
    ------
    TypeError, ValueError
        As `cyprop.checks.maps.checked_map`; and for a map of the outputs of classes.
    """
    settings = settings_of(network)
    changes = {}
    if inputs is not ...:
        changes["inputs"] = checked_map(
            inputs, "input_map", settings.sizes[0], settings.dtype, zero_allowed=True)
    if outputs is not ...:
        changes["outputs"] = checked_map(
            outputs, "output_map", settings.sizes[len(settings.sizes) - 1], settings.dtype)
        if outputs is not None and settings.loss.name == "cross_entropy":
            raise ValueError(
                "output_map is given, expected None with loss 'cross_entropy', whose outputs are"
                " probabilities of classes"
            )
    while True:
        before = maps_of(network)
        after = before._replace(**changes)
        if all(found is None for found in (*before, *after)):
            return                       # without room for what there is not
        if put(network, before, after):
            return


cdef bint put(Memory network, before, after) except -1:
    """Have these maps, unless another thread has set others meanwhile; whether it was done."""
    cdef const char *sources[4]
    cdef bint same
    cdef Call call
    room, _old = room_of(network), network.kept_maps  # the old ones go when the turn has ended
    find_sources(after, sources)
    network.begin_writing(&call)
    same = is_still(network, before)
    if same:
        take(network, after, sources, room)
    network.end_writing(&call)
    return same


cdef object room_of(Memory network):
    """Memory for offset and scale of inputs, and of outputs: what there is, or else some."""
    cdef Model *model = &network.model
    if network.keep_of_maps is not None:
        return network.keep_of_maps
    return aligned_zeros(2 * room_for_maps(model, 1) // model.itemsize, settings_of(network).dtype)


cdef int find_sources(maps, const char **sources) except -1:
    """Where the numbers of maps are, in the order of the room; NULL where there is none."""
    cdef Py_ssize_t i = 0
    for pair in maps:
        for part in (None, None) if pair is None else pair:
            sources[i] = NULL if part is None else cnp.PyArray_BYTES(part)
            i += 1
    return 0


cdef inline bint is_still(Memory network, before) noexcept:
    """Whether these are the maps that the network has."""
    return network.kept_maps is before or (network.kept_maps is None and before is NO_MAPS)


cdef void take(Memory network, maps, const char **sources, room) noexcept:
    """Have maps whose numbers are there, in the midst of a turn."""
    cdef Model *model = &network.model
    cdef Py_ssize_t x_size = network.n_in * model.itemsize, a_size = network.n_out * model.itemsize
    if network.keep_of_maps is None:
        network.keep_of_maps = room
        model.maps.input_offset = cnp.PyArray_BYTES(room)
        model.maps.input_scale = model.maps.input_offset + whole_lines(x_size)
        model.maps.output_offset = model.maps.input_scale + whole_lines(x_size)
        model.maps.output_scale = model.maps.output_offset + whole_lines(a_size)
    model.maps.inputs = sources[0] != NULL
    model.maps.outputs = sources[2] != NULL
    if model.maps.inputs:
        memcpy(model.maps.input_offset, sources[0], x_size)
        memcpy(model.maps.input_scale, sources[1], x_size)
    if model.maps.outputs:
        memcpy(model.maps.output_offset, sources[2], a_size)
        memcpy(model.maps.output_scale, sources[3], a_size)
    model.direct = model.dtype
    network.n_direct = network.n_in
    if model.maps.inputs or model.maps.outputs:
        model.direct = network.n_direct = -1
    network.kept_maps = maps


cdef inline double number_at(const Model *model, const char *numbers, Py_ssize_t i) noexcept nogil:
    return (<const double *> numbers)[i] if model.dtype else (<const float *> numbers)[i]


cdef inline void put_number(const Model *model, char *numbers, Py_ssize_t i, double x) noexcept nogil:
    if model.dtype:
        (<double *> numbers)[i] = x
    else:
        (<float *> numbers)[i] = <float> x


cdef void fold_layer(
    const Model *model, Py_ssize_t l, const double *inputs, const double *outputs,
) noexcept nogil:
    """W and b of a layer that takes X for (X − o)·s, and gives (Z − p)·t for Z:

        W′ = diag(s) · W · diag(t),   b′ = (b − p)·t − o · W′

    inputs are o and then s, outputs p and then t, each NULL for none. Each number is rounded once, and
    b′ is made from the rounded W′, so that a row at the offsets gives what it gave.
    """
    cdef const Layer *layer = &model.layers[l]
    cdef char *W = model.parameters + layer.offset * model.itemsize
    cdef char *b = model.parameters + layer.b_offset * model.itemsize
    cdef Py_ssize_t k, j, place
    cdef double w, total
    for j in range(layer.n_out):
        total = number_at(model, b, j)
        if outputs != NULL:
            total = (total - outputs[j]) * outputs[layer.n_out + j]
        for k in range(layer.n_in):
            place = k * layer.W_stride + j
            w = number_at(model, W, place)
            if inputs != NULL:
                w *= inputs[layer.n_in + k]
            if outputs != NULL:
                w *= outputs[layer.n_out + j]
            put_number(model, W, place, w)
            if inputs != NULL:
                total -= inputs[k] * number_at(model, W, place)
        put_number(model, b, j, total)


cdef void fold_both(const Model *model, const double *inputs, const double *outputs) noexcept nogil:
    """Fold maps into the first layer and the last, which may be the same."""
    cdef Py_ssize_t last = model.n_layers - 1
    if last == 0:
        fold_layer(model, 0, inputs, outputs)
        return
    if inputs != NULL:
        fold_layer(model, 0, inputs, NULL)
    if outputs != NULL:
        fold_layer(model, last, NULL, outputs)


def fold(Memory network not None, before, inputs, outputs, after):
    """Take maps into the first and the last layer, as one update; the optimizer's state starts afresh.

    `inputs` and `outputs` are the maps that are folded, float64 of shape (2, n) as offset and scale, or
    None. The network has the maps `before`, or else nothing is done, and `after` from then on.

    Returns whether it was done. Raises ValueError if a weight or bias would not be finite.
    """
    cdef Model *model = &network.model
    cdef Model folded
    cdef size_t size = model.n_parameters * model.itemsize
    cdef const double *own_inputs = NULL
    cdef const double *own_outputs = NULL
    cdef const char *sources[4]
    cdef bint same, finite = True
    cdef Py_ssize_t i
    cdef Call call
    room, _old = room_of(network), network.kept_maps
    find_sources(after, sources)
    dtype = settings_of(network).dtype
    copy = aligned_zeros(model.n_parameters, dtype)
    if inputs is not None:
        inputs = numbers_of(inputs, network.n_in)
        own_inputs = <const double *> cnp.PyArray_DATA(inputs)
    if outputs is not None:
        outputs = numbers_of(outputs, network.n_out)
        own_outputs = <const double *> cnp.PyArray_DATA(outputs)
    network.begin_writing(&call)
    same = is_still(network, before)
    if same:
        folded = model[0]
        folded.parameters = cnp.PyArray_BYTES(copy)
        memcpy(folded.parameters, model.parameters, size)
        fold_both(&folded, own_inputs, own_outputs)
        finite = all_finite(&folded)
        if finite:
            memcpy(model.parameters, folded.parameters, size)
            for i in range(model.optimizer.n_states):
                memset(model.states[i], 0, size)
            memset(model.tally, 0, UPDATES * sizeof(double))
            model.wild = TAME
            take(network, after, sources, room)
    network.end_writing(&call)
    if not finite:
        raise ValueError(
            f"the scale of a column is too extreme for weights in {dtype}: folded, one would not be"
            " finite; rescale the column, or use float64"
        )
    return bool(same)


cdef object numbers_of(pair, Py_ssize_t n):
    """Offset and scale as (2, n) of float64."""
    numbers = np.ascontiguousarray(pair, np.float64)
    if numbers.shape != (2, n):
        raise ValueError(f"a map has shape {numbers.shape}, expected (2, {n})")
    return numbers
