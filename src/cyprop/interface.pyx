"""The network for compiled code: standalone functions without the GIL, on an opaque model.

Each checks what it can, in a few nanoseconds, and answers with a code. Cython code finds them through
`cimport cyprop`, C code through the capsule `cyprop._C_API` (include/cyprop.h), Numba and ctypes
through `address`. What they promise is in docs/embedding.md.

A model is a pointer to a record, which a `Handle` owns. When the handle goes, its record is marked
and kept among the last MOST_RETIRED such, so that whoever still has the pointer is told it is stale.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer, PyCapsule_New
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uintptr_t

cimport cython

from cyprop.engine cimport batches, chain, maps, model as engine_model
from cyprop.engine.engine cimport Engine
from cyprop.engine.flag cimport give, holder, take
from cyprop.engine.rows cimport some
from cyprop.engine.turns cimport n_forks

cdef enum:
    MOST_RETIRED = 1 << 16


cdef struct Record:
    engine_model.Model *model               # NULL when stale
    long *writing                    # the flag of the network (turns.pyx),
    long *copying                    # and its count of copies under way
    Record *next                     # retired after this one


cdef Record *oldest = NULL           # of the retired
cdef Record *newest = NULL
cdef Py_ssize_t n_retired = 0


cdef void retire(Record *record) noexcept:
    """Mark a record as stale for good; the memory of the one retired longest ago goes."""
    global oldest, newest, n_retired
    cdef Record *gone
    record.model = NULL
    record.next = NULL
    if newest == NULL:
        oldest = record
    else:
        newest.next = record
    newest = record
    n_retired += 1
    if n_retired > MOST_RETIRED:
        gone = oldest
        oldest = gone.next
        n_retired -= 1
        PyMem_RawFree(gone)


@cython.final
@cython.no_gc_clear                  # so that no record outlives its network in a cycle of garbage
cdef class Handle:
    """A network for compiled code: what `Network.handle` returns.

    Attributes
    ----------
    network : Network
        It cannot go away while this object exists.
    address : int
        The `struct cyprop_model *` that the functions of `cyprop.h` take. When this object goes,
        they answer with the code for a stale model.

    Notes
    -----
    Thread-safety: any thread may use the address, as docs/embedding.md says; this object must exist
    until the last has finished.
    """

    cdef Engine kept_network
    cdef Record *record

    def __cinit__(self, Engine network not None):
        if network.model.n_layers == 0:
            raise RuntimeError("the network has not been initialised")
        self.record = <Record *> PyMem_RawMalloc(sizeof(Record))
        if self.record == NULL:
            raise MemoryError("no memory for a handle")
        self.record.model = &network.model
        self.record.writing = &network.writing
        self.record.copying = &network.copying
        self.kept_network = network

    def __dealloc__(self):
        if self.record != NULL:
            retire(self.record)

    @property
    def network(self):
        """The network that compiled code uses. Thread-safety: it never changes."""
        return self.kept_network

    @property
    def address(self):
        """The `struct cyprop_model *` that the functions of `cyprop.h` take, as a number.

        Thread-safety: it never changes.
        """
        return <uintptr_t> self.record

    def scratch_size(self, Py_ssize_t n=1):
        """Bytes of scratch that are enough for any function with up to n rows.

        Parameters
        ----------
        n : int, default 1

        Returns
        -------
        int

        Raises
        ------
        TypeError
            If n is not a whole number.
        ValueError
            If n is negative.

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        if n < 0:
            raise ValueError(f"n is {n}, expected at least 0")
        return scratch_size(<Model *> self.record, n)

    def __reduce__(self):
        raise TypeError("a handle cannot be copied or pickled; take another of the network")


def address(str name not None):
    """Where a function is in memory, for ctypes and Numba.

    Parameters
    ----------
    name : str
        One of ``cyprop.h``, such as "predict_float32".

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such function.
    """
    exported = globals()["__pyx_capi__"]
    if name not in exported or name == "model_of":
        known = ", ".join(sorted(set(exported) - {"model_of"}))
        raise ValueError(f"function {name!r} is unknown; known are {known}")
    capsule = exported[name]
    return <uintptr_t> PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef Model *model_of(object handle) except NULL:
    if not isinstance(handle, Handle):
        raise TypeError(
            f"handle is {type(handle).__name__}, expected what Network.handle() returns"
        )
    return <Model *> (<Handle> handle).record


cdef const char *error_message(int code) noexcept nogil:
    if code >= 0:
        return b"There was no error."
    if code == NULL_POINTER:
        return b"A pointer is NULL, expected memory."
    if code == STALE:
        return b"The model is stale: its handle is gone; keep what Network.handle() returns."
    if code == WRONG_DTYPE:
        return b"The network is of the other dtype; use the function for that."
    if code == NEGATIVE_COUNT:
        return b"The number of rows is negative, expected at least 0."
    if code == MISALIGNED:
        return b"An array starts at an address that is no multiple of its elements' size."
    if code == NOT_FINITE:
        return b"The loss is not finite, so nothing was learned."
    if code == BUSY:
        return b"Another update of the network is under way, so nothing was learned; try again."
    if code == BAD_WEIGHT:
        return b"The weight is negative or not finite, so nothing was learned."
    if code == HALF_UPDATED:
        return b"This process was forked in the midst of an update, so the network is half updated."
    return b"The code is unknown."


cdef inline int check_model(const Model *model) noexcept nogil:
    if model == NULL:
        return NULL_POINTER
    return STALE if (<const Record *> model).model == NULL else OK


cdef inline int check_dtype(const Model *model, Py_ssize_t index) noexcept nogil:
    """The code for a model that is not there, or not of float32 (index 0) or float64 (1)."""
    cdef int code = check_model(model)
    return WRONG_DTYPE if code == OK and inside(model).dtype != index else code


cdef inline int check_direct(const Model *model, Py_ssize_t index) noexcept nogil:
    """`check_dtype`, but also WRONG_DTYPE where there are maps, which one comparison finds out."""
    cdef int code = check_model(model)
    return WRONG_DTYPE if code == OK and inside(model).direct != index else code


cdef inline int check_arrays(
    Py_ssize_t index, const void *a, const void *b, const void *c, const void *scratch,
) noexcept nogil:
    if a == NULL or b == NULL or c == NULL or scratch == NULL:
        return NULL_POINTER
    if (<uintptr_t> a | <uintptr_t> b | <uintptr_t> c) & (7 if index else 3):
        return MISALIGNED
    return OK


cdef inline engine_model.Model *inside(const Model *model) noexcept nogil:
    return (<const Record *> model).model


cdef Py_ssize_t n_inputs(const Model *model) noexcept nogil:
    cdef int code = check_model(model)
    return code if code != OK else engine_model.input_size(inside(model))


cdef Py_ssize_t n_outputs(const Model *model) noexcept nogil:
    cdef int code = check_model(model)
    return code if code != OK else engine_model.output_size(inside(model))


cdef Py_ssize_t n_parameters(const Model *model) noexcept nogil:
    cdef Py_ssize_t l, count = check_model(model)
    cdef engine_model.Layer *layer
    if count == OK:
        for l in range(inside(model).n_layers):
            layer = &inside(model).layers[l]
            count += (layer.n_in + 1) * layer.n_out
    return count


cdef int dtype(const Model *model) noexcept nogil:
    cdef int code = check_model(model)
    if code != OK:
        return code
    return FLOAT64 if inside(model).dtype else FLOAT32


cdef Py_ssize_t scratch_size(const Model *model, Py_ssize_t n) noexcept nogil:
    cdef int code = check_model(model)
    if code != OK:
        return code
    if n < 0:
        return NEGATIVE_COUNT
    # Maps may be set later, when nobody asks again.
    return engine_model.LINE_BYTES + max(
        batches.predict_rows_scratch_size(inside(model), n, 1),
        chain.tape_size(inside(model), 1, 1),
        batches.input_gradient_scratch_size(inside(model), n, 1),
    ) + maps.room_for_maps(inside(model), max(some(n), <Py_ssize_t> 1))


cdef int predict_float32(
    const Model *model, const float *x, float *out, void *scratch,
) noexcept nogil:
    return predict(model, 0, x, out, scratch)


cdef int predict_float64(
    const Model *model, const double *x, double *out, void *scratch,
) noexcept nogil:
    return predict(model, 1, x, out, scratch)


cdef inline int predict(
    const Model *model, Py_ssize_t index, const void *x, void *out, void *scratch,
) noexcept nogil:
    cdef int code = check_direct(model, index)
    if code != OK:
        return predict_mapped(code, model, index, x, out, scratch)
    code = check_arrays(index, x, out, out, scratch)
    if code == OK:
        chain.predict(
            inside(model), 1, <const char *> x, engine_model.input_size(inside(model)), <char *> out,
            engine_model.aligned(scratch))
    return code


cdef int predict_mapped(
    int code, const Model *model, Py_ssize_t index, const void *x, void *out, void *scratch,
) noexcept nogil:
    """`predict` through maps, if it is those that the code is for."""
    if code == WRONG_DTYPE:
        code = check_dtype(model, index)
    if code == OK:
        code = check_arrays(index, x, out, out, scratch)
    if code == OK:
        maps.predict_through_maps(
            inside(model), 1, <const char *> x, engine_model.input_size(inside(model)), <char *> out,
            engine_model.aligned(scratch))
    return code


cdef int predict_rows_float32(
    const Model *model, Py_ssize_t n, const float *X, float *out, void *scratch,
) noexcept nogil:
    return predict_many(model, 0, n, X, out, scratch)


cdef int predict_rows_float64(
    const Model *model, Py_ssize_t n, const double *X, double *out, void *scratch,
) noexcept nogil:
    return predict_many(model, 1, n, X, out, scratch)


cdef inline int predict_many(
    const Model *model, Py_ssize_t index, Py_ssize_t n, const void *X, void *out, void *scratch,
) noexcept nogil:
    cdef int code = check_rows(model, index, n, X, out, out, scratch)
    if code == OK and n > 0:
        batches.predict_rows(
            inside(model), n, <const char *> X, <char *> out, engine_model.aligned(scratch), 1,
            stoppable=False)
    return code


cdef inline int check_rows(
    const Model *model, Py_ssize_t index, Py_ssize_t n, const void *a, const void *b,
    const void *c, const void *scratch,
) noexcept nogil:
    """The code for n rows in these arrays; where there are none, no memory is needed."""
    cdef int code = check_dtype(model, index)
    if code != OK or n == 0:
        return code
    return NEGATIVE_COUNT if n < 0 else check_arrays(index, a, b, c, scratch)


cdef int learn_one_float32(
    Model *model, const float *x, const float *y, double *loss, void *scratch,
) noexcept nogil:
    return learn_one(model, 0, x, y, NULL, loss, scratch)


cdef int learn_one_float64(
    Model *model, const double *x, const double *y, double *loss, void *scratch,
) noexcept nogil:
    return learn_one(model, 1, x, y, NULL, loss, scratch)


cdef int learn_weighted_float32(
    Model *model, const float *x, const float *y, double weight, double *loss, void *scratch,
) noexcept nogil:
    return learn_one(model, 0, x, y, &weight, loss, scratch)


cdef int learn_weighted_float64(
    Model *model, const double *x, const double *y, double weight, double *loss, void *scratch,
) noexcept nogil:
    return learn_one(model, 1, x, y, &weight, loss, scratch)


cdef inline int learn_one(
    Model *model, Py_ssize_t index, const void *x, const void *y, const double *weight, double *loss,
    void *scratch,
) noexcept nogil:
    """One update, by weight times the gradient; NULL: once."""
    cdef long *writing
    cdef int code = check_dtype(model, index)
    if code == OK:
        code = NULL_POINTER if loss == NULL else check_arrays(index, x, y, y, scratch)
    if code == OK and weight != NULL and not (0 <= weight[0] < INFINITY):
        code = BAD_WEIGHT
    if code != OK:
        return code
    writing = (<Record *> model).writing
    if not take(writing, n_forks):
        return HALF_UPDATED if holder(writing) not in (0, n_forks) else BUSY
    if holder((<Record *> model).copying) != 0:
        give(writing)
        return BUSY
    if inside(model).direct == index:
        loss[0] = chain.learn(
            inside(model), <const char *> x, <const char *> y, weight,
            engine_model.aligned(scratch))
    else:
        loss[0] = maps.learn_through_maps(
            inside(model), <const char *> x, <const char *> y, weight,
            engine_model.aligned(scratch))
    give(writing)
    return OK if isfinite(loss[0]) else NOT_FINITE


cdef int input_gradient_float32(
    const Model *model, Py_ssize_t n, const float *X, const float *dA, float *dX, void *scratch,
) noexcept nogil:
    return input_gradient(model, 0, n, X, dA, dX, scratch)


cdef int input_gradient_float64(
    const Model *model, Py_ssize_t n, const double *X, const double *dA, double *dX,
    void *scratch,
) noexcept nogil:
    return input_gradient(model, 1, n, X, dA, dX, scratch)


cdef inline int input_gradient(
    const Model *model, Py_ssize_t index, Py_ssize_t n, const void *X, const void *dA, void *dX,
    void *scratch,
) noexcept nogil:
    cdef int code = check_rows(model, index, n, X, dA, dX, scratch)
    if code == OK and n > 0:
        batches.input_gradient(
            inside(model), n, <const char *> X, <const char *> dA, <char *> dX,
            engine_model.aligned(scratch), 1,
            stoppable=False)
    return code


# The same functions for C; the C compiler compares these declarations with the header's.

cdef extern from "include/cyprop.h":
    enum:
        CYPROP_API_VERSION
    const char *CYPROP_CAPSULE
    ctypedef struct API "cyprop_api":
        int version
        size_t size
        Model *(*model_of)(object handle) except NULL
        const char *(*error_message)(int) noexcept nogil
        Py_ssize_t (*n_inputs)(const Model *) noexcept nogil
        Py_ssize_t (*n_outputs)(const Model *) noexcept nogil
        Py_ssize_t (*n_parameters)(const Model *) noexcept nogil
        int (*dtype)(const Model *) noexcept nogil
        Py_ssize_t (*scratch_size)(const Model *, Py_ssize_t) noexcept nogil
        int (*predict_float32)(const Model *, const float *, float *, void *) noexcept nogil
        int (*predict_float64)(const Model *, const double *, double *, void *) noexcept nogil
        int (*predict_rows_float32)(
            const Model *, Py_ssize_t, const float *, float *, void *) noexcept nogil
        int (*predict_rows_float64)(
            const Model *, Py_ssize_t, const double *, double *, void *) noexcept nogil
        int (*learn_one_float32)(
            Model *, const float *, const float *, double *, void *) noexcept nogil
        int (*learn_one_float64)(
            Model *, const double *, const double *, double *, void *) noexcept nogil
        int (*input_gradient_float32)(
            const Model *, Py_ssize_t, const float *, const float *, float *, void *) noexcept nogil
        int (*input_gradient_float64)(
            const Model *, Py_ssize_t, const double *, const double *, double *,
            void *) noexcept nogil
        int (*learn_weighted_float32)(
            Model *, const float *, const float *, double, double *, void *) noexcept nogil
        int (*learn_weighted_float64)(
            Model *, const double *, const double *, double, double *, void *) noexcept nogil

cdef API api
api.version = CYPROP_API_VERSION
api.size = sizeof(API)
api.model_of = model_of
api.error_message = error_message
api.n_inputs = n_inputs
api.n_outputs = n_outputs
api.n_parameters = n_parameters
api.dtype = dtype
api.scratch_size = scratch_size
api.predict_float32 = predict_float32
api.predict_float64 = predict_float64
api.predict_rows_float32 = predict_rows_float32
api.predict_rows_float64 = predict_rows_float64
api.learn_one_float32 = learn_one_float32
api.learn_one_float64 = learn_one_float64
api.input_gradient_float32 = input_gradient_float32
api.input_gradient_float64 = input_gradient_float64
api.learn_weighted_float32 = learn_weighted_float32
api.learn_weighted_float64 = learn_weighted_float64

_C_API = PyCapsule_New(&api, CYPROP_CAPSULE, NULL)
