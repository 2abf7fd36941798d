"""What `fit` saw, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cyprop._restore import restore


@dataclass
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

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("history", self.loss, self.validation_loss, self.seconds)
