"""What readers tell a Builder, computed step by step, beside the network that comes out."""

import numpy as np
import pytest

import cyprop
from cyprop.formats.chain import MAX_LAYERS, Builder
from cyprop.formats.maps import NOTHING
from cyprop.rules import Activation

RELU, TANH, SOFTMAX = (Activation(name) for name in ("relu", "tanh", "softmax"))


class Steps:
    """A Builder, and the function that its steps are."""

    def __init__(self, n_in, dtype, seed=0, **others):
        self.rng = np.random.default_rng(seed)
        self.builder = Builder(**others)
        self.X = self.rng.normal(size=(9, n_in))
        self.A = self.X
        self.dtype = dtype

    def affine(self, n_out, biases=True):
        W = self.rng.normal(size=(self.A.shape[1], n_out)).astype(self.dtype)
        b = self.rng.normal(size=n_out).astype(self.dtype) if biases else None
        self.builder.affine(W, b, "an affine map")
        self.A = self.A @ W.astype(float) + (0 if b is None else b)
        return self

    def scale(self, fold=False, factor=True, shift=True):
        n = self.A.shape[1]
        factor = self.rng.uniform(0.5, 2, n) if factor else 1.0
        shift = self.rng.normal(size=n) if shift else 0.0
        self.builder.scale(factor, shift, "a scale", fold)
        self.A = self.A * factor + shift
        return self

    def tanh(self):
        self.builder.activation(TANH, "tanh")
        self.A = np.tanh(self.A)
        return self

    def select(self, columns):
        self.builder.select(columns, "a choice")
        self.A = self.A[:, columns]
        return self

    def check(self, n_layers, inputs=False, outputs=False):
        chain = self.builder.finish()
        assert len(chain.layers) == n_layers
        assert (chain.inputs is not None) is inputs
        assert (chain.outputs is not None) is outputs
        assert chain.dtype == self.dtype
        A = self.X
        if inputs:
            A = (A - chain.inputs.offset) * chain.inputs.scale
        plain = chain._replace(inputs=None, outputs=None).network(cyprop.Network, dtype="float64")
        A = plain.predict(A)
        if outputs:
            A = (A - chain.outputs.offset) * chain.outputs.scale
        tolerance = 1e-12 if self.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(A, self.A, rtol=tolerance, atol=tolerance * abs(self.A).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("steps", "n_layers", "maps"),
    [
        (lambda s: s.affine(4), 1, {}),
        (lambda s: s.affine(4, biases=False).tanh().affine(3).tanh(), 2, {}),
        (lambda s: s.affine(4).affine(3), 2, {}),
        (lambda s: s.scale().affine(4), 1, {"inputs": True}),
        (lambda s: s.scale().scale(factor=False).scale(shift=False).affine(4), 1, {"inputs": True}),
        (lambda s: s.scale(fold=True).affine(4), 1, {}),
        (lambda s: s.scale().scale(fold=True).affine(4).tanh(), 1, {"inputs": True}),
        (lambda s: s.scale(fold=True).scale().affine(4).tanh(), 1, {}),
        (lambda s: s.affine(4).scale(fold=True).tanh().affine(2), 2, {}),
        (lambda s: s.affine(4).scale().tanh().affine(2), 2, {}),
        (lambda s: s.affine(4).scale(), 1, {"outputs": True}),
        (lambda s: s.affine(4).scale(fold=True).scale(), 1, {"outputs": True}),
        (lambda s: s.affine(4).scale().scale(fold=True), 1, {}),
        (lambda s: s.affine(4).scale().affine(3), 2, {}),
        (lambda s: s.affine(4).tanh().scale().affine(3), 2, {}),
        (lambda s: s.affine(4).tanh().scale().scale(fold=True).affine(3), 2, {}),
        (lambda s: s.affine(4).tanh().scale(), 1, {"outputs": True}),
        (lambda s: s.affine(4).tanh().scale(fold=True), 2, {}),
        (lambda s: s.affine(4).tanh().scale(fold=True).scale(), 2, {"outputs": True}),
        (lambda s: s.affine(4).tanh().scale().tanh(), 2, {}),
        (lambda s: s.affine(6).scale().select([3, 0, 5]).tanh(), 1, {}),
        (lambda s: s.affine(6).tanh().scale().select(slice(1, 6, 2)), 1, {"outputs": True}),
        (lambda s: s.scale(fold=True).affine(4).scale(fold=True).tanh(), 1, {}),
    ],
)
def test_steps_become_the_layers_that_compute_the_same(steps, n_layers, maps, dtype):
    steps(Steps(5, dtype)).check(n_layers, **maps)


def test_a_subtraction_and_a_factor_become_a_map_of_the_same_numbers():
    builder = Builder()
    offset, scale = np.array([0.1, 3.3]), np.array([0.7, 1 / 3])
    builder.scale(1.0, -offset, "Sub")
    builder.scale(scale, 0.0, "Mul")
    builder.affine(np.ones((2, 1), "float32"), None, "an affine map")
    inputs = builder.finish().inputs
    assert inputs.offset.tobytes() == offset.tobytes()
    assert inputs.scale.tobytes() == scale.tobytes()


def test_a_column_that_a_map_cannot_shift_folds():
    builder = Builder()
    builder.scale([0.0, 2.0], [3.0, 1.0], "a scale")
    builder.affine(np.float32([[1], [10]]), np.float32([100]), "an affine map")
    chain = builder.finish()
    assert chain.inputs is None
    [layer] = chain.layers
    assert layer.W.tolist() == [[0], [20]]
    assert layer.b.tolist() == [113]


def test_one_rounding_is_all_that_folding_on_both_sides_costs():
    rng = np.random.default_rng(3)
    W, b = rng.normal(size=(40, 30)).astype("float32"), rng.normal(size=30).astype("float32")
    f, h, s, t = (rng.normal(size=n) for n in (40, 40, 30, 30))
    builder = Builder()
    builder.scale(f, h, "before", fold=True)
    builder.affine(W, b, "an affine map")
    builder.scale(s, t, "behind", fold=True)
    [layer] = builder.finish().layers
    expected = (f[:, None] * W.astype(float) * s).astype("float32")
    assert layer.W.tobytes() == expected.tobytes()
    np.testing.assert_allclose(layer.b, (b + h @ W.astype(float)) * s + t, rtol=2**-23)


def test_weights_and_biases_keep_their_bits():
    W = np.array([[np.nan, -0.0], [np.inf, 1e-45]], "float32")
    builder = Builder()
    builder.affine(W, np.float32([-0.0]), "an affine map")
    net = builder.finish().network(cyprop.Network)
    assert net.weights[0].tobytes() == W.tobytes()
    assert net.biases[0].tobytes() == np.float32([-0.0, -0.0]).tobytes()


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("softmax", "cross_entropy"),
        ("log_softmax", "cross_entropy"),
        ("sigmoid", "binary_cross_entropy"),
        ("exponential", "mse"),
        ("tanh", "mse"),
        ("identity", "mse"),
    ],
)
def test_the_loss_is_that_of_the_output(output, loss):
    builder = Builder()
    builder.affine(np.ones((2, 3)), None, "an affine map")
    builder.activation(Activation(output), "an activation")
    net = builder.finish().network(cyprop.Network, optimizer="adam")
    assert (net.loss, net.dtype, net.optimizer.name) == (loss, np.float64, "adam")
    net.learn_one(np.ones(2), np.full(3, 1 / 3))


def test_another_loss_or_dtype_can_be_asked_for():
    builder = Builder()
    builder.affine(np.array([[1e300]]), None, "an affine map")
    chain = builder.finish()
    assert chain.network(cyprop.Network, loss="mae").loss == "mae"
    with pytest.raises(ValueError, match=r"1e\+300, expected what float32 can hold"):
        chain.network(cyprop.Network, dtype="float32")
    with pytest.raises(ValueError, match="needs output_activation"):
        chain.network(cyprop.Network, loss="cross_entropy")


def ones(*shape):
    return np.ones(shape, "float32")


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (lambda b: None, "it has no layer"),
        (lambda b: b.activation(RELU, "Relu"), "Relu comes before the first layer"),
        (lambda b: b.affine(ones(3, 2), None, "fc"), "fc takes 3 columns, and what comes .* has 4"),
        (lambda b: b.affine(ones(2, 0), None, "fc"), r"weights of shape \(2, 0\)"),
        (lambda b: b.affine(ones(4), None, "fc"), r"weights of shape \(4,\)"),
        (lambda b: b.affine(ones(4, 2), ones(3), "fc"), r"biases of shape \(3,\), expected \(2,\)"),
        (lambda b: b.affine(ones(4, 2).astype(int), None, "fc"), "numbers of int64"),
        (lambda b: b.scale(ones(3), 0, "Mul"), "Mul has 3 numbers, expected one, or .* 4 columns"),
        (lambda b: b.scale(ones(0), 0, "Mul"), "Mul has 1 numbers|Mul has 0 numbers"),
        (lambda b: b.scale(ones(4, 4), 0, "Mul"), "a number for each element"),
        (lambda b: b.scale(np.nan, 0, "Mul"), "not finite"),
        (lambda b: b.select([0, 4], "Gather"), "not there, or one twice, of 4"),
        (lambda b: b.select([0, -4], "Gather"), "not there, or one twice, of 4"),
        (lambda b: b.select(slice(2, 2), "Slice"), "Slice chooses no column"),
        (lambda b: b.scale(1e30, 0, "BN", fold=True), "overflow in float32"),
    ],
)
def test_what_is_no_chain_is_refused(steps, sentence):
    builder = Builder()
    if sentence.split()[0] not in ("it", "Relu"):
        builder.affine(np.full((2, 4), 1e30, "float32"), None, "the first")
    with pytest.raises(cyprop.FormatError, match=sentence):
        (steps(builder), builder.finish())


@pytest.mark.parametrize(
    "steps",
    [
        lambda b: b.affine(ones(4, 2), None, "fc"),
        lambda b: b.scale(2.0, 0, "Mul"),
        lambda b: b.select([0], "Gather"),
        lambda b: b.activation(RELU, "Relu"),
    ],
)
def test_nothing_follows_a_softmax(steps):
    builder = Builder()
    builder.affine(ones(2, 4), None, "the first")
    builder.activation(SOFTMAX, "Softmax 'end'")
    with pytest.raises(cyprop.FormatError, match="behind a softmax|expected one behind each layer"):
        steps(builder)


def test_hostile_sizes_are_refused():
    builder = Builder(room=8)
    builder.affine(ones(1, 1000), None, "fc")
    builder.activation(RELU, "Relu")
    builder.scale(2.0, 1.0, "BN", fold=True)
    with pytest.raises(cyprop.FormatError, match="a layer of 1000 by 1000 weights"):
        builder.finish()
    builder = Builder(room=300 * 300)
    for _ in range(3):
        builder.affine(ones(300, 300), None, "fc")
    with pytest.raises(cyprop.FormatError, match="270000 weights, more than the 90000 numbers"):
        builder.finish()
    builder = Builder()
    for _ in range(MAX_LAYERS):
        builder.affine(ones(1, 1), None, "fc")
    with pytest.raises(cyprop.FormatError, match="more than 1000 layers"):
        builder.affine(ones(1, 1), None, "fc")


def test_names_and_labels_come_along():
    builder = Builder()
    builder.affine(ones(2, 3), None, "fc")
    chain = builder.finish(["a", "b"], ["x", "y", "z"], [3, 5, 7])
    assert chain.input_names == ("a", "b")
    assert chain.output_names == ("x", "y", "z")
    assert chain.labels == (3, 5, 7)
    assert chain.sizes == (2, 3)
    for names in (["a"], None), (None, ["x"]), (None, None, ["u", "v"]):
        with pytest.raises(cyprop.FormatError, match="it has . (names|classes) for"):
            builder.finish(*names)


def test_another_exception_can_be_asked_for():
    with pytest.raises(TypeError, match="it has no layer"):
        Builder(TypeError).finish()


def test_nothing_is_no_map():
    assert NOTHING.does_nothing
    assert NOTHING.as_map(3) is None
