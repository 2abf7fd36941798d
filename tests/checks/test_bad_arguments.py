"""Arguments that do not fit, and networks that are not ready: one clear sentence, no crash."""

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop

METHODS = ("predict", "learn_one", "train_on_batch", "evaluate", "gradients", "fit")


def call(net, method, X, Y):
    return net.predict(X) if method == "predict" else getattr(net, method)(X, Y)


@pytest.fixture
def net(dtype):
    return cyprop.Network([3, 5, 2], dtype=dtype)


@pytest.fixture
def data(rng, dtype):
    return rng.random((6, 3)).astype(dtype), rng.random((6, 2)).astype(dtype)


# making a network


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"sizes": [3, 0, 2]}, ValueError, r"sizes\[1\] is 0, expected at least 1"),
        ({"sizes": [0, 2]}, ValueError, r"sizes\[0\] is 0, expected at least 1"),
        ({"sizes": [3, -1]}, ValueError, r"sizes\[1\] is -1, expected at least 1"),
        ({"sizes": [3, 2.5]}, TypeError, r"sizes\[1\] is 2.5, expected a whole number"),
        ({"sizes": [3, 2.0]}, TypeError, r"sizes\[1\] is 2.0, expected a whole number"),
        ({"sizes": [3, True]}, TypeError, r"sizes\[1\] is True, expected a whole number"),
        ({"sizes": [3, None]}, TypeError, r"sizes\[1\] is None, expected a whole number"),
        ({"sizes": [3, "2"]}, TypeError, r"sizes\[1\] is '2', expected a whole number"),
        ({"sizes": np.array([3.0, 2.0])}, TypeError, r"sizes\[0\] .* expected a whole number"),
        ({"sizes": []}, ValueError, "sizes has 0 entries, expected at least two"),
        ({"sizes": [3]}, ValueError, "sizes has 1 entry, expected at least two"),
        ({"sizes": None}, TypeError, "sizes is None, expected a sequence"),
        ({"sizes": 3}, TypeError, "sizes is 3, expected a sequence"),
        ({"sizes": "32"}, TypeError, "sizes is '32', expected a sequence"),
        ({"sizes": [2**40, 2**40]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**62, 2**62, 2]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**63, 1]}, ValueError, "too many parameters to address"),
        ({"sizes": [1, 10**30]}, ValueError, "too many parameters to address"),
        ({"sizes": [2**31, 2**31 + 1]}, ValueError, "too many parameters to address"),
        ({"activation": "swing"}, ValueError, "'swing' is unknown; known are sigmoid, tanh, relu"),
        ({"activation": "swish"}, ValueError, "'swish' is unknown; it is called 'silu'; known are"),
        ({"activation": "ReLU"}, ValueError, "'ReLU' is unknown; it is called 'relu'; known are"),
        ({"activation": None}, TypeError, "activation is None, expected a name"),
        ({"activation": 3}, TypeError, "activation is 3, expected a name"),
        ({"activation": [None]}, TypeError, "activation is None, expected one of sigmoid"),
        ({"activation": []}, ValueError, "activation has 0 entries, expected 1, one for"),
        ({"activation": ["tanh"] * 2}, ValueError, "activation has 2 entries, expected 1, one for"),
        ({"activation": cyprop.ELU}, TypeError, "activation is the class ELU, expected one"),
        ({"activation": [cyprop.ELU]}, TypeError, "activation is the class ELU, expected one"),
        ({"activation": ["swing"]}, ValueError, "'swing' is unknown; known are sigmoid"),
        ({"activation": ["softmax"]}, ValueError, "'softmax' is for the output layer"),
        ({"output_activation": "linear"}, ValueError, "'linear' is unknown; it is called 'iden"),
        ({"output_activation": 3}, TypeError, "activation is 3, expected one of sigmoid"),
        ({"loss": "hubert"}, ValueError, "loss 'hubert' is unknown; known are mse, mae, huber, "),
        ({"loss": "MSE"}, ValueError, "loss 'MSE' is unknown; it is called 'mse'; known are mse, "),
        ({"loss": "mean_squared_error"}, ValueError, "is unknown; it is called 'mse'; known are"),
        ({"loss": cyprop.Huber}, TypeError, "loss is the class Huber, expected one made of it"),
        ({"loss": None}, TypeError, "loss is None, expected one of mse"),
        (
            {"loss": "cross_entropy", "output_activation": "sigmoid"},
            ValueError,
            "'cross_entropy' needs output_activation 'softmax' or 'log_softmax', not 'sigmoid'",
        ),
        (
            {"loss": "poisson", "output_activation": "identity"},
            ValueError,
            "'poisson' needs output_activation 'exponential' or 'softplus', not 'identity'",
        ),
        (
            {"sizes": [2, 4], "loss": "gaussian_nll", "output_activation": "tanh"},
            ValueError,
            "'gaussian_nll' needs output_activation 'identity', not 'tanh'",
        ),
        (
            {"sizes": [2, 3], "loss": "gaussian_nll"},
            ValueError,
            "sizes ends in 3, expected an even number of outputs with loss 'gaussian_nll': a mean",
        ),
        (
            {"loss": cyprop.Loss("huber", delta=1e300)},
            ValueError,
            "delta is 1e.300, expected a number that float32 can hold",
        ),
        (
            {"loss": "binary_cross_entropy", "output_activation": "tanh"},
            ValueError,
            "'binary_cross_entropy' needs output_activation 'sigmoid', not 'tanh'",
        ),
        ({"optimizer": "lion"}, ValueError, "'lion' is unknown; known are sgd, adam"),
        ({"optimizer": 0.1}, TypeError, "optimizer is 0.1, expected an Optimizer"),
        ({"optimizer": cyprop.SGD}, TypeError, "optimizer is the class SGD, expected one made"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16', expected 'float32' or 'float64'"),
        ({"dtype": "int32"}, ValueError, "dtype is 'int32', expected"),
        ({"dtype": "complex128"}, ValueError, "dtype is 'complex128', expected"),
        ({"dtype": ">f4"}, ValueError, "dtype is '>f4', expected"),
        ({"dtype": None}, ValueError, "dtype is None, expected"),
        ({"dtype": "single precision"}, ValueError, "dtype is 'single precision', expected"),
        ({"dtype": object()}, ValueError, "dtype is <object.*, expected"),
        ({"seed": -1}, ValueError, "seed is -1, expected at least 0"),
        ({"seed": 1.5}, TypeError, "seed is 1.5, expected a whole number"),
        ({"seed": None}, TypeError, "seed is None, expected a whole number"),
    ],
)
def test_arguments_that_make_no_network(arguments, error, match):
    with pytest.raises(error, match=match) as caught:
        cyprop.Network(**{"sizes": [3, 4, 2], **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sizes", [(3, 2), range(3, 1, -1), np.array([3, 2]), np.array([3, 2], "u1"), [np.int8(3), 2]]
)
def test_sizes_may_be_any_sequence_of_whole_numbers(sizes):
    assert cyprop.Network(sizes).sizes == (3, 2)
    assert all(type(size) is int for size in cyprop.Network(sizes).sizes)


@pytest.mark.parametrize("kind", [cyprop.SGD, cyprop.Adam])
@pytest.mark.parametrize("bad", [0, 0.0, -0.1, np.nan, np.inf, -np.inf])
def test_a_learning_rate_must_be_a_positive_finite_number(kind, bad):
    with pytest.raises(ValueError, match="learning_rate is .*, expected a finite number above 0"):
        kind(learning_rate=bad)


@pytest.mark.parametrize("kind", [cyprop.SGD, cyprop.Adam])
@pytest.mark.parametrize("bad", ["0.1", None, True, 1j, [0.1], np.array([0.1])])
def test_a_learning_rate_must_be_a_number(kind, bad):
    with pytest.raises(TypeError, match="learning_rate is .*, expected a number"):
        kind(learning_rate=bad)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: cyprop.SGD(momentum=1), ValueError, "momentum is 1, .* at least 0 and below 1"),
        (lambda: cyprop.SGD(momentum=-0.1), ValueError, "momentum is -0.1, .* at least 0"),
        (lambda: cyprop.Adam(beta1=1.0), ValueError, "beta1 is 1.0, .* below 1"),
        (lambda: cyprop.Adam(beta2=np.nan), ValueError, "beta2 is nan, .* below 1"),
        (lambda: cyprop.Adam(epsilon=0), ValueError, "epsilon is 0, .* above 0"),
        (lambda: cyprop.Optimizer("lion"), ValueError, "'lion' is unknown; known are sgd, adam"),
        (lambda: cyprop.Optimizer(None), TypeError, "name"),
        (
            lambda: cyprop.Optimizer("sgd", beta1=0.9),
            TypeError,
            "sgd has no hyperparameter 'beta1'; it has learning_rate, momentum, nesterov",
        ),
    ],
)
def test_hyperparameters_are_checked(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize("number", [1, np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_any_real_number_is_a_learning_rate(number):
    assert cyprop.SGD(learning_rate=number).learning_rate == float(number)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"epochs": -1}, ValueError, "epochs is -1, expected at least 0"),
        ({"epochs": 1.0}, TypeError, "epochs is 1.0, expected a whole number"),
        ({"epochs": None}, TypeError, "epochs is None, expected a whole number"),
        ({"epochs": True}, TypeError, "epochs is True, expected a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected at least 1"),
        ({"batch_size": -5}, ValueError, "batch_size is -5, expected at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5, expected a whole number"),
        ({"batch_size": None}, TypeError, "batch_size is None, expected a whole number"),
        ({"batch_size": "8"}, TypeError, "batch_size is '8', expected a whole number"),
    ],
)
def test_arguments_of_fit_are_checked(net, data, arguments, error, match):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=match):
        net.fit(*data, **arguments)
    assert net.parameters.tobytes() == before


def test_a_batch_size_beyond_every_integer_is_one_batch(dtype, data):
    one, huge = (cyprop.Network([3, 2], dtype=dtype) for _ in range(2))
    one.fit(*data, batch_size=6)
    huge.fit(*data, batch_size=10**30)
    assert one == huge


# networks that are not ready


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_was_not_initialised_says_so(method):
    blank = cyprop.Network.__new__(cyprop.Network)
    for X in (
        np.zeros((2, 3)),
        np.zeros(3),
        np.zeros(0),
        np.zeros(0, bool),
        np.zeros((2, 0)),
        None,
    ):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            call(blank, method, X, X)


def test_a_network_whose_making_failed_says_so():
    failed = cyprop.Network.__new__(cyprop.Network)
    with pytest.raises(ValueError, match="softmax"):
        failed.__init__([3, 4, 2], activation=["softmax"])
    for empty in (np.zeros(0, np.float32), np.zeros((1, 0), np.float32)):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            failed.predict(empty)


def test_other_uses_of_a_network_that_was_not_initialised_raise():
    blank = cyprop.Network.__new__(cyprop.Network)
    for use in (
        repr,
        lambda net: net == cyprop.Network([1, 1]),
        lambda net: net.__getstate__(),
        lambda net: net.sizes,
        lambda net: net.n_parameters,
        lambda net: setattr(net, "optimizer", "adam"),
    ):
        with pytest.raises((RuntimeError, AttributeError)):
            use(blank)


def test_a_network_is_initialised_once(net, data):
    before = net.parameters.tobytes()
    expected, prediction = repr(net), net.predict(np.ones(3))
    with pytest.raises(RuntimeError, match="cannot be initialised twice"):
        net.__init__([5, 4], activation="tanh", seed=3)
    with pytest.raises(RuntimeError, match="cannot be initialised twice"):
        net.__setstate__(cyprop.Network([5, 4]).__getstate__())
    assert net.parameters.tobytes() == before
    assert repr(net) == expected
    assert same_bits(net.predict(np.ones(3)), prediction)
    net.fit(*data, epochs=1)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (cyprop.SGD(learning_rate=1e300), "learning_rate"),
        (cyprop.SGD(learning_rate=1e-60), "learning_rate"),
        (cyprop.Adam(epsilon=1e-60), "epsilon"),
    ],
)
def test_a_hyperparameter_must_be_a_number_that_the_dtype_can_hold(optimizer, name):
    message = f"{name} is .*, expected a number that float32 can hold"
    with pytest.raises(ValueError, match=message):
        cyprop.Network([2, 1], optimizer=optimizer)
    net = cyprop.Network([2, 1])
    with pytest.raises(ValueError, match=message):
        net.optimizer = optimizer
    assert net.optimizer == cyprop.SGD()
    assert cyprop.Network([2, 1], optimizer=optimizer, dtype="float64").optimizer == optimizer


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_or_batch_whose_loss_is_not_finite_is_not_learned(bad):
    net = cyprop.Network([2, 3, 1], optimizer="adam")
    before = net.parameters.tobytes()
    assert not np.isfinite(net.learn_one([1.0, 2.0], [bad]))
    assert not np.isfinite(net.train_on_batch([[1.0, 2.0]], [[bad]]))
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cyprop.Network([2, 1], lr=0.1),
         "Network has no argument 'lr': give optimizer=cyprop.SGD(learning_rate=…)"),
        (lambda: cyprop.Network([2, 1], learning_rate=0.1),
         "Network has no argument 'learning_rate': give optimizer=cyprop.SGD(learning_rate=…)"),
        (lambda: cyprop.Network([2, 1], weight_decay=0.1),
         "Network has no argument 'weight_decay': give"
         " optimizer=cyprop.AdamW(weight_decay=…), or l2="),
        (lambda: cyprop.Network([2, 1], clip_norm=1),
         "Network has no argument 'clip_norm': give it to fit"),
        (lambda: cyprop.Network([2, 1], epochs=5),
         "Network has no argument 'epochs': give it to fit"),
        (lambda: cyprop.Network([2, 1]).fit([[1, 2]], [1], dropout=0.5),
         "fit has no argument 'dropout': give it to Network"),
        (lambda: cyprop.Network([2, 1], hidden=3),
         "Network has no argument 'hidden': it has sizes, activation, output_activation, loss,"
         " optimizer, dtype, seed, l1, l2, dropout, initializer"),
        (lambda: cyprop.Network([2, 1]).fit([[1, 2]], [1], lr=0.1),
         "fit has no argument 'lr': set net.learning_rate"),
        (lambda: cyprop.Network([2, 1]).fit([[1, 2]], [1], patience=3),
         "fit has no argument 'patience': give early_stopping=cyprop.EarlyStopping(patience=…)"),
        (lambda: cyprop.Network([2, 1]).fit([[1, 2]], [1], rows=3),
         "fit has no argument 'rows': it has X, Y, epochs, batch_size, shuffle,"
         " validation_data, progress, n_threads, sample_weight, schedule, clip_norm, clip_value,"
         " validation_split, class_weight, metrics, early_stopping, callbacks, checkpoint,"
         " steps_per_epoch, optimizer"),
        (lambda: cyprop.SGD(lr=0.1),
         "sgd has no hyperparameter 'lr'; it is called learning_rate; known are learning_rate,"
         " momentum, nesterov"),
    ],
)  # fmt: skip
def test_arguments_that_there_are_not_are_answered_with_what_to_write(call, said):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == said


@pytest.mark.parametrize("digits", [400, 5000])
def test_huge_numbers_are_one_short_sentence(digits):
    huge = 10**digits
    net = cyprop.Network([2, 1])
    for call in (
        lambda: cyprop.Network([2, huge]),
        lambda: cyprop.SGD(huge),
        lambda: cyprop.Adam(epsilon=huge),
        lambda: net.predict([1, 2], n_threads=huge),
        lambda: net.fit([[1, 2]], [1], n_threads=huge),
        lambda: net.fit([[1, 2]], [1], epochs=-huge),
        lambda: cyprop.Network([2, 1], seed=-huge),
        lambda: net.learn_one([1, 2], huge),
    ):
        with pytest.raises(ValueError, match=" is .*(expected|too many)") as caught:
            call()
        assert len(str(caught.value)) < 250
    assert cyprop.Network([2, 1], seed=huge) == cyprop.Network([2, 1], seed=huge)
    net.fit([[1, 2]], [1], epochs=1, batch_size=huge)


def test_names_may_be_texts_of_numpy(tmp_path):
    net = cyprop.Network(
        [np.int64(2), 1], np.str_("relu"), np.str_("identity"), np.str_("mse"), np.str_("adam"),
        np.str_("float32"),
    )  # fmt: skip
    assert net == cyprop.Network([2, 1], "relu", "identity", "mse", "adam", "float32")
    assert all(type(name) is str for name in (*net.activations, net.loss, net.optimizer.name))
    net.save(np.str_(tmp_path / "net"), {np.str_("who"): np.str_("Ada")})
    net.to_c(np.str_(tmp_path / "net.h"), np.str_("mine"))
    assert cyprop.Network.load(np.str_(tmp_path / "net")) == net
