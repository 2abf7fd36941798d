"""Network: its methods, one by one, against the NumPy twin and against each other."""

import copy
import pickle
import sys
import threading

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits
from optimizers_for_tests import EVERY_OPTIMIZER
from plain_sums import multiply_add

import cyprop
from cyprop.engine import memory
from cyprop.kernels import activation, loss

TOLERANCE = {"float32": 2e-5, "float64": 1e-13}
OPTIMIZERS = EVERY_OPTIMIZER
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
    ([6, 9, 2], ["tanh"], "identity", "mae"),
    ([6, 9, 3], ["sigmoid"], "identity", "huber"),
    ([6, 3], [], "identity", "quantile"),
    ([6, 9, 3], ["relu"], "tanh", "log_cosh"),
    ([6, 17, 8, 6], ["tanh", "tanh"], "identity", "gaussian_nll"),
    ([6, 9, 3], ["tanh"], "exponential", "poisson"),
    ([6, 9, 3], ["tanh"], "softplus", "poisson"),
    ([6, 20, 4], ["relu"], "log_softmax", "cross_entropy"),
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
        Y = rng.random((n, net.settings.n_targets))
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
        X, _ = data(rng, net, 9)
        n_out = net.sizes[-1]
        for x, shape in ((X, (9, n_out)), (X[0], (n_out,)), (X[:1], (1, n_out))):
            out = np.full(shape, np.nan, dtype)
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
    for name in ("sigmoid", "tanh", "relu", "identity", "softmax", "log_softmax", "gelu"):
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
        {"sizes": [2, 3, 1], "output_activation": "log_softmax"},
        {"sizes": [2, 3, 1], "loss": "cross_entropy", "output_activation": "softmax"},
    ],
)
def test_one_output_with_softmax_is_refused(arguments):
    with pytest.raises(ValueError, match="the same for any input: use loss='binary_cross"):
        cyprop.Network(**arguments)


def test_one_output_with_softmax_comes_back_where_it_was_kept(tmp_path):
    net = memory.make(cyprop.Network, cyprop.Settings(**ONE_SOFTMAX))
    memory.set_rng(net, np.random.Generator(np.random.PCG64(0)))
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
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "identity", "relu", "gelu", "selu"])
def test_initial_weights_are_those_of_the_formula(dtype, name, seed):
    sizes = [13, 17, 64, 5]
    net = cyprop.Network(sizes, name, name, dtype=dtype, seed=seed)
    rng = np.random.Generator(np.random.PCG64(seed))
    for W, b, n_in, n_out in zip(net.weights, net.biases, sizes, sizes[1:]):
        if name in ("relu", "gelu", "selu"):
            variance = (1 if name == "selu" else 2) / n_in
            expected = rng.standard_normal((n_in, n_out)) * variance**0.5
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


CHANGES = [
    (cyprop.SGD(0.1), {"learning_rate": 0.02}),
    (cyprop.SGD(0.05, momentum=0.9), {"learning_rate": 0.01}),
    (cyprop.SGD(0.05, momentum=0.9), {"momentum": 0.3}),
    (cyprop.SGD(0.05, momentum=0.9), {"learning_rate": 0.01, "momentum": 0.5}),
    (cyprop.Adam(0.02, epsilon=1e-2), {"learning_rate": 0.005}),
    (cyprop.Adam(0.02, epsilon=1e-2), {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.5}),
    (cyprop.SGD(0.05, momentum=0.9), {"nesterov": True}),
    (cyprop.AdamW(0.02, epsilon=1e-2), {"learning_rate": 0.005, "weight_decay": 0.5}),
    (cyprop.AdamW(0.02, epsilon=1e-2, weight_decay=0.5), {"weight_decay": 0, "beta1": 0.5}),
    (cyprop.RMSprop(0.01, epsilon=1e-2), {"learning_rate": 0.005, "rho": 0.5}),
    (cyprop.RMSprop(0.01, epsilon=1e-2, momentum=0.8), {"rho": 0.5, "momentum": 0.5}),
    (cyprop.AdaGrad(0.05, epsilon=1e-2), {"learning_rate": 0.01, "epsilon": 0.5}),
]


@pytest.mark.parametrize(("optimizer", "changes"), CHANGES, ids=repr)
def test_changed_hyperparameters_keep_the_state(rng, dtype, optimizer, changes):
    net = make(SHALLOW, dtype, optimizer)
    reference = twin.Network(net)
    before_all = copy.deepcopy(net)
    for step in range(8):
        if step == 4:
            parameters, (_, _, states, tally) = net.parameters.tobytes(), memory.state(net)
            assert net.set_hyperparameters(**changes) is None
            assert net.optimizer == optimizer.with_hyperparameters(**changes)
            reference.optimizer = net.optimizer
            assert net.parameters.tobytes() == parameters
            _, _, kept, kept_tally = memory.state(net)
            assert [a.tobytes() for a in kept] == [a.tobytes() for a in states]
            assert kept_tally == tally
        X, Y = data(rng, net, 5)
        net.train_on_batch(X, Y)
        reference.train_on_batch(X, Y)
    assert_close(net, reference)
    assert net != before_all


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_schedule_ends_in_the_bits_of_a_loop_by_hand(rng, dtype, level, momentum):
    madd = multiply_add(level)
    net = make(SHALLOW, dtype, cyprop.SGD(0.3, momentum=momentum))
    by_hand = copy.deepcopy(net)
    v = np.zeros_like(net.parameters)
    for rate in (0.3, 0.2, 0.1, 0.03, 0.01):
        net.learning_rate = rate
        X, Y = data(rng, net, 7)
        v = madd(dtype.type(momentum), v, by_hand.gradients(X, Y).parameters)
        by_hand.parameters[...] = madd(-dtype.type(rate), v, by_hand.parameters)
        net.train_on_batch(X, Y)
        assert same_bits(net.parameters, by_hand.parameters)


def test_the_learning_rate_can_be_read_and_set():
    for optimizer in OPTIMIZERS:
        net = make(SHALLOW, optimizer=optimizer)
        assert net.learning_rate == optimizer.learning_rate
        net.learning_rate = np.float32(0.25)
        assert net.learning_rate == 0.25
        assert type(net.learning_rate) is float
        assert net.optimizer == optimizer.with_hyperparameters(learning_rate=0.25)
        assert net.settings.optimizer == net.optimizer
        assert "learning_rate=0.25" in repr(net)
        with pytest.raises(AttributeError):
            del net.learning_rate


def test_momentum_may_be_turned_on_later(rng, dtype):
    late, early = make(SHALLOW, dtype), make(SHALLOW, dtype)
    X, Y = data(rng, late, 5)
    for net in (late, early):
        net.train_on_batch(X, Y)
    early.optimizer = cyprop.SGD(0.1, momentum=0.9)
    late.set_hyperparameters(momentum=0.9)
    for net in (late, early):
        net.train_on_batch(X, Y)
        net.train_on_batch(X, Y)
    assert late == early


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        (
            {"beta1": 0.5},
            TypeError,
            "sgd has no hyperparameter 'beta1'; it has learning_rate, momentum, nesterov",
        ),
        (
            {"lr": 0.5},
            TypeError,
            "sgd has no hyperparameter 'lr'; it is called learning_rate;"
            " known are learning_rate, momentum, nesterov",
        ),
        (
            {"learning_rate": 0},
            ValueError,
            "learning_rate is 0, expected a finite number above 0",
        ),
        (
            {"learning_rate": -0.5},
            ValueError,
            "learning_rate is -0.5, expected a finite number above 0",
        ),
        (
            {"learning_rate": np.nan},
            ValueError,
            "learning_rate is nan, expected a finite number above 0",
        ),
        ({"learning_rate": True}, TypeError, "learning_rate is True, expected a number"),
        ({"learning_rate": "0.5"}, TypeError, "learning_rate is '0.5', expected a number"),
        ({"learning_rate": None}, TypeError, "learning_rate is None, expected a number"),
        (
            {"learning_rate": 1e39},
            ValueError,
            "learning_rate is 1e+39, expected a number that float32 can hold",
        ),
        (
            {"learning_rate": 1e-60},
            ValueError,
            "learning_rate is 1e-60, expected a number that float32 can hold",
        ),
        (
            {"momentum": 1},
            ValueError,
            "momentum is 1, expected a finite number at least 0 and below 1",
        ),
        (
            {"learning_rate": 0.5, "momentum": -0.1},
            ValueError,
            "momentum is -0.1, expected a finite number at least 0 and below 1",
        ),
    ],
)
def test_hyperparameters_that_are_refused_change_nothing(rng, changes, error, sentence):
    net = make(SHALLOW, "float32", cyprop.SGD(0.1, momentum=0.9))
    net.train_on_batch(*data(rng, net, 5))
    before = memory.state(net)
    with pytest.raises(error) as caught:
        net.set_hyperparameters(**changes)
    assert str(caught.value) == sentence
    if list(changes) == ["learning_rate"]:
        with pytest.raises(error) as caught:
            net.learning_rate = changes["learning_rate"]
        assert str(caught.value) == sentence
    after = memory.state(net)
    assert after[0] == before[0]
    assert [a.tobytes() for a in after[2]] == [a.tobytes() for a in before[2]]
    assert net.train_on_batch(*data(rng, net, 5)) > 0  # the turn that was begun has ended


def test_no_change_is_a_change_of_nothing(rng):
    net = make(SHALLOW, optimizer=cyprop.Adam())
    net.train_on_batch(*data(rng, net, 5))
    before = memory.state(net)
    net.set_hyperparameters()
    after = memory.state(net)
    assert after[0] == before[0]
    assert after[3] == before[3]


@pytest.mark.parametrize("way", COPIES)
def test_copies_have_the_changed_hyperparameters(rng, way):
    net = make(DEEP, optimizer=cyprop.SGD(0.05, momentum=0.9))
    X, Y = data(rng, net, 5)
    net.train_on_batch(X, Y)
    net.set_hyperparameters(learning_rate=0.01, momentum=0.5)
    other = COPIES[way](net)
    assert other.optimizer == cyprop.SGD(0.01, momentum=0.5)
    assert net.train_on_batch(X, Y) == other.train_on_batch(X, Y)
    assert net == other


def test_files_have_the_changed_hyperparameters(tmp_path):
    net = make(DEEP, optimizer=cyprop.Adam())
    net.set_hyperparameters(learning_rate=0.25, beta1=0.5)
    net.save(tmp_path / "net")
    assert cyprop.Network.load(tmp_path / "net").optimizer == cyprop.Adam(0.25, beta1=0.5)


def test_threads_that_change_one_hyperparameter_each_undo_nothing():
    net = make(SHALLOW, optimizer=cyprop.SGD(0.1, momentum=0.1))
    n, undone = 300, []

    def change(key):
        for i in range(1, n + 1):
            net.set_hyperparameters(**{key: i / (n + 1)})
            if net.optimizer.hyperparameters[key] != i / (n + 1):
                undone.append(key)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=change, args=[key]) for key in ("learning_rate", "momentum")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert undone == []
    assert net.optimizer == cyprop.SGD(n / (n + 1), momentum=n / (n + 1))


def test_a_network_that_was_not_initialised_has_no_learning_rate():
    blank = cyprop.Network.__new__(cyprop.Network)
    for use in (
        lambda: blank.learning_rate,
        lambda: blank.set_hyperparameters(learning_rate=0.5),
        lambda: setattr(blank, "learning_rate", 0.5),
    ):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            use()


# what a network shows of itself


def test_dir_has_what_is_meant_for_users():
    net = cyprop.Network([2, 1])
    own = {name for name in dir(net) if not name.startswith("__")}
    assert own == {
        "activations", "biases", "bind", "classify", "dtype", "evaluate", "fit", "fold_scaling",
        "frozen", "gradients", "handle", "history", "input_map", "input_names", "jacobian",
        "labels", "learn_one", "learning_rate", "load", "loss", "n_parameters", "optimizer",
        "output_map", "output_names", "parameters", "predict", "save", "scale_inputs",
        "set_hyperparameters", "settings", "sizes", "step", "to_c", "to_onnx", "to_torch",
        "train_on_batch", "vjp",
        "weights",
    }  # fmt: skip
    net.note, net._hidden = 1, 2
    assert {name for name in dir(net) if not name.startswith("__")} == own | {"note"}
    assert {"__init__", "__doc__", "__eq__", "__dict__"} <= set(dir(net))


def test_repr_is_what_it_is():
    net = cyprop.Network([784, 30, 10], ["tanh"], loss="cross_entropy", optimizer="adam")
    assert repr(net) == (
        "Network([784, 30, 10], activation='tanh', output_activation='softmax',"
        " loss='cross_entropy', optimizer=Adam(learning_rate=0.001, beta1=0.9, beta2=0.999,"
        " epsilon=1e-08), dtype='float32': 23,860 parameters)"
    )


def test_settings_are_those_the_network_was_made_with():
    arguments = {
        "sizes": [3, 5, 2], "activation": "tanh", "output_activation": "softmax",
        "loss": "cross_entropy", "optimizer": cyprop.Adam(0.5), "dtype": "float64",
    }  # fmt: skip
    net = cyprop.Network(**arguments)
    assert net.settings == cyprop.Settings(**arguments)
    before = net.settings
    net.learning_rate = 0.25
    assert before == cyprop.Settings(**arguments)
    assert net.settings == before.with_optimizer(cyprop.Adam(0.25))
    with pytest.raises(AttributeError):
        net.settings = before


def test_a_subclass_inherits_what_is_compiled(rng, dtype):
    class Own(cyprop.Network):
        @property
        def parameters(self):
            return super().parameters * 2

    net, own = cyprop.Network([3, 5, 2], dtype=dtype), Own([3, 5, 2], dtype=dtype)
    assert same_bits(own.parameters, net.parameters * 2)
    assert same_bits(own.weights[0], net.weights[0])
    X, Y = rng.random((4, 3)), rng.random((4, 2))
    assert same_bits(own.predict(X), net.predict(X))
    own.step(own.gradients(X, Y))
    net.train_on_batch(X, Y)
    assert same_bits(copy.copy(own).parameters, net.parameters * 2)
    assert copy.deepcopy(own) == net


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
