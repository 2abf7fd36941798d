"""The gradients of whole networks, for every activation, loss and depth, beside autograd's."""

import numpy as np
import pytest
import torch_twin as twin
from numpy_twin import dropout

import cyprop

SIZES = {1: [5, 4], 2: [5, 7, 4], 3: [5, 7, 6, 4]}
N = 9
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}


def cases():
    """(loss, hidden activation, output activation or None for the default, layers)."""
    for loss in twin.LOSS_NAMES:
        for n_layers in SIZES:
            for output in twin.outputs_of(loss):
                yield loss, "tanh", output, n_layers
            if n_layers > 1:
                for hidden in twin.HIDDEN:
                    yield loss, hidden, None, n_layers


def made(loss, hidden, output, n_layers, dtype, **others):
    arguments = SIZES[n_layers], [hidden] * (n_layers - 1), output
    # e to the e to the x leaves no digits for anything else.
    scale = 0.2 if hidden == "exponential" else 1.0
    return twin.pair(*arguments, loss=loss, dtype=dtype, scale=scale, **others)


def inputs(rng, dtype):
    """Wide enough for some unit to be on either side of each kink, at −3, 3 and 6 too."""
    return rng.normal(scale=4.0, size=(N, 5)).astype(dtype)


def check(net, peer, X, Y, tolerance, weights=None, masks=None):
    found = net.gradients(X, Y, sample_weight=weights, training=masks is not None)
    expected = peer.gradients(X, Y, weights, masks)
    assert type(found) is cyprop.Gradients
    for mine, theirs in zip(
        [*found.weights, *found.biases, found.inputs],
        [*expected.weights, *expected.biases, expected.inputs],
        strict=True,
    ):
        twin.assert_meets(mine, theirs, tolerance)


@pytest.mark.parametrize(("loss", "hidden", "output", "n_layers"), list(cases()))
def test_gradients_meet_autograd(rng, dtype, loss, hidden, output, n_layers):
    net, peer = made(loss, hidden, output, n_layers, dtype)
    X = inputs(rng, dtype)
    Y = twin.targets(loss, rng, (N, 4)).astype(dtype)
    check(net, peer, X, Y, TOLERANCE[dtype.name])


@pytest.mark.parametrize(("loss", "hidden", "output", "n_layers"), list(cases()))
def test_gradients_of_weighted_rows_with_penalties_and_dropout_meet_autograd(
    rng, loss, hidden, output, n_layers
):
    rates = [0.3, 0.5][: n_layers - 1]
    net, peer = made(
        loss, hidden, output, n_layers, "float64", l1=0.02, l2=0.3, dropout=rates or 0.0
    )
    X, Y = inputs(rng, "float64"), twin.targets(loss, rng, (N, 4))
    masks = [
        twin.tensor(dropout.mask((N, n_out), rate, 3, 0, layer))
        for layer, (rate, n_out) in enumerate(zip(rates, SIZES[n_layers][1:], strict=False))
    ]
    check(net, peer, X, Y, 1e-10, weights=rng.random(N) + 0.1, masks=masks)


def test_predictions_meet_those_of_pytorch(rng, dtype):
    for output in twin.ACTIVATION_NAMES:
        net, peer = made("mse", "tanh", output, 3, dtype)
        X = inputs(rng, dtype)
        _, A = peer.forward(twin.tensor(X))
        twin.assert_meets(net.predict(X), A.detach().numpy(), 10 * np.finfo(dtype).eps)


def test_inputs_reach_both_sides_of_every_kink(rng, dtype):
    for hidden in twin.HIDDEN:
        if hidden != "exponential":
            _, peer = made("mse", hidden, None, 3, dtype)
            Z = twin.tensor(inputs(rng, dtype)) @ peer.weights[0] + peer.biases[0]
            assert Z.min() < -3
            assert Z.max() > 6


# The tests above would see what is wrong, and leave nothing out


def test_every_name_is_among_the_cases():
    seen = list(cases())
    assert {case[0] for case in seen} == set(twin.LOSS_NAMES)
    assert {case[1] for case in seen} == set(twin.HIDDEN)
    assert {case[2] for case in seen} == {None, *twin.ACTIVATION_NAMES}
    for loss in twin.LOSS_NAMES:
        assert {case[3] for case in seen if case[0] == loss} == {1, 2, 3}


@pytest.mark.parametrize("factor", [-1, 1 + 1e-9])
def test_a_wrong_derivative_would_be_seen(rng, factor):
    class Wrong(cyprop.Network):
        def gradients(self, *arguments, **others):
            found = super().gradients(*arguments, **others)
            found.weights[1][3, 2] *= factor
            return found

    net, peer = made("mse", "tanh", "identity", 3, "float64")
    wrong = Wrong([5, 7, 6, 4], "tanh", "identity", dtype="float64")
    wrong.parameters[:] = net.parameters
    X, Y = rng.normal(size=(N, 5)), rng.normal(size=(N, 4))
    check(net, peer, X, Y, 1e-10)
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 42"):
        check(wrong, peer, X, Y, 1e-10)


def test_a_name_without_a_formula_says_where_one_belongs(monkeypatch):
    net = cyprop.Network([2, 3, 1], "tanh", loss="mse", dtype="float64")
    peer = twin.Network(net)
    X, Y = np.ones((4, 2)), np.ones((4, 1))
    monkeypatch.delitem(twin.ACTIVATIONS, "tanh")
    with pytest.raises(LookupError, match="'tanh' has no formula .* ACTIVATIONS in peers/helpers"):
        peer.gradients(X, Y)
    monkeypatch.undo()
    monkeypatch.delitem(twin.LOSSES, "mse")
    with pytest.raises(LookupError, match="'mse' has no formula .* LOSSES in peers/helpers"):
        peer.gradients(X, Y)
