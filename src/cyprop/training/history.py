"""What `fit` saw, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cyprop._restore import restore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

LAST_SHOWN = 5  # epochs


@dataclass(repr=False)
class History:
    """What `fit` saw, one entry an epoch.

    Attributes
    ----------
    loss : list of float
        Mean over the rows of the loss before the update of their batch.
    validation_loss : list of float
        Mean loss on the validation data after the epoch; empty without validation data.
    seconds : list of float
        Duration of the epoch's training, validation not included.
    learning_rate : list of float
        That of the epoch's last update.
    metrics : dict of str to list of float
        Of each metric that was asked for, by name, such as "accuracy" and, on the validation data,
        "validation_accuracy".
    left_out : dict of int to tuple of int
        Of `cyprop.dask.fit` with ``on_lost="skip"``, whose epochs are rounds: which partitions a
        round went without, both counted from 0; rounds that had all are not in it.

    Notes
    -----
    Thread-safety: that of its lists; `fit` does not touch it once it has ended.
    """

    loss: list[float] = field(default_factory=list[float])
    validation_loss: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])
    learning_rate: list[float] = field(default_factory=list[float])
    metrics: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    left_out: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])

    def columns(self) -> dict[str, list[float]]:
        """All lists that are not empty, by name: the losses, the metrics, the rate, the seconds.

        Returns
        -------
        dict of str to list of float
            The lists themselves, which are not copied.

        Notes
        -----
        Thread-safety: as the class.
        """
        every = {
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            **self.metrics,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }
        return {name: values for name, values in every.items() if values}

    def add(self, entries: dict[str, float]) -> None:
        """Add a number to each list of these names; those that are no attribute's are metrics.

        Notes
        -----
        Thread-safety: one thread.
        """
        own: dict[str, Any] = {**vars(self), "metrics": None, "left_out": None}
        for name, value in entries.items():
            column: list[float] | None = own.get(name)
            if column is None:
                column = self.metrics.setdefault(name, [])
            column.append(value)

    def extend(self, columns: dict[str, list[float]]) -> None:
        """Add to the lists of these names; those that are no attribute's are metrics.

        Notes
        -----
        Thread-safety: one thread.
        """
        others = ("metrics", "left_out")
        own: dict[str, list[float]] = {
            key: column for key, column in vars(self).items() if key not in others
        }
        for name, values in columns.items():
            column = own[name] if name in own else self.metrics.setdefault(name, [])
            column += values

    def plot(self, axes: Axes | Sequence[Axes] | None = None) -> tuple[Axes, ...]:
        """Draw the losses over the epochs; below them the metrics, and a rate that changes.

        The axis of the losses is logarithmic where all are above 0 and they span more than a factor
        of ten. The epoch with the lowest validation loss is marked.

        Parameters
        ----------
        axes : matplotlib Axes, or a sequence of them, optional
            Where to draw the losses, the metrics and the rate, in this order; what there are no
            axes for is left out. By default a new figure of pyplot has axes for all of them.

        Returns
        -------
        tuple of matplotlib Axes
            Those that were drawn on; the figure is ``.figure`` of each.

        Raises
        ------
        ImportError
            If matplotlib is missing; the message says how to get it.
        ValueError
            If there is no epoch to draw.

        Notes
        -----
        Thread-safety: one thread at a time, as pyplot.
        """
        from cyprop.training.pictures import plot  # which not every program needs

        return plot(self.columns(), axes)

    def to_frame(self) -> DataFrame:
        """A pandas frame with a row for each epoch, counted from 1.

        Returns
        -------
        pandas.DataFrame
            Its columns are those of `columns`; its index is named "epoch".

        Raises
        ------
        ImportError
            If pandas is missing; the message says how to get it.

        Notes
        -----
        Thread-safety: as the class.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "to_frame needs pandas, which is not installed: pip install 'cyprop[data]'"
            ) from None
        epochs = pandas.RangeIndex(1, len(self) + 1, name="epoch")
        return pandas.DataFrame(self.columns(), index=epochs)

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        """How many epochs there are, and a table of the last of them."""
        epochs = "1 epoch" if len(self) == 1 else f"{len(self)} epochs"
        title = f"History of {epochs}"
        if not len(self):
            return title
        without = [
            f"round {number} went without partitions {', '.join(map(str, partitions))}"
            for number, partitions in sorted(self.left_out.items())[-LAST_SHOWN:]
        ]
        return "\n".join([f"{title} in {_duration(sum(self.seconds))}", *self._table(), *without])

    def _table(self) -> list[str]:
        """A line of names, and one for each of the last epochs; as wide as it must be."""
        shown = range(max(len(self) - LAST_SHOWN, 0), len(self))
        columns = [["epoch", *(str(epoch + 1) for epoch in shown)]]
        for name, values in self.columns().items():
            if name != "seconds":  # whose sum is in the title
                texts = [f"{values[epoch]:.4g}" if epoch < len(values) else "" for epoch in shown]
                columns.append([name, *texts])
        widths = [max(map(len, column)) for column in columns]
        return [
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in zip(*columns, strict=True)
        ]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickles of 0.1 have a dict of the first three lists, and nothing of the others."""
        vars(self).update({**vars(History()), **state})

    def __reduce__(self) -> tuple[Any, ...]:
        lists = self.loss, self.validation_loss, self.seconds, self.learning_rate, self.metrics
        more = (self.left_out,) if self.left_out else ()  # which 0.2.0 did not know
        return restore, ("history", *lists, *more)


def _duration(seconds: float) -> str:
    """Seconds as people read them: two digits, or all before the point."""
    return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:,.0f} s"
