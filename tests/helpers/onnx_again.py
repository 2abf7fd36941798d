"""ONNX files once more: another reader, and what the graph computes, in float64.

It knows the operators that the tests need, as docs/Operators.md of ONNX defines them, and raises
CannotTellError for anything else. Nothing of cyprop's is used.
"""

import struct

import numpy as np
from scipy import special


class CannotTellError(Exception):
    """There is something in the graph that is not known here."""


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """The fields of a message: (number, wire type, an int or bytes)."""
    found, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        found.append((key >> 3, key & 7, value))
    return found


def all_of(message, number):
    return [value for key, _, value in fields(message) if key == number]


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(message, number):
    found = []
    for key, wire, value in fields(message):
        if key == number and wire == 0:
            found.append(signed(value))
        elif key == number:
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                found.append(signed(one))
    return found


DTYPES = {1: "<f4", 2: "u1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}


def array_of(message):
    kind = (all_of(message, 2) or [0])[-1]
    if kind not in DTYPES or all_of(message, 13) or all_of(message, 14) not in ([], [0]):
        raise CannotTellError(f"a tensor of kind {kind}")
    shape = integers(message, 1)
    raw = all_of(message, 9)
    if raw:
        return np.frombuffer(raw[-1], DTYPES[kind]).reshape(shape)
    if kind in (1, 11):
        data = b"".join(all_of(message, 4 if kind == 1 else 10))
        return np.frombuffer(data, DTYPES[kind]).reshape(shape)
    return np.array(integers(message, 7 if kind == 7 else 5), DTYPES[kind]).reshape(shape)


def attribute_of(message):
    kind = (all_of(message, 20) or [0])[-1]
    number = {1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8, 8: 9}.get(kind)
    if number is None:
        raise CannotTellError(f"an attribute of kind {kind}")
    if kind == 2:
        return (integers(message, 3) or [0])[-1]
    if kind == 7:
        return integers(message, 8)
    values = all_of(message, number)
    if kind == 1:
        return struct.unpack("<f", values[-1])[0] if values else 0.0
    if kind == 6:
        return np.frombuffer(b"".join(values), "<f4")
    return values if kind == 8 else array_of(values[-1]) if kind == 4 else values[-1]


class Graph:
    """The nodes, tensors, inputs and outputs of a file."""

    def __init__(self, data):
        [graph] = all_of(data, 7)
        self.opset = 0
        for entry in all_of(data, 8):
            if (all_of(entry, 1) or [b""])[-1] in (b"", b"ai.onnx"):
                self.opset = (all_of(entry, 2) or [0])[-1]
        self.tensors = {(all_of(t, 8) or [b""])[0]: t for t in all_of(graph, 5)}
        self.inputs = [(all_of(v, 1) or [b""])[-1] for v in all_of(graph, 11)]
        self.outputs = [(all_of(v, 1) or [b""])[-1] for v in all_of(graph, 12)]
        self.nodes = all_of(graph, 1)

    def run(self, X, output=None):
        """The value of the last output, and the largest number on the way."""
        [start] = [name for name in self.inputs if name not in self.tensors][:1]
        known = {start: X}
        largest = abs(X).max()
        target = self.outputs[-1] if output is None else output
        made = {name: node for node in self.nodes for name in all_of(node, 2)}
        needed, waiting = set(), [target]
        while waiting:
            node = made.get(waiting.pop())
            if node is not None and id(node) not in needed:
                needed.add(id(node))
                waiting += all_of(node, 1)
        for node in self.nodes:
            if id(node) not in needed:
                continue
            outputs = self.evaluate(node, known)
            known |= dict(zip(all_of(node, 2), outputs))
            for array in outputs:
                if array.dtype.kind == "f" and array.size:
                    largest = max(largest, np.nanmax(abs(array)))
        return known[target], largest

    def evaluate(self, node, known):
        [op] = all_of(node, 4)[-1:]
        domain = (all_of(node, 7) or [b""])[-1]
        attributes = {all_of(a, 1)[-1].decode(): attribute_of(a) for a in all_of(node, 5)}
        inputs = []
        for name in all_of(node, 1):
            if name in known:
                inputs.append(known[name])
            elif name:
                array = array_of(self.tensors[name])
                inputs.append(array.astype(float) if array.dtype.kind == "f" else array)
            else:
                inputs.append(None)
        function = OPERATORS.get((domain.decode() + "." if domain else "") + op.decode())
        if function is None:
            raise CannotTellError(op)
        found = function(self, *inputs, **attributes)
        return found if isinstance(found, list) else [found]


def gemm(_, A, B, C=0.0, alpha=1.0, beta=1.0, transA=0, transB=0):
    return alpha * (A.T if transA else A) @ (B.T if transB else B) + beta * C


def batch_normalization(_, x, scale, b, mean, var, epsilon=1e-5, momentum=0.9, training_mode=0):
    if training_mode or x.ndim != 2:
        raise CannotTellError("training")
    return scale * (x - mean) / np.sqrt(var + epsilon) + b


def softmax(graph, x, axis=None, log=False):
    axis = (1 if graph.opset < 13 else -1) if axis is None else axis
    if graph.opset < 13 and axis not in (-1, x.ndim - 1):
        raise CannotTellError("an old softmax")
    return (special.log_softmax if log else special.softmax)(x, axis=axis)


def split(_, x, sizes=None, axis=0, split=None):
    sizes = split if sizes is None else sizes
    if sizes is None or sum(sizes) != x.shape[axis]:
        raise CannotTellError("a split into equal parts")
    return np.split(x, np.cumsum(sizes)[:-1], axis=axis)


def reshape(_, x, shape, allowzero=0):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())])


def flatten(_, x, axis=1):
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def elu(_, x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def celu(_, x, alpha=1.0):
    return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha))


def clip(_, x, low=None, high=None, min=None, max=None):
    low, high = (min if low is None else low), (max if high is None else high)
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def hard_sigmoid(_, x, alpha=0.2, beta=0.5):
    return np.clip(alpha * x + beta, 0, 1)


def constant(_, **attributes):
    [value] = attributes.values()
    value = np.asarray(value)
    return value.astype(float) if value.dtype.kind == "f" else value


def scaler(_, x, offset=0.0, scale=1.0):
    return (x - offset) * scale


def linear_regressor(_, x, coefficients, intercepts=0.0, targets=1):
    return x @ coefficients.reshape(targets, -1).T + intercepts


def selu(_, x, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    return gamma * elu(_, x, alpha)


def gather(_, x, indices, axis=0):
    return np.take(x, indices, axis=axis)


def sliced(_, x, starts, ends, axes=None, steps=None):
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    where = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes, steps):
        where[axis] = slice(start, end, step)
    return x[tuple(where)]


OPERATORS = {
    "Gemm": gemm,
    "MatMul": lambda _, a, b: a @ b,
    "Add": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Mul": lambda _, a, b: a * b,
    "Div": lambda _, a, b: a / b,
    "Pow": lambda _, a, b: a**b,
    "Neg": lambda _, x: -x,
    "Abs": lambda _, x: abs(x),
    "Exp": lambda _, x: np.exp(x),
    "Log": lambda _, x: np.log(x),
    "Erf": lambda _, x: special.erf(x),
    "Reciprocal": lambda _, x: 1 / x,
    "Sigmoid": lambda _, x: special.expit(x),
    "Tanh": lambda _, x: np.tanh(x),
    "Relu": lambda _, x: np.maximum(x, 0),
    "LeakyRelu": lambda _, x, alpha=0.01: np.where(x < 0, alpha * x, x),
    "PRelu": lambda _, x, slope: np.where(x < 0, slope * x, x),
    "Elu": elu,
    "Celu": celu,
    "Selu": selu,
    "Softplus": lambda _, x: np.logaddexp(0, x),
    "Softsign": lambda _, x: x / (1 + abs(x)),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": lambda _, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Mish": lambda _, x: x * np.tanh(np.logaddexp(0, x)),
    "Clip": clip,
    "Max": lambda _, a, b: np.maximum(a, b),
    "Min": lambda _, a, b: np.minimum(a, b),
    "Greater": lambda _, a, b: a > b,
    "Less": lambda _, a, b: a < b,
    "Where": lambda _, c, a, b: np.where(c, a, b),
    "Softmax": softmax,
    "LogSoftmax": lambda graph, x, axis=None: softmax(graph, x, axis, log=True),
    "BatchNormalization": batch_normalization,
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, ratio=None, mode=None, seed=0: x,
    "Cast": lambda _, x, to=1: x,
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": lambda _, x, perm=None: np.transpose(x, perm),
    "Squeeze": lambda _, x, axes: np.squeeze(x, tuple(axes.tolist())),
    "Unsqueeze": lambda _, x, axes: np.expand_dims(x, tuple(axes.tolist())),
    "Split": split,
    "Gather": gather,
    "Slice": sliced,
    "Constant": constant,
    "ai.onnx.ml.Scaler": scaler,
    "ai.onnx.ml.LinearRegressor": linear_regressor,
}
