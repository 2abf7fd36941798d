"""The activations as a person writes them: classes of one name, files, pickles, C, learning."""

import copy
import pickle

import compiled_headers
import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import OK, Calls

import cyprop
from cyprop import activations
from cyprop.kernels import activation

OWN = [
    (cyprop.LeakyReLU, "leaky_relu", "negative_slope", 0.01, 0.2),
    (cyprop.ELU, "elu", "alpha", 1.0, 0.75),
    (cyprop.CELU, "celu", "alpha", 1.0, 1.5),
]
RULES = [kind(value) for kind, _, _, _, value in OWN]
HIDDEN = [name for name in activation.names() if not activation.couples_units(name)]


@pytest.mark.parametrize(("kind", "name", "key", "default", "value"), OWN)
def test_a_class_of_one_name_is_the_activation_of_that_name(kind, name, key, default, value):
    assert kind() == cyprop.Activation(name) == kind(default)
    assert kind(value) == cyprop.Activation(name, **{key: value}) == kind(**{key: value})
    assert kind(value) != kind()
    assert hash(kind(value)) == hash(cyprop.Activation(name, **{key: value}))
    assert getattr(kind(value), key) == value
    assert isinstance(kind(), cyprop.Activation)
    assert repr(kind(value)) == f"{kind.__name__}({key}={value})"
    assert activations.__dict__[kind.__name__] is kind
    for given in (name, [name], cyprop.Activation(name)):
        assert cyprop.Network([2, 2, 2], given).settings.activations[0] == kind()
    with pytest.raises(TypeError, match=f"{name} has no hyperparameter 'slope'; it has {key}"):
        kind(slope=1)
    with pytest.raises(AttributeError, match="^an? [A-Za-z]+ does not change; make a network with"):
        setattr(kind(), key, 0.5)


@pytest.mark.parametrize(
    ("kind", "bad", "expected"),
    [
        (cyprop.LeakyReLU, -0.01, "negative_slope is -0.01, expected a finite number at least 0"),
        (cyprop.LeakyReLU, np.inf, "negative_slope is inf, expected a finite number at least 0"),
        (cyprop.ELU, 0, "alpha is 0, expected a finite number above 0"),
        (cyprop.ELU, -1.0, "alpha is -1.0, expected a finite number above 0"),
        (cyprop.CELU, 0.0, "alpha is 0.0, expected a finite number above 0"),
        (cyprop.CELU, np.nan, "alpha is nan, expected a finite number above 0"),
    ],
)
def test_a_hyperparameter_out_of_range_says_the_range(kind, bad, expected):
    with pytest.raises(ValueError, match=expected):
        kind(bad)
    with pytest.raises(TypeError, match="expected a number"):
        kind("much")


def test_a_slope_of_zero_is_a_relu():
    X = np.linspace(-3, 3, 50, dtype=np.float32)[:, None]
    leaky, plain = (cyprop.Network([1, 9, 1], kind) for kind in (cyprop.LeakyReLU(0), "relu"))
    assert same_bits(leaky.predict(X), plain.predict(X))
    assert same_bits(leaky.gradients(X, X).parameters, plain.gradients(X, X).parameters)


def test_a_hyperparameter_that_the_dtype_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="alpha is 1e-60, expected a number that float32 can hold"):
        cyprop.Network([2, 3, 1], cyprop.ELU(1e-60))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_files_pickles_copies_and_headers_have_it(tmp_path, rule, dtype):
    net = cyprop.Network([3, 9, 4, 2], [rule, "tanh"], rule, seed=2, dtype=dtype)
    assert repr(rule) in repr(net)
    X = np.random.default_rng(1).normal(size=(40, 3)).astype(dtype)
    net.save(tmp_path / "net")
    for again in (
        cyprop.Network.load(tmp_path / "net"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert again == net
        assert again.settings.activations[0] == rule
        assert type(again.settings.activations[0]) is type(rule)
        assert same_bits(again.predict(X), net.predict(X))
    source = compiled_headers.export(tmp_path, {"m": net})
    out = compiled_headers.predict(compiled_headers.library(source), "m", net, X)
    np.testing.assert_allclose(out, net.predict(X), rtol=1e-5)


@pytest.mark.parametrize("name", activation.names())
def test_files_and_pickles_have_every_activation(tmp_path, name, dtype):
    hidden = name if name in HIDDEN else "tanh"
    net = cyprop.Network([3, 9, 4], hidden, name, seed=2, dtype=dtype)
    X = np.random.default_rng(1).normal(size=(40, 3)).astype(dtype)
    net.save(tmp_path / "net")
    for again in (cyprop.Network.load(tmp_path / "net"), pickle.loads(pickle.dumps(net))):
        assert again == net
        assert again.activations == (hidden, name)
        assert same_bits(again.predict(X), net.predict(X))


@pytest.mark.parametrize("name", activation.names())
def test_compiled_code_has_every_activation(rng, name, dtype):
    hidden = name if name in HIDDEN else "tanh"
    net = cyprop.Network([5, 9, 4], hidden, name, dtype=dtype, seed=3)
    twin, calls = copy.copy(net), Calls(net, 3)
    for _ in range(3):
        X, dA = (rng.uniform(-0.3, 0.3, (3, n)).astype(dtype) for n in (5, 4))
        for (code, found), expected in (
            (calls.predict(X[0]), twin.predict(X[0])),
            (calls.predict_rows(X), twin.predict(X)),
            (calls.input_gradient(X, dA), twin.vjp(X, dA).inputs),
        ):
            assert code == OK
            assert same_bits(found, expected)
        assert calls.learn_one(X[0], dA[0]) == (OK, twin.learn_one(X[0], dA[0]))
    assert same_bits(net.parameters, twin.parameters)


@pytest.mark.parametrize("name", HIDDEN)
def test_a_network_learns_with_each(name, dtype):
    x = np.linspace(-2, 2, 128)[:, None]
    optimizer = cyprop.Adam(0.01)
    net = cyprop.Network([1, 16, 16, 1], name, "identity", optimizer=optimizer, dtype=dtype, seed=4)
    loss = net.fit(x, np.sin(2 * x), epochs=200, batch_size=16).loss[-1]
    assert (loss > 0.3) if name == "identity" else (loss < 0.1)
