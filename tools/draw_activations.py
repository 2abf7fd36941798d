"""Draw docs/activations.png: every activation that has a curve, and its derivative.

python tools/draw_activations.py [PATH]     # needs matplotlib
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cyprop.kernels import activation

PATH = Path(__file__).parents[1] / "docs" / "activations.png"
COLUMNS = 5


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    names = [name for name in activation.names() if not activation.couples_units(name)]
    n_lines = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(9, 1.75 * n_lines), layout="constrained")
    Z = np.linspace(-4.5, 7.5, 1201).reshape(1, -1)
    A, slope = np.empty_like(Z), np.empty_like(Z)
    for axes, name in zip(figure.subplots(n_lines, COLUMNS).flat, names, strict=False):
        activation.forward(name, Z, A)
        activation.backward(name, Z, A, np.ones_like(Z), slope)
        axes.axhline(0, color="#d8d4cb", linewidth=0.8)
        axes.axvline(0, color="#d8d4cb", linewidth=0.8)
        axes.plot(Z[0], slope[0], color="#d9822b", linewidth=1)
        axes.plot(Z[0], A[0], color="#3d6ea5")
        axes.set(ylim=(-2.3, 7), xticks=[-4, 0, 4], yticks=[-2, 0, 2, 4, 6])
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in figure.axes[len(names) :]:
        axes.set_axis_off()
    figure.legend(
        figure.axes[0].lines[:1:-1],
        ["A", "dA/dZ"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=8,
    )
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
