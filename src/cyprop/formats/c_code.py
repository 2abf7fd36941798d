"""The C functions that an exported network is made of, read from the headers of the package.

Those of elementary.h and activations.h are the very ones that the kernels are compiled from;
dense.h has plain loops in place of the kernels' tiles. elementary.h says how they are written.
"""

from __future__ import annotations

import re
from importlib import resources

ACTIVATIONS = "kernels/loops/activations.h"
FILES = (
    "kernels/loops/{dtype}.h",
    "kernels/loops/elementary.h",
    ACTIVATIONS,
    "formats/dense.h",
)

FUNCTION = re.compile(
    r"""
    ^/\* (?:(?!\*/).)* \*/ \n               # the comment above it
    INLINE [ ] \w+ [ ] NAMED\((\w+)\) .*?   # its type and name
    ^\} \n                                  # all up to the closing brace
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
CALL = re.compile(r"NAMED\((\w+)\)")
WORD = re.compile(r"NAMED\((\w+)\)|\b(INLINE|REAL)\b")
ROW = "(ptrdiff_t n, const REAL *Z, REAL *A"  # what a function of a whole row begins with


def functions(dtype: str) -> dict[str, str]:
    """All functions by name, in an order in which they can stand."""
    package = resources.files("cyprop")
    found: dict[str, str] = {}
    for file in FILES:
        text = package.joinpath(file.format(dtype=dtype)).read_text(encoding="ascii")
        found.update((match[1], match[0]) for match in FUNCTION.finditer(text))
    return found


def needed(known: dict[str, str], names: set[str]) -> list[str]:
    """The functions of these names and all that they call, in the order of the known."""
    wanted: set[str] = set()
    waiting = set(names)
    while waiting:
        wanted |= waiting
        waiting = {call for name in waiting for call in CALL.findall(known[name])} - wanted
    return [text for name, text in known.items() if name in wanted]


def written_for(text: str, name: str, real: str) -> str:
    """A function for the network `name`, whose numbers are of the type `real`."""
    words = {"INLINE": "static inline", "REAL": real}
    return WORD.sub(lambda at: f"{name}_{at[1]}" if at[1] else words[at[2]], text)


def takes_a_row(text: str) -> bool:
    """Whether an activation's function takes a whole row, and not one element."""
    return ROW in text
