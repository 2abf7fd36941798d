"""The losses as a person writes them: classes of one name, files, pickles, two outputs a target."""

import copy
import pickle

import compiled_headers
import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop import losses

OWN = [
    (cyprop.Huber, "huber", "delta", 1.0, 0.25),
    (cyprop.Quantile, "quantile", "q", 0.5, 0.9),
    (cyprop.CrossEntropy, "cross_entropy", "label_smoothing", 0.0, 0.1),
]
RULES = [kind(value) for kind, _, _, _, value in OWN]


@pytest.mark.parametrize(("kind", "name", "key", "default", "value"), OWN)
def test_a_class_of_one_name_is_the_loss_of_that_name(kind, name, key, default, value):
    assert kind() == cyprop.Loss(name) == kind(default)
    assert kind(value) == cyprop.Loss(name, **{key: value}) == kind(**{key: value})
    assert kind(value) != kind()
    assert hash(kind(value)) == hash(cyprop.Loss(name, **{key: value}))
    assert getattr(kind(value), key) == value
    assert isinstance(kind(), cyprop.Loss)
    assert repr(kind(value)) == f"{kind.__name__}({key}={value})"
    assert losses.__dict__[kind.__name__] is kind
    for text in (name, cyprop.Loss(name)):
        assert cyprop.Network([2, 2], loss=text).settings.loss == kind()
    with pytest.raises(TypeError, match=f"{name} has no hyperparameter 'slope'; it has {key}"):
        kind(slope=1)
    with pytest.raises(AttributeError, match="^an? [A-Za-z]+ does not change; make a network with"):
        setattr(kind(), key, 0.5)


@pytest.mark.parametrize(
    ("kind", "bad", "expected"),
    [
        (cyprop.Huber, 0, "delta is 0, expected a finite number above 0"),
        (cyprop.Huber, -1.0, "delta is -1.0, expected a finite number above 0"),
        (cyprop.Huber, np.inf, "delta is inf, expected a finite number above 0"),
        (cyprop.Quantile, 0.0, "q is 0.0, expected a finite number above 0 and below 1"),
        (cyprop.Quantile, 1, "q is 1, expected a finite number above 0 and below 1"),
        (cyprop.CrossEntropy, 1.0, "label_smoothing is 1.0, expected .* at least 0 and below 1"),
        (cyprop.CrossEntropy, -0.1, "label_smoothing is -0.1, expected .* at least 0 and below 1"),
        (cyprop.CrossEntropy, np.nan, "label_smoothing is nan, expected"),
    ],
)
def test_a_hyperparameter_out_of_range_says_the_range(kind, bad, expected):
    with pytest.raises(ValueError, match=expected):
        kind(bad)
    with pytest.raises(TypeError, match="expected a number"):
        kind("much")


def test_a_network_shows_the_name_alone_where_all_is_default():
    assert "loss='huber'," in repr(cyprop.Network([2, 1], loss=cyprop.Huber()))
    assert "loss=Huber(delta=0.25)," in repr(cyprop.Network([2, 1], loss=cyprop.Huber(0.25)))
    assert "loss='cross_entropy'," in repr(cyprop.Network([2, 2], loss=cyprop.CrossEntropy()))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_files_pickles_and_copies_have_it(tmp_path, rule):
    net = cyprop.Network([3, 4, 2], "tanh", loss=rule, seed=2)
    net.save(tmp_path / "net")
    for again in (
        cyprop.Network.load(tmp_path / "net"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert again == net
        assert again.settings.loss == rule
        assert type(again.settings.loss) is type(rule)
        X, Y = np.ones((2, 3)), np.eye(2)
        assert again.evaluate(X, Y) == net.evaluate(X, Y)
        assert again.train_on_batch(X, Y) == copy.copy(net).train_on_batch(X, Y)
    again = pickle.loads(pickle.dumps(rule))
    assert again == rule
    assert type(again) is type(rule)


def test_a_file_names_a_loss_without_smoothing_as_before(tmp_path):
    cyprop.Network([2, 3], loss="cross_entropy").save(tmp_path / "net")
    header = (tmp_path / "net").read_bytes()
    assert rb"\"loss\":\"cross_entropy\"," in header
    cyprop.Network([2, 3], loss=cyprop.CrossEntropy(0.5)).save(tmp_path / "net")
    assert rb"{\"label_smoothing\":0.5}" in (tmp_path / "net").read_bytes()


def test_the_output_is_any_number_by_default():
    for name in ("mae", "huber", "quantile", "log_cosh", "gaussian_nll"):
        for hidden in ("sigmoid", "tanh"):
            assert cyprop.Network([2, 3, 2], hidden, loss=name).activations[-1] == "identity"
        assert cyprop.Network([2, 2], loss=name).activations[-1] == "identity"
    assert cyprop.Network([2, 3, 2], loss="mse").activations[-1] == "sigmoid"
    assert cyprop.Network([2, 3, 2], loss="poisson").activations[-1] == "exponential"


def test_smoothed_labels_are_the_targets_that_were_smoothed(rng, dtype):
    smoothing = 0.25
    X, Y = rng.normal(size=(9, 3)).astype(dtype), np.eye(4)[rng.integers(4, size=9)].astype(dtype)
    for output in ("softmax", "log_softmax"):
        plain = cyprop.Network([3, 5, 4], "tanh", output, "cross_entropy", dtype=dtype)
        smoothed = cyprop.Network([3, 5, 4], "tanh", output, cyprop.CrossEntropy(smoothing),
                                  dtype=dtype)  # fmt: skip
        by_hand = (1 - smoothing) * Y + smoothing / 4
        assert smoothed.evaluate(X, Y) == pytest.approx(plain.evaluate(X, by_hand), rel=1e-6)
        np.testing.assert_allclose(
            smoothed.gradients(X, Y).parameters, plain.gradients(X, by_hand).parameters, atol=1e-6
        )


# two outputs a target


@pytest.fixture
def gaussian(dtype):
    return cyprop.Network([3, 17, 6], "tanh", loss="gaussian_nll", dtype=dtype, seed=1)


def test_everything_that_takes_targets_takes_rows_of_half_the_outputs(gaussian, rng):
    net, reference = gaussian, twin.Network(gaussian)
    X, Y = rng.normal(size=(2, 40, 3)).astype(net.dtype)
    assert net.settings.n_targets == 3
    tolerance = 1e-5 if net.dtype == "float32" else 1e-12
    assert net.evaluate(X, Y) == pytest.approx(reference.evaluate(X, Y), rel=tolerance)
    assert net.evaluate(X, Y, n_threads=2) == net.evaluate(X, Y)
    assert net.gradients(X, Y).loss == net.evaluate(X, Y)
    for x, y in zip(X[:3], Y[:3], strict=True):
        assert net.learn_one(x, y) == pytest.approx(
            reference.train_on_batch(x[None], y[None]), rel=tolerance
        )
    rows = X.tolist(), Y.tolist()
    for few in (1, 3, 40):
        assert net.train_on_batch(rows[0][:few], rows[1][:few]) == pytest.approx(
            reference.train_on_batch(X[:few], Y[:few]), rel=10 * tolerance
        )
    assert net.predict(X).shape == (40, 6)
    assert net.vjp(X, np.ones((40, 6))).inputs.shape == (40, 3)
    history = net.fit(X, Y, epochs=30, batch_size=8, validation_data=(X, Y))
    assert history.loss[-1] < history.loss[0]


def test_a_shuffled_epoch_is_that_of_the_rows_in_that_order(gaussian, rng):
    X, Y = rng.normal(size=(2, 21, 3)).astype(gaussian.dtype)
    one, other = gaussian, copy.deepcopy(gaussian)
    order = copy.deepcopy(one.__getstate__()["rng"]).permutation(21)
    one.fit(X, Y, epochs=1, batch_size=4)
    other.fit(X[order], Y[order], epochs=1, batch_size=4, shuffle=False)
    assert same_bits(one.parameters, other.parameters)


def test_targets_of_another_width_are_refused(gaussian):
    before = gaussian.parameters.tobytes()
    X, Y = np.zeros((4, 3)), np.zeros((4, 6))
    for call in (gaussian.fit, gaussian.evaluate, gaussian.train_on_batch, gaussian.gradients):
        with pytest.raises(ValueError, match=r"Y has shape \(4, 6\), expected \(n, 3\)"):
            call(X, Y)
    with pytest.raises(ValueError, match=r"y has shape \(6,\), expected \(3,\)"):
        gaussian.learn_one(X[0], Y[0])
    assert gaussian.parameters.tobytes() == before


def test_means_and_variances_are_learned(rng):
    X = rng.uniform(-1, 1, (400, 1))
    deviation = np.where(X < 0, 0.1, 0.5)
    Y = np.sin(3 * X) + deviation * rng.normal(size=X.shape)
    net = cyprop.Network([1, 32, 2], "tanh", loss="gaussian_nll", optimizer=cyprop.Adam(0.01))
    net.fit(X, Y, epochs=150)
    mean, log_variance = net.predict(np.array([[-0.5], [0.5]])).T
    np.testing.assert_allclose(mean, np.sin([-1.5, 1.5]), atol=0.15)
    np.testing.assert_allclose(np.exp(log_variance / 2), [0.1, 0.5], rtol=0.35)


def test_a_variance_of_zero_is_refused_and_changes_nothing(gaussian):
    gaussian.biases[-1][3:] = -800.0
    before = gaussian.parameters.tobytes()
    x, y = np.ones(3), np.full(3, 9.0)
    assert not np.isfinite(gaussian.learn_one(x, y))
    assert not np.isfinite(gaussian.train_on_batch(x[None], y[None]))
    assert gaussian.parameters.tobytes() == before
    with pytest.raises(cyprop.DivergenceError):
        gaussian.fit(x[None], y[None], epochs=1)
    gaussian.biases[-1][3:] = -120.0  # whose reciprocal only float64 can hold
    before = gaussian.parameters.tobytes()
    if gaussian.dtype == "float32":
        assert np.isnan(gaussian.learn_one(x, y))
        assert gaussian.parameters.tobytes() == before


def test_the_c_header_predicts_both_outputs(gaussian, tmp_path, rng):
    source = compiled_headers.export(tmp_path, {"net": gaussian})
    library = compiled_headers.library(source, "-O1")
    X = rng.normal(size=(9, 3)).astype(gaussian.dtype)
    assert compiled_headers.predict(library, "net", gaussian, X).shape == (9, 6)
