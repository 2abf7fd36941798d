"""Many rows, a few at a time, without the GIL: predicting, measuring the loss, deriving, stepping.

X is (n, n_in), Y (n, n_targets), dA (n, n_out), C-contiguous and of the model's dtype. Scratch belongs
to the caller. Each task is shared among n_parts threads, and ends in the same bits for any number.
Nothing here can fail. Where a task is stoppable, Python has called it: it looks for Ctrl-C now and
then, and if that came, returns true, with an exception set and its results of no use.
"""

from cyprop.engine.chain cimport (
    backward, forward, predict, predict_scratch_size, pull_back, step_by, tape_size,
)
from cyprop.engine.maps cimport (
    behind_inputs, map_batch, predict_through_maps, room_of_maps, scale_error, scale_input_gradient,
)
from cyprop.engine.model cimport (
    NOTHING, UNSEEN, Part, Tape, count_update, has_maps, input_size, output_size, rows_of, share,
    sink_of, tape_in, whole,
)
from cyprop.engine.parts cimport PIECE, interrupted, look, n_pieces_of
from cyprop.engine.rows cimport Rows, rows_to_take, some, take_rows
from cyprop.engine.team cimport LOOK, Team, now, run, run_apart
from cyprop.engine.together cimport derive_errors, derive_parameters, tape_of_part
from cyprop.engine.trial cimport step_is_finite, step_is_tame


cdef inline Batch rows_from(
    const Model *model, const Batch *data, Py_ssize_t i, Py_ssize_t n,
) noexcept nogil:
    """n rows of data, from row i on; where there is an order, those that it names from there on,
    and their targets and weights are still to be gathered."""
    cdef Batch batch = data[0]
    batch.n = n
    if data.order != NULL:
        batch.order = data.order + i
        return batch
    batch.X = data.X + i * data.X_stride * model.itemsize
    if data.Y != NULL:
        batch.Y = data.Y + i * data.Y_stride * model.itemsize
    if data.weights != NULL:
        batch.weights = data.weights + i
    return batch


cdef struct Prediction:
    const Model *model
    Rows *rows
    const char *X
    char *out
    char *scratch
    bint stoppable, stopped


cdef Py_ssize_t predict_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return n_parts * (predict_scratch_size(model, some(n)) + room_of_maps(model, some(n)))


cdef bint predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch, Py_ssize_t n_parts,
    bint stoppable,
) noexcept nogil:
    """A⁽ᴸ⁾ of n rows into out (n, n_out)."""
    cdef Rows rows = rows_to_take(n, n_parts)
    cdef Prediction work = Prediction(model, &rows, X, out, scratch, stoppable, False)
    run_apart(predict_part, &work, n_parts)
    return work.stopped


cdef void predict_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Prediction *task = <Prediction *> work
    cdef Part part = Part(index, team.n_parts, team, task.stoppable)
    cdef long long next_look = now() + LOOK if task.stoppable else 0
    cdef const Model *model = task.model
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model), size = model.itemsize
    cdef char *scratch = task.scratch + predict_rows_scratch_size(model, task.rows.n, index)
    cdef Py_ssize_t i, rows
    i, rows = take_rows(task.rows)
    while rows > 0:
        if has_maps(model):
            predict_through_maps(
                model, rows, task.X + i * n_in * size, n_in, task.out + i * n_out * size, scratch)
        else:
            predict(
                model, rows, task.X + i * n_in * size, n_in, task.out + i * n_out * size, scratch)
        i, rows = take_rows(task.rows)
        if rows > 0 and look(&part, &next_look):
            task.stopped = True
            break


cdef struct InputGradient:
    const Model *model
    Rows *rows
    Batch data
    const char *dA
    char *dX
    char *scratch
    bint stoppable, stopped


cdef Py_ssize_t input_gradient_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return n_parts * (tape_size(model, some(n), 0) + room_of_maps(model, some(n)))


cdef bint input_gradient(
    const Model *model, Py_ssize_t n, const char *X, const char *dA, char *dX, char *scratch,
    Py_ssize_t n_parts, bint stoppable,
) noexcept nogil:
    """dX = dA · ∂A⁽ᴸ⁾/∂X of n rows, dX (n, n_in)."""
    cdef Rows rows = rows_to_take(n, n_parts)
    cdef InputGradient work = InputGradient(
        model, &rows, rows_of(model, n, X, NULL), dA, dX, scratch, stoppable, False)
    run_apart(input_gradient_part, &work, n_parts)
    return work.stopped


cdef void input_gradient_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef InputGradient *task = <InputGradient *> work
    cdef Part part = Part(index, team.n_parts, team, task.stoppable), alone = whole()
    cdef long long next_look = now() + LOOK if task.stoppable else 0
    cdef const Model *model = task.model
    cdef Py_ssize_t x_row = input_size(model) * model.itemsize
    cdef Py_ssize_t a_row = output_size(model) * model.itemsize
    cdef char *scratch = task.scratch + input_gradient_scratch_size(model, task.data.n, index)
    cdef char *room = scratch + tape_size(model, some(task.data.n), 0)
    cdef const char *dA
    cdef Batch batch
    cdef Tape tape
    cdef Sink sink = sink_of(NOTHING)
    cdef Py_ssize_t i, rows
    i, rows = take_rows(task.rows)
    while rows > 0:
        batch = rows_from(model, &task.data, i, rows)
        tape = tape_in(model, batch.n, scratch)
        sink.dX = task.dX + i * x_row
        dA = task.dA + i * a_row
        if has_maps(model):
            map_batch(model, 0, batch.n, room, &batch)
            dA = mapped_error(model, 0, batch.n, batch.n, dA, room)
        forward(model, &alone, &batch, &tape, NULL)
        # Without a target for the derivatives by the parameters, nothing is written to the model.
        pull_back(<Model *> model, &alone, &batch, &tape, dA, &sink)
        if model.maps.inputs:
            scale_input_gradient(model, batch.n, sink.dX)
        i, rows = take_rows(task.rows)
        if rows > 0 and look(&part, &next_look):
            task.stopped = True
            break


cdef const char *mapped_error(
    const Model *model, Py_ssize_t first, Py_ssize_t end, Py_ssize_t n, const char *dA, char *room,
) noexcept nogil:
    """dA by A⁽ᴸ⁾ of n rows, given that by predictions; rows from first to end are made now."""
    cdef Py_ssize_t start = first * output_size(model) * model.itemsize
    cdef char *mapped = behind_inputs(model, n, room)
    if not model.maps.outputs:
        return dA
    scale_error(model, end - first, dA + start, mapped + start)
    return mapped


cdef struct Evaluation:
    const Model *model
    Rows *rows
    Batch data
    double *C
    char *scratch
    bint stopped


cdef Py_ssize_t size_of_part(const Model *model, const Batch *data) noexcept nogil:
    """Of the scratch that a part needs to evaluate: a tape, and room for targets to be gathered."""
    cdef Py_ssize_t n = some(data.n), gathered = 0
    if data.order != NULL:
        gathered = whole_lines(n * model.n_targets * model.itemsize)
    return tape_size(model, n, 0) + gathered + room_of_maps(model, n)


cdef Py_ssize_t loss_of_rows_scratch_size(
    const Model *model, const Batch *data, Py_ssize_t n_parts,
) noexcept nogil:
    """The parts' own, behind the loss of each row."""
    return losses_size(data.n) + n_parts * size_of_part(model, data)


cdef bint loss_of_rows(
    const Model *model, const Batch *data, double *total, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """The sum of C over all rows, or those that an order names, times their weights, into total.

    It is taken in order, and so are weights: the first is that of the row that the order names
    first. Stoppable.
    """
    cdef double *C = <double *> scratch
    cdef Rows rows = rows_to_take(data.n, n_parts)
    cdef Evaluation work = Evaluation(
        model, &rows, data[0], C, scratch + losses_size(data.n), False)
    run_apart(evaluate_part, &work, n_parts)
    if not work.stopped:
        total[0] = sum_of(data, C, 0)
    return work.stopped


cdef void evaluate_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Evaluation *task = <Evaluation *> work
    cdef Part part = Part(index, team.n_parts, team, True), alone = whole()
    cdef long long next_look = now() + LOOK
    cdef const Model *model = task.model
    cdef char *scratch = task.scratch + index * size_of_part(model, &task.data)
    cdef char *gathered = scratch + tape_size(model, some(task.data.n), 0)
    cdef char *room = scratch + size_of_part(model, &task.data) - room_of_maps(
        model, some(task.data.n))
    cdef Batch batch
    cdef Tape tape
    cdef Py_ssize_t i, rows
    i, rows = take_rows(task.rows)
    while rows > 0:
        batch = rows_from(model, &task.data, i, rows)
        if batch.order != NULL:
            gather_targets(model, batch.n, task.data.Y, batch.order, gathered)
            batch.Y = gathered
        if has_maps(model):
            map_batch(model, 0, batch.n, room, &batch)
        tape = tape_in(model, batch.n, scratch)
        forward(model, &alone, &batch, &tape, task.C + i)
        i, rows = take_rows(task.rows)
        if rows > 0 and look(&part, &next_look):
            task.stopped = True
            break


cdef bint forward_in_pieces(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, double *C,
) noexcept nogil:
    """`forward` of one thread, looking for Ctrl-C between pieces of a large batch; true if it came."""
    cdef Part piece = part[0]
    cdef Py_ssize_t i, work = 0, n_pieces = n_pieces_of(model, batch.n, 1)
    piece.n_parts = n_pieces
    for i in range(n_pieces):
        piece.index = i
        forward(model, &piece, batch, tape, C)
        work += batch.n // n_pieces * model.n_parameters
        if work > PIECE and n_pieces > 1:
            work = 0
            if interrupted(part):
                return True
    return False


cdef struct Derivation:
    Model *model
    Batch batch
    const char *dA                       # NULL: that of the loss
    const Sink *sink
    double *C
    char *scratch
    bint stopped


cdef Py_ssize_t derive_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return losses_size(n) + room_of_maps(model, n) + tape_size(model, n, n_parts)


cdef bint derive(
    Model *model, const Batch *batch, const char *dA, const Sink *sink, double *total,
    char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """The derivatives by the parameters and by X, into the sink, and the sum of C over the rows, times
    their weights.

    They are those of the mean of C; or with dA those of what dA is the derivative of by A⁽ᴸ⁾, and then
    the batch has no targets, and total stays as it is. Stoppable.
    """
    cdef double *C = <double *> scratch
    cdef Derivation work = Derivation(
        model, batch[0], dA, sink, C, scratch + losses_size(batch.n), False)
    run(derive_part, &work, n_parts)
    if dA == NULL and not work.stopped:
        total[0] = sum_of(batch, C, 0)
    return work.stopped


cdef void derive_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Derivation *task = <Derivation *> work
    cdef Part part = Part(index, team.n_parts, team, True)
    cdef Batch batch = task.batch
    cdef const char *dA = task.dA
    cdef Py_ssize_t first, end
    cdef Tape tape = tape_of_part(
        task.model, &part, batch.n, task.scratch + room_of_maps(task.model, batch.n))
    cdef bint stopped
    first, end = share(&part, batch.n, 1)
    if has_maps(task.model):             # each part its own rows, as it takes them forward
        map_batch(task.model, first, end, task.scratch, &batch)
        if dA != NULL:
            dA = mapped_error(task.model, first, end, batch.n, dA, task.scratch)
    if part.n_parts > 1:
        stopped = derive_errors(
            task.model, &part, &batch, &tape, task.C, dA, task.sink
        ) or derive_parameters(task.model, &part, &batch, &tape, task.sink)
    else:
        stopped = forward_in_pieces(task.model, &part, &batch, &tape, task.C)
        if not stopped and dA == NULL:
            stopped = backward(task.model, &part, &batch, &tape, task.sink)
        elif not stopped:
            stopped = pull_back(task.model, &part, &batch, &tape, dA, task.sink)
    if task.model.maps.inputs and task.sink.dX != NULL and not stopped:
        scale_input_gradient(
            task.model, end - first,
            task.sink.dX + first * input_size(task.model) * task.model.itemsize)
    if index == 0:
        task.stopped = stopped


cdef struct Step:
    Model *model
    const char *gradient


cdef bint step_by_vector(
    Model *model, const char *gradient, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """One update from a whole gradient, laid out like the parameters; false if a number would then
    not be finite, and nothing is updated. scratch is a tape's for no rows and one part."""
    cdef Step work = Step(model, gradient)
    cdef bint tame = step_is_tame(model, gradient)
    if not tame and not step_is_finite(model, gradient, scratch):
        return False
    run(step_part, &work, n_parts)
    count_update(model)
    if not tame:
        model.wild = UNSEEN            # the gradient may have been as large as it likes
    return True


cdef void step_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Step *task = <Step *> work
    cdef Part part = Part(index, team.n_parts, team, False)
    step_by(task.model, &part, task.gradient)
