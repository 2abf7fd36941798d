"""Teach a network to balance a pole by imitation, then let it do so for a million steps."""

import time

import cart_pole
import numpy as np

import cyprop

N_STEPS = 1_000_000
rng = np.random.default_rng(0)
states = rng.uniform(-1, 1, (20_000, 4)) * [2.4, 3, 0.21, 3]
wish = states @ [1, 2, 25, 4]  # what a good hand would push, roughly
actions = np.eye(3)[1 + (wish > 1).astype(int) - (wish < -1).astype(int)]

net = cyprop.Network([4, 8, 3], "tanh", loss="cross_entropy", optimizer=cyprop.Adam(0.01))
net.fit(states, actions, epochs=20)
handle = net.handle()


def seconds(function):
    start = time.perf_counter()
    result = function(handle, N_STEPS)
    return time.perf_counter() - start, result


state = np.array([0.1, -0.2, 0.03, 0.4], "float32")
_, scores = seconds(cart_pole.predict_only)
assert scores == net.predict(state).tolist(), "not the scores that Python gets"
step, n_falls = seconds(cart_pole.balance)
call = min(seconds(cart_pole.predict_only)[0] for _ in range(5))
print(
    f"{N_STEPS:,} steps, {n_falls} falls, {1e9 * step / N_STEPS:.0f} ns a step;"
    f" the network takes {1e9 * call / N_STEPS:.0f} ns a call"
)
