"""predict(X, layer=…): the activations of a layer, as the equations give them."""

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits

import cyprop

SIZES = [5, 19, 1, 8, 3]


def made(dtype, **options):
    net = cyprop.Network(
        SIZES, ["tanh", "softplus", "relu"], "softmax", loss="cross_entropy", dtype=dtype, **options
    )
    rng = np.random.default_rng(2)
    for b in net.biases:
        b[...] = rng.uniform(-0.5, 0.5, b.shape)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_is_as_its_equation_says(rng, dtype):
    net = made(dtype, dropout=0.4)
    X = rng.normal(size=(150, 5)).astype(dtype)
    A, _ = twin.Network(net).forward(X)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    for layer in range(4):
        found = net.predict(X, layer=layer)
        assert found.shape == (150, SIZES[layer + 1])
        assert found.dtype == net.dtype
        np.testing.assert_allclose(found, A[layer + 1], rtol=tolerance, atol=tolerance)
        # with the same bits alone, on threads, into an array, from other kinds of input
        assert all(same_bits(net.predict(x, layer=layer), a) for x, a in zip(X, found, strict=True))
        assert same_bits(net.predict(X, None, 3, layer), found)
        assert same_bits(net.predict(X.tolist(), layer=np.int8(layer)), found)
        for x, a in ((X, found), (X[7], found[7])):
            out = np.full(a.shape, 9, dtype)
            assert net.predict(x, out, layer=layer) is out
            assert same_bits(out, a)
    assert same_bits(net.predict(X, layer=3), net.predict(X))
    assert same_bits(net.predict(X, layer=None), net.predict(X))


def test_threads_share_the_rows_of_a_wide_layer(rng):
    net = cyprop.Network([200, 300, 1000, 2], "relu")
    X = rng.normal(size=(300, 200)).astype("f4")
    alone = cyprop.Network([200, 300], output_activation="relu", initializer=[net.weights[0]])
    expected = alone.predict(X)
    assert all(same_bits(net.predict(X, n_threads=n, layer=0), expected) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("layer", "kind", "message"),
    [
        (-1, ValueError, "layer is -1, expected a layer from 0 to 3"),
        (4, ValueError, "layer is 4, expected a layer from 0 to 3"),
        (10**30, ValueError, "expected a layer from 0 to 3"),
        (True, TypeError, "layer is True, expected the whole number of a layer"),
        (1.0, TypeError, "layer is 1.0, expected the whole number of a layer"),
        ("1", TypeError, "layer is '1', expected the whole number of a layer"),
        ((0,), TypeError, r"layer is \(0,\), expected the whole number of a layer"),
    ],
)
def test_a_layer_that_is_not_there(layer, kind, message):
    with pytest.raises(kind, match=message):
        made("float32").predict(np.zeros(5), layer=layer)


def test_out_has_the_shape_of_the_layer():
    net = made("float32")
    with pytest.raises(ValueError, match=r"\(2, 19\)"):
        net.predict(np.zeros((2, 5)), np.zeros((2, 3), "f4"), layer=0)
    with pytest.raises(RuntimeError, match="has not been initialised"):
        cyprop.Network.__new__(cyprop.Network).predict(np.zeros(5), layer=0)


def test_metrics_are_measured_by_the_network():
    class Measuring(cyprop.Network):
        def _measured(self, *arguments):
            return arguments

    net = Measuring([5, 3])
    assert net.evaluate(1, 2, 3, 4, "accuracy") == (1, 2, 3, 4, "accuracy")
    assert net.evaluate(1, 2, metrics=()) == (1, 2, 1, None, ())
    X, Y = np.ones((2, 5)), np.ones((2, 3))
    assert net.evaluate(X, Y) == cyprop.Network([5, 3]).evaluate(X, Y, metrics=None)
