"""Reads ONNX files that are a chain of layers; needs nothing but NumPy.

graph.py and tensor.py know what is in the messages of a file, walk.py follows the graph,
operators.py, shapes.py and elementwise.py know what operators do, and spellings.py, by forms.py,
which activations their expressions are. Here is which output is followed, and what stands behind
it: classifiers end in labels, and what makes these is left out.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, NamedTuple, cast

from cyprop.checks.numbers import is_list
from cyprop.errors import FormatError
from cyprop.formats import atomic
from cyprop.formats.chain import Chain
from cyprop.formats.onnx import elementwise as _elementwise
from cyprop.formats.onnx.graph import Graph, Node, is_onnx, shown_name
from cyprop.formats.onnx.operators import LINEAR_CLASSIFIER
from cyprop.formats.onnx.tensor import Beside
from cyprop.formats.onnx.walk import Walk
from cyprop.formats.reading import opened

__all__ = ["is_onnx", "read", "read_opened"]

Labels = tuple[Any, ...]

# What makes labels of outputs, or hands them on.
BEHIND = frozenset(
    ("ArgMax", "ArrayFeatureExtractor", "ZipMap", "Binarizer", "Reshape", "Cast", "Identity")
    + ("Normalizer", "LinearClassifier")
)


class Head(NamedTuple):
    """The value that an output is made of, and the classes that its labels are."""

    name: bytes
    labels: Labels | None = None
    is_label: bool = False  # whether the output is labels, and not numbers
    of_several: bool = False  # whether it is several labels of each row


def read(path: str | os.PathLike[str], output: str | None = None) -> Chain:
    """Read an ONNX file, with the external data beside it.

    Parameters
    ----------
    path : path
    output : str, optional
        The name of one of its outputs; needed if they are not all made of the same layers.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        If the file is damaged, or anything but a chain of layers; one sentence says which node it
        is, and what was expected. Or if there are several outputs, or none of that name.
    TypeError, ValueError
        If path is not a path of str, or no file can be called so.
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    with opened(path) as file:
        return read_opened(file, os.path.dirname(atomic.checked_path(path)), output)


def read_opened(file: BinaryIO, folder: str | None, output: str | None = None) -> Chain:
    """Read an ONNX file that is open, whose external data is in that folder.

    Parameters
    ----------
    file : file
        Read from where it stands.
    folder : str or None
        None if there is none, and external data is refused.
    output : str, optional
        As `read` says.

    Returns
    -------
    Chain

    Raises
    ------
    FormatError
        As `read` says, without the file's name.

    Notes
    -----
    Thread-safety: any number of threads at once, each with its own file.
    """
    data = memoryview(file.read())
    with Beside(folder) as beside:
        graph = Graph(data, beside)
        head = chosen(graph, output)
        walk = Walk(graph)
        walk.follow(head.name)
        return _finished(graph, walk, head)


def _finished(graph: Graph, walk: Walk, head: Head) -> Chain:
    """The chain, with names and labels that cyprop has written, or else those of the tail."""
    known = {key: _written(graph, key) for key in ("input_names", "output_names", "labels")}
    labels = head.labels if known["labels"] is None else known["labels"]
    return walk.builder.finish(known["input_names"], known["output_names"], labels)


def _written(graph: Graph, key: str) -> list[Any] | None:
    """The entry of the model's metadata of that name, None if there is none."""
    text = graph.metadata.get(f"cyprop.{key}")
    if text is None:
        return None
    from cyprop.formats import bounded_json  # which few files need

    found = bounded_json.parsed(text.encode(), graph.size, f"its metadata {key!r}")
    kinds = str if key != "labels" else str | int | float
    if not is_list(found) or not all(isinstance(entry, kinds) for entry in found):
        raise FormatError(f"its metadata has {key} that are no list of texts")
    return found


def chosen(graph: Graph, output: str | None) -> Head:
    """What all outputs are made of, or the one of that name."""
    names = [value.name for value in graph.outputs]
    known = ", ".join(repr(shown_name(name)) for name in names[:16]) or "none"
    if output is not None:
        if output.encode("utf-8", "surrogateescape") not in names:
            raise FormatError(f"it has no output {output!r}; it has {known}")
        names = [output.encode("utf-8", "surrogateescape")]
    made_by = {name: node for node in graph.nodes for name in node.outputs}
    heads = [_head(graph, made_by, name) for name in names]
    ends = {head.name for head in heads}
    for head in heads:  # a label may be made in front of the softmax
        node = made_by.get(head.name)
        if node is not None and node.op in ("Softmax", "LogSoftmax"):
            ends -= {other.name for other in heads if other.is_label} & set(node.inputs)
    if len(ends) != 1:
        raise FormatError(f"it has the outputs {known}; choose one with output=")
    if all(head.is_label and head.labels is None for head in heads):
        raise FormatError(f"its output {known} is a number of a class, expected that of each class")
    labels = [head.labels for head in heads if head.labels is not None]
    several = any(head.of_several for head in heads)
    return Head(ends.pop(), labels[0] if labels and not several else None)


def _head(graph: Graph, made_by: dict[bytes, Node], name: bytes) -> Head:
    """The numbers behind an output; `name` itself unless labels are made of them."""
    at, labels, is_label, of_several = name, None, False, False
    for _ in range(len(graph.nodes) + 1):
        node = made_by.get(at)
        if node is None or not node.inputs or node.op not in BEHIND:
            break
        at, kind = node.inputs[0], node.op
        if kind == "ArrayFeatureExtractor" and len(node.inputs) == 2:
            at, labels, is_label = node.inputs[1], _classes(graph, node.inputs[0]), True
        elif kind == "ZipMap":
            labels, is_label = _class_labels(graph, node, ()), True
        elif kind in ("ArgMax", "Binarizer"):
            is_label, of_several = True, of_several or kind == "Binarizer"
        elif kind == "LinearClassifier":
            labels, is_label = _class_labels(graph, node, LINEAR_CLASSIFIER), True
            at = node.outputs[-1]
            break
    at = _without_identity(made_by, at if is_label else name)
    two = _one_of_two(graph, made_by, at)
    return Head(at if two is None else two, labels, is_label, of_several)


def _without_identity(made_by: dict[bytes, Node], name: bytes) -> bytes:
    """The value that this one is, whatever Identity or Normalizer hands it on."""
    for _ in range(len(made_by)):
        node = made_by.get(name)
        if node is None or node.op not in ("Identity", "Normalizer") or len(node.inputs) != 1:
            break
        before = made_by.get(node.inputs[0])
        if node.op == "Normalizer" and (before is None or before.op != "LinearClassifier"):
            break
        name = node.inputs[0]
    return name


def _classes(graph: Graph, name: bytes) -> Labels:
    """The texts or whole numbers of a constant."""
    if name in graph.tensors:
        return tuple(graph.tensors[name].labels())
    raise FormatError(f"it computes its classes {shown_name(name)!r}, expected a constant")


def _class_labels(graph: Graph, node: Node, others: tuple[str, ...]) -> Labels | None:
    """The labels that are attributes of a node, which has some others too."""
    keys = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")
    found = node.attributes(graph.beside, (*keys, *others))
    for labels in (found.get(key) for key in keys):
        if is_list(labels) and labels:
            return tuple(labels)
        if isinstance(labels, tuple) and labels:
            texts = cast("tuple[bytes, ...]", labels)
            return tuple(str(text, "utf-8", "replace") for text in texts)
    return None


def _one_of_two(graph: Graph, made_by: dict[bytes, Node], name: bytes) -> bytes | None:
    """Of [1 − p, p] the name of p: a probability that becomes one for each of two classes."""
    node = made_by.get(name)
    if node is None or node.op != "Concat" or len(node.inputs) != 2:
        return None
    other = made_by.get(node.inputs[0])
    if other is None or other.op != "Sub" or other.inputs[1:] != node.inputs[1:]:
        return None
    one = graph.tensors.get(other.inputs[0])
    along_columns = node.attributes(graph.beside, ("axis",)).get("axis") in (1, -1)
    is_one = one is not None and one.shape() in ((), (1,)) and one.array().reshape(-1)[0] == 1
    return node.inputs[1] if is_one and along_columns else None


_HANDLERS = _elementwise  # which register themselves, as those of operators.py do
