"""Networks whose outputs do not fill a cache line, and rows of W are shorter than one."""

import numpy as np
import plain_sums
import pytest
from arrays_for_tests import same_bits, sparse

import cyprop


def of_one_layer(rng, n_in, n_out, dtype):
    net = cyprop.Network([n_in, n_out], output_activation="identity", dtype=dtype, seed=1)
    net.weights[0][...] = sparse(rng, (n_in, n_out), dtype)
    net.biases[0][...] = sparse(rng, (n_out,), dtype)
    return net


@pytest.mark.parametrize("n_out", [1, 2, 3, 4, 5, 7, 8, 10, 16])
def test_sums_are_four_of_every_fourth_input(rng, dtype, level, n_out):
    madd = plain_sums.multiply_add(level)
    for n_in in (1, 2, 3, 4, 5, 6, 7, 8, 9, 22, 33):
        net = of_one_layer(rng, n_in, n_out, dtype)
        X = rng.normal(size=(13, n_in)).astype(dtype)
        X[1::2] = sparse(rng, X[1::2].shape, dtype)
        expected = plain_sums.forward(madd, X, net.weights[0], net.biases[0])
        for n in (1, 2, 3, 4, 5, 7, 8, 13):
            assert same_bits(net.predict(X[:n]), expected[:n])


@pytest.mark.parametrize("n_out", [1, 2, 3, 4, 6, 8])
def test_derivatives_are_sums_over_the_rows_in_order(rng, dtype, level, n_out):
    madd = plain_sums.multiply_add(level)
    for n_in, n in ((1, 1), (5, 3), (8, 2), (16, 1), (17, 7), (30, 130), (64, 4), (67, 129)):
        net = of_one_layer(rng, n_in, n_out, dtype)
        X, dA = sparse(rng, (n, n_in), dtype), rng.normal(size=(n, n_out)).astype(dtype)
        found = net.vjp(X, dA)
        assert same_bits(np.ascontiguousarray(found.weights[0]), plain_sums.backward_W(madd, X, dA))
        assert same_bits(np.ascontiguousarray(found.biases[0]), plain_sums.backward_b(dA))


def test_an_input_that_is_not_finite_stays_in_its_row(rng, dtype, level):
    for n_in in (4, 7):
        net = of_one_layer(rng, n_in, 4, dtype)
        net.weights[0][...] = 1
        X = rng.normal(size=(9, n_in)).astype(dtype)
        X[4, -1] = np.inf
        assert (np.isfinite(net.predict(X)).all(axis=1) == (np.arange(9) != 4)).all()
