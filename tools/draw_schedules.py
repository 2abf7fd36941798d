"""Draw docs/schedules.png: rates, and what they do to a training on the digits.

python tools/draw_schedules.py [PATH]     # needs matplotlib
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import cyprop
from cyprop.datasets import digits, held_out

PATH = Path(__file__).parents[1] / "docs" / "schedules.png"
N = 200
EPOCHS = 20
SCHEDULES = {
    "Constant()": (cyprop.Constant(), "#9a958a"),
    "Step(50, 0.5)": (cyprop.Step(50, 0.5), "#3d6ea5"),
    "Cosine(warmup=0.1)": (cyprop.Cosine(warmup=0.1), "#2f9e77"),
    "OneCycle()": (cyprop.OneCycle(), "#c8442d"),
    "InverseScaling()": (cyprop.InverseScaling(), "#d9822b"),
}
TRAINED = ("Constant()", "Cosine(warmup=0.1)", "OneCycle()")


def losses(schedule: cyprop.Schedule) -> list[float]:
    """The loss on unseen digits after each epoch."""
    pixels, labels = digits()
    X, Y = pixels / 16, np.eye(10)[labels]
    test = held_out(len(X), 0.2, labels=labels)
    net = cyprop.Network([64, 32, 10], "relu", loss="cross_entropy", optimizer=cyprop.Adam(0.03))
    history = net.fit(
        X[~test], Y[~test], epochs=EPOCHS, schedule=schedule, validation_data=(X[test], Y[test])
    )
    return history.validation_loss


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for label, (schedule, colour) in SCHEDULES.items():
        left.plot(schedule.rates(N, 1.0), color=colour, label=label, drawstyle="steps-post")
        if label in TRAINED:
            right.plot(range(1, EPOCHS + 1), losses(schedule), color=colour)
    left.set(title="rate, as a share of the optimizer's", xlabel=f"update of {N}")
    right.set(title="digits, Adam(0.03): loss on unseen rows", xlabel="epoch", ylim=(0, 0.4))
    right.set_xticks([1, 5, 10, 15, 20])
    figure.legend(loc="outside lower center", ncols=len(SCHEDULES), frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
