"""Maps, names and labels of a network in its C header."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cyprop.engine.maps import maps_of, names_of

if TYPE_CHECKING:
    from cyprop.checks.names import Label
    from cyprop.engine.engine import Engine

WIDTH = 96


def arrays(network: Engine, name: str, real: str, numbers: Callable[[Any], str]) -> Iterator[str]:
    """The names as comments, the numbers of the maps, and the labels, as far as there are any."""
    names = names_of(network)
    if names.inputs is not None:
        yield _comment("The inputs", names.inputs)
    if names.outputs is not None:
        yield _comment("The outputs", names.outputs)
    for which, pair in zip(("input", "output"), maps_of(network), strict=True):
        for part, array in () if pair is None else zip(("offset", "scale"), pair, strict=True):
            yield f"static const {real} {name}_{which}_{part}[{array.size}] = {{\n"
            yield numbers(array)
            yield "};\n\n"
    if names.labels is not None:
        yield _labels(names.labels, name)


def _comment(what: str, names: tuple[str, ...]) -> str:
    text = f"{what}, in order: {', '.join(map(_shown, names))}."
    return (
        textwrap.fill(
            text,
            WIDTH,
            initial_indent="/* ",
            subsequent_indent=" * ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        + " */\n\n"
    )


def _shown(name: str) -> str:
    """A name as a comment in ASCII can hold it: its end is no end of the comment."""
    text = name.encode("ascii", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return text.replace("*/", "*\\/").replace("/*", "/\\*").replace("??", "?\\?")


def _labels(labels: tuple[Label, ...], name: str) -> str:
    """An array of labels: of numbers where all are numbers, else of texts in UTF-8."""
    kinds = {type(label) for label in labels}
    if kinds <= {int, bool}:
        kind, written = "int64_t ", [_whole(int(label)) for label in labels]
    elif kinds <= {int, bool, float}:
        kind, written = "double ", [repr(float(label)) for label in labels]
    else:
        kind, written = "char *const ", [_text(str(label)) for label in labels]
    lines = "".join(f"    {label},\n" for label in written)
    return (
        "/* What the classes are called, in the order of their numbers; it may be left unused. */\n"
        "#ifdef __GNUC__\n__attribute__((unused))\n#endif\n"
        f"static const {kind}{name}_labels[{len(labels)}] = {{\n{lines}}};\n\n"
    )


def _whole(label: int) -> str:
    """A whole number of 64 bits as C has it, whose most negative one has no literal."""
    return "INT64_MIN" if label == -(1 << 63) else f"INT64_C({label})"


def _text(label: str) -> str:
    """A string of C, of ASCII characters alone."""
    plain = {ord(c) for c in '?"\\'}  # ?, so that no two begin a trigraph
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and byte not in plain else f"\\{byte:03o}"
            for byte in label.encode()
        )
        + '"'
    )
