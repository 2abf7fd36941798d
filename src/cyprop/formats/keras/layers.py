"""What layers of Keras compute, by the names of their classes and their configurations.

The formulas are those of Keras 3: its ε of BatchNormalization is 1e-3 unless the configuration says
another, its leaky_relu as a function has a slope of 0.2, LeakyReLU as a layer 0.3 (0.01 here), and
Normalization is y = (x − mean)/max(√variance, 1e-7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cyprop.activations import CELU, ELU, LeakyReLU
from cyprop.checks.numbers import is_dict, is_list
from cyprop.errors import FormatError
from cyprop.formats.bounded_json import said
from cyprop.formats.chain import Builder
from cyprop.rules import Activation

Array = npt.NDArray[Any]

LEAST_DEVIATION = 1e-7  # of Normalization

FUNCTIONS: dict[str, Activation] = {
    "celu": CELU(1.0),
    "elu": ELU(1.0),
    "exponential": Activation("exponential"),
    "gelu": Activation("gelu"),
    "hard_sigmoid": Activation("hard_sigmoid"),
    "hard_silu": Activation("hard_swish"),
    "hard_swish": Activation("hard_swish"),
    "hard_tanh": Activation("hard_tanh"),
    "leaky_relu": LeakyReLU(0.2),
    "linear": Activation("identity"),
    "log_sigmoid": Activation("log_sigmoid"),
    "log_softmax": Activation("log_softmax"),
    "mish": Activation("mish"),
    "relu": Activation("relu"),
    "relu6": Activation("relu6"),
    "selu": Activation("selu"),
    "sigmoid": Activation("sigmoid"),
    "silu": Activation("silu"),
    "softmax": Activation("softmax"),
    "softplus": Activation("softplus"),
    "softsign": Activation("softsign"),
    "swish": Activation("silu"),
    "tanh": Activation("tanh"),
}
# Of these the outputs of a prediction are the inputs.
PASSED_OVER = (
    *("InputLayer", "Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
    *("ActivityRegularization", "Identity"),
)
DTYPES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")


class KerasLayer(NamedTuple):
    """A layer as a configuration has it, and its arrays.

    `weights` is called for them when they are needed.
    """

    kind: str  # the name of its class
    name: str
    config: dict[str, Any]
    weights: Callable[[], Sequence[Array]]

    @property
    def what(self) -> str:
        """How messages name it."""
        return f"the layer {self.kind} {self.name[:80]!r}"


def add(builder: Builder, layer: KerasLayer, version: str) -> None:
    """Tell a Builder what a layer computes.

    Parameters
    ----------
    builder : Builder
    layer : KerasLayer
    version : str
        Of Keras.

    Raises
    ------
    FormatError
        If it is none of those that can be here.
    """
    if layer.kind in PASSED_OVER:
        return
    reader = LAYERS.get(layer.kind)
    if reader is None:
        known = ", ".join(sorted([*LAYERS, *PASSED_OVER, "Flatten"]))
        raise FormatError(f"{layer.what} cannot be part of a chain; known are {known}")
    reader(builder, layer, version)


def activation_of(value: Any, version: str, what: str) -> Activation:
    """The activation that a configuration names, or describes."""
    if value is None:
        return Activation("identity")
    if is_dict(value):
        config = value.get("config")
        if value.get("class_name") == "function" and isinstance(config, str):
            if value.get("registered_name") not in (None, config):
                raise FormatError(f"{what} has the custom activation {said(config)}")
            value = config
        elif is_dict(config) and value.get("class_name") in OBJECTS:
            return OBJECTS[value["class_name"]](config, f"the activation of {what}")
    if not isinstance(value, str) or value not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        raise FormatError(
            f"{what} has the activation {said(value)}, which is not to be had here; known are"
            f" {known}"
        )
    if value == "hard_sigmoid" and not _is_3(version):
        raise FormatError(
            f"{what} has the hard_sigmoid of Keras {said(version)}, clip(0.2·x + 0.5),"
            " which is not to be had here"
        )
    return FUNCTIONS[value]


def _is_3(version: str) -> bool:
    return version.split(".")[0].isdigit() and int(version.split(".")[0][:4]) >= 3


# Layers with numbers


def _dense(builder: Builder, layer: KerasLayer, version: str) -> None:
    config = layer.config
    for key in ("lora_rank", "lora_enabled", "quantization_mode", "quantization_config"):
        if config.get(key):
            raise FormatError(f"{layer.what} has {key}, expected plain weights")
    _check_dtype(layer)
    W, b = _weights_and_biases(layer)
    builder.affine(W, b, layer.what)
    activation = activation_of(config.get("activation"), version, layer.what)
    builder.activation(activation, f"the activation of {layer.what}")


def _batch_normalization(builder: Builder, layer: KerasLayer, version: str) -> None:
    config = layer.config
    if _one(config.get("axis", -1)) not in (-1, 1) or config.get("renorm"):
        raise FormatError(f"{layer.what} is not of the columns, expected axis=-1 and no renorm")
    _check_dtype(layer)
    scaled, centred = _switch(layer, "scale", True), _switch(layer, "center", True)
    arrays = [array.astype(np.float64) for array in _all(layer, 2 + scaled + centred)]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1 or builder.n_columns and shapes != {(builder.n_columns,)}:
        raise FormatError(f"{layer.what} has not one number for each column in all its arrays")
    gamma = arrays.pop(0) if scaled else np.ones(())
    beta = arrays.pop(0) if centred else np.zeros(())
    mean, variance = arrays
    with np.errstate(all="ignore"):
        factor = gamma / np.sqrt(variance + _number(layer, "epsilon", 1e-3))
        builder.scale(factor, beta - mean * factor, layer.what, fold=True)


def _normalization(builder: Builder, layer: KerasLayer, version: str) -> None:
    config = layer.config
    if _one(config.get("axis", -1)) not in (-1, 1, None, []):
        raise FormatError(f"{layer.what} is not of the columns, expected axis=-1 or None")
    if config.get("mean") is not None:
        mean, variance = (_numbers(layer, key) for key in ("mean", "variance"))
    else:
        mean, variance, *_ = _all(layer, 2, at_most=3)
    mean = np.asarray(mean, np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        deviation = np.sqrt(np.asarray(variance, np.float64)).reshape(-1)
        deviation = np.maximum(deviation, LEAST_DEVIATION)
        mean, deviation = (part[0] if part.size == 1 else part for part in (mean, deviation))
        if _switch(layer, "invert", False):
            builder.scale(deviation, mean, layer.what)
            return
        builder.scale(1.0, -mean, layer.what)
        builder.scale(1 / deviation, 0.0, layer.what)


def _rescaling(builder: Builder, layer: KerasLayer, version: str) -> None:
    scale, offset = _numbers(layer, "scale"), _numbers(layer, "offset")
    builder.scale(scale, offset, layer.what)


# Activations that are layers


def _activation(builder: Builder, layer: KerasLayer, version: str) -> None:
    found = activation_of(layer.config.get("activation"), version, layer.what)
    builder.activation(found, layer.what)


def _relu(config: dict[str, Any], what: str) -> Activation:
    most, slope = config.get("max_value"), config.get("negative_slope") or 0
    if config.get("threshold"):
        raise FormatError(f"{what} has a threshold, expected 0")
    if most is None:
        return LeakyReLU(_positive(slope, what)) if slope else Activation("relu")
    if most != 6 or slope:
        raise FormatError(f"{what} ends at {said(most)}, expected no end, or 6")
    return Activation("relu6")


def _leaky_relu(config: dict[str, Any], what: str) -> Activation:
    slope = config.get("negative_slope", config.get("alpha", 0.3))
    return LeakyReLU(0.0 if _one(slope) == 0 else _positive(_one(slope), what))


def _elu(config: dict[str, Any], what: str) -> Activation:
    return ELU(_positive(_one(config.get("alpha", 1.0)), what))


def _softmax(config: dict[str, Any], what: str) -> Activation:
    if _one(config.get("axis", -1)) not in (-1, 1):
        raise FormatError(f"{what} is not over the columns, expected axis=-1")
    return Activation("softmax")


OBJECTS: dict[str, Callable[[dict[str, Any], str], Activation]] = {
    "ELU": _elu,
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "Softmax": _softmax,
}


def _object(builder: Builder, layer: KerasLayer, version: str) -> None:
    builder.activation(OBJECTS[layer.kind](layer.config, layer.what), layer.what)


LAYERS: dict[str, Callable[[Builder, KerasLayer, str], None]] = {
    "Activation": _activation,
    "BatchNormalization": _batch_normalization,
    "Dense": _dense,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    **dict.fromkeys(OBJECTS, _object),
}


# What stands in a configuration


def _check_dtype(layer: KerasLayer) -> None:
    """Refuse a layer that computes in another dtype than its weights have, or in no known one."""
    dtype: Any = layer.config.get("dtype", "float32")
    while is_dict(dtype):
        if dtype.get("class_name") not in (None, "DTypePolicy", "Policy"):
            raise FormatError(f"{layer.what} has a {said(dtype.get('class_name'))}")
        inside = dtype.get("config")
        dtype = inside.get("name") if is_dict(inside) else None
    if dtype not in DTYPES:
        raise FormatError(f"{layer.what} is of {said(dtype)}, expected one of {', '.join(DTYPES)}")


def _one(value: Any) -> Any:
    """The only entry of a list, or what is not a list; what Keras 2 wrote as an array, too."""
    if is_dict(value) and value.get("type") == "ndarray":
        value = value.get("value")
    while is_list(value) and len(value) == 1:
        value = value[0]
    return value


def _switch(layer: KerasLayer, key: str, default: bool) -> bool:
    value = layer.config.get(key, default)
    if not isinstance(value, bool):
        raise FormatError(f"{layer.what} has {key}={said(value)}, expected true or false")
    return value


def _number(layer: KerasLayer, key: str, default: float) -> float:
    return _positive(layer.config.get(key, default), f"{key} of {layer.what}")


def _positive(value: Any, what: str) -> float:
    """A number that float32 holds, and its inverse too."""
    if type(value) not in (int, float) or not 1e-30 < value < 1e30:
        raise FormatError(f"{what} has {said(value)}, expected a number above 0")
    return float(value)


def _numbers(layer: KerasLayer, key: str) -> Array:
    """A number, or a list of them, of a configuration."""
    value = _one(layer.config.get(key))
    entries = value if is_list(value) else [value]
    if not entries or not all(type(entry) in (int, float) for entry in entries):
        raise FormatError(f"{layer.what} has no numbers as {key}")
    try:
        found = np.array(entries, np.float64)
    except OverflowError:
        raise FormatError(f"{layer.what} has a {key} that is too large") from None
    return found if is_list(value) else found[0]


def _all(layer: KerasLayer, n: int, at_most: int | None = None) -> Sequence[Array]:
    """The arrays of a layer, of one dimension, n of them."""
    found = layer.weights()
    if not n <= len(found) <= (at_most or n):
        raise FormatError(f"{layer.what} has {len(found)} arrays, expected {n}")
    if any(array.ndim > 1 or array.dtype.kind != "f" for array in found[:n]):
        raise FormatError(f"{layer.what} has arrays that are not rows of numbers")
    return found


def _weights_and_biases(layer: KerasLayer) -> tuple[Array, Array | None]:
    """The kernel of a Dense layer, (n_in, n_out), and its biases if it has some."""
    found = layer.weights()
    n = 1 + _switch(layer, "use_bias", True)
    if len(found) != n:
        raise FormatError(f"{layer.what} has {len(found)} arrays, expected {n}")
    units = layer.config.get("units")
    if found[0].ndim != 2 or found[0].shape[1] != units:
        raise FormatError(
            f"{layer.what} has weights of shape {found[0].shape}, expected (n_in, {said(units)})"
        )
    if n == 2 and found[1].shape != found[0].shape[1:]:
        raise FormatError(
            f"{layer.what} has biases of shape {found[1].shape}, expected ({said(units)},)"
        )
    return found[0], found[1] if n == 2 else None
