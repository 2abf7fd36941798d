"""Safetensors files without cyprop's key: what is read to the bit, and what is refused."""

import io
import json
import re
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
import torch_files as files

import cyprop
from cyprop.formats.pytorch.safetensors import read

SIZES = [4, 7, 5, 3]


def header_of(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def put_together(header, payload):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload


def refusal(data, **options):
    with pytest.raises(cyprop.FormatError) as caught:
        read(io.BytesIO(data), **{"activation": "relu", **options})
    assert re.fullmatch(r"[^\n]{10,400}", str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_what_the_package_writes_is_read_to_the_bit(rng, dtype, metadata):
    arrays = files.arrays(
        rng, [4] * 14, dtype=dtype
    )  # of which "10.weight" comes before "2.weight"
    data = safetensors.numpy.save(arrays, metadata)
    chain = read(io.BytesIO(data), activation="tanh")
    for layer in range(13):
        W, b, _ = chain.layers[layer]
        assert W.T.tobytes() == arrays[f"{2 * layer}.weight"].tobytes()
        assert b.tobytes() == arrays[f"{2 * layer}.bias"].tobytes()


def test_half_precision(rng):
    half = {key: value.astype("e") for key, value in files.arrays(rng, SIZES).items()}
    chain = read(io.BytesIO(safetensors.numpy.save(half)), activation="relu")
    assert chain.dtype == "float32"
    assert chain.layers[0].W.tobytes() == half["0.weight"].T.astype("f").tobytes()
    header, payload = header_of(safetensors.numpy.save(half))
    for key in half:
        header[key]["dtype"] = "BF16"
    chain = read(io.BytesIO(put_together(header, payload)), activation="relu")
    wide = (half["0.weight"].view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    assert chain.layers[0].W.tobytes() == wide.T.tobytes()


def test_integers_beside_the_weights_are_not_read(rng):
    arrays = {"weight": rng.normal(size=(3, 4)), "n": np.arange(3)}
    data = safetensors.numpy.save(arrays)
    assert "'n' is not of a Linear" in refusal(data)
    arrays = {"a.weight": rng.normal(size=(3, 4)), "b.n": np.arange(3)}
    assert read(io.BytesIO(safetensors.numpy.save(arrays)), layers=["a"]).sizes == (4, 3)
    arrays = {"weight": np.ones((3, 4), np.int32)}
    assert "is of I32, expected one of F32" in refusal(safetensors.numpy.save(arrays))


def test_files_of_cyprop_are_not_read_here(tmp_path, rng):
    cyprop.Network([2, 3]).save(tmp_path / "net")
    assert "the key 'cyprop'" in refusal((tmp_path / "net").read_bytes())
    data = safetensors.numpy.save(files.arrays(rng, SIZES), {"a": "b", "cyprop": "2"})
    assert "the key 'cyprop'" in refusal(data)


def with_entry(**changes):
    def edit(header):
        header["0.weight"].update(changes)

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (with_entry(shape=[7, 5]), "does not say where '0.weight' is"),
        (with_entry(shape=[-7, -4]), "does not say"),
        (with_entry(shape=[7.0, 4]), "does not say"),
        (with_entry(shape=[True, 28]), "does not say"),
        (with_entry(shape=[1 << 62, 4]), "does not say"),
        (with_entry(shape=7), "does not say"),
        (with_entry(dtype="F64"), "does not say"),
        (with_entry(dtype="F8_E5M2"), "'F8_E5M2', expected one of F32"),
        (with_entry(dtype=3), "does not say"),
        (with_entry(data_offsets=[0, 112]), "overlap"),
        (with_entry(data_offsets=[0]), "does not say"),
        (with_entry(more=1), "does not say"),
        (lambda header: header.update({"0.weight": 3}), "does not say"),
        (lambda header: header.update(__metadata__=3), "metadata is not"),
        (lambda header: header.update(__metadata__={"a": ["b"]}), "values that are no texts"),
        (lambda header: header.pop("0.bias"), "gaps"),
    ],
)
def test_headers_that_say_something_else(rng, edit, reason):
    header, payload = header_of(safetensors.numpy.save(files.arrays(rng, SIZES)))
    edit(header)
    message = refusal(put_together(header, payload))
    assert re.search(reason, message), message


def test_damaged_files_are_refused(rng):
    data = safetensors.numpy.save(files.arrays(rng, SIZES))
    for end in range(len(data)):
        refusal(data[:end])
    assert "end at byte" in refusal(data + b"1")
    assert "not JSON" in refusal(put_together(b"{" * 10, b""))
    assert "not a JSON object" in refusal(put_together(b"[]", b""))
    assert "not JSON" in refusal(put_together(b"\xff\xfe", b""))
    assert "has the key 'a' twice" in refusal(put_together(b'{"a":{},"b":{},"a":{}}', b""))
    assert "has the key 'shape' twice" in refusal(put_together(b'{"a":{"shape":1,"shape":1}}', b""))


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000_000,
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[" + b"[]," * 300_000 + b"[]]",
        b"[" + b"1.5," * 300_000 + b"1]",
        b'["' + b"a" * 1_000_000 + b'\\ud83d\\ude00"]',
        b'["' + b"a" * 1_000_000 + "\U0001f600".encode() + b'"]',
        b"{" + b",".join(b'"%d":1' % at for at in range(100_000)) + b"}",
    ],
)
def test_hostile_headers_take_little_memory(text):
    file = io.BytesIO(put_together(text, b""))
    tracemalloc.start()
    try:
        with pytest.raises(cyprop.FormatError):
            read(file, activation="relu")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * len(text) + 2**20
