"""Targets and outputs as metrics take them: as numbers, classes, scores or probabilities."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cyprop.training.classes import telling

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.settings import Settings


class Reading:
    """Targets Y and outputs A of one network, read in each way once, when that is asked for.

    Notes
    -----
    Thread-safety: it belongs to one thread.
    """

    def __init__(self, Y: Array, A: Array, settings: Settings) -> None:
        self._given = Y, A
        self._settings = settings
        self._how = telling(settings)
        self._is_log = settings.activation_names[-1] == "log_softmax"

    @cached_property
    def targets(self) -> Array:
        """Y, of float64."""
        return np.asarray(self._given[0], np.float64)

    @cached_property
    def outputs(self) -> Array:
        """A, of float64."""
        return np.asarray(self._given[1], np.float64)

    @cached_property
    def numbers(self) -> Array:
        """What targets are compared with: means without variances, probabilities of classes."""
        means: Array = self.outputs[:, : self._settings.n_targets]
        classes = self._settings.loss.name == "cross_entropy"
        return np.exp(means) if classes and self._is_log else means

    @cached_property
    def labels(self) -> Array:
        """The class of each row, (n,); or bool, (n, k), which labels it has."""
        return self._classes(self.targets)

    @cached_property
    def predicted(self) -> Array:
        """The same of the outputs."""
        return self._classes(self.outputs)

    def _classes(self, values: Array) -> Array:
        if self._how == "columns":
            best: Array = values.argmax(axis=1)
            return best
        return values > 0.5 if self._how == "labels" else (values[:, 0] > 0.5).astype(np.intp)

    @cached_property
    def scores(self) -> Array:
        """A score of each class or label, (n, k); of two classes that of class 1 alone, (n,)."""
        if self._how == "labels" or self.outputs.shape[1] > 2:
            return self.outputs
        return self.outputs[:, -1]

    @cached_property
    def scores_of_all(self) -> Array:
        """A score of each class, (n, classes)."""
        if self._how == "columns":
            return self.outputs
        hit = self.predicted[:, np.newaxis]
        return np.hstack([1 - hit, hit])  # a row at 0.5 is of class 0, as everywhere

    @cached_property
    def n_classes(self) -> int:
        """How many classes or labels there are; one output tells two classes apart."""
        return max(self._settings.sizes[-1], 2)

    @cached_property
    def probabilities(self) -> Array:
        """Of each class or label, (n, k); of one output, which tells two classes apart, (n,)."""
        given = self.scores if self._how == "one" else self.outputs
        return np.exp(given) if self._is_log else given
