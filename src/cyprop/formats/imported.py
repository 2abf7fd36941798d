"""What a reader found: layers, and what stands around them; and the network that they become."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from cyprop.checks.maps import Map
from cyprop.checks.names import Names, checked_labels, checked_names
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.errors import FormatError
from cyprop.rules import Activation, Loss, LossName, Optimizer, OptimizerName
from cyprop.settings import Settings, checked_dtype

Array = npt.NDArray[Any]
N = TypeVar("N", bound=Engine)

# The loss that an output was made for; that of any other is mse.
LOSSES: dict[str, LossName] = {
    "softmax": "cross_entropy",
    "log_softmax": "cross_entropy",
    "sigmoid": "binary_cross_entropy",
}


class Layer(NamedTuple):
    """A = f(A_prev · W + b)."""

    W: Array  # (n_in, n_out)
    b: Array  # (n_out,)
    activation: Activation


class Chain(NamedTuple):
    """What a reader found; the arrays of its layers may be views of the file, and read-only.

    Attributes
    ----------
    layers : tuple of Layer
        At least one.
    dtype : numpy.dtype
        float32 or float64, that of all weights and biases.
    inputs, outputs : Map or None
        (x − offset)·scale of each column in front of the first layer, and behind the last.
    input_names, output_names : tuple of str, or None
        One for each column.
    labels : tuple, or None
        The classes, one for each output, or two if there is one output.
    """

    layers: tuple[Layer, ...]
    dtype: np.dtype[Any]
    inputs: Map | None = None
    outputs: Map | None = None
    input_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None
    labels: tuple[Any, ...] | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, inputs first."""
        return (len(self.layers[0].W), *(len(layer.b) for layer in self.layers))

    def network(
        self,
        cls: type[N],
        *,
        loss: LossName | Loss | None = None,
        dtype: npt.DTypeLike | None = None,
        optimizer: OptimizerName | Optimizer | None = None,
    ) -> N:
        """A network with these weights, which can learn at once.

        Parameters
        ----------
        cls : type
            Network or a subclass, whose own constructor is not called.
        loss : str or Loss, optional
            By default cross_entropy behind a softmax or a log_softmax, binary_cross_entropy behind
            a sigmoid, and mse behind anything else.
        dtype : "float32" or "float64", optional
            By default that of the file, whose weights then keep their bits.
        optimizer : str or Optimizer, optional
            By default that of Network.

        Returns
        -------
        Network

        Raises
        ------
        TypeError, ValueError
            If an argument is not one of the above, the loss does not go with the outputs, or a
            weight is too large for the dtype, or, as a FormatError, the network cannot have the
            maps, names or labels.
        """
        return network_of(self, cls, loss, dtype, optimizer)


def network_of(
    chain: Chain,
    cls: type[N],
    loss: LossName | Loss | None,
    dtype: npt.DTypeLike | None,
    optimizer: OptimizerName | Optimizer | None,
) -> N:
    """What `Chain.network` says."""
    *hidden, output = (layer.activation for layer in chain.layers)
    settings = Settings(
        chain.sizes,
        hidden,
        output,
        _loss_of(chain) if loss is None else loss,
        optimizer,
        chain.dtype if dtype is None else checked_dtype(dtype),
    )
    network = memory.make(cls, settings)
    memory.set_rng(network, np.random.Generator(np.random.PCG64(0)))  # as of a new one
    for layer, W, b in zip(chain.layers, *memory.arrays(network), strict=True):
        _put(W, layer.W)
        _put(b, layer.b)
    put_around(network, chain)
    return network


def _put(target: Array, source: Array) -> None:
    """Copy an array, rounded to the dtype of the target; ValueError if it overflows there."""
    with np.errstate(over="ignore", under="ignore"):
        target[...] = source
    if target.dtype != source.dtype and (np.isinf(target) > np.isinf(source)).any():
        largest = abs(source[np.isfinite(source)]).max()
        raise ValueError(f"a weight or bias is {largest}, expected what {target.dtype} can hold")


def put_around(network: Engine, chain: Chain) -> None:
    """Give a network the maps, names and labels of a chain."""
    inputs, outputs = chain.inputs, chain.outputs
    try:
        with np.errstate(over="ignore", under="ignore"):
            if inputs is not None or outputs is not None:
                maps.set_maps(network, inputs, outputs)
        settings = memory.settings_of(network)
        names = Names(
            checked_names(chain.input_names, "input_names", settings.sizes[0]),
            checked_names(chain.output_names, "output_names", settings.sizes[-1]),
            checked_labels(chain.labels, settings),
        )
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
    maps.set_names(network, maps.names_of(network), names)


def _loss_of(chain: Chain) -> LossName:
    """The loss that belongs to the outputs."""
    output = chain.layers[-1].activation.name
    one_of_several = output == "sigmoid" and chain.sizes[-1] > 1 and chain.labels is not None
    if chain.outputs is not None or one_of_several:  # of which no loss of classes is
        return "mse"
    return LOSSES.get(output, "mse")
