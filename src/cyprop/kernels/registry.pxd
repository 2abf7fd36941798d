"""Activations, losses and optimizers in the table, by name."""

from cyprop.kernels.table cimport MAX_HYPERPARAMETERS, Rule

cdef struct Entries:                 # of one kind
    const char *first                # where the first begins, with its Rule
    Py_ssize_t n
    size_t size                      # from one to the next


cdef inline const Rule *rule_of(Entries entries, Py_ssize_t i) noexcept:
    return <const Rule *> (entries.first + i * <Py_ssize_t> entries.size)


cdef const void *find(str kind, Entries entries, str name) except NULL
cdef tuple names(Entries entries)
cdef dict hyperparameters(const Rule *rule)
cdef int read(
    const Rule *rule, values, double numbers[MAX_HYPERPARAMETERS]) except -1
