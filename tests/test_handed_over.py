"""What Python code may hand over or override: a clear error or the right result, never a crash."""

import contextlib
import copy
import pickle

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop

rng = np.random.default_rng(5)
X, Y = rng.random((20, 6)), rng.random((20, 4))


def made(kind=cyprop.Network, dtype="float32"):
    return kind([6, 5, 4], "tanh", "identity", dtype=dtype, optimizer="adam")


def all_of(net, tmp_path):
    """What a network says and becomes in all that a person may do with it."""
    out = np.empty((20, 4), net.predict(X).dtype)
    data = X.astype(out.dtype)
    said = [net.predict(X), net.predict(X[0]), net.bind(data, out)().copy()]
    said += [
        net.evaluate(X, Y),
        net.gradients(X, Y).parameters,
        net.jacobian(X),
        net.vjp(X, Y).inputs,
    ]
    said += [net.fit(X, Y, epochs=2, batch_size=7, validation_data=(X, Y)).loss]
    said += [net.train_on_batch(X, Y), net.learn_one(X[0], Y[0])]
    net.step(net.gradients(X, Y))
    net.learning_rate = 0.01
    said += [copy.deepcopy(net).predict(X), pickle.loads(pickle.dumps(net)).predict(X)]
    net.save(tmp_path / "net")
    said += [cyprop.Network.load(tmp_path / "net").predict(X)]
    net.to_c(tmp_path / "net.h")
    said += [np.frombuffer((tmp_path / "net.h").read_bytes(), "u1")]
    assert net == copy.copy(net)
    assert net.handle().scratch_size(10) > 0
    return said


def assert_the_same(net, tmp_path, dtype="float32"):
    expected = all_of(made(dtype=dtype), tmp_path)
    for mine, theirs in zip(all_of(net, tmp_path), expected, strict=True):
        assert same_bits(np.asarray(mine), np.asarray(theirs))


# subclasses with names of their own


class Sizes(cyprop.Network):
    sizes = (1, 1)


class Dtype(cyprop.Network):
    dtype = np.dtype("i1")


class Settings(cyprop.Network):
    settings = cyprop.Settings([2, 2], dtype="float64")


class NoSettings(cyprop.Network):
    settings = None


class Parameters(cyprop.Network):
    parameters = np.zeros(1)


class Weights(cyprop.Network):
    weights = ()
    biases = (np.zeros(2),)


class OwnRandom(cyprop.Network):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._rng = "mine"


class Counts(cyprop.Network):
    n_parameters = -1
    activations = loss = None


KINDS = [Sizes, Dtype, Settings, NoSettings, Parameters, Weights, OwnRandom, Counts]


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_a_subclass_are_its_own_affair(kind, tmp_path, dtype):
    assert_the_same(made(kind, dtype=dtype), tmp_path, dtype)


def test_an_attribute_called_rng_is_kept_with_the_others():
    assert copy.copy(made(OwnRandom))._rng == "mine"
    assert pickle.loads(pickle.dumps(made(OwnRandom)))._rng == "mine"


@pytest.mark.parametrize("name", ["sizes", "dtype", "settings", "parameters", "weights", "n_out"])
def test_what_a_network_is_made_of_cannot_be_set(name):
    net = made()
    if name == "n_out":
        net.n_out = 99  # a name like any other
    else:
        with pytest.raises(AttributeError):
            setattr(net, name, 5)
    assert net.predict(X).shape == (20, 4)


# the arrays of a network


def of_bytes(array):
    array.dtype = "i1"


def of_doubles(array):
    array.dtype = "f8"


def of_one_row(array):
    array.shape = (1, *array.shape)


def of_no_stride(array):
    array.strides = (0,) * array.ndim


def read_only(array):
    array.flags.writeable = False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("change", [of_bytes, of_doubles, of_one_row, of_no_stride, read_only])
@pytest.mark.parametrize("where", ["parameters", "weights", "biases"])
def test_what_is_done_to_the_arrays_handed_out_changes_no_result(where, change, tmp_path, dtype):
    net = made(dtype=dtype)
    arrays = [net.parameters] if where == "parameters" else getattr(net, where)
    for array in arrays:
        try:
            change(array)
        except (ValueError, AttributeError):  # NumPy will not have it
            assert change is not read_only
    assert_the_same(net, tmp_path, dtype)


def test_read_only_parameters_keep_out_assignments_and_not_updates():
    net = made()
    for array in (net.parameters, *net.weights, *net.biases):
        array.flags.writeable = False
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 5
    net.learn_one(X[0], Y[0])
    assert not np.array_equal(net.parameters, before)


# arrays that lie


class Liar(np.ndarray):
    """Says what it is told to say of itself."""

    said = {}

    def __getattribute__(self, name):
        said = type(self).said
        return said[name] if name in said else super().__getattribute__(name)


LIES = [
    {"shape": (100_000, 6)},
    {"shape": (100_000, 4)},
    {"shape": (6,)},
    {"shape": ()},
    {"ndim": 1},
    {"ndim": 0},
    {"dtype": np.dtype("f4")},
    {"dtype": np.dtype("f8")},
    {"flags": np.zeros(3).flags},
    {"size": 10**9},
    {"strides": (0, 0)},
    {"nbytes": 1},
    {"__array_interface__": None},
]


@pytest.mark.parametrize("lies", LIES, ids=lambda lies: next(iter(lies)))
@pytest.mark.parametrize("given", ["f4", "f8", "i2"])
def test_arrays_that_lie_about_themselves(lies, given, dtype):
    class Other(Liar):
        said = lies

    net = made(dtype=dtype)
    x, y = X.astype(given).view(Other), Y.astype(given).view(Other)
    out = np.empty((20, 4), dtype).view(Other)
    data = X.astype(dtype).view(Other)
    expected = net.predict(X.astype(given))
    for call, right in {
        lambda: net.predict(x): expected,
        lambda: net.predict(x[0]): expected[0],
        lambda: net.predict(x, n_threads=2): expected,
        lambda: net.predict(X.astype(given), out): expected,
        lambda: net.bind(data, out)(): net.predict(X),
        lambda: net.evaluate(x, y): net.evaluate(X.astype(given), Y.astype(given)),
        lambda: net.jacobian(x): net.jacobian(X.astype(given)),
        lambda: net.gradients(x, y).parameters: net.gradients(
            X.astype(given), Y.astype(given)
        ).parameters,
    }.items():
        try:
            found = call()
        except (TypeError, ValueError):
            continue
        else:
            assert same_bits(np.asarray(found).view(np.ndarray), np.asarray(right))
    for learn in (
        lambda: net.learn_one(x[0], y[0]),
        lambda: net.train_on_batch(x, y),
        lambda: net.fit(x, y, epochs=1),
        lambda: net.step(net.parameters.view(Other)),
    ):
        with contextlib.suppress(TypeError, ValueError):
            learn()
        assert np.isfinite(net.parameters).all()


def test_an_order_that_does_not_fit_is_refused():
    from cyprop.engine.course import Course

    net = made()
    course = Course(net, X.astype("f4"), Y.astype("f4"), None, 5, 1)
    for order in ([0] * 20, np.zeros(21, "i8"), np.zeros(20, "i4"), np.zeros(40, "i8")[::2]):
        with pytest.raises(
            ValueError, match="order is not such as an array of the numbers of rows"
        ):
            course.train(order, None, 0, 0.0)
    for rates in ([0.1] * 4, np.zeros(3), np.zeros(4, "f4"), np.zeros(8)[::2]):
        with pytest.raises(ValueError, match="rates are not one number for each batch"):
            course.train(None, rates, 0, 0.0)
    for start in (-1, 21):
        with pytest.raises(ValueError, match=f"start is {start}, expected a row from 0 to 20"):
            course.train(None, None, start, 0.0)


def test_arrays_that_were_resized_since_a_course_began_are_refused():
    from cyprop.engine.course import Course

    for resized, match in (
        ("X", "different numbers of rows"),
        ("Y", "different numbers of rows"),
        ("weights", "weights are not such as a course takes"),
    ):
        arrays = {"X": X.astype("f4"), "Y": Y.astype("f4"), "weights": np.ones(len(X))}
        net = made()
        before = net.parameters.tobytes()
        course = Course(net, *arrays.values(), 5, 1)
        arrays[resized].resize((3, *arrays[resized].shape[1:]), refcheck=False)
        with pytest.raises(ValueError, match=match):
            course.train(None, None, 0, 0.0)
        assert net.parameters.tobytes() == before


# a network that was never made


def test_a_network_that_was_not_initialised_says_so_everywhere(tmp_path):
    blank = cyprop.Network.__new__(cyprop.Network)
    x, y = np.zeros(6, "f4"), np.zeros(4, "f4")
    for use in (
        lambda: blank.predict(x),
        lambda: blank.predict(X),
        lambda: blank.predict([1.0] * 6),
        lambda: blank.predict(x, y),
        lambda: blank.learn_one(x, y),
        lambda: blank.train_on_batch(X, Y),
        lambda: blank.train_on_batch(x[None], y[None]),
        lambda: blank.evaluate(X, Y),
        lambda: blank.fit(X, Y),
        lambda: blank.gradients(X, Y),
        lambda: blank.vjp(X, Y),
        lambda: blank.jacobian(X),
        lambda: blank.step(x),
        lambda: blank.bind(x, y),
        lambda: blank.handle(),
        lambda: blank.save(tmp_path / "net"),
        lambda: blank.to_c(tmp_path / "net.h"),
        lambda: blank.to_onnx(tmp_path / "net.onnx"),
        lambda: blank.to_torch(),
        lambda: blank.settings,
        lambda: blank.sizes,
        lambda: blank.dtype,
        lambda: blank.loss,
        lambda: blank.activations,
        lambda: blank.n_parameters,
        lambda: blank.optimizer,
        lambda: setattr(blank, "optimizer", "adam"),
        lambda: setattr(blank, "learning_rate", 0.5),
        lambda: blank.learning_rate,
        lambda: blank.set_hyperparameters(learning_rate=0.5),
        lambda: blank.__getstate__(),
        lambda: copy.copy(blank),
        lambda: copy.deepcopy(blank),
        lambda: pickle.dumps(blank),
        lambda: repr(blank),
        lambda: blank == made(),
        lambda: made() == blank,
        lambda: blank == blank,
    ):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            use()
    assert not list(tmp_path.iterdir())
