"""Files of cyprop in PyTorch: load_state_dict takes them, and the network answers the same."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import cyprop

X = np.random.default_rng(3).normal(size=(50, 7)).astype("float32")


def theirs():
    return torch.nn.Sequential(
        torch.nn.Linear(7, 12), torch.nn.Tanh(), torch.nn.Linear(12, 5), torch.nn.ReLU(),
        torch.nn.Linear(5, 3), torch.nn.Softmax(dim=1),
    )  # fmt: skip


def ours():
    net = cyprop.Network(
        [7, 12, 5, 3], ["tanh", "relu"], loss="cross_entropy", optimizer="adam", dropout=0.1
    )
    net.fit(X, np.arange(50) % 3, epochs=2)
    return net


def assert_same(net, module):
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.tensor(X)), net.predict(X), atol=1e-6)


def test_a_file_is_taken_strictly(tmp_path):
    net, module = ours(), theirs()
    net.save(tmp_path / "net.safetensors")
    module.load_state_dict(load_file(tmp_path / "net.safetensors"), strict=True)
    assert_same(net, module)


def test_a_file_with_its_training_has_more_tensors(tmp_path):
    net, module = ours(), theirs()
    net.save(tmp_path / "net.safetensors", training=True)
    tensors = load_file(tmp_path / "net.safetensors")
    with pytest.raises(RuntimeError, match=r"Unexpected key.*cyprop\.optimizer\.0"):
        module.load_state_dict(tensors, strict=True)
    module.load_state_dict(tensors, strict=False)
    assert_same(net, module)
