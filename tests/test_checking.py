"""check_gradients finds what is wrong, names it, and says where no slope is to be had."""

import pickle
import re

import numpy as np
import pytest

import cyprop
from cyprop import checking
from cyprop.kernels import activation, loss

HIDDEN = [name for name in activation.names() if not activation.couples_units(name)]


def outputs_of(name):
    """The activations that may stand behind the loss of that name."""
    found = []
    for output in activation.names():
        try:
            cyprop.Settings([2, 2, 2], "tanh", output, loss=name)
        except ValueError:
            continue
        found.append(output)
    return found


def targets(rng, name, n, n_out):
    if name == "cross_entropy":
        return rng.dirichlet(np.ones(n_out), size=n)
    return rng.random((n, n_out // 2 if name == "gaussian_nll" else n_out))


def made(*arguments, **others):
    """A network whose biases are not zero."""
    net = cyprop.Network(*arguments, seed=3, **others)
    rng = np.random.default_rng(3)
    for b in net.biases:
        b[...] = rng.uniform(-0.5, 0.5, b.shape)
    return net


@pytest.mark.parametrize("sizes", [[5, 4], [5, 7, 4], [5, 7, 6, 4]], ids=str)
@pytest.mark.parametrize("name", loss.names())
def test_every_gradient_is_right(rng, dtype, name, sizes):
    X, Y = rng.normal(size=(9, 5)), targets(rng, name, 9, 4)
    cases = [(hidden, None) for hidden in HIDDEN]
    cases += [("tanh", output) for output in outputs_of(name)]
    for hidden, output in cases:
        net = made(sizes, hidden, output, loss=name, dtype=dtype)
        before = net.parameters.tobytes(), X.tobytes(), Y.tobytes()
        found = cyprop.check_gradients(net, X, Y)
        assert (net.parameters.tobytes(), X.tobytes(), Y.tobytes()) == before
        assert found.relative <= 1e-6, (hidden, output, found)
        assert found.n_checked == found.n_components == net.n_parameters + X.size
        assert len(found.kinks) <= found.n_checked // 10, (hidden, output, found)


class Wrong(cyprop.Network):
    """One derivative of one array is multiplied by a factor, or something is added to it."""

    array, layer, place, factor, added = "weights", 1, (3, 2), 1.0, 0.0

    def gradients(self, *arguments, **others):
        found = super().gradients(*arguments, **others)
        array = found.inputs if self.array == "inputs" else getattr(found, self.array)[self.layer]
        array[self.place] = array[self.place] * self.factor + self.added
        return found


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@pytest.mark.parametrize("factor", [-1, 0, 1 / 9, 1 + 1e-5])
@pytest.mark.parametrize(
    ("array", "layer", "place", "name"),
    [
        ("weights", 0, (4, 6), "weights[0][4, 6]"),
        ("weights", 1, (3, 2), "weights[1][3, 2]"),
        ("biases", 0, (5,), "biases[0][5]"),
        ("biases", 1, (1,), "biases[1][1]"),
        ("inputs", None, (7, 1), "inputs[7, 1]"),
    ],
)
def test_one_wrong_derivative_is_found(rng, dtype, hidden, factor, array, layer, place, name):
    net = made([5, 7, 4], hidden, "identity", dtype=dtype)
    wrong = Wrong([5, 7, 4], hidden, "identity", dtype=dtype)
    wrong.parameters[:] = net.parameters
    wrong.array, wrong.layer, wrong.place, wrong.factor = array, layer, place, factor
    X, Y = rng.normal(size=(9, 5)), rng.random((9, 4))
    right = net.gradients(X, Y)
    exact = right.inputs if array == "inputs" else getattr(right, array)[layer]
    assert abs(exact[place]) > 1e-3
    found = cyprop.check_gradients(wrong, X, Y)
    assert found.component == name
    assert found.numerical == pytest.approx(float(exact[place]), rel=1e-4)
    assert found.analytic == pytest.approx(factor * found.numerical, rel=1e-7)
    assert found.difference == found.analytic - found.numerical
    assert found.relative == pytest.approx(abs(1 - factor) / max(1, abs(factor)), rel=0.01)


def test_a_derivative_that_should_be_zero_is_found(rng):
    wrong = Wrong([5, 7, 4], "relu", "identity")
    wrong.biases[0][:] = -50.0
    X, Y = rng.normal(size=(9, 5)), rng.random((9, 4))
    assert cyprop.check_gradients(wrong, X, Y).relative <= 1e-6
    wrong.added = 1e-9
    found = cyprop.check_gradients(wrong, X, Y)
    assert found.component == "weights[1][3, 2]"
    assert found.numerical == 0
    assert found.relative > 1e-4


def test_a_derivative_that_is_not_a_number_is_the_worst(rng):
    wrong = Wrong([5, 7, 4], "tanh", "identity")
    wrong.factor = np.nan
    found = cyprop.check_gradients(wrong, rng.normal(size=(9, 5)), rng.random((9, 4)))
    assert found.component == "weights[1][3, 2]"
    assert np.isnan(found.relative)
    assert np.isnan(found.difference)


def test_a_subclass_may_have_a_loss_of_its_own(rng):
    class Penalised(cyprop.Network):
        strength = 0.0

        def evaluate(self, X, Y):
            return super().evaluate(X, Y) + self.strength * float((self.biases[0] ** 2).sum())

    net = Penalised([3, 4, 2], "tanh")
    net.biases[0][:] = rng.normal(size=4)
    X, Y = rng.normal(size=(5, 3)), rng.random((5, 2))
    assert cyprop.check_gradients(net, X, Y).relative <= 1e-6
    net.strength = 0.1
    assert cyprop.check_gradients(net, X, Y).component.startswith("biases[0]")


def test_a_subclass_may_keep_what_it_needs_in_slots(rng):
    class Scaled(cyprop.Network):
        __slots__ = ("factor",)

        def evaluate(self, X, Y):
            return self.factor * super().evaluate(X, Y)

    net = Scaled([3, 4, 2], "tanh")
    net.factor = 2.0
    found = cyprop.check_gradients(net, rng.normal(size=(5, 3)), rng.random((5, 2)))
    assert found.relative == pytest.approx(0.5)


# kinks


def test_components_at_a_kink_are_named_and_left_out(rng):
    net = made([2, 3, 1], "relu", "identity", dtype="float64")
    net.weights[0][:, 1] = 0
    net.biases[0][1] = 0  # so this unit is at its kink for each row
    X, Y = rng.normal(size=(5, 2)), rng.random((5, 1))
    found = cyprop.check_gradients(net, X, Y)
    assert found.kinks == ("weights[0][0, 1]", "weights[0][1, 1]", "biases[0][1]")
    assert found.relative <= 1e-6
    assert found.n_checked == found.n_components
    assert "3 at kinks left out" in repr(found)


@pytest.mark.parametrize("distance", [1e-3 / 6, 1e-4 / 6, 1e-5, 3e-6])
def test_a_kink_that_is_near_does_no_harm(rng, distance):
    net = made([1, 1, 1], "relu", "identity", dtype="float64")
    net.weights[0][:], net.biases[0][:] = 1.0, 0.0
    for h in (-distance, distance):
        found = cyprop.check_gradients(net, [[h]], [[3.0]])
        assert found.relative <= 1e-6
        assert found.kinks == ()


def test_nothing_but_kinks():
    net = cyprop.Network([1, 1], "relu", "relu", initializer="zeros")
    found = cyprop.check_gradients(net, [[0.0]], [[1.0]])
    assert found.kinks == ("biases[0][0]",)
    net = cyprop.Network([1, 1], "relu", "relu", initializer="zeros")
    found = cyprop.check_gradients(net, [[2.0]], [[1.0]])
    assert found.kinks == ("weights[0][0, 0]", "biases[0][0]")


# samples of components


def test_a_sample_has_some_of_every_array(rng, monkeypatch):
    seen = []
    entries = checking.Compared.entries

    def watched(self, share, rng):
        seen.append((self.name, share))
        return entries(self, share, rng)

    monkeypatch.setattr(checking.Compared, "entries", watched)
    net = made([30, 20, 2], "tanh")
    X, Y = rng.normal(size=(4, 30)), rng.random((4, 2))
    found = cyprop.check_gradients(net, X, Y, n_components=200)
    assert found.n_checked == 200
    assert found.n_components == net.n_parameters + X.size
    assert sum(share for _, share in seen) == 200
    assert dict(seen) == {
        "weights[0]": 69, "biases[0]": 20, "weights[1]": 40, "biases[1]": 2, "inputs": 69
    }  # fmt: skip
    assert "; 200 of 782 components)" in repr(found)
    for n in (1, 2, 7):
        assert cyprop.check_gradients(net, X, Y, n_components=n).n_checked == n


def test_the_sample_is_the_seeds(rng):
    net = made([30, 20, 2], "tanh")
    X, Y = rng.normal(size=(4, 30)), rng.random((4, 2))
    found = {
        seed: [cyprop.check_gradients(net, X, Y, 50, seed) for _ in range(2)] for seed in range(4)
    }
    assert all(first == second for first, second in found.values())
    assert len({first.component for first, _ in found.values()}) > 1


# what it gives, and what it refuses


def test_its_text_copies_and_pickles(rng):
    net = made([2, 3, 1], "tanh")
    found = cyprop.check_gradients(net, rng.normal(size=(5, 2)), rng.random((5, 1)))
    assert re.fullmatch(
        r"GradientCheck\(worst \w+(\[\d\])?\[[\d, ]+\]: analytic -?[\d.e-]+, numerical -?[\d.e-]+,"
        r" difference [+-][\d.]+e-\d+ \(relative [\d.]+e-\d+\); all 23 components\)",
        repr(found),
    )
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(found, protocol)
        assert b"cyprop.checking" not in data
        assert pickle.loads(data) == found
    with pytest.raises(AttributeError):
        found.relative = 0.0


def test_what_may_be_given(rng):
    net = made([1, 3, 1], "tanh")
    X, Y = rng.normal(size=6), rng.random(6)
    expected = cyprop.check_gradients(net, X.reshape(6, 1), Y.reshape(6, 1))
    assert cyprop.check_gradients(net, X, Y) == expected
    assert cyprop.check_gradients(net, X.tolist(), Y.tolist()) == expected


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([[1, 2, 3]], [[1]]), ValueError, r"X has shape \(1, 3\), expected"),
        (([[1, 2]], [[1], [2]]), ValueError, "X has 1 rows and Y has 2, expected the same number"),
        (([[1, 2]], [["a"]]), TypeError, "Y has dtype <U1"),
        (([[1, 2]], [[np.nan]]), ValueError, "the loss is nan, which has no slope to compare with"),
        (([[1, 2]], [[1]], 0), ValueError, "n_components is 0, expected at least 1"),
        (([[1, 2]], [[1]], 2.5), TypeError, "n_components is 2.5, expected a whole number"),
        (([[1, 2]], [[1]], 9, -1), ValueError, "seed is -1, expected at least 0"),
    ],
)
def test_what_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        cyprop.check_gradients(cyprop.Network([2, 3, 1]), *arguments)
