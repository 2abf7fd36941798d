"""Networks written as ONNX: what the graph computes, and that the reader gives the same back."""

import numpy as np
import onnx_again
import pytest

import cyprop
from cyprop.checks.maps import Map
from cyprop.formats.onnx import reader as onnx
from cyprop.formats.onnx import writer, written
from cyprop.kernels import activation
from cyprop.rules import Activation

RULES = {"leaky_relu": cyprop.LeakyReLU(0.3), "elu": cyprop.ELU(0.7), "celu": cyprop.CELU(1.7)}


def made(name, dtype, seed=1):
    rule = RULES.get(name, name)
    hidden = "tanh" if activation.couples_units(name) else rule
    loss = "cross_entropy" if activation.couples_units(name) else "mse"
    net = cyprop.Network([5, 7, 6, 4], hidden, rule, loss, dtype=dtype, seed=seed)
    if name == "exponential":  # e to the e to the x overflows soon
        net.parameters[:] *= 0.3
    rng = np.random.default_rng(seed)
    for b in net.biases:
        b[...] = rng.normal(scale=0.5, size=b.shape)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", activation.names())
def test_every_activation_is_written_and_read(tmp_path, name, dtype):
    net = made(name, dtype)
    writer.to_onnx(net, tmp_path / "net.onnx")
    chain = onnx.read(tmp_path / "net.onnx")
    assert chain.network(cyprop.Network, loss=net.loss) == net
    for W, layer in zip(net.weights, chain.layers):
        assert layer.W.tobytes() == np.ascontiguousarray(W).tobytes()
    graph = onnx_again.Graph((tmp_path / "net.onnx").read_bytes())
    assert (graph.inputs, graph.outputs) == ([b"input"], [b"output"])
    X = np.random.default_rng(2).normal(scale=2, size=(50, 5)).astype(dtype)
    expected, largest = graph.run(X.astype(float))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e3 * eps, atol=50 * eps * largest)


@pytest.mark.parametrize("name", activation.names())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spellings_are_exact_far_from_zero(name, dtype):
    if activation.couples_units(name):
        return
    rule = RULES.get(name, Activation(name))
    pieces = written.Pieces(dtype)
    output = written.activation(pieces, rule, "x", "y")
    data = writer.message(7, [*pieces.nodes, *pieces.tensors])
    data += writer.message(8, [writer.number_field(2, 17)])
    graph = onnx_again.Graph(data)
    graph.inputs = [b"x"]
    Z = np.array([[-700.0, -80.0, -20.0, -3.0, -1.0, -1e-8, 0, 1e-8, 1.0, 3.0, 20.0, 80.0, 700.0]])
    A = np.empty_like(Z)
    activation.forward(rule.name, Z, A, rule.values)
    with np.errstate(over="ignore"):
        found, _ = graph.run(Z, output.encode())
    np.testing.assert_allclose(found, A, rtol=3e-7, atol=1e-15)


def test_the_method_writes_the_same_and_load_gives_an_equal_network(tmp_path):
    net = made("softmax", "float64")
    net.to_onnx(tmp_path / "net")
    writer.to_onnx(net, tmp_path / "other")
    assert (tmp_path / "net").read_bytes() == (tmp_path / "other").read_bytes()
    assert cyprop.load(tmp_path / "net") == net


def test_weights_keep_their_bits(tmp_path):
    net = cyprop.Network([2, 2], output_activation="identity")
    net.weights[0][...] = [[np.nan, -0.0], [np.inf, 1e-45]]
    net.biases[0][...] = [-0.0, -np.inf]
    writer.to_onnx(net, tmp_path / "net")
    [layer] = onnx.read(tmp_path / "net").layers
    assert layer.W.tobytes() == net.weights[0].tobytes()
    assert layer.b.tobytes() == net.biases[0].tobytes()


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in "a", "b":
        writer.to_onnx(cyprop.Network([3, 4, 2], "gelu", seed=3), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert onnx.is_onnx((tmp_path / "a").read_bytes())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["identity", "tanh"])
def test_maps_names_and_labels_come_back(tmp_path, name, dtype):
    rng = np.random.default_rng(6)
    W, b = rng.normal(size=(3, 2)).astype(dtype), rng.normal(size=2).astype(dtype)
    around = writer.Around(
        Map(rng.normal(size=3), rng.normal(size=3)),
        Map(rng.normal(size=2), rng.normal(size=2)),
        ["a", "b", "\u00e9"],
        ["u", "v"],
        ["yes", 7],
    )
    pieces = writer.model([(W, b, Activation(name))], (3, 2), np.dtype(dtype), around)
    (tmp_path / "net").write_bytes(b"".join(pieces))
    chain = onnx.read(tmp_path / "net")
    for mine, theirs in ((chain.inputs, around.inputs), (chain.outputs, around.outputs)):
        assert mine.offset.tobytes() == theirs.offset.tobytes()
        assert mine.scale.tobytes() == theirs.scale.tobytes()
    assert chain.layers[0].W.tobytes() == W.tobytes()
    assert chain.input_names == ("a", "b", "\u00e9")
    assert chain.output_names == ("u", "v")
    assert chain.labels == ("yes", 7)
    X = rng.normal(size=(4, 3))
    A = ((X - around.inputs.offset) * around.inputs.scale) @ W + b
    A = np.tanh(A) if name == "tanh" else A
    expected = (A - around.outputs.offset) * around.outputs.scale
    found, _ = onnx_again.Graph(b"".join(pieces)).run(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("labels", [["a", "é", "c"], [3, -1, 2], [0.5, 1.5, 2.0], [1, "b", 2.5]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_with_maps_names_and_labels_come_back(tmp_path, labels, dtype):
    net = cyprop.Network([4, 5, 3], "tanh", loss="cross_entropy", dtype=dtype)
    net.input_map = [0.1, 20, -3, 0], [1 / 3, 1e-3, 0, 5]
    net.input_names, net.output_names = list("wxyz"), list("uvw")
    net.labels = labels
    net.to_onnx(tmp_path / "net")
    back = cyprop.load(tmp_path / "net")
    assert back == net
    X = np.random.default_rng(1).normal(size=(20, 4))
    assert back.classify(X).tolist() == net.classify(X).tolist()


def test_an_output_map_comes_back(tmp_path):
    net = cyprop.Network([2, 5, 2], "relu", "sigmoid", loss="mse")
    net.output_map = [1, -2], [0.25, 100]
    net.to_onnx(tmp_path / "net")
    assert cyprop.load(tmp_path / "net") == net


@pytest.mark.parametrize("key", ["input_names", "labels"])
@pytest.mark.parametrize("text", ['["a"]', "7", "[1.5]", '{"a": 1}', "[", "[" * 5000, "[null]"])
def test_names_that_are_none_are_refused(tmp_path, key, text):
    entry = [writer.bytes_field(1, f"cyprop.{key}"), writer.bytes_field(2, text)]
    writer.to_onnx(cyprop.Network([3, 3]), tmp_path / "net")
    data = (tmp_path / "net").read_bytes() + writer.message(14, entry)
    (tmp_path / "net").write_bytes(data)
    with pytest.raises(cyprop.FormatError, match="names|labels|classes|JSON|says more"):
        onnx.read(tmp_path / "net")


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    net = cyprop.Network([2, 3, 1], "relu")
    with pytest.raises(TypeError, match="path is 3"):
        writer.to_onnx(net, 3)
    monkeypatch.setattr(written, "ANY", {})
    with pytest.raises(ValueError, match="'relu' cannot be exported until .*onnx/written.py"):
        writer.to_onnx(net, tmp_path / "net")
    monkeypatch.setattr(writer, "MOST_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="has 52 bytes of weights, and ONNX takes less than 2 GiB"):
        writer.to_onnx(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []
