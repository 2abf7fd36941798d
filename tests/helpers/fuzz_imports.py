"""Files of other libraries that are nearly right: refused with a FormatError, or read right.

    python tests/helpers/fuzz_imports.py [--seconds 10] [--seed SEED] [--first CASE] [--cases N]
                                         [--kinds pt,safetensors,sb3,keras] [--memory-every 1]

State_dicts of PyTorch, safetensors, policies of stable-baselines3 and, where h5py is installed,
files of Keras are made and then damaged: the bytes of a file, or those of one member of a zip,
which is then packed again with a right CRC, so that what is behind it is reached. What is accepted
is read a second time: by Python's unpickler (with the same few names, after the reader has found no
others), by the safetensors package, by h5py; and the weights must be the same, to the bit. Refusals
may take twice the file and 1 MiB, which is measured in one case of so many. Nothing else may be
raised, and no file be made. A case depends on the seed and its number alone.
"""

import argparse
import importlib.util
import io
import json
import pickle
import re
import sys
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import safetensors.numpy
import sb3_files
import torch_files
from fuzz_load import BYTES, NUMBERS, PAYLOAD, one_of, pick

import cyprop
from cyprop.formats.keras import files as keras
from cyprop.formats.pytorch import archive as pytorch
from cyprop.formats.pytorch import safetensors as torch_safetensors
from cyprop.formats.pytorch import sb3
from cyprop.formats.reading import opened

MADE = 64  # good files of each kind, which the others are made of
SIZES = ([4, 8, 3], [1, 1], [3, 2, 2, 5], [17, 33, 9])
WORDS = (
    b"weight",
    b"bias",
    b"0",
    b"2",
    b"FloatStorage",
    b"HalfStorage",
    b"DoubleStorage",
    b"torch",
)
WORDS += (b"F32", b"F64", b"BF16", b"shape", b"dtype", b"Dense", b"layers", b"relu", b"leaky_relu")
WORDS += (b"data_offsets", b"policy_kwargs", b"InputLayer", b"units", b"activation", b"softmax")
OPERATIONS = [bytes([code]) for code in b".(cqrhjt)}]aesubRQXNKMJG\x80\x85\x86\x87\x88\x89\x8ao0:"]
OPTIONS = {"activation": "relu"}


# What is made, and damaged


def made(rng, kind):
    """A good file of a kind."""
    sizes = pick(rng, SIZES)
    dtype = pick(rng, ["float32", "float64", "float16"])
    arrays = torch_files.arrays(rng, sizes, dtype=dtype)
    if kind == "pt":
        return torch_files.saved(arrays)
    if kind == "safetensors":
        return safetensors.numpy.save(arrays, pick(rng, [None, {"format": "pt"}]))
    if kind == "sb3":
        return sb3_files.saved(sb3_files.actor_critic(rng))
    return made_by_keras(rng, sizes)


def made_by_keras(rng, sizes):
    import h5py

    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, sizes[0]]}}
    ]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for at, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            config = {"name": f"d{at}", "units": n_out, "activation": "relu", "use_bias": True}
            layers.append({"class_name": "Dense", "config": config, "module": "keras.layers"})
            group = file.create_group(f"layers/dense{f'_{at}' if at else ''}/vars")
            group["0"] = rng.normal(size=(n_in, n_out)).astype("f")
            group["1"] = rng.normal(size=n_out).astype("f")
    model = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        file.writestr("config.json", json.dumps(model))
        file.writestr("model.weights.h5", weights.getvalue())
    return written.getvalue()


def other_operations(rng, data, _other):
    """Operations of a pickle put in, or in place of others."""
    at = rng.integers(len(data) + 1)
    new = b"".join(pick(rng, OPERATIONS) for _ in range(rng.integers(1, 4)))
    return data[:at] + new * 10 ** rng.integers(4) + data[at + rng.integers(2) :]


def other_number(rng, data, _other):
    return one_of(rng, rb"\d+", data, pick(rng, NUMBERS))


def other_word(rng, data, _other):
    return one_of(rng, rb"[A-Za-z_]\w+", data, pick(rng, WORDS))


TEXT = (*BYTES, other_number, other_word, other_operations)


def damaged(rng, kind, known):
    """A file that was good."""
    data, other = pick(rng, known), pick(rng, known)
    for _ in range(rng.integers(1, 4)):
        if not data:
            return data
        if rng.random() < 0.2:
            data = pick(rng, BYTES)(rng, data, other)
        elif kind == "safetensors":
            data = damaged_header(rng, data, other)
        elif zipfile.is_zipfile(io.BytesIO(data)):
            data = damaged_member(rng, data, other)
    return data


def damaged_header(rng, data, other):
    end = 8 + int.from_bytes(data[:8], "little")
    header, payload = data[8:end], data[end:]
    if header and rng.random() < 0.7:
        header = pick(rng, TEXT)(rng, header, other[8:])
    elif payload:
        payload = pick(rng, PAYLOAD)(rng, payload, other)
    return len(header).to_bytes(8, "little") + header + payload


def damaged_member(rng, data, other):
    """One member damaged, all packed again."""
    try:
        members = contents(data)
        others = contents(other)
    except Exception:  # of many kinds, for a zip that is damaged already
        return pick(rng, BYTES)(rng, data, other)
    if not members or not others:
        return data
    names = list(members)
    name = pick(rng, names)
    match rng.integers(6):
        case 0:
            members[pick(rng, [*names, "net/code/x", "net/byteorder", "data"])] = members.pop(name)
        case 1:
            del members[name]
        case _ if name.endswith((".pth", ".zip")) and zipfile.is_zipfile(io.BytesIO(members[name])):
            members[name] = damaged_member(rng, members[name], pick(rng, list(others.values())))
        case _ if members[name]:
            change = pick(rng, PAYLOAD if "/data/" in name else TEXT)
            members[name] = change(rng, members[name], pick(rng, list(others.values())) or b"x")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", pick(rng, [0, 0, 0, 8])) as file:
        for key, value in members.items():
            file.writestr(key, value)
    return written.getvalue()


def contents(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


# What must hold


class Members:
    """The members of a zip, read by Python's zipfile when they are asked for."""

    def __init__(self, data):
        self.file = zipfile.ZipFile(io.BytesIO(data))

    def __iter__(self):
        return iter(self.file.namelist())

    def __getitem__(self, name):
        return self.file.read(name)


class Unpickler(pickle.Unpickler):
    """Python's own, of the names that the reader knows, for what the reader has accepted."""

    def __init__(self, data, members, folder):
        super().__init__(io.BytesIO(data))
        self.members, self.folder = members, folder

    def find_class(self, module, name):
        found = {
            ("collections", "OrderedDict"): Holder,
            ("torch._utils", "_rebuild_tensor_v2"): view,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        return found.get((module, name), name)

    def persistent_load(self, said):
        _, kind, key, _, n = said
        return SimpleNamespace(kind=kind, key=f"{self.folder}data/{key}", n=n, members=self.members)


class Holder(dict):
    """An OrderedDict, which may get attributes."""


class view:  # noqa: N801  # stands for a function
    """A tensor that is read when it is asked for."""

    def __init__(self, storage, offset, shape, stride, *_):
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self, order):
        kinds = {"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2"}
        kind = kinds.get(self.storage.kind, "u2")
        found = np.frombuffer(self.storage.members[self.storage.key], order + kind)
        index = np.full(self.shape, self.offset)
        for axis, step in enumerate(self.stride):
            place = np.arange(self.shape[axis]) * step
            index = index + place.reshape([-1 if at == axis else 1 for at in range(index.ndim)])
        taken = found[index]
        if self.storage.kind == "BFloat16Storage":
            return (taken.astype(np.uint32) << 16).view(np.float32)
        return taken


def again_pt(data):
    """The tensors of a state_dict, by Python's own zipfile and unpickler."""
    members = Members(data)
    (pickled,) = (name for name in members if name.count("/") == 1 and name.endswith("/data.pkl"))
    folder = pickled.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    order = ">" if order in members and members[order] == b"big" else "<"
    found = Unpickler(members[pickled], members, folder).load()
    if not any(isinstance(value, view) for value in found.values()):
        (found,) = (found[key] for key in pytorch.HELD_AS if isinstance(found.get(key), dict))
    return {name: (lambda value=value: value.array(order)) for name, value in found.items()}


def again_safetensors(data):
    """The tensors of a file, by the safetensors package."""
    kinds = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
    found = {}
    for name, tensor in safetensors.deserialize(data):
        if tensor["dtype"] == "BF16":  # which NumPy does not have: the upper half of a float32
            wide = np.frombuffer(tensor["data"], "<u2").astype("<u4") << 16
            array = wide.view("<f4").reshape(tensor["shape"])
        elif tensor["dtype"] in kinds:
            array = np.frombuffer(tensor["data"], kinds[tensor["dtype"]]).reshape(tensor["shape"])
        else:
            continue  # no weight has it
        found[name] = lambda array=array: array
    return found


def again_keras(data):
    """Each kernel and bias, called as the others call them."""
    import h5py

    members = Members(data)
    config = json.loads(members["config.json"])["config"]
    found, n = {}, -1
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as file:
        root = file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"]
        for layer in config["layers"]:
            if layer["class_name"] == "Dense":
                n += 1
                group = root[f"dense_{n}" if n else "dense"]["vars"]
                found[f"{n}.weight"] = lambda W=group["0"][...].T: W
                if layer["config"].get("use_bias", True):
                    found[f"{n}.bias"] = lambda b=group["1"][...]: b
    return found


def again(kind, data):
    if kind == "sb3":
        found = again_pt(Members(data)["policy.pth"])
        wanted = ("mlp_extractor.shared_net.", "mlp_extractor.policy_net.", "action_net.")
        return {
            name: value for part in wanted for name, value in found.items() if name.startswith(part)
        }
    readers = {"pt": again_pt, "safetensors": again_safetensors, "keras": again_keras}
    return readers[kind](data)


READERS = {
    "pt": lambda file: pytorch.read(file, **OPTIONS),
    "safetensors": lambda file: torch_safetensors.read(file, **OPTIONS),
    "sb3": lambda file: sb3.read(file, **OPTIONS),
    "keras": keras.read,
}


def read(kind, path):
    with opened(path) as file:
        return READERS[kind](file)


def check(kind, path, measured=True):
    """Whether a file is accepted; AssertionError if that is wrong, or what is read."""
    size = path.stat().st_size
    if measured:
        tracemalloc.start()
    chain = None
    try:
        chain = read(kind, path)
    except cyprop.FormatError as error:
        if not re.fullmatch(r"cannot load '[^\n]+': [^\n]{5,}", str(error)):
            raise AssertionError(f"the error is {str(error)!r}") from None
    except ValueError as error:
        if kind != "sb3" or "activation is not given" not in str(error):
            raise
    peak = 0
    if measured:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if peak > 2 * size + 2**20:
        raise AssertionError(f"it takes {peak} bytes, and the file has {size}")
    if chain is None:
        return False
    found = again(kind, path.read_bytes())
    weights = [value() for name, value in found.items() if re.fullmatch(r"(.*\.)?weight", name)]
    if sorted(W.shape for W in weights) != sorted(layer.W.T.shape for layer in chain.layers):
        raise AssertionError(f"it becomes {chain.sizes}")
    for mine in chain.layers:
        if not any(same(mine.W.T, W) for W in weights):
            raise AssertionError("its weights become others")
        biases = [value() for name, value in found.items() if re.fullmatch(r"(.*\.)?bias", name)]
        if mine.b.tobytes().strip(b"\0") and not any(same(mine.b, b) for b in biases):
            raise AssertionError("its biases become others")
    return True


def same(mine, theirs):
    """Whether an array is another, in the dtype that it has become."""
    theirs = np.asarray(theirs)
    with np.errstate(all="ignore"):
        return (
            mine.shape == theirs.shape
            and np.ascontiguousarray(mine).tobytes() == theirs.astype(mine.dtype).tobytes()
        )


def kinds_here():
    """The kinds whose readers can run here."""
    return [kind for kind in READERS if kind != "keras" or importlib.util.find_spec("h5py")]


def main(arguments=None):
    """Try cases until the time is over; 1 if one is wrong, which is then kept in a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--cases", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, metavar="CASE")
    parser.add_argument("--seed", type=int, default=np.random.SeedSequence().entropy % 2**32)
    parser.add_argument("--memory-every", type=int, default=1, metavar="N")
    parser.add_argument("--kinds", default=",".join(kinds_here()))
    options = parser.parse_args(arguments)
    kinds = options.kinds.split(",")
    print(f"seed {options.seed}, {options.kinds}", flush=True)
    accepted, case, end = 0, options.first, time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net")
        known = {}
        for kind in kinds:
            rng = np.random.Generator(np.random.PCG64(options.seed))
            known[kind] = [made(rng, kind) for _ in range(MADE)]
            path.write_bytes(known[kind][0])
            read(kind, path)  # which imports what is then there
            again(kind, path.read_bytes())
        tracemalloc.start()
        kind = kinds[0]
        try:
            while time.monotonic() < end and case < options.first + options.cases:
                measured = case // len(kinds) % options.memory_every == 0
                rng = np.random.Generator(np.random.PCG64([options.seed, case]))
                kind = kinds[case % len(kinds)]
                good = rng.random() < 0.05
                path.write_bytes(
                    pick(rng, known[kind]) if good else damaged(rng, kind, known[kind])
                )
                found = check(kind, path, measured)
                assert found or not good, "a good file is refused"
                accepted += found
                assert [inside.name for inside in Path(folder).iterdir()] == ["net"]
                case += 1
                if case % 10_000 == 0:
                    print(f"{case} cases", flush=True)
        except Exception as error:
            kept = Path(f"fuzz-{options.seed}-{case}.{kind}")
            kept.write_bytes(path.read_bytes())
            print(f"case {case}, kept as {kept}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        finally:
            tracemalloc.stop()  # which an error may have left running
    n_cases = case - options.first
    print(f"{n_cases} files: {n_cases - accepted} refused, {accepted} read rightly")
    return 0


if __name__ == "__main__":
    sys.exit(main())
