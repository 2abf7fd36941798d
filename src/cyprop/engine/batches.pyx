"""Many rows, a few at a time, without the GIL: predicting, measuring the loss, training, and a look
for numbers that are not finite.

X is (n, n_in) and Y (n, n_out), C-contiguous and of the model's dtype. Scratch belongs to the
caller. Each task is shared among n_parts threads, and ends in the same bits for any number of them.
Nothing here can fail.
"""

from libc.math cimport isfinite
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from cyprop.engine.chain cimport (
    ALIGNMENT, Part, backward, forward, input_gradient, input_gradient_scratch_size, input_size,
    interrupted, output_size, predict, predict_scratch_size, share, training_scratch_size,
    wait_for_others, whole,
)
from cyprop.engine.team cimport Team, run

cdef enum:
    ROWS_AT_ONCE = 64            # so that their activations stay in the cache
    TURN = 1 << 24               # multiplications after which training stops for a look at Ctrl-C
    TEAM_TURN = 1 << 27          # the same for each of several threads: longer, to repay their start


cdef struct Prediction:
    const Model *model
    Py_ssize_t n
    const char *X
    char *out
    char *scratch


cdef Py_ssize_t predict_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    return n_parts * predict_scratch_size(model, min(n, <Py_ssize_t> ROWS_AT_ONCE))


cdef void predict_rows(
    const Model *model, Py_ssize_t n, const char *X, char *out, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """A⁽ᴸ⁾ of n rows into out (n, n_out)."""
    cdef Prediction work = Prediction(model, n, X, out, scratch)
    run(predict_part, &work, n_parts)


cdef void predict_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef const Prediction *task = <const Prediction *> work
    cdef Part part = Part(index, team.n_parts, team, False, NULL)
    cdef const Model *model = task.model
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model), size = model.itemsize
    cdef char *scratch = task.scratch + predict_rows_scratch_size(model, task.n, index)
    cdef Py_ssize_t i, end, rows
    i, end = share(&part, task.n, 1)
    while i < end:
        rows = min(end - i, <Py_ssize_t> ROWS_AT_ONCE)
        predict(
            model, rows, task.X + i * n_in * size, n_in, task.out + i * n_out * size, scratch)
        i += rows


cdef Py_ssize_t input_gradient_of_rows_scratch_size(
    const Model *model, Py_ssize_t n,
) noexcept nogil:
    return input_gradient_scratch_size(model, min(n, <Py_ssize_t> ROWS_AT_ONCE))


cdef void input_gradient_of_rows(
    const Model *model, Py_ssize_t n, const char *X, const char *dA, char *dX, char *scratch,
) noexcept nogil:
    """dX = dA · ∂A⁽ᴸ⁾/∂X of n rows, dX (n, n_in)."""
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model), size = model.itemsize
    cdef Py_ssize_t i = 0, rows
    while i < n:
        rows = min(n - i, <Py_ssize_t> ROWS_AT_ONCE)
        input_gradient(
            model, rows, X + i * n_in * size, n_in, dA + i * n_out * size, dX + i * n_in * size,
            scratch)
        i += rows


cdef inline bint all_finite32(Py_ssize_t n, const char *x) noexcept nogil:
    """An exponent of all ones, which NaN and infinity have, carries into the sign by adding one."""
    cdef uint32_t bits, carried = 0
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&bits, x + 4 * i, 4)
        carried |= (bits & <uint32_t> 0x7f800000) + <uint32_t> 0x00800000
    return carried >> 31 == 0


cdef inline bint all_finite64(Py_ssize_t n, const char *x) noexcept nogil:
    cdef uint64_t bits, carried = 0
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&bits, x + 8 * i, 8)
        carried |= (bits & <uint64_t> 0x7ff0000000000000) + <uint64_t> 0x0010000000000000
    return carried >> 63 == 0


cdef Py_ssize_t first_nonfinite(Py_ssize_t dtype, Py_ssize_t n, const char *x) noexcept nogil:
    """Where among n numbers the first NaN or infinity is; n if there is none. One read of them."""
    cdef Py_ssize_t i = 0, size = 4 if dtype == 0 else 8, count
    while i < n:
        count = min(n - i, <Py_ssize_t> 1024)
        if not (
            all_finite32(count, x + i * size) if dtype == 0 else all_finite64(count, x + i * size)
        ):
            while (
                all_finite32(1, x + i * size) if dtype == 0 else all_finite64(1, x + i * size)
            ):
                i += 1
            return i
        i += count
    return n


cdef struct Evaluation:
    const Model *model
    Py_ssize_t n
    const char *X
    const char *Y
    double *C
    char *scratch


cdef Py_ssize_t loss_of_rows_scratch_size(
    const Model *model, Py_ssize_t n, Py_ssize_t n_parts,
) noexcept nogil:
    """For each part a training scratch, behind the loss of each row."""
    return losses_size(n) + n_parts * evaluation_scratch_size(model, n)


cdef inline Py_ssize_t losses_size(Py_ssize_t n) noexcept nogil:
    return whole_lines(n * sizeof(double))


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline Py_ssize_t evaluation_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return training_scratch_size(model, min(n, <Py_ssize_t> ROWS_AT_ONCE), 1)


cdef double loss_of_rows(
    const Model *model, Py_ssize_t n, const char *X, const char *Y, char *scratch,
    Py_ssize_t n_parts,
) noexcept nogil:
    """The sum of C over n rows, in order."""
    cdef double *C = <double *> scratch
    cdef Evaluation work = Evaluation(model, n, X, Y, C, scratch + losses_size(n))
    run(evaluate_part, &work, n_parts)
    return sum_of(n, C, 0)


cdef inline double sum_of(Py_ssize_t n, const double *C, double total) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total += C[i]
    return total


cdef void evaluate_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    cdef const Evaluation *task = <const Evaluation *> work
    cdef Part part = Part(index, team.n_parts, team, False, NULL), alone = whole()
    cdef const Model *model = task.model
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model), size = model.itemsize
    cdef char *scratch = task.scratch + index * evaluation_scratch_size(model, task.n)
    cdef Py_ssize_t i, end, rows
    i, end = share(&part, task.n, 1)
    while i < end:
        rows = min(end - i, <Py_ssize_t> ROWS_AT_ONCE)
        forward(
            model, &alone, rows, task.X + i * n_in * size, n_in,
            task.Y + i * n_out * size, n_out, scratch, task.C + i)
        i += rows


cdef Py_ssize_t gradient_of_rows_scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    return losses_size(n) + training_scratch_size(model, n, 1)


cdef double gradient_of_rows(
    Model *model, Py_ssize_t n, const char *X, const char *Y, char *gradient, char *dX,
    char *scratch,
) noexcept nogil:
    """The sum of C over n rows; the derivatives of its mean by the parameters and by X."""
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model)
    cdef double *C = <double *> scratch
    cdef Part part = whole()
    scratch += losses_size(n)
    forward(model, &part, n, X, n_in, Y, n_out, scratch, C)
    backward(model, &part, n, X, n_in, Y, n_out, scratch, gradient, dX)
    return sum_of(n, C, 0)


cdef struct Training:
    Model *model
    Py_ssize_t n
    const char *X
    const char *Y
    const Py_ssize_t *order
    Py_ssize_t batch_size
    Py_ssize_t start, end                # the rows this turn goes from and got to
    double total_before, total           # of the losses of the rows before them
    char *scratch


cdef Py_ssize_t train_scratch_size(
    const Model *model, Py_ssize_t batch_size, Py_ssize_t n_parts,
) noexcept nogil:
    """A training scratch, and in front of it the rows of Y of one batch, and their losses."""
    return (
        training_scratch_size(model, batch_size, n_parts)
        + gathered_size(model, batch_size) + losses_size(batch_size)
    )


cdef inline Py_ssize_t gathered_size(const Model *model, Py_ssize_t batch_size) noexcept nogil:
    return whole_lines(batch_size * output_size(model) * model.itemsize)


cdef Py_ssize_t train(
    Model *model, Py_ssize_t n, const char *X, const char *Y, const Py_ssize_t *order,
    Py_ssize_t batch_size, Py_ssize_t start, double *total, char *scratch, Py_ssize_t n_parts,
) noexcept nogil:
    """Train on batch after batch from row `start` on, for some milliseconds or to the end.

    With an order, batches are made up of the rows it names. The losses of the rows, before their
    updates, are added to total. Returns the row to go on from. A batch whose loss is not finite is
    not learned, and is where it stops.
    """
    cdef Training work = Training(
        model, n, X, Y, order, batch_size, start, start, total[0], total[0], scratch)
    run(train_part, &work, n_parts)
    total[0] = work.total
    return work.end


cdef bint forward_in_pieces(
    const Model *model, const Part *part, Py_ssize_t rows, const char *X, const char *Y,
    char *scratch, double *C,
) noexcept nogil:
    """`forward`, looking for Ctrl-C between pieces of a large batch; true if it came."""
    cdef Part piece = whole()
    cdef Py_ssize_t i, n_pieces = rows * model.n_parameters // part.n_parts // TURN + 1
    piece.order = part.order
    piece.n_parts = n_pieces * part.n_parts
    for i in range(n_pieces):
        piece.index = part.index * n_pieces + i
        forward(model, &piece, rows, X, input_size(model), Y, output_size(model), scratch, C)
        if n_pieces > 1 and interrupted(part):
            if part.n_parts == 1:
                return True
            break
    return wait_for_others(part)


cdef void train_part(void *work, Py_ssize_t index, Team *team) noexcept nogil:
    """Every part adds up the losses by itself, so that all agree, unasked, on when to stop."""
    cdef Training *task = <Training *> work
    cdef Part part = Part(index, team.n_parts, team, False, NULL)
    cdef Model *model = task.model
    cdef Py_ssize_t n_in = input_size(model), n_out = output_size(model)
    cdef Py_ssize_t x_row = n_in * model.itemsize, y_row = n_out * model.itemsize
    cdef char *gathered_Y = task.scratch
    cdef double *C = <double *> (task.scratch + gathered_size(model, task.batch_size))
    cdef char *scratch = <char *> C + losses_size(task.batch_size)
    cdef const char *X
    cdef const char *Y
    cdef double total = task.total_before
    cdef Py_ssize_t turn = TURN if part.n_parts == 1 else TEAM_TURN * part.n_parts
    cdef Py_ssize_t start = task.start, rows, i, end
    part.stoppable = True
    while start < task.n and turn > 0:
        rows = min(task.batch_size, task.n - start)
        if task.order == NULL:
            X = task.X + start * x_row
            Y = task.Y + start * y_row
        else:
            i, end = share(&part, rows, 1)
            while i < end:
                memcpy(gathered_Y + i * y_row, task.Y + task.order[start + i] * y_row, y_row)
                i += 1
            part.order = task.order + start
            X = task.X
            Y = gathered_Y
        if rows * model.n_parameters > TURN:
            if forward_in_pieces(model, &part, rows, X, Y, scratch, C):
                break
        else:
            forward(model, &part, rows, X, n_in, Y, n_out, scratch, C)
        total = sum_of(rows, C, total)
        if not isfinite(total):
            break
        if backward(model, &part, rows, X, n_in, Y, n_out, scratch, NULL, NULL):
            break
        start += rows
        turn -= rows * model.n_parameters
    if index == 0:
        task.end = start
        task.total = total
