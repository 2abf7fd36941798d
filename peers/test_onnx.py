"""ONNX files of other exporters, and ours, beside ONNX Runtime.

NETWORKS random networks in all, a part from each exporter: PyTorch's both, skl2onnx, and cyprop's.
The environment variable PEER_NETWORKS asks for another number; the project's CI takes 200.
"""

import contextlib
import io
import logging
import os
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from skl2onnx import to_onnx
from sklearn import neural_network, pipeline, preprocessing
from torch import nn

import cyprop
from cyprop.formats.onnx import reader, writer
from cyprop.kernels import activation

NETWORKS = int(os.environ.get("PEER_NETWORKS", "48"))
N_INPUTS = 1000
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

TORCH = [
    *(nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU),
    *(nn.Softplus, nn.Mish, nn.Softsign, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh),
    *(nn.LogSigmoid, nn.Identity),
    *(lambda: nn.GELU("tanh"), lambda: nn.Softplus(beta=2.0), lambda: nn.Hardtanh(-2.0, 3.0)),
    *(lambda: nn.LeakyReLU(0.2), lambda: nn.ELU(0.5), lambda: nn.CELU(1.5)),
]
ENDS = [nn.Identity, lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(-1), nn.Sigmoid]
# What ONNX Runtime computes in float64; it lacks some, and computes others with float32 numbers.
IN_FLOAT64 = [nn.Sigmoid, nn.Tanh, nn.ReLU, nn.SiLU, nn.Softsign, nn.ReLU6, nn.Hardtanh]
CHECKED_IN_FLOAT64 = {"sigmoid", "tanh", "relu", "identity", "softmax", "log_softmax", "leaky_relu"}
CHECKED_IN_FLOAT64 |= {"elu", "selu", "celu", "gelu_tanh", "silu", "softplus", "mish", "softsign"}
CHECKED_IN_FLOAT64 |= {"relu6", "hard_sigmoid", "hard_swish", "hard_tanh", "log_sigmoid"}


def part(which, of=4):
    """The numbers of the networks that one exporter makes."""
    return range(which, NETWORKS, of)


def generator(number):
    return np.random.Generator(np.random.PCG64([31, number]))


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def check(path, shape, dtype, rng):
    """Compare all of N_INPUTS rows, in inputs of that shape."""
    chain = reader.read(path)
    assert chain.dtype == dtype
    session = onnxruntime.InferenceSession(path)
    net = chain.network(cyprop.Network)
    rows = int(np.prod(shape)) // chain.sizes[0]
    worst = largest = 0.0
    for _ in range(-(-N_INPUTS // rows)):
        X = rng.normal(scale=2.0, size=shape).astype(dtype)
        Y = session.run(None, {session.get_inputs()[0].name: X})[-1]
        A = net.predict(X.reshape(-1, chain.sizes[0]))
        if isinstance(Y, list):  # dicts of the probability of each class
            assert chain.labels in (None, tuple(Y[0]))  # None where a row has several labels
            Y = np.array([list(row.values()) for row in Y])
        if A.shape[1] == 1 and Y.shape[-1] == 2:
            Y = Y[:, 1]
        worst = max(worst, abs(A - Y.reshape(A.shape)).max())
        largest = max(largest, abs(Y).max())
    assert worst <= TOLERANCE[np.dtype(dtype).name] * largest
    return chain


def torch_network(rng, rank, double):
    """Layers of nn.Sequential in evaluation, and the sizes of its first and last."""
    sizes = rng.integers(1, 40, rng.integers(2, 6))
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(int(n_in), int(n_out), bias=bool(rng.random() < 0.8))]
        if rank == 2 and rng.random() < 0.3:
            norm = nn.BatchNorm1d(int(n_out))
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.3, 2.0)
            layers += [norm]
        layers += [pick(rng, IN_FLOAT64 if double else TORCH)(), nn.Dropout(0.2)]
    layers[-2:] = [pick(rng, ENDS)()]
    model = nn.Sequential(*layers).eval()
    return (model.double() if double else model), int(sizes[0])


@contextlib.contextmanager
def silence():
    """Exporters talk."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("number", part(0))
def test_networks_of_pytorch_by_its_old_exporter(tmp_path, number):
    rng = generator(number)
    torch.manual_seed(number)
    rank, double = int(rng.integers(1, 4)), rng.random() < 0.3
    model, n_in = torch_network(rng, rank, double)
    shape = {1: (n_in,), 2: (3, n_in), 3: (2, 3, n_in)}[rank]
    X = torch.zeros(shape, dtype=torch.float64 if double else torch.float32)
    free = {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]}
    with silence():
        torch.onnx.export(
            *(model, (X,), tmp_path / "m.onnx"),
            dynamo=False,
            opset_version=int(pick(rng, [13, 17, 20])),
            **(free if rank > 1 and rng.random() < 0.5 else {}),
        )
    check(tmp_path / "m.onnx", shape, np.float64 if double else np.float32, rng)


@pytest.mark.parametrize("number", part(1))
def test_networks_of_pytorch_by_its_new_exporter(tmp_path, number):
    rng = generator(number)
    torch.manual_seed(number)
    rank, double = int(rng.integers(2, 4)), rng.random() < 0.3
    model, n_in = torch_network(rng, rank, double)
    shape = {2: (3, n_in), 3: (2, 3, n_in)}[rank]
    X = torch.zeros(shape, dtype=torch.float64 if double else torch.float32)
    free = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}
    with silence():
        torch.onnx.export(
            *(model, (X,), tmp_path / "m.onnx"),
            dynamo=True,
            verbose=False,
            external_data=bool(rng.random() < 0.7),
            **(free if rng.random() < 0.5 else {}),
        )
    check(tmp_path / "m.onnx", shape, np.float64 if double else np.float32, rng)


@pytest.mark.parametrize("number", part(2))
def test_networks_of_scikit_learn(tmp_path, number):
    rng = generator(number)
    n_in, kind = (
        int(rng.integers(1, 20)),
        pick(rng, ["numbers", "number", "two", "more", "several"]),
    )
    X = rng.normal(loc=2.0, scale=3.0, size=(50, n_in))
    words = np.array(["ant", "bee", "cow", "doe"])
    Y = {
        "number": lambda: rng.normal(size=50),
        "numbers": lambda: rng.normal(size=(50, 3)),
        "two": lambda: pick(rng, [words[[0, 2]], np.array([3, 8])])[np.arange(50) % 2],
        "more": lambda: pick(rng, [words, np.arange(4)])[np.arange(50) % 4],
        "several": lambda: rng.integers(0, 2, (50, 3)),
    }[kind]()
    estimator = neural_network.MLPRegressor if "number" in kind else neural_network.MLPClassifier
    sizes = tuple(rng.integers(1, 20, rng.integers(1, 4)).tolist())
    rule = pick(rng, ["relu", "tanh", "logistic", "identity"])
    made = estimator(hidden_layer_sizes=sizes, activation=rule, max_iter=3, random_state=number)
    scaler = pick(
        rng,
        [None, preprocessing.StandardScaler, preprocessing.MinMaxScaler]
        + [preprocessing.RobustScaler, preprocessing.MaxAbsScaler],
    )
    # ONNX Runtime has no ZipMap in float64.
    zipped = kind in ("two", "more") and rng.random() < 0.5
    double = not zipped and kind != "several" and rng.random() < 0.5
    dtype = np.float64 if double else np.float32
    options = {id(made): {"zipmap": zipped}} if kind in ("two", "more") else None
    whole = made if scaler is None else pipeline.make_pipeline(scaler(), made)
    with silence():
        data = to_onnx(whole.fit(X, Y), X[:1].astype(dtype), options=options)
    (tmp_path / "m.onnx").write_bytes(data.SerializeToString())
    chain = check(tmp_path / "m.onnx", (100, n_in), dtype, rng)
    assert (chain.inputs is not None) == (scaler is not None)
    expected = made.classes_.tolist() if kind in ("two", "more") else None
    assert (None if chain.labels is None else list(chain.labels)) == expected


@pytest.mark.parametrize("number", part(3))
def test_networks_of_ours(tmp_path, number):
    rng = generator(number)
    dtype = pick(rng, ["float32", "float64"])
    known = [name for name in activation.names() if name != "exponential"]
    if dtype == "float64":
        known = [name for name in known if name in CHECKED_IN_FLOAT64]
    hidden = [name for name in known if not activation.couples_units(name)]
    sizes = rng.integers(1, 60, rng.integers(2, 6)).tolist()
    sizes[-1] += 1
    rules = [pick(rng, hidden) for _ in sizes[1:-1]]
    net = cyprop.Network(sizes, rules, pick(rng, known), dtype=dtype, seed=number)
    for b in net.biases:
        b[...] = rng.normal(size=b.shape)
    writer.to_onnx(net, tmp_path / "m.onnx")
    onnx.checker.check_model(tmp_path / "m.onnx", full_check=True)
    chain = check(tmp_path / "m.onnx", (100, sizes[0]), dtype, rng)
    assert chain.network(cyprop.Network, loss=net.loss) == net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", activation.names())
def test_every_activation_as_we_write_it(tmp_path, name, dtype):
    hidden = "tanh" if activation.couples_units(name) else name
    net = cyprop.Network([5, 7, 6, 4], hidden, name, dtype=dtype)
    net.parameters[:] *= 0.2 if name == "exponential" else 2
    writer.to_onnx(net, tmp_path / "m.onnx")
    onnx.checker.check_model(tmp_path / "m.onnx", full_check=True)
    if dtype == "float32" or name in CHECKED_IN_FLOAT64 or name == "exponential":
        check(tmp_path / "m.onnx", (100, 5), dtype, np.random.default_rng(1))


def test_onnx_reads_maps_names_and_labels(tmp_path):
    rng = np.random.default_rng(2)
    inputs, outputs = (writer.Map(*rng.normal(size=(2, n))) for n in (3, 2))
    around = writer.Around(inputs, outputs, list("abc"), list("uv"), ["no", "yes"])
    layers = [(*(rng.normal(size=s).astype("f4") for s in ((3, 2), 2)), cyprop.Activation("tanh"))]
    data = b"".join(writer.model(layers, (3, 2), np.dtype("f4"), around))
    (tmp_path / "m.onnx").write_bytes(data)
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "cyprop.input_names": '["a", "b", "c"]',
        "cyprop.output_names": '["u", "v"]',
        "cyprop.labels": '["no", "yes"]',
    }
    check(tmp_path / "m.onnx", (100, 3), np.float32, rng)
