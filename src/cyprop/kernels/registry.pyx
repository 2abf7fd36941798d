"""Activations, losses and optimizers in the table, by name; and their hyperparameters."""

from cyprop.kernels.table cimport Hyperparameter


cdef tuple names(Entries entries):
    """In the order in which they are registered, each once."""
    cdef Py_ssize_t i
    return tuple(dict.fromkeys([rule_of(entries, i).name.decode() for i in range(entries.n)]))


cdef const void *find(str kind, Entries entries, str name) except NULL:
    """The first entry of that name; `kind` says what it is an entry of."""
    cdef bytes key
    cdef Py_ssize_t i
    if name is None:
        raise TypeError(f"{kind} is None, expected a name")
    key = name.encode()
    for i in range(entries.n):
        if rule_of(entries, i).name == key:
            return rule_of(entries, i)
    raise ValueError(f"{kind} {name!r} is unknown; known are {', '.join(names(entries))}")


cdef dict hyperparameters(const Rule *rule):
    """Of each: its default, and low, whether low itself is allowed, and high.

    The default of a switch is a bool, and that of any other a float.
    """
    cdef Hyperparameter entry
    cdef Py_ssize_t i
    found = {}
    for i in range(rule.n_hyperparameters):
        entry = rule.hyperparameters[i]
        default = bool(entry.default) if entry.is_switch else entry.default
        found[entry.name.decode()] = (default, entry.low, bool(entry.low_allowed), entry.high)
    return found


cdef int read(const Rule *rule, values, double numbers[MAX_HYPERPARAMETERS]) except -1:
    """The hyperparameters as a kernel takes them; values None: the defaults."""
    cdef Py_ssize_t i
    if values is None:
        for i in range(rule.n_hyperparameters):
            numbers[i] = rule.hyperparameters[i].default
        return 0
    if len(values) != rule.n_hyperparameters:
        raise ValueError(
            f"{rule.name.decode()} was given {len(values)} hyperparameters,"
            f" expected {rule.n_hyperparameters}"
        )
    for i in range(rule.n_hyperparameters):
        numbers[i] = values[i]
    return 0
