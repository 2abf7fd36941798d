"""Inputs and outputs as they come: the methods that Network inherits for maps, names and labels.

The arithmetic of maps is in engine/maps.pyx.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.checks.arrays import matrix
from cyprop.checks.maps import Map, Maps, hard_to_tell_apart
from cyprop.checks.names import checked_labels, checked_names, n_classes
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.engine.finite import place_of_nonfinite

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.arrays import Array
    from cyprop.checks.names import Label

AT_ONCE = 1 << 20  # numbers of data that are in float64 at a time


class Mapping(Engine):
    """The part of a network that takes and gives things as they come; make a Network instead."""

    @property
    def input_map(self) -> Map | None:
        """What each input goes through before the first layer: (x − offset)·scale; None: nothing.

        A pair of read-only arrays, ``offset`` and ``scale``, (n_in,) each, of the network's dtype.
        It is set to a pair of arrays or numbers, a number standing for all columns, or to None. All
        that takes inputs then takes them as they come, and derivatives by inputs are by those.

        Thread-safety: any number of threads may get or set it; setting it waits its turn. It may be
        set while compiled code predicts, which then finds part of the old map and part of the new.
        """
        return maps.maps_of(self).inputs

    @input_map.setter
    def input_map(self, value: tuple[npt.ArrayLike, npt.ArrayLike] | None) -> None:
        maps.set_maps(self, inputs=value)

    @property
    def output_map(self) -> Map | None:
        """What the last layer's A goes through: a prediction is (A − offset)·scale; None: A itself.

        As `input_map`, with n_out columns and no scale of 0. Targets are then such as predictions
        are; the loss compares A with Y / scale + offset, and so is in units of A. The first
        n_targets columns count for targets. There is no such map with loss "cross_entropy".

        Thread-safety: as `input_map`.
        """
        return maps.maps_of(self).outputs

    @output_map.setter
    def output_map(self, value: tuple[npt.ArrayLike, npt.ArrayLike] | None) -> None:
        maps.set_maps(self, outputs=value)

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """What the inputs are called, in order; None by default. Any sequence of texts may be set.

        Thread-safety: any number of threads may get or set it.
        """
        return maps.names_of(self).inputs

    @input_names.setter
    def input_names(self, value: Sequence[str] | None) -> None:
        n_in = memory.settings_of(self).sizes[0]
        _rename(self, inputs=checked_names(value, "input_names", n_in))

    @property
    def output_names(self) -> tuple[str, ...] | None:
        """What the outputs are called, as `input_names`.

        Thread-safety: any number of threads may get or set it.
        """
        return maps.names_of(self).outputs

    @output_names.setter
    def output_names(self, value: Sequence[str] | None) -> None:
        n_out = memory.settings_of(self).sizes[-1]
        _rename(self, outputs=checked_names(value, "output_names", n_out))

    @property
    def labels(self) -> tuple[Label, ...] | None:
        """What `classify` calls the classes, in the order of the outputs; None: by their numbers.

        One text, number, True or False for each output, or two where one sigmoid output tells two
        classes apart. Targets are numbers of classes as ever. Where a row may be of several
        classes, with loss "binary_cross_entropy", they are names that `classify` does not use.

        Thread-safety: any number of threads may get or set it.
        """
        return maps.names_of(self).labels

    @labels.setter
    def labels(self, value: Sequence[Label] | npt.NDArray[Any] | None) -> None:
        _rename(self, labels=checked_labels(value, memory.settings_of(self)))

    def scale_inputs(self, X: npt.ArrayLike) -> None:
        """Set `input_map` so that each column of X gets the mean 0 and the standard deviation 1.

        Parameters
        ----------
        X : array_like, (n, n_in)
            The data that the network learns from. Means and deviations (of n, not n − 1) are taken
            in float64.

        Raises
        ------
        TypeError, ValueError
            If X is not real numbers of that shape, has no rows, holds NaN or infinity, or a column
            is such that the network's dtype cannot hold its mean or the inverse of its deviation.

        Notes
        -----
        A column that is the same in every row gets the scale 1, so that it becomes 0, and whatever
        else it holds later counts as it is. A map that the network has already is replaced, and X
        is not seen through it.
        Thread-safety: any number of threads at once; it waits its turn.

        Examples
        --------
        >>> import numpy as np, cyprop
        >>> net = cyprop.Network([2, 3, 1])
        >>> net.scale_inputs(np.array([[1.0, 7.0], [5.0, 7.0]]))
        >>> net.input_map.offset.tolist(), net.input_map.scale.tolist()
        ([3.0, 7.0], [0.5, 1.0])
        """
        settings = memory.settings_of(self)
        single = isinstance(X, np.ndarray) and X.dtype == np.float32
        with np.errstate(over="ignore"):
            data = matrix(X, "X", settings.sizes[0], np.float32 if single else np.float64)
        place = place_of_nonfinite(data)
        if place is not None:
            raise ValueError(
                f"X holds {data[place]} at row {place[0]}, column {place[1]}, expected finite"
                " numbers"
            )
        mean, deviation = mean_and_deviation(data)
        with np.errstate(over="ignore"):
            scale = 1 / deviation
        maps.set_maps(self, inputs=(mean, scale))

    def fold_scaling(self) -> tuple[str | int, ...]:
        """Take the maps into the weights and biases, and have none from then on.

        Predictions stay the same but for rounding. The input map goes into the first layer; the
        output map into the last where its activation is the identity, and else it stays. Each
        weight and bias is computed in float64 and rounded once. The optimizer's state starts
        afresh.

        Returns
        -------
        tuple
            The columns whose values the network's dtype cannot tell apart well without the map,
            since their mean is so much larger than they vary, or their numbers are extreme: their
            names, or their numbers where there are no names. Empty if all is well.

        Raises
        ------
        ValueError
            If a weight or bias would not be finite; the network is unchanged.

        Notes
        -----
        Thread-safety: any number of threads at once; it waits its turn.

        Examples
        --------
        >>> import numpy as np, cyprop
        >>> net = cyprop.Network([2, 3, 1], "tanh")
        >>> net.input_map = [0.5, 2e6], [4, 1]
        >>> before = net.predict([0.25, 2e6])
        >>> net.fold_scaling()
        (1,)
        >>> net.input_map is None
        True
        """
        while True:
            before = maps.maps_of(self)
            is_plain = memory.settings_of(self).activation_names[-1] == "identity"
            inputs, outputs = before.inputs, before.outputs if is_plain else None
            if inputs is None and outputs is None:
                return ()
            after = Maps(None, None if is_plain else before.outputs)
            if maps.fold(self, before, _in_float64(inputs), _in_float64(outputs), after):
                return () if inputs is None else self._hard_columns(inputs)

    def _hard_columns(self, inputs: Map) -> tuple[str | int, ...]:
        offset, scale = (np.asarray(part, np.float64) for part in inputs)
        deviation = np.full(len(scale), np.inf)
        np.divide(1, np.abs(scale), out=deviation, where=scale != 0)
        hard = hard_to_tell_apart(offset, deviation, memory.settings_of(self).dtype.name)
        names = self.input_names
        return tuple(int(k) if names is None else names[int(k)] for k in np.flatnonzero(hard))

    def classify(self, X: npt.ArrayLike, n_threads: int = 1) -> Any:
        """The class of one sample, or of each row of a batch.

        Parameters
        ----------
        X : array_like, (n_in,) or (n, n_in)
        n_threads : int, default 1
            As in `predict`.

        Returns
        -------
        ndarray, (n,), or one entry of such an array for one sample
            `labels`, as an array of them; without labels the numbers of the classes. The class is
            that of the largest output, the first of several; with one output it is the second of
            two where the prediction is above 0.5.

        Raises
        ------
        TypeError, ValueError
            As `predict`; and ValueError if the outputs tell no classes apart, or are NaN.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.

        Examples
        --------
        >>> import cyprop
        >>> net = cyprop.Network([2, 8, 3], "tanh", loss="cross_entropy")
        >>> net.labels = ["setosa", "versicolor", "virginica"]
        >>> str(net.classify([0.5, 0.25])) in net.labels
        True
        """
        n = n_classes(memory.settings_of(self), "classify")
        A = self.predict(X, None, n_threads)
        if np.isnan(A).any():
            row = int(np.isnan(A).reshape(-1, A.shape[-1]).any(axis=1).argmax())
            raise ValueError(f"the outputs of row {row} are NaN, which is no class")
        numbers: Any = A.argmax(axis=-1) if A.shape[-1] == n else (A[..., 0] > 0.5).astype(np.intp)
        labels = self.labels
        return numbers if labels is None else array_of_labels(labels)[numbers]


def _rename(network: Engine, **changes: Any) -> None:
    """Change some names, which have been checked, and keep what others change meanwhile."""
    while True:
        before = maps.names_of(network)
        if maps.set_names(network, before, before._replace(**changes)):
            return


def _in_float64(pair: Map | None) -> Array | None:
    return None if pair is None else np.array(pair, np.float64)


def mean_and_deviation(X: Array) -> tuple[Array, Array]:
    """Of each column, in float64, some rows at a time; the deviation of a constant column is 1."""
    rows = max(1, AT_ONCE // X.shape[1])
    pieces = [slice(start, start + rows) for start in range(0, len(X), rows)]
    low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    peak = np.maximum(np.abs(low), np.abs(high))
    peak[peak == 0] = 1.0  # squares of the largest and smallest numbers then stay finite
    mean = sum((X[piece] / peak).sum(axis=0) for piece in pieces) / len(X)
    squares = sum(np.square(X[piece] / peak - mean).sum(axis=0) for piece in pieces)
    mean, deviation = mean * peak, np.sqrt(squares / len(X)) * peak
    constant = low == high
    mean[constant], deviation[constant] = low[constant], 1.0
    return mean, deviation


def array_of_labels(labels: tuple[Label, ...]) -> Array:
    """Labels as an array: of one kind, or of objects where they are of several."""
    if len({type(label) for label in labels}) == 1:
        return np.array(labels)
    found = np.empty(len(labels), object)
    found[:] = labels
    return found


def shown_extras(network: Engine) -> str:
    """What stands behind a network's settings in its `repr`, of maps, names and labels."""
    found, names = maps.maps_of(network), maps.names_of(network)
    there = {
        "input map": found.inputs,
        "output map": found.outputs,
        "names of inputs": names.inputs,
        "names of outputs": names.outputs,
        "labels": names.labels,
    }
    return "".join(f", {what}" for what, value in there.items() if value is not None)
