"""A live model of Keras, 2 or 3: read by its own configuration, without importing Keras."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import class_of, is_dict, is_sequence, shown
from cyprop.errors import FormatError
from cyprop.formats.chain import Chain
from cyprop.formats.keras import config as keras_config
from cyprop.formats.keras import files as keras
from cyprop.formats.keras.config import Entry

LIBRARIES = ("keras", "tf_keras", "tensorflow")


def chain_of(model: Any, output: str | None = None) -> Chain:
    """The chain that a model computes when it predicts.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
    output : str, optional
        The name of the layer that the outputs come from, if the model has several outputs.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError
        If it is not a model of Keras.
    ValueError
        If it is no chain, or a class of the user's; the message names the layer.

    Notes
    -----
    Thread-safety: any number of threads at once, while nobody changes the model.
    """
    kind = class_of(model)
    library = kind.__module__.split(".")[0]
    if not any(_is_of_keras(base) and base.__name__ == "Model" for base in kind.__mro__):
        raise TypeError(f"model is {shown(model)}, expected a model of Keras")
    if not _is_of_keras(kind):
        raise ValueError(
            f"model is a {kind.__name__}, which may compute anything; expected a Sequential or a"
            " functional Model of Keras itself"
        )
    description = {"class_name": kind.__name__, "config": model.get_config()}

    def arrays(entry: Entry) -> list[npt.NDArray[Any]]:
        return [np.asarray(array) for array in model.get_layer(entry.name).get_weights()]

    try:
        entries = keras_config.path_of(_plain(description), output)
        return keras.chain_of(entries, arrays, _version(library))
    except FormatError as error:
        raise ValueError(f"model is no chain: {error}") from None


def _is_of_keras(kind: type) -> bool:
    return kind.__module__.split(".")[0] in LIBRARIES


def _version(library: str) -> str:
    return str(getattr(sys.modules.get(library), "__version__", ""))


def _plain(value: Any) -> Any:
    """A configuration as it would be in a file: tuples and arrays become lists."""
    if is_dict(value):
        return {key: _plain(inside) for key, inside in value.items()}
    if is_sequence(value):
        return [_plain(inside) for inside in value]
    return value.tolist() if hasattr(value, "tolist") else value
