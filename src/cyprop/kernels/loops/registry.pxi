# How activations, losses and optimizers enter the table. What does not fit there is refused when the
# module is imported.

from libc.math cimport INFINITY

cdef extern from "arithmetic.h" nogil:
    ctypedef struct Elementwise "struct cyprop_elementwise":
        ActivationForward forward[2]
        ActivationBackward backward[2]

table.n_activations = table.n_losses = table.n_optimizers = 0


cdef int begin_rule(Rule *rule, const char *name, Py_ssize_t n_before) except -1:
    """A rule without hyperparameters, behind n_before others of its kind."""
    if n_before >= MAX_ENTRIES:
        raise ImportError(
            f"{name.decode()!r} does not fit into the table of kernels: raise MAX_ENTRIES"
            f" ({MAX_ENTRIES}) in kernels/table.pxd"
        )
    rule.name = name
    rule.n_hyperparameters = 0
    return 0


cdef int hyperparameter(
    Rule *rule, const char *name, double default, double low, bint low_allowed, double high,
) except -1:
    """Give a rule one more: low < value < high, or low ≤ value."""
    cdef Hyperparameter *entry
    if rule.n_hyperparameters >= MAX_HYPERPARAMETERS:
        raise ImportError(
            f"{rule.name.decode()!r} has more hyperparameters than fit: raise MAX_HYPERPARAMETERS"
            f" ({MAX_HYPERPARAMETERS}) in kernels/table.pxd"
        )
    entry = &rule.hyperparameters[rule.n_hyperparameters]
    rule.n_hyperparameters += 1
    entry.name = name
    entry.default = default
    entry.low = low
    entry.low_allowed = low_allowed
    entry.high = high
    entry.is_switch = False
    return 0


cdef int switch_hyperparameter(Rule *rule, const char *name) except -1:
    """Give a rule one more that is 0 or 1, off unless it is asked for."""
    hyperparameter(rule, name, 0, 0, True, 2)
    rule.hyperparameters[rule.n_hyperparameters - 1].is_switch = True
    return 0


cdef Activation *new_activation(const char *name, const char *initialisation) except NULL:
    cdef Activation *entry = &table.activations[table.n_activations]
    begin_rule(&entry.rule, name, table.n_activations)
    table.n_activations += 1
    entry.initialisation = initialisation
    entry.couples_units = False
    entry.keeps_Z = False
    entry.bounded = False
    entry.positive = False
    return entry


cdef Activation *new_elementwise(
    const char *name, const char *initialisation, const Elementwise *kernels,
) except NULL:
    """An activation whose kernels elementwise.h has made."""
    cdef Activation *entry = new_activation(name, initialisation)
    cdef Py_ssize_t dtype
    for dtype in range(2):
        entry.forward[dtype] = kernels.forward[dtype]
        entry.backward[dtype] = kernels.backward[dtype]
    return entry


cdef Loss *new_loss(const char *name, const char *output_activation) except NULL:
    """A loss for that output activation; NULL: for any."""
    cdef Loss *entry = &table.losses[table.n_losses]
    begin_rule(&entry.rule, name, table.n_losses)
    table.n_losses += 1
    entry.output_activation = output_activation
    entry.gives_dZ = False
    entry.outputs_per_target = 1
    return entry


cdef Loss *one_more_entry(const Loss *loss, const char *output_activation) except NULL:
    """The same loss, with its hyperparameters, for one more output activation."""
    cdef Loss *entry = new_loss(loss.rule.name, output_activation)
    entry.rule = loss.rule
    entry.outputs_per_target = loss.outputs_per_target
    return entry


cdef Optimizer *new_optimizer(const char *name, Py_ssize_t n_states) except NULL:
    cdef Optimizer *entry = &table.optimizers[table.n_optimizers]
    begin_rule(&entry.rule, name, table.n_optimizers)
    if n_states > MAX_STATES:
        raise ImportError(
            f"{name.decode()!r} keeps {n_states} states: raise MAX_STATES ({MAX_STATES}) in"
            " kernels/table.pxd"
        )
    table.n_optimizers += 1
    entry.n_states = n_states
    entry.weight_decay = -1
    entry.begin = NULL
    entry.reach = NULL
    entry.step_outer[0] = entry.step_outer[1] = NULL
    return entry
