# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A pole on a cart, kept upright by pushes that a network chooses: one prediction a step, no GIL."""

from libc.math cimport cos, fabs, sin
from libc.stdlib cimport free, malloc

cimport cyprop

cdef enum:
    N_STATE = 4          # position and speed of the cart, angle and angular speed of the pole
    N_ACTIONS = 3        # push to the left, do nothing, push to the right

cdef double GRAVITY = 9.8, CART = 1.0, POLE = 0.1, HALF_LENGTH = 0.5, PUSH = 10.0, SECONDS = 0.02


cdef void move(float *state, double force) noexcept nogil:
    """The state a fiftieth of a second later (Barto, Sutton and Anderson, 1983)."""
    cdef double sine = sin(state[2]), cosine = cos(state[2])
    cdef double pull = (force + POLE * HALF_LENGTH * state[3] ** 2 * sine) / (CART + POLE)
    cdef double turn = (GRAVITY * sine - cosine * pull) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE * cosine ** 2 / (CART + POLE)))
    cdef double gain = pull - POLE * HALF_LENGTH * turn * cosine / (CART + POLE)
    state[0] += <float> (SECONDS * state[1])
    state[1] += <float> (SECONDS * gain)
    state[2] += <float> (SECONDS * state[3])
    state[3] += <float> (SECONDS * turn)


cdef int best(const float *scores) noexcept nogil:
    cdef int i, found = 0
    for i in range(1, N_ACTIONS):
        if scores[i] > scores[found]:
            found = i
    return found


cdef void *scratch_for(const cyprop.Model *model) except NULL:
    """Memory for one prediction at a time, once the network has proved to be of the right sizes."""
    cdef Py_ssize_t size = cyprop.scratch_size(model, 1)
    cdef void *scratch
    if cyprop.dtype(model) != cyprop.FLOAT32:
        raise TypeError("the network is not of float32")
    if cyprop.n_inputs(model) != N_STATE or cyprop.n_outputs(model) != N_ACTIONS:
        raise ValueError(f"the network does not have {N_STATE} inputs and {N_ACTIONS} outputs")
    scratch = malloc(size)
    if scratch == NULL:
        raise MemoryError
    return scratch


def balance(handle, Py_ssize_t n_steps):
    """Simulate n_steps, starting again whenever the pole falls; how often it fell."""
    cdef cyprop.Model *model = cyprop.model_of(handle)
    cdef void *scratch = scratch_for(model)
    cdef float state[N_STATE]
    cdef float scores[N_ACTIONS]
    cdef Py_ssize_t _i, n_falls = 0
    cdef unsigned int random = 1
    cdef int code = cyprop.OK
    state[:] = [0, 0, 0, 0]
    with nogil:
        for _i in range(n_steps):
            code = cyprop.predict_float32(model, state, scores, scratch)
            if code != cyprop.OK:
                break
            random = 1664525 * random + 1013904223           # and a breath of wind
            move(state, PUSH * (best(scores) - 1) + (random >> 16) / 65536.0 - 0.5)
            if fabs(state[0]) > 2.4 or fabs(state[2]) > 0.21:
                n_falls += 1
                state[0] = state[1] = state[2] = state[3] = 0
    free(scratch)
    if code != cyprop.OK:
        raise RuntimeError(cyprop.error_message(code).decode())
    return n_falls


def predict_only(handle, Py_ssize_t n_calls):
    """Predict from one state n_calls times; the scores, as a list."""
    cdef cyprop.Model *model = cyprop.model_of(handle)
    cdef void *scratch = scratch_for(model)
    cdef float state[N_STATE]
    cdef float scores[N_ACTIONS]
    cdef Py_ssize_t _i
    cdef int code = cyprop.OK
    state[:] = [0.1, -0.2, 0.03, 0.4]
    with nogil:
        for _i in range(n_calls):
            code |= cyprop.predict_float32(model, state, scores, scratch)
    free(scratch)
    if code != cyprop.OK:
        raise RuntimeError(cyprop.error_message(code).decode())
    return scores
