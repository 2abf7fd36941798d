"""JSON of files that others wrote: parsed only if what it becomes is small beside the file."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from cyprop.errors import FormatError

# At most so many bytes become of each of these, with what it holds itself.
OF_EACH = {b"{": 240, b"[": 90, b",": 90, b'"': 40, b":": 72}
SPARE = 1 << 17  # bytes that others need meanwhile


def parsed(text: bytes, size: int, what: str) -> Any:
    """What a JSON text says.

    Parameters
    ----------
    text : bytes
    size : int
        How many bytes the file has: with the text, what it becomes takes less than twice as many
        and 1 MiB.
    what : str
        Names the text in messages: "its config.json".

    Returns
    -------
    object

    Raises
    ------
    FormatError
        If it is not JSON, has a key twice in one object, or would take more.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    room = 2 * size + (1 << 20) - 3 * len(text) - SPARE
    needed = sum(text.count(sign) * n_bytes for sign, n_bytes in OF_EACH.items())
    if not text.isascii() or b"\\u" in text:  # one wide character makes all of a string wide
        needed += 8 * len(text)
    if needed > room:
        raise FormatError(f"{what} says more than a file of {size} bytes needs")

    def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):  # readers do not agree which of the two counts
            [(twice, _), *_] = Counter(name for name, _ in pairs).most_common(1)
            raise FormatError(f"{what} has the key {twice[:80]!r} twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=without_doubles)
    except FormatError:
        raise
    except (ValueError, RecursionError):
        raise FormatError(f"{what} is not JSON") from None


def said(value: Any) -> str:
    """A part of JSON as a sentence can hold it: a number or a short text, else its kind."""
    if isinstance(value, str):
        return repr(value[:80])
    if value is None or isinstance(value, bool | int | float):
        return str(value)[:40]
    return f"a {type(value).__name__}"
