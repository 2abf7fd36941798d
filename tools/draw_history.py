"""Draw docs/history.png, which is History.plot of a training that stops early.

python tools/draw_history.py [PATH]     # needs matplotlib
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import cyprop
from cyprop.datasets import digits

PATH = Path(__file__).parents[1] / "docs" / "history.png"


def history() -> cyprop.History:
    """What docs/training.md does under "When to stop"."""
    pixels, labels = digits()
    net = cyprop.Network(
        [64, 64, 10], "relu", loss="cross_entropy", dropout=0.2, optimizer=cyprop.Adam(0.003)
    )
    return net.fit(
        pixels / 16,
        labels,
        epochs=200,
        validation_split=0.2,
        metrics="accuracy",
        early_stopping=cyprop.EarlyStopping(patience=15),
        schedule=cyprop.ReduceOnPlateau(0.3, patience=5, monitor="validation_loss"),
    )


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    matplotlib.use("Agg")
    found = history()
    print(found)
    found.plot()[0].figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
