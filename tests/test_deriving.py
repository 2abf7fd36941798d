"""gradients, vjp, jacobian and step: what a person derives, and learning in two steps.

tests/engine/test_derivatives.py has the equations one by one. Here a C of the caller's own is
derived, and measured with central differences through `predict`, which takes nothing from the way
back.
"""

import math

import numpy as np
import numpy_twin as twin
import pytest
from arrays_for_tests import misaligned, same_bits, sparse
from optimizers_for_tests import EVERY_OPTIMIZER

import cyprop
from cyprop.engine import memory
from cyprop.kernels import activation, loss
from cyprop.training.initialisation import draw_weights

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
COUNTS = (2, 3, 8)
HIDDEN = [name for name in activation.names() if not activation.couples_units(name)]

# f′(0) ≈ Σ_k c_k · (f(kh) − f(−kh)) / h, whose error is of the sixth order in h.
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))


def below(output):
    """The hidden activations to try below an output: all below one, and one below all."""
    return HIDDEN if output == "identity" else ("tanh",)


def made(sizes, hidden, output, dtype="float64", seed=3, **arguments):
    """A network whose biases are not zero; one softmax output is let pass, as in a file."""
    settings = cyprop.Settings(sizes, hidden, output, dtype=dtype, **arguments)
    net = memory.make(cyprop.Network, settings)
    memory.set_rng(net, np.random.Generator(np.random.PCG64(seed)))
    draw_weights(net.weights, net.activations, memory.rng_of(net))
    rng = np.random.default_rng(seed)
    for b in net.biases:
        b[...] = rng.uniform(-0.5, 0.5, b.shape)
    return net


def rows(rng, n, net):
    """Inputs, and derivatives by the outputs of either sign; None stands for one row alone."""
    leading = () if n is None else (n,)
    X = rng.normal(size=(*leading, net.sizes[0])).astype(net.dtype)
    return X, rng.normal(size=(*leading, net.sizes[-1])).astype(net.dtype)


def assert_meets(actual, expected, tolerance):
    """Element by element, beside what cancels in sums of larger terms."""
    assert actual.shape == expected.shape
    rounding = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=10 * tolerance, atol=rounding)


# vjp against differences


def is_away_from_kinks(net, X):
    _, Z = twin.Network(net).forward(X)
    return all(
        twin.activation.distance_to_kinks(name, z) > 1e-3
        for z, name in zip(Z, net.activations, strict=True)
    )


def slopes(values, function, h):
    """The slope of function() by each of values, which it reads, moved in place."""
    found = np.empty(values.shape)
    for place in np.ndindex(values.shape):
        before, total = values[place], 0.0
        for k, c in STENCIL:
            values[place] = before + k * h
            above = function()
            values[place] = before - k * h
            total += c * (above - function())
        values[place] = before
        found[place] = total / h
    return found


@pytest.mark.parametrize("n", [None, 1, 5])
@pytest.mark.parametrize("sizes", [[3, 2], [1, 5, 1], [3, 9, 5, 2]], ids=str)
@pytest.mark.parametrize(
    ("hidden", "output"),
    [*[(name, "softmax") for name in HIDDEN], *[("tanh", name) for name in activation.names()]],
)
def test_vjp_meets_the_slopes_of_a_C_of_ones_own(rng, hidden, output, sizes, n):
    for seed in range(50):
        net = made(sizes, hidden, output, seed=seed)
        X, R = rows(rng, n, net)
        if is_away_from_kinks(net, X.reshape(-1, sizes[0])):
            break
    else:
        raise AssertionError("no point away from the kinks was found")

    def C():
        return (R * np.sin(3 * net.predict(X))).sum()

    g = net.vjp(X, 3 * R * np.cos(3 * net.predict(X)))
    h = 1e-5 if twin.KINKS.keys() & set(net.activations) else 1e-3
    for derivative, values in zip(
        [*g.weights, *g.biases, g.inputs], [*net.weights, *net.biases, X], strict=True
    ):
        expected = slopes(values, C, h)
        np.testing.assert_allclose(derivative, expected, rtol=1e-7, atol=2e-15 / h * 20)


def test_those_slopes_would_show_a_wrong_sign_or_factor(rng):
    net = made([3, 5, 2], "tanh", "identity")
    X, R = rows(rng, 4, net)
    found = slopes(net.weights[0], lambda: (R * net.predict(X)).sum(), 1e-3)
    right = net.vjp(X, R).weights[0]
    for factor in (-1, 1.001, 1 / 4):
        assert not np.allclose(factor * right, found, rtol=1e-7, atol=1e-10)


# vjp and jacobian against the twin

SIZES = ([1, 1], [3, 70, 1], [1, 17, 5], [7, 16, 33, 9], [37, 65, 2], [130, 101, 31])


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("n", [None, 1, 17])
@pytest.mark.parametrize("output", activation.names())
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_vjp_meets_the_twin(rng, dtype, sizes, output, n):
    for hidden in below(output):
        net = made(sizes, hidden, output, dtype)
        X, dA = rows(rng, n, net)
        before = net.parameters.tobytes()
        g = net.vjp(X, dA)
        assert net.parameters.tobytes() == before
        assert type(g) is cyprop.Gradients
        assert math.isnan(g.loss)
        assert g.inputs.shape == X.shape
        expected = twin.Network(net).vjp(X.reshape(-1, sizes[0]), dA.reshape(-1, sizes[-1]))
        tolerance = 10 * TOLERANCE[dtype.name]
        for mine, theirs in zip([*g.weights, *g.biases], [*expected.dW, *expected.db], strict=True):
            assert mine.dtype == dtype
            assert np.shares_memory(mine, g.parameters)
            assert_meets(mine, theirs, tolerance)
        assert g.inputs.dtype == dtype
        assert_meets(g.inputs, expected.dA[0].reshape(X.shape), tolerance)


@pytest.mark.parametrize("output", activation.names())
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_jacobian_meets_the_twin_and_the_slopes(rng, dtype, sizes, output):
    for hidden in below(output):
        net = made(sizes, hidden, output, dtype)
        X, _ = rows(rng, 5, net)
        found = net.jacobian(X)
        assert found.dtype == dtype
        reference = twin.Network(net)
        expected = np.stack([reference.jacobian(x) for x in X])
        assert_meets(found, expected, 10 * TOLERANCE[dtype.name])
    net = made(sizes, "tanh", "sigmoid")
    x, _ = rows(rng, None, net)
    found = net.jacobian(x)
    for j in range(0, sizes[-1], 7):
        measured = slopes(x, lambda j=j: net.predict(x)[j], 1e-3)
        np.testing.assert_allclose(found[j], measured, rtol=1e-7, atol=1e-11)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_row_has_the_same_bits_alone_and_among_others(rng, dtype, sizes):
    net = made(sizes, "tanh", "softmax", dtype)
    X, dA = rows(rng, 67, net)
    jacobians, dX = net.jacobian(X), net.vjp(X, dA).inputs
    for i in (0, 1, 30, 64, 66):
        assert same_bits(net.jacobian(X[i]), jacobians[i])
        assert same_bits(net.jacobian(X[i : i + 1]), jacobians[i : i + 1])
        assert same_bits(net.vjp(X[i], dA[i]).inputs, dX[i])
        one_row = net.vjp(X[i : i + 1], dA[i : i + 1])
        assert same_bits(one_row.parameters, net.vjp(X[i], dA[i]).parameters)


@pytest.mark.parametrize("n", [None, 4])
def test_a_row_of_the_jacobian_is_what_vjp_gives_for_one_output(rng, dtype, n):
    net = made([5, 9, 3], "sigmoid", "softmax", dtype)
    X, dA = rows(rng, n, net)
    for j in range(3):
        dA[...] = np.eye(3)[j]
        assert same_bits(net.vjp(X, dA).inputs, net.jacobian(X)[..., j, :])


# a loss of one's own


def test_the_mean_squared_error_by_hand_is_that_of_gradients(rng, dtype):
    for output in activation.names():
        net = made([6, 17, 4], "tanh", output, dtype)
        X, Y = rows(rng, 9, net)
        given = net.vjp(X, 2 * (net.predict(X) - Y) / Y.size)
        expected = net.gradients(X, Y)
        assert_meets(given.parameters, expected.parameters, TOLERANCE[dtype.name])
        assert_meets(given.inputs, expected.inputs, TOLERANCE[dtype.name])


def test_cross_entropies_by_hand_are_those_of_gradients(rng, dtype):
    X = rng.normal(size=(9, 6)).astype(dtype)
    Y = rng.dirichlet(np.ones(4), size=9).astype(dtype)
    by_hand = {
        "cross_entropy": lambda A: -Y / A / len(A),
        "binary_cross_entropy": lambda A: ((1 - Y) / (1 - A) - Y / A) / A.size,
    }
    for name, derivative in by_hand.items():
        net = made([6, 17, 4], "tanh", loss.output_activation(name), dtype, loss=name)
        given, expected = net.vjp(X, derivative(net.predict(X))), net.gradients(X, Y)
        assert_meets(given.parameters, expected.parameters, 10 * TOLERANCE[dtype.name])


# gradients without those by X, and on several threads


@pytest.mark.parametrize("n", [1, 3, 40])
def test_derivatives_by_X_can_be_spared(rng, dtype, n):
    net = made([5, 33, 3], "relu", "softmax", dtype)
    X, dA = rows(rng, n, net)
    for method in (net.gradients, net.vjp):
        with_inputs, without = method(X, dA), method(X, dA, inputs=False)
        assert without.inputs is None
        assert with_inputs.inputs.shape == X.shape
        assert same_bits(without.parameters, with_inputs.parameters)
        assert np.array_equal(without.loss, with_inputs.loss, equal_nan=True)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_any_number_of_threads_gives_the_same_bits(rng, dtype, sizes):
    net = made(sizes, "relu", "softmax", dtype, loss="cross_entropy")
    for n in (1, 2, 7, 65):
        X, dA = rows(rng, n, net)
        for method in (net.gradients, net.vjp):
            expected = method(X, dA)
            for n_threads in COUNTS:
                found = method(X, dA, n_threads=n_threads)
                assert same_bits(found.parameters, expected.parameters)
                assert same_bits(found.inputs, expected.inputs)
                assert np.array_equal(found.loss, expected.loss, equal_nan=True)
        for n_threads in COUNTS:
            assert same_bits(net.jacobian(X, n_threads=n_threads), net.jacobian(X))


# step: the other way to learn

OPTIMIZERS = EVERY_OPTIMIZER
# Narrow and wide rows, rows that are padded by a line more, and layers of more than one strip.
LEARNERS = [
    {"sizes": [1, 1]},
    {"sizes": [5, 3, 1], "activation": "tanh"},
    {"sizes": [37, 16, 8, 3], "activation": "relu", "loss": "cross_entropy"},
    {"sizes": [65, 31, 9, 5], "activation": "relu", "output_activation": "softmax"},
    {"sizes": [130, 101, 33], "loss": "binary_cross_entropy"},
    {"sizes": [300, 256, 7], "activation": "relu", "output_activation": "identity"},
]


def all_of(net):
    """Everything that an update may change, as bytes: parameters and the optimizer's state."""
    _, parameters, states, tally = memory.state(net)
    return [parameters.tobytes(), *[state.tobytes() for state in states], repr(tally)]


def learners(arguments, optimizer, dtype, how_many=2):
    return [
        cyprop.Network(**arguments, optimizer=optimizer, dtype=dtype, seed=3)
        for _ in range(how_many)
    ]


def batch(rng, n, net):
    """Inputs of which most rows are sparse, with −0.0 among the zeros, and targets."""
    X = sparse(rng, (n, net.sizes[0]), net.dtype)
    X[::3] = rng.normal(size=X[::3].shape)
    return X, rng.dirichlet(np.ones(net.sizes[-1]), size=n).astype(net.dtype)


@pytest.mark.usefixtures("level", "eager")
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("arguments", LEARNERS, ids=lambda a: str(a["sizes"]))
def test_step_by_gradients_ends_in_the_bits_of_train_on_batch(
    rng, dtype, arguments, optimizer, n_threads
):
    two_steps, fused = learners(arguments, optimizer, dtype)
    for n in (3, 1, 37, 300, 1):
        X, Y = batch(rng, n, fused)
        before = all_of(fused)
        g = two_steps.gradients(X, Y, inputs=n == 3, n_threads=n_threads)
        assert all_of(two_steps) == before
        assert two_steps.step(g, n_threads=n_threads) is None
        assert fused.train_on_batch(X, Y, n_threads=4 - n_threads) == g.loss
        assert all_of(two_steps) == all_of(fused)
        assert all_of(fused) != before


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_step_meets_the_twin(rng, dtype, optimizer):
    net = made([6, 17, 3], "tanh", "identity", dtype, optimizer=optimizer)
    reference = twin.Network(net)
    for _ in range(4):
        gradient = np.full_like(net.parameters, np.nan)
        kept = memory.views(net, gradient)
        for d_theta in kept[0] + kept[1]:
            d_theta[...] = rng.normal(size=d_theta.shape)
        twin.update_all(
            optimizer, reference.weights, reference.biases,
            *([d_theta.astype(np.float64) for d_theta in part] for part in kept), reference.states,
        )  # fmt: skip
        net.step(gradient)
    for mine, theirs in zip(
        net.weights + net.biases, reference.weights + reference.biases, strict=True
    ):
        assert_meets(mine, theirs, 10 * TOLERANCE[dtype.name])


def padding(net):
    """Where the flat vector has no weight and no bias."""
    holds = np.zeros_like(net.parameters)
    for view in [*memory.views(net, holds)[0], *memory.views(net, holds)[1]]:
        view[...] = 1
    return holds == 0


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("arguments", LEARNERS, ids=lambda a: str(a["sizes"]))
def test_the_padding_of_a_gradient_takes_no_part(rng, dtype, arguments, optimizer, n_threads):
    plain, padded = learners(arguments, optimizer, dtype)
    gaps = padding(plain)
    assert gaps.any()
    for _ in range(3):
        clean = rng.normal(size=gaps.shape).astype(dtype)
        clean[gaps] = 0
        dirty = clean.copy()
        dirty[gaps] = np.nan
        plain.step(clean)
        padded.step(dirty, n_threads=n_threads)
        assert all_of(padded) == all_of(plain)
    _, parameters, states, _ = memory.state(padded)
    for vector in (parameters, *states):
        assert not vector[gaps].any()


def test_a_gradient_may_come_in_many_forms(dtype):
    arguments = {"sizes": [3, 5, 2]}
    numbers = (np.arange(len(cyprop.Network([3, 5, 2], dtype=dtype).parameters)) % 7 - 3) / 4
    forms = [
        numbers.astype(dtype), numbers.tolist(), tuple(numbers), numbers.astype("f8"),
        numbers.astype("f2"), numbers.astype(">f4"), misaligned(numbers),
        np.repeat(numbers, 2)[::2], 4 * numbers.astype("f4") / 4,
    ]  # fmt: skip
    ends = set()
    for form in forms:
        [net] = learners(arguments, OPTIMIZERS[1], dtype, 1)
        start = all_of(net)
        net.step(form)
        assert all_of(net) != start
        ends.add(tuple(all_of(net)))
    assert len(ends) == 1


def test_a_gradient_is_left_as_it_is(rng, dtype):
    for optimizer in OPTIMIZERS:
        [net] = learners({"sizes": [3, 5, 2]}, optimizer, dtype, 1)
        gradient = rng.normal(size=net.parameters.shape).astype(dtype)
        gradient.flags.writeable = False
        before = gradient.tobytes()
        net.step(gradient)
        assert gradient.tobytes() == before


# refusals


def wrong_place(net, layer, what, place, value):
    gradient = np.zeros_like(net.parameters)
    weights, biases = memory.views(net, gradient)
    (weights if what == "weights" else biases)[layer][place] = value
    return gradient


WHOLE = "a vector of {size} numbers, laid out like net.parameters"
REFUSED = {
    "None": (lambda net: None, TypeError, f"gradient is None, expected {WHOLE}"),
    "a network": (
        lambda net: net,
        TypeError,
        f"gradient is {{net}}, expected {WHOLE} of real numbers",
    ),
    "weights": (
        lambda net: net.weights,
        ValueError,
        "gradient is a ragged sequence: row 0 has 3 entries and row 1 has 5 entries,"
        f" expected {WHOLE}",
    ),
    "text": (
        lambda net: "gradient",
        TypeError,
        f"gradient is 'gradient', expected {WHOLE} of real numbers",
    ),
    "complex": (
        lambda net: net.parameters * 1j,
        TypeError,
        f"gradient has dtype complex{{bits}}, expected {WHOLE} of real numbers;"
        " give gradient.real, or np.abs(gradient)",
    ),
    "masked": (
        lambda net: np.ma.masked_array(net.parameters),
        TypeError,
        f"gradient is a masked array, expected {WHOLE} without a mask",
    ),
    "too short": (
        lambda net: net.parameters[1:],
        ValueError,
        f"gradient has shape ({{short}},), expected {WHOLE}",
    ),
    "a matrix": (
        lambda net: net.parameters[None],
        ValueError,
        f"gradient has shape (1, {{size}}), expected {WHOLE}",
    ),
    "a number": (lambda net: 0.5, ValueError, f"gradient has shape (), expected {WHOLE}"),
    "of another network": (
        lambda net: cyprop.Network([1, 1]).gradients([[1.0]], [[1.0]]),
        ValueError,
        f"gradient has shape (32,), expected {WHOLE}",
    ),
    "NaN in W": (
        lambda net: wrong_place(net, 1, "weights", (2, 1), np.nan),
        ValueError,
        "gradient holds nan at weights[1][2, 1], expected finite numbers that fit {dtype}",
    ),
    "infinity in W": (
        lambda net: wrong_place(net, 0, "weights", (0, 4), -np.inf),
        ValueError,
        "gradient holds -inf at weights[0][0, 4], expected finite numbers that fit {dtype}",
    ),
    "NaN in b": (
        lambda net: wrong_place(net, 1, "biases", 1, np.nan),
        ValueError,
        "gradient holds nan at biases[1][1], expected finite numbers that fit {dtype}",
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_gradient_is_refused(dtype, kind, optimizer):
    [net] = learners({"sizes": [3, 5, 2]}, optimizer, dtype, 1)
    net.train_on_batch(np.ones((2, 3)), np.zeros((2, 2)))
    before = all_of(net)
    make, error, sentence = REFUSED[kind]
    with pytest.raises(error) as caught:
        net.step(make(net))
    assert str(caught.value) == sentence.format(
        size=len(net.parameters), short=len(net.parameters) - 1, dtype=dtype,
        bits=16 * dtype.itemsize, net=f"{repr(net)[:100]}…",
    )  # fmt: skip
    assert all_of(net) == before


def test_a_number_too_large_for_the_network_is_refused_by_step():
    for dtype in ("float32", "float64"):
        net = cyprop.Network([3, 2], dtype=dtype)
        before = all_of(net)
        gradient = np.zeros(len(net.parameters))
        memory.views(net, gradient)[0][0][1, 1] = 1e300
        if dtype == "float32":
            sentence = r"gradient holds inf at weights\[0\]\[1, 1\], .* that fit float32"
            with pytest.raises(ValueError, match=sentence):
                net.step(gradient)
            assert all_of(net) == before
        else:
            net.step(gradient)
            assert net.weights[0][1, 1] == -1e299


def test_a_gradient_of_a_loss_that_is_not_finite_is_refused(dtype):
    net = cyprop.Network([3, 5, 2], output_activation="identity", dtype=dtype)
    before = all_of(net)
    g = net.gradients(np.ones((1, 3)), np.full((1, 2), np.inf))
    assert g.loss == np.inf
    with pytest.raises(ValueError, match="^gradient holds .* at weights"):
        net.step(g)
    assert not np.isfinite(net.train_on_batch(np.ones((1, 3)), np.full((1, 2), np.inf)))
    assert all_of(net) == before


@pytest.mark.parametrize(
    ("shape_X", "shape_dA", "sentence"),
    [
        ((3,), (3,), "dA has shape (3,), expected (2,)"),
        ((3,), (1, 2), "dA has shape (1, 2), expected (2,)"),
        ((1, 3), (2,), "dA has shape (2,), expected (n, 2)"),
        ((4, 3), (4, 3), "dA has shape (4, 3), expected (n, 2)"),
        ((4, 3), (3, 2), "X has 4 rows and dA has 3, expected the same number"),
        ((4, 2), (4, 2), "X has shape (4, 2), expected (3,) or (n, 3)"),
        ((2,), (2,), "X has shape (2,), expected (3,) or (n, 3)"),
        ((1, 4, 3), (4, 2), "X has shape (1, 4, 3), expected (3,) or (n, 3)"),
        ((), (2,), "X has shape (), expected (3,) or (n, 3)"),
        ((0, 3), (0, 2), "X has no rows, expected at least one"),
    ],
)
def test_shapes_that_vjp_and_jacobian_refuse(dtype, shape_X, shape_dA, sentence):
    net = cyprop.Network([3, 5, 2], dtype=dtype)
    X, dA = np.zeros(shape_X), np.zeros(shape_dA)
    calls = [lambda: net.vjp(X, dA)]
    if sentence.startswith("X has") and "and dA" not in sentence:
        calls.append(lambda: net.jacobian(X))
        sentence = sentence[1:]
    for call in calls:
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            call()
        assert str(caught.value).endswith(sentence)
        assert str(caught.value)[0] in "Xxd"


def test_a_vector_is_a_column_of_rows_where_there_is_one_input(dtype):
    net = cyprop.Network([1, 4, 1], dtype=dtype)
    for call in (net.predict, net.jacobian, lambda X: net.vjp(X, np.ones(5)).inputs):
        assert same_bits(call(np.linspace(-1, 1, 5)), call(np.linspace(-1, 1, 5)[:, None]))
    column = np.linspace(-1, 1, 5)[:, None]
    assert net.jacobian(column).shape == (5, 1, 1)
    assert same_bits(net.vjp(column, np.ones(5)).inputs, net.jacobian(column)[:, 0])
    assert same_bits(net.vjp(column[0], 1.0).inputs, net.jacobian(column[0])[0])


@pytest.mark.parametrize("bad", [None, "abc", {"a": 1}, object(), np.ones((2, 3)) * 1j])
def test_what_is_not_real_numbers_is_refused(dtype, bad):
    net = cyprop.Network([3, 5, 3], dtype=dtype)
    before = all_of(net)
    X = np.ones((2, 3))
    for call, name in (
        (lambda: net.vjp(bad, X), "X"),
        (lambda: net.vjp(X, bad), "dA"),
        (lambda: net.jacobian(bad), "x"),
    ):
        with pytest.raises(TypeError, match=f"^{name} (is|has dtype) .*expected") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert all_of(net) == before


def test_a_network_that_was_not_initialised_says_so():
    blank = cyprop.Network.__new__(cyprop.Network)
    X = np.ones((2, 3))
    for call in (
        lambda: blank.vjp(X, X),
        lambda: blank.jacobian(X),
        lambda: blank.step(X[0]),
        lambda: blank.gradients(X, X),
    ):
        with pytest.raises(RuntimeError, match="the network has not been initialised"):
            call()


def test_gradients_are_shown_by_their_shapes(rng):
    net = cyprop.Network([3, 4, 2], "tanh", dtype="float64")
    X, dA = rows(rng, 5, net)
    found = net.gradients(X, dA)
    shown = f"Gradients(loss={found.loss:.7g}; weights (3, 4), (4, 2); inputs (5, 3))"
    assert repr(found) == shown
    assert repr(net.vjp(X, dA, inputs=False)) == "Gradients(loss=nan; weights (3, 4), (4, 2))"
