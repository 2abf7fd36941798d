"""Pickles and files of commit fe3d48f, which every later version reads, and pickles of today.

tests/data/fe3d48f/README.md says how they were made. "predictions" are those for `rows` (the
network of the digits predicted all of them, as they are); then each network learned two more epochs
of them in batches of 8, and "later" is what it predicted after that.
"""

import copy
import hashlib
import importlib
import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import cyprop
from cyprop import _restore
from cyprop.datasets import digits
from cyprop.formats.safetensors import read_metadata
from cyprop.kernels import dispatch

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "tests" / "data" / "fe3d48f"
SAID = json.loads((KEPT / "said.json").read_text(encoding="utf-8"))
NETWORKS = ("adam", "momentum", "entropy")
LEVELS = [level for level in dispatch.supported() if level in dispatch.built()]


def tool():
    """tools/fingerprint.py, which knows which levels share their bits."""
    spec = importlib.util.spec_from_file_location("fingerprint", ROOT / "tools" / "fingerprint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


family = tool().family


@pytest.fixture(params=LEVELS)
def said(request):
    """What the version of then predicted, on each level that is here."""
    before = dispatch.level()
    dispatch.use(request.param)
    yield SAID[family(request.param)]
    dispatch.use(before)


def unpickled(name):
    return pickle.loads((KEPT / f"{name}.pickle").read_bytes())


def hashed(data):
    return hashlib.sha256(data).hexdigest()[:16]


def rows(net):
    rng = np.random.Generator(np.random.PCG64(5))
    X = rng.normal(size=(40, net.sizes[0])).astype(net.dtype)
    return X, rng.random((40, net.sizes[-1])).astype(net.dtype)


# What was kept


@pytest.mark.parametrize("name", NETWORKS)
def test_old_pickles_load_and_learn_on(said, name):
    net = unpickled(name)
    X, Y = rows(net)
    assert type(net) is cyprop.Network
    assert repr(net) == SAID[name]["repr"]
    assert hashed(net.predict(X).tobytes()) == said[name]["predictions"]
    for again in (net, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        again = copy.copy(again)
        again.fit(X, Y, epochs=2, batch_size=8)
        assert hashed(again.predict(X).tobytes()) == said[name]["later"]


@pytest.mark.parametrize("name", NETWORKS)
def test_old_pickles_have_what_a_user_added_and_nothing_else(name):
    net = unpickled(name)
    added = {"note": "an attribute of the user"} if name == "adam" else {}
    state = net.__getstate__()
    assert state["attributes"] == added
    assert {key: value for key, value in vars(net).items() if key in added} == added


@pytest.mark.parametrize("name", [*NETWORKS, "digits"])
def test_old_files_load(said, name):
    net = cyprop.Network.load(KEPT / f"{name}.safetensors")
    if name == "digits":
        X = digits()[0].astype(net.dtype)
        assert list(json.loads(read_metadata(KEPT / "digits.safetensors")["table"]))[0] == "inputs"
    else:
        X, _ = rows(net)
        assert net == unpickled(name)
        assert hashed((KEPT / f"{name}.safetensors").read_bytes()) == SAID[name]["file"]
    assert hashed(net.predict(X).tobytes()) == said[name]["predictions"]


def test_old_values_load():
    values = unpickled("values")
    history, gradients = values["history"], values["gradients"]
    assert type(history) is cyprop.History
    assert [history.loss, history.validation_loss, history.seconds] == SAID["values"]["history"]
    assert type(gradients) is cyprop.Gradients
    loss, *hashes = SAID["values"]["gradients"]
    assert gradients.loss == loss
    assert [hashed(gradients.parameters.tobytes()), hashed(gradients.inputs.tobytes())] == hashes
    assert values["SGD"] == cyprop.SGD(0.2, momentum=0.5)
    assert values["Adam"] == cyprop.Adam(beta1=0.5)
    assert values["Optimizer"] == cyprop.Adam(0.5)
    assert isinstance(values["divergence"], cyprop.DivergenceError)
    assert isinstance(values["format"], cyprop.FormatError)


# Pickles of today


class Mine(cyprop.Network):
    """A subclass with a constructor of its own."""

    def __init__(self):
        super().__init__([3, 2])


THINGS = {
    "a network": lambda: cyprop.Network([3, 2]),
    "settings": lambda: cyprop.Settings([3, 2]),
    "an activation": lambda: cyprop.Activation("relu"),
    "a loss": lambda: cyprop.Loss("mse"),
    "an optimizer": cyprop.Adam,
    "a history": lambda: cyprop.History([1.0], [2.0], [3.0]),
    "gradients": lambda: cyprop.Network([3, 2]).gradients(np.ones((1, 3)), np.ones((1, 2))),
}


@pytest.mark.parametrize("thing", THINGS)
def test_pickles_name_no_module_but_restore(thing):
    made = THINGS[thing]()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(made, protocol)
        assert data.count(b"cyprop.") == data.count(b"cyprop._restore") > 0
        again = pickle.loads(data)
        assert type(again) is type(made)
        if thing == "gradients":
            assert again.parameters.tobytes() == made.parameters.tobytes()
            assert again.loss == made.loss
        else:
            assert again == made


def test_a_subclass_of_network_comes_back_as_itself():
    net = Mine()
    for again in (pickle.loads(pickle.dumps(net)), copy.copy(net), copy.deepcopy(net)):
        assert type(again) is Mine
        assert again == net


def test_copies_of_a_history_share_lists_as_copies_do():
    history = cyprop.History([1.0], [2.0], [3.0])
    assert copy.copy(history).loss is history.loss
    assert copy.deepcopy(history).loss is not history.loss


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="holds 'callback', expected one of .*; a newer version"):
        _restore.restore("callback", 1)


def test_every_word_leads_somewhere():
    for module, name in _restore.MAKERS.values():
        assert callable(getattr(importlib.import_module(module), name))
