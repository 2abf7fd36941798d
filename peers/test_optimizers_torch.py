"""The first 50 updates of every optimizer beside those of PyTorch's, in float64."""

import numpy as np
import pytest
import torch

import cyprop
from cyprop.datasets import digits

UPDATES = 50
TOLERANCE = 1e-9  # of a parameter, relative to the largest of its array

# Ours, and PyTorch's for the weights and for the biases.
PAIRS = {
    "sgd": (cyprop.SGD(0.1), torch.optim.SGD, {"lr": 0.1}),
    "momentum": (cyprop.SGD(0.05, momentum=0.9), torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (
        cyprop.SGD(0.05, momentum=0.9, nesterov=True),
        torch.optim.SGD,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    "adam": (cyprop.Adam(0.003), torch.optim.Adam, {"lr": 0.003}),
    "adam, others": (
        cyprop.Adam(0.01, beta1=0.8, beta2=0.95, epsilon=1e-4),
        torch.optim.Adam,
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4},
    ),
    "adamw": (cyprop.AdamW(), torch.optim.AdamW, {}),
    "adamw, others": (
        cyprop.AdamW(0.01, beta1=0.8, beta2=0.95, epsilon=1e-4, weight_decay=0.5),
        torch.optim.AdamW,
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.5},
    ),
    "rmsprop": (cyprop.RMSprop(0.001), torch.optim.RMSprop, {"lr": 0.001}),
    "rmsprop, momentum": (
        cyprop.RMSprop(0.001, rho=0.9, epsilon=1e-4, momentum=0.8),
        torch.optim.RMSprop,
        {"lr": 0.001, "alpha": 0.9, "eps": 1e-4, "momentum": 0.8},
    ),
    "adagrad": (cyprop.AdaGrad(), torch.optim.Adagrad, {}),
    "adagrad, others": (
        cyprop.AdaGrad(0.1, epsilon=1e-4),
        torch.optim.Adagrad,
        {"lr": 0.1, "eps": 1e-4},
    ),
}


def copied(net):
    """The network as PyTorch's, with the same weights."""
    layers = []
    for layer, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight[...] = torch.from_numpy(W.T.copy())
            linear.bias[...] = torch.from_numpy(b.copy())
        layers.append(linear)
        if layer < len(net.weights) - 1:
            layers.append(torch.nn.Tanh())
    return torch.nn.Sequential(*layers)


def optimizer_of(peer, kind, options):
    """PyTorch's, in two groups of parameters: nothing decays biases."""
    weights = [linear.weight for linear in peer if isinstance(linear, torch.nn.Linear)]
    biases = [linear.bias for linear in peer if isinstance(linear, torch.nn.Linear)]
    groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    return kind(groups, **options)


@pytest.mark.parametrize("fused", [True, False], ids=["train_on_batch", "step"])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_first_updates_are_pytorchs(pair, fused):
    ours, kind, options = PAIRS[pair]
    net = cyprop.Network(
        [64, 24, 12, 10], "tanh", loss="cross_entropy", optimizer=ours, dtype="float64", seed=1
    )
    peer = copied(net)
    optimizer = optimizer_of(peer, kind, options)
    start = [array.copy() for array in (*net.weights, *net.biases)]
    pixels, labels = digits()
    X, Y = pixels / 16, np.eye(10)[labels]
    for i in range(UPDATES):
        rows = slice(32 * i, 32 * (i + 1))
        if fused:
            loss = net.train_on_batch(X[rows], Y[rows])
        else:
            gradients = net.gradients(X[rows], Y[rows])
            loss = gradients.loss
            net.step(gradients)
        optimizer.zero_grad()
        peer_loss = torch.nn.functional.cross_entropy(
            peer(torch.from_numpy(X[rows])), torch.from_numpy(Y[rows])
        )
        peer_loss.backward()
        optimizer.step()
        assert loss == pytest.approx(peer_loss.item(), rel=TOLERANCE)
    linear = [layer for layer in peer if isinstance(layer, torch.nn.Linear)]
    theirs = [*(layer.weight.T for layer in linear), *(layer.bias for layer in linear)]
    for mine, other, before in zip((*net.weights, *net.biases), theirs, start, strict=True):
        np.testing.assert_allclose(
            mine, other.detach().numpy(), rtol=0, atol=TOLERANCE * np.abs(mine).max()
        )
        assert np.abs(mine - before).max() > 1e-3 * np.abs(mine).max()


def test_the_defaults_are_pytorchs_but_for_the_rate_of_sgd():
    names = {
        "lr": "learning_rate", "eps": "epsilon", "alpha": "rho", "momentum": "momentum",
        "nesterov": "nesterov", "weight_decay": "weight_decay",
    }  # fmt: skip
    parameter = torch.nn.Parameter(torch.zeros(1))
    for ours, kind in (
        (cyprop.SGD(0.001), torch.optim.SGD),
        (cyprop.Adam(), torch.optim.Adam),
        (cyprop.AdamW(), torch.optim.AdamW),
        (cyprop.RMSprop(), torch.optim.RMSprop),
        (cyprop.AdaGrad(), torch.optim.Adagrad),
    ):
        defaults = kind([parameter]).defaults
        found = {names[key]: value for key, value in defaults.items() if key in names}
        if "betas" in defaults:
            found["beta1"], found["beta2"] = defaults["betas"]
        if not found["weight_decay"]:
            del found["weight_decay"]
        assert ours.hyperparameters == found
