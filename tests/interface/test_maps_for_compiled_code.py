"""Maps as compiled code meets them: the bits that Python gets, also where they are set later."""

import copy

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import OK, WRONG_DTYPE, Calls, function

import cyprop


@pytest.fixture(params=[(3, 1), (4, 8, 3), (65, 31, 9, 5), (130, 300, 9)], ids=str)
def net(request, dtype):
    return cyprop.Network(request.param, "tanh", "identity", dtype=dtype, seed=3)


def mapped(net, rng, which):
    for key, n in zip(("input_map", "output_map"), (net.sizes[0], net.sizes[-1])):
        setattr(net, key, rng.normal(size=(2, n)) if which in (key, "both") else None)


@pytest.mark.parametrize("which", ["input_map", "output_map", "both", "none"])
def test_it_is_what_python_does(net, rng, which):
    calls = Calls(net, 130)  # before there are maps: the scratch is enough for them too
    mapped(net, rng, "both")
    mapped(net, rng, which)
    twin = copy.copy(net)
    X = rng.normal(size=(130, net.sizes[0])).astype(net.dtype)
    Y = rng.normal(size=(130, net.sizes[-1])).astype(net.dtype)
    expected = net.predict(X)
    for x, row in zip(X, expected):
        code, out = calls.predict(x)
        assert code == OK
        assert same_bits(out, row)
    code, out = calls.predict_rows(X)
    assert code == OK
    assert same_bits(out, expected)
    code, dX = calls.input_gradient(X, Y)
    assert code == OK
    assert same_bits(dX, net.vjp(X, Y).inputs)
    for x, y in zip(X[:5], Y):
        assert calls.learn_one(x, y) == (OK, twin.learn_one(x, y))
    assert same_bits(net.parameters, twin.parameters)


def test_codes_are_those_without_maps(net, rng):
    mapped(net, rng, "both")
    handle = net.handle()
    other = "float64" if net.dtype == np.float32 else "float32"
    x = np.zeros(net.sizes[0])
    out = np.zeros(net.sizes[-1])
    scratch = np.zeros(handle.scratch_size(), np.uint8)
    pointers = [array.ctypes.data for array in (x, out, scratch)]
    assert function("predict", other)(handle.address, *pointers) == WRONG_DTYPE
