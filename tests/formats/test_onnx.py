"""ONNX files in all their spellings, computed a second time; and those that are refused."""

import os
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import onnx_again
import onnx_files as files
import pytest
from onnx_files import node

import cyprop
from cyprop.formats.onnx import reader as onnx
from cyprop.formats.onnx.protobuf import bytes_field, message, number_field

F = np.float32
RNG = np.random.default_rng(4)
W, W2 = RNG.normal(size=(3, 4)).astype(F), RNG.normal(size=(4, 2)).astype(F)
B, S = RNG.normal(size=4).astype(F), RNG.uniform(0.5, 2, 4).astype(F)
TENSORS = {"W": W, "Wt": W.T.copy(), "W2": W2, "b": B, "s": S, "b1": B[None, :], "r": S[:3]}
TENSORS |= {f"c{i}": F(x) for i, x in enumerate((0, 1, 2, 3, 0.5, 6, 20, 1 / 6))}
TENSORS |= {"rows": np.array([0, 3]), "axes": np.array([1]), "pow3": F(3), "root": F(2**0.5)}
TENSORS |= {"k": F(0.044715), "t": F((2 / np.pi) ** 0.5), "n": F(-1)}
FIRST = node("Gemm", "x W b", "z")
LAST = node("MatMul", "a W2", "y")


def read(data, tmp_path, **others):
    (tmp_path / "m.onnx").write_bytes(data)
    return onnx.read(tmp_path / "m.onnx", **others)


def predict(chain, X):
    A = X if chain.inputs is None else (X - chain.inputs.offset) * chain.inputs.scale
    plain = chain._replace(inputs=None, outputs=None)
    A = plain.network(cyprop.Network, dtype="float64").predict(A)
    return A if chain.outputs is None else (A - chain.outputs.offset) * chain.outputs.scale


def check(data, tmp_path, shape=(7, 3), output=None):
    """Read a file, and compare with what the graph computes."""
    chain = read(data, tmp_path)
    X = np.random.default_rng(1).normal(scale=3.0, size=shape)
    expected, largest = onnx_again.Graph(data).run(X, output)
    found = predict(chain, X.reshape(-1, chain.sizes[0]))
    assert found.size == expected.size
    assert abs(found - expected.reshape(found.shape)).max() <= 2e-6 * largest
    return chain


LAYERS = {
    "Gemm": [FIRST, node("Identity", "z", "a"), LAST],
    "Gemm transposed": [node("Gemm", "x Wt b", "a", transB=1), LAST],
    "Gemm without bias": [node("Gemm", "x W", "a"), LAST],
    "Gemm with alpha and beta": [node("Gemm", "x W b1", "a", alpha=0.6, beta=0.4), LAST],
    "MatMul and Add": [node("MatMul", "x W", "m"), node("Add", "m b", "a"), LAST],
    "Add and MatMul": [node("MatMul", "x W", "m"), node("Add", "b1 m", "a"), LAST],
    "MatMul, number": [node("MatMul", "x W", "m"), node("Add", "m c2", "a"), LAST],
    "weights turned": [node("Transpose", "Wt", "w"), node("MatMul", "x w", "a"), LAST],
    "BatchNorm": [FIRST, node("BatchNormalization", "z b b b s", "a"), LAST],
    "BatchNorm behind": [
        *(FIRST, node("Tanh", "z", "h")),
        *(node("BatchNormalization", "h s b b s", "a", epsilon=0.001), LAST),
    ],
    "BatchNorm in front": [
        *(node("BatchNormalization", "x r r r r", "q"), node("Gemm", "q W b", "a"), LAST),
    ],
    "Sub and Mul": [node("Sub", "x r", "u"), node("Mul", "u r", "v")]
    + [node("Gemm", "v W b", "a"), LAST],
    "Mul and Add": [node("Mul", "x r", "u"), node("Add", "u r", "v")]
    + [node("Gemm", "v W b", "a"), LAST],
    "Div and Sub from": [node("Div", "x r", "u"), node("Sub", "r u", "v")]
    + [node("Gemm", "v W b", "a"), LAST],
    "Split": [FIRST, node("Split", "z", "z1 z2", axis=1, split=[1, 3]), node("Relu", "z2", "y")],
    "Slice": [
        *(FIRST, node("Tanh", "z", "h")),
        *(node("Slice", "h rows4 four axes", "g"), node("Neg", "g", "y")),
    ],
    "Gather": [FIRST, node("Gather", "z rows", "g", axis=-1), node("Sigmoid", "g", "y")],
    "Dropout": [FIRST, node("Dropout", "z c4", "a m"), LAST],
    "Cast": [node("Cast", "x", "q", to=11), node("Gemm", "q W b", "a"), LAST],
    "shapes": [
        *(FIRST, node("Unsqueeze", "z axes", "u"), node("Transpose", "u", "v", perm=[1, 0, 2])),
        *(node("Squeeze", "v zero", "q"), node("Flatten", "q", "f")),
        *(node("Reshape", "f shape", "a"), LAST),
    ],
    "Constant": [node("Constant", "", "q", value=W), node("MatMul", "x q", "a"), LAST],
}
MORE = {"rows4": np.array([1]), "four": np.array([4]), "zero": np.array([0])}
MORE |= {"shape": np.array([-1, 4])}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(tmp_path, name):
    opset = 11 if name == "Split" else 17
    check(files.model(LAYERS[name], {**TENSORS, **MORE}, opset=opset), tmp_path)


# Each makes a of z, and is an activation of that name.
SPELLINGS = {
    "sigmoid": [["Sigmoid", "z", "a"]],
    "sigmoid (1)": [
        ["Neg", "z", "1"],
        ["Exp", "1", "2"],
        ["Add", "2 c1", "3"],
        ["Div", "c1 3", "a"],
    ],
    "sigmoid (2)": [
        *(["Neg", "z", "1"], ["Exp", "1", "2"]),
        *(["Add", "c1 2", "3"], ["Reciprocal", "3", "a"]),
    ],
    "relu (1)": [["Max", "z c0", "a"]],
    "relu (2)": [["Clip", "z c0", "a"]],
    "leaky_relu": [["Mul", "z c4", "1"], ["Greater", "z c0", "2"], ["Where", "2 z 1", "a"]],
    "leaky_relu (1)": [["Mul", "z c4", "1"], ["Less", "z c0", "2"], ["Where", "2 1 z", "a"]],
    "leaky_relu (2)": [["PRelu", "z c4", "a"]],
    "elu": [["Elu", "z", "a", {"alpha": 0.5}]],
    "selu": [["Selu", "z", "a"]],
    "selu as elu": [["Selu", "z", "a", {"alpha": 0.5, "gamma": 1.5}]],
    "celu": [["Celu", "z", "a", {"alpha": 1.5}]],
    "celu (1)": [["Mul", "z c4", "1"], ["Elu", "1", "2"], ["Mul", "c2 2", "a"]],
    "silu": [["Sigmoid", "z", "1"], ["Mul", "1 z", "a"]],
    "silu (1)": [["Neg", "z", "1"], ["Exp", "1", "2"], ["Add", "2 c1", "3"], ["Div", "z 3", "a"]],
    "silu of twice": [["Mul", "z c2", "1"], ["Sigmoid", "1", "2"], ["Mul", "z 2", "a"]],
    "softplus": [["Softplus", "z", "a"]],
    "softplus (1)": [["Exp", "z", "1"], ["Add", "1 c1", "2"], ["Log", "2", "a"]],
    "softplus (2)": [["Softplus", "z", "1"], ["Greater", "z c6", "2"], ["Where", "2 z 1", "a"]],
    "softplus (3)": [
        *(["Abs", "z", "1"], ["Neg", "1", "2"], ["Exp", "2", "3"], ["Add", "3 c1", "4"]),
        *(["Log", "4", "5"], ["Relu", "z", "6"], ["Add", "5 6", "a"]),
    ],
    "softplus of twice": [["Mul", "z c2", "1"], ["Softplus", "1", "2"], ["Div", "2 c2", "a"]],
    "log_sigmoid": [["Neg", "z", "1"], ["Softplus", "1", "2"], ["Neg", "2", "a"]],
    "log_sigmoid (1)": [["Sigmoid", "z", "1"], ["Log", "1", "a"]],
    "log_sigmoid (2)": [
        *(["Neg", "z", "1"], ["Exp", "1", "2"], ["Add", "c1 2", "3"], ["Log", "3", "4"]),
        ["Neg", "4", "a"],
    ],
    "gelu": [
        *(["Div", "z root", "1"], ["Erf", "1", "2"], ["Add", "2 c1", "3"]),
        *(["Mul", "z 3", "4"], ["Mul", "4 c4", "a"]),
    ],
    "gelu (1)": [
        *(["Div", "z root", "1"], ["Erf", "1", "2"], ["Add", "c1 2", "3"]),
        *(["Mul", "c4 3", "4"], ["Mul", "4 z", "a"]),
    ],
    "gelu_tanh": [
        *(["Pow", "z pow3", "1"], ["Mul", "1 k", "2"], ["Add", "z 2", "3"], ["Mul", "3 t", "4"]),
        *(["Tanh", "4", "5"], ["Add", "5 c1", "6"], ["Mul", "z c4", "7"], ["Mul", "7 6", "a"]),
    ],
    "gelu_tanh (1)": [
        *(["Mul", "z z", "1"], ["Mul", "1 k", "2"], ["Add", "c1 2", "3"], ["Mul", "z 3", "4"]),
        *(["Mul", "t 4", "5"], ["Tanh", "5", "6"], ["Add", "c1 6", "7"]),
        *(["Mul", "c4 z", "8"], ["Mul", "8 7", "a"]),
    ],
    "mish": [["Softplus", "z", "1"], ["Tanh", "1", "2"], ["Mul", "z 2", "a"]],
    "mish (1)": [["Mish", "z", "a"]],
    "softsign": [["Softsign", "z", "a"]],
    "softsign (1)": [["Abs", "z", "1"], ["Add", "1 c1", "2"], ["Div", "z 2", "a"]],
    "relu6": [["Clip", "z c0 c5", "a"]],
    "relu6 (1)": [["Relu", "z", "1"], ["Min", "1 c5", "a"]],
    "hard_tanh": [["Clip", "z n c1", "a"]],
    "hard_tanh between others": [["Clip", "z n c3", "a"]],
    "hard_sigmoid": [["HardSigmoid", "z", "a", {"alpha": 1 / 6}]],
    "hard_sigmoid of another slope": [["HardSigmoid", "z", "a"]],
    "hard_sigmoid (1)": [["Add", "z c3", "1"], ["Clip", "1 c0 c5", "2"], ["Div", "2 c5", "a"]],
    "hard_swish": [["HardSwish", "z", "a"]],
    "hard_swish (1)": [["HardSigmoid", "z", "1", {"alpha": 1 / 6}], ["Mul", "z 1", "a"]],
    "hard_swish (2)": [
        *(["Add", "z c3", "1"], ["Clip", "1 c0 c5", "2"]),
        *(["Mul", "z 2", "3"], ["Mul", "3 c7", "a"]),
    ],
    "tanh": [["Tanh", "z", "a"]],
    "exponential": [["Exp", "z", "a"]],
    "identity": [["Div", "z c2", "a"]],
    "identity (1)": [["Clip", "z", "a"]],
}
HYPERPARAMETERS = {"elu": {"alpha": 0.5}, "celu": {"alpha": 1.5}, "celu (1)": {"alpha": 2.0}}
HYPERPARAMETERS |= {f"leaky_relu{x}": {"negative_slope": 0.5} for x in ("", " (1)", " (2)")}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_activations(tmp_path, name):
    nodes = [node(*step[:3], **(step[3] if step[3:] else {})) for step in SPELLINGS[name]]
    chain = check(files.model([FIRST, *nodes, LAST], TENSORS), tmp_path)
    first = chain.layers[0]
    if " as " not in name:
        assert first.activation.name == name.split()[0]
    if " " not in name or name[-1] == ")":
        assert first.W.tobytes() == W.tobytes() or name == "identity"
        assert first.activation.hyperparameters == HYPERPARAMETERS.get(name, {})


def test_linear_models(tmp_path):
    weights = {"coefficients": W2.ravel().tolist(), "intercepts": [0.5, 1.5]}
    linear = node("LinearRegressor", "x", "y", "ai.onnx.ml", **weights, targets=2)
    check(files.model([linear], {}, ("n", 4)), tmp_path, (7, 4))
    for end, name in (("SOFTMAX", "softmax"), ("LOGISTIC", "sigmoid"), ("NONE", "identity")):
        kind = {"post_transform": end, "classlabels_strings": ["no", "yes"]}
        linear = node("LinearClassifier", "x", "label y", "ai.onnx.ml", **weights, **kind)
        chain = read(files.model([linear], {}, ("n", 4), "label y"), tmp_path)
        assert chain.layers[0].W.T.tobytes() == W2.tobytes()
        assert chain.layers[0].activation.name == name
        assert chain.labels == ("no", "yes")
    for wrong in ({"coefficients": [1, 2]}, {"coefficients": 1.0}, {"targets": [1.0]}):
        linear = node("LinearRegressor", "x", "y", "ai.onnx.ml", **{**weights, **wrong})
        with pytest.raises(cyprop.FormatError, match="of another kind"):
            read(files.model([linear], {}), tmp_path)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("opset", "axis"), [(11, {}), (17, {}), (17, {"axis": 1})])
def test_softmax(tmp_path, name, opset, axis):
    op = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[name]
    data = files.model([FIRST, node(op, "z", "y", **axis)], TENSORS, opset=opset)
    assert check(data, tmp_path).layers[-1].activation.name == name


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((3,), (3,)), ((5, 3), (5, 3)), (("n", 3), (4, 3)), ((2, 5, 3), (2, 5, 3)), (None, (2, 3))],
)
def test_inputs_of_every_rank(tmp_path, shape, rows):
    nodes = [node("MatMul", "x W", "m"), node("Add", "m b", "h"), node("Relu", "h", "a"), LAST]
    check(files.model(nodes, TENSORS, shape), tmp_path, rows)


def test_an_image_is_flattened(tmp_path):
    tensors = {"w": np.ones((12, 2), F), "mean": np.arange(12, dtype=F).reshape(1, 3, 4)}
    nodes = [node("Sub", "x mean", "u"), node("Flatten", "u", "v"), node("MatMul", "v w", "y")]
    chain = check(files.model(nodes, tensors, ("n", 3, 4)), tmp_path, (5, 3, 4))
    assert chain.sizes == (12, 2)
    assert chain.inputs.offset.tolist() == list(range(12))


def test_dtypes(tmp_path):
    for dtype, expected in (("f2", "float32"), ("f4", "float32"), ("f8", "float64")):
        tensors = {"w": W.astype(dtype)}
        chain = check(files.model([node("MatMul", "x w", "y")], tensors), tmp_path)
        assert chain.dtype == expected
        assert np.array_equal(chain.layers[0].W, tensors["w"])
    w = bytes_field(
        5,
        number_field(1, 3)
        + number_field(1, 1)
        + number_field(2, 16)
        + bytes_field(9, np.array([0x3F80, 0xC000, 0x7F80], "<u2").tobytes())
        + bytes_field(8, "w"),
    )
    chain = read(files.model([node("MatMul", "x w", "y")], {}, extra=w), tmp_path)
    assert chain.layers[0].W.tolist() == [[1.0], [-2.0], [np.inf]]
    assert chain.dtype == np.float32


@pytest.mark.parametrize("packed", [True, False])
def test_typed_data_packed_or_not(tmp_path, packed):
    numbers = [1.5, -2.0, 3.25]
    data = b"".join(np.float32(x).tobytes() for x in numbers)
    parts = bytes_field(4, data) if packed else b"".join(files.float_field(4, x) for x in numbers)
    w = bytes_field(5, b"\x0a\x02\x03\x01" + number_field(2, 1) + parts + bytes_field(8, "w"))
    chain = read(files.model([node("MatMul", "x w", "y")], {}, extra=w), tmp_path)
    assert chain.layers[0].W.ravel().tolist() == numbers


def test_initializers_may_be_listed_as_inputs(tmp_path):
    data = files.model([FIRST, node("Relu", "z", "a"), LAST], TENSORS, inputs="x W b W2")
    check(data, tmp_path)


def test_labels_of_a_classifier(tmp_path):
    tail = [
        node("ArgMax", "p", "i", axis=1),
        node("ArrayFeatureExtractor", "classes i", "l0", "ai.onnx.ml"),
        node("Cast", "l0", "l1", to=7),
        node("Reshape", "l1 shape", "label"),
    ]
    for classes in (np.array(["ant", "bee"]), np.array([7, 9])):
        for zipped in (True, False):
            last = [node("Identity", "p", "out")]
            if zipped:
                kind = "strings" if classes.dtype.kind == "U" else "int64s"
                labels = {f"classlabels_{kind}": classes.tolist()}
                last = [node("ZipMap", "p", "out", "ai.onnx.ml", **labels)]
            softmax = [FIRST, node("Relu", "z", "a"), LAST, node("Softmax", "y", "p", axis=1)]
            sigmoid = [
                *(
                    node("Gemm", "x one", "q"),
                    node("Sigmoid", "q", "s1"),
                    node("Sub", "c1 s1", "s0"),
                ),
                node("Concat", "s0 s1", "p", axis=1),
            ]
            for nodes, output in ((softmax, "softmax"), (sigmoid, "sigmoid")):
                tensors = {**TENSORS, "classes": classes, "shape": np.array([-1]), "one": W[:, :1]}
                data = files.model([*nodes, *tail, *last], tensors, outputs="label out")
                chain = read(data, tmp_path)
                assert chain.labels == tuple(classes.tolist())
                assert chain.layers[-1].activation.name == output


def test_heads_are_asked_for(tmp_path):
    nodes = [FIRST, node("Tanh", "z", "u"), node("MatMul", "u W2", "v")]
    data = files.model(nodes, TENSORS, outputs="u v")
    with pytest.raises(cyprop.FormatError, match="the outputs 'u', 'v'; choose one with output="):
        read(data, tmp_path)
    with pytest.raises(cyprop.FormatError, match="no output 'w'; it has 'u', 'v'"):
        read(data, tmp_path, output="w")
    assert read(data, tmp_path, output="u").sizes == (3, 4)
    assert read(data, tmp_path, output="v").sizes == (3, 4, 2)


# What is refused, and by which node


REFUSED = {
    "the node Conv 'y' is no part of a chain of layers; expected Gemm": [node("Conv", "x W", "y")],
    "the node Attention 'mine' is no part": [node("Attention", "x", "y", name="mine")],
    "the node org.Relu 'y' is no part": [FIRST, node("Relu", "z", "y", "org")],
    "the node Add 'y' takes 'x', which is no longer at hand": [
        *(node("Gemm", "x Sq", "z"), node("Add", "z x", "y"))
    ],
    "Gemm 'y' takes values of 3 dimensions, expected 2": [
        *(node("Unsqueeze", "x axes", "u"), node("Gemm", "u W", "y"))
    ],
    "Gemm 'y' has transA": [node("Gemm", "x W", "y", transA=1)],
    "Gemm 'y' has the attribute 'gamma'; known are alpha": [node("Gemm", "x W", "y", gamma=1.0)],
    "'alpha' of another kind": [node("Gemm", "x W", "y", alpha=1)],
    "Gemm 'y' has another bias for each row|biases of shape": [node("Gemm", "x W Sq4", "y")],
    "MatMul 'y' takes a constant where": [node("MatMul", "W x", "y")],
    "takes 'x', which depends on the input, expected a constant": [node("MatMul", "x x", "y")],
    "the node Tanh 'g' ends a computation that is no activation": [
        *(FIRST, node("Relu", "z", "h"), node("Tanh", "h", "g"), node("MatMul", "g W2", "y"))
    ],
    "the node (Clip 'a'|Gemm 'y') ends a computation that is no activation": [
        *(FIRST, node("Clip", "z c0 far", "a"), LAST)
    ],
    "Clip 'a' is no part of an activation": [*(FIRST, node("Clip", "z c5 c0", "a"), LAST)],
    "the node Mul 'a' ends a computation that is no activation": [
        *(FIRST, node("Mul", "z z", "a"), LAST)
    ],
    "Sigmoid 'y' ends a .*|comes before the first layer": [node("Sigmoid", "x", "y")],
    "it has no layer": [node("Identity", "x", "y")],
    "Softmax 'y' is along axis 0, expected the last": [FIRST, node("Softmax", "z", "y", axis=0)],
    "is over 2 columns of a row, expected all": [
        *(FIRST, node("Reshape", "z two", "h"), node("Softmax", "h", "y", axis=-1))
    ],
    "MatMul 'y' follows the node Softmax 'h', expected nothing behind": [
        *(FIRST, node("Softmax", "z", "h"), node("MatMul", "h W2", "y"))
    ],
    "BatchNormalization 'y' takes 3 dimensions": [
        *(FIRST, node("Unsqueeze", "z axes", "u"), node("BatchNormalization", "u s s s s", "y"))
    ],
    "BatchNormalization 'y' is in training mode": [
        *(FIRST, node("BatchNormalization", "z s s s s", "y", training_mode=1))
    ],
    "Dropout 'y' is in training mode": [FIRST, node("Dropout", "z c4 yes", "y")],
    "Transpose 'y' changes the order": [FIRST, node("Transpose", "z", "y", perm=[1, 0])],
    "Split 'u' takes the columns apart, expected one part": [
        *(FIRST, node("Split", "z", "u v", axis=1, split=[2, 2]), node("Add", "u v", "y"))
    ],
    "Gather 'y' chooses among the inputs": [node("Gather", "x rows", "y", axis=1)],
    "Gather 'y' chooses columns that are not there, or one twice, of 4": [
        *(FIRST, node("Gather", "z twice", "y", axis=1))
    ],
    "Cast 'y' makes whole numbers": [FIRST, node("Cast", "z", "y", to=7)],
    "Add 'y' has numbers of shape \\[4, 1\\] for values of shape": [
        FIRST,
        node("Add", "z up", "y"),
    ],
    "PRelu 'y' has a slope for each column": [FIRST, node("PRelu", "z s", "y")],
    "LeakyRelu 'y' has a number out of range": [FIRST, node("LeakyRelu", "z", "y", alpha=-1.0)],
    "Where 'y' chooses by what is no comparison|takes 'q', which": [
        *(FIRST, node("Where", "yes z c0", "y"))
    ],
    "takes values of different shapes": [
        *(
            FIRST,
            node("Sigmoid", "z", "s1"),
            node("Unsqueeze", "s1 axes", "u"),
            node("Mul", "z u", "y"),
        )
    ],
    "the output '[yW]' is not made of an input": [node("Identity", "W", "y")],
    "Tanh 'z' makes 'z', which is made twice": [FIRST, node("Tanh", "z", "z"), LAST],
    "a number of a class, expected that of each class": [FIRST, node("ArgMax", "z", "y", axis=1)],
}
WRONG = {"Sq": np.eye(3, dtype=F), "Sq4": np.ones((4, 4), F), "two": np.array([-1, 2])}
WRONG |= {
    "far": np.float32(1e20),
    "yes": np.uint8(1),
    "twice": np.array([1, 1]),
    "up": np.ones((4, 1), F),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_is_no_chain_is_refused(tmp_path, sentence):
    data = files.model(REFUSED[sentence], {**TENSORS, **WRONG})
    with pytest.raises(cyprop.FormatError, match=sentence) as caught:
        read(data, tmp_path)
    assert re.fullmatch(r"cannot load '.*m\.onnx': [^\n]+", str(caught.value))


def test_long_computations_end(tmp_path):
    nodes = [
        FIRST,
        *(node("Mul", f"{a} {a}", b) for a, b in zip("zABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNOy")),
    ]
    with pytest.raises(cyprop.FormatError, match="no activation"):
        read(files.model(nodes, TENSORS), tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it has no graph"),
        (b"\0" * 100, "field of the number 0"),
        (number_field(1, 8), "it has no graph"),
        (files.model([], {}) + message(7, []), "two graphs"),
        (files.model([], {}, extra=number_field(1, 3)), "an entry that is no message"),
        (files.model([FIRST], {}, extra=bytes_field(1, b"\x22\x02\xff\xfe")), "not UTF-8"),
        (files.model([FIRST], TENSORS, inputs="x q"), "not made of an input"),
        (files.model([FIRST], {**TENSORS}, extra=bytes_field(5, bytes_field(8, "W"))), "twice"),
        (files.model([FIRST], TENSORS) + bytes_field(25, bytes_field(10, "")), "another meaning"),
    ],
)
def test_damaged_files_are_refused(tmp_path, data, sentence):
    with pytest.raises(cyprop.FormatError, match=sentence):
        read(data, tmp_path)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    nodes = [FIRST, node("Relu", "z", "a"), LAST]
    tensors = {"W": W, "b": B, "W2": W2}
    whole = files.model(nodes, tensors, opset=17)
    found = 0
    for length in range(len(whole)):
        try:
            chain = read(whole[:length], tmp_path)
        except cyprop.FormatError:
            found += 1
        else:  # what stands behind the graph says no more than the opset
            assert chain.layers[0].W.tobytes() == W.tobytes()
    assert found >= len(whole) - 30


def test_hostile_sizes_take_no_memory(tmp_path):
    huge = b"".join(number_field(1, 2**40) for _ in range(2)) + number_field(2, 1)
    cases = [
        files.model([FIRST], {}, extra=bytes_field(5, huge + bytes_field(8, "W"))),
        files.model([], {}, extra=bytes_field(1, b"") * 30_000),
        files.model([], {}, extra=message(1, [bytes_field(1, b"")] * 30_000)),
        files.model([], {}, extra=message(5, [number_field(1, 1)] * 30_000)),
        files.model(
            [FIRST],
            {},
            extra=message(5, [files.float_field(4, 1.0)] * 30_000 + [bytes_field(8, "W")]),
        ),
        files.model([], {})
        + message(14, [bytes_field(1, "cyprop.labels"), bytes_field(2, "[" * 60_000)]),
        files.model(
            [
                node("Gemm", "x w", "z"),
                node("Tanh", "z", "h"),
                node("BatchNormalization", "h b b b b", "y"),
            ],
            {"w": np.ones((3, 5000), F), "b": np.ones(5000, F)},
        ),
    ]
    for data in cases:
        path = tmp_path / "m.onnx"
        path.write_bytes(data)
        tracemalloc.start()
        try:
            with pytest.raises(cyprop.FormatError):
                onnx.read(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak <= 2 * len(data) + 2**20


# External data


def external(location, offset=None, length=None, shape=(3, 2)):
    """A tensor w whose numbers are elsewhere."""
    entries = {"location": location, "offset": offset, "length": length}
    parts = [number_field(1, size) for size in shape] + [number_field(2, 1), bytes_field(8, "w")]
    parts += [
        message(13, [bytes_field(1, key), bytes_field(2, str(entry))])
        for key, entry in entries.items()
        if entry is not None
    ]
    return files.model(
        [node("MatMul", "x w", "y")], {}, extra=message(5, [*parts, number_field(14, 1)])
    )


def test_external_data(tmp_path):
    numbers = np.arange(10, dtype=F)
    (tmp_path / "m.onnx.data").write_bytes(numbers.tobytes())
    for data, first in (
        (external("m.onnx.data"), 0),
        (external("m.onnx.data", 16, 24), 4),
        (external("m.onnx.data", 8), 2),
    ):
        chain = read(data, tmp_path)
        assert chain.layers[0].W.ravel().tolist() == numbers[first : first + 6].tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        ("../secret",),
        ("/etc/passwd",),
        ("sub/data",),
        ("sub\\data",),
        ("..",),
        ("",),
        ("absent",),
        ("link",),
        ("hard",),
        ("fifo",),
        ("sub",),
        ("data", 20),
        ("data", 0, 23),
        ("data", 0, 10**17),
        ("data", -1),
        ("data", "1e3"),
        ("data", "9" * 5000),
        ("data", 0, 24, (2**40, 2**40)),
        ("data", 2**62),
    ],
)
def test_external_data_is_contained(tmp_path, arguments):
    (tmp_path / "secret").write_bytes(bytes(40))
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "data").write_bytes(bytes(40))
    (folder / "data").write_bytes(bytes(40))
    (folder / "link").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret", folder / "hard")
    os.mkfifo(folder / "fifo")
    with pytest.raises(cyprop.FormatError, match=r"cannot load '[^\n]*m\.onnx': [^\n]*$"):
        read(external(*arguments), folder)


def test_external_data_is_read_once(tmp_path):
    (tmp_path / "data").write_bytes(bytes(24))
    nodes = [node("MatMul", "x w", "z"), node("Gemm", "z v", "y")]
    parts = []
    for name, shape in (("w", (3, 2)), ("v", (2, 3))):
        parts += [
            message(
                5,
                [
                    *(number_field(1, size) for size in shape),
                    number_field(2, 1),
                    bytes_field(8, name),
                    number_field(14, 1),
                    message(13, [bytes_field(1, "location"), bytes_field(2, "data")]),
                ],
            )
        ]
    with pytest.raises(cyprop.FormatError, match="share their external data"):
        read(files.model(nodes, {}, extra=b"".join(parts)), tmp_path)


def test_a_file_that_is_open_has_nothing_beside_it(tmp_path):
    (tmp_path / "m.onnx.data").write_bytes(bytes(24))
    (tmp_path / "m").write_bytes(external("m.onnx.data"))
    with open(tmp_path / "m", "rb") as file:
        assert onnx.read_opened(file, str(tmp_path)).sizes == (3, 2)
    with (
        open(tmp_path / "m", "rb") as file,
        pytest.raises(cyprop.FormatError, match="was not given as a path"),
    ):
        onnx.read_opened(file, None)


# What there is besides


def test_files_are_known_by_their_content(tmp_path):
    whole = files.model([FIRST], TENSORS)
    cyprop.Network([2, 1]).save(tmp_path / "net")
    assert onnx.is_onnx(whole)
    assert onnx.is_onnx(whole[:64])
    assert onnx.is_onnx(number_field(1, 8) + bytes_field(2, "p" * 5000)[:60])
    for other in (b"", b"\x08", b"PK\3\4" + bytes(60), (tmp_path / "net").read_bytes()[:64]):
        assert not onnx.is_onnx(other)
    for other in (
        b"\x89HDF\r\n\x1a\n" + bytes(50),
        b"\x80\x02}q\0" * 9,
        b"{}",
        b"\x08\x00" + whole,
    ):
        assert not onnx.is_onnx(other)


def test_reading_imports_nothing_but_numpy(tmp_path):
    (tmp_path / "m.onnx").write_bytes(files.model([FIRST, node("Relu", "z", "y")], TENSORS))
    code = (
        "import sys; from cyprop.formats.onnx import reader as onnx;"
        f"onnx.read({str(tmp_path / 'm.onnx')!r});"
        "print({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    found = {name for name in eval(result.stdout) if not name.startswith("_")}
    assert found & {"numpy", "onnx", "google", "safetensors", "torch"} == {"numpy"}
