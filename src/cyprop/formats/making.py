"""A network of what a reader found, which can learn at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from cyprop.engine import memory
from cyprop.engine.engine import Engine
from cyprop.rules import Loss, LossName, Optimizer, OptimizerName
from cyprop.settings import Settings, checked_dtype

if TYPE_CHECKING:
    from cyprop.formats.chain import Chain

Array = npt.NDArray[Any]
N = TypeVar("N", bound=Engine)

# The loss that an output was made for; that of any other is mse.
LOSSES: dict[str, LossName] = {
    "softmax": "cross_entropy",
    "log_softmax": "cross_entropy",
    "sigmoid": "binary_cross_entropy",
}


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
        LOSSES.get(output.name, "mse") if loss is None else loss,
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
    if chain.inputs is not None or chain.outputs is not None:
        raise ValueError("it scales its inputs or outputs, which a network cannot do yet")
