"""A network as plain C data, and what goes through it.

Strides are counted in elements, sizes in bytes, offsets in elements of the parameter vector or of the
scratch that one row takes.
"""

from libc.math cimport INFINITY
from libc.stdint cimport uint64_t, uintptr_t

from cyprop.kernels.table cimport (
    BLOCK_ROWS, LINE_BYTES, MAX_HYPERPARAMETERS, MAX_STATES, Activation, Loss, Optimizer,
    OptimizerStepOuter, Table,
)

cdef struct Layer:
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t width                 # n_out rounded up to whole cache lines, in elements
    Py_ssize_t stride                # from one row of A or Z to the next
    Py_ssize_t W_stride              # from one row of W to the next; less than a line for few outputs
    Py_ssize_t offset                # of W in the parameter vector, in elements
    Py_ssize_t b_offset              # of b
    Py_ssize_t first_block           # how many blocks of rows of W, and b, stand in front of it
    Py_ssize_t A_offset              # of A in the scratch of one row, in elements
    Py_ssize_t Z_offset              # the same for Z; equal to A_offset where Z need not be kept
    Py_ssize_t dZ_offset             # the same for dZ, where it is kept of every layer
    bint frozen                      # learning leaves W and b alone
    double dropout                   # the probability that a unit is silent in an update
    Py_ssize_t M_offset              # of what multiplies A then, and
    Py_ssize_t D_offset              # of the product; equal to A_offset where there is no dropout
    const Activation *activation
    double hyperparameters[MAX_HYPERPARAMETERS]       # of the activation

cdef enum Wildness:
    TAME                             # no number is so large that a step needs to be tried
    UNSEEN                           # they are looked at when the next update begins
    FOREIGN                          # they came from outside: they may be such as no update leaves

cdef struct Maps:                    # (x − offset)·scale of each input or output
    bint inputs, outputs             # which of the two there are
    char *input_offset               # NULL, as the others, until there was a map
    char *input_scale
    char *output_offset
    char *output_scale

cdef struct Model:
    const Table *kernels
    Py_ssize_t dtype                 # 0 float32, 1 float64: the entry of a pair in the table
    Py_ssize_t itemsize
    Py_ssize_t n_layers
    Py_ssize_t n_targets             # numbers in a row of Y
    Layer *layers
    Py_ssize_t lowest, highest       # of the layers that learn; n_layers and -1 where none does
    Py_ssize_t n_parameters          # padding included
    Py_ssize_t widest                # the widest stride of a layer
    Py_ssize_t widths                # all strides of layers together
    Py_ssize_t kept                  # scratch elements a row needs when A (and Z) is kept
    char *parameters
    const Loss *loss
    double loss_hyperparameters[MAX_HYPERPARAMETERS]
    const Optimizer *optimizer
    OptimizerStepOuter step_outer    # NULL where it has none, or where a penalty comes in between
    double hyperparameters[MAX_HYPERPARAMETERS]       # of the optimizer, as weights follow it
    double hyperparameters_of_biases[MAX_HYPERPARAMETERS]     # the same, but nothing decays them
    bint decays                      # whether these pull weights to zero
    double tally[MAX_HYPERPARAMETERS]                 # kept from one update to the next: see UPDATES
    double tally_before[MAX_HYPERPARAMETERS]          # the update that is under way
    double reach                     # of a step, as a multiple of the largest gradient
    char *states[MAX_STATES]
    double l1, l2                    # of the penalty on weights
    bint penalised                   # whether there is one
    bint drops                       # whether a layer has dropout
    uint64_t seed                    # of dropout
    Wildness wild                    # of the states: whether every update is tried before it is made
    bint overflowed                  # the last update would have made a number infinite, and stopped
    Py_ssize_t direct                # dtype; −1 where there are maps, which a path without never equals
    Maps maps

cdef enum:
    UPDATES = MAX_HYPERPARAMETERS - 1    # the last number of a tally: how many updates there were
    NO_UPDATE = -1

cdef struct Batch:                   # rows that go through a network together
    Py_ssize_t n
    const char *X
    Py_ssize_t X_stride
    const char *Y                    # NULL where there are no targets
    Py_ssize_t Y_stride
    const Py_ssize_t *order          # which rows of X the batch is made of; NULL: all, in turn
    bint ordinary                    # every |X| is known to be below 2²⁹
    const double *weights            # of the rows; NULL where all count alike
    double weight                    # of the rows together, Σ w
    long long update                 # that they are for, counted from 0, or NO_UPDATE: no dropout

cdef struct Tape:                    # what `forward` leaves in scratch for `backward`, of n rows
    Py_ssize_t n
    char *kept                       # A and Z of every layer, M and D of those with dropout
    char *dZ                         # of one layer, or on a team of all: first dA, then dZ in its place
    char *dA_prev                    # of the layer below; on a team it is the dZ of that layer
    char *strips                     # of dW, one for each part
    char *sizes                      # what parts of a team find; see `Sizes`

cdef struct Sizes:                   # the largest numbers of a layer that a part has seen
    double dZ, A_prev, W

cdef enum Target:                    # what becomes of the derivatives by the parameters
    NOTHING                          # they are not wanted
    VECTOR                           # they are written to a vector
    UPDATE                           # the optimizer updates the parameters by them, piece by piece

cdef struct Sink:                    # where the derivatives go
    Target target
    char *gradient                   # the VECTOR, laid out like the parameters
    char *dX                         # (n, n_in) without gaps; NULL where it is not wanted
    bint penalised                   # with the derivative of the penalty
    double clip_value                # the largest |dθ| that is let through; infinite: all are
    double *squares                  # where Σ dθ² of each block of the VECTOR goes; NULL: nowhere

cdef struct Part:                    # one thread's part of a batch; see `share`
    Py_ssize_t index
    Py_ssize_t n_parts
    void *team                       # that the others belong to too; NULL if there are none
    bint stoppable                   # by Ctrl-C, between strips; the same for all parts


cdef inline Part whole() noexcept nogil:
    """All of it, for one thread."""
    return Part(0, 1, NULL, False)


cdef inline (Py_ssize_t, Py_ssize_t) share(
    const Part *part, Py_ssize_t n, Py_ssize_t unit,
) noexcept nogil:
    """The part's own of n things, in whole units: from where, to where."""
    cdef Py_ssize_t n_units
    if part.n_parts == 1:
        return 0, n
    n_units = (n + unit - 1) // unit
    return (
        min(n, n_units * part.index // part.n_parts * unit),
        min(n, n_units * (part.index + 1) // part.n_parts * unit),
    )


cdef inline char *aligned(void *memory) noexcept nogil:
    """The first cache line that starts in memory."""
    return <char *> ((<uintptr_t> memory + LINE_BYTES - 1) & ~<uintptr_t> (LINE_BYTES - 1))


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    """So many bytes as whole cache lines."""
    return (size + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES


cdef inline bint has_maps(const Model *model) noexcept nogil:
    """Whether inputs or outputs are mapped, which maps.pyx is for."""
    return model.direct < 0


cdef inline Py_ssize_t input_size(const Model *model) noexcept nogil:
    return model.layers[0].n_in


cdef inline Py_ssize_t output_size(const Model *model) noexcept nogil:
    return model.layers[model.n_layers - 1].n_out


cdef inline Py_ssize_t blocks_of(Py_ssize_t n_rows) noexcept nogil:
    """How many blocks the rows make up, the last of which may be smaller."""
    return (n_rows + BLOCK_ROWS - 1) // BLOCK_ROWS


cdef inline Py_ssize_t n_blocks(const Model *model) noexcept nogil:
    """Of all layers: those of W, and b is one more."""
    cdef const Layer *last = &model.layers[model.n_layers - 1]
    return last.first_block + blocks_of(last.n_in) + 1


cdef inline bint learns(const Sink *sink) noexcept nogil:
    """Whether the derivatives are for an update, at once or as a whole: frozen layers need none."""
    return sink.target == UPDATE or sink.squares != NULL


cdef inline Sink sink_of(Target target) noexcept nogil:
    """A sink for derivatives by the parameters, as they are."""
    return Sink(target, NULL, NULL, False, INFINITY, NULL)


cdef inline Batch rows_of(
    const Model *model, Py_ssize_t n, const char *X, const char *Y,
) noexcept nogil:
    """A batch of n rows without gaps; Y may be NULL."""
    return Batch(n, X, input_size(model), Y, model.n_targets, NULL, False, NULL, 1, NO_UPDATE)


cdef inline Tape tape_in(const Model *model, Py_ssize_t n, char *scratch) noexcept nogil:
    """A tape for n rows in scratch of `tape_size`, which starts at a cache line."""
    cdef char *dZ = scratch + n * model.kept * model.itemsize
    cdef char *dA_prev = dZ + n * model.widest * model.itemsize
    return Tape(n, scratch, dZ, dA_prev, dA_prev + n * model.widest * model.itemsize, NULL)


cdef inline Py_ssize_t sizes_size(const Model *model) noexcept nogil:
    """Of the sizes of every layer, as one part of a team finds them."""
    return whole_lines(model.n_layers * sizeof(Sizes))


cdef inline char *A_of(
    const Model *model, const Layer *layer, const Tape *tape, Py_ssize_t row,
) noexcept nogil:
    """A of a layer on a tape, from that row on."""
    return tape.kept + (tape.n * layer.A_offset + row * layer.stride) * model.itemsize


cdef inline char *Z_of(
    const Model *model, const Layer *layer, const Tape *tape, Py_ssize_t row,
) noexcept nogil:
    """Z of a layer on a tape, from that row on; A has replaced it where it need not be kept."""
    return tape.kept + (tape.n * layer.Z_offset + row * layer.stride) * model.itemsize


cdef inline char *M_of(
    const Model *model, const Layer *layer, const Tape *tape, Py_ssize_t row,
) noexcept nogil:
    """What dropout multiplies A by, from that row on."""
    return tape.kept + (tape.n * layer.M_offset + row * layer.stride) * model.itemsize


cdef inline char *dZ_of(const Model *model, const Layer *layer, const Tape *tape) noexcept nogil:
    """dZ of a layer on the tape of a team, all rows."""
    return tape.dZ + tape.n * layer.dZ_offset * model.itemsize


cdef inline char *D_of(
    const Model *model, const Layer *layer, const Tape *tape, Py_ssize_t row,
) noexcept nogil:
    """A · M, which the next layer gets, from that row on; A itself where there is no dropout."""
    return tape.kept + (tape.n * layer.D_offset + row * layer.stride) * model.itemsize


cdef inline long long next_update(const Model *model) noexcept nogil:
    """The number of the update that comes next."""
    return <long long> model.tally[UPDATES]


cdef inline bint drops(const Model *model, const Batch *batch) noexcept nogil:
    """Whether units are silent for this batch."""
    return model.drops and batch.update != NO_UPDATE


cdef inline void count_update(Model *model) noexcept nogil:
    """One update more has been made."""
    model.tally[UPDATES] += 1


cdef inline char *weights_of(const Model *model, const Layer *layer) noexcept nogil:
    return model.parameters + layer.offset * model.itemsize


cdef inline char *biases_of(const Model *model, const Layer *layer) noexcept nogil:
    return model.parameters + layer.b_offset * model.itemsize
