"""Teach a network how a pendulum swings, then follow it for a million steps in a Numba loop."""

import ctypes
import time

import numba
import numpy as np

import cyprop
from cyprop.interface import address

pointer = ctypes.c_void_p
predict = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer, pointer)(
    address("predict_float64")
)


@numba.njit
def follow(model, state, n_steps, seconds, scratch):
    """Move the state (angle, angular speed); the greatest angle seen, or the code of an error."""
    acceleration = np.empty(1)
    most = 0.0
    for _ in range(n_steps):
        code = predict(model, state.ctypes, acceleration.ctypes, scratch.ctypes)
        if code != 0:
            return float(code)
        state[1] += seconds * acceleration[0]
        state[0] += seconds * state[1]
        most = max(most, abs(state[0]))
    return most


rng = np.random.default_rng(0)
states = rng.uniform(-1.5, 1.5, (5000, 2))
net = cyprop.Network([2, 16, 1], "tanh", "identity", optimizer=cyprop.Adam(0.01), dtype="float64")
net.fit(states, -np.sin(states[:, :1]) - 0.1 * states[:, 1:], epochs=40)

N_STEPS = 1_000_000
handle = net.handle()  # keep it as long as its address is in use
scratch = np.empty(handle.scratch_size(), np.uint8)
follow(handle.address, np.array([1.0, 0.0]), 1, 1e-3, scratch)  # compiles it
start = time.perf_counter()
state = np.array([1.0, 0.0])
most = follow(handle.address, state, N_STEPS, 1e-3, scratch)
step = (time.perf_counter() - start) / N_STEPS
print(f"{N_STEPS:,} steps, {1e9 * step:.0f} ns each; from {most:.2f} rad to {abs(state[0]):.2f}")
