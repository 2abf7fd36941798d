"""Saved networks: what comes back, what is in the file, and how the file is written.

Files are taken apart with struct and json, as formats/safetensors.py describes them, and with the
safetensors package.
"""

import itertools
import json
import os
import re
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from saved_networks import saved, small, take_apart

import cyprop
from cyprop.formats import safetensors_header
from cyprop.formats.safetensors import read_metadata
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.kernels import update

DTYPES = ("float32", "float64")


def bits(net):
    return [array.tobytes() for array in (*net.weights, *net.biases)]


# What comes back


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", losses.names())
@pytest.mark.parametrize("output", activations.names())
@pytest.mark.parametrize("sizes", [[1, 1], [5, 3], [4, 17, 1, 3], [2] * 30])
def test_network_comes_back(tmp_path, dtype, loss, output, sizes):
    if output not in losses.output_activations(loss):
        output = losses.output_activation(loss) or output
    sizes = [*sizes[:-1], sizes[-1] * losses.outputs_per_target(loss)]
    if activations.couples_units(output):
        sizes = [*sizes[:-1], sizes[-1] + 1]
    n_hidden = len(sizes) - 2
    hidden = list(itertools.islice(itertools.cycle(activations.names()[:4]), n_hidden))
    net = cyprop.Network(sizes, hidden, output, loss, dtype=dtype, seed=5)
    net.save(tmp_path / "net")
    again = cyprop.Network.load(tmp_path / "net")
    assert again == net
    assert bits(again) == bits(net)
    assert (again.sizes, again.activations, again.loss) == (net.sizes, net.activations, loss)
    assert again.dtype == np.dtype(dtype)
    X = np.random.default_rng(0).normal(size=(7, sizes[0])).astype(dtype)
    assert again.predict(X).tobytes() == net.predict(X).tobytes()


@pytest.mark.parametrize("name", update.names())
@pytest.mark.parametrize("learning_rate", [0.1, 1 / 3, 5e-324, 1e300])
def test_optimizer_comes_back(tmp_path, name, learning_rate):
    net = small("float64", optimizer=cyprop.Optimizer(name, learning_rate=learning_rate))
    net.save(tmp_path / "net")
    again = cyprop.Network.load(tmp_path / "net")
    assert again.optimizer == net.optimizer
    assert again.optimizer.hyperparameters == net.optimizer.hyperparameters
    assert again.optimizer.learning_rate == learning_rate


def test_loaded_network_learns_as_the_saved_one(tmp_path):
    net = small(optimizer=cyprop.Adam(learning_rate=0.03))
    net.save(tmp_path / "net")
    again = cyprop.Network.load(tmp_path / "net")
    x, y = np.float32([0.5, -1, 2]), np.float32([0.25, 0.75])
    for _ in range(5):
        assert again.learn_one(x, y) == net.learn_one(x, y)
    assert bits(again) == bits(net)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_pattern_comes_back(tmp_path, dtype):
    net = small(dtype)
    odd = np.array([-0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal, 0.1], dtype)
    net.weights[0][...] = odd.reshape(3, 2)
    whole = np.dtype(f"u{net.dtype.itemsize}")
    net.biases[0].view(whole)[:] = [np.iinfo(whole).max, np.iinfo(whole).max - 5]  # NaN payloads
    net.save(tmp_path / "net")
    assert bits(cyprop.Network.load(tmp_path / "net")) == bits(net)


class Sized(cyprop.Network):
    """A subclass with a constructor of its own."""

    def __init__(self, n_hidden):
        super().__init__([3, n_hidden, 1], dtype="float64")


def test_subclass_comes_back(tmp_path):
    net = Sized(4)
    net.save(tmp_path / "net")
    again = Sized.load(tmp_path / "net")
    assert type(again) is Sized
    assert again == net
    assert type(cyprop.Network.load(tmp_path / "net")) is cyprop.Network


NOTES = [
    {},
    {"": ""},
    {"target": "price", "columns": '["a", "b\\"c"]', "a\\": "\\"},
    {"é": "ü\x00\x1f\x7f\n\t", "猫": "😀", "note:": "note:note:"},
    {f"k{i}": "v" * i for i in range(300)},
]


@pytest.mark.parametrize("notes", NOTES)
def test_notes_come_back(tmp_path, notes):
    net = small()
    net.save(tmp_path / "net", notes)
    assert read_metadata(tmp_path / "net") == notes
    assert cyprop.Network.load(tmp_path / "net") == net
    with safetensors.safe_open(tmp_path / "net", "np") as file:
        found = file.metadata()
    mine = {k.removeprefix("note:"): v for k, v in found.items() if k.startswith("note:")}
    assert mine == notes


def test_no_metadata_is_no_notes(tmp_path):
    small().save(tmp_path / "net")
    assert read_metadata(tmp_path / "net") == {}


def test_same_network_gives_same_bytes(tmp_path):
    notes = {"b": "1", "a": "2", "c": "3"}
    first = saved(tmp_path / "one", metadata=notes)
    assert saved(tmp_path / "two", metadata=dict(reversed(notes.items()))) == first


# The layout


@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_by_hand(tmp_path, dtype):
    net = cyprop.Network(
        [5, 4, 3, 2], ["tanh", "identity"], "sigmoid", dtype=dtype,
        optimizer=cyprop.SGD(0.25, momentum=0.5), seed=1,
    )  # fmt: skip
    for b in net.biases:
        b[:] = np.linspace(-1, 2, b.size)
    text, payload = take_apart(saved(tmp_path / "net", net, {"who": "Ada"}))
    assert len(text) % 8 == 0
    header = json.loads(text)
    metadata = header.pop("__metadata__")
    assert set(header) == {f"{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")}
    end = 0
    for name, entry in header.items():
        layer, kind = name.split(".")
        expected = (
            net.weights[int(layer) // 2].T if kind == "weight" else net.biases[int(layer) // 2]
        )
        assert set(entry) == {"dtype", "shape", "data_offsets"}
        assert entry["dtype"] == {"float32": "F32", "float64": "F64"}[dtype]
        assert entry["shape"] == list(expected.shape)
        start, stop = entry["data_offsets"]
        assert start == end
        letter = {"float32": "f", "float64": "d"}[dtype]
        values = struct.unpack(f"<{expected.size}{letter}", payload[start:stop])
        np.testing.assert_array_equal(np.reshape(values, expected.shape), expected)
        end = stop
    assert end == len(payload)
    assert set(metadata) == {"cyprop", "crc32", "network", "note:who"}
    assert metadata["cyprop"] == "2"
    assert metadata["note:who"] == "Ada"
    assert json.loads(metadata["network"]) == {
        "version": cyprop.__version__,
        "sizes": [5, 4, 3, 2],
        "activation": ["tanh", "identity"],
        "output_activation": "sigmoid",
        "loss": "mse",
        "optimizer": {"name": "sgd", "hyperparameters": {"learning_rate": 0.25, "momentum": 0.5}},
        "dtype": dtype,
    }
    blank = text.replace(f'"crc32":"{metadata["crc32"]}"', '"crc32":"00000000"')
    assert blank != text
    assert int(metadata["crc32"], 16) == zlib.crc32(blank.encode() + payload)


@pytest.mark.parametrize("dtype", DTYPES)
def test_safetensors_package_reads_it(tmp_path, dtype):
    net = cyprop.Network([2] * 14, dtype=dtype)  # with 10.weight, which sorts in front of 2.weight
    net.save(tmp_path / "net")
    tensors = safetensors.numpy.load_file(tmp_path / "net")
    assert len(tensors) == 26
    for layer, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        np.testing.assert_array_equal(tensors[f"{2 * layer}.weight"], W.T, strict=True)
        np.testing.assert_array_equal(tensors[f"{2 * layer}.bias"], b, strict=True)


# Format 1


FORMAT_1 = Path(__file__).parents[1] / "data" / "fe3d48f"


@pytest.mark.parametrize("path", sorted(FORMAT_1.glob("*.safetensors")), ids=lambda path: path.stem)
def test_format_1_comes_back(tmp_path, path):
    """And saved again it differs in the number of the format, the version and the CRC alone."""
    net = cyprop.Network.load(path)
    old, payload = take_apart(path.read_bytes())
    assert old.startswith('{"__metadata__":{"cyprop":"1",')
    new, same = take_apart(saved(tmp_path / "net", net, read_metadata(path)))
    assert same == payload
    expected = old.replace('"cyprop":"1"', '"cyprop":"2"', 1)
    version = '\\"version\\":\\"{}\\"'
    expected = expected.replace(version.format("0.1.0"), version.format(cyprop.__version__))
    crc = '"crc32":"[0-9a-f]{8}"'
    assert re.sub(crc, "", new) == re.sub(crc, "", expected)


def test_the_rules_of_format_1_are_still_known():
    kinds = (activations, losses, update)
    known = {name: kind.hyperparameters(name) for kind in kinds for name in kind.names()}
    for name, hyperparameters in safetensors_header.FORMAT_1.items():
        assert set(hyperparameters) <= set(known[name])


# What cannot be saved


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "metadata is"),
        ("notes", "metadata is"),
        ([("a", "b")], "metadata is"),
        ({"a": 1}, "'a': 1"),
        ({1: "a"}, "1: 'a'"),
        ({"a": None}, "'a': None"),
        ({"a": b"b"}, "'a': b'b'"),
        ({"a": "b", "c": True}, "'c': True"),
    ],
)
def test_metadata_of_other_types_is_refused(tmp_path, metadata, reason):
    with pytest.raises(TypeError, match=reason):
        small().save(tmp_path / "net", metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("metadata", [{"a": "\ud800"}, {"\udfff": "a"}])
def test_metadata_without_meaning_is_refused(tmp_path, metadata):
    with pytest.raises(ValueError, match="not Unicode"):
        small().save(tmp_path / "net", metadata)
    assert list(tmp_path.iterdir()) == []


def test_metadata_beyond_the_header_is_refused(tmp_path, monkeypatch):
    assert safetensors_header.MAX_HEADER == 100_000_000
    monkeypatch.setattr(safetensors_header, "MAX_HEADER", 10_000)
    small().save(tmp_path / "net", {"a": "x" * 9_000})
    before = (tmp_path / "net").read_bytes()
    with pytest.raises(ValueError, match="expected at most 10000"):
        small().save(tmp_path / "net", {"a": "x" * 10_000})
    assert (tmp_path / "net").read_bytes() == before


def test_depth_has_a_limit_that_is_told(tmp_path):
    deep = cyprop.Network([1] * 2001)
    deep.save(tmp_path / "deep")
    assert cyprop.Network.load(tmp_path / "deep") == deep
    with pytest.raises(ValueError, match="describing 6000 layers takes"):
        cyprop.Network([1] * 6001).save(tmp_path / "deeper")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize("path", [None, 3, 1.5, b"net", [], object()])
def test_what_is_no_path_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (small().save, cyprop.Network.load, read_metadata):
        with pytest.raises(TypeError):
            call(path)
    assert list(tmp_path.iterdir()) == []


# The file as a file


def test_paths_of_all_kinds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = small()
    for path in ("net", "./net2", Path("net3"), str(tmp_path / "nét 4"), tmp_path / ("n" * 250)):
        net.save(path)
        assert cyprop.Network.load(path) == net
    assert len(list(tmp_path.iterdir())) == 5


def test_missing_file_or_folder_is_the_systems_error(tmp_path):
    path = tmp_path / "none" / "net"
    with pytest.raises(FileNotFoundError) as caught:
        small().save(path)
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError):
        cyprop.Network.load(path)
    with pytest.raises(FileNotFoundError):
        read_metadata(path)


def test_folder_for_a_file_is_the_systems_error(tmp_path):
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        cyprop.Network.load(tmp_path)
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError, match=re.escape(str(target))):
        small().save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path = tmp_path / "net"
    old = small()
    old.save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, call, fail)
    other = small(loss="mse", optimizer="adam")
    with pytest.raises(type(error)) as caught:
        other.save(path)
    monkeypatch.undo()
    if isinstance(error, OSError):
        assert (caught.value.errno, caught.value.filename) == (28, str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    other.save(path)
    assert cyprop.Network.load(path) == other


def test_synced_before_renamed(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(source, target):
        assert Path(source).parent == Path(target).parent
        assert Path(source).stat().st_size > 0
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    small().save(tmp_path / "net")
    assert calls[:2] == ["file", "rename"]
    assert calls[2:] == ([] if os.name == "nt" else ["folder"])


def test_permissions_are_those_of_open(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    small().save(tmp_path / "net")
    mode = stat.S_IMODE((tmp_path / "other").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == mode
    private = mode & ~0o077
    (tmp_path / "net").chmod(private)
    private = stat.S_IMODE((tmp_path / "net").stat().st_mode)
    small().save(tmp_path / "net")
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == private


def test_link_stays_and_its_file_is_replaced(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder / "net")
    net = small()
    for _ in range(2):
        net.save(link)
        assert link.is_symlink()
        assert cyprop.Network.load(folder / "net") == net
    assert [path.name for path in folder.iterdir()] == ["net"]


def test_format_error_is_a_value_error():
    assert issubclass(cyprop.FormatError, ValueError)


# Rules with hyperparameters of their own
