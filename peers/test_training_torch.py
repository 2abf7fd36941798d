"""Weights of rows, penalties and clipping beside PyTorch's, over some updates in float64."""

import numpy as np
import pytest
import torch

import cyprop

UPDATES = 20
TOLERANCE = 1e-9  # of a parameter, relative to the largest of its array
SIZES = [7, 16, 9, 4]
BOUNDS = [
    {},
    {"clip_norm": 0.05},
    {"clip_value": 0.003},
    {"clip_value": 0.01, "clip_norm": 0.03},
]
PENALTIES = [{}, {"l1": 0.01}, {"l2": 0.1}, {"l1": 0.005, "l2": 0.02}]


def copied(net):
    """The weights and biases as leaves of PyTorch."""
    return [
        [torch.tensor(array, requires_grad=True) for array in arrays]
        for arrays in (net.weights, net.biases)
    ]


def cost(weights, biases, X, Y, w, penalty):
    """Σ wᵢ·Cᵢ / Σ wᵢ and the penalty, with tanh below the outputs."""
    A = torch.tensor(X)
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        A = A @ W + b
        A = torch.tanh(A) if layer < len(weights) - 1 else A
    C = ((A - torch.tensor(Y)) ** 2).mean(dim=1)
    mean = C.mean() if w is None else (torch.tensor(w) * C).sum() / w.sum()
    l1, l2 = penalty.get("l1", 0), penalty.get("l2", 0)
    return mean + sum(l1 * W.abs().sum() + l2 / 2 * (W**2).sum() for W in weights)


def clip(leaves, clip_norm=None, clip_value=None):
    if clip_value is not None:
        torch.nn.utils.clip_grad_value_(leaves, clip_value)
    if clip_norm is not None:
        # PyTorch adds 1e-6 to the norm that it divides by; a larger bound undoes it.
        norm = torch.linalg.vector_norm(torch.cat([leaf.grad.ravel() for leaf in leaves])).item()
        torch.nn.utils.clip_grad_norm_(leaves, clip_norm * (norm + 1e-6) / norm)
        assert norm > clip_norm


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_updates_are_those_of_pytorch(rng, kind, weighted, penalty, bounds):
    ours = {"sgd": cyprop.SGD(0.1, momentum=0.9), "adamw": cyprop.AdamW(0.01, weight_decay=0.1)}
    net = cyprop.Network(
        SIZES, "tanh", "identity", optimizer=ours[kind], dtype="float64", seed=2, **penalty
    )
    weights, biases = copied(net)
    leaves = [*weights, *biases]
    if kind == "sgd":
        optimizer = torch.optim.SGD(leaves, lr=0.1, momentum=0.9)
    else:
        groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0}]
        optimizer = torch.optim.AdamW(groups, lr=0.01)
    X, Y = rng.normal(size=(UPDATES * 8, 7)), rng.normal(size=(UPDATES * 8, 4))
    w = rng.random(len(X)) * (rng.random(len(X)) < 0.7) if weighted else None
    losses = []
    for start in range(0, len(X), 8):
        rows = slice(start, start + 8)
        optimizer.zero_grad()
        own = None if w is None else w[rows]
        C = cost(weights, biases, X[rows], Y[rows], own, penalty)
        C.backward()
        clip(leaves, **bounds)
        optimizer.step()
        losses.append(C.item() * (8 if own is None else own.sum()))
    history = net.fit(X, Y, 1, 8, shuffle=False, sample_weight=w, **bounds)
    total = len(X) if w is None else w.sum()
    assert history.loss[0] == pytest.approx(sum(losses) / total, rel=1e-11)
    for mine, theirs in zip([*net.weights, *net.biases], leaves, strict=True):
        expected = theirs.detach().numpy()
        assert np.abs(mine - expected).max() <= TOLERANCE * np.abs(expected).max()
