"""Sending a network elsewhere, as a person asks for it: the methods that Network inherits.

What writes each format is in the modules beside, which are loaded when they are first needed.
"""

from __future__ import annotations

import os
from typing import Any

from cyprop.checks.maps import NO_MAPS
from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine


class Exporting(Engine):
    """The part of a network that writes it for others to run; make a Network instead."""

    def to_c(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Write the network as one C99 header that needs nothing else.

        It has the weights, and a function ``NAME_predict(const float *x, float *out)`` (double for
        float64) that gives the same bits as `predict`, allocates nothing, and takes
        ``NAME_scratch_bytes`` of the stack. Where outputs tell classes apart, ``NAME_classify(x)``
        gives the number of the class, and ``NAME_labels`` has the labels, if there are any. The
        header says how to compile it.

        Parameters
        ----------
        path : path
            Written as by `save`.
        name : str, optional
            What the names in the header begin with: ASCII letters, digits and single underscores
            in between, a letter first. By default the file's name without its suffix.

        Raises
        ------
        TypeError
            If path is not a path of str, or name not a str.
        ValueError
            If no file can be called so, C would not take the name, or a parameter is NaN or
            infinite.
        OSError
            If it cannot be written.

        Notes
        -----
        Thread-safety: must not run while another thread trains this network.
        """
        from cyprop.formats import c99

        c99.to_c(self, path, name)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX file, which ONNX Runtime and others run.

        It has one input, ``input``, (batch, n_in), and one output, ``output``, (batch, n_out), of
        the network's dtype; the number of rows is open. Operators are those of opset 17, and
        nothing lies beside the file. Maps are in front of the layers and behind them; names and
        labels are in the metadata of the model, where `cyprop.load` finds them.

        Parameters
        ----------
        path : path
            Written as by `save`.

        Raises
        ------
        TypeError
            If path is not a path of str.
        ValueError
            If no file can be called so, or the network takes more than 2 GiB.
        OSError
            If it cannot be written.

        Notes
        -----
        The weights keep their bits, and `cyprop.load` gives back an equal network, with the loss
        that belongs to its output and the default optimizer: ONNX has no place for these. Outputs
        differ in the last digits, since each runtime adds in its own order. Penalties and dropout
        are of training and not written.
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        from cyprop.formats.onnx import writer

        writer.to_onnx(self, path)

    def to_torch(self) -> Any:
        """A live model of PyTorch with copies of the weights, in evaluation mode.

        Returns
        -------
        torch.nn.Sequential
            Of Linear layers, each with its activation behind it, and of Dropout where the network
            has it. Without dropout its state_dict has the names that `save` writes. Maps of inputs
            and outputs are in the first and the last layer, as `fold_scaling` puts them there.

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        ValueError
            If PyTorch has no module for an activation ("exponential"; the message lists those that
            it has), or a map cannot be folded: columns could not be told apart, or the map is of
            outputs with an activation.

        Notes
        -----
        `cyprop.from_torch` gives back an equal network, with the loss that belongs to its output
        and the default optimizer.
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        from cyprop.formats.pytorch import to_torch

        return to_torch.to_torch(_folded(self))


def _folded(network: Engine) -> Engine:
    """The network, or a copy of it without maps."""
    if maps.maps_of(network) is NO_MAPS:
        return network
    from copy import copy

    found: Any = copy(network)
    hard = found.fold_scaling()
    if hard:
        raise ValueError(
            f"without its map, columns {', '.join(map(repr, hard))} cannot be told apart in"
            f" {memory.settings_of(network).dtype}, and PyTorch has no maps"
        )
    if found.output_map is not None:
        raise ValueError(
            "the network has an output map behind"
            f" {memory.settings_of(network).activation_names[-1]!r}, and PyTorch has no maps"
        )
    return found  # type: ignore[no-any-return]
