"""What cyprop raises besides Python's own exceptions."""

from __future__ import annotations

from typing import Any


class FormatError(ValueError):
    """A file is damaged, or holds no network that can be read."""


class DivergenceError(ArithmeticError):
    """The loss, or a parameter, stopped being finite while training.

    Attributes
    ----------
    epoch, batch : int
        Where, counted from 0.
    history : History or None
        The epochs before; None if a version before 0.2 made the error.
    """

    # A history is Any here, since this room lies below that of training.
    def __init__(self, epoch: int, batch: int, what: str = "the loss", history: Any = None) -> None:
        # An update that would make a parameter infinite is not made.
        became = "would have become" if what == "a parameter" else "became"
        kept = "those of the last finite epoch" if epoch else "as before the training"
        advice = "a smaller learning rate may help"
        if (epoch, batch, what) == (0, 0, "the loss"):  # which is that of the initial weights
            advice = "no update was made: the numbers in X, Y or the weights are too large"
        super().__init__(
            f"{what} {became} non-finite in epoch {epoch}, batch {batch} (counted from 0);"
            f" the weights are {kept}; {advice}"
        )
        self.epoch = epoch
        self.batch = batch
        self.history = history
        self._what = what

    @property
    def what(self) -> str:
        """What is not finite, in words."""
        return self._what

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.epoch, self.batch, self._what, self.history)
