"""A training of MNIST as the suite `mnist` asks for it, in PyTorch on one thread."""

import time
from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)


def train(
    sizes: tuple[int, ...],
    images: tuple[Any, Any, Any, Any],
    *,
    learning_rate: float,
    weight_decay: float,
    dropout: float,
    label_smoothing: float,
    epochs: int,
    batch_size: int,
    seed: int,
) -> tuple[float, list[float]]:
    """Test accuracy in per cent, and the seconds of each epoch.

    Hidden layers are relu. The weights start as cyprop's do, and its fused AdamW decays them alone.
    """
    torch.manual_seed(seed)
    X, Y, X_test, labels = images
    rows, classes = torch.from_numpy(X), torch.from_numpy(Y.argmax(axis=1))
    net = network(sizes, dropout)
    weights = [parameter for parameter in net.parameters() if parameter.ndim == 2]
    biases = [parameter for parameter in net.parameters() if parameter.ndim == 1]
    groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)
    n_updates = epochs * -(-len(X) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=n_updates, cycle_momentum=False
    )
    cost = torch.nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    seconds = []
    for _ in range(epochs):
        order = torch.randperm(len(X))
        started = time.perf_counter()
        for batch in order.split(batch_size):
            optimizer.zero_grad(set_to_none=True)
            cost(net(rows[batch]), classes[batch]).backward()
            optimizer.step()
            schedule.step()
        seconds.append(time.perf_counter() - started)
    net.eval()
    with torch.inference_mode():
        answers = net(torch.from_numpy(X_test)).argmax(dim=1).numpy()
    return float(100 * np.mean(answers == labels)), seconds


def network(sizes: tuple[int, ...], dropout: float) -> torch.nn.Sequential:
    """The layers, of which the last gives logits."""
    parts: list[torch.nn.Module] = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        linear = torch.nn.Linear(n_in, n_out)
        torch.nn.init.kaiming_normal_(linear.weight)
        parts += [linear, torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    linear = torch.nn.Linear(*sizes[-2:])
    torch.nn.init.xavier_uniform_(linear.weight)
    net = torch.nn.Sequential(*parts, linear)
    for part in net:
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.zeros_(part.bias)
    return net
