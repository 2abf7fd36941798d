"""Files of Keras, read with h5py and without Keras: ``.keras``, and the older ``.h5``.

A ``.keras`` file is a zip of config.json, metadata.json and model.weights.h5. In the last a layer
has a group of its class and a counter, whatever its own name is: ``layers/dense_1/vars/0`` are the
weights of the second Dense. Older files say ``_layer_checkpoint_dependencies`` for ``layers``.

A ``.h5`` file has the configuration as an attribute, and the names of the arrays of each layer as
an attribute of that layer's group. Files of weights alone have no configuration and are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy.typing as npt

from cyprop.checks.numbers import is_dict
from cyprop.errors import FormatError
from cyprop.formats.bounded_json import parsed
from cyprop.formats.chain import Builder, Chain
from cyprop.formats.keras import config as keras_config
from cyprop.formats.keras import hdf5
from cyprop.formats.keras import layers as keras_layers
from cyprop.formats.keras.config import Entry
from cyprop.formats.keras.hdf5 import Store
from cyprop.formats.keras.layers import KerasLayer
from cyprop.formats.reading import size_of
from cyprop.formats.zip_members import Archive

Array = npt.NDArray[Any]

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ROOTS = ("layers", "_layer_checkpoint_dependencies")
MOST_ARRAYS = 16  # of a layer


def read(file: BinaryIO, *, output: str | None = None) -> Chain:
    """The network in a file of either kind.

    Parameters
    ----------
    file : binary file
        It can be sought in.
    output : str, optional
        The name of the layer that the outputs come from, if the model has several outputs.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        If the file is damaged, or the model no chain.
    ImportError
        If h5py is not installed.

    Notes
    -----
    Thread-safety: any number of threads, each with a file of its own.
    """
    magic = file.read(len(hdf5.MAGIC))
    file.seek(0)
    return _of_h5(file, output) if magic == hdf5.MAGIC else _of_zip(file, output)


def chain_of(
    entries: Sequence[Entry], arrays: Callable[[Entry], Sequence[Array]], version: str
) -> Chain:
    """The chain of layers whose arrays are asked for one after the other.

    Parameters
    ----------
    entries : sequence of Entry
    arrays : callable
    version : str
        Of Keras.

    Raises
    ------
    FormatError
        If it is no chain.
    """
    builder = Builder()
    for entry in entries:
        layer = KerasLayer(entry.kind, entry.name, entry.config, partial(arrays, entry))
        keras_layers.add(builder, layer, version)
    return builder.finish()


def _of_zip(file: BinaryIO, output: str | None) -> Chain:
    archive, size = Archive(file), size_of(file)
    for name in (CONFIG, WEIGHTS):
        if name not in archive:
            raise FormatError(f"it has no {name!r}, expected a file that Keras saved")
    model = parsed(archive.read(CONFIG), size, f"its {CONFIG!r}")
    version = ""
    if METADATA in archive:
        metadata = parsed(archive.read(METADATA, most=1 << 16), size, f"its {METADATA!r}")
        version = metadata.get("keras_version", "") if is_dict(metadata) else ""
    entries = keras_config.path_of(model, output)
    with hdf5.opened(archive.opened(WEIGHTS)) as store:
        root = next((root for root in ROOTS if (root,) in store), None)
        if root is None:
            raise FormatError(f"its {WEIGHTS!r} has no layers")
        return chain_of(entries, lambda entry: _numbered(store, root, entry), str(version))


def _numbered(store: Store, root: str, entry: Entry) -> list[Array]:
    """The arrays 0, 1, … of a layer."""
    found: list[Array] = []
    path = (root, entry.key, "vars")
    while len(found) < MOST_ARRAYS and (*path, str(len(found))) in store:
        found.append(store.array((*path, str(len(found)))))
    return found


def _of_h5(file: BinaryIO, output: str | None) -> Chain:
    size = size_of(file)
    with hdf5.opened(file) as store:
        text = store.text((), "model_config")
        if text is None:
            raise FormatError(
                "it has no model_config, so it has weights alone and no layers; expected"
                " what model.save writes"
            )
        version = store.text(("model_weights",), "keras_version") or b""
        entries = keras_config.path_of(parsed(text, size, "its model_config"), output)
        known = store.names(("model_weights",), "layer_names")
        for entry in entries:
            if entry.kind != "InputLayer" and entry.name not in known:
                raise FormatError(f"it has no weights of the layer {entry.name[:80]!r}")
        return chain_of(
            entries, lambda entry: _named(store, entry), version.decode("ascii", "replace")
        )


def _named(store: Store, entry: Entry) -> list[Array]:
    """The arrays that the group of a layer names, in their order."""
    group = ("model_weights", entry.name)
    names = store.names(group, "weight_names")
    if len(names) > MOST_ARRAYS:
        raise FormatError(f"its layer {entry.name[:80]!r} has more than {MOST_ARRAYS} arrays")
    return [store.array((*group, *name.split("/"))) for name in names]
