"""What a user has `fit` do between epochs."""

from __future__ import annotations

from typing import Any

from cyprop.checks.numbers import is_sequence, shown
from cyprop.engine.team import dismiss

METHODS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")


class Callback:
    """What `fit` calls, if it is among its ``callbacks``.

    Any object with one of these methods will do.

    A method may raise `StopTraining`: then `fit` ends well. Any other exception goes on to the
    caller of `fit`, and the network is as the last complete update left it.

    Notes
    -----
    Thread-safety: `fit` calls them in its own thread, between two updates, and holds no lock: they
    may use the network, and change it.

    Examples
    --------
    >>> import cyprop
    >>> class Below(cyprop.Callback):
    ...     def __init__(self, goal):
    ...         self.goal = goal
    ...     def on_epoch_end(self, epoch, logs):
    ...         if logs["loss"] < self.goal:
    ...             raise cyprop.StopTraining
    >>> net = cyprop.Network([1, 4, 1], "tanh", optimizer="adam")
    >>> len(net.fit([[0.0], [1.0]], [[0.0], [1.0]], epochs=1000, callbacks=[Below(0.1)])) < 1000
    True
    """

    def on_train_begin(self) -> None:
        """The first epoch comes next; or, from a checkpoint, the one where it went on."""

    def on_train_end(self) -> None:
        """The training has ended well, by its last epoch, early stopping or `StopTraining`."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        """An epoch begins, counted from 0; logs has nothing yet.

        It is not called again where a checkpoint goes on in the midst of an epoch.
        """

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """An epoch has ended; logs has the latest entry of each list in the History."""


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """The callbacks that a user gave, one or a sequence of them.

    Raises
    ------
    TypeError
        If one is a class, has no method that is ever called, or one of another name that would not
        be.
    """
    if callbacks is None:
        return ()
    entries = tuple(callbacks) if is_sequence(callbacks) else (callbacks,)
    for i, callback in enumerate(entries):
        _check(callback, f"callbacks[{i}]" if is_sequence(callbacks) else "callbacks")
    return entries


def _check(callback: Any, name: str) -> None:
    if isinstance(callback, type):
        raise TypeError(f"{name} is the class {callback.__name__}, expected an object made of it")
    found = [key for key in dir(callback) if key.startswith("on_")]
    unknown = [key for key in found if key not in METHODS]
    if unknown:
        raise TypeError(
            f"{name} has {unknown[0]}, which is never called; called are {', '.join(METHODS)}"
        )
    if not found:
        raise TypeError(
            f"{name} is {shown(callback)}, expected an object with one of {', '.join(METHODS)}"
        )


def call(callbacks: tuple[Any, ...], method: str, *arguments: Any) -> None:
    """Call a method of those that have it, in order.

    A StopIteration becomes the cause of a RuntimeError, or loops further up would end by it. A
    callback may fork, so no thread of a team is left meanwhile.
    """
    if callbacks:
        dismiss()
    for callback in callbacks:
        function = getattr(callback, method, None)
        if function is None:
            continue
        try:
            function(*arguments)
        except StopIteration as error:
            raise RuntimeError(f"{method} of {shown(callback)} raised StopIteration") from error
