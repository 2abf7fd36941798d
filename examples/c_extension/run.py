"""Teach a network where a two-jointed arm reaches, then ask which angles reach a place."""

import inverse
import numpy as np

import cyprop

rng = np.random.default_rng(0)
angles = rng.uniform(0.2, 1.4, (5000, 2))


def reach(angles):
    both = np.cumsum(angles, axis=-1)
    return np.stack([np.cos(both).sum(-1), np.sin(both).sum(-1)], -1)


net = cyprop.Network([2, 32, 2], "tanh", "identity", optimizer=cyprop.Adam(0.01), dtype="float64")
net.fit(angles, reach(angles), epochs=40)
place = reach(np.array([0.9, 0.6]))
found = inverse.find(net.handle(), [0.8, 0.8], place, 0.3, 1000)
error = np.abs(net.predict(found) - place).max()
assert error < 1e-6, error
print(f"angles {found[0]:.2f} and {found[1]:.2f} reach {place.round(2).tolist()}")
