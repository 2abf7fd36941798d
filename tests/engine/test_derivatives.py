"""The derivatives of docs/derivatives.md, equations 2 to 9, each by its own test, in both readings.

Per component: a derivative meets the slope of C measured with central differences, to 1e-7 of the
component, and the NumPy twin's to 1e-12. In sum, as equations 2, 5 and 9 are written: it meets the
slope of C when all components move together, to the same 1e-7.

Every test runs for networks of one to four layers, all activations, all losses and batches of 1, 2
and 17 rows, in float64. (2) is an equation of the mean squared error; the other losses go straight
to (3).
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy_twin as twin
import pytest

import cyprop
from cyprop.kernels import activation, dense, loss

SIZES = {1: [4], 2: [4, 5], 3: [4, 5, 3], 4: [4, 5, 3, 4]}  # and behind them the outputs
HIDDEN = ("sigmoid", "tanh", "relu", "identity", "mixed")  # below every output
OTHERS = [  # below an output that adds nothing of its own
    name for name in activation.names() if name not in HIDDEN and not activation.couples_units(name)
]
OUTPUTS = [(name, "mse") for name in activation.names()] + [
    (output, name)
    for name in loss.names()
    for output in loss.output_activations(name) or ("identity",)
    if name != "mse" and output in activation.names()
]
BATCHES = (1, 2, 17)

# f′(0) ≈ Σ_k c_k · (f(kh) − f(−kh)) / h, whose error is of the sixth order in h.
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))


@dataclass
class Case:
    """A network, a batch, and the derivatives both from the engine and kernel by kernel."""

    name: str
    net: cyprop.Network
    twin: twin.Network
    X: np.ndarray
    Y: np.ndarray
    h: float

    def __post_init__(self):
        self.L = len(self.net.weights)
        self.A, self.Z = self.forward(self.X, 0)
        self.expected = self.twin.gradients(self.X, self.Y)
        self.engine = self.net.gradients(self.X, self.Y)
        self.backward()

    def forward(self, start, layer):
        """A and Z of the layers from `layer` on, by the kernels; `start` is A below it."""
        A, Z = [start], []
        layers = list(zip(self.net.weights, self.net.biases, self.net.activations))
        for W, b, name in layers[layer:]:
            Z.append(np.empty((len(start), len(b))))
            A.append(np.empty_like(Z[-1]))
            dense.forward(A[-2], W, b, Z[-1])
            activation.forward(name, Z[-1], A[-1])
        return A, Z

    def backward(self):
        """dA[l + 1], dZ[l], dW[l] and db[l] of each layer l, by the kernels; dA[0] is by X."""
        self.dA = [np.empty_like(A) for A in self.A]
        self.dZ = [np.empty_like(Z) for Z in self.Z]
        self.dW = [np.empty_like(W) for W in self.net.weights]
        self.db = [np.empty_like(b) for b in self.net.biases]
        output = self.net.activations[-1]
        straight_to_Z = loss.gives_dZ(self.net.loss, output)
        first = self.dZ[-1] if straight_to_Z else self.dA[-1]
        loss.backward(self.net.loss, self.A[-1], self.Y, first, None, output)  # (2)
        for layer in reversed(range(self.L)):
            Z, A, dA = self.Z[layer], self.A[layer + 1], self.dA[layer + 1]
            if layer < self.L - 1 or not straight_to_Z:
                name = self.net.activations[layer]
                activation.backward(name, Z, A, dA, self.dZ[layer])  # (3), (7)
            dense.backward_W(self.A[layer], self.dZ[layer], self.dW[layer])  # (4), (8)
            dense.backward_b(self.dZ[layer], self.db[layer])  # (5), (9)
            dense.backward_A(self.dZ[layer], self.net.weights[layer], self.dA[layer])  # (6)

    def C_of_rows(self, Z, A):
        C = np.empty(len(A))
        loss.forward(self.net.loss, Z, A, self.Y, C, None, self.net.activations[-1])
        return C

    def C_of_rows_from_A(self, layer, A):
        """C of each row if A below `layer` were this; above the last layer, if A⁽ᴸ⁾ were."""
        if layer == self.L:
            return self.C_of_rows(self.Z[-1], A)
        A_above, Z_above = self.forward(A, layer)
        return self.C_of_rows(Z_above[-1], A_above[-1])

    def C_of_rows_from_Z(self, layer, Z):
        """C of each row if Z of `layer` were this."""
        A = np.empty_like(Z)
        activation.forward(self.net.activations[layer], Z, A)
        if layer == self.L - 1:
            return self.C_of_rows(Z, A)
        return self.C_of_rows_from_A(layer + 1, A)

    def C(self):
        return self.net.evaluate(self.X, self.Y)

    def slope(self, f):
        """The slope at 0 of f(t), a number or a vector."""
        return sum(c * (f(k * self.h) - f(-k * self.h)) for k, c in STENCIL) / self.h

    def slopes_by_rows(self, C_of_rows, values):
        """∂C/∂values, one column at a time, all rows at once: C of a row depends on no other."""
        slopes = np.empty_like(values)
        for column in range(values.shape[1]):
            unit = np.zeros(values.shape[1])
            unit[column] = 1
            slopes[:, column] = self.slope(lambda t, unit=unit: C_of_rows(values + t * unit))
        return slopes / len(values)

    def slopes_by_parameters(self, parameters):
        """∂C/∂parameters, one at a time, moving the network's own."""
        slopes = np.empty_like(parameters)
        for place in np.ndindex(parameters.shape):
            before = parameters[place]

            def moved(t, place=place, before=before):
                parameters[place] = before + t
                return self.C()

            slopes[place] = self.slope(moved)
            parameters[place] = before
        return slopes

    def slope_together(self, parameters):
        """d/dt C(parameters + t·1)"""
        before = parameters.copy()

        def moved(t):
            parameters[...] = before + t
            return self.C()

        slope = self.slope(moved)
        parameters[...] = before
        return slope

    def check_slopes(self, derivative, slopes):
        """1e-7 of each component, beside what rounding C itself leaves in a difference."""
        rounding = 2e-15 * max(1.0, self.engine.loss) / self.h
        error = np.abs(derivative - slopes)
        assert (error <= 1e-7 * np.abs(slopes) + rounding).all(), (self.name, error.max())

    def check_twin(self, derivative, expected):
        """1e-12 of each component, beside what cancels in a sum of larger terms."""
        rounding = 1e-15 * np.abs(expected).max()
        error = np.abs(derivative - expected)
        assert derivative.shape == expected.shape
        assert (error <= 1e-12 * np.abs(expected) + rounding).all(), (self.name, error.max())


def reach(net, A, step):
    """How far Z of each layer can move when parameters of one layer, or X, move by `step`."""
    moved, reaches = step, []
    for W, A_prev in zip(net.weights, A, strict=False):
        own = step * max(1.0, np.abs(A_prev).max() + moved)
        moved = max(own, (np.abs(W).sum(axis=0).max() + step) * moved)
        reaches.append(moved)
    return reaches


# Where C has a kink, or its slope has one: the sizes of errors.
KINKS_OF_LOSSES = {"mae": 0, "quantile": 0, "huber": 1}


def kinks_are_out_of_reach(reference, net, X, Y, step):
    """Whether no Z, and no error, can get past a kink while differences are taken."""
    A, Z = reference.forward(X)
    reaches = reach(net, A, step)
    if net.loss in KINKS_OF_LOSSES:
        distance = np.abs(np.abs(A[-1] - Y) - KINKS_OF_LOSSES[net.loss])
        if distance.min() <= reaches[-1]:
            return False
    return all(
        twin.activation.distance_to_kinks(name, z) > far
        for z, far, name in zip(Z, reaches, net.activations, strict=True)
    )


@cache
def case(n_layers, hidden, output, loss_name, n):
    """A case whose point is in general position: away from kinks, and no layer's gradient is 0."""
    rng = np.random.Generator(np.random.PCG64(n_layers * 100 + n))
    names = ["tanh", "relu", "sigmoid"] if hidden == "mixed" else [hidden] * 3
    if hidden in OTHERS:
        names[1] = "tanh"  # three exponentials in a row are too much for any number
    names = names[: n_layers - 1]
    n_targets = 2 if loss.outputs_per_target(loss_name) == 2 else 3
    net = cyprop.Network(
        [*SIZES[n_layers], n_targets * loss.outputs_per_target(loss_name)], activation=names,
        output_activation=output, loss=loss_name, dtype="float64", seed=n_layers,
    )  # fmt: skip
    has_kinks = loss_name in KINKS_OF_LOSSES or twin.KINKS.keys() & set(net.activations)
    h = 1e-5 if has_kinks else 2e-3
    for _ in range(1000):
        for b in net.biases:
            b[...] = rng.uniform(-0.2, 0.8, b.shape)
        X = rng.uniform(-1, 1, (n, net.sizes[0]))
        if loss_name == "cross_entropy":
            Y = rng.dirichlet(np.ones(n_targets), size=n)
        else:
            Y = rng.uniform(0, 1, (n, n_targets))
        reference = twin.Network(net)
        nonzero = all(dW.any() for dW in reference.gradients(X, Y).dW)
        if nonzero and kinks_are_out_of_reach(reference, net, X, Y, 3 * h):
            name = f"{net!r}, {n} rows"
            return Case(name, net, reference, X, Y, h)
    raise AssertionError("no point away from the kinks was found")


def cases(n_layers, output, loss_name):
    hidden = HIDDEN if n_layers > 1 else HIDDEN[:1]
    if n_layers > 1 and (output, loss_name) == ("identity", "mse"):
        hidden = (*HIDDEN, *OTHERS)
    return (case(n_layers, *some, n) for some, n in itertools.product(
        [(name, output, loss_name) for name in hidden], BATCHES
    ))  # fmt: skip


every_network = pytest.mark.parametrize(
    ("n_layers", "output", "loss_name"),
    [(n_layers, *output) for n_layers in SIZES for output in OUTPUTS],
)
every_network_with_a_layer_below = pytest.mark.parametrize(
    ("n_layers", "output", "loss_name"),
    [(n_layers, *output) for n_layers in SIZES if n_layers > 1 for output in OUTPUTS],
)
every_mse_network = pytest.mark.parametrize(
    ("n_layers", "output", "loss_name"),
    [(n_layers, *output) for n_layers in SIZES for output in OUTPUTS if output[1] == "mse"],
)


@every_mse_network
def test_equation_2_cost_by_output(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        A, Y, dA = c.A[-1], c.Y, c.dA[-1]
        n, N_out = A.shape
        c.check_slopes(dA, c.slopes_by_rows(lambda A, c=c: c.C_of_rows_from_A(c.L, A), A))
        c.check_twin(dA, c.expected.dA[-1])

        # Literally: 2/N_out · Σ_i (ŷ_i − y_i) is the slope of a row's C when all of A moves.
        literal = 2 / N_out * (A - Y).sum(axis=1)
        together = c.slope(lambda t, c=c, A=A: c.C_of_rows_from_A(c.L, A + t))
        c.check_slopes(literal, together)
        c.check_slopes(n * dA.sum(axis=1), together)


@every_network
def test_equation_3_cost_by_output_pre_activation(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        last = c.L - 1
        slopes = c.slopes_by_rows(lambda Z, c=c: c.C_of_rows_from_Z(c.L - 1, Z), c.Z[last])
        c.check_slopes(c.dZ[last], slopes)
        c.check_twin(c.dZ[last], c.expected.dZ[last])
        if (output, loss_name) == ("sigmoid", "mse"):
            A = c.A[-1]
            c.check_twin(c.dZ[last], c.dA[-1] * A * (1 - A))


@every_network
def test_equation_4_cost_by_output_weights(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        slopes = c.slopes_by_parameters(c.net.weights[-1])
        for dW in (c.engine.weights[-1], c.dW[-1]):
            c.check_slopes(dW, slopes)
            c.check_twin(dW, c.expected.dW[-1])


@every_network
def test_equation_5_cost_by_output_biases(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        slopes = c.slopes_by_parameters(c.net.biases[-1])
        together = c.slope_together(c.net.biases[-1])
        for db in (c.engine.biases[-1], c.db[-1]):
            c.check_slopes(db, slopes)
            c.check_twin(db, c.expected.db[-1])
            c.check_slopes(db.sum(), together)
        # Literally: the sum over units of dZ, here of every row.
        c.check_slopes(c.dZ[-1].sum(), together)


@every_network
def test_equation_6_cost_by_hidden_output(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        for layer in range(c.L):
            slopes = c.slopes_by_rows(
                lambda A, c=c, layer=layer: c.C_of_rows_from_A(layer, A), c.A[layer]
            )
            c.check_slopes(c.dA[layer], slopes)
            c.check_twin(c.dA[layer], c.expected.dA[layer])
            if layer == 0:
                c.check_slopes(c.engine.inputs, slopes)
                c.check_twin(c.engine.inputs, c.expected.dA[0])


@every_network_with_a_layer_below
def test_equation_7_cost_by_hidden_pre_activation(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        for layer in range(c.L - 1):
            slopes = c.slopes_by_rows(
                lambda Z, c=c, layer=layer: c.C_of_rows_from_Z(layer, Z), c.Z[layer]
            )
            c.check_slopes(c.dZ[layer], slopes)
            c.check_twin(c.dZ[layer], c.expected.dZ[layer])
            if c.net.activations[layer] == "sigmoid":
                A = c.A[layer + 1]
                c.check_twin(c.dZ[layer], c.dA[layer + 1] * A * (1 - A))


@every_network_with_a_layer_below
def test_equation_8_cost_by_hidden_weights(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        for layer in range(c.L - 1):
            slopes = c.slopes_by_parameters(c.net.weights[layer])
            for dW in (c.engine.weights[layer], c.dW[layer]):
                c.check_slopes(dW, slopes)
                c.check_twin(dW, c.expected.dW[layer])


@every_network_with_a_layer_below
def test_equation_9_cost_by_hidden_biases(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        for layer in range(c.L - 1):
            slopes = c.slopes_by_parameters(c.net.biases[layer])
            together = c.slope_together(c.net.biases[layer])
            for db in (c.engine.biases[layer], c.db[layer]):
                c.check_slopes(db, slopes)
                c.check_twin(db, c.expected.db[layer])
                c.check_slopes(db.sum(), together)
            # Literally: the sum over units of dZ, here of every row.
            c.check_slopes(c.dZ[layer].sum(), together)


@every_network
def test_gradients_leave_the_network_unchanged(n_layers, output, loss_name):
    for c in cases(n_layers, output, loss_name):
        before = c.net.parameters.tobytes()
        g = c.net.gradients(c.X, c.Y)
        assert c.net.parameters.tobytes() == before
        assert g.loss == c.C()
        assert abs(g.loss - c.expected.loss) <= 1e-12 * c.expected.loss


def test_gradients_of_float32_meet_the_twin(rng):
    for n_layers, (output, loss_name), n in itertools.product(SIZES, OUTPUTS, BATCHES):
        c = case(n_layers, "tanh", output, loss_name, n)
        net = cyprop.Network(
            c.net.sizes, c.net.activations[:-1], c.net.activations[-1], c.net.loss, dtype="float32"
        )
        net.parameters[...] = 0
        for mine, theirs in zip(net.weights + net.biases, c.net.weights + c.net.biases):
            mine[...] = theirs
        g = net.gradients(c.X, c.Y)
        pairs = zip(g.weights + g.biases, c.expected.dW + c.expected.db, strict=True)
        for actual, expected in [*pairs, (g.inputs, c.expected.dA[0])]:
            assert actual.dtype == np.float32
            np.testing.assert_allclose(
                actual, expected, rtol=1e-4, atol=2e-6 * np.abs(expected).max(), err_msg=c.name
            )
