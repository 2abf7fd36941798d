"""Shapes drawn from 1 to 130 in every dimension: the bits of one row, any split, any level."""

import numpy as np
import numpy_twin as twin
import plain_sums
import pytest
from arrays_for_tests import assert_sum, same_bits, sparse

import cyprop
from cyprop.kernels import dense, dispatch

LARGEST = 130
LEVELS_WITH_FMA = [level for level in dispatch.supported() if level != "baseline"]
OUTPUTS = (
    ("identity", "mse"),
    ("sigmoid", "mse"),
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
)


def drawn(rng, count=3, largest=LARGEST):
    return [int(size) for size in rng.integers(1, largest + 1, count)]


def numbers(rng, shape, dtype):
    """Dense, or mostly zeros of both signs."""
    if rng.random() < 0.5:
        return sparse(rng, shape, dtype)
    return rng.normal(size=shape).astype(dtype)


def layer(rng, n, n_in, n_out, dtype):
    shapes = ((n, n_in), (n_in, n_out), (1, n_out), (n, n_out))
    A_prev, W, b, dZ = (numbers(rng, shape, dtype) for shape in shapes)
    return A_prev, W, b[0], dZ


def computed(A_prev, W, b, dZ):
    """Z, dW, db and dA_prev of a layer."""
    Z, dW, db, dA_prev = (np.full_like(like, np.nan) for like in (dZ, W, b, A_prev))
    dense.forward(A_prev, W, b, Z)
    dense.backward_W(A_prev, dZ, dW)
    dense.backward_b(dZ, db)
    dense.backward_A(dZ, W, dA_prev)
    return Z, dW, db, dA_prev


def fits_a_line(Z):
    """Whether a row is so narrow that its sums are taken in four parts."""
    return Z.shape[1] * Z.itemsize <= 64


def cut(rng, size):
    """Some neighbours out of `size`."""
    start, stop = sorted(int(place) for place in rng.choice(size + 1, 2, replace=False))
    return slice(start, stop)


@pytest.mark.usefixtures("level")
def test_kernels_have_the_bits_of_one_row_and_of_any_part(rng, dtype):
    for _ in range(60):
        n, n_in, n_out = drawn(rng)
        A_prev, W, b, dZ = layer(rng, n, n_in, n_out, dtype)
        Z, dW, db, dA_prev = computed(A_prev, W, b, dZ)
        for i in rng.integers(0, n, 5):
            z, da_prev = np.empty_like(b), np.empty_like(A_prev[0])
            dense.forward_one(A_prev[i], W, b, z)
            dense.backward_A_one(dZ[i], W, da_prev)
            assert same_bits(z, Z[i])
            assert same_bits(da_prev, dA_prev[i])
        rows, inputs, outputs = cut(rng, n), cut(rng, n_in), cut(rng, n_out)
        some_rows = computed(A_prev[rows], W, b, dZ[rows])
        assert same_bits(some_rows[0], Z[rows])
        assert same_bits(some_rows[3], dA_prev[rows])
        Z_part, dW_part, db_part, _ = computed(A_prev, W[:, outputs], b[outputs], dZ[:, outputs])
        if fits_a_line(Z_part) == fits_a_line(Z):
            assert same_bits(Z_part, np.ascontiguousarray(Z[:, outputs]))
        assert same_bits(dW_part, np.ascontiguousarray(dW[:, outputs]))
        assert same_bits(db_part, db[outputs])
        _, dW_part, _, dA_part = computed(A_prev[:, inputs], W[inputs], b, dZ)
        assert same_bits(dW_part, dW[inputs])
        assert same_bits(dA_part, np.ascontiguousarray(dA_prev[:, inputs]))


@pytest.mark.usefixtures("level")
def test_kernels_agree_with_numpy(rng, dtype):
    for _ in range(60):
        n, n_in, n_out = drawn(rng)
        A_prev, W, b, dZ = layer(rng, n, n_in, n_out, dtype)
        Z, dW, db, dA_prev = computed(A_prev, W, b, dZ)
        A_size, W_size, b_size, dZ_size = (np.abs(array) for array in (A_prev, W, b, dZ))
        exact, sizes = twin.dense.forward, twin.dense.forward(A_size, W_size, b_size)
        assert_sum(Z, exact(A_prev, W, b), sizes, n_in + 1)
        exact, sizes = twin.dense.backward_W, twin.dense.backward_W(A_size, dZ_size)
        assert_sum(dW, exact(A_prev, dZ), sizes, n)
        exact, sizes = twin.dense.backward_A, twin.dense.backward_A(dZ_size, W_size)
        assert_sum(dA_prev, exact(dZ, W), sizes, n_out)
        assert_sum(db, twin.dense.backward_b(dZ), twin.dense.backward_b(dZ_size), n)


def test_sums_are_taken_in_the_written_order(rng, dtype, level):
    madd = plain_sums.multiply_add(level)
    for draw in range(24):
        shape = drawn(rng, largest=20)
        shape[draw % 3] = drawn(rng)[0]
        A_prev, W, b, dZ = layer(rng, *shape, dtype)
        Z, dW, db, dA_prev = computed(A_prev, W, b, dZ)
        assert same_bits(Z, plain_sums.forward(madd, A_prev, W, b))
        assert same_bits(dW, plain_sums.backward_W(madd, A_prev, dZ))
        assert same_bits(db, plain_sums.backward_b(dZ))
        assert same_bits(dA_prev, plain_sums.backward_A(madd, dZ, W))


def network(rng, dtype, optimizer=None):
    """One to four layers of any sizes, and rows for it."""
    sizes = drawn(rng, int(rng.integers(2, 6)))
    output, loss = OUTPUTS[rng.integers(len(OUTPUTS))]
    hidden = [str(name) for name in rng.choice(["sigmoid", "tanh", "relu"], len(sizes) - 2)]
    net = cyprop.Network(sizes, hidden, output, loss, optimizer, dtype, int(rng.integers(99)))
    for b in net.biases:
        b[...] = 0.1 * rng.normal(size=b.shape)
    n = drawn(rng)[0]
    X = numbers(rng, (n, sizes[0]), dtype)
    Y = rng.dirichlet(np.ones(sizes[-1]), size=n).astype(dtype)
    return net, X, Y


@pytest.mark.usefixtures("level")
def test_networks_have_the_bits_of_one_row_and_of_any_split(rng, dtype):
    for _ in range(40):
        net, X, _ = network(rng, dtype)
        whole = net.predict(X)
        assert same_bits(np.stack([net.predict(x) for x in X]), whole)
        place = int(rng.integers(0, len(X) + 1))
        parts = [net.predict(part) for part in (X[:place], X[place:])]
        assert same_bits(np.concatenate(parts), whole)


@pytest.mark.usefixtures("level")
def test_networks_agree_with_numpy(rng, dtype):
    tolerance = {"float32": 3e-4, "float64": 1e-12}[dtype.name]
    for _ in range(40):
        net, X, Y = network(rng, dtype)
        plain = twin.Network(net)
        np.testing.assert_allclose(net.predict(X), plain.predict(X), rtol=tolerance, atol=tolerance)
        expected, found = plain.gradients(X, Y), net.gradients(X, Y)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=tolerance)
        np.testing.assert_allclose(net.evaluate(X, Y), expected.loss, rtol=tolerance)
        for mine, theirs in (
            (found.weights, expected.dW),
            (found.biases, expected.db),
            ((found.inputs,), (expected.dA[0],)),
        ):
            for a, e in zip(mine, theirs, strict=True):
                scale = max(1e-3, np.abs(e).max())
                np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * scale)


def results(level, dtype, optimizer, seed):
    """All that a network of random shape answers, before, while and after it trains."""
    dispatch.use(level)
    rng = np.random.default_rng(seed)
    net, X, Y = network(rng, dtype, optimizer)
    found = [net.predict(X), net.predict(X[0]), net.gradients(X, Y).parameters]
    found += [np.array(net.evaluate(X, Y)), np.array(net.learn_one(X[0], Y[0]))]
    found += [np.array(net.fit(X, Y, epochs=1, batch_size=drawn(rng)[0]).loss)]
    return [*found, net.gradients(X, Y).inputs, net.parameters, net.predict(X)]


def test_networks_have_the_same_bits_at_every_level(dtype):
    before = dispatch.level()
    optimizers = (cyprop.SGD(0.01), cyprop.SGD(0.01, momentum=0.9), cyprop.Adam(0.001))
    try:
        for seed in range(36):
            runs = [
                results(level, dtype, optimizers[seed % 3], seed)
                for level in (LEVELS_WITH_FMA or ["baseline"]) * 2
            ]
            for run in runs[1:]:
                for expected, actual in zip(runs[0], run, strict=True):
                    assert same_bits(actual, expected), seed
    finally:
        dispatch.use(before)
