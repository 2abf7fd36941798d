"""Derivatives of whole networks beside central differences, with everything that learning may have.

Every hidden activation, with every loss and each output that it goes with, in networks of one to
three layers, in float64: to 1e-6 of each component of weights, biases and inputs. Kinks are kept
out of reach by name.
"""

import itertools

import numpy as np
import numpy_twin as twin
import pytest

import cyprop
from cyprop.engine import memory
from cyprop.kernels import activation, loss

HIDDEN = [name for name in activation.names() if not activation.couples_units(name)]
OUTPUTS = [
    (name, output)
    for name in loss.names()
    for output in loss.output_activations(name) or ("identity",)
]
PENALTIES = {"l1": 0.03, "l2": 0.2}
RATE = 0.4  # of dropout
KINKS_OF_LOSSES = {"mae": 0, "quantile": 0, "huber": 1}
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))  # whose error is of the sixth order in h
MODES = list(itertools.product((False, True), repeat=3))  # weights of rows, dropout, penalties
OFF_AND_ON = [MODES[i] for i in (0, 3, 4, 7)]


def network(hidden, name, output, drops, penalised, seed):
    n_out = 2 * loss.outputs_per_target(name)
    return cyprop.Network(
        [2, 3, 3, 3][: len(hidden) + 1] + [n_out], activation=hidden or "tanh",
        output_activation=output, loss=name, dtype="float64", seed=seed,
        dropout=RATE if drops and hidden else 0.0, **(PENALTIES if penalised else {}),
    )  # fmt: skip


def draw(net, rng, h):
    """Data and parameters at which no kink is within the reach of a step of 3h; or None."""
    for array in net.weights:
        array[...] = rng.uniform(0.2, 0.8, array.shape) * rng.choice((-1, 1), array.shape)
    for b in net.biases:
        b[...] = rng.uniform(-0.3, 0.9, b.shape)
    X = rng.uniform(-1, 1, (3, 2))
    Y = rng.uniform(0, 1, (3, net.settings.n_targets))
    if net.loss == "cross_entropy":
        Y /= Y.sum(axis=1, keepdims=True)
    reference = twin.Network(net, seed=memory.seed_of(net))
    masks = reference.masks(len(X))
    A, Z = reference.forward(X, masks)
    moved, A_prev = 3 * h, A[0]
    for layer, W in enumerate(net.weights):
        own = 3 * h * (1 + np.abs(A_prev).max() + moved)
        moved = 2 * max(own, (np.abs(W).sum(axis=0).max() + 3 * h) * moved)
        if twin.activation.distance_to_kinks(net.activations[layer], Z[layer]) <= moved:
            return None
        A_prev = A[layer + 1] * masks[layer]
        moved *= np.max(masks[layer])
    if net.loss in KINKS_OF_LOSSES:
        distance = np.abs(np.abs(A[-1] - Y) - KINKS_OF_LOSSES[net.loss])
        if distance.min() <= moved:
            return None
    return X, Y


def slopes(C, array, h):
    """∂C/∂array, one component at a time."""
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        before = array[place]
        slope = 0.0
        for k, c in STENCIL:
            array[place] = before + k * h
            high = C()
            array[place] = before - k * h
            slope += c * (high - C())
        array[place] = before
        found[place] = slope / h
    return found


@pytest.mark.parametrize(("name", "output"), OUTPUTS)
def test_every_derivative_is_a_slope(rng, name, output):
    checked = 0
    for act, n_hidden in [("tanh", 0), *itertools.product(HIDDEN, (1, 2))]:
        # Three exponentials in a row are too much for any number.
        hidden = [act, "tanh" if act == "exponential" else act][:n_hidden]
        has_kinks = name in KINKS_OF_LOSSES or twin.KINKS.keys() & {*hidden, output}
        h = 3e-6 if has_kinks else 1e-3
        for weighted, drops, penalised in MODES if act == "tanh" else OFF_AND_ON:
            net = network(hidden, name, output, drops, penalised, checked)
            drawn = None
            for _ in range(2000):
                drawn = draw(net, rng, h)
                if drawn is not None:
                    break
            assert drawn is not None, (net, "no point away from the kinks was found")
            X, Y = drawn
            w = np.array([0.3, 0.0, 2.0]) if weighted else None

            def derive(net=net, X=X, Y=Y, w=w):
                return net.gradients(X, Y, sample_weight=w, training=True)

            g = derive()
            reference = twin.Network(net, seed=checked).gradients(X, Y, w, training=True)
            expected = [*reference.dW, *reference.db, reference.dA[0]]
            arrays = [*net.weights, *net.biases, X]
            for found, array, other in zip(
                [*g.weights, *g.biases, g.inputs], arrays, expected, strict=True
            ):
                measured = slopes(lambda derive=derive: derive().loss, array, h)
                bound = 1e-6 * np.abs(measured) + 4e-15 * max(1.0, abs(g.loss)) / h
                assert (np.abs(found - measured) <= bound).all(), (net, weighted)
                np.testing.assert_allclose(found, other, rtol=1e-11, atol=1e-13)
            assert g.loss == pytest.approx(reference.loss, rel=1e-13, abs=1e-14)
            checked += 1
    assert checked == 8 * 3 + 4 * 2 * (len(HIDDEN) - 1)
