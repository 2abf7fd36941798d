"""ONNX files that are nearly chains: the reader refuses each with a FormatError, or is right.

    python tests/helpers/fuzz_onnx.py [--seconds 60] [--seed SEED] [--first CASE] [--cases N]
                                      [--memory-every 1]

Files are damaged, some bytes at a time, or fields of messages, whose lengths are then made right
again. What is accepted is computed a second time, by onnx_again.py, which shares nothing with the
reader. All may take twice the file and 1 MiB, which is measured in one case of so many, since
that takes most of the time. A case depends on the seed and its number alone.
"""

import argparse
import re
import struct
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import onnx_again
import onnx_files as files
from fuzz_load import BYTES, pick

import cyprop
from cyprop.formats.onnx import reader
from cyprop.formats.onnx.writer import to_onnx
from cyprop.kernels import activation

# Which fields of a message are messages, of which kind; what is not here is bytes or a text.
MESSAGES = {
    "Model": {7: "Graph", 8: "Opset", 14: "Entry"},
    "Graph": {1: "Node", 5: "Tensor", 11: "Value", 12: "Value"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor"},
    "Value": {2: "Type"},
    "Type": {1: "Array"},
    "Array": {2: "Shape"},
    "Shape": {1: "Size"},
}
TEXTS = {"Node": (1, 2, 3, 4, 7), "Value": (1,), "Attribute": (1, 4), "Tensor": (8,)}
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16, 2**31, 2**32, 2**63 - 1, 2**64 - 1, 2**64 - 2)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1 / 6, 6.0, 3.0, 1e-40, 3e38, np.inf, np.nan)
WORDS = [op.split(".")[-1].encode() for op in onnx_again.OPERATORS]
WORDS += [b"", b"x", b"y", b"output", b"input", b"axis", b"alpha", b"beta", b"transA", b"perm"]
WORDS += [b"ai.onnx.ml", b"com.microsoft", b"\xff\xfe", b"a" * 5000, b"to", b"W1", b"b1", b"Z1"]
INPUTS = 3  # of all the networks


def spellings():
    """Graphs that the writer does not write."""
    rng = np.random.default_rng(5)
    W1, W2 = rng.normal(size=(3, 4)).astype("f4"), rng.normal(size=(4, 2)).astype("f4")
    b, s = rng.normal(size=4).astype("f4"), rng.uniform(0.5, 2, 3).astype("f4")
    node = files.node
    tensors = {"W1": W1, "W2": W2, "b": b, "s": s, "one": np.float32(1), "half": np.float32(0.5)}
    ends = [node("MatMul", "a W2", "y")]
    yield (
        [
            node("Sub", "x s", "x1"),
            node("Mul", "x1 s", "x2"),
            node("Gemm", "x2 W1 b", "z", alpha=1.0, beta=1.0),
            node("Sigmoid", "z", "g"),
            node("Mul", "z g", "a"),
            node("MatMul", "a W2", "u"),
            node("Split", "u", "v ~", axis=-1, split=[1, 1]),
            node("Tanh", "v", "y"),
        ],
        tensors,
        11,
    )
    yield (
        [
            node("Reshape", "x shape", "r"),
            node("MatMul", "r W1", "z1"),
            node("Add", "b z1", "z"),
            node("Neg", "z", "n"),
            node("Exp", "n", "e"),
            node("Add", "e one", "o"),
            node("Log", "o", "l"),
            node("Neg", "l", "a"),
            *ends,
        ],
        {**tensors, "shape": np.array([0, -1])},
        13,
    )
    yield (
        [
            node("Gemm", "x W1 b", "z"),
            node("BatchNormalization", "z b b b v", "n", epsilon=1e-3),
            node("Greater", "n twenty", "c"),
            node("Softplus", "n", "p"),
            node("Where", "c n p", "w"),
            node("Dropout", "w half", "a ~"),
            *ends,
        ],
        {**tensors, "v": abs(b), "twenty": np.float32(20)},
        17,
    )
    yield (
        [
            node("Scaler", "x", "x1", "ai.onnx.ml", offset=[0.5, 1.0, 2.0], scale=[1.0, 2.0, 0.5]),
            node("Cast", "x1", "x2", to=1),
            node("Transpose", "W1", "Wt", perm=[1, 0]),
            node("Gemm", "x2 Wt b", "z", transB=1),
            node("Flatten", "z", "f", axis=1),
            node("Clip", "f low six", "a"),
            node("Gather", "a which", "a2", axis=1),
            node("MatMul", "a2 W3", "y1"),
            node("Softmax", "y1", "y", axis=-1),
        ],
        {
            **tensors,
            "low": np.float32(0),
            "six": np.float32(6),
            "which": np.array([2, 0]),
            "W3": W1[:2, :3].copy(),
        },
        17,
    )
    weights = {"coefficients": W1.T.ravel().tolist(), "intercepts": b.tolist(), "targets": 4}
    yield [node("LinearRegressor", "x", "y", "ai.onnx.ml", **weights)], {}, 13
    yield (
        [
            node("Constant", "", "c", value=np.float32([[1, 2, 3]])),
            node("Div", "x c", "x1"),
            node("MatMul", "x1 W1", "z"),
            node("Unsqueeze", "z axes", "u"),
            node("Squeeze", "u axes", "q"),
            node("Identity", "q", "a"),
            *ends,
        ],
        {**tensors, "axes": np.array([1])},
        13,
    )


def make_files(folder):
    """The files of which all cases are made."""
    found = []
    for dtype in "float32", "float64":
        for name in activation.names():
            hidden = "tanh" if activation.couples_units(name) else name
            net = cyprop.Network([INPUTS, 4, 2], hidden, name, dtype=dtype, seed=len(found))
            to_onnx(net, folder / "net")
            found.append((folder / "net").read_bytes())
    to_onnx(cyprop.Network([INPUTS, *[1] * 30, 2], "relu"), folder / "net")
    found.append((folder / "net").read_bytes())
    return found + [files.model(nodes, tensors, opset=n) for nodes, tensors, n in spellings()]


def put_together(parts):
    """The bytes of a message."""
    found = bytearray()
    for number, wire, value in parts:
        found += files.varint(number << 3 | wire)
        if wire == 0:
            found += files.varint(value)
        else:
            found += (files.varint(len(value)) if wire == 2 else b"") + value
    return bytes(found)


def change(rng, data, kind, other):
    """A message with one field changed, of it or of a message within."""
    parts = onnx_again.fields(data)
    if not parts:
        return data
    inner = [
        i for i, part in enumerate(parts) if part[0] in MESSAGES.get(kind, {}) and part[1] == 2
    ]
    if inner and rng.random() < 0.85:
        i = pick(rng, inner)
        number, wire, value = parts[i]
        others = [v for n, w, v in onnx_again.fields(other) if n == number and w == 2]
        parts[i] = (
            number,
            wire,
            change(rng, value, MESSAGES[kind][number], pick(rng, others) if others else b""),
        )
        return put_together(parts)
    i, j = rng.integers(len(parts)), rng.integers(len(parts))
    number, wire, value = parts[i]
    match rng.integers(6):
        case 0:
            del parts[i]
        case 1:
            parts.insert(j, parts[i])
        case 2:
            others = onnx_again.fields(other)
            parts[i] = others[rng.integers(len(others))] if others else parts[j]
        case 3:
            parts[i] = int(pick(rng, NUMBERS)) % 32 or 1, wire, value
        case _:
            parts[i] = number, wire, changed_value(rng, number, wire, value, kind)
    return put_together(parts)


def changed_value(rng, number, wire, value, kind):
    if wire == 0:
        return int(pick(rng, NUMBERS))
    if number in TEXTS.get(kind, ()):
        return WORDS[rng.integers(len(WORDS))]
    if len(value) >= 4 and rng.random() < 0.8:
        at = rng.integers(len(value) // 4) * 4
        one = struct.pack("<f", float(pick(rng, FLOATS)))
        return (value[:at] + one + value[at + 4 :])[: len(value)]
    return pick(rng, BYTES)(rng, value, value) if value else b"\0"


def damaged(rng, known):
    """A file that was a chain."""
    data, other = pick_file(rng, known), pick_file(rng, known)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.3:
            return pick(rng, BYTES)(rng, data, other)
        try:
            data = change(rng, data, "Model", other)
        except (IndexError, struct.error):  # it is too damaged to be taken apart once more
            return data
    return data


def pick_file(rng, known):
    return known[rng.integers(len(known))]


def read(path):
    return reader.read(path)


def predicted(chain, X):
    """What the chain makes of rows, in float64."""
    A = X if chain.inputs is None else (X - chain.inputs.offset) * chain.inputs.scale
    plain = chain._replace(inputs=None, outputs=None)
    A = plain.network(cyprop.Network, dtype="float64", loss="mse").predict(A)
    return A if chain.outputs is None else (A - chain.outputs.offset) * chain.outputs.scale


def check(path, measured=True):
    """Whether a file is accepted, and was computed again; AssertionError if that is wrong."""
    size = path.stat().st_size
    if measured:
        tracemalloc.start()
    chain = None
    try:
        chain = read(path)
    except cyprop.FormatError as error:
        if not re.fullmatch(r"cannot load '[^\n]+': [^\n]{5,}", str(error)):
            raise AssertionError(f"the error is {str(error)!r}") from None
    peak = 0
    if measured:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if peak > 2 * size + 2**20:
        raise AssertionError(f"it takes {peak} bytes, and the file has {size}")
    if chain is None:
        return False, False
    rng = np.random.Generator(np.random.PCG64(1))
    X = rng.normal(size=(5, chain.sizes[0]))
    with np.errstate(all="ignore"):
        try:
            expected, largest = onnx_again.Graph(path.read_bytes()).run(X)
        except Exception:  # which is another reader's word, and no proof
            return True, False
        found = predicted(chain, X)
        if not (np.isfinite(expected).all() and largest < 1e4) or expected.size != found.size:
            return True, False
        off = abs(found - expected.reshape(found.shape)).max()
    if not off <= 1e-5 * max(1.0, largest):
        raise AssertionError(f"it predicts {found.tolist()} in place of {expected.tolist()}")
    return True, True


def main(arguments=None):
    """Try cases until the time is over; 1 if one is wrong, which is then kept in a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, metavar="CASE")
    parser.add_argument("--memory-every", type=int, default=1, metavar="N")
    parser.add_argument("--seed", type=int, default=np.random.SeedSequence().entropy % 2**32)
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    accepted = again = 0
    case, end = options.first, time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        known = make_files(Path(folder))
        try:
            for data in known:
                path.write_bytes(data)
                read(path)
                assert check(path) == (True, True)
            while time.monotonic() < end and case < options.first + options.cases:
                rng = np.random.Generator(np.random.PCG64([options.seed, case]))
                path.write_bytes(damaged(rng, known))
                one, two = check(path, case % options.memory_every == 0)
                accepted, again = accepted + one, again + two
                case += 1
                if case % 10_000 == 0:
                    print(f"{case} cases", flush=True)
        except Exception as error:
            kept = Path(f"fuzz-{options.seed}-{case}.onnx")
            kept.write_bytes(path.read_bytes())
            print(f"case {case}, kept as {kept}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        finally:
            tracemalloc.stop()  # which an error may have left running
    n_cases = case - options.first
    print(
        f"{n_cases} files: {n_cases - accepted} refused, {accepted} read, {again} of them checked"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
