"""Network: its methods, one by one, against the NumPy twin and against each other."""

import copy
import pickle

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.engine import memory
from cyprop.kernels import activation, loss

TOLERANCE = {"float32": 2e-5, "float64": 1e-13}
OPTIMIZERS = [
    cyprop.SGD(learning_rate=0.1),
    cyprop.SGD(learning_rate=0.02, momentum=0.9),
    # With a small epsilon a step has the size of the rate however small and rounded dθ is.
    cyprop.Adam(learning_rate=0.02, epsilon=1e-2),
]
# Sizes, hidden activations, output activation, loss.
ARCHITECTURES = [
    ([4, 3], [], "sigmoid", "mse"),
    ([1, 1], [], "tanh", "mse"),
    ([1, 48, 1], ["tanh"], "identity", "mse"),
    ([3, 130, 2], ["relu"], "sigmoid", "mse"),
    ([7, 17, 3], ["sigmoid"], "sigmoid", "mse"),
    ([5, 16, 33, 2], ["relu", "tanh"], "identity", "mse"),
    ([6, 9, 4], ["tanh"], "softmax", "mse"),
    ([6, 20, 5, 4], ["relu", "identity"], "softmax", "cross_entropy"),
    ([6, 9, 2], ["sigmoid"], "sigmoid", "binary_cross_entropy"),
]

SHALLOW = ([7, 17, 3], ["sigmoid"], "sigmoid", "mse")
DEEP = ([5, 16, 33, 2], ["relu", "tanh"], "identity", "mse")


def make(architecture, dtype="float64", optimizer=OPTIMIZERS[0], seed=3):
    sizes, hidden, output, loss_name = architecture
    return cyprop.Network(
        sizes, activation=hidden, output_activation=output, loss=loss_name, optimizer=optimizer,
        dtype=dtype, seed=seed,
    )  # fmt: skip


def data(rng, net, n):
    X = rng.normal(size=(n, net.sizes[0])).astype(net.dtype)
    if net.loss == "cross_entropy":
        Y = np.eye(net.sizes[-1])[rng.integers(net.sizes[-1], size=n)]
    else:
        Y = rng.random((n, net.sizes[-1]))
    return X, Y.astype(net.dtype)


def assert_close(net, reference):
    """The network's parameters are the twin's."""
    tolerance = TOLERANCE[net.dtype.name]
    for mine, theirs in zip(
        net.weights + net.biases, reference.weights + reference.biases, strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
class TestEveryArchitecture:
    def test_predict(self, rng, dtype, architecture):
        net = make(architecture, dtype)
        reference = twin.Network(net)
        for n in (1, 2, 17, 200):
            X, _ = data(rng, net, n)
            tolerance = TOLERANCE[dtype.name]
            prediction = net.predict(X)
            assert prediction.dtype == dtype
            assert prediction.shape == (n, net.sizes[-1])
            np.testing.assert_allclose(
                prediction, reference.predict(X), rtol=tolerance, atol=tolerance
            )
            assert same_bits(net.predict(X[0]), prediction[0])

    def test_predict_into_out(self, rng, dtype, architecture):
        net = make(architecture, dtype)
        X, Y = data(rng, net, 9)
        for x, like in ((X, Y), (X[0], Y[0]), (X[:1], Y[:1])):
            out = np.full_like(like, np.nan)
            assert net.predict(x, out=out) is out
            assert same_bits(out, net.predict(x))
            out[...] = np.nan
            assert net.predict(x, out) is out
            assert same_bits(out, net.predict(x))

    def test_evaluate(self, rng, dtype, architecture):
        net = make(architecture, dtype)
        reference = twin.Network(net)
        for n in (1, 63, 64, 65, 200):
            X, Y = data(rng, net, n)
            found = net.evaluate(X, Y)
            assert type(found) is float
            assert found == pytest.approx(reference.evaluate(X, Y), rel=TOLERANCE[dtype.name])

    def test_gradients(self, rng, dtype, architecture):
        net = make(architecture, dtype)
        X, Y = data(rng, net, 17)
        before = net.parameters.tobytes()
        g, expected = net.gradients(X, Y), twin.Network(net).gradients(X, Y)
        assert net.parameters.tobytes() == before
        assert g.loss == net.evaluate(X, Y)
        for actual, wanted in zip(
            [*g.weights, *g.biases, g.inputs], [*expected.dW, *expected.db, expected.dA[0]],
            strict=True,
        ):  # fmt: skip
            tolerance = TOLERANCE[dtype.name]
            assert actual.dtype == dtype
            np.testing.assert_allclose(
                actual, wanted, rtol=10 * tolerance, atol=tolerance * np.abs(wanted).max()
            )
        for view in g.weights + g.biases:
            assert np.shares_memory(view, g.parameters)
        assert g.parameters.shape == net.parameters.shape

    @pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
    def test_train_on_batch(self, rng, dtype, architecture, optimizer):
        net = make(architecture, dtype, optimizer)
        reference = twin.Network(net)
        for n in (5, 1, 17, 2, 17, 8):
            X, Y = data(rng, net, n)
            before = net.evaluate(X, Y)
            found = net.train_on_batch(X, Y)
            assert type(found) is float
            # evaluate adds up the same rows in the same order.
            assert found == before
            tolerance = TOLERANCE[dtype.name]
            assert found == pytest.approx(reference.train_on_batch(X, Y), rel=10 * tolerance)
        assert_close(net, reference)

    @pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
    def test_learn_one_is_train_on_batch_of_one_row(self, rng, dtype, architecture, optimizer):
        one, batch = make(architecture, dtype, optimizer), make(architecture, dtype, optimizer)
        X, Y = data(rng, one, 20)
        for x, y in zip(X, Y, strict=True):
            before = one.evaluate(x[None], y[None])
            found = one.learn_one(x, y)
            assert type(found) is float
            assert found == before == batch.train_on_batch(x[None], y[None])
            assert one.parameters.tobytes() == batch.parameters.tobytes()

    def test_learning_lowers_the_loss(self, rng, dtype, architecture):
        net = make(architecture, dtype, cyprop.SGD(learning_rate=0.05))
        X, Y = data(rng, net, 8)
        before = net.evaluate(X, Y)
        for _ in range(50):
            net.train_on_batch(X, Y)
        assert net.evaluate(X, Y) < before

    def test_repr(self, dtype, architecture):
        sizes, hidden, output, loss_name = architecture
        text = repr(make(architecture, dtype))
        count = sum((n_in + 1) * n_out for n_in, n_out in zip(sizes, sizes[1:]))
        assert make(architecture, dtype).n_parameters == count
        for part in (str(sizes), output, loss_name, dtype.name, f"{count:,} parameters", *hidden):
            assert part in text
        assert "SGD(learning_rate=0.1" in text


@pytest.mark.parametrize("activation_name", activation.names())
def test_every_activation_is_accepted_by_name(activation_name):
    net = cyprop.Network([3, 2], output_activation=activation_name)
    assert net.activations == (activation_name,)


def test_defaults():
    net = cyprop.Network([3, 5, 2])
    assert net.sizes == (3, 5, 2)
    assert net.activations == ("sigmoid", "sigmoid")
    assert net.loss == "mse"
    assert net.dtype == np.float32
    assert net.optimizer == cyprop.SGD(learning_rate=0.1)
    assert net == cyprop.Network([3, 5, 2], seed=0)


@pytest.mark.parametrize(
    ("sizes", "activation", "output"),
    [
        ([3, 2], "sigmoid", "sigmoid"),
        ([3, 2], [], "sigmoid"),
        ([3, 2], "tanh", "identity"),
        ([3, 2], cyprop.Activation("relu"), "identity"),
        ([3, 5, 2], "sigmoid", "sigmoid"),
        ([3, 5, 2], cyprop.Activation("sigmoid"), "sigmoid"),
        ([3, 5, 5, 2], ["sigmoid", "sigmoid"], "sigmoid"),
        ([3, 5, 5, 2], ["relu", "sigmoid"], "identity"),
        ([3, 5, 5, 2], ["sigmoid", "tanh"], "identity"),
        ([3, 5, 2], ["relu"], "identity"),
        ([3, 5, 2], "tanh", "identity"),
        ([3, 5, 2], "identity", "identity"),
    ],
)
def test_the_output_activation_follows_the_loss_and_then_the_hidden_layers(
    sizes, activation, output
):
    for arguments in ({}, {"loss": "mse"}, {"loss": cyprop.Loss("mse"), "dtype": "float64"}):
        assert cyprop.Network(sizes, activation, **arguments).activations[-1] == output
    for name, own in (("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")):
        assert cyprop.Network(sizes, activation, loss=name).activations[-1] == own
    for name in ("sigmoid", "tanh", "relu", "identity", "softmax"):
        assert cyprop.Network(sizes, activation, name).activations[-1] == name


def test_a_regression_needs_no_more_than_its_hidden_layers():
    x = np.linspace(-3, 3, 200)[:, None]
    for name in ("relu", "tanh"):
        net = cyprop.Network([1, 16, 1], name, optimizer=cyprop.Adam(0.01))
        assert net.fit(x, np.sin(x), epochs=100).loss[-1] < 0.05


ONE_SOFTMAX = {"sizes": [2, 3, 1], "output_activation": "softmax"}


@pytest.mark.parametrize(
    "arguments",
    [
        ONE_SOFTMAX,
        {"sizes": [2, 1], "loss": "cross_entropy"},
        {"sizes": [2, 1], "activation": "softmax", "output_activation": "softmax"},
        {"sizes": [2, 3, 1], "loss": "cross_entropy", "output_activation": "softmax"},
    ],
)
def test_one_output_with_softmax_is_refused(arguments):
    with pytest.raises(ValueError, match="always 1: use loss='binary_cross_entropy' with one sig"):
        cyprop.Network(**arguments)


def test_one_output_with_softmax_comes_back_where_it_was_kept(tmp_path):
    net = memory.make(cyprop.Network, cyprop.Settings(**ONE_SOFTMAX))
    net._rng = np.random.Generator(np.random.PCG64(0))
    net.save(tmp_path / "net")
    for again in (
        cyprop.Network.load(tmp_path / "net"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert again == net
        assert again.predict([1.0, 2.0]) == 1


def test_an_activation_for_outputs_is_no_default_of_a_network_without_hidden_layers():
    with pytest.raises(ValueError, match="'softmax' is for the output layer, not a hidden one"):
        cyprop.Network([3, 2], "softmax")
    assert cyprop.Network([3, 2], "softmax", loss="cross_entropy").activations == ("softmax",)


def test_one_activation_for_each_hidden_layer():
    net = cyprop.Network([3, 5, 4, 2], activation=["tanh", "relu"], output_activation="sigmoid")
    assert net.activations == ("tanh", "relu", "sigmoid")


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_an_optimizer_may_be_named(name):
    net = cyprop.Network([3, 2], optimizer=name)
    assert net.optimizer == {"sgd": cyprop.SGD(), "adam": cyprop.Adam()}[name]


# initial weights


@pytest.mark.parametrize("seed", [0, 1, 2**40])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "identity", "relu"])
def test_initial_weights_are_those_of_the_formula(dtype, name, seed):
    sizes = [13, 17, 64, 5]
    net = cyprop.Network(sizes, name, name, dtype=dtype, seed=seed)
    rng = np.random.Generator(np.random.PCG64(seed))
    for W, b, n_in, n_out in zip(net.weights, net.biases, sizes, sizes[1:]):
        if name == "relu":
            expected = rng.standard_normal((n_in, n_out)) * (2 / n_in) ** 0.5
        else:
            limit = (6 / (n_in + n_out)) ** 0.5
            expected = (2 * rng.random((n_in, n_out)) - 1) * limit
        np.testing.assert_allclose(W, expected, rtol=1e-6, atol=1e-7)
        assert W.dtype == dtype
        assert same_bits(b.copy(), np.zeros(n_out, dtype))


def test_the_draw_follows_the_activation_behind_the_weights():
    mixed = cyprop.Network([20, 30, 10], activation=["relu"], output_activation="tanh")
    rng = np.random.Generator(np.random.PCG64(0))
    first = rng.normal(0, (2 / 20) ** 0.5, (20, 30))
    limit = (6 / 40) ** 0.5
    second = rng.uniform(-limit, limit, (30, 10))
    np.testing.assert_allclose(mixed.weights[0], first, rtol=1e-6)
    np.testing.assert_allclose(mixed.weights[1], second, rtol=1e-6)


def test_another_seed_draws_other_weights():
    assert cyprop.Network([3, 2], seed=1) != cyprop.Network([3, 2], seed=2)


# parameters


def test_parameters_are_one_aligned_vector_and_weights_are_its_views(dtype):
    for sizes in ([1, 1], [3, 5, 2], [784, 30, 10], [17, 64, 33, 1]):
        net = cyprop.Network(sizes, dtype=dtype)
        assert net.parameters.ndim == 1
        assert net.parameters.dtype == dtype
        assert net.parameters.ctypes.data % 64 == 0
        for layer, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            assert W.shape == (sizes[layer], sizes[layer + 1])
            assert b.shape == (sizes[layer + 1],)
            for view in (W, b):
                assert view.flags.writeable
                assert view.ctypes.data % 64 == 0
                assert np.shares_memory(view, net.parameters)
        # Filling the views fills n_parameters entries of the vector, no two the same.
        net.parameters[...] = 0
        count = 0
        for view in net.weights + net.biases:
            view[...] = np.arange(count + 1, count + 1 + view.size).reshape(view.shape)
            count += view.size
        assert count == net.n_parameters
        entries = net.parameters[net.parameters != 0]
        assert np.array_equal(np.sort(entries), np.arange(1, count + 1).astype(dtype))


def test_what_is_written_to_the_views_is_used(dtype):
    net = cyprop.Network([2, 1], activation="identity", dtype=dtype)
    net.weights[0][...] = [[2.0], [3.0]]
    net.biases[0][...] = 0.5
    assert net.predict(np.array([10, 100], dtype)) == 320.5
    net.weights[0][1, 0] = 4
    assert net.predict(np.array([10, 100], dtype)) == 420.5


def test_weights_and_parameters_cannot_be_replaced():
    net = cyprop.Network([2, 1])
    for name in ("weights", "biases", "parameters", "sizes", "activations", "loss", "dtype"):
        with pytest.raises(AttributeError):
            setattr(net, name, None)
    with pytest.raises(TypeError):
        net.weights[0] = np.zeros((2, 1))


@pytest.mark.parametrize("n_out", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 256])
def test_rows_are_padded_as_documented(dtype, n_out):
    net = cyprop.Network([5, n_out, 1], dtype=dtype)
    itemsize = np.dtype(dtype).itemsize
    row = n_out * itemsize
    expected = -(-row // 64) * 64 if row > 64 else itemsize * 2 ** (n_out - 1).bit_length()
    if expected % 1024 == 0:
        expected += 64
    assert net.weights[0].strides == (expected, itemsize)
    for array in net.weights + net.biases:
        assert array.ctypes.data % 64 == 0
        start = array.ctypes.data - net.parameters.ctypes.data
        assert start >= 0
        assert start + -(-array.shape[-1] * itemsize // 64) * 64 <= net.parameters.nbytes


def test_what_lies_in_the_padding_takes_no_part(rng, dtype):
    # Whoever fills or sums the flat vector writes the padding too.
    plain = make(DEEP, dtype)
    padded = make(DEEP, dtype)
    padded.parameters[...] = rng.normal(size=padded.parameters.shape)
    for mine, theirs in zip(
        padded.weights + padded.biases, plain.weights + plain.biases, strict=True
    ):
        mine[...] = theirs
    X, Y = data(rng, plain, 5)
    assert same_bits(plain.predict(X), padded.predict(X))
    a, b = plain.gradients(X, Y), padded.gradients(X, Y)
    for mine, theirs in zip(a.weights + a.biases, b.weights + b.biases, strict=True):
        assert np.array_equal(mine, theirs)
    assert same_bits(a.inputs, b.inputs)
    assert plain.train_on_batch(X, Y) == padded.train_on_batch(X, Y)
    assert plain == padded


# copies

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda net, protocol=protocol: pickle.loads(
            pickle.dumps(net, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_copy_trains_on_exactly_like_the_original(rng, dtype, way, optimizer):
    net = make(DEEP, dtype, optimizer)
    X, Y = data(rng, net, 50)
    net.fit(X, Y, epochs=2, batch_size=8)
    twin_net = COPIES[way](net)
    assert type(twin_net) is cyprop.Network
    assert twin_net == net
    assert repr(twin_net) == repr(net)
    assert not np.shares_memory(twin_net.parameters, net.parameters)
    assert twin_net.parameters.ctypes.data % 64 == 0
    first = net.fit(X, Y, epochs=3, batch_size=8)
    assert twin_net != net
    second = twin_net.fit(X, Y, epochs=3, batch_size=8)
    assert first.loss == second.loss
    assert twin_net.parameters.tobytes() == net.parameters.tobytes()


def test_equality():
    net = cyprop.Network([3, 4, 2])
    assert net == cyprop.Network([3, 4, 2])
    for other in (
        cyprop.Network([3, 5, 2]),
        cyprop.Network([3, 4, 2], dtype="float64"),
        cyprop.Network([3, 4, 2], activation="tanh"),
        cyprop.Network([3, 4, 2], optimizer=cyprop.SGD(learning_rate=0.2)),
        cyprop.Network([3, 4, 2], loss="binary_cross_entropy"),
        None,
        3,
        "Network",
    ):
        assert net != other
    almost = cyprop.Network([3, 4, 2])
    almost.biases[1][1] = 1e-30
    assert net != almost


def test_a_network_is_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(cyprop.Network([3, 2]))


# the optimizer


def test_setting_the_optimizer_starts_its_state_afresh(rng):
    net = make(SHALLOW, optimizer=cyprop.SGD(0.1, momentum=0.9))
    X, Y = data(rng, net, 8)
    net.train_on_batch(X, Y)
    net.optimizer = cyprop.Adam(learning_rate=0.01)
    assert net.optimizer == cyprop.Adam(learning_rate=0.01)
    reference = twin.Network(net)
    for _ in range(3):
        net.train_on_batch(X, Y)
        reference.train_on_batch(X, Y)
    assert_close(net, reference)


def test_optimizers_say_what_they_are():
    assert repr(cyprop.SGD(0.5, momentum=0.9)) == "SGD(learning_rate=0.5, momentum=0.9)"
    assert cyprop.SGD(0.5).learning_rate == 0.5
    assert cyprop.Adam().beta2 == 0.999
    assert cyprop.SGD() != cyprop.Adam()
    assert cyprop.Optimizer("adam", beta1=0.5) == cyprop.Adam(beta1=0.5)
    assert hash(cyprop.Optimizer("sgd")) == hash(cyprop.SGD())
    assert pickle.loads(pickle.dumps(cyprop.Adam(beta1=0.5))) == cyprop.Adam(beta1=0.5)
    assert copy.deepcopy(cyprop.SGD(0.3)) == cyprop.SGD(0.3)
    with pytest.raises(AttributeError, match="no attribute 'beta1'"):
        _ = cyprop.SGD().beta1


def test_loss_names_of_the_twin_are_all_tested():
    assert {name for *_, name in ARCHITECTURES} == set(loss.names())


def test_a_copy_keeps_what_a_user_has_added():
    net = cyprop.Network([2, 1])
    net.columns = ["a", "b"]
    assert copy.copy(net).columns is net.columns
    deep = copy.deepcopy(net)
    assert deep.columns == net.columns
    assert deep.columns is not net.columns
    assert pickle.loads(pickle.dumps(net)).columns == net.columns
