"""What compiled code gets: the bits that Python gets, and a code for whatever is wrong."""

import copy
import ctypes
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest
from arrays_for_tests import misaligned, same_bits
from compiled_calls import (
    ARGUMENTS,
    MISALIGNED,
    NEGATIVE_COUNT,
    NOT_FINITE,
    NULL_POINTER,
    OK,
    STALE,
    WRONG_DTYPE,
    Calls,
    function,
)

import cyprop
from cyprop.engine import memory
from cyprop.interface import Handle, address
from cyprop.kernels import loss as loss_kernels

NETWORKS = [
    {"sizes": [1, 1]},
    {"sizes": [4, 8, 3]},
    {"sizes": [3, 70, 1], "activation": "tanh", "optimizer": cyprop.Adam(0.01)},
    {"sizes": [65, 31, 9, 5], "activation": "relu", "output_activation": "softmax"},
    {"sizes": [37, 17, 3], "activation": "relu", "loss": "cross_entropy"},
    {"sizes": [7, 33, 33], "loss": "binary_cross_entropy", "optimizer": cyprop.SGD(0.1, 0.9)},
    {"sizes": [130, 300, 9], "activation": ["identity"], "output_activation": "tanh"},
]
LOSSES = [
    (name, output)
    for name in loss_kernels.names()
    for output in loss_kernels.output_activations(name) or ("identity",)
]
MODEL_ONLY = ["n_inputs", "n_outputs", "n_parameters", "dtype"]
ON_ARRAYS = ["predict", "predict_rows", "learn_one", "input_gradient"]


@pytest.fixture(params=NETWORKS, ids=lambda arguments: str(arguments["sizes"]))
def net(request, dtype):
    return cyprop.Network(**request.param, dtype=dtype, seed=3)


def other(dtype):
    return "float64" if dtype == "float32" else "float32"


# What it computes


def test_sizes_and_dtype(net):
    handle = net.handle()
    model = handle.address
    assert function("n_inputs")(model) == net.sizes[0]
    assert function("n_outputs")(model) == net.sizes[-1]
    assert function("n_parameters")(model) == net.n_parameters
    assert function("dtype")(model) == 8 * net.dtype.itemsize
    assert handle.scratch_size(9) == function("scratch_size")(model, 9)
    assert handle.scratch_size() == handle.scratch_size(1) <= handle.scratch_size(10**15)


def test_predictions_are_pythons(net, rng):
    X = rng.normal(size=(130, net.sizes[0])).astype(net.dtype)
    calls, expected = Calls(net, len(X)), net.predict(X)
    for x, a in zip(X, expected):
        code, out = calls.predict(x)
        assert code == OK
        assert same_bits(out, a)
    for n in (0, 1, 2, 63, 64, 65, 130):
        code, out = calls.predict_rows(X[:n])
        assert code == OK
        assert same_bits(out, expected[:n])


def test_learning_is_pythons(net, rng):
    twin = copy.copy(net)
    calls = Calls(net)
    for _ in range(5):
        x = rng.normal(size=net.sizes[0]).astype(net.dtype)
        y = rng.dirichlet(np.ones(net.sizes[-1])).astype(net.dtype)
        assert calls.learn_one(x, y) == (OK, twin.learn_one(x, y))
    assert same_bits(net.parameters, twin.parameters)


@pytest.mark.parametrize(("name", "output"), LOSSES)
def test_learning_by_every_loss_is_pythons(name, output, dtype, rng):
    net = cyprop.Network([5, 9, 4], "tanh", output, name, dtype=dtype, seed=3)
    twin, calls = copy.copy(net), Calls(net)
    for _ in range(5):
        x = rng.normal(size=5).astype(dtype)
        y = rng.dirichlet(np.ones(net.settings.n_targets)).astype(dtype)
        code, loss = calls.learn_one(x, y)
        assert code == OK
        assert loss == twin.learn_one(x, y)
    assert same_bits(net.parameters, twin.parameters)


@pytest.mark.parametrize("arguments", NETWORKS, ids=lambda arguments: str(arguments["sizes"]))
def test_the_input_gradient_is_the_slope_of_each_output(arguments, rng):
    """Every element of the Jacobian against a central difference."""
    net = cyprop.Network(**arguments, dtype="float64", seed=3)
    n_in, n_out = net.sizes[0], net.sizes[-1]
    x, h = rng.normal(size=n_in), 1e-6
    X, dA = np.tile(x, (n_out, 1)), np.eye(n_out)
    code, jacobian = Calls(net).input_gradient(X, dA)
    assert code == OK
    slopes = (net.predict(x + h * np.eye(n_in)) - net.predict(x - h * np.eye(n_in))).T / (2 * h)
    assert np.abs(slopes).max() > 1e-3
    np.testing.assert_allclose(jacobian, slopes, rtol=1e-6, atol=1e-8)


def test_the_input_gradient_of_the_loss_is_that_of_gradients(net, rng):
    """With dA of the mean squared error, to the bit, whatever the network's own loss."""
    twin = cyprop.Network(
        net.sizes, net.activations[:-1], net.activations[-1], dtype=net.dtype, loss="mse"
    )
    twin.parameters[:] = net.parameters
    X = rng.normal(size=(1, net.sizes[0])).astype(net.dtype)
    Y = rng.normal(size=(1, net.sizes[-1])).astype(net.dtype)
    dA = net.dtype.type(2 / net.sizes[-1]) * (net.predict(X) - Y)
    code, dX = Calls(net).input_gradient(X, dA)
    assert code == OK
    assert same_bits(dX, twin.gradients(X, Y).inputs)


def test_an_input_gradient_has_the_same_bits_in_any_batch(net, rng):
    before = net.parameters.copy()
    X = rng.normal(size=(130, net.sizes[0])).astype(net.dtype)
    dA = rng.normal(size=(130, net.sizes[-1])).astype(net.dtype)
    calls = Calls(net, 130)
    _, all_at_once = calls.input_gradient(X, dA)
    for n in (0, 1, 3, 64, 65):
        code, dX = calls.input_gradient(X[:n], dA[:n])
        assert code == OK
        assert same_bits(dX, all_at_once[:n])
    assert same_bits(net.parameters, before)


def test_scratch_may_start_anywhere_and_is_never_left(net, rng):
    calls = Calls(net)
    X = rng.normal(size=(70, net.sizes[0])).astype(net.dtype)
    dA = rng.normal(size=(70, net.sizes[-1])).astype(net.dtype)
    expected = [calls.predict(X[0]), calls.predict_rows(X), calls.input_gradient(X, dA)]
    size = calls.handle.scratch_size(70)
    for start in (0, 1, 31, 63, 64):
        memory = np.full(size + 128, 0xFF, np.uint8)  # as floats, NaN
        calls.scratch = memory[start : start + size]
        actual = [calls.predict(X[0]), calls.predict_rows(X), calls.input_gradient(X, dA)]
        calls.learn_one(X[0], np.full_like(dA[0], np.nan))
        for (_, a), (_, b) in zip(actual, expected):
            assert same_bits(a, b)
        assert (memory[:start] == 0xFF).all()
        assert (memory[start + size :] == 0xFF).all()


# What is wrong


def arrays_for(name, net, n=2):
    """Good arguments between the model and the scratch."""
    n_in, n_out = net.sizes[0], net.sizes[-1]
    x, y = np.ones((n, n_in), net.dtype), np.full((n, n_out), 0.5, net.dtype)
    return {
        "predict": [x, y],
        "predict_rows": [n, x, y],
        "learn_one": [x, y, np.zeros(1)],
        "input_gradient": [n, x, y, np.zeros_like(x)],
    }[name]


def pointers(arguments):
    return [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_each_null_pointer_is_a_code(name, dtype):
    net = cyprop.Network([4, 8, 3], dtype=dtype)
    calls, before = Calls(net), net.parameters.copy()
    arguments = arrays_for(name, net)
    good = [calls.model, *pointers(arguments), calls.scratch.ctypes.data]
    seen = [a.copy() for a in arguments if isinstance(a, np.ndarray)]
    for i, kind in enumerate(ARGUMENTS[name]):
        if kind is ctypes.c_void_p:
            bad = [*good[:i], None, *good[i + 1 :]]
            assert function(name, dtype)(*bad) == NULL_POINTER
    untouched = [a for a in arguments if isinstance(a, np.ndarray)]
    assert all(same_bits(a, b) for a, b in zip(untouched, seen))
    assert same_bits(net.parameters, before)
    assert function(name, dtype)(*good) == OK


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_the_other_dtype_is_a_code(name, dtype):
    net = cyprop.Network([4, 8, 3], dtype=other(dtype))
    calls, before = Calls(net), net.parameters.copy()
    arguments = pointers(arrays_for(name, net))
    scratch = calls.scratch.ctypes.data
    assert function(name, dtype)(calls.model, *arguments, scratch) == WRONG_DTYPE
    assert same_bits(net.parameters, before)


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_a_misaligned_array_is_a_code(name, dtype):
    net = cyprop.Network([4, 8, 3], dtype=dtype)
    calls = Calls(net)
    arguments = arrays_for(name, net)
    for i, array in enumerate(arguments):
        if isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 2:
            bad = pointers([*arguments[:i], misaligned(array), *arguments[i + 1 :]])
            assert function(name, dtype)(calls.model, *bad, calls.scratch.ctypes.data) == MISALIGNED


@pytest.mark.parametrize("name", ["predict_rows", "input_gradient"])
def test_no_rows_need_no_memory_and_fewer_are_a_code(name, dtype):
    handle = cyprop.Network([4, 8, 3], dtype=dtype).handle()
    nothing = [None] * (len(ARGUMENTS[name]) - 2)
    call = function(name, dtype)
    assert call(handle.address, 0, *nothing) == OK
    for n in (-1, -(2**63)):
        assert call(handle.address, n, *nothing) == NEGATIVE_COUNT
    assert call(None, 0, *nothing) == NULL_POINTER
    assert function(name, other(dtype))(handle.address, 0, *nothing) == WRONG_DTYPE


def test_scratch_for_fewer_than_no_rows():
    handle = cyprop.Network([4, 8, 3]).handle()
    assert function("scratch_size")(handle.address, -1) == NEGATIVE_COUNT
    with pytest.raises(ValueError, match="n is -1, expected at least 0"):
        handle.scratch_size(-1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_a_code_and_not_learned(net, value):
    calls, before = Calls(net), net.__getstate__()
    x = np.zeros(net.sizes[0], net.dtype)
    code, loss = calls.learn_one(x, np.full(net.sizes[-1], value, net.dtype))
    assert code == NOT_FINITE
    assert not np.isfinite(loss)
    assert same_bits(net.parameters, before["parameters"])
    assert net.__getstate__()["optimizer_tally"] == before["optimizer_tally"]


def test_every_code_has_its_sentence():
    message = function("error_message")
    sentences = [message(code).decode() for code in range(1, -9, -1)]
    assert sentences[0] == sentences[1] == "There was no error."
    assert len(set(sentences)) == len(sentences) - 1
    assert all(s.endswith(".") and s[0].isupper() and ". " not in s for s in sentences)
    assert message(-1000) == message(-(2**31)) == b"The code is unknown."


# How long a handle is good


def call_all(model, dtype):
    net = cyprop.Network([4, 8, 3], dtype=dtype)
    scratch = np.empty(100_000, np.uint8)
    found = [function(name)(model) for name in MODEL_ONLY]
    found.append(function("scratch_size")(model, 1))
    for name in ON_ARRAYS:
        arguments = pointers(arrays_for(name, net))
        found.append(function(name, dtype)(model, *arguments, scratch.ctypes.data))
    return found


def test_a_model_whose_handle_is_gone_is_a_code(dtype):
    handle = cyprop.Network([4, 8, 3], dtype=dtype).handle()
    model = handle.address
    assert call_all(model, dtype) == [
        4,
        3,
        67,
        8 * dtype.itemsize,
        handle.scratch_size(),
        *[OK] * 4,
    ]
    del handle
    assert call_all(model, dtype) == [STALE] * 9
    other_handles = [cyprop.Network([2, 1]).handle() for _ in range(100)]
    assert model not in [handle.address for handle in other_handles]
    assert call_all(model, dtype) == [STALE] * 9


def test_no_model_is_a_code(dtype):
    assert call_all(None, dtype) == [NULL_POINTER] * 9


def test_a_handle_keeps_its_network(rng):
    net = cyprop.Network([4, 8, 3], seed=5)
    x = rng.normal(size=4).astype("float32")
    expected, gone = net.predict(x), weakref.ref(net)
    calls = Calls(net)
    del net
    gc.collect()
    assert gone() is calls.handle.network
    code, out = calls.predict(x)
    assert code == OK
    assert same_bits(out, expected)


def test_a_network_that_holds_its_own_handle_is_collected():
    net = cyprop.Network([4, 8, 3])
    net.mine = net.handle()
    model, gone = net.mine.address, weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
    assert function("n_inputs")(model) == STALE


def test_dropped_handles_take_little_memory():
    net = cyprop.Network([4, 8, 3])
    for _ in range(70_000):
        net.handle()
    tracemalloc.start()
    try:
        for _ in range(20_000):
            net.handle()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 20_000 * 64


def test_a_handle_sees_what_becomes_of_its_network(tmp_path, rng):
    net = cyprop.Network([4, 8, 3])
    calls, x = Calls(net), rng.normal(size=4).astype("float32")
    X, Y = rng.normal(size=(9, 4)), rng.random((9, 3))

    def agree():
        code, out = calls.predict(x)
        return code == OK and same_bits(out, net.predict(x))

    net.fit(X, Y, epochs=1)
    assert agree()
    net.weights[0][:] = 0.5
    assert agree()
    net.optimizer = "adam"
    assert calls.learn_one(x, np.ones(3, "float32"))[0] == OK
    assert agree()
    net.save(tmp_path / "net")
    loaded = cyprop.Network.load(tmp_path / "net")
    loaded.weights[0][:] = 0
    assert agree()
    assert not same_bits(loaded.predict(x), calls.predict(x)[1])


@pytest.mark.parametrize(
    "again",
    [
        lambda net: net.__init__([500, 400, 300]),
        lambda net: net.__setstate__(cyprop.Network([500, 300]).__getstate__()),
        lambda net: memory.lay_out(net, cyprop.Settings([500, 300], dtype="float64")),
    ],
    ids=["__init__", "__setstate__", "lay_out"],
)
def test_a_network_never_changes_its_size(again, rng):
    net = cyprop.Network([4, 8, 3])
    calls, x = Calls(net), rng.normal(size=4).astype("float32")
    code, before = calls.predict(x)
    with pytest.raises(RuntimeError, match="a network cannot be initialised twice"):
        again(net)
    assert code == OK
    assert same_bits(calls.predict(x)[1], before)
    assert net.sizes == (4, 8, 3)


def test_what_is_no_network_has_no_handle():
    for value in (None, 1, "net"):
        with pytest.raises(TypeError):
            Handle(value)
    with pytest.raises(RuntimeError, match="the network has not been initialised"):
        Handle(cyprop.Network.__new__(cyprop.Network))


@pytest.mark.parametrize("action", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_handle_is_not_copied(action):
    with pytest.raises(TypeError, match="a handle cannot be copied or pickled"):
        action(cyprop.Network([2, 1]).handle())


@pytest.mark.parametrize("name", ["predict", "model_of", ""])
def test_an_unknown_function_has_no_address(name):
    with pytest.raises(ValueError, match=f"function '{name}' is unknown; known are dtype, error_"):
        address(name)
