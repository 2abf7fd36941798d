"""Draw docs/online.png: the faded prequential score on a stream with a drift.

python tools/draw_online.py [PATH]     # needs matplotlib
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import cyprop

PATH = Path(__file__).parents[1] / "docs" / "online.png"
N = 20_000
FADING = 0.99
NOISE = 0.05
Way = tuple[cyprop.Optimizer, Callable[[int], float] | None, str]
WAYS: dict[str, Way] = {
    "AdaGrad(0.01)": (cyprop.AdaGrad(0.01), None, "#9a958a"),
    "SGD, rate 0.5 / √i": (cyprop.SGD(0.5), lambda i: 0.5 / i**0.5, "#d9822b"),
    "SGD(0.05)": (cyprop.SGD(0.05), None, "#3d6ea5"),
    "Adam(0.003)": (cyprop.Adam(0.003), None, "#c8442d"),
}


def cart(n: int, seed: int = 0) -> Iterator[tuple[Any, Any]]:
    """The stream of docs/online.md."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        friction = 0.2 if i < n / 2 else 0.8
        speed, force = rng.uniform(-1, 1, 2)
        acceleration = force - friction * np.tanh(5 * speed) + rng.normal(0, NOISE)
        yield np.array([speed, force]), np.array([acceleration])


def scores(optimizer: cyprop.Optimizer, rate: Callable[[int], float] | None) -> list[float]:
    """The root of the faded score after each row."""
    net = cyprop.Network([2, 16, 1], "tanh", optimizer=optimizer)
    total = weight = 0.0
    found = []
    for i, (x, y) in enumerate(cart(N), 1):
        if rate is not None:
            net.learning_rate = rate(i)
        total = net.learn_one(x, y) + FADING * total
        weight = 1 + FADING * weight
        found.append((total / weight) ** 0.5)
    return found


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    for label, (optimizer, rate, colour) in WAYS.items():
        axes.plot(range(1, N + 1), scores(optimizer, rate), color=colour, label=label, lw=1)
    axes.axhline(NOISE, color="#000000", lw=0.8, ls=":")
    axes.text(N, NOISE - 0.008, "the stream's noise", ha="right", va="top", fontsize=8)
    axes.axvline(N / 2, color="#000000", lw=0.8, ls=":")
    axes.text(N / 2 - 150, 0.37, "the ground becomes rough", ha="right", va="top", fontsize=8)
    axes.set(
        title=f"root of the prequential squared error, fading {FADING}",
        xlabel="row",
        xlim=(0, N),
        ylim=(0, 0.45),
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(WAYS), frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
