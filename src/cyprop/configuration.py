"""What this installation is, and what it chose on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from cyprop.checks.numbers import is_list
from cyprop.version import __version__

Configuration = dict[str, dict[str, Any]]


def get_include() -> str:
    """The folder that holds ``cyprop.h``, for C code that calls cyprop.

    Returns
    -------
    str

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    return str(Path(__file__).parent / "include")


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> Configuration: ...
def show_config(mode: str = "stdout") -> Configuration | None:
    """Show versions, the instruction set in use, and how this installation was compiled.

    Parameters
    ----------
    mode : "stdout" or "dicts", default "stdout"
        Whether to print it or to return it, as in ``numpy.show_config``.

    Returns
    -------
    dict of dict, or None
        For "dicts"; "Instruction Sets" has the level that new networks use (``chosen``), the ones
        in this installation (``built``) and those of this processor (``supported``).

    Raises
    ------
    ValueError
        If mode is anything else.

    Notes
    -----
    The environment variable ``CYPROP_ISA`` chooses a level when cyprop is imported: "baseline",
    "avx2" or "avx512".
    Thread-safety: any number of threads at once.
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode is {mode!r}, expected 'stdout' or 'dicts'")
    found = _configuration()
    if mode == "dicts":
        return found
    for title, entries in found.items():
        print(f"{title}:")
        for name, value in entries.items():
            text = " ".join(value) if is_list(value) else value
            print(f"  {name}: {text}")
    return None


def _configuration() -> Configuration:
    import json
    import platform

    from cyprop.kernels import dispatch

    compiler, compiler_version, flags = dispatch.compiled_with()
    build = json.loads(flags)
    built = dispatch.built()
    return {
        "Versions": {
            "cyprop": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "Instruction Sets": {
            "chosen": dispatch.level(),
            "built": list(built),
            "supported": list(dispatch.supported()),
        },
        "Build": {
            "compiler": compiler,
            "compiler version": compiler_version,
            "flags": build["flags"],
            "cython": build["cython"],
            "numpy": build["numpy"],
        },
        "Flags of a Level": {name: build["levels"][name] for name in built},
    }
