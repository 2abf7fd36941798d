"""A network from elsewhere: affine maps, each with an activation, and what stands around them.

Each reader tells a Builder what it meets, from the inputs to the outputs, and gets a Chain. A scale
in front of the first layer, or behind the last, stays a map of its own, so that the weights keep
their bits, unless the reader says that it folds. Anywhere else it folds into the layer beside it:
back into one without an activation, else forward into the next. Each weight is then computed in
float64 from those in the file, and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import Map
from cyprop.errors import FormatError
from cyprop.formats.imported import Chain, Layer
from cyprop.formats.maps import NOTHING, Scaling, folded, widened
from cyprop.kernels import activation as activations
from cyprop.rules import Activation

__all__ = ["Builder", "Chain", "Layer"]

Array = npt.NDArray[Any]

MAX_LAYERS = 1000
ROOM = 1 << 16  # parameters of layers that a file does not have itself, such as a scale on its own


class _Raw:
    """A layer as the file has it, and what is to be folded into it."""

    def __init__(self, W: Array, b: Array, front: Scaling, what: str) -> None:
        self.W, self.b, self.what = W, b, what
        self.is_bare = False  # it came without biases
        self.front: Scaling = front
        self.behind: Scaling = NOTHING
        self.activation: Activation | None = None


class Builder:
    """Puts a Chain together from what a reader meets on the way from the inputs to the outputs.

    Parameters
    ----------
    refused : callable, default FormatError
        Makes the exception for a sentence.
    room : int, optional
        How many weights and biases there can be: as many as the file has numbers.

    Notes
    -----
    `what` names, in all methods, where the reader is: "the node Gemm 'fc1'".
    Thread-safety: of one thread.
    """

    def __init__(
        self, refused: Callable[[str], Exception] = FormatError, room: int | None = None
    ) -> None:
        self._refused = refused
        self.room = room
        self._layers: list[_Raw] = []
        self._inputs: Scaling = NOTHING
        # Scales that wait for what comes behind them: those that fold, and those that may become
        # a map, which stand in front of the others until there is a layer, and then behind them.
        self._folding: Scaling = NOTHING
        self._kept: Scaling = NOTHING

    @property
    def n_columns(self) -> int | None:
        """How many numbers a row has here; None in front of the first layer."""
        return len(self._layers[-1].b) if self._layers else None

    @property
    def is_open(self) -> bool:
        """Whether the last step was an affine map, or a scale of one: no activation has come."""
        return bool(self._layers) and self._layers[-1].activation is None

    @property
    def is_wide(self) -> bool:
        """Whether a weight or a bias is a float64, as all of the chain are then."""
        return any(8 in (raw.W.dtype.itemsize, raw.b.dtype.itemsize) for raw in self._layers)

    def affine(self, W: Array, b: Array | None, what: str) -> None:
        """A layer of weights (n_in, n_out) and biases (n_out,), one for all outputs, or none.

        They are of float16, float32 or float64, or uint16, which are the bits of bfloat16.
        """
        bare = b is None
        W, b = self._checked(W, b, what, self.n_columns)
        if not self._layers:
            self._inputs, front = self._kept, self._folding
            if not self._inputs.is_map:
                self._inputs, front = NOTHING, self._inputs.then_all_of(front)
        elif self.is_open:
            self._fold_back()
            self._layers[-1].activation = Activation("identity")
            front = NOTHING
        else:
            front = self._folding.then_all_of(self._kept)
        self._folding = self._kept = NOTHING
        for scaling in (front,) if self._layers else (self._inputs, front):
            self._check_columns(scaling, len(W), what)
        self._append(_Raw(W, b, front, what))
        self._layers[-1].is_bare = bare

    def bias(self, b: Array, what: str) -> bool:
        """Biases of a layer that came without any; whether that is what was before."""
        if not (self.is_open and self._layers[-1].is_bare and self._kept.does_nothing):
            return False
        if not self._folding.does_nothing:
            return False
        last = self._layers[-1]
        _, last.b = self._checked(last.W, b, what, last.W.shape[0])
        last.is_bare = False
        return True

    def scale(self, factor: Any, shift: Any, what: str, fold: bool = False) -> None:
        """x·factor + shift of each column; numbers, or one for each.

        With fold=True it folds into a layer, or becomes one, where it could be a map of its own.
        """
        factor, shift = np.asarray(factor, np.float64), np.asarray(shift, np.float64)
        if factor.ndim > 1 or shift.ndim > 1:
            raise self._refused(f"{what} has a number for each element, expected one a column")
        if not (np.isfinite(factor).all() and np.isfinite(shift).all()):
            raise self._refused(f"{what} has numbers that are not finite")
        if not self.is_open and self._layers and self._couples_units():
            self._refuse_behind_softmax(what)
        given = (factor.size, shift.size, self._folding.n_columns, self._kept.n_columns)
        sizes: set[int] = {size for size in (*given, self.n_columns or 1) if size != 1}
        if self.n_columns == 1 and sizes or 0 in sizes or len(sizes) > 1:
            raise self._refused(
                f"{what} has {max(factor.size, shift.size)} numbers, expected one, or one for each"
                f" of the {self.n_columns or max(sizes)} columns"
            )
        with np.errstate(all="ignore"):
            if not fold and (self._layers or self._folding.does_nothing):
                self._kept = self._kept.then(factor, shift)
            elif self._layers:
                self._folding = self._folding.then_all_of(self._kept).then(factor, shift)
                self._kept = NOTHING
            else:
                self._folding = self._folding.then(factor, shift)

    def activation(self, rule: Activation, what: str) -> None:
        """An activation behind an affine map."""
        if rule.name == "identity":
            return
        if not self._layers:
            raise self._refused(f"{what} comes before the first layer, expected a layer first")
        if not self.is_open:
            if self._folding.does_nothing and self._kept.does_nothing:
                raise self._refused(
                    f"{what} follows another activation, expected one behind each layer"
                )
            self._layer_of_a_scale(what)
        self._fold_back()
        self._layers[-1].activation = rule
        if activations.couples_units(rule.name):
            self._layers[-1].what = what

    def select(self, columns: slice | Sequence[int] | npt.NDArray[Any], what: str) -> None:
        """Some of the columns, each at most once; the others are dropped with their weights."""
        n_columns = self.n_columns
        if n_columns is None:
            raise self._refused(f"{what} chooses among the inputs, expected all of them")
        if not self.is_open and self._couples_units():
            self._refuse_behind_softmax(what)
        if isinstance(columns, slice):
            chosen: Any = columns
            n_chosen = len(range(n_columns)[columns])
        else:
            chosen = np.asarray(columns).astype(np.intp)
            n_chosen = chosen.size
            if ((chosen < -n_columns) | (chosen >= n_columns)).any() or len(
                np.unique(chosen % n_columns)
            ) != n_chosen:
                raise self._refused(
                    f"{what} chooses columns that are not there, or one twice, of {n_columns}"
                )
        if n_chosen == 0:
            raise self._refused(f"{what} chooses no column")
        last = self._layers[-1]
        last.W, last.b = last.W[:, chosen], last.b[chosen]
        last.behind = last.behind.of_columns(chosen)
        self._folding, self._kept = (
            scaling.of_columns(chosen) for scaling in (self._folding, self._kept)
        )

    def finish(
        self,
        input_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        labels: Sequence[Any] | None = None,
    ) -> Chain:
        """The chain; the Builder is not used after that."""
        if not self._layers:
            raise self._refused("it has no layer, expected at least one affine map")
        outputs = self._close()
        self._check_room()
        dtype = np.dtype(np.float64 if self.is_wide else np.float32)
        layers: list[Layer] = []
        for raw in self._layers:
            W, b = folded(raw.W, raw.b, raw.front, raw.behind, dtype)
            if not raw.front.does_nothing or not raw.behind.does_nothing:
                self._check_finite(raw, W, b, dtype)
            layers.append(Layer(W, b, raw.activation or Activation("identity")))
        n_in, n_out = len(layers[0].W), len(layers[-1].b)
        for names, n, which in ((input_names, n_in, "inputs"), (output_names, n_out, "outputs")):
            if names is not None and len(names) != n:
                raise self._refused(f"it has {len(names)} names for {n} {which}")
        if labels is not None and len(labels) != max(n_out, 2):
            raise self._refused(f"it has {len(labels)} classes for {n_out} outputs")
        return Chain(
            tuple(layers),
            dtype,
            self._inputs.as_map(n_in),
            outputs,
            None if input_names is None else tuple(input_names),
            None if output_names is None else tuple(output_names),
            None if labels is None else tuple(labels),
        )

    def _close(self) -> Map | None:
        """End the last layer; what becomes a map of the outputs."""
        kept, self._kept = self._kept, NOTHING
        if not kept.is_map:
            self._folding, kept = self._folding.then_all_of(kept), NOTHING
        if self.is_open:
            self._fold_back()
        elif not self._folding.does_nothing:
            self._layer_of_a_scale("the scale behind the last layer")
        return kept.as_map(len(self._layers[-1].b))

    def _fold_back(self) -> None:
        """Fold what waits into the layer that has no activation yet."""
        last = self._layers[-1]
        last.behind = last.behind.then_all_of(self._folding).then_all_of(self._kept)
        self._folding = self._kept = NOTHING

    def _layer_of_a_scale(self, what: str) -> None:
        """One more layer, of the scale that waits, behind an activation."""
        n = len(self._layers[-1].b)
        if n * n > ROOM and (self.room is None or n * n > self.room):
            raise self._refused(f"{what} would take a layer of {n} by {n} weights")
        dtype = np.float64 if self.is_wide else np.float32
        scaling = self._folding.then_all_of(self._kept)
        self._folding = self._kept = NOTHING
        self._append(_Raw(np.eye(n, dtype=dtype), np.zeros(n, dtype), scaling, what))

    def _append(self, raw: _Raw) -> None:
        if len(self._layers) >= MAX_LAYERS:
            raise self._refused(f"it has more than {MAX_LAYERS} layers")
        self._layers.append(raw)

    def _couples_units(self) -> bool:
        rule = self._layers[-1].activation
        return rule is not None and activations.couples_units(rule.name)

    def _refuse_behind_softmax(self, what: str) -> None:
        raise self._refused(
            f"{what} follows {self._layers[-1].what}, expected nothing behind a softmax"
        )

    def _checked(
        self, W: Array, b: Array | None, what: str, n_columns: int | None
    ) -> tuple[Array, Array]:
        """The weights and biases, in float32 or float64, if they are a layer that fits here."""
        if W.ndim != 2 or 0 in W.shape:
            raise self._refused(f"{what} has weights of shape {W.shape}, expected (n_in, n_out)")
        W, n_out = self._of_floats(W, what), int(W.shape[1])
        if self._layers and not self.is_open and self._couples_units():
            self._refuse_behind_softmax(what)
        if n_columns not in (None, len(W)):
            raise self._refused(
                f"{what} takes {len(W)} columns, and what comes before it has {n_columns}"
            )
        if b is None:
            return W, np.zeros(n_out, np.result_type(W.dtype, np.float32))
        biases = self._of_floats(b, what)
        if biases.size != 1 and biases.shape != (n_out,):
            raise self._refused(f"{what} has biases of shape {b.shape}, expected ({n_out},)")
        if biases.shape != (n_out,):
            biases = np.resize(biases, n_out)
        return W, biases

    def _of_floats(self, array: Array, what: str) -> Array:
        """The array, if it has numbers that a layer can have; they are widened at the end."""
        if array.dtype.kind != "f" and array.dtype != np.uint16:
            raise self._refused(f"{what} has numbers of {array.dtype}, expected float32 or float64")
        return array

    def _check_columns(self, scaling: Scaling, n_columns: int, what: str) -> None:
        if scaling.n_columns not in (1, n_columns):
            raise self._refused(
                f"{what} takes {n_columns} columns, and the scale before it has {scaling.n_columns}"
            )

    def _check_room(self) -> None:
        if self.room is None:
            return
        sizes = [len(self._layers[0].W), *(len(raw.b) for raw in self._layers)]
        n = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
        if n > self.room + ROOM:
            raise self._refused(
                f"its layers have {n} weights, more than the {self.room} numbers that are in it"
            )

    def _check_finite(self, raw: _Raw, W: Array, b: Array, dtype: np.dtype[Any]) -> None:
        """Refuse a layer of finite numbers that folding makes infinite."""
        before = np.isfinite(widened(raw.W)).all() and np.isfinite(widened(raw.b)).all()
        if before and not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise self._refused(f"{raw.what} cannot be scaled: its weights overflow in {dtype}")
