"""Zeros that a kernel may pass over, and rows that are not finite: nobody else can tell."""

import copy

import numpy as np
import plain_sums
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.kernels import dense, update

# (n_in, n_out): few columns, many, and more terms than a list of non-zero ones holds.
SHAPES = ((1, 1), (5, 3), (17, 64), (64, 70), (300, 66), (520, 8), (7, 225), (3, 460))
OPTIMIZERS = (cyprop.SGD(0.05), cyprop.SGD(0.05, momentum=0.9), cyprop.Adam(0.01))


def troublesome(rng, shape, dtype, share_of_zeros):
    """Zeros of both signs, numbers whose products underflow, and ordinary ones."""
    tiny = np.sqrt(np.finfo(dtype).smallest_subnormal, dtype=np.float64)
    values = rng.normal(size=shape)
    small = rng.random(shape) < 0.3
    values[small] *= tiny
    values[rng.random(shape) < share_of_zeros] = 0.0
    values[(values == 0) & (rng.random(shape) < 0.5)] = -0.0
    return values.astype(dtype)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.81, 1.0])
@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_kernels_have_the_bits_of_sums_over_every_term(rng, dtype, level, n_in, n_out, share):
    madd = plain_sums.multiply_add(level)
    n = 5 if n_in * n_out < 5000 else 2
    A_prev = troublesome(rng, (n, n_in), dtype, share)
    W = troublesome(rng, (n_in, n_out), dtype, 0.2)
    b = troublesome(rng, n_out, dtype, 0.5)
    dZ = troublesome(rng, (n, n_out), dtype, share)
    with np.errstate(under="ignore"):
        expected_Z = plain_sums.forward(madd, A_prev, W, b)
        expected_dW = plain_sums.backward_W(madd, A_prev, dZ)
        expected_dA_prev = plain_sums.backward_A(madd, dZ, W)
    Z, dW, dA_prev = np.empty_like(dZ), np.empty_like(W), np.empty_like(A_prev)
    dense.forward(A_prev, W, b, Z)
    dense.backward_W(A_prev, dZ, dW)
    dense.backward_A(dZ, W, dA_prev)
    assert same_bits(Z, expected_Z)
    assert same_bits(dW, expected_dW)
    assert same_bits(dA_prev, expected_dA_prev)
    for i in range(n):
        dense.forward_one(A_prev[i], W, b, Z[i])
        dense.backward_A_one(dZ[i], W, dA_prev[i])
    assert same_bits(Z, expected_Z)
    assert same_bits(dA_prev, expected_dA_prev)


@pytest.mark.parametrize(("share", "n_out"), [(0.6, 160), (0.6, 144), (0.85, 64), (0.85, 240)])
@pytest.mark.parametrize("n", [33, 65, 130])
def test_large_batches_have_the_bits_of_sums_over_every_term(rng, dtype, level, n, share, n_out):
    # Which terms of so many rows are zero takes more than a word of 64 bits, and more than a block.
    madd = plain_sums.multiply_add(level)
    A_prev = troublesome(rng, (n, 5), dtype, share)
    W = troublesome(rng, (5, n_out), dtype, 0.2)
    b = troublesome(rng, n_out, dtype, 0.5)
    dZ = troublesome(rng, (n, n_out), dtype, 0.3)
    Z, dW = np.empty_like(dZ), np.empty_like(W)
    dense.forward(A_prev, W, b, Z)
    dense.backward_W(A_prev, dZ, dW)
    with np.errstate(under="ignore"):
        assert same_bits(Z, plain_sums.forward(madd, A_prev, W, b))
        assert same_bits(dW, plain_sums.backward_W(madd, A_prev, dZ))


def network(rng, dtype, optimizer, sizes):
    """A network some of whose weights and biases are −0.0 or underflow in products."""
    net = cyprop.Network(sizes, "relu", "identity", optimizer=optimizer, dtype=dtype)
    for array in net.weights + net.biases:
        array[...] = troublesome(rng, array.shape, dtype, 0.2)
    return net


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("share", [0.0, 0.81, 1.0])
@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_a_network_passes_over_zeros_alone_and_in_a_batch_alike(rng, dtype, n_in, n_out, share):
    net = network(rng, dtype, None, [n_in, n_out, 3])
    X = troublesome(rng, (9, n_in), dtype, share)
    X[4] = rng.normal(size=n_in)
    whole = net.predict(X)
    assert same_bits(np.stack([net.predict(x) for x in X]), whole)
    assert same_bits(net.predict(np.ascontiguousarray(X[::4])), whole[::4])


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("share", [0.0, 0.81, 1.0])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_learning_passes_over_zeros_like_a_step_along_the_whole_gradient(
    rng, dtype, optimizer, n_in, n_out, share
):
    # Learning may pass over rows of W, and never holds more than a strip of the gradient.
    net = network(rng, dtype, optimizer, [n_in, n_out, 2])
    batch = copy.deepcopy(net)
    theta = np.array(net.parameters)
    states = [np.zeros_like(theta) for _ in range(update.n_states(optimizer.name))]
    memory = np.zeros(8)
    for _ in range(3):
        x = troublesome(rng, n_in, dtype, share)
        y = rng.normal(size=2).astype(dtype)
        gradient = net.gradients(x[None], y[None])
        values = list(optimizer.hyperparameters.values())
        update.step(optimizer.name, theta, gradient.parameters, states, values, memory)
        assert net.learn_one(x, y) == gradient.loss
        assert batch.train_on_batch(x[None], y[None]) == gradient.loss
        assert same_bits(net.parameters, theta)
        assert same_bits(batch.parameters, theta)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("share", [0.0, 0.81, 1.0])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("n", [2, 7, 33, 300])
def test_a_batch_is_learned_like_a_step_along_the_whole_gradient(rng, dtype, optimizer, n, share):
    for n_in, n_out in ((1, 1), (5, 3), (17, 64), (40, 150)):
        net = network(rng, dtype, optimizer, [n_in, n_out, 2])
        theta = np.array(net.parameters)
        states = [np.zeros_like(theta) for _ in range(update.n_states(optimizer.name))]
        memory = np.zeros(8)
        for _ in range(2):
            X = troublesome(rng, (n, n_in), dtype, share)
            X[:, 0] = 0  # an input that is zero in every row
            Y = rng.normal(size=(n, 2)).astype(dtype)
            gradient = net.gradients(X, Y)
            values = list(optimizer.hyperparameters.values())
            update.step(optimizer.name, theta, gradient.parameters, states, values, memory)
            assert net.train_on_batch(X, Y) == gradient.loss
            assert same_bits(net.parameters, theta)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("share", [0.0, 0.9])
@pytest.mark.parametrize("n_out", [5, 70])
def test_a_row_that_is_not_finite_touches_no_other(rng, dtype, poison, share, n_out):
    # At every place of a tile, in rows that are dense and in rows that are mostly zeros.
    for n in (2, 3, 5, 8, 9, 13, 17):
        A_prev = troublesome(rng, (n, 20), dtype, share)
        W = rng.normal(size=(20, n_out)).astype(dtype)
        b = rng.normal(size=n_out).astype(dtype)
        dZ = troublesome(rng, (n, n_out), dtype, share)
        Z, dA_prev = np.empty_like(dZ), np.empty_like(A_prev)
        dense.forward(A_prev, W, b, Z)
        dense.backward_A(dZ, W, dA_prev)
        for row in range(n):
            bad, bad_dZ = A_prev.copy(), dZ.copy()
            bad[row, rng.integers(20)] = poison
            bad_dZ[row, rng.integers(n_out)] = poison
            bad_Z, bad_dA_prev = np.empty_like(Z), np.empty_like(dA_prev)
            dense.forward(bad, W, b, bad_Z)
            dense.backward_A(bad_dZ, W, bad_dA_prev)
            others = np.arange(n) != row
            assert same_bits(bad_Z[others], Z[others])
            assert same_bits(bad_dA_prev[others], dA_prev[others])
            assert not np.isfinite(bad_Z[row]).any()
            assert not np.isfinite(bad_dA_prev[row]).any()


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("output", ["identity", "softmax"])
def test_a_row_that_is_not_finite_touches_no_other_prediction(rng, dtype, output):
    net = cyprop.Network([20, 70, 33, 4], "tanh", output, dtype=dtype)
    for share in (0.0, 0.9):
        X = troublesome(rng, (70, 20), dtype, share)
        whole, g = net.predict(X), net.gradients(X, np.zeros((70, 4)))
        for row in (*range(17), 62, 63, 64, 69):
            bad = X.copy()
            bad[row, row % 20] = np.nan
            others = np.arange(70) != row
            found = net.predict(bad)
            assert same_bits(found[others], whole[others])
            assert np.isnan(found[row]).all()
            inputs = net.gradients(bad, np.zeros((70, 4))).inputs
            assert same_bits(inputs[others], g.inputs[others])
