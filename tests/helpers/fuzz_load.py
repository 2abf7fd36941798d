"""Files that are nearly networks: `load` refuses each with a FormatError, or predicts rightly.

    python tests/helpers/fuzz_load.py [--seconds 60] [--seed SEED] [--first CASE] [--cases N]

Networks are saved and then damaged, some bytes or whole clauses of the header at a time; most are
sealed again, so that the CRC is right and what comes after it is reached. What is accepted is read
a second time, with the safetensors package and json, and predicted in long double with a bound on
the error. All may take twice the file and 1 MiB. A case depends on the seed and its number alone.
"""

import argparse
import json
import re
import struct
import sys
import tempfile
import time
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy_twin
import safetensors

import cyprop
from cyprop.engine import memory
from cyprop.formats.safetensors import read_metadata

NETWORKS = (
    ([4, 8, 3], {}),
    ([1, 1], {"dtype": "float64"}),
    ([3, 2, 2], {"activation": "relu", "loss": "cross_entropy", "optimizer": "adam"}),
    ([3, 2, 2], {"activation": "tanh", "dtype": "float64"}),
    ([17, 33, 9, 5], {"activation": ["tanh", "identity"], "output_activation": "softmax"}),
    ([64, 10], {"loss": "binary_cross_entropy", "optimizer": cyprop.SGD(0.1, momentum=0.9)}),
    ([784, 30, 10], {"dtype": "float32", "optimizer": "adam"}),
    ([2] * 40, {"activation": "identity"}),
)
TRAININGS = (
    {},
    {"early_stopping": cyprop.EarlyStopping("validation_mae")},
    {"schedule": cyprop.ReduceOnPlateau(0.5, 0, 0.9)},
)
# Of networks with maps, names and labels, which format 1 has not: those they have.
ENDS = (
    {
        "input_map": ([0.5, -1, 2], [3, 0, -0.25]),
        "labels": ["a", 2],
        "input_names": ["x", "y", "z"],
    },
    {"output_map": (1, [-20, 0.5]), "output_names": ["\u00e9", ""], "labels": [True, 1.5]},
)
NOTES = ({}, {"author": "Ada"}, {"a": "\u00e9\U0001f600\n", "b": "x" * 5000, "c": ""})

NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"2",
    b"3",
    b"1.5",
    b"-0.0",
    b"1e999",
    b"NaN",
    b"true",
    b"null",
    b'""',
)
NUMBERS += (b"65536", b"4294967296", b"70368744177664", b"9223372036854775808", b"9" * 400)
WORDS = (b"F32", b"F64", b"BF16", b"I8", b"float32", b"float64", b"float16", b"relu", b"tanh")
WORDS += (b"softmax", b"identity", b"mse", b"cross_entropy", b"sgd", b"adam", b"1", b"2", b"10")
WORDS += (b"training", b"cyprop.best", b"epoch_start", b"history", b"tally", b"run", b"loss")
WORDS += (b"0.weight", b"2.bias", b"sizes", b"dtype", b"cyprop", b"crc32", b"network", b"note:a")
FLOATS = (0.0, -0.0, 1.0, -3.5, 1e-40, 3e38, 1e300, np.inf, -np.inf, np.nan)


def take_apart(data):
    """The header and the payload."""
    (length,) = struct.unpack("<Q", data[:8])
    return data[8 : 8 + length], data[8 + length :]


def put_together(text, payload, sealed):
    """A file, with the padding and the CRC that belong to it if sealed."""
    if sealed:
        text = text.rstrip(b" ")
        text += b" " * (-len(text) % 8)
        text = re.sub(rb'"crc32":"[^"]{8}"', b'"crc32":"00000000"', text, count=1)
        crc = b'"crc32":"%08x"' % zlib.crc32(payload, zlib.crc32(text))
        text = text.replace(b'"crc32":"00000000"', crc, 1)
    return struct.pack("<Q", len(text)) + text + payload


def pick(rng, sequence):
    return sequence[rng.integers(len(sequence))]


# What is done to the bytes of a file, or of its payload


def flip_bits(rng, data, _other):
    damaged = bytearray(data)
    for position in rng.integers(0, len(data), rng.integers(1, 9)):
        damaged[position] ^= 1 << rng.integers(8)
    return bytes(damaged)


def cut(rng, data, _other):
    return data[: rng.integers(len(data))]


def extend(rng, data, _other):
    return data + rng.bytes(rng.integers(1, 100))


def splice(rng, data, other):
    """A piece of one in another, or in place of another."""
    start, end = sorted(rng.integers(0, len(other) + 1, 2))
    at = rng.integers(0, len(data) + 1)
    after = at + (end - start) * rng.integers(2)
    return data[:at] + other[start:end] + data[after:]


def remove(rng, data, _other):
    start, end = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:start] + data[end:]


def set_float(rng, data, _other):
    """Another number, special or not, in place of some that are there."""
    kind = pick(rng, ["<f4", "<f8"])
    with np.errstate(over="ignore", under="ignore"):
        number = np.array(pick(rng, FLOATS) if rng.random() < 0.7 else rng.normal(), kind).tobytes()
    at = rng.integers(0, len(data) // len(number) + 1) * len(number)
    return (data[:at] + number + data[at + len(number) :])[: len(data)]


BYTES = (flip_bits, cut, extend, splice, remove)
PAYLOAD = (flip_bits, set_float, set_float, set_float, cut, splice)


# What is done to the text of a header


def one_of(rng, pattern, text, replacement):
    """The text with one match of the pattern replaced."""
    matches = list(re.finditer(pattern, text))
    if not matches:
        return text
    start, end = matches[rng.integers(len(matches))].span()
    return text[:start] + replacement + text[end:]


def other_number(rng, text, _other):
    return one_of(rng, rb"-?\d+(\.\d+)?(e[-+]?\d+)?", text, pick(rng, NUMBERS))


def other_word(rng, text, _other):
    return one_of(rng, rb"\b(?:\d\.)?[A-Za-z]\w+\b", text, pick(rng, WORDS))


def other_entries(rng, text, other):
    """Entries twice, left out, in another order, or from another file."""
    entries, others = text.split(b","), other.split(b",")
    at, to = rng.integers(0, len(entries), 2)
    match rng.integers(4):
        case 0:
            entries.insert(to, entries[at])
        case 1:
            del entries[at]
        case 2:
            entries[at], entries[to] = entries[to], entries[at]
        case _:
            entries[at] = others[rng.integers(len(others))]
    return b",".join(entries)


def nest(rng, text, _other):
    at = rng.integers(len(text) + 1)
    return (
        text[:at] + pick(rng, [b"[", b"{", b'"', b"\\", b" "]) * 10 ** rng.integers(5) + text[at:]
    )


def other_format(rng, text, _other):
    return one_of(rng, rb'"cyprop":"\d"', text, b'"cyprop":"%d"' % rng.integers(10))


HEADER = (other_number, other_number, other_word, other_entries, nest, other_format, flip_bits)


def damaged(rng, files):
    """A file that was a network."""
    data, other = pick(rng, files), pick(rng, files)
    text, payload = take_apart(data)
    other_text, other_payload = take_apart(other)
    kind = rng.integers(4)
    for _ in range(rng.integers(1, 4)):
        if kind == 0 and data:
            data = pick(rng, BYTES)(rng, data, other)
        elif kind == 1 and text:
            text = pick(rng, HEADER)(rng, text, other_text)
        elif kind > 1 and payload:
            payload = pick(rng, PAYLOAD)(rng, payload, other_payload)
    return data if kind == 0 else put_together(text, payload, rng.random() < 0.9)


# What must hold


def read_again(path):
    """The network in a file, read by others: sizes, activations, weights, biases, notes, ends."""
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
        description = json.loads(metadata["network"])
        layers = range(len(description["sizes"]) - 1)
        W = [file.get_tensor(f"{2 * layer}.weight").T for layer in layers]
        b = [file.get_tensor(f"{2 * layer}.bias") for layer in layers]
        maps = {
            f"{end}s": [file.get_tensor(f"cyprop.{end}_{part}") for part in ("offset", "scale")]
            for end in ("input", "output")
            if f"{end}s" in description.get("maps", [])
        }
        ends = {key: description.get(key) for key in ("input_names", "output_names", "labels")}
    rules = [*description["activation"], description["output_activation"]]
    activations = [rule if isinstance(rule, str) else rule["name"] for rule in rules]
    notes = {key[5:]: text for key, text in metadata.items() if key.startswith("note:")}
    return description["sizes"], activations, W, b, notes, maps, ends


def same_states(net, path):
    """Whether what the optimizer keeps has the bits of the file, or is zero where that has none."""
    with safetensors.safe_open(path, "np") as file:
        names = sorted(key for key in file.keys() if key.startswith("cyprop.optimizer."))  # noqa: SIM118
        states = [file.get_tensor(name) for name in names]
    own = [vectors(net, state) for state in net.__getstate__()["optimizer_states"]]
    if not states:
        return not any(vector.any() for vector in own)
    return [mine.tobytes() for mine in own] == [state.tobytes() for state in states]


def vectors(net, state):
    """A vector laid out like the parameters as a file has it."""
    layers = zip(*memory.views(net, state), strict=True)
    return np.concatenate([part.ravel() for W, b in layers for part in (W.T, b)])


def predict_again(activations, weights, biases, X, maps):
    """The prediction, and how far from it one in the dtype of X may be: any way if it overflows."""
    info = np.finfo(X.dtype)
    if "inputs" in maps:
        X = (X - maps["inputs"][0]) * maps["inputs"][1]
    A, E = X.astype(np.longdouble), np.zeros(X.shape, np.longdouble)
    for W, b, name in zip(weights, biases, activations, strict=True):
        n_in = len(W)
        size = (abs(A) + E) @ abs(W).astype(np.longdouble) + abs(b)
        E = E @ abs(W).astype(np.longdouble) + (n_in + 2) * (info.eps * size + info.tiny)
        A = numpy_twin.activation.forward(name, numpy_twin.dense.forward(A, W, b))
        if name == "softmax":  # A · e^±2δ, where no Z is more than δ off
            E = abs(A) * np.expm1(2 * E.max(axis=1, keepdims=True)) + size.shape[1] * info.eps * A
        E = E + 8 * (info.eps * abs(A) + info.tiny)
        E[~(size < info.max / 2) | np.isnan(E) | np.isnan(A)] = np.inf
    if "outputs" in maps:
        offset, scale = (part.astype(np.longdouble) for part in maps["outputs"])
        E = (E + info.eps * (abs(A) + abs(offset)) + info.tiny) * abs(scale)
        A = (A - offset) * scale
        E = E + 8 * (info.eps * abs(A) + info.tiny)
        E[~(abs(A) < info.max / 2) | np.isnan(E)] = np.inf
    return A, E


def load_and_predict(path):
    net = cyprop.Network.load(path)
    X = np.random.Generator(np.random.PCG64(1)).normal(size=(3, net.sizes[0])).astype(net.dtype)
    X[1] = 0
    return net, X, net.predict(X)


def check(path):
    """Whether a file is accepted; AssertionError if that is wrong, or its answer."""
    size = path.stat().st_size
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    net = None
    try:
        net, X, Y = load_and_predict(path)
    except cyprop.FormatError as error:
        if not re.fullmatch(r"cannot load '[^\n]+': [^\n]{5,}", str(error)):
            raise AssertionError(f"the error is {str(error)!r}") from None
    peak = tracemalloc.get_traced_memory()[1] - before
    if peak > 2 * size + 2**20:
        raise AssertionError(f"it takes {peak} bytes, and the file has {size}")
    if net is None:
        return False
    sizes, activations, weights, biases, notes, maps, ends = read_again(path)
    if list(net.sizes) != sizes or list(net.activations) != activations:
        raise AssertionError(f"it becomes {net!r}")
    for mine, theirs in zip(net.weights + net.biases, [*weights, *biases], strict=True):
        if mine.dtype != theirs.dtype or mine.tobytes() != theirs.tobytes():
            raise AssertionError("its parameters become others")
    if not same_states(net, path):
        raise AssertionError("its optimizer's state becomes another")
    for key, value in ends.items():
        mine = getattr(net, key)
        if (None if mine is None else list(mine)) != value:
            raise AssertionError(f"its {key} become {mine}")
    if read_metadata(path) != notes:
        raise AssertionError("its notes become others")
    with np.errstate(all="ignore"):
        expected, bound = predict_again(activations, weights, biases, X, maps)
        if not ((abs(Y - expected) <= bound) | (bound == np.inf)).all():
            raise AssertionError(f"it predicts {Y.tolist()} in place of {expected.tolist()}")
    return True


def save_networks(folder):
    """The files of which all cases are made."""
    files = []
    for sizes, options in NETWORKS:
        for notes in NOTES:
            cyprop.Network(sizes, **options).save(folder / "net", notes)
            data = (folder / "net").read_bytes()
            files += [data, in_format_1(data)]
    for ends in ENDS:
        net = cyprop.Network([3, 2], "tanh", "identity")
        for key, value in ends.items():
            setattr(net, key, value)
        net.save(folder / "net")
        files.append((folder / "net").read_bytes())
    return files + save_trainings(folder)


def save_trainings(folder):
    """Files of networks with their training, and checkpoints at the end and in an epoch's midst."""
    files, path = [], folder / "training"
    X, Y = np.eye(12, 3), np.eye(12, 2)
    for optimizer in (cyprop.SGD(0.1), cyprop.SGD(0.1, momentum=0.9), cyprop.Adam(0.1)):
        for options in TRAININGS:
            net = cyprop.Network([3, 4, 2], "tanh", optimizer=optimizer, dropout=0.1)
            ended = checkpointed(path, net, [(X, Y)] * 2, options)
            kept = []
            with suppress(RuntimeError):
                checkpointed(path, net, Failing(X, Y, kept, path), options)
            net.save(path, {"a": "b"}, training=True)
            files += [ended, *kept, path.read_bytes()]
    path.unlink()
    return files


def checkpointed(path, net, batches, options):
    """The file that a training leaves, written after each batch."""
    path.unlink(missing_ok=True)
    rule = cyprop.Checkpoint(path, seconds=1e-9)
    held = np.eye(5, 3), np.eye(5, 2)
    net.fit(batches, epochs=2, metrics="mae", validation_data=held, checkpoint=rule, **options)
    return path.read_bytes()


class Failing:
    """Batches that keep the file and end with an error in the midst of the second epoch."""

    def __init__(self, X, Y, kept, path):
        self.batch, self.kept, self.path, self.epoch = (X, Y), kept, path, 0

    def __iter__(self):
        self.epoch += 1
        for _ in range(2):
            yield self.batch
        if self.epoch == 2:
            self.kept.append(self.path.read_bytes())
            raise OSError


def in_format_1(data):
    """The same file as version 0.1 would have written it."""
    text, payload = take_apart(data)
    return put_together(text.replace(b'"cyprop":"2"', b'"cyprop":"1"', 1), payload, sealed=True)


def main(arguments=None):
    """Try cases until the time is over; 1 if one is wrong, which is then kept in a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, metavar="CASE")
    parser.add_argument("--seed", type=int, default=np.random.SeedSequence().entropy % 2**32)
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    accepted, case, end = 0, options.first, time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net")
        files = save_networks(Path(folder))
        load_and_predict(path)  # imports what is then there
        tracemalloc.start()
        try:
            for data in files:
                path.write_bytes(data)
                assert check(path)
            while time.monotonic() < end and case < options.first + options.cases:
                rng = np.random.Generator(np.random.PCG64([options.seed, case]))
                path.write_bytes(damaged(rng, files))
                accepted += check(path)
                case += 1
                if case % 1000 == 0:
                    print(f"{case} cases", flush=True)
        except Exception as error:
            kept = Path(f"fuzz-{options.seed}-{case}.safetensors")
            kept.write_bytes(path.read_bytes())
            print(f"case {case}, kept as {kept}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        finally:
            tracemalloc.stop()
    n_cases = case - options.first
    print(f"{n_cases} files: {n_cases - accepted} refused, {accepted} predicted rightly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
