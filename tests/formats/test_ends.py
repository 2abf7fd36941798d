"""Maps, names and labels in files: what is written, what comes back, and what is refused."""

import json
import re
import zlib

import numpy as np
import pytest
import safetensors
from arrays_for_tests import same_bits

import cyprop
from cyprop import FormatError


def network(dtype="float32", **options):
    net = cyprop.Network([3, 4, 2], "tanh", "identity", dtype=dtype, seed=1, **options)
    net.input_map = [0.5, -1, 1e-30], [1, 0, -3]
    net.output_map = 0.25, [-10, 7]
    net.input_names = ["a", "µ", 'quote " and */']
    net.output_names = ["left", "right"]
    net.labels = [True, 2.5]
    return net


X = np.linspace(-2, 2, 21).reshape(7, 3).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [False, True])
def test_round_trip(tmp_path, dtype, training):
    path, again = tmp_path / "net", tmp_path / "again"
    for without in (None, "input_map", "output_map", "input_names", "output_names", "labels"):
        net = network(dtype, optimizer="adam", dropout=0.1, l2=0.01)
        if without:
            setattr(net, without, None)
        net.train_on_batch(X, X[:, :2])
        net.save(path, metadata={"a": "b"}, training=training)
        loaded = cyprop.Network.load(path)
        assert loaded == net
        assert loaded.labels == net.labels
        assert [*map(type, loaded.labels or ())] == [*map(type, net.labels or ())]
        assert same_bits(loaded.predict(X), net.predict(X))
        loaded.save(again, metadata={"a": "b"}, training=training)
        assert again.read_bytes() == path.read_bytes()
        if training:
            net.train_on_batch(X, X[:, :2])
            loaded.train_on_batch(X, X[:, :2])
            assert same_bits(net.parameters, loaded.parameters)


def test_the_file_is_what_it_says(tmp_path):
    net = network()
    net.save(tmp_path / "net")
    with safetensors.safe_open(tmp_path / "net", framework="numpy") as file:
        description = json.loads(file.metadata()["network"])
        assert [*description][-4:] == ["maps", "input_names", "output_names", "labels"]
        assert description["maps"] == ["inputs", "outputs"]
        assert description["labels"] == [True, 2.5]
        assert {name for name in file.keys() if  # noqa: SIM118
             name.startswith("cyprop.")} == {
            "cyprop.input_offset", "cyprop.input_scale", "cyprop.output_offset",
            "cyprop.output_scale",
        }  # fmt: skip
        for part, array in zip(("offset", "scale"), net.input_map):
            assert same_bits(file.get_tensor(f"cyprop.input_{part}"), array)
        for part, array in zip(("offset", "scale"), net.output_map):
            assert same_bits(file.get_tensor(f"cyprop.output_{part}"), array)


def test_a_file_without_is_what_it_was(tmp_path):
    net = network()
    plain = cyprop.Network([3, 4, 2], "tanh", "identity", seed=1)
    for key in ("input_map", "output_map", "input_names", "output_names", "labels"):
        setattr(net, key, None)
    net.save(tmp_path / "net")
    plain.save(tmp_path / "plain")
    assert (tmp_path / "net").read_bytes() == (tmp_path / "plain").read_bytes()
    assert b"maps" not in (tmp_path / "net").read_bytes()


def forged(path, old, new, payload=lambda data: data):
    """The file with another description, sealed with a right CRC and padding."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    text = data[8 : 8 + length].decode().rstrip()
    found = json.dumps(old)[1:-1]
    assert found in text
    text = text.replace(found, json.dumps(new)[1:-1], 1)
    text += " " * (-len(text) % 8)
    text = re.sub('"crc32":"[0-9a-f]{8}"', '"crc32":"00000000"', text, count=1)
    body = payload(data[8 + length :])
    crc = f"{zlib.crc32(text.encode() + body):08x}"
    text = text.replace('"crc32":"00000000"', f'"crc32":"{crc}"', 1)
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + body)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"maps":["inputs","outputs"]', '"maps":["outputs","inputs"]', "maps is not a list of"),
        ('"maps":["inputs","outputs"]', '"maps":[]', "not written as save writes it"),
        ('"maps":["inputs","outputs"]', '"maps":"both"', "maps is not a list"),
        ('"maps":["inputs","outputs"]', '"maps":["inputs"]', "bytes, expected"),
        ('"output_names":["left","right"]', '"output_names":["left"]', "1 names, expected 2"),
        ('"output_names":["left","right"]', '"output_names":"le"', "output_names is not a list"),
        ('"output_names":["left","right"]', '"output_names":["left",1]', "expected a text"),
        ('"output_names":["left","right"]', '"output_names":["left","\\ud800"]', "Unicode"),
        ('"labels":[true,2.5]', '"labels":[true,1]', "labels[1] is 1 again"),
        ('"labels":[true,2.5]', '"labels":[true,1e999]', "labels[1] is inf"),
        ('"labels":[true,2.5]', '"labels":[true,[2]]', "labels[1] is [2]"),
        ('"labels":[true,2.5]', '"labels":[true,null]', "labels[1] is None"),
        ('"labels":[true,2.5]', '"labels":[true,2.50]', "not written as save writes it"),
        ('"loss":"mse"', '"loss":"gaussian_nll"', "half of the outputs are variances"),
    ],
)
def test_descriptions_that_no_network_has_are_refused(tmp_path, old, new, said):
    path = tmp_path / "net"
    network().save(path)
    forged(path, old, new)
    with pytest.raises(FormatError, match=re.escape(said)):
        cyprop.Network.load(path)


@pytest.mark.parametrize(
    ("place", "number", "said"),
    [(-1, 0.0, "output_map scale holds 0 at 1"), (-5, np.nan, "input_map scale holds nan at 2")],
)
def test_numbers_that_no_map_has_are_refused(tmp_path, place, number, said):
    path = tmp_path / "net"
    network().save(path)

    def change(payload):
        numbers = np.frombuffer(payload, "<f4").copy()
        numbers[place] = number
        return numbers.tobytes()

    forged(path, "left", "LEFT", change)
    with pytest.raises(FormatError, match=re.escape(said)):
        cyprop.Network.load(path)


def test_names_have_room_up_to_a_bound(tmp_path):
    wide = cyprop.Network([2000, 1])
    wide.input_names = [f"a column called {k}" for k in range(2000)]
    wide.save(tmp_path / "wide")
    assert cyprop.Network.load(tmp_path / "wide") == wide
    wide.input_names = [
        f"a column with a longer name than others, and called {k}" for k in range(2000)
    ]
    with pytest.raises(ValueError, match="describing 1 layers and their names takes"):
        wide.save(tmp_path / "wider")
    many = cyprop.Network([9000, 1])
    many.input_names = ["["] * 9000
    with pytest.raises(ValueError, match="more than 8192 brackets"):
        many.save(tmp_path / "wider")


def test_a_checkpoint_is_of_a_network_with_the_same_maps(tmp_path):
    path = tmp_path / "checkpoint"
    net = network()
    net.fit(X, X[:, :2], epochs=2, checkpoint=path)
    same = network()
    same.fit(X, X[:, :2], epochs=2, checkpoint=path)
    assert same == net
    other = network()
    other.input_map = None
    with pytest.raises(ValueError, match="with other maps, names or labels"):
        other.fit(X, X[:, :2], epochs=2, checkpoint=path)
