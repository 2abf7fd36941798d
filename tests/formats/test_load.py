"""One `load` for files of all kinds: told by content, with the options that belong to the kind."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
import sb3_files as policies
import torch_files as files

import cyprop
from cyprop.formats import sklearn as from_sklearn
from cyprop.formats.keras import config as keras_config
from cyprop.formats.keras import files as keras
from cyprop.formats.keras import live as from_keras
from cyprop.formats.keras.layers import activation_of
from cyprop.formats.load import load
from cyprop.formats.onnx.writer import to_onnx
from cyprop.formats.pytorch import live as from_torch

SIZES = [4, 7, 5, 3]


def put(tmp_path, data, name="a file of any name"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def made(rng, kind):
    arrays = files.arrays(rng, SIZES)
    match kind:
        case "pt":
            return files.saved(arrays)
        case "safetensors":
            return safetensors.numpy.save(arrays)
        case "sb3":
            return policies.saved(policies.actor_critic(rng))
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["pt", "safetensors", "sb3"])
@pytest.mark.parametrize("name", ["net.onnx", "net.keras", "net"])
def test_the_kind_is_told_by_content(tmp_path, rng, kind, name):
    path = put(tmp_path, made(rng, kind), name)
    net = load(cyprop.Network, path, activation="relu", loss="huber", dtype="float64")
    assert net.activations[0] == "relu"
    assert (net.loss, net.dtype) == ("huber", "float64")
    X = rng.normal(size=(9, net.sizes[0]))
    net.fit(X, net.predict(X), epochs=1)


def test_the_loss_is_that_of_the_output(tmp_path, rng):
    path = put(tmp_path, made(rng, "pt"))
    for output, loss in ((None, "mse"), ("softmax", "cross_entropy"),
                         ("sigmoid", "binary_cross_entropy")):  # fmt: skip
        net = load(cyprop.Network, path, activation="tanh", output_activation=output)
        assert net.loss == loss
        assert net.dtype == "float32"


def test_onnx_is_read(tmp_path):
    net = cyprop.Network(SIZES, "relu")
    to_onnx(net, tmp_path / "net.pt")
    back = load(cyprop.Network, tmp_path / "net.pt")
    assert back.parameters.tobytes() == net.parameters.tobytes()
    with pytest.raises(cyprop.FormatError, match="'z'"):
        load(cyprop.Network, tmp_path / "net.pt", output="z")


def test_files_of_cyprop_are_read_by_their_own_rules(tmp_path, rng):
    path = tmp_path / "net.pt"
    net = cyprop.Network(SIZES, "relu", loss="mae")
    net.save(path)
    assert load(cyprop.Network, path) == net
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(cyprop.FormatError, match="CRC is wrong"):
        load(cyprop.Network, path)
    with pytest.raises(ValueError, match="activation is 'relu', and a file of cyprop takes no opt"):
        load(cyprop.Network, path, activation="relu")
    # Whatever the metadata is like: such a file is never one of PyTorch.
    path.write_bytes(safetensors.numpy.save(files.arrays(rng, SIZES), {"cyprop": "9"}))
    with pytest.raises(cyprop.FormatError, match="metadata|format"):
        load(cyprop.Network, path)


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("pt", {"output": "policy"}, "output is 'policy', and a state_dict of PyTorch takes activ"),
        ("safetensors", {"output": "y"}, "and a safetensors file takes activation"),
        ("sb3", {"output": "y"}, "output is 'y', expected 'policy' or 'value'"),
        ("pt", {}, "activation is not given, and the file, of a network 4-7-5-3,"),
        ("pt", {"activation": "relu", "loss": "x"}, "loss 'x' is unknown"),
        ("pt", {"activation": "relu", "dtype": "float16"}, "dtype is 'float16', expected"),
    ],
)
def test_options_that_do_not_belong_are_refused(tmp_path, rng, kind, options, reason):
    with pytest.raises(ValueError, match=reason):
        load(cyprop.Network, put(tmp_path, made(rng, kind)), **options)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"# a text\n", "of no known kind, expected safetensors of cyprop or PyTorch"),
        (bytes(100), "of no known kind"),
        (pickle.dumps([1, 2]), "a pickle, which is code and never unpickled here"),
        (files.archive(b"."), "damaged"),
        (files.archive(None), "a zip file of 'net/byteorder', expected"),
        (files.archive(None, order=None), "zip file"),
        (b"PK\3\4", "not a zip file"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, data, reason):
    path = put(tmp_path, data)
    with pytest.raises(cyprop.FormatError, match=reason) as caught:
        load(cyprop.Network, path)
    assert re.fullmatch(r"cannot load '[^\n]+': [^\n]+", str(caught.value))


def test_what_is_no_file(tmp_path):
    with pytest.raises(OSError):  # noqa: PT011  # which of them, the system says
        load(cyprop.Network, tmp_path)
    with pytest.raises(FileNotFoundError):
        load(cyprop.Network, tmp_path / "none")
    with pytest.raises(TypeError, match="path is 3, expected a str"):
        load(cyprop.Network, 3)


def test_what_is_not_installed_is_named(tmp_path, rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    path = put(tmp_path, b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ImportError, match=r"h5py, which is not installed: pip install 'cyprop\[k"):
        load(cyprop.Network, path)
    with pytest.raises(ImportError, match="PyTorch, which is not installed: pip install torch"):
        cyprop.Network([2, 3]).to_torch()


def test_no_reader_imports_the_other_library(tmp_path, rng):
    paths = [str(put(tmp_path, made(rng, kind), kind)) for kind in ("pt", "safetensors", "sb3")]
    program = f"""
import sys, cyprop
from cyprop.formats.load import load
assert not {{"zipfile", "pickle", "json"}} & (set(sys.modules) - before)
for path in {paths!r}:
    load(cyprop.Network, path, activation="relu")
found = {{name.split(".")[0] for name in sys.modules}}
assert not found & {{"torch", "h5py", "onnx", "keras", "sklearn", "stable_baselines3"}}, found
"""
    # What the interpreter and NumPy load themselves is theirs.
    program = "import sys, numpy, safetensors\nbefore = set(sys.modules)" + program
    subprocess.run([sys.executable, "-c", program], check=True)


# Live objects of other kinds, without the libraries


def test_live_objects_of_no_library():
    class Linear:
        weight = np.ones((2, 3))

    for reader, name in ((from_torch, "module"), (from_keras, "model"),
                         (from_sklearn, "estimator")):  # fmt: skip
        with pytest.raises(TypeError, match=f"^{name} is .*Linear.*, expected"):
            reader.chain_of(Linear())


# What of a Keras file needs no h5py


def layer(kind, name, n=None, **config):
    return {"class_name": kind, "config": {"name": name, "units": n, **config}, "name": name}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"layers": list(layers)}}


def chain(rng, *layers):
    """A chain of a Sequential, whose layers have arrays of random numbers."""
    sizes = iter([4, *[entry["config"]["units"] for entry in layers if entry["config"]["units"]]])
    inputs = {}
    n_in = next(sizes)
    for entry in layers:
        n_out = entry["config"]["units"]
        arrays = []
        if entry["class_name"] == "Dense":
            arrays = [rng.normal(size=(n_in, n_out)).astype("f"), np.ones(n_out, "f")]
            n_in = n_out
        elif entry["class_name"] == "BatchNormalization":
            arrays = list(rng.uniform(1, 2, size=(4, n_in)).astype("f"))
        inputs[entry["name"]] = arrays
    entries = keras_config.path_of(sequential(*layers))
    return keras.chain_of(entries, lambda entry: inputs[entry.name], "3.15"), inputs


def test_groups_of_keras_are_counted_by_class():
    layers = [layer("InputLayer", "x"), layer("Dense", "dense_6", 3), layer("LeakyReLU", "a"),
              layer("Dense", "dense_5", 3), layer("LeakyReLU", "b")]  # fmt: skip
    found = [(entry.name, entry.key) for entry in keras_config.path_of(sequential(*layers))]
    assert found == [
        ("x", "input_layer"),
        ("dense_6", "dense"),
        ("a", "leaky_re_lu"),
        ("dense_5", "dense_1"),
        ("b", "leaky_re_lu_1"),
    ]


def test_slopes_of_keras(rng):
    found, _ = chain(
        rng,
        layer("Dense", "a", 5, activation="leaky_relu"),
        layer("Dense", "b", 5),
        layer("LeakyReLU", "c", negative_slope=0.25),
        layer("Dense", "d", 5),
        layer("LeakyReLU", "e", alpha=0.125),
        layer("Dense", "f", 5, activation="swish"),
    )
    rules = [part.activation for part in found.layers]
    assert rules[:3] == [cyprop.LeakyReLU(slope) for slope in (0.2, 0.25, 0.125)]
    assert rules[3].name == "silu"


def test_a_norm_of_keras_folds_with_its_own_epsilon(rng):
    found, arrays = chain(rng, layer("Dense", "a", 5), layer("BatchNormalization", "b"))
    gamma, beta, mean, variance = (array.astype(float) for array in arrays["b"])
    s = gamma / np.sqrt(variance + 1e-3)
    (part,) = found.layers
    np.testing.assert_allclose(part.W, arrays["a"][0] * s, rtol=1e-6)
    np.testing.assert_allclose(part.b, (arrays["a"][1] - mean) * s + beta, rtol=1e-6)


@pytest.mark.parametrize("name", ["a", "b"])
def test_arrays_of_keras_that_are_no_row_of_numbers(rng, name):
    layers = layer("Dense", "a", 1), layer("BatchNormalization", "b")
    _, inputs = chain(rng, *layers)
    inputs[name][1] = inputs[name][1].reshape(())  # which would do for each column
    entries = keras_config.path_of(sequential(*layers))
    with pytest.raises(cyprop.FormatError, match=r"biases of shape \(\)|not one number for each"):
        keras.chain_of(entries, lambda entry: inputs[entry.name], "3.15")


def test_hard_sigmoid_of_keras_2_is_another_function(rng):
    assert activation_of("hard_sigmoid", "3.0.1", "it").name == "hard_sigmoid"
    for version in ("2.15.0", ""):
        with pytest.raises(cyprop.FormatError, match="hard_sigmoid of Keras"):
            activation_of("hard_sigmoid", version, "it")
