"""Learning from many batches, without the GIL, with a look at Ctrl-C now and then.

There are two ways to learn from a batch. Fused: a strip of W is updated as soon as its dW is known, and
the gradient never exists as a whole; this is the way unless more is asked for. Whole: the gradient,
what is done to it (here: clipping), and the step from it.

X is (n, n_in), Y (n, n_targets), C-contiguous and of the model's dtype. Scratch belongs to the caller.
A task is shared among n_parts threads, and ends in the same bits for any number of them. Nothing here
can fail.
"""

from libc.math cimport INFINITY, NAN, isfinite, sqrt

from cyprop.engine.batches cimport forward_in_pieces, gather_targets, losses_size, sum_of
from cyprop.engine.chain cimport backward, tape_size
from cyprop.engine.maps cimport map_batch, room_of_maps
from cyprop.engine.memory cimport set_rate
from cyprop.engine.model cimport (
    LINE_BYTES, UNSEEN, UPDATE, UPDATES, VECTOR, Layer, Part, Sink, Tape, blocks_of, has_maps,
    input_size, n_blocks, next_update, share, sink_of, whole_lines,
)
from cyprop.engine.parts cimport wait_for_others
from cyprop.engine.pieces cimport penalty, step, step_rows
from cyprop.engine.strips cimport STRIP_BYTES, strip_of
from cyprop.engine.team cimport Team, run
from cyprop.engine.together cimport derive_errors, derive_parameters, tape_of_part
from cyprop.engine.trial cimport (
    begin_update, is_bounded, look_at_states, step_is_finite, take_back_beginning, tame,
)

cdef enum:
    SLICE = 1 << 24              # multiplications after which training stops for a look at Ctrl-C
    TEAM_SLICE = 1 << 27         # the same for each of several threads: all of them wait at its end

cdef double TINY = 2.0 ** -600     # of any float64, something whose square is finite


cdef struct Training:
    Model *model
    Batch data
    const Recipe *recipe
    Py_ssize_t batch_size
    Py_ssize_t start, end                # the rows this slice goes from and got to
    double total_before, total           # of the losses of the rows before them
    double penalty                       # on the weights, before the update that comes next
    char *scratch


cdef struct Room:                        # what a slice needs beside a tape, for one batch
    char *Y                              # rows of Y, where an order names them,
    double *weights                      # and their weights
    double *C                            # their losses
    char *gradient                       # and, where it is made as a whole, the gradient,
    double *squares                      # the sum of squares of each of its blocks,
    double *factor                       # and what it is multiplied by
    char *maps                           # the rows on the other side of maps, where there are any
    char *tape


cdef inline bint is_whole(const Recipe *recipe) noexcept nogil:
    """Whether the gradient has to be there as a whole before a step is made."""
    return recipe.clip_value < INFINITY or recipe.clip_norm < INFINITY


cdef Py_ssize_t place_room(
    const Model *model, const Recipe *recipe, Py_ssize_t batch_size, char *start, Room *room,
) noexcept nogil:
    """Say where each thing is; the size of all but the tape."""
    cdef Py_ssize_t at = 0
    room.Y = start
    at += whole_lines(batch_size * model.n_targets * model.itemsize)
    room.weights = <double *> (start + at)
    at += losses_size(batch_size)
    room.C = <double *> (start + at)
    at += losses_size(batch_size)
    room.gradient = start + at
    room.squares = room.factor = NULL
    if is_whole(recipe):
        at += whole_lines(model.n_parameters * model.itemsize)
        room.squares = <double *> (start + at)
        at += losses_size(n_blocks(model))
        room.factor = <double *> (start + at)
        at += LINE_BYTES
    room.maps = start + at
    at += room_of_maps(model, batch_size)
    room.tape = start + at
    return at


cdef Py_ssize_t train_scratch_size(
    const Model *model, const Recipe *recipe, Py_ssize_t batch_size, Py_ssize_t n_parts,
) noexcept nogil:
    cdef Room room
    return (
        place_room(model, recipe, batch_size, <char *> NULL, &room)
        + tape_size(model, batch_size, n_parts)
    )


cdef Py_ssize_t train(
    Model *model, const Batch *data, const Recipe *recipe, Py_ssize_t batch_size, Py_ssize_t start,
    double *total, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """Train on batch after batch from row `start` on, for some milliseconds or to the end.

    With an order, batches are made up of the rows it names. The losses of the rows, before their
    updates, times their weights, are added to total. Returns the row to go on from. A batch whose loss
    is not finite, or whose update would not be, is not learned, and is where it stops; total is then
    not finite. One whose weights are all zero is passed over.
    Where rows share an l2, each update has that of its batch, l2 / Σ wᵢ, and in total a batch counts by
    the number of its rows.
    """
    cdef double rate = model.hyperparameters[0], l2 = model.l2
    cdef Training work = Training(
        model, data[0], recipe, batch_size, start, start, total[0], total[0], 0, scratch)
    run(train_part, &work, n_parts)
    if recipe.rates != NULL:
        set_rate(model, rate)
    model.l2 = l2
    total[0] = work.total
    return work.end


cdef inline void gather(
    const Model *model, const Part *part, const Batch *data, Py_ssize_t start, const Room *room,
    Batch *batch,
) noexcept nogil:
    """Point a batch at its rows of data from `start` on; where there is an order, gather their targets.

    Each part gathers its share of the targets and of the weights.
    """
    cdef Py_ssize_t i, first, end, row = model.n_targets * model.itemsize
    if data.order == NULL:
        batch.X = data.X + start * input_size(model) * model.itemsize
        batch.Y = data.Y + start * row
        if data.weights != NULL:
            batch.weights = data.weights + start
        return
    batch.order = data.order + start
    batch.Y = room.Y
    first, end = share(part, batch.n, 1)
    gather_targets(model, end - first, data.Y, batch.order + first, room.Y + first * row)
    if data.weights != NULL:
        batch.weights = room.weights
        for i in range(first, end):
            room.weights[i] = data.weights[batch.order[i]]


cdef void map_gathered(
    const Model *model, const Part *part, const Batch *data, const Room *room, Batch *batch,
) noexcept nogil:
    """Have a batch that was gathered lie behind the maps; each part maps its share."""
    cdef Py_ssize_t first, end
    batch.X_stride, batch.Y_stride = data.X_stride, data.Y_stride   # the last batch had its own
    if data.order != NULL:
        batch.X = data.X
    first, end = share(part, batch.n, 1)
    map_batch(model, first, end, room.maps, batch)


cdef inline double weight_from(
    const Batch *data, Py_ssize_t start, Py_ssize_t n,
) noexcept nogil:
    """What n rows of data weigh together, from `start` on.

    It is added up before they are gathered: where it is zero, the parts go on to the next batch without
    a wait, so none of them may look at what another gathers.
    """
    cdef Py_ssize_t i
    cdef double total = 0
    if data.weights == NULL:
        return n
    for i in range(start, start + n):
        total += data.weights[i if data.order == NULL else data.order[i]]
    return total


cdef void train_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    """Every part adds up the losses by itself, so that all agree, unasked, on when to stop.

    For that, what a thread of the user's may change meanwhile is looked at by one part alone.
    """
    cdef Training *task = <Training *> work
    cdef Part part = Part(index, team.n_parts, team, True)
    cdef Model *model = task.model
    cdef Room room
    cdef Sink sink
    cdef Batch batch = task.data
    cdef Tape tape
    cdef double total = task.total_before, weight
    cdef Py_ssize_t left = SLICE if part.n_parts == 1 else TEAM_SLICE * part.n_parts
    cdef Py_ssize_t start = task.start
    place_room(model, task.recipe, task.batch_size, task.scratch, &room)
    sink = sink_of_recipe(model, task.recipe, &room)
    batch.update = next_update(model)
    while start < task.data.n and left > 0:
        batch.n = min(task.batch_size, task.data.n - start)
        tape = tape_of_part(model, &part, batch.n, room.tape)
        weight = weight_from(&task.data, start, batch.n)
        if weight > 0:
            gather(model, &part, &task.data, start, &room, &batch)
            if has_maps(model):
                map_gathered(model, &part, &task.data, &room, &batch)
            batch.weight = weight
            if index == 0 and task.recipe.rates != NULL:
                set_rate(model, task.recipe.rates[start // task.batch_size])
            if index == 0 and task.recipe.shared_l2 >= 0:
                model.l2 = task.recipe.shared_l2 / weight
            if index == 0 and model.penalised:
                task.penalty = penalty(model)
            if go_forward(model, &part, &batch, &tape, &sink, room.C):
                break
            if task.recipe.shared_l2 >= 0:
                total += batch.n * (
                    sum_of(&batch, room.C, 0) / weight + task.recipe.penalty_counts * task.penalty)
            else:
                total = sum_of(&batch, room.C, total)
                if model.penalised:
                    total += weight * task.penalty
            if not isfinite(total):
                forget_batch(model, &part, &sink)
                break
            if learn_batch(model, &part, &batch, &tape, task.recipe, &sink, &room):
                if model.overflowed:
                    total = NAN
                break
            batch.update += 1
        start += batch.n
        left -= batch.n * model.n_parameters
    if index == 0:
        model.tally[UPDATES] = batch.update
        task.end = start
        task.total = total


cdef inline Sink sink_of_recipe(
    const Model *model, const Recipe *recipe, const Room *room,
) noexcept nogil:
    if not is_whole(recipe):
        return sink_of(UPDATE)
    return Sink(VECTOR, room.gradient, NULL, model.penalised, recipe.clip_value, room.squares)


cdef inline bint go_forward(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink, double *C,
) noexcept nogil:
    """The loss of each row; on a team also what comes before dW. True if interrupted."""
    if part.n_parts == 1:
        return forward_in_pieces(model, part, batch, tape, C)
    if derive_errors(model, part, batch, tape, C, NULL, sink):
        forget_batch(model, part, sink)
        return True
    return False


cdef inline void forget_batch(Model *model, const Part *part, const Sink *sink) noexcept nogil:
    """Of an update that a team has begun, and does not make."""
    if part.n_parts > 1 and part.index == 0 and sink.target == UPDATE:
        take_back_beginning(model)


cdef inline bint learn_batch(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Recipe *recipe,
    const Sink *sink, const Room *room,
) noexcept nogil:
    """Update by a batch that went forward; true if interrupted, or if a number would not be finite."""
    cdef bint stopped
    if part.n_parts == 1:
        stopped = backward(model, part, batch, tape, sink)
    else:
        stopped = derive_parameters(model, part, batch, tape, sink)
    if stopped or sink.target == UPDATE:
        return stopped
    if part.index == 0:
        room.factor[0] = factor_of(model, recipe, room)
    if wait_for_others(part) or model.overflowed:
        return True
    step_by_own(model, part, room.gradient, room.factor[0], strip_of(model, tape, part))
    return wait_for_others(part)


cdef double factor_of(Model *model, const Recipe *recipe, const Room *room) noexcept nogil:
    """min(1, clip_norm / ‖dθ‖), which dθ is multiplied by before the step

    Pascanu, Mikolov and Bengio (2013), algorithm 1, over the weights and biases that learn. Where it is
    not plain that the step leaves all numbers finite, it is tried; `model.overflowed` says what came of
    it.
    """
    cdef double norm = norm_of(model, room), unit = 1, factor = 1
    if norm == INFINITY and recipe.clip_norm < INFINITY:   # squares may be, where numbers are not
        unit = TINY
        measure_scaled(model, room, unit)
        norm = norm_of(model, room)
    if isfinite(norm) and norm > recipe.clip_norm * unit:
        factor = recipe.clip_norm / norm
        norm = recipe.clip_norm
    else:
        factor = 1 / unit
        norm *= factor
    look_at_states(model)
    model.overflowed = False
    if norm < tame(model) and is_bounded(model):
        return factor
    if factor != 1:
        scale_layers(model, room.gradient, factor)
    model.overflowed = not step_is_finite(model, room.gradient, room.tape)
    if not model.overflowed:
        model.wild = UNSEEN                # now that all numbers have been tried
    return 1


cdef inline double norm_of(const Model *model, const Room *room) noexcept nogil:
    """‖dθ‖ over the layers that learn: the sums of squares of their blocks, in order"""
    cdef const Layer *layer
    cdef Py_ssize_t l, k
    cdef double total = 0
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        for k in range(blocks_of(layer.n_in) + 1):
            total += room.squares[layer.first_block + k]
    return sqrt(total)


cdef void measure_scaled(const Model *model, const Room *room, double unit) noexcept nogil:
    """dθ ← unit · dθ, and the sum of squares of each block of it."""
    cdef const Layer *layer
    cdef Py_ssize_t l
    scale_layers(model, room.gradient, unit)
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        model.kernels.squares_of_blocks[model.dtype](
            layer.n_in, layer.n_out, room.gradient + layer.offset * model.itemsize, layer.W_stride,
            room.squares + layer.first_block)
        model.kernels.squares_of_blocks[model.dtype](
            1, layer.n_out, room.gradient + layer.b_offset * model.itemsize, layer.n_out,
            room.squares + layer.first_block + blocks_of(layer.n_in))


cdef void scale_layers(const Model *model, char *gradient, double factor) noexcept nogil:
    """dθ ← factor · dθ; padding is zero and stays so."""
    cdef const Layer *layer
    cdef char *dW
    cdef char *db
    cdef Py_ssize_t l
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        dW = gradient + layer.offset * model.itemsize
        db = gradient + layer.b_offset * model.itemsize
        model.kernels.scale[model.dtype](layer.n_in * layer.W_stride, dW, factor, dW)
        model.kernels.scale[model.dtype](layer.n_out, db, factor, db)


cdef void step_by_own(
    Model *model, const Part *part, const char *gradient, double factor, char *strip,
) noexcept nogil:
    """θ ← θ − step(factor · dθ) for a gradient whose padding is zero, each part its share."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k, k_end, n_rows
    if part.index == 0:
        begin_update(model)
    wait_for_others(part)
    for l in range(model.lowest, model.n_layers):
        layer = &model.layers[l]
        if layer.frozen:
            continue
        k, k_end = share(part, layer.n_in, 1)
        n_rows = k_end - k if factor == 1 else max(
            STRIP_BYTES // (layer.W_stride * model.itemsize), <Py_ssize_t> 1)
        while k < k_end:
            n_rows = min(n_rows, k_end - k)
            step_rows(
                model, layer, k, n_rows, scaled(
                    model, n_rows * layer.W_stride,
                    gradient + (layer.offset + k * layer.W_stride) * model.itemsize, factor, strip),
                padded=True)
            k += n_rows
        if part.index == 0:
            step(
                model, layer.b_offset, layer.n_out, scaled(
                    model, layer.n_out, gradient + layer.b_offset * model.itemsize, factor, strip),
                model.hyperparameters_of_biases)


cdef inline const char *scaled(
    const Model *model, Py_ssize_t n, const char *gradient, double factor, char *strip,
) noexcept nogil:
    """n numbers times factor, in a strip, or where they are if it is 1."""
    if factor == 1:
        return gradient
    model.kernels.scale[model.dtype](n, gradient, factor, strip)
    return strip
