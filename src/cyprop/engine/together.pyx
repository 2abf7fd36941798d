"""The chain rule on a team of threads, which meet twice a batch.

    each part its rows       A⁽⁰⁾ = X;   Z = A_prev · W + b,   A = f(Z)     for each layer upwards
                             dA = ∂C/∂A⁽ᴸ⁾;   dZ = dA · f′,   dA_prev = dZ · Wᵀ       downwards
    they meet
    each part its inputs     dW = A_prevᵀ · dZ,   db = Σ_rows dZ,   the update        for each layer
    they meet

No sum is ever split, and no weight is updated before all rows have passed it: the bits are those of one
thread (chain.pyx), however many there are.

dA_prev of some rows needs all of W. Where that is much, the parts take dA_prev by inputs too, as one
thread does, each for all rows and its own rows of W, which it wrote last: to meet twice more takes less
time than to fetch the others' part of W once more.

A row of W always is the same part's, so that it stays in that core's cache. b is one row more.
"""

from cyprop.engine.chain cimport forward, pass_on
from cyprop.engine.model cimport (
    LINE_BYTES, UPDATE, Batch, Layer, Model, Part, Sink, Sizes, Tape, dZ_of, drops, learns, share,
    sizes_size, tape_in,
)
from cyprop.engine.parts cimport PIECE, interrupted, n_pieces_of, wait_for_others
from cyprop.engine.pieces cimport (
    Link, choose_input, clear_padding, error_behind_dropout, error_below, error_of_layer, given_error,
    output_error,
)
from cyprop.engine.strips cimport derive_biases, derive_weights, strip_of, strip_size
from cyprop.engine.trial cimport (
    begin_update, gather_sizes, is_bounded, measure_rows, measure_weights, sizes_are_tame, tried,
)
from cyprop.kernels.table cimport BLOCK_ROWS

cdef enum:
    READ_BY_ALL = 1 << 19       # bytes of W up to which each part passes its own rows through all of it
    BORDERS = 8                 # units that a part's inputs make up at least, where they are that many
    FAR = -1                    # below the first layer


cdef Tape tape_of_part(
    const Model *model, const Part *part, Py_ssize_t n, char *scratch,
) noexcept nogil:
    """A tape for n rows in scratch of `tape_size`; that of a team has dZ of every layer."""
    cdef char *dZ = scratch + n * model.kept * model.itemsize
    cdef char *strips = dZ + n * model.widths * model.itemsize
    if part.n_parts == 1:
        return tape_in(model, n, scratch)
    return Tape(n, scratch, dZ, NULL, strips, strips + part.n_parts * strip_size(model))


cdef inline Sizes *sizes_of(const Model *model, const Tape *tape, Py_ssize_t index) noexcept nogil:
    """What a part has found, layer by layer."""
    return <Sizes *> (tape.sizes + index * sizes_size(model))


cdef inline Link link_of(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    Py_ssize_t l,
) noexcept nogil:
    """A layer, as this part sees it."""
    cdef Link link
    link.layer = &model.layers[l]
    link.n = batch.n
    link.first, link.n_own = share(part, batch.n, 1)
    link.n_own -= link.first
    link.order = NULL
    choose_input(model, batch, tape, drops(model, batch), &link)
    link.dZ = dZ_of(model, link.layer, tape)
    link.dA_prev = sink.dX if l == 0 else dZ_of(model, link.layer - 1, tape)
    link.strip = strip_of(model, tape, part)
    return link


cdef inline Py_ssize_t lowest_of(const Model *model, const Sink *sink) noexcept nogil:
    """The lowest layer whose dZ is needed."""
    return model.lowest if learns(sink) else 0


cdef inline bint goes_on(const Model *model, const Sink *sink, Py_ssize_t l) noexcept nogil:
    """Whether dA_prev of the layer is wanted."""
    return l > lowest_of(model, sink) or (l == 0 and sink.dX != NULL)


cdef inline void pass_rows(const Model *model, const Link *link) noexcept nogil:
    """dA_prev of this part's rows"""
    cdef Link own = link[0]
    own.n = link.n_own
    own.dZ = link.dZ + link.first * link.layer.stride * model.itemsize
    own.dA_prev = link.dA_prev + link.first * link.dA_prev_stride * model.itemsize
    if own.n > 0:
        error_below(model, &own, 0, link.layer.n_in)


cdef Py_ssize_t descend_rows(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    Py_ssize_t l, bint dZ_is_known, Sizes *sizes,
) noexcept nogil:
    """From dA of this part's rows of layer l down to dZ of the lowest, or of one whose W is much.

    Gives the layer whose dA_prev is to be taken by inputs; FAR: there is nothing more to do.
    """
    cdef Link link
    while l >= lowest_of(model, sink):
        link = link_of(model, part, batch, tape, sink, l)
        if not dZ_is_known:
            if drops(model, batch) and link.layer.dropout > 0:
                error_behind_dropout(model, tape, &link)
            error_of_layer(model, tape, &link)
        dZ_is_known = False
        clear_padding(model, &link)
        if sink.target == UPDATE and not link.layer.frozen:
            measure_rows(model, &link, &sizes[l])
        if not goes_on(model, sink, l):
            return FAR
        if link.layer.n_in * link.layer.W_stride * model.itemsize > READ_BY_ALL:
            return l
        pass_rows(model, &link)
        l -= 1
    return FAR


cdef bint descend_inputs(
    const Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
    Py_ssize_t l,
) noexcept nogil:
    """dA_prev of layer l, of all rows and this part's inputs; true if all parts stop."""
    cdef Link link = link_of(model, part, batch, tape, sink, l)
    cdef Py_ssize_t k, k_end
    if wait_for_others(part):
        return True
    k, k_end = share(part, link.layer.n_in, LINE_BYTES // model.itemsize)
    pass_on(model, part, &link, k, k_end)
    return wait_for_others(part)


cdef void begin(
    Model *model, const Part *part, const Sink *sink, Sizes *sizes,
) noexcept nogil:
    """What comes before the first rows of an update; the parts look at W, where it counts, together."""
    cdef const Layer *layer
    cdef Py_ssize_t l, k, k_end
    if part.index == 0:
        begin_update(model)
    for l in range(model.n_layers):
        layer = &model.layers[l]
        sizes[l] = Sizes(0, 0, 0)
        if model.penalised and not layer.frozen:
            k, k_end = share(part, layer.n_in, 1)
            measure_weights(model, layer, k, k_end - k, &sizes[l])


cdef bint derive_errors(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, double *C, const char *dA,
    const Sink *sink,
) noexcept nogil:
    """Forward, and back to dZ of every layer; true if all parts stop, and then there was no update.

    The loss of each row in C, if there are targets; or dA is what dZ comes from. Of an update it is the
    beginning.
    """
    cdef Sizes *sizes = sizes_of(model, tape, part.index)
    cdef Part piece = part[0]
    cdef Py_ssize_t l = FAR, i, n_pieces = n_pieces_of(model, batch.n, part.n_parts)
    cdef Py_ssize_t work = 0, of_a_piece = batch.n // part.n_parts * model.n_parameters // n_pieces
    cdef bint dZ_is_known = dA == NULL and model.loss.gives_dZ
    if sink.target == UPDATE:
        begin(model, part, sink, sizes)
    piece.n_parts = n_pieces * part.n_parts
    for i in range(n_pieces):
        piece.index = part.index * n_pieces + i
        forward(model, &piece, batch, tape, C)
        if dA == NULL:
            output_error(model, &piece, batch, tape)
        else:
            given_error(model, &piece, tape, dA)
        l = descend_rows(
            model, &piece, batch, tape, sink, model.n_layers - 1, dZ_is_known, sizes)
        work += of_a_piece
        if work > PIECE and part.stoppable and i < n_pieces - 1:
            work = 0
            if interrupted(part):
                return wait_for_others(part) or True
    while l != FAR:
        if descend_inputs(model, part, batch, tape, sink, l):
            return True
        if l == 0:
            break
        l = descend_rows(model, part, batch, tape, sink, l - 1, False, sizes)
    return wait_for_others(part)


cdef inline Py_ssize_t border(Py_ssize_t n_in, Py_ssize_t n_parts) noexcept nogil:
    """What a part's inputs are a multiple of: a tile's, unless parts would differ much by it."""
    cdef Py_ssize_t unit = BLOCK_ROWS
    while unit > 1 and n_in < unit * n_parts * BORDERS:
        unit //= 2
    return unit


cdef bint derive_parameters(
    Model *model, const Part *part, const Batch *batch, const Tape *tape, const Sink *sink,
) noexcept nogil:
    """dW and db of every layer into the sink, behind `derive_errors`; true if all parts stop.

    Where the sink is an update, some rows of W are then updated and the others as before. True also if
    the update has `overflowed`.
    """
    cdef Link link
    cdef Py_ssize_t l, k, k_end, n_in
    cdef bint stopped = False
    for l in range(model.n_layers - 1, lowest_of(model, sink) - 1, -1):
        link = link_of(model, part, batch, tape, sink, l)
        link.dA_prev = NULL
        if stopped or (learns(sink) and link.layer.frozen):
            continue
        if sink.target == UPDATE and not may_learn(model, part, tape, &link):
            return True
        n_in = link.layer.n_in
        # Blocks whose squares are added up are one part's.
        k, k_end = share(
            part, n_in + 1, BLOCK_ROWS if sink.squares != NULL else border(n_in, part.n_parts))
        stopped = derive_weights(model, part, &link, sink, k, min(k_end, n_in))
        if k < k_end and k_end == n_in + 1 and not stopped:
            derive_biases(model, &link, sink)
    return wait_for_others(part)


cdef bint may_learn(
    Model *model, const Part *part, const Tape *tape, const Link *link,
) noexcept nogil:
    """Whether a layer's update leaves every number finite (trial.pyx); all parts find the same.

    They look at what each has found of its own rows: a thread of the user's may change X meanwhile.
    """
    cdef Sizes sizes = Sizes(0, 0, 0)
    cdef Py_ssize_t i, l = link.layer - model.layers
    for i in range(part.n_parts):
        gather_sizes(&sizes_of(model, tape, i)[l], &sizes)
    if is_bounded(model) and sizes_are_tame(model, link, &sizes):
        return True
    if wait_for_others(part):
        return False
    if part.index == 0:
        tried(model, link)
    return not wait_for_others(part) and not model.overflowed
