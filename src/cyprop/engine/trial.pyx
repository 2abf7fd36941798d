"""Trying an update before it is made: no number of a network may become infinite by learning.

A bound on what an update computes is found from the largest |A_prev| and |dZ|. Nearly always it is far
from where numbers end, and that is all. Otherwise the update of the layer is made row after row, looked
at and taken back, before it is made for good.
"""

from libc.math cimport isfinite
from libc.string cimport memcpy

from cyprop.engine.model cimport MAX_HYPERPARAMETERS, TAME, UNSEEN, Layer, Model, Sizes, weights_of
from cyprop.engine.pieces cimport Link, add_penalty, bias_gradient, step, weight_gradient


cdef double tame(const Model *model) noexcept nogil:
    """What gradients and states are below, if no step from them can make a number infinite.

    A weight takes a step of up to 2⁴⁰ times as much, which even the largest number does not notice,
    and Adam squares a gradient.
    """
    return 3.121748550315992e+144 if model.dtype else 1.152921504606847e+18     # 2⁴⁸⁰, 2⁶⁰


cdef inline double largest_of(
    const Model *model, Py_ssize_t n, Py_ssize_t n_out, const char *A, Py_ssize_t stride,
) noexcept nogil:
    return model.kernels.largest[model.dtype](n, n_out, A, stride, NULL)


cdef bint is_tame_vector(const Model *model, const char *vector) noexcept nogil:
    """Of a vector laid out like the parameters; padding and frozen layers take no part."""
    cdef const Layer *layer
    cdef Py_ssize_t l
    for l in range(model.n_layers):
        layer = &model.layers[l]
        if not layer.frozen and not (
            largest_of(
                model, layer.n_in, layer.n_out, vector + layer.offset * model.itemsize,
                layer.W_stride) < tame(model)
            and largest_of(
                model, 1, layer.n_out, vector + layer.b_offset * model.itemsize, 0) < tame(model)
        ):
            return False
    return True


cdef void look_at_states(Model *model) noexcept nogil:
    """See whether states that nobody has looked at are tame."""
    cdef Py_ssize_t s
    if model.wild == UNSEEN:
        for s in range(model.optimizer.n_states):
            if not is_tame_vector(model, model.states[s]):
                return
        model.wild = TAME


cdef void begin_update(Model *model) noexcept nogil:
    """What an update begins with, once."""
    model.overflowed = False
    look_at_states(model)
    if model.optimizer.begin != NULL:
        memcpy(model.tally_before, model.tally, sizeof(model.tally))
        model.optimizer.begin(model.hyperparameters, model.tally)


cdef bint is_tame(const Model *model, const Link *link) noexcept nogil:
    """Whether all that a layer's update computes is finite beyond doubt, whatever finite numbers its
    parameters are."""
    cdef Sizes sizes = Sizes(0, 0, 0)
    cdef const Layer *layer = link.layer
    sizes.dZ = largest_of(model, link.n, layer.n_out, link.dZ, layer.stride)
    if not link.ordinary:
        sizes.A_prev = model.kernels.largest[model.dtype](
            link.n, layer.n_in, link.A_prev, link.A_prev_stride, link.order)
    if model.penalised:
        sizes.W = largest_of(
            model, layer.n_in, layer.n_out, weights_of(model, layer), layer.W_stride)
    return sizes_are_tame(model, link, &sizes)


cdef bint sizes_are_tame(const Model *model, const Link *link, const Sizes *sizes) noexcept nogil:
    """`is_tame`, from the largest numbers of all rows."""
    cdef double a = 536870912.0 if link.ordinary else sizes.A_prev
    cdef double bound = link.n * sizes.dZ
    # With 2²⁹ for an |A_prev| that was not looked at, |dZ| may still be 2³⁰.
    if a > 1:
        bound *= a
    if model.penalised:
        bound += model.l1 + model.l2 * sizes.W
    return bound < tame(model)


cdef inline double larger(double a, double b) noexcept nogil:
    """NaN if one is."""
    return b if b > a or b != b else a


cdef void measure_rows(
    const Model *model, const Link *link, Sizes *sizes,
) noexcept nogil:
    """Take in this part's rows of dZ, and of A_prev."""
    cdef const Layer *layer = link.layer
    cdef Py_ssize_t row = link.A_prev_stride * model.itemsize
    sizes.dZ = larger(sizes.dZ, largest_of(
        model, link.n_own, layer.n_out,
        link.dZ + link.first * layer.stride * model.itemsize, layer.stride))
    if not link.ordinary:
        sizes.A_prev = larger(sizes.A_prev, model.kernels.largest[model.dtype](
            link.n_own, layer.n_in,
            link.A_prev if link.order != NULL else link.A_prev + link.first * row, link.A_prev_stride,
            link.order + link.first if link.order != NULL else link.order))


cdef void measure_weights(
    const Model *model, const Layer *layer, Py_ssize_t k, Py_ssize_t n_rows, Sizes *sizes,
) noexcept nogil:
    """Take in n_rows rows of W, from k on."""
    sizes.W = largest_of(
        model, n_rows, layer.n_out,
        weights_of(model, layer) + k * layer.W_stride * model.itemsize, layer.W_stride)


cdef void gather_sizes(const Sizes *found, Sizes *sizes) noexcept nogil:
    """Take in what another part has found."""
    sizes.dZ = larger(sizes.dZ, found.dZ)
    sizes.A_prev = larger(sizes.A_prev, found.A_prev)
    sizes.W = larger(sizes.W, found.W)


cdef void take_back_beginning(Model *model) noexcept nogil:
    """Have an update not begun that nothing came of."""
    if model.optimizer.begin != NULL:
        memcpy(model.tally, model.tally_before, sizeof(model.tally))


cdef bint stays_finite(
    Model *model, Py_ssize_t offset, Py_ssize_t n, Py_ssize_t stride, const char *d_theta, char *room,
    const double *hyperparameters,
) noexcept nogil:
    """Whether θ and the states would be finite after a step; they are as before when it returns."""
    cdef Py_ssize_t size = n * model.itemsize, place = offset * model.itemsize, s
    cdef Py_ssize_t step_of_room = stride * model.itemsize
    cdef bint finite
    memcpy(room, model.parameters + place, size)
    for s in range(model.optimizer.n_states):
        memcpy(room + (s + 1) * step_of_room, model.states[s] + place, size)
    step(model, offset, n, d_theta, hyperparameters)
    finite = isfinite(largest_of(model, 1, n, model.parameters + place, 0))
    memcpy(model.parameters + place, room, size)
    for s in range(model.optimizer.n_states):
        finite = finite and isfinite(largest_of(model, 1, n, model.states[s] + place, 0))
        memcpy(model.states[s] + place, room + (s + 1) * step_of_room, size)
    return finite


cdef bint layer_stays_finite(Model *model, const Link *link) noexcept nogil:
    """Try a layer's update, row after row, without making it."""
    cdef const Layer *layer = link.layer
    cdef char *room = link.strip + layer.stride * model.itemsize
    cdef Py_ssize_t k
    for k in range(layer.n_in):
        weight_gradient(model, link, k, 1, link.strip)
        if model.penalised:
            add_penalty(model, link, k, 1, link.strip)
        if not stays_finite(
            model, layer.offset + k * layer.W_stride, layer.n_out, layer.stride, link.strip, room,
            model.hyperparameters,
        ):
            return False
    bias_gradient(model, link, link.strip)
    return stays_finite(
        model, layer.b_offset, layer.n_out, layer.stride, link.strip, room,
        model.hyperparameters_of_biases)


cdef bint tried(Model *model, const Link *link) noexcept nogil:
    """Whether a layer's update leaves every number finite, found by trying it where it is not plain.

    If not in the highest layer that learns, nothing has been updated, and the network is as it was. If
    in a lower one, those above have been. States from outside are known to be sound when all layers
    have been tried that learn; what is frozen later or no more makes them foreign again.
    """
    model.overflowed = not layer_stays_finite(model, link)
    if model.wild == TAME or (link.layer == &model.layers[model.lowest] and not model.overflowed):
        model.wild = UNSEEN
    if model.overflowed and link.layer == &model.layers[model.highest]:
        take_back_beginning(model)
    return not model.overflowed


cdef bint step_is_tame(Model *model, const char *gradient) noexcept nogil:
    """Whether `step_by` leaves every number finite beyond doubt, and the states tame."""
    look_at_states(model)
    return is_bounded(model) and is_tame_vector(model, gradient)


cdef bint step_is_finite(Model *model, const char *gradient, char *room) noexcept nogil:
    """Whether every number is finite after `step_by`, found by trying; room is that of a strip."""
    cdef const Layer *layer
    cdef const double *hyperparameters
    cdef double tally[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t l, k, offset
    cdef bint finite = True
    memcpy(tally, model.tally, sizeof(tally))
    begin_update(model)
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        for k in range(layer.n_in + 1):
            offset = layer.b_offset
            hyperparameters = model.hyperparameters_of_biases
            if k < layer.n_in:
                offset = layer.offset + k * layer.W_stride
                hyperparameters = model.hyperparameters
            finite = finite and stays_finite(
                model, offset, layer.n_out, layer.stride, gradient + offset * model.itemsize, room,
                hyperparameters)
    memcpy(model.tally, tally, sizeof(tally))
    return finite
