"""What cyprop raises besides Python's own exceptions."""

from __future__ import annotations

from typing import Any


class FormatError(ValueError):
    """A file is not what `Network.save` writes."""


class DivergenceError(ArithmeticError):
    """The loss, or a parameter, stopped being finite while training.

    Attributes
    ----------
    epoch, batch : int
        Where, counted from 0.
    """

    def __init__(self, epoch: int, batch: int, what: str = "the loss") -> None:
        super().__init__(
            f"{what} became non-finite in epoch {epoch}, batch {batch} (counted from 0);"
            " the network keeps the weights of the last finite epoch;"
            " a smaller learning rate may help"
        )
        self.epoch = epoch
        self.batch = batch
        self._what = what

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.epoch, self.batch, self._what)
