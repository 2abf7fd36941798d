"""State_dicts in files of PyTorch: what is read to the bit, and what is refused, and never run."""

import io
import os
import pickle
import re
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch_files as files

import cyprop
from cyprop.formats.pytorch import archive as pytorch
from cyprop.formats.reading import opened

SIZES = [4, 7, 5, 3]


def read(data, **options):
    options.setdefault("activation", "relu")
    return pytorch.read(io.BytesIO(data), **options)


def refusal(data, error=cyprop.FormatError, **options):
    with pytest.raises(error) as caught:
        read(data, **options)
    assert re.fullmatch(r"[^\n]{10,400}", str(caught.value))
    return str(caught.value)


def assert_holds(chain, arrays):
    assert len(chain.layers) == len(arrays) // 2
    for layer, W, b in zip(chain.layers, *(list(arrays.values())[at::2] for at in (0, 1))):
        assert layer.W.tobytes() == np.ascontiguousarray(W.T).tobytes()
        assert layer.b.tobytes() == b.tobytes()


@pytest.mark.parametrize("pack", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_weights_keep_their_bits(rng, dtype, pack):
    arrays = files.arrays(rng, SIZES, dtype=dtype)
    arrays["0.weight"][0, :3] = np.nan, np.inf, -0.0
    chain = read(files.saved(arrays, pack=pack), activation=["tanh", "gelu"])
    assert chain.dtype == dtype
    assert_holds(chain, arrays)
    assert [layer.activation.name for layer in chain.layers] == ["tanh", "gelu", "identity"]


def test_a_network_predicts_and_learns_at_once(rng, tmp_path):
    arrays = files.arrays(rng, SIZES)
    path = tmp_path / "net.pt"
    path.write_bytes(files.saved(arrays))
    with opened(path) as file:
        net = pytorch.read(file, activation="relu").network(cyprop.Network)
    A = X = rng.normal(size=(9, 4)).astype("f")
    for layer in range(3):
        A = A @ arrays[f"{2 * layer}.weight"].T + arrays[f"{2 * layer}.bias"]
        A = np.maximum(A, 0) if layer < 2 else A
    np.testing.assert_allclose(net.predict(X), A, rtol=1e-4, atol=1e-5)
    net.fit(X, A, epochs=1)


def test_half_precision_becomes_float32(rng):
    exact = {key: value.astype("e") for key, value in files.arrays(rng, SIZES).items()}
    wide = {key: value.astype("f") for key, value in exact.items()}
    assert_holds(read(files.saved(exact)), wide)
    upper = {key: value.view(np.uint16).reshape(*value.shape, 2)[..., 1] for key, value in
             files.arrays(rng, SIZES).items()}  # fmt: skip
    wide = {key: (value.astype(np.uint32) << 16).view(np.float32) for key, value in upper.items()}
    assert_holds(read(files.saved(upper)), wide)


def test_big_endian_numbers_are_read(rng):
    arrays = files.arrays(rng, SIZES)
    swapped = {key: value.astype(">f4") for key, value in arrays.items()}
    assert_holds(read(files.saved(swapped, order=b"big")), arrays)


def test_files_without_byteorder_are_little_endian(rng):
    arrays = files.arrays(rng, SIZES)
    assert_holds(read(files.saved(arrays, order=None)), arrays)


def test_views_of_one_storage_are_read(rng):
    numbers = rng.normal(size=30).astype("f")
    data = files.archive(
        files.state_dict(
            {
                "weight": files.tensor("Float", "0", 30, (3, 4), offset=2, stride=(1, 3)),
                "bias": files.tensor("Float", "0", 30, (3,), offset=20, stride=(2,)),
            }
        ),
        {"0": numbers.tobytes()},
    )
    (layer,) = read(data).layers
    np.testing.assert_array_equal(layer.W, numbers[2:14].reshape(4, 3))
    np.testing.assert_array_equal(layer.b, numbers[20:25:2])


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_dict_that_holds_a_state_dict(rng, key):
    arrays = files.arrays(rng, [2, 3])
    inside = files.state_dict(
        {
            name: files.tensor("Float", str(at), value.size, value.shape)
            for at, (name, value) in enumerate(arrays.items())
        }  # fmt: skip
    )[2:-1]
    optimizer = b"}(" + files.number(0) + files.tensor("Float", "9", 4, (4,)) + b"u"
    whole = files.state_dict({key: inside, "optimizer": optimizer, "epoch": files.number(3)})
    members = {str(at): value.tobytes() for at, value in enumerate(arrays.values())}
    assert_holds(read(files.archive(whole, members)), arrays)  # storage 9 is not even there


class Runs:
    """What a hostile pickle would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(tmp_path, protocol):
    marker = tmp_path / "marker"
    hostile = pickle.dumps({"weight": Runs(str(marker))}, protocol=protocol)
    refusal(files.archive(hostile))
    refusal(hostile)
    assert not marker.exists()
    pickle.loads(hostile)
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "__main__.Net", "torch.nn.modules.linear.Linear",
     "collections.defaultdict", "torch._utils._rebuild_qtensor", "torch.storage._load_from_bytes"],
)  # fmt: skip
def test_other_names_are_refused_by_name(name):
    module, _, of = name.rpartition(".")
    pickled = b"\x80\x02" + files.name(module, of) + files.text("x") + b"\x85R."
    message = refusal(files.archive(pickled))
    assert repr(name) in message
    assert "never unpickled here" in message


def one_weight(**changes):
    given = {"kind": "Float", "key": "0", "n": 12, "shape": (3, 4), **changes}
    return files.archive(files.state_dict({"weight": files.tensor(**given)}), {"0": bytes(48)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"offset": 1}, "not inside its storage"),
        ({"offset": 2**62}, "not inside its storage"),
        ({"shape": (3, 5)}, "not inside its storage"),
        ({"shape": (1 << 40, 1 << 40), "stride": (0, 0)}, "not inside its storage"),
        ({"shape": (3, 4), "stride": (4, 2)}, "not inside its storage"),
        ({"shape": (3, 4), "stride": (1 << 60, 1)}, "not inside its storage"),
        ({"shape": (0, 4)}, "not inside its storage"),
        ({"n": 13}, "48 bytes, expected 13"),
        ({"n": 1 << 60}, "48 bytes, expected"),
        ({"kind": "Double", "n": 12}, "48 bytes, expected 12 numbers of 8"),
        ({"kind": "Long", "n": 6}, "torch.LongStorage, expected numbers of float"),
        ({"kind": "Complex"}, "never unpickled here"),
        ({"key": "1"}, "no member 'net/data/1'"),
        ({"key": "../data.pkl"}, "no member"),
        ({"shape": (-3, 4)}, "calls 'torch._utils._rebuild_tensor_v2' with"),
        ({"shape": (12,)}, r"shape \(12,\), expected \(n_out, n_in\)"),
        ({"shape": (1,) * 9, "stride": (1,) * 9}, "calls"),
    ],
)
def test_views_are_compared_with_their_storage(changes, reason):
    assert re.search(reason, refusal(one_weight(**changes)))


def test_the_step_of_a_dimension_of_one_may_be_anything():
    (layer,) = read(one_weight(shape=(1, 12), stride=(sys.maxsize, 1))).layers
    assert layer.W.shape == (12, 1)


def test_tensors_that_share_a_storage_are_together_no_larger_than_the_file(rng):
    square = {f"{at}.weight": files.tensor("Float", "0", 10_000, (100, 100)) for at in range(300)}
    data = files.archive(files.state_dict(square), {"0": bytes(40_000)})
    assert "larger than the file" in refusal(data)


DAMAGED = {
    "empty": (b"", "cut short"),
    "not a pickle": (b"hello", "operation b'h'|damaged|operation"),
    "protocol 4": (pickle.dumps({}, protocol=4), "protocol 2"),
    "no stop": (b"\x80\x02}", "cut short"),
    "stack empty": (b"\x80\x02u.", "damaged"),
    "mark as a value": (b"\x80\x02(.", "damaged"),
    "memo ahead": (b"\x80\x02}r\xff\xff\xff\xff.", "damaged"),
    "memo not there": (b"\x80\x02j\xff\xff\xff\xff.", "damaged"),
    "long text": (b"\x80\x02X\xff\xff\xff\xffa.", "makes more objects|cut short"),
    "unhashable key": (b"\x80\x02}]Ns.", "keys are not names"),
    "nested key": (b"\x80\x02})" + b"\x85" * 50_000 + b"Ns.", "keys are not names|more objects"),
    "a list": (b"\x80\x02].", "does not hold a state_dict"),
    "an empty dict": (b"\x80\x02}.", "does not hold a state_dict"),
    "a number among tensors": (
        files.state_dict({"weight": files.tensor("Float", "0", 1, (1, 1)), "n": b"K\1"}),
        "'n' is a int, expected tensors alone",
    ),
    "called with a dict": (b"\x80\x02" + files.name("collections", "OrderedDict") + b"}R.",
                           "damaged"),
    "called with pairs": (b"\x80\x02" + files.name("collections", "OrderedDict") + b"]\x85R.",
                          "torch.save does not write"),
    "a storage is called": (b"\x80\x02" + files.name("torch", "FloatStorage") + b")R.",
                            "torch.save does not write"),
    "another persistent id": (b"\x80\x02" + files.text("x") + b"Q.", "not a storage"),
    "built": (b"\x80\x02]}b.", "damaged"),
    "odd items": (b"\x80\x02}(Nu.", "damaged"),
    "long name": (b"\x80\x02c" + b"a" * 10_000 + b"\nb\n.", "damaged"),
    "instance": (b"(ios\nsystem\n.", "operation b'i'"),
    "object": (b"\x80\x02(cos\nsystem\no.", "never unpickled"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_pickles_are_refused(kind):
    pickled, reason = DAMAGED[kind]
    message = refusal(files.archive(pickled))
    assert re.search(reason, message), message


def deflated_zeros():
    return files.archive(b"\x80\x02X" + struct.pack("<L", 1 << 26) + bytes(1 << 26) + b".",
                         pack=zipfile.ZIP_DEFLATED)  # fmt: skip


def many_members():
    return files.archive(b"", {f"net/data/{at}": b"" for at in range(5000)})


BOMBS = {
    "dicts": files.archive(b"\x80\x02" + b"}" * 500_000 + b"."),
    "tuples": files.archive(b"\x80\x02" + b")" + b"\x85" * 500_000 + b"."),
    "a memo": files.archive(b"\x80\x02}" + b"q\0" * 500_000 + b"."),
    "recalled": files.archive(b"\x80\x02}q\0" + b"h\0" * 500_000 + b"."),
    "marks": files.archive(b"\x80\x02" + b"(" * 500_000 + b"."),
    "one wide character": files.archive(
        b"\x80\x02" + files.text("a" * 400_000 + "\U0001f600") + b"."
    ),
    "deflated": deflated_zeros(),
    "members": many_members(),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_hostile_files_take_little_memory(kind):
    data = BOMBS[kind]
    file = io.BytesIO(data)
    tracemalloc.start()
    try:
        with pytest.raises(cyprop.FormatError):
            pytorch.read(file, activation="relu")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * len(data) + 2**20


def test_a_chain_takes_no_more_than_the_file(rng):
    data = files.saved(files.arrays(rng, [1, 1000, 1000, 1]))
    file = io.BytesIO(data)
    read(files.saved(files.arrays(rng, [1, 1])))
    tracemalloc.start()
    try:
        pytorch.read(file, activation="relu")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= len(data) + 2**20


def test_other_archives_are_refused(rng):
    arrays = files.arrays(rng, [2, 3])
    good = files.saved(arrays)
    assert "TorchScript" in refusal(files.archive(b"}.", {"net/code/__torch__.py": b"x"}))
    assert "before PyTorch 1.6" in refusal(pytorch.BEFORE_1_6 + b"more")
    assert "without one NAME/data.pkl" in refusal(files.archive(None))
    assert "byteorder" in refusal(files.saved(arrays, order=b"middle"))
    assert "not a zip file" in refusal(b"")
    assert "not a zip file" in refusal(good[:-30])
    damaged = bytearray(good)
    damaged[good.index(arrays["0.weight"].tobytes()) + 5] ^= 1
    assert "CRC is wrong" in refusal(bytes(damaged))
    assert "two members" in refusal(twice(arrays))


def twice(arrays):
    data = io.BytesIO(files.saved(arrays))
    with zipfile.ZipFile(data, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("net/data/0", b"")
    return data.getvalue()


def test_every_cut_is_refused(rng):
    good = files.saved(files.arrays(rng, [2, 3]))
    for end in range(len(good)):
        refusal(good[:end])
