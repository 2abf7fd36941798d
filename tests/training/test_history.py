"""What a History shows, gives and draws."""

import math
import pickle
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import cyprop
from cyprop.training.progress import epoch_lines

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    plt.close("all")


def history(n=7, rate=True):
    """Losses 1, 1/2, 1/4 …; validation is best in the third epoch."""
    epochs = np.arange(n)
    metrics = {
        "accuracy": (1 - 0.5**epochs).tolist(),
        "validation_accuracy": (0.75 - 0.5 ** (epochs + 1)).tolist(),
    }
    rates = (0.1 / (1 + epochs)).tolist() if rate else [0.1] * n
    validation = (1 + np.abs(epochs - 2.0)).tolist()
    return cyprop.History((0.5**epochs).tolist(), validation, [0.25] * n, rates, metrics)


SHOWN = """\
History of 7 epochs in 1.8 s
epoch     loss  validation_loss  accuracy  validation_accuracy  learning_rate
    3     0.25                1      0.75                0.625        0.03333
    4    0.125                2     0.875               0.6875          0.025
    5   0.0625                3    0.9375               0.7188           0.02
    6  0.03125                4    0.9688               0.7344        0.01667
    7  0.01562                5    0.9844               0.7422        0.01429"""


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (history(), SHOWN),
        (cyprop.History(), "History of 0 epochs"),
        (cyprop.History([9.5], [], [2]), "History of 1 epoch in 2 s\nepoch  loss\n    1   9.5"),
        (cyprop.History([0.5]), "History of 1 epoch in 0 s\nepoch  loss\n    1   0.5"),
        (
            cyprop.History([2.0, math.nan], [3.0], [60, 1e4]),
            "History of 2 epochs in 10,060 s\n"
            "epoch  loss  validation_loss\n    1     2                3\n    2   nan",
        ),
    ],
)  # fmt: skip
def test_the_last_epochs_are_shown(made, shown):
    assert repr(made) == shown


def test_columns_are_the_lists_that_are_not_empty():
    made = history()
    found = made.columns()
    names = ["loss", "validation_loss", "accuracy", "validation_accuracy", "learning_rate"]
    assert list(found) == [*names, "seconds"]
    assert found["accuracy"] is made.metrics["accuracy"]
    assert cyprop.History([1.0], [], [0.5]).columns() == {"loss": [1.0], "seconds": [0.5]}
    assert cyprop.History().columns() == {}


def test_a_frame_has_a_row_for_each_epoch():
    made = history()
    frame = made.to_frame()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert list(frame.columns) == list(made.columns())
    for name, values in made.columns().items():
        assert frame[name].tolist() == values
    assert frame.loc[3, "validation_loss"] == 1.0
    assert cyprop.History().to_frame().empty


# Pickles


def test_pickles_bring_everything_back():
    made = history()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(made, protocol))
        assert again == made
        assert again.metrics == made.metrics


def test_pickles_of_three_lists_load():
    made = cyprop.History([1.0, 0.5], [2.0, 1.5], [0.1, 0.2])
    old = pickle.loads(
        b"\x80\x02ccyprop._restore\nrestore\n(X\x07\x00\x00\x00history](G?\xf0\x00\x00\x00\x00\x00"
        b"\x00G?\xe0\x00\x00\x00\x00\x00\x00e](G@\x00\x00\x00\x00\x00\x00\x00G?\xf8\x00\x00\x00\x00"
        b"\x00\x00e](G?\xb9\x99\x99\x99\x99\x99\x9aG?\xc9\x99\x99\x99\x99\x99\x9aetR."
    )
    assert old == made
    state = {"loss": [1.0, 0.5], "validation_loss": [2.0, 1.5], "seconds": [0.1, 0.2]}
    older = cyprop.History.__new__(cyprop.History)  # as 0.1 had it
    older.__setstate__(state)
    assert older == made
    assert list(older.columns()) == list(made.columns())


# Pictures


def drawn(axes):
    """The lines of axes by their label: whole epochs, and values."""
    return {
        line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in axes.get_lines()
    }


def test_a_picture_has_every_list():
    made = history()
    losses, metrics, rate = made.plot()
    epochs = [1, 2, 3, 4, 5, 6, 7]
    found = drawn(losses)
    assert found["training"] == (epochs, made.loss)
    assert found["validation"] == (epochs, made.validation_loss)
    assert found["best: 1 in epoch 3"] == ([3], [1.0])
    assert drawn(metrics)["accuracy"] == (epochs, made.metrics["accuracy"])
    assert drawn(metrics)["validation accuracy"] == (epochs, made.metrics["validation_accuracy"])
    assert [values for _, values in drawn(rate).values()] == [made.learning_rate]
    assert losses.figure is metrics.figure is rate.figure
    assert rate.get_xlabel() == "epoch"


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1.0, 0.09], "log"), ([1.0, 0.11], "linear"), ([1.0, 0.0], "linear"), ([3.0, -1], "linear")],
)
def test_losses_of_more_than_a_decade_have_a_logarithmic_axis(values, scale):
    (axes,) = cyprop.History(values).plot(Figure().add_subplot())
    assert axes.get_yscale() == scale
    assert axes.get_ylim()[0] <= min(values)
    axes.figure.canvas.draw()


def test_a_rate_that_stays_is_not_drawn():
    assert len(history(rate=False).plot()) == 2
    assert len(cyprop.History([2.0, 1.0], [], [0.1] * 2, [0.1, 0.1]).plot()) == 1


def test_it_draws_where_it_is_told():
    figure = Figure()
    upper, lower = figure.subplots(2)
    assert history().plot(upper) == (upper,)
    assert "training" in drawn(upper)
    assert drawn(lower) == {}
    assert history().plot([upper, lower]) == (upper, lower)
    assert "accuracy" in drawn(lower)


@pytest.mark.parametrize("n", [1, 500])
def test_few_and_many_epochs_can_be_drawn(n):
    axes = history(n).plot()
    axes[0].figure.canvas.draw()
    assert len(axes) == (2 if n == 1 else 3)
    if n == 1:
        assert axes[0].get_xticks().tolist() == [1]


def test_epochs_without_a_number_are_never_the_best():
    made = cyprop.History([1.0] * 3, [math.nan, 3.0, 2.0])
    assert "best: 2 in epoch 3" in drawn(made.plot()[0])
    made = cyprop.History([1.0], [math.nan])
    assert list(drawn(made.plot()[0])) == ["training", "validation"]


def test_nothing_cannot_be_drawn():
    with pytest.raises(ValueError, match="the history has no epoch to plot"):
        cyprop.History().plot()


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'cyprop\[plot\]'"):
        history().plot()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'cyprop\[data\]'"):
        history().to_frame()


# Progress


def test_lines_have_the_last_of_every_list(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    made = history(2)
    assert list(epoch_lines(iter([made]), 9)) == [made]
    assert capsys.readouterr().err == (
        "epoch 2/9  loss 0.5  validation_loss 2  accuracy 0.5  validation_accuracy 0.5"
        "  learning_rate 0.05\n"
    )


def test_the_bar_has_the_last_of_every_list(capsys):
    made = history(2)
    assert list(epoch_lines(iter([made]), 9)) == [made]
    said = capsys.readouterr().err
    for text in ("loss=0.5", "validation_loss=2", "validation_accuracy=0.5", "learning_rate=0.05"):
        assert text in said
    assert "seconds" not in said
