"""Many rows, a few at a time, without the GIL: predicting, measuring the loss, deriving, training.

X is (n, n_in), Y (n, n_targets), dA (n, n_out), C-contiguous and of the model's dtype. Scratch belongs
to the caller. Each task is shared among n_parts threads, and ends in the same bits for any number.
Nothing here can fail. Where a task is stoppable, Python has called it: it looks for Ctrl-C now and
then, and if that came, returns true, with an exception set and its results of no use.
"""

from libc.math cimport NAN, isfinite
from libc.string cimport memcpy

from cyprop.engine.chain cimport (
    backward, forward, interrupted, look, predict, predict_scratch_size, pull_back, step_by, tape_size,
    wait_for_others,
)
from cyprop.engine.model cimport (
    LINE_BYTES, NOTHING, UPDATE, Part, Tape, input_size, output_size, rows_of, share, tape_in, whole,
)
from cyprop.engine.team cimport LOOK, Team, now, run
from cyprop.engine.trial cimport step_is_finite

cdef enum:
    ROWS_AT_ONCE = 64            # so that their activations stay in the cache
    SLICE = 1 << 24              # multiplications after which training stops for a look at Ctrl-C
    TEAM_SLICE = 1 << 27         # the same for each of several threads: longer, to repay their start


cdef inline Py_ssize_t some(Py_ssize_t n) noexcept nogil:
    """As many of n rows as go through a network together where they need not all."""
    return min(n, <Py_ssize_t> ROWS_AT_ONCE)


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    return (size + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES


cdef inline Py_ssize_t losses_size(Py_ssize_t n) noexcept nogil:
    return whole_lines(n * sizeof(double))


cdef inline double sum_of(Py_ssize_t n, const double *C, double total) noexcept nogil:
    """total and then C, in order"""
    cdef Py_ssize_t i
    for i in range(n):
        total += C[i]
    return total


cdef inline Batch rows_from(const Model *model, const Batch *data, Py_ssize_t i) noexcept nogil:
    """Some rows of data without an order, from row i on."""
    cdef Batch batch = data[0]
    batch.n = some(data.n - i)
    batch.X = data.X + i * data.X_stride * model.itemsize
    if data.Y != NULL:
        batch.Y = data.Y + i * data.Y_stride * model.itemsize
    return batch


cdef struct Prediction:
    const Model *model
    Py_ssize_t n
    const char *X
    char *out
    char *scratch
    bint stoppable, stopped


cdef Py_ssize_t predict_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return n_parts * predict_scratch_size(model, some(n))


cdef bint predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch, Py_ssize_t n_parts,
    bint stoppable,
) noexcept nogil:
    """A⁽ᴸ⁾ of n rows into out (n, n_out)."""
    cdef Prediction work = Prediction(model, n, X, out, scratch, stoppable, False)
    run(predict_part, &work, n_parts)
    return work.stopped


cdef void predict_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Prediction *task = <Prediction *> work
    cdef Part part = Part(index, team.n_parts, team, task.stoppable)
    cdef long long next_look = now() + LOOK if task.stoppable else 0
    cdef const Model *model = task.model
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model), size = model.itemsize
    cdef char *scratch = task.scratch + predict_rows_scratch_size(model, task.n, index)
    cdef Py_ssize_t i, end, rows
    i, end = share(&part, task.n, 1)
    while i < end:
        rows = some(end - i)
        predict(
            model, rows, task.X + i * n_in * size, n_in, task.out + i * n_out * size, scratch)
        i += rows
        if i < end and look(&part, &next_look):
            task.stopped = True
            break


cdef struct InputGradient:
    const Model *model
    Batch data
    const char *dA
    char *dX
    char *scratch
    bint stoppable, stopped


cdef Py_ssize_t input_gradient_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return n_parts * tape_size(model, some(n), 0)


cdef bint input_gradient(
    const Model *model, Py_ssize_t n, const char *X, const char *dA, char *dX, char *scratch,
    Py_ssize_t n_parts, bint stoppable,
) noexcept nogil:
    """dX = dA · ∂A⁽ᴸ⁾/∂X of n rows, dX (n, n_in)."""
    cdef InputGradient work = InputGradient(
        model, rows_of(model, n, X, NULL), dA, dX, scratch, stoppable, False)
    run(input_gradient_part, &work, n_parts)
    return work.stopped


cdef void input_gradient_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef InputGradient *task = <InputGradient *> work
    cdef Part part = Part(index, team.n_parts, team, task.stoppable), alone = whole()
    cdef long long next_look = now() + LOOK if task.stoppable else 0
    cdef const Model *model = task.model
    cdef Py_ssize_t x_row = input_size(model) * model.itemsize
    cdef Py_ssize_t a_row = output_size(model) * model.itemsize
    cdef char *scratch = task.scratch + input_gradient_scratch_size(model, task.data.n, index)
    cdef Batch batch
    cdef Tape tape
    cdef Sink sink = Sink(NOTHING, NULL, NULL)
    cdef Py_ssize_t i, end
    i, end = share(&part, task.data.n, 1)
    while i < end:
        batch = rows_from(model, &task.data, i)
        batch.n = min(batch.n, end - i)
        tape = tape_in(model, batch.n, scratch)
        sink.dX = task.dX + i * x_row
        forward(model, &alone, &batch, &tape, NULL)
        # Without a target for the derivatives by the parameters, nothing is written to the model.
        pull_back(<Model *> model, &alone, &batch, &tape, task.dA + i * a_row, &sink)
        i += batch.n
        if i < end and look(&part, &next_look):
            task.stopped = True
            break


cdef struct Evaluation:
    const Model *model
    Batch data
    double *C
    char *scratch
    bint stopped


cdef Py_ssize_t loss_of_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    """For each part a tape, behind the loss of each row."""
    return losses_size(n) + n_parts * tape_size(model, some(n), 0)


cdef bint loss_of_rows(
    const Model *model, const Batch *data, double *total, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """The sum of C over all rows, in order, into total. Stoppable."""
    cdef double *C = <double *> scratch
    cdef Evaluation work = Evaluation(model, data[0], C, scratch + losses_size(data.n), False)
    run(evaluate_part, &work, n_parts)
    if not work.stopped:
        total[0] = sum_of(data.n, C, 0)
    return work.stopped


cdef void evaluate_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Evaluation *task = <Evaluation *> work
    cdef Part part = Part(index, team.n_parts, team, True), alone = whole()
    cdef long long next_look = now() + LOOK
    cdef const Model *model = task.model
    cdef char *scratch = task.scratch + index * tape_size(model, some(task.data.n), 0)
    cdef Batch batch
    cdef Tape tape
    cdef Py_ssize_t i, end
    i, end = share(&part, task.data.n, 1)
    while i < end:
        batch = rows_from(model, &task.data, i)
        batch.n = min(batch.n, end - i)
        tape = tape_in(model, batch.n, scratch)
        forward(model, &alone, &batch, &tape, task.C + i)
        i += batch.n
        if i < end and look(&part, &next_look):
            task.stopped = True
            break


cdef bint forward_in_pieces(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, double *C,
) noexcept nogil:
    """`forward`, looking for Ctrl-C between pieces of a large batch; true if it came."""
    cdef Part piece = part[0]
    cdef Py_ssize_t i, n_pieces = batch.n * model.n_parameters // part.n_parts // SLICE + 1
    if n_pieces == 1:
        forward(model, part, batch, tape, C)
        return False
    piece.team = NULL                    # which meets once, behind all pieces
    piece.n_parts = n_pieces * part.n_parts
    for i in range(n_pieces):
        piece.index = part.index * n_pieces + i
        forward(model, &piece, batch, tape, C)
        if interrupted(part):
            if part.n_parts == 1:
                return True
            break
    return wait_for_others(part)


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
    return losses_size(n) + tape_size(model, n, n_parts)


cdef bint derive(
    Model *model, const Batch *batch, const char *dA, const Sink *sink, double *total,
    char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """The derivatives by the parameters and by X, into the sink, and the sum of C over the rows.

    They are those of the mean of C; or with dA those of what dA is the derivative of by A⁽ᴸ⁾, and then
    the batch has no targets, and total stays as it is. Stoppable.
    """
    cdef double *C = <double *> scratch
    cdef Derivation work = Derivation(
        model, batch[0], dA, sink, C, scratch + losses_size(batch.n), False)
    run(derive_part, &work, n_parts)
    if dA == NULL and not work.stopped:
        total[0] = sum_of(batch.n, C, 0)
    return work.stopped


cdef void derive_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Derivation *task = <Derivation *> work
    cdef Part part = Part(index, team.n_parts, team, True)
    cdef Tape tape = tape_in(task.model, task.batch.n, task.scratch)
    cdef bint stopped = forward_in_pieces(task.model, &part, &task.batch, &tape, task.C)
    if not stopped and task.dA == NULL:
        stopped = backward(task.model, &part, &task.batch, &tape, task.sink)
    elif not stopped:
        stopped = pull_back(task.model, &part, &task.batch, &tape, task.dA, task.sink)
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
    if not step_is_finite(model, gradient, scratch):
        return False
    run(step_part, &work, n_parts)
    return True


cdef void step_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef Step *task = <Step *> work
    cdef Part part = Part(index, team.n_parts, team, False)
    step_by(task.model, &part, task.gradient)


cdef struct Training:
    Model *model
    Batch data
    Py_ssize_t batch_size
    Py_ssize_t start, end                # the rows this slice goes from and got to
    double total_before, total           # of the losses of the rows before them
    char *scratch


cdef Py_ssize_t train_scratch_size(
    const Model *model, Py_ssize_t batch_size, Py_ssize_t n_parts,
) noexcept nogil:
    """A tape, and in front of it the rows of Y of one batch, and their losses."""
    return (
        tape_size(model, batch_size, n_parts)
        + gathered_size(model, batch_size) + losses_size(batch_size)
    )


cdef inline Py_ssize_t gathered_size(const Model *model, Py_ssize_t batch_size) noexcept nogil:
    return whole_lines(batch_size * model.n_targets * model.itemsize)


cdef Py_ssize_t train(
    Model *model, const Batch *data, Py_ssize_t batch_size, Py_ssize_t start, double *total,
    char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """Train on batch after batch from row `start` on, for some milliseconds or to the end.

    With an order, batches are made up of the rows it names. The losses of the rows, before their
    updates, are added to total. Returns the row to go on from. A batch whose loss is not finite, or
    whose update would not be, is not learned, and is where it stops; total is then not finite.
    """
    cdef Training work = Training(
        model, data[0], batch_size, start, start, total[0], total[0], scratch)
    run(train_part, &work, n_parts)
    total[0] = work.total
    return work.end


cdef inline void gather_targets(
    const Part *part, const Batch *data, const Py_ssize_t *order, Py_ssize_t n, Py_ssize_t row,
    char *gathered,
) noexcept nogil:
    """This part's share of the rows of Y that an order names, one behind the other."""
    cdef Py_ssize_t i, end
    i, end = share(part, n, 1)
    while i < end:
        memcpy(gathered + i * row, data.Y + order[i] * row, row)
        i += 1


cdef void train_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    """Every part adds up the losses by itself, so that all agree, unasked, on when to stop."""
    cdef Training *task = <Training *> work
    cdef Part part = Part(index, team.n_parts, team, True)
    cdef Model *model = task.model
    cdef Py_ssize_t x_row = input_size(model) * model.itemsize
    cdef Py_ssize_t y_row = model.n_targets * model.itemsize
    cdef char *gathered = task.scratch
    cdef double *C = <double *> (task.scratch + gathered_size(model, task.batch_size))
    cdef char *scratch = <char *> C + losses_size(task.batch_size)
    cdef Batch batch = task.data
    cdef Tape tape
    cdef Sink sink = Sink(UPDATE, NULL, NULL)
    cdef double total = task.total_before
    cdef Py_ssize_t left = SLICE if part.n_parts == 1 else TEAM_SLICE * part.n_parts
    cdef Py_ssize_t start = task.start
    while start < task.data.n and left > 0:
        batch.n = min(task.batch_size, task.data.n - start)
        tape = tape_in(model, batch.n, scratch)
        if task.data.order == NULL:
            batch.X = task.data.X + start * x_row
            batch.Y = task.data.Y + start * y_row
        else:
            batch.order = task.data.order + start
            batch.Y = gathered
            gather_targets(&part, &task.data, batch.order, batch.n, y_row, gathered)
        if forward_in_pieces(model, &part, &batch, &tape, C):
            break
        total = sum_of(batch.n, C, total)
        if not isfinite(total):
            break
        if backward(model, &part, &batch, &tape, &sink):
            if model.overflowed:
                total = NAN
            break
        start += batch.n
        left -= batch.n * model.n_parameters
    if index == 0:
        task.end = start
        task.total = total
