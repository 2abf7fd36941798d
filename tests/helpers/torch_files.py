"""Files as ``torch.save`` writes them for a state_dict, made without PyTorch, and what is wrong."""

import io
import struct
import zipfile

import numpy as np

KINDS = {"float32": "Float", "float64": "Double", "float16": "Half", "uint16": "BFloat16"}
KINDS["int64"] = "Long"


def text(value):
    """A string, as an operation of a pickle."""
    encoded = value.encode()
    return b"X" + struct.pack("<L", len(encoded)) + encoded


def number(value):
    n_bytes = max(1, (value.bit_length() + 8) // 8)
    return b"\x8a" + bytes([n_bytes]) + value.to_bytes(n_bytes, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def name(module, of):
    return b"c" + f"{module}\n{of}\n".encode()


def storage(kind, key, n):
    return (
        b"("
        + text("storage")
        + name("torch", f"{kind}Storage")
        + text(key)
        + text("cpu")
        + (number(n) + b"tQ")
    )


def tensor(kind, key, n, shape, offset=0, stride=None):
    """A tensor of a storage, C-contiguous unless a stride is given."""
    if stride is None:
        stride = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = storage(kind, key, n) + number(offset) + numbers(shape) + numbers(stride)
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"\x89" + hooks + b"tR"


def state_dict(entries):
    """A pickle of names and of operations that make their values, in their order."""
    inside = b"".join(text(key) + value for key, value in entries.items())
    return b"\x80\x02" + name("collections", "OrderedDict") + b")R(" + inside + b"u."


def archive(pickle, members=None, *, folder="net", order=b"little", pack=zipfile.ZIP_STORED):
    """A zip file of a pickle and of storages, by key."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", pack) as file:
        if pickle is not None:
            file.writestr(f"{folder}/data.pkl", pickle)
        if order is not None:
            file.writestr(f"{folder}/byteorder", order)
        for key, data in (members or {}).items():
            file.writestr(key if "/" in key else f"{folder}/data/{key}", data)
    return written.getvalue()


def saved(arrays, **options):
    """A file of arrays by name, each in a storage of its own."""
    entries, members = {}, {}
    for at, (key, array) in enumerate(arrays.items()):
        kind = KINDS[array.dtype.newbyteorder("=").name]
        entries[key] = tensor(kind, str(at), array.size, array.shape)
        members[str(at)] = array.tobytes()
    return archive(state_dict(entries), members, **options)


def arrays(rng, sizes, prefix="", dtype="float32", step=2):
    """Weights and biases of Linear layers, as a Sequential with activations calls them."""
    found = {}
    for layer, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        found[f"{prefix}{step * layer}.weight"] = rng.normal(size=(n_out, n_in)).astype(dtype)
        found[f"{prefix}{step * layer}.bias"] = rng.normal(size=n_out).astype(dtype)
    return found
