"""Whatever stands between the rows of W and behind b, results and updates are those of the weights.

Two networks with the same weights, one with zeros for padding and one with what should not matter,
go through the same calls and have to agree bit for bit. Learning leaves padding as it is.
"""

import copy
import pickle

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_calls import Calls

import cyprop
from cyprop.engine import memory

VALUES = {
    "NaN": np.nan, "inf": np.inf, "-inf": -np.inf, "denormal": 1e-45, "large": 1e38, "one": 1.0,
    "-0.0": -0.0,
}  # fmt: skip
FEW_VALUES = {name: VALUES[name] for name in ("NaN", "-inf", "one")}
ACTIVATIONS = ["sigmoid", "tanh", "relu", "identity"]
OPTIMIZERS = [
    cyprop.SGD(0.01),
    cyprop.SGD(0.001, momentum=0.9),
    cyprop.Adam(0.01),
    cyprop.AdamW(0.01, weight_decay=0.5),
    cyprop.RMSprop(0.01, momentum=0.5),
    cyprop.AdaGrad(0.01),
]
# Narrower than a cache line, of a line, wider, and so wide that rows have a line more.
SIZES = [[5, 3, 20, 2], [3, 1, 5], [17, 33, 16, 7], [4, 256, 9], [6, 130, 3]]


def gaps(net):
    """Where a vector like the parameters has padding."""
    found = np.ones(net.parameters.shape, net.dtype)
    for parts in memory.views(net, found):
        for part in parts:
            part[...] = 0
    return found == 1


def pair(sizes, value, dtype, activation="tanh", output="sigmoid", **arguments):
    """A network, and the same with that value in its padding."""
    clean = cyprop.Network(sizes, activation, output, dtype=dtype, seed=5, **arguments)
    for b in clean.biases:
        b[...] = np.linspace(-0.5, 0.5, b.size)
    dirty = copy.deepcopy(clean)
    where = gaps(dirty)
    assert where.any()
    dirty.parameters[where] = value
    return clean, dirty, where


def data(rng, sizes, n, dtype):
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    X[rng.random(X.shape) < 0.3] = 0
    return X, rng.dirichlet(np.ones(sizes[-1]), n).astype(dtype)


def numbers_of(net):
    _, parameters, states, tally = memory.state(net)
    vectors = [memory.views(net, vector) for vector in (parameters, *states)]
    return [part.tobytes() for two in vectors for parts in two for part in parts], tally


@pytest.mark.usefixtures("eager", "level")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_results_are_those_of_the_weights(rng, dtype, sizes, value):
    for activation in ACTIVATIONS:
        for output in (*ACTIVATIONS, "softmax"):
            clean, dirty, _ = pair(sizes, value, dtype, activation, output)
            for n in (1, 2, 9, 70):
                X, Y = data(rng, sizes, n, dtype)
                assert same_bits(dirty.predict(X), clean.predict(X))
                assert same_bits(dirty.predict(X, n_threads=2), clean.predict(X))
                assert dirty.evaluate(X, Y) == clean.evaluate(X, Y)
                expected, got = clean.gradients(X, Y), dirty.gradients(X, Y)
                for name in ("weights", "biases"):
                    for a, b in zip(getattr(expected, name), getattr(got, name), strict=True):
                        assert same_bits(a, b)
            assert same_bits(dirty.predict(X[0]), clean.predict(X[0]))
            out = np.empty(sizes[-1], dtype)
            assert same_bits(dirty.bind(X[0], out)(), clean.predict(X[0]))


@pytest.mark.usefixtures("eager", "level")
@pytest.mark.parametrize("value", FEW_VALUES.values(), ids=FEW_VALUES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_learning_is_that_of_the_weights_and_leaves_padding_alone(
    rng, dtype, sizes, optimizer, value
):
    for activation, output, loss in [
        ("tanh", "sigmoid", "mse"), ("relu", "softmax", "cross_entropy"),
        ("sigmoid", "softmax", "mse"),
        ("identity", "identity", "mse"), ("relu", "sigmoid", "binary_cross_entropy"),
    ]:  # fmt: skip
        clean, dirty, where = pair(
            sizes, value, dtype, activation, output, loss=loss, optimizer=optimizer
        )
        for n, n_threads in [(1, 1), (2, 1), (9, 2), (150, 1), (40, 2)]:
            X, Y = data(rng, sizes, n, dtype)
            for net in (clean, dirty):
                losses = net.learn_one(X[0], Y[0]), net.train_on_batch(X, Y, n_threads=n_threads)
                assert np.isfinite(losses).all()
            assert numbers_of(dirty) == numbers_of(clean)
        expected = np.full(where.sum(), value, dtype)
        assert same_bits(dirty.parameters[where], expected)
        assert not clean.parameters[where].any()


@pytest.mark.parametrize("value", FEW_VALUES.values(), ids=FEW_VALUES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_padding_of_states_and_gradients_takes_no_part(rng, dtype, optimizer, value):
    sizes = [5, 3, 20, 2]
    clean, dirty, where = pair(sizes, value, dtype, optimizer=optimizer)
    X, Y = data(rng, sizes, 9, dtype)
    for net in (clean, dirty):
        net.train_on_batch(X, Y)
    _, parameters, states, tally = memory.state(dirty)
    for state in states:
        state[where] = value
    memory.set_state(dirty, parameters, states, tally)
    for _ in range(3):
        gradient = clean.gradients(X, Y).parameters.copy()
        clean.step(gradient)
        gradient[where] = value
        dirty.step(gradient)
        for net in (clean, dirty):
            net.learn_one(X[0], Y[0])
            net.train_on_batch(X, Y)
        assert numbers_of(dirty) == numbers_of(clean)
    assert same_bits(dirty.parameters[where], np.full(where.sum(), value, dtype))


@pytest.mark.parametrize("value", FEW_VALUES.values(), ids=FEW_VALUES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_compiled_calls_give_the_bits_of_the_weights(rng, dtype, sizes, optimizer, value):
    clean, dirty, where = pair(sizes, value, dtype, optimizer=optimizer)
    X, Y = data(rng, sizes, 9, dtype)
    two = [Calls(net) for net in (clean, dirty)]
    for calls in [
        lambda c: c.predict(X[0]), lambda c: c.predict_rows(X), lambda c: c.input_gradient(X, Y),
    ]:  # fmt: skip
        (code, expected), (dirty_code, got) = (calls(c) for c in two)
        assert code == dirty_code == 0
        assert same_bits(got, expected)
    for x, y in zip(X, Y, strict=True):
        assert two[0].learn_one(x, y) == two[1].learn_one(x, y)
    assert numbers_of(dirty) == numbers_of(clean)
    assert same_bits(dirty.parameters[where], np.full(where.sum(), value, dtype))


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_copies_files_and_equality_are_those_of_the_weights(rng, dtype, tmp_path, value):
    sizes = [5, 3, 20, 2]
    clean, dirty, _ = pair(sizes, value, dtype, optimizer=cyprop.Adam(0.01))
    X, Y = data(rng, sizes, 9, dtype)
    assert dirty == clean
    for net, name in ((clean, "clean"), (dirty, "dirty")):
        net.save(tmp_path / f"{name}.safetensors")
        net.to_c(tmp_path / f"{name}.h", name="net")
    for ending in ("safetensors", "h"):
        assert (tmp_path / f"dirty.{ending}").read_bytes() == (
            tmp_path / f"clean.{ending}"
        ).read_bytes()
    copies = [
        copy.copy(dirty), copy.deepcopy(dirty), pickle.loads(pickle.dumps(dirty)),
        cyprop.Network.load(tmp_path / "dirty.safetensors"),
    ]  # fmt: skip
    clean.train_on_batch(X, Y)
    assert clean != dirty
    for other in copies:
        assert other == dirty
        other.train_on_batch(X, Y)
        assert other == clean
        assert same_bits(other.predict(X), clean.predict(X))


@pytest.mark.parametrize("value", FEW_VALUES.values(), ids=FEW_VALUES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_fit_is_that_of_the_weights(rng, dtype, optimizer, value):
    sizes = [5, 3, 20, 2]
    clean, dirty, where = pair(sizes, value, dtype, optimizer=optimizer)
    X, Y = data(rng, sizes, 40, dtype)
    histories = [net.fit(X, Y, epochs=3, batch_size=7) for net in (clean, dirty)]
    assert histories[0].loss == histories[1].loss
    assert numbers_of(dirty) == numbers_of(clean)
    assert same_bits(dirty.parameters[where], np.full(where.sum(), value, dtype))
