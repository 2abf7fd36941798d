"""What `fit` saw, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cyprop._restore import restore


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

    Notes
    -----
    Thread-safety: that of its lists; `fit` does not touch it once it has ended.
    """

    loss: list[float] = field(default_factory=list[float])
    validation_loss: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        """The first and the last of each list in place of all, which would fill a screen."""
        found = [
            f"{name} {values[0]:.4g}" + (f" to {values[-1]:.4g}" if len(values) > 1 else "")
            for name, values in (("loss", self.loss), ("validation_loss", self.validation_loss))
            if values
        ]
        epochs = "1 epoch" if len(self) == 1 else f"{len(self)} epochs"
        losses = f": {', '.join(found)}" if found else ""
        return f"History({epochs} in {sum(self.seconds):.2g} s{losses})"

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("history", self.loss, self.validation_loss, self.seconds)
