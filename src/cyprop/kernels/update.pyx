"""Optimizers by name: θ ← θ − step(dθ) over flat vectors.

The formulas and loops are in loops/sgd.pxi and its neighbours. theta, d_theta and the states are
vectors of one length and one dtype; theta, the states and tally are updated in place.

Every function raises TypeError for None, and ValueError for an unknown name, lengths that differ,
empty vectors and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels cimport registry
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport vector
from cyprop.kernels.table cimport MAX_HYPERPARAMETERS, MAX_STATES, Optimizer, Table


cdef inline registry.Entries entries(const Table *kernels):
    return registry.Entries(
        <const char *> kernels.optimizers, kernels.n_optimizers, sizeof(Optimizer))


cdef const Optimizer *find(str name, const Table *kernels = NULL) except NULL:
    """The optimizer of that name in a table, by default the current level's."""
    if kernels == NULL:
        kernels = current_table()
    return <const Optimizer *> registry.find("optimizer", entries(kernels), name)


def names() -> tuple[str, ...]:
    """The known optimizers, in the order they are registered."""
    return registry.names(entries(current_table()))


def hyperparameters(str name not None) -> dict[str, tuple[float, float, bool, float]]:
    """Of each hyperparameter: its default, and low, whether low itself is allowed, and high.

    The default of a switch is a bool, and that of any other a float.
    """
    return registry.hyperparameters(&find(name).rule)


def n_states(str name not None) -> int:
    """How many state vectors the optimizer keeps."""
    return find(name).n_states


cpdef step(
    str name, floating[:] theta, const floating[:] d_theta, states, hyperparameter_values,
    double[:] tally,
):
    """θ ← θ − step(dθ), one update.

    theta, d_theta (n,); states a sequence of n_states vectors (n,) of theta's dtype, zero before the
    first update; hyperparameter_values a sequence of numbers in the order of `hyperparameters`;
    tally (8,) float64, zero before the first. theta, the states and tally are updated in place.
    """
    cdef const Optimizer *optimizer = find(name)
    cdef Py_ssize_t n = theta.shape[0], i
    cdef void *state_pointers[MAX_STATES]
    cdef double values[MAX_HYPERPARAMETERS]
    cdef floating[:] state
    vector("theta", theta, n)
    vector("d_theta", d_theta, n)
    vector("tally", tally, MAX_HYPERPARAMETERS)
    if len(states) != optimizer.n_states:
        raise ValueError(f"states has {len(states)} vectors, expected {optimizer.n_states}")
    for i in range(optimizer.n_states):
        state = states[i]
        vector(f"states[{i}]", state, n)
        state_pointers[i] = &state[0]
    registry.read(&optimizer.rule, list(hyperparameter_values), values)
    with nogil:
        if optimizer.begin != NULL:
            optimizer.begin(values, &tally[0])
        optimizer.step[floating is double](
            n, &theta[0], &d_theta[0], state_pointers, values, &tally[0])
