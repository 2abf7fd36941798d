"""ONNX files, made by hand: fields of messages, nodes, tensors and whole models as bytes."""

import struct

import numpy as np

from cyprop.formats.onnx.protobuf import bytes_field, message, number_field, varint

TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10, "float64": 11}


def float_field(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


def tensor_message(array, name=""):
    """The fields of a TensorProto with raw data."""
    array = np.asarray(array)
    if array.dtype.kind in "US":
        parts = [number_field(1, len(array)), number_field(2, 8)]
        parts += [bytes_field(6, str(text)) for text in array]
    else:
        parts = [number_field(1, size) for size in array.shape]
        parts += [number_field(2, TYPES[array.dtype.name]), bytes_field(9, array.tobytes())]
    return b"".join([*parts, bytes_field(8, name)])


def attribute(name, value):
    """An attribute of a node, as a field of it."""
    if isinstance(value, float):
        parts = float_field(2, value) + number_field(20, 1)
    elif isinstance(value, int):
        parts = number_field(3, value) + number_field(20, 2)
    elif isinstance(value, str):
        parts = bytes_field(4, value) + number_field(20, 3)
    elif isinstance(value, np.ndarray):
        parts = bytes_field(5, tensor_message(value)) + number_field(20, 4)
    elif isinstance(value[0], float):
        parts = b"".join(float_field(7, x) for x in value) + number_field(20, 6)
    elif isinstance(value[0], int):
        parts = b"".join(number_field(8, x) for x in value) + number_field(20, 7)
    else:
        parts = b"".join(bytes_field(9, x) for x in value) + number_field(20, 8)
    return message(5, [bytes_field(1, name), parts])


def node(op, inputs, outputs, domain="", name="", **attributes):
    """A node, as a field of the graph; names are separated by spaces, and ~ is no name."""
    found = [bytes_field(1, x.replace("~", "")) for x in inputs.split()]
    found += [bytes_field(2, x.replace("~", "")) for x in outputs.split()]
    found += [bytes_field(3, name or outputs.split()[0]), bytes_field(4, op)]
    found += [attribute(key, value) for key, value in attributes.items()]
    return message(1, [*found, bytes_field(7, domain)] if domain else found)


def value(number, name, shape, kind=1):
    """The input (11) or an output (12) of a graph; a size is a number, or a name for any."""
    sizes = []
    for size in shape or ():
        sizes += [
            message(
                1,
                [
                    (bytes_field if isinstance(size, str) else number_field)(
                        2 if isinstance(size, str) else 1, size
                    )
                ],
            )
        ]
    tensor = number_field(1, kind) + (b"" if shape is None else message(2, sizes))
    return message(number, [bytes_field(1, name), message(2, [bytes_field(1, tensor)])])


def model(nodes, tensors, shape=("n", 3), outputs="y", opset=17, extra=b"", kind=1, inputs="x"):
    """A whole file."""
    graph = [*nodes, *(bytes_field(5, tensor_message(a, name)) for name, a in tensors.items())]
    graph += [value(11, name, shape, kind) for name in inputs.split()]
    graph += [value(12, name, ("n", 2), kind) for name in outputs.split()]
    opsets = message(8, [bytes_field(1, ""), number_field(2, opset)])
    opsets += message(8, [bytes_field(1, "ai.onnx.ml"), number_field(2, 3)])
    return number_field(1, 8) + message(7, [*graph, extra]) + opsets
