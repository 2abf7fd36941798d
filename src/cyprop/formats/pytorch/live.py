"""A live model of PyTorch: read by the names of its classes, without importing PyTorch.

A Sequential, nested or not, of Linear layers, activations, Dropout, BatchNorm1d, Flatten and
Identity. It is read as it predicts, in evaluation mode, so dropout vanishes and a BatchNorm1d uses
its running mean and variance. A module that is a class of the user's may compute anything, so it is
refused, and so is one with hooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import class_of, shown
from cyprop.formats.chain import Builder, Chain
from cyprop.formats.pytorch.activations import CLASSES, of_module

Array = npt.NDArray[Any]

PASSED_OVER = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "Identity")
MOST_MODULES = 4096
HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def chain_of(module: Any) -> Chain:
    """The chain that a module computes in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Sequential or torch.nn.Linear
        Its weights stay where they are, and may be shared with the chain.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError
        If it is not a module of PyTorch.
    ValueError
        If it is no chain; the message names the module.

    Notes
    -----
    A Softplus is the identity above its threshold, 20; here it is not, and differs by 2e-9 there.
    Thread-safety: any number of threads at once, while nobody changes the module.
    """
    if not any(
        _is_of_torch(base) and base.__name__ == "Module" for base in class_of(module).__mro__
    ):
        raise TypeError(f"module is {shown(module)}, expected a torch.nn.Sequential")
    builder = Builder(ValueError)
    for name, part in _flat(module, "", 0):
        _add(builder, part, f"the module {type(part).__name__} {name!r}", not name)
    return builder.finish()


def _is_of_torch(kind: type) -> bool:
    """Whether a class is one of PyTorch's own modules."""
    return kind.__module__.split(".")[:2] == ["torch", "nn"]


def _flat(module: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The modules inside, in their order, without the Sequentials around them."""
    own = class_of(module)
    if own.__name__ != "Sequential" or not _is_of_torch(own):
        yield name, module
        return
    if depth > 50:
        raise ValueError("module is nested more than 50 deep, expected a chain")
    _check_hooks(module, f"the module Sequential {name!r}")
    for key, part in module.named_children():
        yield from _flat(part, f"{name}.{key}" if name else str(key), depth + 1)


def _check_hooks(module: Any, what: str) -> None:
    if any(getattr(module, hooks, None) for hooks in HOOKS):
        raise ValueError(f"{what} has hooks, which may compute anything")


def _add(builder: Builder, module: Any, what: str, alone: bool) -> None:
    """Tell a Builder what one module computes."""
    kind = type(module).__name__
    own = class_of(module)
    known = (*PASSED_OVER, "Linear", "BatchNorm1d", "Flatten", *CLASSES)
    if not _is_of_torch(own) or kind not in known:
        raise ValueError(
            f"{what} may compute anything, expected a torch.nn.Sequential of"
            f" {', '.join(sorted(known))}"
            + ("; cyprop.load reads its state_dict, if that is a chain" if alone else "")
        )
    _check_hooks(module, what)
    if kind in PASSED_OVER:
        return
    if kind == "Flatten":
        if (module.start_dim, module.end_dim) != (1, -1):
            raise ValueError(f"{what} leaves more than rows of columns, expected start_dim=1")
    elif kind == "Linear":
        bias = None if module.bias is None else _array(module.bias)
        builder.affine(_array(module.weight).T, bias, what)
    elif kind == "BatchNorm1d":
        builder.scale(*_scale_of(module, what), what, fold=True)
    else:
        rule = of_module(module, ValueError)
        if rule is not None:
            builder.activation(rule, what)


def _scale_of(module: Any, what: str) -> tuple[Array, Array]:
    """What a BatchNorm1d multiplies each column by, and adds then."""
    if module.running_mean is None or module.running_var is None:
        raise ValueError(f"{what} has no running mean and variance, expected track_running_stats")
    mean, variance = (
        _array(part).astype(float) for part in (module.running_mean, module.running_var)
    )
    with np.errstate(all="ignore"):
        factor = 1 / np.sqrt(variance + module.eps)
        factor = factor if module.weight is None else factor * _array(module.weight)
        shift = -mean * factor
        return factor, shift if module.bias is None else shift + _array(module.bias)


def _array(tensor: Any) -> Array:
    """A tensor as NumPy has it; bfloat16 as float32."""
    tensor = tensor.detach().cpu()
    found: Array = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    return found
