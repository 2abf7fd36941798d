"""The update kernels against their NumPy twin."""

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import SIZES, misaligned, read_only, same_bits

import cyprop
from cyprop.kernels import update

HYPERPARAMETERS = {
    "sgd": [[0.1, 0.0, 0], [0.5, 0.9, 0], [0.5, 0.9, 1]],
    "adam": [[0.001, 0.9, 0.999, 1e-8], [0.3, 0.0, 0.5, 1e-3]],
    "adamw": [
        [0.001, 0.9, 0.999, 1e-8, 0.0], [0.3, 0.0, 0.5, 1e-3, 0.25], [0.5, 0.9, 0.5, 0.1, 3.0],
    ],
    "rmsprop": [[0.01, 0.99, 1e-8, 0.0], [0.3, 0.5, 1e-3, 0.9], [0.3, 0.0, 1e-3, 0.0]],
    "adagrad": [[0.01, 1e-10], [0.5, 1e-2]],
    "adam_of_sklearn": [[0.001, 0.9, 0.999, 1e-8], [0.3, 0.0, 0.5, 1e-3]],
}  # fmt: skip
EACH = [(name, values) for name, choices in HYPERPARAMETERS.items() for values in choices]
TOLERANCE = {"float32": 3e-6, "float64": 5e-15}


def of(name, values):
    """The names and values of an optimizer's hyperparameters."""
    return list(zip(update.hyperparameters(name), values, strict=True))


def fresh(name, n, dtype):
    return [np.zeros(n, dtype) for _ in range(update.n_states(name))], np.zeros(8)


def test_the_twin_knows_every_optimizer():
    assert set(update.names()) == set(HYPERPARAMETERS)
    assert set(update.names()) == set(vars(twin.update)), (
        "see update in tests/helpers/numpy_twin.py"
    )


def test_hyperparameters_and_their_bounds():
    assert update.hyperparameters("sgd") == {
        "learning_rate": (0.1, 0.0, False, np.inf),
        "momentum": (0.0, 0.0, True, 1.0),
        "nesterov": (False, 0.0, True, 2.0),
    }
    of_adam = {
        "learning_rate": (0.001, 0.0, False, np.inf),
        "beta1": (0.9, 0.0, True, 1.0),
        "beta2": (0.999, 0.0, True, 1.0),
        "epsilon": (1e-8, 0.0, False, np.inf),
    }
    assert update.hyperparameters("adam") == of_adam
    assert update.hyperparameters("adam_of_sklearn") == of_adam
    assert update.hyperparameters("adamw") == {**of_adam, "weight_decay": (0.01, 0.0, True, np.inf)}
    assert update.hyperparameters("rmsprop") == {
        "learning_rate": (0.01, 0.0, False, np.inf),
        "rho": (0.99, 0.0, True, 1.0),
        "epsilon": (1e-8, 0.0, False, np.inf),
        "momentum": (0.0, 0.0, True, 1.0),
    }
    assert update.hyperparameters("adagrad") == {
        "learning_rate": (0.01, 0.0, False, np.inf),
        "epsilon": (1e-10, 0.0, False, np.inf),
    }
    defaults = [
        value[0] for name in update.names() for value in update.hyperparameters(name).values()
    ]
    assert [type(value) for value in defaults].count(bool) == 1


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("name", "values"), EACH)
class TestNumbers:
    def test_several_steps(self, rng, dtype, name, values):
        for n in SIZES:
            theta = rng.normal(size=n + 2).astype(dtype)
            edges = theta[0], theta[-1]
            expected = theta[1:-1].astype(np.float64)
            states, tally = fresh(name, n, dtype)
            twin_state = {}
            # The twin takes the hyperparameters as the kernel has them, rounded to the dtype,
            # where they multiply a vector.
            named = dict(of(name, values))
            travelled = 0
            for _ in range(7):
                before = expected.copy()
                d_theta = rng.normal(size=n).astype(dtype)
                d_theta[rng.random(n) < 0.2] = 0
                update.step(name, theta[1:-1], read_only(d_theta), states, values, tally)
                getattr(twin.update, name)(
                    expected, d_theta.astype(np.float64), twin_state, **named
                )
                travelled = travelled + np.abs(expected - before)
            bound = TOLERANCE[dtype.name] * (np.abs(expected) + travelled + 1)
            assert (np.abs(theta[1:-1] - expected) <= bound).all()
            assert (theta[0], theta[-1]) == edges

    def test_an_element_has_the_same_bits_wherever_it_lies(self, rng, dtype, name, values):
        n = 65
        theta, d_theta = rng.normal(size=(2, n)).astype(dtype)
        whole, parts = theta.copy(), theta.copy()
        states, tally = fresh(name, n, dtype)
        for _ in range(3):
            update.step(name, whole, d_theta, states, values, tally)
        for start, stop in ((0, 1), (1, 8), (8, 41), (41, 65)):
            states, tally = fresh(name, stop - start, dtype)
            for _ in range(3):
                update.step(name, parts[start:stop], d_theta[start:stop], states, values, tally)
        assert same_bits(whole, parts)

    def test_a_nan_touches_no_other_element(self, rng, dtype, name, values):
        theta, d_theta = rng.normal(size=(2, 33)).astype(dtype)
        good, bad = theta.copy(), theta.copy()
        states, tally = fresh(name, 33, dtype)
        update.step(name, good, d_theta, states, values, tally)
        d_theta[16] = np.nan
        states, tally = fresh(name, 33, dtype)
        update.step(name, bad, d_theta, states, values, tally)
        others = np.arange(33) != 16
        assert same_bits(bad[others], good[others])
        assert np.isnan(bad[16])

    def test_a_gradient_of_zero_moves_nothing(self, rng, dtype, name, values):
        """Without a decay, which does not ask for gradients."""
        values = [0.0 if key == "weight_decay" else value for key, value in of(name, values)]
        theta = rng.normal(size=33).astype(dtype)
        before = theta.copy()
        states, tally = fresh(name, 33, dtype)
        update.step(name, theta, np.zeros_like(theta), states, values, tally)
        assert same_bits(theta, before)


def test_adam_first_step_is_the_learning_rate_in_the_gradients_direction(dtype):
    # m/(1 − beta1) is dθ and √(v/(1 − beta2)) is |dθ|: the size of the gradient cancels.
    d_theta = np.array([1e-3, -1e-3, 5.0, -5.0], dtype)
    theta = np.zeros_like(d_theta)
    states, tally = fresh("adam", 4, dtype)
    update.step("adam", theta, d_theta, states, [0.25, 0.9, 0.999, 1e-12], tally)
    np.testing.assert_allclose(theta, -0.25 * np.sign(d_theta), rtol=1e-6)


@pytest.mark.usefixtures("level")
def test_adamw_without_decay_has_the_bits_of_adam(rng, dtype):
    values = [0.3, 0.9, 0.99, 1e-4]
    ends = []
    for name, given in (("adam", values), ("adamw", [*values, 0.0])):
        draws = np.random.Generator(np.random.PCG64(1))
        theta = draws.normal(size=101).astype(dtype)
        states, tally = fresh(name, 101, dtype)
        for _ in range(5):
            update.step(name, theta, draws.normal(size=101).astype(dtype), states, given, tally)
        ends.append([theta, *states, tally])
    for one, other in zip(*ends, strict=True):
        assert same_bits(one, other)


def test_adamw_decays_whatever_the_gradient_is(dtype):
    theta = np.array([1.0, -4.0, 0.0], dtype)
    states, tally = fresh("adamw", 3, dtype)
    for _ in range(3):
        zeros = np.zeros(3, dtype)
        update.step("adamw", theta, zeros, states, [0.5, 0.9, 0.999, 1e-8, 0.5], tally)
    np.testing.assert_array_equal(theta, np.array([1.0, -4.0, 0.0], dtype) * dtype.type(0.75) ** 3)


@pytest.mark.usefixtures("level")
def test_adagrad_adds_up_to_the_largest_number_and_not_beyond(dtype):
    most = np.finfo(dtype).max
    large, square_is_infinite = dtype.type(np.sqrt(most) * 0.9), dtype.type(np.sqrt(most) * 1.1)
    theta, v, tally = np.zeros(3, dtype), np.array([most, most, 0], dtype), np.zeros(8)
    d_theta = np.array([large, square_is_infinite, square_is_infinite])
    with np.errstate(over="ignore"):
        update.step("adagrad", theta, d_theta, [v], [0.5, 1e-10], tally)
    assert v[0] == most
    assert np.isinf(v[1:]).all()  # which the engine finds, and then makes no such update
    np.testing.assert_allclose(theta[0], -0.5 * 0.9, rtol=1e-5)


# refusals


@pytest.mark.parametrize("place", ["theta", "d_theta", "state", "tally"])
@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda v: None, (TypeError, ValueError), "is None, expected a vector|dtype mismatch"),
        (misaligned, ValueError, "misaligned"),
        (lambda v: v[:0], ValueError, r"is empty|shape \(0,\)|expected \(0,\)"),
        (lambda v: np.zeros(len(v) + 1, v.dtype), ValueError, r"has shape .* expected"),
        (lambda v: np.zeros(2 * len(v), v.dtype)[::2], ValueError, "adjacent"),
        (lambda v: v.astype("int32"), (TypeError, ValueError), "dtype mismatch|signature"),
        (lambda v: v[None], (TypeError, ValueError), "dimensions|signature"),
    ],
)
def test_each_vector_is_checked(dtype, place, change, error, match):
    arrays = {key: np.ones(5, dtype) for key in ("theta", "d_theta", "state")}
    arrays["tally"] = np.zeros(8)
    theta = arrays["theta"]
    arrays[place] = change(arrays[place])
    with pytest.raises(error, match=match):
        update.step(
            "sgd",
            arrays["theta"],
            arrays["d_theta"],
            [arrays["state"]],
            [0.1, 0.9, 0],
            arrays["tally"],
        )
    assert (theta == 1).all()


@pytest.mark.parametrize("place", ["theta", "state", "tally"])
def test_what_is_updated_may_not_be_read_only(dtype, place):
    arrays = {"theta": np.ones(5, dtype), "state": np.ones(5, dtype), "tally": np.zeros(8)}
    arrays[place] = read_only(arrays[place])
    with pytest.raises(ValueError, match="read-only"):
        update.step(
            "sgd",
            arrays["theta"],
            np.ones(5, dtype),
            [arrays["state"]],
            [0.1, 0.9, 0],
            arrays["tally"],
        )


@pytest.mark.parametrize(
    ("states", "values", "error", "match"),
    [
        ([], [0.1, 0.0, 0], ValueError, "states has 0 vectors, expected 1"),
        (2, [0.1, 0.0, 0], ValueError, "states has 2 vectors, expected 1"),
        (1, [0.1], ValueError, "sgd was given 1 hyperparameters, expected 3"),
        (1, [0.1] * 9, ValueError, "sgd was given 9 hyperparameters, expected 3"),
        (None, [0.1, 0.0, 0], TypeError, "NoneType"),
        (1, None, TypeError, "NoneType"),
        (1, [0.1, "x", 0], TypeError, "must be real number|float"),
    ],
)
def test_states_and_hyperparameters_are_counted(dtype, states, values, error, match):
    theta = np.ones(5, dtype)
    if isinstance(states, int):
        states = [np.zeros(5, dtype) for _ in range(states)]
    with pytest.raises(error, match=match):
        update.step("sgd", theta, np.ones(5, dtype), states, values, np.zeros(8))
    assert (theta == 1).all()


def test_an_unknown_name_lists_the_known(dtype):
    theta = np.ones(5, dtype)
    for call in (
        lambda: update.step("lion", theta, theta, [], [], np.zeros(8)),
        lambda: update.hyperparameters("lion"),
        lambda: update.n_states("lion"),
    ):
        with pytest.raises(ValueError, match="'lion' is unknown; known are sgd, adam"):
            call()
    with pytest.raises(TypeError, match="optimizer is None, expected a name"):
        update.step(None, theta, theta, [], [], np.zeros(8))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(
    "sizes", [[70, 31, 4], [1031, 270, 3], [300_001, 1], [9, 33_000, 2]], ids=str
)
def test_one_sample_is_learned_by_its_gradient(rng, dtype, sizes):
    net = cyprop.Network(
        sizes, activation="tanh", output_activation="tanh", dtype=dtype, optimizer=cyprop.SGD(0.25)
    )
    x = rng.normal(size=sizes[0]).astype(dtype)
    y = rng.normal(size=sizes[-1]).astype(dtype)
    gradients = net.gradients(x[None], y[None])
    before = [array.copy() for array in net.weights + net.biases]
    net.learn_one(x, y)
    steps = gradients.weights + gradients.biases
    for old, step, new in zip(before, steps, net.weights + net.biases, strict=True):
        expected = (old - np.longdouble(0.25) * step).astype(dtype)
        assert (abs(new - expected) <= np.spacing(abs(expected))).all()
        assert (new != old).any()
