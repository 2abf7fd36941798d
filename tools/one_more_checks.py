"""What an activation and a loss that were only registered can do; tools/one_more.py runs this."""

import copy
import pickle
import platform

import compiled_headers
import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.kernels import dispatch

X86 = platform.machine() in ("x86_64", "AMD64")
GATED = cyprop.Activation("gated", beta=1.5)
SQUARE = cyprop.Loss("half_square", weight=3.0)


def learned(dtype):
    """A network of both, with their own hyperparameters and with the defaults."""
    made = cyprop.Network(
        [5, 17, 6, 3],
        activation=[GATED, "gated"],
        output_activation=cyprop.Activation("gated", beta=0.5),
        loss=SQUARE,
        optimizer=cyprop.SGD(0.01),
        dtype=dtype,
        seed=3,
    )
    X, Y = rows(made)
    made.fit(X, Y, epochs=2, batch_size=4)
    return made


@pytest.fixture(params=["float32", "float64"])
def net(request):
    return learned(request.param)


def rows(net, n=9):
    rng = np.random.Generator(np.random.PCG64(1))
    return (rng.normal(size=(n, size)).astype(net.dtype) for size in (net.sizes[0], net.sizes[-1]))


def assert_same(made, net):
    X, Y = rows(net)
    assert made == net
    assert made.settings == net.settings
    assert same_bits(made.predict(X), net.predict(X))
    assert made.evaluate(X, Y) == net.evaluate(X, Y)
    assert made.train_on_batch(X, Y) == net.train_on_batch(X, Y)
    assert same_bits(made.parameters, net.parameters)


def test_names_and_hyperparameters_are_shown(net):
    assert repr(GATED) == "Activation('gated', beta=1.5)"
    assert repr(SQUARE) == "Loss('half_square', weight=3.0)"
    for text in ("gated", "beta=1.5", "beta=0.5", "half_square", "weight=3.0"):
        assert text in repr(net)
    assert net.activations == ("gated", "gated", "gated")
    assert net.loss == "half_square"
    assert [rule.beta for rule in net.settings.activations] == [1.5, 1.0, 0.5]
    assert net.settings.loss.weight == 3.0


def test_bounds_and_names_are_those_that_were_registered():
    with pytest.raises(ValueError, match="beta is 0"):
        cyprop.Activation("gated", beta=0)
    with pytest.raises(TypeError, match="gated has no hyperparameter 'slope'; it has beta"):
        cyprop.Activation("gated", slope=1)
    with pytest.raises(ValueError, match="known are .*gated"):
        cyprop.Network([2, 1], "unheard")
    with pytest.raises(ValueError, match="known are .*half_square"):
        cyprop.Network([2, 1], loss="unheard")


def test_files_have_them(net, tmp_path):
    net.save(tmp_path / "net.safetensors")
    assert_same(cyprop.Network.load(tmp_path / "net.safetensors"), net)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_have_them(net, copied):
    assert_same(copied(net), net)


def test_pickles_have_them(net):
    assert_same(pickle.loads(pickle.dumps(net)), net)
    for rule in (GATED, SQUARE):
        assert pickle.loads(pickle.dumps(rule)) == rule


def test_the_c_header_predicts_the_same_bits(net, tmp_path):
    source = compiled_headers.export(tmp_path, {"net": net})
    twice = X86 and dispatch.level() == "baseline"  # rounds a product before it is added
    library = compiled_headers.library(source, "-O1", *["-DCYPROP_NO_FMA"] * twice)
    X, _ = rows(net, 200)
    assert same_bits(compiled_headers.predict(library, "net", net, X), net.predict(X))


def test_gradients_are_the_slopes_of_the_loss():
    net = learned("float64")
    X, Y = rows(net)
    gradients, h = net.gradients(X, Y), 1e-5
    arrays = (*net.weights, *net.biases, X)
    derivatives = (*gradients.weights, *gradients.biases, gradients.inputs)
    for array, derivative in zip(arrays, derivatives, strict=True):
        for place in np.ndindex(array.shape):
            middle = array[place]
            array[place] = middle + h
            above = net.evaluate(X, Y)
            array[place] = middle - h
            below = net.evaluate(X, Y)
            array[place] = middle
            assert abs(derivative[place] - (above - below) / (2 * h)) <= 1e-7


def test_learning_is_the_twins(net):
    X, Y = rows(net)
    reference = twin.Network(net)
    tolerance = 1e-4 if net.dtype == "float32" else 1e-12
    for _ in range(5):
        expected = reference.train_on_batch(X, Y)
        np.testing.assert_allclose(net.train_on_batch(X, Y), expected, rtol=tolerance)
    np.testing.assert_allclose(net.predict(X), reference.predict(X), rtol=tolerance, atol=tolerance)
