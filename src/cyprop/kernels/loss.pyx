"""Losses by name: C of each row, and its derivative by A (seed 2), or by Z where the two cancel.

The formulas and loops are in loops/losses. Arrays are (n, n_out), all float32 or all float64; Y of a
loss with two outputs a target is (n, n_out / 2); C is (n,) and float64. The columns of a row are
adjacent in memory; rows may be any distance apart, Z's as far as A's.

A loss may have a formula of its own for each output activation that it goes with. Where a function
takes an `output`, that is the activation whose formula is meant; None: the first.

Every function raises TypeError for None, and ValueError for an unknown name, shapes that differ,
empty arrays and misaligned ones.
Thread-safety: a call touches nothing but the arrays it is given.
"""

from cython cimport floating

from cyprop.kernels cimport registry
from cyprop.kernels.dispatch cimport current_table
from cyprop.kernels.shapes cimport matrix, same_stride, vector
from cyprop.kernels.table cimport MAX_HYPERPARAMETERS, Loss, Table


cdef inline registry.Entries entries():
    cdef const Table *kernels = current_table()
    return registry.Entries(<const char *> kernels.losses, kernels.n_losses, sizeof(Loss))


cdef const Loss *find(str name, str output) except NULL:
    cdef registry.Entries every = entries()
    cdef const Loss *loss = <const Loss *> registry.find("loss", every, name)
    cdef bytes key = loss.rule.name
    cdef Py_ssize_t i
    if output is None or loss.output_activation == NULL:
        return loss
    for i in range(every.n):
        loss = <const Loss *> registry.rule_of(every, i)
        if loss.rule.name == key and loss.output_activation == output.encode():
            return loss
    known = " or ".join([repr(known) for known in output_activations(name)])
    raise ValueError(f"loss {name!r} needs output_activation {known}, not {output!r}")


def names() -> tuple[str, ...]:
    """The known losses, in the order they are registered."""
    return registry.names(entries())


def hyperparameters(str name not None) -> dict[str, tuple[float, float, bool, float]]:
    """Of each hyperparameter: its default, and low, whether low itself is allowed, and high."""
    return registry.hyperparameters(&find(name, None).rule)


def output_activations(str name not None) -> tuple[str, ...]:
    """The activations that the loss `name` goes with, the default first; none: it takes any."""
    cdef registry.Entries every = entries()
    cdef bytes key = find(name, None).rule.name
    cdef const Loss *loss
    cdef Py_ssize_t i
    found = []
    for i in range(every.n):
        loss = <const Loss *> registry.rule_of(every, i)
        if loss.rule.name == key and loss.output_activation != NULL:
            found.append(loss.output_activation.decode())
    return tuple(found)


def output_activation(str name not None) -> str | None:
    """The activation that the loss `name` has by default, or None if it takes any."""
    return next(iter(output_activations(name)), None)


def gives_dZ(str name not None, str output=None) -> bool:
    """Whether `backward` goes straight to dZ, and `forward` reads Z."""
    return bool(find(name, output).gives_dZ)


def outputs_per_target(str name not None) -> int:
    """1, or 2 where a row of Y has half as many columns as one of A."""
    return find(name, None).outputs_per_target


cdef Py_ssize_t n_targets(const Loss *loss, Py_ssize_t n_out) except -1:
    """Of each row of n_out outputs."""
    if n_out % loss.outputs_per_target:
        raise ValueError(
            f"A has {n_out} columns, and {loss.rule.name.decode()} takes"
            f" {loss.outputs_per_target} for each target"
        )
    return n_out // loss.outputs_per_target


cpdef forward(
    str name, const floating[:, :] Z, const floating[:, :] A, const floating[:, :] Y,
    double[:] C, values=None, str output=None,
):
    """C of each row, overwritten. A loss reads Z or A, whichever its formula names.

    values: the hyperparameters, in the order of `hyperparameters`; None: their defaults.
    """
    cdef const Loss *loss = find(name, output)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = Z.shape[0], n_out = Z.shape[1]
    cdef Py_ssize_t A_stride = matrix("Z", Z, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_targets(loss, n_out))
    same_stride("Z and A", A_stride, matrix("A", A, n, n_out))
    vector("C", C, n)
    registry.read(&loss.rule, values, numbers)
    with nogil:
        loss.forward[floating is double](
            n, n_out, &Z[0, 0], &A[0, 0], A_stride, &Y[0, 0], Y_stride, &C[0], numbers)


cpdef backward(
    str name, const floating[:, :] A, const floating[:, :] Y, floating[:, :] dA, values=None,
    str output=None,
):
    """dA of the mean over the n rows, overwritten; dZ where the loss `gives_dZ`.

    values as in `forward`.
    """
    cdef const Loss *loss = find(name, output)
    cdef double numbers[MAX_HYPERPARAMETERS]
    cdef Py_ssize_t n = A.shape[0], n_out = A.shape[1]
    cdef Py_ssize_t A_stride = matrix("A", A, n, n_out)
    cdef Py_ssize_t Y_stride = matrix("Y", Y, n, n_targets(loss, n_out))
    cdef Py_ssize_t dA_stride = matrix("dA", dA, n, n_out)
    registry.read(&loss.rule, values, numbers)
    with nogil:
        loss.backward[floating is double](
            n, n_out, n, &A[0, 0], A_stride, &Y[0, 0], Y_stride, &dA[0, 0], dA_stride, numbers)
