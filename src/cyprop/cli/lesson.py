"""A table made ready to learn from, and the learning, a line for each epoch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.errors import DivergenceError
from cyprop.network import Network
from cyprop.rules import Optimizer
from cyprop.tables.encoding import Encoding, choose
from cyprop.tables.scaling import Scaling, fold
from cyprop.tables.scores import held_out
from cyprop.tables.table import Table
from cyprop.training import fit as training
from cyprop.training.history import History

Array = npt.NDArray[Any]

LAST_EPOCHS, LAST_RATE = 5, 0.1  # the last fifth of the epochs, at a tenth of the learning rate


@dataclass(frozen=True)
class Lesson:
    """What there is to learn, and what is held out.

    Attributes
    ----------
    table : Table
    encoding : Encoding
    reason : str
        Why it is a classification, or a regression.
    held : ndarray of bool, (n,)
        True for the rows that are held out.
    X, Y : ndarray of float64, (n, n_in) and (n, n_out)
        The raw inputs and targets.
    inputs : Scaling
    outputs : Scaling or None
        None for classes. Both scalings are those of the rows that are not held out.
    """

    table: Table
    encoding: Encoding
    reason: str
    held: Array
    X: Array
    Y: Array
    inputs: Scaling
    outputs: Scaling | None

    @property
    def hard_in_float32(self) -> list[str]:
        """The columns whose values float32 cannot tell apart."""
        hard = self.inputs.hard_in_float32()
        names = [name for name, yes in zip(self.encoding.names, hard, strict=True) if yes]
        if self.outputs is not None and self.outputs.hard_in_float32().any():
            names.append(self.encoding.target)
        return names

    def fold(self, network: Network) -> Network:
        """The trained network as one that takes raw columns and answers in the target's units."""
        return fold(network, self.inputs, self.outputs)


def prepare(
    table: Table,
    target: str,
    task: str | None,
    drop: Collection[str],
    fraction: float,
    seed: int,
    dtype: str | None,
) -> Lesson:
    """Choose the columns and the rows to hold out; ValueError if the table does not suit."""
    encoding, reason = choose(table, target, task, drop)
    held = held_out(table, encoding, fraction, seed)
    X = encoding.encode(table, dtype or "float64")
    Y = encoding.encode_target(table)
    inputs = Scaling.of(X[~held], table.one_unit)
    outputs = Scaling.of(Y[~held]) if encoding.classes is None else None
    if outputs is not None and not np.isfinite(outputs.scale).all():
        raise ValueError(
            f"column {target!r} is the same in every row that is not held out: nothing to learn"
        )
    return Lesson(table, encoding, reason, held, X, Y, inputs, outputs)


def learn(network: Network, lesson: Lesson, n_epochs: int, batch_size: int) -> History:
    """Train on the scaled rows that are not held out, printing a line for each epoch."""
    held, outputs = lesson.held, lesson.outputs
    X = lesson.inputs.apply(lesson.X).astype(network.dtype)
    Y = (lesson.Y if outputs is None else outputs.apply(lesson.Y)).astype(network.dtype)
    X_held, Y_held = X[held], Y[held]
    validation = (X_held, Y_held) if held.any() else None
    digits = max(len(str(n_epochs)), 2)
    header = f"\n{'epoch':>{2 * digits + 1}}  {'loss':>9}"
    if validation:
        header += f"  {'held-out loss':>13}  {'accuracy' if outputs is None else 'RMS error':>9}"
    print(header, flush=True)
    history = History()
    for history in _steps(network, X[~held], Y[~held], n_epochs, batch_size, validation):
        line = f"{len(history):>{digits}}/{n_epochs:<{digits}}  {history.loss[-1]:9.5f}"
        if validation:
            line += f"  {history.validation_loss[-1]:13.5f}"
            if outputs is None:
                right = network.predict(X_held).argmax(axis=1) == Y_held.argmax(axis=1)
                line += f"  {right.mean():9.1%}"
            else:
                line += f"  {np.sqrt(history.validation_loss[-1]) * outputs.scale[0]:9.4g}"
        print(line, flush=True)
    return history


def _steps(
    network: Network,
    X: Array,
    Y: Array,
    n_epochs: int,
    batch_size: int,
    validation: tuple[Array, Array] | None,
) -> Iterator[History]:
    """All epochs; the last of them slower, so that less hangs on the rows that came last."""
    history = History()
    optimizer = network.optimizer
    slow = n_epochs // LAST_EPOCHS
    for part in filter(None, (n_epochs - slow, slow)):
        before = len(history)
        if before:
            network.optimizer = _slower(optimizer)
        steps = training.epochs(
            network, X, Y, n_epochs=part, batch_size=batch_size, validation_data=validation
        )
        try:
            for seen in steps:
                history.loss.append(seen.loss[-1])
                history.validation_loss += seen.validation_loss[-1:]
                history.seconds.append(seen.seconds[-1])
                yield history
        except DivergenceError as error:
            raise DivergenceError(before + error.epoch, error.batch) from None
    network.optimizer = optimizer  # which a saved network names


def _slower(optimizer: Optimizer) -> Optimizer:
    rate = optimizer.learning_rate * LAST_RATE
    return optimizer.with_hyperparameters(learning_rate=rate)
