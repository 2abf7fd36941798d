"""Numbers near the end of their range, and what has to stay finite."""

import numpy as np

from cyprop.engine import memory


def numbers_of(net):
    """Weights, biases and what the optimizer keeps, without padding."""
    _, parameters, states, _ = memory.state(net)
    vectors = [memory.views(net, vector) for vector in (parameters, *states)]
    return [part for pair in vectors for parts in pair for part in parts]


def all_finite(net):
    return all(np.isfinite(part).all() for part in numbers_of(net))


def snapshot(net):
    _, parameters, states, tally = memory.state(net)
    return [vector.tobytes() for vector in (parameters, *states)], tally


def extremes(dtype):
    """Name and how to spoil a network's weights, X or Y."""
    most = float(np.finfo(dtype).max)

    def scale(part, factor):
        def spoil(net, X, Y):
            for array in {"W": net.weights, "b": net.biases, "X": [X], "Y": [Y]}[part]:
                array *= dtype.type(factor)

        return spoil

    def put(part, value):
        def spoil(net, X, Y):
            {"X": X, "Y": Y}[part].flat[-1] = value

        return spoil

    yield "ordinary", scale("X", 1)
    for factor in (1e15, most**0.5, most / 64):
        for part in "XYW":
            yield f"{part} times {factor:.0e}", scale(part, factor)
    yield "weights near the end", lambda net, X, Y: net.weights[-1].fill(most)
    yield "biases near the end", lambda net, X, Y: net.biases[0].fill(-most)
    for value in (np.nan, np.inf, -np.inf, most, -most):
        yield f"{value} in X", put("X", value)
        yield f"{value} in Y", put("Y", value)
