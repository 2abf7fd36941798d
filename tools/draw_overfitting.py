"""Draw docs/overfitting.png: what dropout and l2 do where some of the labels are wrong.

python tools/draw_overfitting.py [PATH]     # needs matplotlib
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import cyprop
from cyprop.datasets import digits, held_out

PATH = Path(__file__).parents[1] / "docs" / "overfitting.png"
EPOCHS = 60
SHARE_WRONG = 0.2
NETWORKS = {
    "neither": ({}, "#9a958a"),
    "dropout=0.5": ({"dropout": 0.5}, "#c8442d"),
    "l2=0.01": ({"l2": 0.01}, "#3d6ea5"),
}


def curves(**extras: float) -> tuple[list[float], list[float]]:
    """After each epoch: the loss on the labels that were learned, and the share of unseen digits
    that are read right.
    """
    pixels, labels = digits()
    X = pixels / 16
    unseen = held_out(len(X), 0.5, labels=labels)
    rng = np.random.default_rng(0)
    is_wrong = rng.random(len(labels)) < SHARE_WRONG
    said = np.where(is_wrong, (labels + rng.integers(1, 10, len(labels))) % 10, labels)
    net = cyprop.Network(
        [64, 256, 10], "relu", loss="cross_entropy", optimizer=cyprop.Adam(0.003), **extras
    )
    losses, shares = [], []
    for _ in range(EPOCHS):
        net.fit(X[~unseen], said[~unseen], epochs=1)
        losses.append(net.evaluate(X[~unseen], said[~unseen]))
        answers = net.predict(X[unseen]).argmax(axis=1)
        shares.append(100 * float(np.mean(answers == labels[unseen])))
    return losses, shares


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for label, (extras, colour) in NETWORKS.items():
        losses, shares = curves(**extras)
        left.plot(range(1, EPOCHS + 1), losses, color=colour, label=label)
        right.plot(range(1, EPOCHS + 1), shares, color=colour)
        print(f"{label:12} {losses[-1]:.2f} {shares[-1]:.1f} %, at best {max(shares):.1f} %")
    left.set(title="loss on what is learned, a fifth of it wrong", xlabel="epoch", ylim=(0, 1.6))
    right.set(title="unseen digits read right, in %", xlabel="epoch", ylim=(80, 100))
    figure.legend(loc="outside lower center", ncols=len(NETWORKS), frameon=False, fontsize=8)
    for axes in (left, right):
        axes.set_xticks([1, 10, 20, 30, 40, 50, 60])
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
