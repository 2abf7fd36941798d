# cython: boundscheck=False, wraparound=False
"""cyprop as any compiled code calls it, through its public interface, without the GIL."""

from libc.stdlib cimport free, malloc

from cython cimport floating

cimport cyprop


def predict_loop(handle, const floating[::1] x, floating[::1] out, Py_ssize_t n):
    """Predict the sample x, n times."""
    cdef cyprop.Model *model = cyprop.model_of(handle)
    cdef void *scratch = malloc(cyprop.scratch_size(model, 1))
    cdef int code = cyprop.OK
    cdef Py_ssize_t _i
    with nogil:
        for _i in range(n):
            if floating is float:
                code |= cyprop.predict_float32(model, &x[0], &out[0], scratch)
            else:
                code |= cyprop.predict_float64(model, &x[0], &out[0], scratch)
    free(scratch)
    if code != cyprop.OK:
        raise RuntimeError(cyprop.error_message(code).decode())
