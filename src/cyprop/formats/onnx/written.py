"""Activations in operators of ONNX, each as the shortest spelling that is computed everywhere.

ONNX Runtime has most activations in float32 alone. In float64 they are spelled in arithmetic, so
that they neither overflow nor lose digits; the attributes of operators, which are float32, would
also round a hyperparameter. The reader, spellings.py, knows all of them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.formats.onnx.protobuf import FIXED32, bytes_field, message, number_field, varint
from cyprop.rules import Activation

TYPES = {"float32": 1, "float64": 11}  # of elements
FLOAT, INT = 1, 2  # types of attributes


class Pieces:
    """The nodes and tensors of a graph, as they are written.

    Parameters
    ----------
    dtype : str
        Of the numbers that activations are spelled with.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self._numbers: dict[float, str] = {}

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: float) -> str:
        """Add a node; the name of its output, which is its own name too."""
        parts = [bytes_field(1, name) for name in inputs]
        parts += [bytes_field(2, output), bytes_field(3, output), bytes_field(4, op)]
        for name, value in attributes.items():
            number = (
                number_field(3, value) + number_field(20, INT)
                if isinstance(value, int)
                else varint(2 << 3 | FIXED32) + struct.pack("<f", value) + number_field(20, FLOAT)
            )
            parts.append(message(5, [bytes_field(1, name), number]))
        self.nodes.append(message(1, parts))
        return output

    def tensor(self, name: str, array: npt.NDArray[Any]) -> str:
        """Add a tensor of float32 or float64; its name."""
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        parts = [number_field(1, size) for size in array.shape]
        parts += [number_field(2, TYPES[array.dtype.name]), bytes_field(8, name)]
        self.tensors.append(message(5, [*parts, bytes_field(9, little.tobytes())]))
        return name

    def number(self, value: float) -> str:
        """The name of a tensor that is this number alone."""
        if value not in self._numbers:
            array = np.array(value, self.dtype)
            self._numbers[value] = self.tensor(f"number_{len(self._numbers)}", array)
        return self._numbers[value]


class Spelling:
    """Names the values in between, so that operators can be written as calls: s.Mul(x, 0.5)."""

    def __init__(self, pieces: Pieces, prefix: str, output: str) -> None:
        self._pieces, self._prefix, self._output = pieces, prefix, output
        self._count = 0

    def __call__(
        self, op: str, *inputs: str | float, last: bool = False, **attributes: float
    ) -> str:
        """Add an operator on values and numbers; the name of what it makes."""
        names = [x if isinstance(x, str) else self._pieces.number(x) for x in inputs]
        self._count += 1
        output = self._output if last else f"{self._prefix}_{self._count}"
        return self._pieces.node(op, names, output, **attributes)


def activation(pieces: Pieces, rule: Activation, x: str, output: str) -> str:
    """Add the nodes of an activation of the value x; the name of the value that they make."""
    if rule.name == "identity":
        return x
    s = Spelling(pieces, output, output)
    spellings = {**ANY, **(IN_FLOAT32 if pieces.dtype.itemsize == 4 else IN_FLOAT64)}
    if rule.name not in spellings:
        raise ValueError(
            f"activation {rule.name!r} cannot be exported until cyprop/formats/onnx/written.py"
            " spells it in operators of ONNX"
        )
    return spellings[rule.name](s, x, *rule.values)


Spelled = Callable[..., str]


def _gelu(s: Spelling, x: str) -> str:
    normal = s("Add", s("Erf", s("Mul", x, math.sqrt(0.5))), 1.0)
    return s("Mul", s("Mul", x, normal), 0.5, last=True)


def _gelu_tanh(s: Spelling, x: str) -> str:
    cubic = s("Mul", s("Mul", s("Mul", x, x), x), 0.044715)
    inside = s("Mul", s("Add", x, cubic), math.sqrt(2 / math.pi))
    normal = s("Add", s("Tanh", inside), 1.0)
    return s("Mul", s("Mul", x, normal), 0.5, last=True)


def _softplus(s: Spelling, x: str, last: bool = False) -> str:
    """max(x, 0) + ln(1 + e^(-|x|)), which does not overflow."""
    rest = s("Log", s("Add", s("Exp", s("Neg", s("Abs", x))), 1.0))
    return s("Add", s("Relu", x), rest, last=last)


def _celu(s: Spelling, x: str, alpha: float) -> str:
    """max(x, 0) + min(alpha·(e^(x / alpha) − 1), 0), as the documentation of ONNX has it."""
    below = s("Mul", s("Sub", s("Exp", s("Div", x, alpha)), 1.0), alpha)
    return s("Add", s("Relu", x), s("Min", below, 0.0), last=True)


def _bent(s: Spelling, x: str, alpha: float, factor: float = 1.0) -> str:
    """factor·(x where x > 0, else alpha·(e^x − 1))."""
    below = s("Mul", s("Sub", s("Exp", x), 1.0), alpha)
    ends = factor == 1
    found = s("Where", s("Greater", x, 0.0), x, below, last=ends)
    return found if ends else s("Mul", found, factor, last=True)


def _softsign(s: Spelling, x: str) -> str:
    return s("Div", x, s("Add", s("Abs", x), 1.0), last=True)


def _operator(op: str, *names: str, **fixed: float) -> Spelled:
    """One operator, whose attributes are the hyperparameters by these names, or fixed."""

    def spell(s: Spelling, x: str, *values: float) -> str:
        return s(op, x, last=True, **dict(zip(names, values, strict=True)), **fixed)

    return spell


def _clip(low: float, high: float) -> Spelled:
    def spell(s: Spelling, x: str) -> str:
        return s("Clip", x, low, high, last=True)

    return spell


def _silu(s: Spelling, x: str) -> str:
    return s("Mul", x, s("Sigmoid", x), last=True)


def _mish(s: Spelling, x: str) -> str:
    return s("Mul", x, s("Tanh", s("Softplus", x)), last=True)


def _log_sigmoid(s: Spelling, x: str) -> str:
    return s("Neg", s("Softplus", s("Neg", x)), last=True)


def _prelu(s: Spelling, x: str, slope: float) -> str:
    return s("PRelu", x, slope, last=True)


def _selu(s: Spelling, x: str) -> str:
    return _bent(s, x, 1.6732632423543772, factor=1.0507009873554805)


def _last_softplus(s: Spelling, x: str) -> str:
    return _softplus(s, x, last=True)


def _hard_sigmoid(s: Spelling, x: str) -> str:
    return s("Div", s("Clip", s("Add", x, 3.0), 0.0, 6.0), 6.0, last=True)


def _hard_swish(s: Spelling, x: str) -> str:
    gate = s("Div", s("Clip", s("Add", x, 3.0), 0.0, 6.0), 6.0)
    return s("Mul", x, gate, last=True)


def _wide_mish(s: Spelling, x: str) -> str:
    return s("Mul", x, s("Tanh", _softplus(s, x)), last=True)


def _wide_log_sigmoid(s: Spelling, x: str) -> str:
    return s("Neg", _softplus(s, s("Neg", x)), last=True)


ANY: dict[str, Spelled] = {
    "sigmoid": _operator("Sigmoid"),
    "tanh": _operator("Tanh"),
    "relu": _operator("Relu"),
    "exponential": _operator("Exp"),
    "softmax": _operator("Softmax", axis=-1),
    "log_softmax": _operator("LogSoftmax", axis=-1),
    "relu6": _clip(0.0, 6.0),
    "hard_tanh": _clip(-1.0, 1.0),
    "silu": _silu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
}
IN_FLOAT32: dict[str, Spelled] = {
    "leaky_relu": _operator("LeakyRelu", "alpha"),
    "elu": _operator("Elu", "alpha"),
    "selu": _operator("Selu"),
    "celu": _operator("Celu", "alpha"),
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "hard_sigmoid": _operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_swish": _operator("HardSwish"),
    "mish": _mish,
    "log_sigmoid": _log_sigmoid,
}
IN_FLOAT64: dict[str, Spelled] = {
    "leaky_relu": _prelu,
    "elu": _bent,
    "selu": _selu,
    "celu": _celu,
    "softplus": _last_softplus,
    "softsign": _softsign,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "mish": _wide_mish,
    "log_sigmoid": _wide_log_sigmoid,
}
