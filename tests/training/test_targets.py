"""Targets: which a loss can mean, which an output can reach, and where they are read for it."""

import warnings

import numpy as np
import pytest

import cyprop
from cyprop.kernels import activation, loss
from cyprop.training import targets

N = 20


def data(low, high, n_out=1, dtype="float64"):
    rng = np.random.default_rng(0)
    Y = rng.uniform(low, high, (N, n_out)).astype(dtype)
    Y[0, 0], Y[1, -1] = low, high
    return rng.normal(size=(N, 2)), Y


def network(n_out=1, **options):
    return cyprop.Network([2, 4, n_out], "tanh", **options)


def refusal(net, X, Y, **options):
    before = net.parameters.tobytes()
    with pytest.raises(ValueError, match="expected targets") as caught:
        net.fit(X, Y, **options)
    assert net.parameters.tobytes() == before
    assert net.history is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "n_out", "bad", "expected"),
    [
        ("binary_cross_entropy", 1, -0.25, "from 0 to 1 for binary_cross_entropy"),
        ("binary_cross_entropy", 3, 1.25, "from 0 to 1 for binary_cross_entropy"),
        ("cross_entropy", 3, -0.5, "of at least 0 for cross_entropy"),
        ("poisson", 2, -1.5, "of at least 0 for poisson"),
    ],
)
@pytest.mark.parametrize("place", [(0, 0), (7, -1), (N - 1, -1)])
def test_a_target_that_the_loss_cannot_mean_is_named(dtype, name, n_out, bad, expected, place):
    net = network(n_out, loss=name, dtype=dtype)
    X, Y = data(0, 1, n_out)
    good = Y.copy()
    Y[place] = bad
    row, column = place[0], n_out - 1 if place[1] else 0
    said = f"holds {bad} at row {row}, column {column}, expected targets {expected}"
    assert refusal(net, X, Y) == f"Y {said}"
    assert refusal(net, X, good, validation_data=(X, Y)) == f"validation Y {said}"
    net.fit(X, good, epochs=1, validation_data=(X, good))


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        ((-1, 1), "; labels -1 and 1? give (Y + 1) / 2"),
        ((1, 2), "; labels 1 and 2? give Y - 1"),
        ((0, 2), ""),
        ((-1, 0, 1), ""),
    ],
)
def test_other_labels_than_0_and_1_are_recognised(labels, hint):
    Y = np.resize(labels, N)
    said = refusal(network(loss="binary_cross_entropy"), data(0, 1)[0], Y)
    assert said.endswith(f"for binary_cross_entropy{hint}")


def test_large_targets_of_cross_entropy_are_weights():
    net = network(2, loss="cross_entropy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(*data(0, 7, 2), epochs=1)


@pytest.mark.parametrize("name", targets.MEANT)
def test_what_does_not_read_for_nan_does_not_read_for_this(name):
    net = network(2, loss=name)
    X, Y = data(-1, 2, 2)
    assert np.isfinite(net.evaluate(X, Y))
    assert np.isfinite(net.gradients(X, Y).loss)
    assert np.isfinite(net.train_on_batch(X, Y))
    assert np.isfinite(net.learn_one(X[0], Y[0]))


@pytest.mark.parametrize(
    ("output", "low", "high", "said"),
    [
        ("sigmoid", 0, 1.75, "Y holds 1.75 at row 1, column 1, .* of sigmoid .* from 0 to 1"),
        ("sigmoid", -0.5, 1, "Y holds -0.5 at row 0, column 0, .* of sigmoid .* from 0 to 1"),
        ("softmax", 0, 2, "Y holds 2.0 at row 1, column 1, .* of softmax .* from 0 to 1"),
        ("tanh", -1, 2, "Y holds 2.0 at row 1, column 1, .* of tanh .* from -1 to 1"),
        ("relu", -0.125, 9, "Y holds -0.125 at row 0, column 0, .* of relu .* of at least 0"),
        ("relu6", 0, 6.5, "Y holds 6.5 at row 1, column 1, .* of relu6 .* from 0 to 6"),
        ("log_sigmoid", -9, 0.5, "Y holds 0.5 at row 1, .* of log_sigmoid .* of at most 0"),
        ("gelu", -0.25, 9, "Y holds -0.25 at row 0, .* of gelu .* of at least -0.17;"),
        ("elu", -1.5, 9, "Y holds -1.5 at row 0, column 0, .* of elu .* of at least -1.0"),
        (cyprop.CELU(0.5), -0.75, 9, "Y holds -0.75 at row 0, .* of celu .* of at least -0.5"),
    ],
)
def test_targets_out_of_reach_give_one_warning_that_names_the_line(output, low, high, said):
    X, Y = data(low, high, 2)
    inside = np.zeros_like(Y)
    for y, validation in ((Y, None), (Y, (X, Y)), (inside, (X, Y))):
        net = network(2, output_activation=output)
        with pytest.warns(UserWarning, match=said if y is Y else f"^validation {said}") as caught:
            net.fit(X, y, epochs=2, validation_data=validation)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert "; use output_activation='identity', or scale the targets" in str(caught[0].message)


@pytest.mark.parametrize(
    ("output", "low", "high"),
    [
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("relu", 0, 1e6),
        ("identity", -1e6, 1e6),
        ("relu6", 0, 6),
        ("log_softmax", -1e6, 0),
        ("leaky_relu", -1e6, 1e6),
        (cyprop.ELU(2.0), -2, 1e6),
    ],  # fmt: skip
)
def test_targets_in_reach_give_no_warning(output, low, high):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(2, output_activation=output, optimizer=cyprop.SGD(1e-12)).fit(
            *data(low, high, 2), epochs=1
        )


def test_the_tables_name_what_is_registered():
    assert set(targets.MEANT) <= set(loss.names())
    assert {*targets.REACHED, *targets.DOWN_TO_ALPHA} <= set(activation.names())


@pytest.mark.parametrize("name", activation.names())
def test_the_tables_have_what_outputs_reach(name):
    Z = np.linspace(-40, 40, 80_001)[:, None]
    Z = np.concatenate([Z, -Z], axis=1) if activation.couples_units(name) else Z
    A = np.empty_like(Z)
    activation.forward(name, Z, A)
    low, high = targets.reached(cyprop.Activation(name)) or (-np.inf, np.inf)
    for bound, found, size in ((low, A.min(), A.min()), (high, A.max(), -A.max())):
        if np.isfinite(bound):
            assert abs(found - bound) < 0.03
        else:
            assert size < -0.3
    assert low <= A.min()
    assert A.max() <= high
