"""What the subcommands read: tables, and model files with what they say of their columns."""

from __future__ import annotations

import json
from typing import Any

from cyprop.errors import FormatError
from cyprop.formats import safetensors as storage
from cyprop.network import Network
from cyprop.tables import table as tables
from cyprop.tables.encoding import Encoding, Input
from cyprop.tables.table import Table

DIGITS = "digits"  # the table that comes with the package
NOTES = "table"  # where the model file's metadata keeps the names


def read_table(name: str) -> Table:
    """The table in a file, or the digits."""
    return tables.digits() if name == DIGITS else tables.read_table(name)


def with_columns(path: str) -> tuple[Network, dict[str, Any], Encoding]:
    """The network of a model file, its notes, and what they say of its columns."""
    network, metadata = storage.load_with_metadata(Network, path)
    return network, *columns(path, network, metadata)


def columns(
    path: str, network: Network, metadata: dict[str, str]
) -> tuple[dict[str, Any], Encoding]:
    """What the notes of a model file say of its columns, or else the names of its inputs."""
    if NOTES not in metadata:
        is_one = network.sizes[-1] == 1
        if network.input_names is None or not (
            is_one or (network.labels and _has_classes(network))
        ):
            raise FormatError(
                f"{path} has no column names; files that cyprop train writes have them"
            )
        inputs = tuple(Input(name) for name in network.input_names)
        target = "" if network.output_names is None else network.output_names[0]
        return {}, Encoding(inputs, target, None if is_one else network.labels)
    try:
        notes = json.loads(metadata[NOTES])
        found = {key: notes[key] for key in ("inputs", "target", "classes")}
        encoding = Encoding.from_json(found)
    except (ValueError, TypeError, KeyError):
        raise FormatError(f"{path} has notes on its columns that cannot be read") from None
    if (encoding.n_in, encoding.n_out) != (network.sizes[0], network.sizes[-1]):
        raise FormatError(f"{path} has notes on other columns than its network takes")
    return notes, encoding


def _has_classes(network: Network) -> bool:
    """Whether each row is of one class."""
    return network.loss not in ("binary_cross_entropy", "gaussian_nll")
