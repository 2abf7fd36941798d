"""Files that `load` must refuse: damaged ones, and forged ones whose CRC is right.

Files are taken apart and sealed with struct and zlib, as formats/safetensors.py describes them.
"""

import itertools
import json
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import safetensors.numpy
from saved_networks import saved, small, take_apart

import cyprop
from cyprop.engine import memory
from cyprop.formats import safetensors_header
from cyprop.formats.safetensors import read_metadata

DTYPES = ("float32", "float64")


def seal(text, payload):
    """A file of this header and payload with the right CRC, padded as it should be."""
    text = text.rstrip(" ")
    text += " " * (-len(text) % 8)
    text = re.sub('"crc32":"[0-9a-f]{8}"', '"crc32":"00000000"', text, count=1)
    crc = zlib.crc32(payload, zlib.crc32(text.encode("latin-1")))
    text = text.replace('"crc32":"00000000"', f'"crc32":"{crc:08x}"', 1)
    return struct.pack("<Q", len(text)) + text.encode("latin-1") + payload


def refusal(path, reader=cyprop.Network.load):
    """The reason for which a file is refused, in one sentence."""
    with pytest.raises(cyprop.FormatError) as caught:
        reader(path)
    message = str(caught.value)
    assert message.startswith(f"cannot load {str(path)!r}: ")
    assert "\n" not in message
    return message.removeprefix(f"cannot load {str(path)!r}: ")


# What is refused: damage


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_changed_byte_is_refused(tmp_path, dtype):
    path = tmp_path / "net"
    data = saved(path, small(dtype), {"a": "b"})
    for position, change in itertools.product(range(len(data)), (0x01, 0x20, 0xFF)):
        damaged = bytearray(data)
        damaged[position] ^= change
        path.write_bytes(damaged)
        refusal(path)


def test_damaged_payload_is_refused_by_its_crc(tmp_path):
    path = tmp_path / "net"
    data = saved(path)
    for position in range(len(data) - len(take_apart(data)[1]), len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x80
        path.write_bytes(damaged)
        assert "CRC" in refusal(path)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "net"
    data = saved(path)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert refusal(path) == refusal(path, read_metadata)


@pytest.mark.parametrize("tail", [b"\0", b" ", b"\0" * 8, b"x" * 1000])
def test_trailing_bytes_are_refused(tmp_path, tail):
    path = tmp_path / "net"
    data = saved(path)
    path.write_bytes(data + tail)
    assert f"it has {len(data) + len(tail)} bytes, expected {len(data)}" in refusal(path)
    path.write_bytes(seal(take_apart(data)[0], take_apart(data)[1] + tail))
    assert "expected" in refusal(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        b"This is a text that somebody wrote.\n" * 10,
        b'{"sizes": [2, 1]}',
        b"\0" * 100,
        b"\xff" * 100,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 0),
        struct.pack("<Q", 100_000_001) + b"{}",
    ],
)
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "net"
    path.write_bytes(data)
    assert refusal(path).startswith(("it is not a safetensors file", "it is not a network"))


def test_safetensors_of_others_are_refused(tmp_path):
    path = tmp_path / "net"
    safetensors.numpy.save_file(
        {"0.weight": np.ones((1, 2), "f4"), "0.bias": np.ones(1, "f4")}, path
    )
    assert "it is not a network saved by cyprop" in refusal(path)


# What is refused: files with the right CRC that save cannot write


def test_sealing_alone_changes_nothing(tmp_path):
    """Or else the tests below would prove nothing."""
    data = saved(tmp_path / "net", metadata={"a": "b"})
    assert seal(*take_apart(data)) == data


def swap(old, new):
    """An edit of the header's text that must find what it replaces."""

    def edit(text):
        assert old in text
        return text.replace(old, new, 1)

    return edit


def describe(old, new):
    """An edit inside the description, which is JSON in a JSON string."""
    return swap(json.dumps(old)[1:-1], json.dumps(new)[1:-1])


def permuted(text):
    head, first, second, tail = re.fullmatch(
        r'(.*)("0.weight":\{.*?\}),("0.bias":\{.*?\})(,.*)', text
    ).groups()
    return f"{head}{second},{first}{tail}"


def without_optimizer(text):
    return re.sub(r'(optimizer\\":)\{.*?\}\}', r'\1\\"sgd\\"', text)


def then_number(edit, number):
    """The edit, and then the number of another format."""
    return lambda text: edit(text).replace('"cyprop":"2"', f'"cyprop":"{number}"', 1)


FORGED = {
    "newer format": (swap('"cyprop":"2"', '"cyprop":"3"'), "has format 3, this .* 1 and 2"),
    "much newer": (swap('"cyprop":"2"', '"cyprop":"12"'), "has format 12, this .* 1 and 2"),
    "format zero": (swap('"cyprop":"2"', '"cyprop":"0"'), "format 0"),
    "format of two digits": (swap('"cyprop":"2"', '"cyprop":"02"'), "format 02"),
    "number for a text": (swap('"cyprop":"2"', '"cyprop":2'), "not a network"),
    "no format": (swap('"cyprop":"2",', ""), "not a network"),
    "no CRC": (swap('"crc32":"', '"crc33":"'), "CRC"),
    "unknown metadata": (swap(',"note:a"', ',"nota:a"'), "unknown key 'nota:a'"),
    "note twice": (swap(',"note:a":"b"', ',"note:a":"b","note:a":"b"'), "'a' is out of order"),
    "notes unsorted": (swap(',"note:a":"b"', ',"note:b":"b","note:a":"b"'), "'a' is out of order"),
    "note is a number": (swap('"note:a":"b"', '"note:a":1'), "in place of a string"),
    "note is nested": (swap('"note:a":"b"', '"note:a":' + "[" * 9999), "in place of a string"),
    "note without value": (swap('"note:a":"b"', '"note:a"'), "unknown key"),
    "surrogate": (swap('"note:a":"b"', '"note:a":"\\ud800"'), "not Unicode"),
    "surrogate key": (swap('"note:a":"b"', '"note:\\udc00":"b"'), "not Unicode"),
    "escape nobody writes": (swap('"note:a":"b"', '"note:a":"\\u0062"'), "in place of a string"),
    "not ASCII": (swap('"note:a":"b"', '"note:a":"\xe9"'), "not ASCII"),
    "blank": (swap('"note:a":"b"', '"note:a": "b"'), "in place of a string"),
    "comma for nothing": (swap('"note:a":"b"}', '"note:a":"b",}'), "in place of"),
    "metadata open": (swap('"note:a":"b"}', '"note:a":"b"'), "unknown key '0.weight'"),
    "unknown tensor": (swap('"2.bias"', '"3.bias"'), "3.bias.*2.bias"),
    "tensor too many": (swap("]}}", ']},"4.bias":{}}'), "in place of"),
    "tensor missing": (lambda text: re.sub(r',"2.bias":\{.*?\}', "", text), "in place of"),
    "tensor twice": (lambda text: re.sub(r'(,"0.bias":\{.*?\})', r"\1\1", text), "in place of"),
    "tensors permuted": (permuted, "0.bias.*0.weight"),
    "other dtype": (swap('"F32"', '"F64"'), "F64.*F32"),
    "unknown dtype": (swap('"F32"', '"Q32"'), "Q32.*F32"),
    "shape transposed": (swap('"shape":[2,3]', '"shape":[3,2]'), "in place of"),
    "shape flat": (swap('"shape":[2,3]', '"shape":[6]'), "in place of"),
    "shape negative": (swap('"shape":[2,3]', '"shape":[-2,-3]'), "in place of"),
    "shape is true": (swap('"shape":[2]', '"shape":[true]'), "in place of"),
    "shape huge": (swap('"shape":[2,3]', '"shape":[4294967296,4294967296]'), "in place of"),
    "hole": (swap('"data_offsets":[24,32]', '"data_offsets":[28,32]'), "in place of"),
    "overlap": (swap('"data_offsets":[24,32]', '"data_offsets":[20,32]'), "in place of"),
    "offset beyond": (swap('"data_offsets":[24,32]', '"data_offsets":[24,320]'), "in place of"),
    "unknown tensor key": (swap('"shape":[2,3]', '"shape":[2,3],"x":1'), "in place of"),
    "text behind": (lambda text: text.rstrip() + "}", "after the last tensor"),
    "padding too long": (lambda text: text.rstrip() + "\t", "after the last tensor"),
    "description is a list": (lambda t: re.sub('"network":".*?}"', '"network":"[]"', t), "keys"),
    "description is no JSON": (describe('{"version"', '"version"'), "not JSON"),
    "description no text": (lambda t: re.sub('"network":".*?}"', '"network":{}', t), "a string"),
    "unknown entry": (describe('"loss":', '"size":1,"loss":'), "the entry 'size', which"),
    "entry to come": (describe('"dtype":"float32"', '"dtype":"float32","later":[0.5]'),
                      "the entry 'later', which this version"),
    "key missing": (describe('"loss":"mse",', ""), "keys"),
    "key twice": (describe('"loss":"mse",', '"loss":"mse","loss":"mse",'), "as save writes it"),
    "keys permuted": (describe('"sizes":[3,2,2],"activation":["relu"]',
                               '"activation":["relu"],"sizes":[3,2,2]'), "keys"),
    "blank inside": (describe('"sizes":[3', '"sizes":[ 3'), "as save writes it"),
    "version": (describe(f'"version":"{cyprop.__version__}"', '"version":1'), "version"),
    "sizes a text": (describe("[3,2,2]", '"322"'), "sizes"),
    "one size": (describe("[3,2,2]", "[3]"), "sizes"),
    "size zero": (describe("[3,2,2]", "[3,0,2]"), "sizes"),
    "size negative": (describe("[3,2,2]", "[-3,-2,-2]"), "sizes"),
    "size true": (describe("[3,2,2]", "[3,2,true]"), "sizes"),
    "size fractional": (describe("[3,2,2]", "[3.0,2,2]"), "sizes"),
    "size infinite": (describe("[3,2,2]", "[3,Infinity,2]"), "sizes"),
    "size not a number": (describe("[3,2,2]", "[3,NaN,2]"), "sizes"),
    "size too large to be finite": (describe("[3,2,2]", "[3,1e999,2]"), "sizes"),
    "size of many digits": (describe("[3,2,2]", f"[3,{'9' * 4000},2]"), "sizes"),
    "size of too many digits": (describe("[3,2,2]", f"[3,{'9' * 9000},2]"), "not JSON"),
    "sizes nested": (describe("[3,2,2]", "[3,[[[2]]],2]"), "sizes"),
    "sizes overflow": (describe("[3,2,2]", "[4294967296,4294967296,2]"), "expected 737869"),
    "sizes do not fit": (describe("[3,2,2]", "[3,3,2]"), "expected"),
    "sizes do not chain": (describe("[3,2,2]", "[1,4,2]"), "expected|in place of"),
    "activation a name": (describe('["relu"]', '"relu"'), "activation is not a list"),
    "activation unknown": (describe('["relu"]', '["swish"]'), "'swish' is unknown; "),
    "activation a number": (describe('["relu"]', "[1]"), "activation is not a name"),
    "activation too many": (describe('["relu"]', '["relu","relu"]'), "activation has 2 entries"),
    "softmax hidden": (describe('["relu"]', '["softmax"]'), "softmax"),
    "output unknown": (describe('"relu","loss"', '"x","loss"'), "'x'"),
    "output null": (describe('"relu","loss"', 'null,"loss"'), "not a name"),
    "loss unknown": (describe('"mse"', '"rmse"'), "'rmse' is unknown; known"),
    "loss of another output": (describe('"mse"', '"cross_entropy"'), "needs"),
    "dtype unknown": (describe('"float32"', '"float16"'), "dtype"),
    "dtype a list": (describe('"float32"', "[]"), "dtype"),
    "dtype of other tensors": (describe('"float32"', '"float64"'), "expected"),
    "optimizer a name": (without_optimizer, "as save writes it"),
    "optimizer with more": (describe('{"name":"sgd"', '{"a":1,"name":"sgd"'), "optimizer is not a"),
    "activation with more": (describe('["relu"]', '[{"name":"relu","hyperparameters":{}}]'),
                             "as save writes it"),
    "activation nested": (describe('["relu"]', '[{"name":["relu"],"hyperparameters":{}}]'),
                          "activation is not a name, or"),
    "activation's own": (describe('["relu"]', '[{"name":"relu","hyperparameters":{"slope":0.1}}]'),
                         "relu has no hyperparameter 'slope'; it has none"),
    "loss with more": (describe('"mse"', '{"name":"mse","hyperparameters":{}}'),
                       "as save writes it"),
    "loss a number": (describe('"mse"', "1"), "loss is not a name, or"),
    "optimizer unknown": (describe('"sgd"', '"sgdd"'), "'sgdd' is unknown; known"),
    "optimizer a number": (describe('"sgd"', "1"), "optimizer"),
    "optimizer incomplete": (describe(',"momentum":0.0', ""), "as save writes it"),
    "hyperparameter unknown": (describe('"momentum"', '"momentun"'), "momentun"),
    "hyperparameter int": (describe('"momentum":0.0', '"momentum":0'), "hyperparameter"),
    "hyperparameter true": (describe('"momentum":0.0', '"momentum":true'), "momentum is True"),
    "switch with a number": (describe('"momentum":0.0', '"momentum":0.5,"nesterov":1.0'),
                             "nesterov is 1.0, expected True or False"),
    "switch at its default": (describe('"momentum":0.0', '"momentum":0.0,"nesterov":false'),
                              "as save writes it"),
    "switch without sense": (describe('"momentum":0.0', '"momentum":0.0,"nesterov":true'),
                             "nesterov is True and momentum 0"),
    "hyperparameter NaN": (describe('"momentum":0.0', '"momentum":NaN'), "momentum is nan"),
    "hyperparameter infinite": (describe('"learning_rate":0.1', '"learning_rate":1e999'), "inf"),
    "hyperparameter out of range": (describe('"momentum":0.0', '"momentum":1.0'), "is 1.0"),
    "hyperparameter spelt oddly": (describe('"momentum":0.0', '"momentum":0.00'), "as save"),
    "deep nesting": (describe("[3,2,2]", "[" * 5_000), "not JSON"),
    "many brackets": (describe("[3,2,2]", "[" * 9_000), "more than 8192 brackets"),
    "long description": (describe("[3,2,2]", "[" + "3," * 40_000 + "2]"), "in place of a string"),
}  # fmt: skip


@pytest.mark.parametrize("number", "12")
@pytest.mark.parametrize("name", FORGED)
def test_forged_file_is_refused(tmp_path, name, number):
    edit, reason = FORGED[name]
    path = tmp_path / "net"
    text, payload = take_apart(saved(path, metadata={"a": "b"}))
    if '"cyprop":"2"' in edit(text):
        edit = then_number(edit, number)
    forged = edit(text)
    assert forged != text
    path.write_bytes(seal(forged, payload))
    message = refusal(path)
    assert re.search(reason, message), message


def test_a_rule_that_came_after_format_1_is_refused_there(tmp_path, monkeypatch):
    path = tmp_path / "net"
    text, payload = take_apart(saved(path))
    path.write_bytes(seal(swap('"cyprop":"2"', '"cyprop":"1"')(text), payload))
    assert cyprop.Network.load(path) == small()
    without = {k: v for k, v in safetensors_header.FORMAT_1.items() if k != "relu"}
    monkeypatch.setattr(safetensors_header, "FORMAT_1", without)
    assert refusal(path) == "its format is 1, which has no 'relu'"


def test_a_hyperparameter_that_came_after_format_1_is_not_in_it(tmp_path, monkeypatch):
    path = tmp_path / "net"
    text, payload = take_apart(saved(path))
    fewer = {**safetensors_header.FORMAT_1, "sgd": ("learning_rate",)}
    monkeypatch.setattr(safetensors_header, "FORMAT_1", fewer)
    old = swap('"cyprop":"2"', '"cyprop":"1"')(text)
    path.write_bytes(seal(old, payload))
    assert "as save writes it" in refusal(path)
    path.write_bytes(seal(describe(',"momentum":0.0', "")(old), payload))
    assert cyprop.Network.load(path) == small()


def test_dtype_and_tensors_of_another_are_refused(tmp_path):
    """Twice the bytes, all of it consistent but for what the tensors call themselves."""
    path = tmp_path / "net"
    text, payload = take_apart(saved(path))
    forged = describe('"float32"', '"float64"')(text)
    path.write_bytes(seal(forged, payload * 2))
    assert '"dtype":"F32"' in refusal(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net"
    data = bytearray(saved(path))
    make = memory.make
    for changed in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data[:-9]):
        path.write_bytes(data)

        def change_and_make(kind, settings, changed=changed):
            path.write_bytes(changed)
            return make(kind, settings)

        monkeypatch.setattr(memory, "make", change_and_make)
        assert refusal(path) == "it changed while it was read"


def test_wrong_header_length_is_refused(tmp_path):
    path = tmp_path / "net"
    text, payload = take_apart(saved(path))
    for more in (8, 64):
        path.write_bytes(struct.pack("<Q", len(text) + more) + text.encode() + payload)
        refusal(path)
        padded = text + " " * more
        blank = re.sub('"crc32":"[0-9a-f]{8}"', '"crc32":"00000000"', padded)
        crc = zlib.crc32(blank.encode() + payload)
        sealed = blank.replace('"crc32":"00000000"', f'"crc32":"{crc:08x}"')
        path.write_bytes(struct.pack("<Q", len(sealed)) + sealed.encode() + payload)
        assert "after the last tensor" in refusal(path)


def many_layers(text):
    return describe("[3,2,2]", "[" + "1," * 14_000 + "1]")(text)


@pytest.mark.parametrize(
    "edit",
    [
        describe("[3,2,2]", "[" + "{}," * 9_000 + "2]"),
        describe("[3,2,2]", "[" + "[]," * 9_000 + "2]"),
        describe("[3,2,2]", "[" + "[0]," * 7_000 + "2]"),
        describe("[3,2,2]", "[" + "1.5," * 7_000 + "2]"),
        describe("[3,2,2]", "[" * 30_000),
        describe("[3,2,2]", "[70368744177664,70368744177664,2]"),
        describe("[3,2,2]", "[65536,65536,2]"),
        many_layers,
        swap('"note:a":"b"', '"note:a":' + "[]," * 400_000),
        swap('"note:a":"b"', '"note:a":' + "[" * 1_000_000),
        swap('"0.weight":', '"0.weight":' + "{}," * 400_000),
        swap('"network":', '"network":' + "{}," * 400_000),
        swap('"network":"', '"network":"' + "\\ud83d\\ude00" * 100_000),
        swap('"cyprop":"2"', '"cyprop":"' + "1" * 1_000_000 + '"'),
    ],
)
def test_forged_file_takes_little_memory(tmp_path, edit):
    path = tmp_path / "net"
    text, payload = take_apart(saved(path, metadata={"a": "b"}))
    data = seal(edit(text), payload)
    if edit is many_layers:
        data = seal(edit(text), bytes(8 * 14_000))
    path.write_bytes(data)
    tracemalloc.start()
    try:
        refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(data) + 2**20


def test_a_hyperparameter_that_the_dtype_cannot_hold_is_refused(tmp_path):
    text, payload = take_apart(saved(tmp_path / "net"))
    (tmp_path / "net").write_bytes(seal(text.replace(":0.1,", ":1e+300,", 1), payload))
    assert "learning_rate is 1e+300" in refusal(tmp_path / "net")
