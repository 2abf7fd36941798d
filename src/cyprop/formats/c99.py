"""A network as one C99 header: weights, arithmetic, and a function that predicts.

c_code.py finds the functions. Here they are put together, and the weights written out: decimals
with so many digits that a compiler reads back the same bits (9 for float32, 17 for float64).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.names import n_classes
from cyprop.engine import memory
from cyprop.engine.maps import maps_of
from cyprop.formats import atomic, c_code, ends_in_c
from cyprop.version import __version__

if TYPE_CHECKING:
    from cyprop.engine.engine import Engine

REAL = {"float32": "float", "float64": "double"}
NUMBER = {"float32": "% .8ef", "float64": "% .16e"}
SUFFIX = {"float32": "f", "float64": ""}
A_LINE = {"float32": 5, "float64": 4}  # that many numbers
NARROW_BYTES = 64  # of outputs at most, for which the kernels make a sum of four
NARROW_SCRATCH = 4 * NARROW_BYTES

IDENTITY = "identity"  # needs no function

# Underscores at the start, at the end and in a row are C's and C++'s own. Keywords are no trouble,
# since every name that is written goes on after it.
NAME = re.compile("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")

HEAD = """\
/* NAME: a network of LAYERS, made by cyprop VERSION.
 *
 *     REAL x[NAME_n_in], out[NAME_n_out];
 *     NAME_predict(x, out);
 *
 * predicts one sample, with the same bits as Network.predict. It allocates nothing, keeps nothing
 * between calls, and takes NAME_scratch_bytes of the stack, so any number of threads may call it.
 * x must have NAME_n_in elements and out NAME_n_out; out may be x.
 *
 * C99 or C++11, with nothing but the standard library (-lm). For speed, compile with -O3 and for a
 * processor with fused multiply-add (-march=native, or -mfma). Without that instruction the library
 * computes it, with the same bits, but dozens of times as slowly; define CYPROP_NO_FMA to round
 * twice instead, which is fast and changes the last bits. */
#ifndef NAME_header
#define NAME_header

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "-ffast-math reorders sums, and breaks the exponential function; compile without it"
#endif

enum { NAME_n_in = N_IN, NAME_n_out = N_OUT, NAME_scratch_bytes = SCRATCH };
"""

CLASSIFY = """\

/* The class of one sample, from 0 on: CHOICE. */
static inline int NAME_classify(const REAL *x)
{
    REAL out[NAME_n_out];
    int best = 0;
    NAME_predict(x, out);
BODY    return best;
}
"""
OF_THE_LARGEST = """\
    for (int j = 1; j < NAME_n_out; j++)
        if (out[j] > out[best])
            best = j;
"""
OF_ONE = """\
    best = out[0] > (REAL)0.5;
"""


def to_c(network: Engine, path: str | os.PathLike[str], name: str | None = None) -> None:
    """Write a network as a C99 header, which is replaced whole or not at all.

    Parameters
    ----------
    network : Network
        No other thread may train it meanwhile.
    path : path
    name : str, optional
        What the names in the header begin with; by default the file's name without its suffix.

    Raises
    ------
    TypeError
        If path is not a path of str, or name not a str.
    ValueError
        If C would not take the name, a parameter is NaN or infinite, or an activation has no
        function in C.
    OSError
        If the file cannot be written.
    """
    target = atomic.checked_path(path)
    name = checked_name(target, name)
    check_finite(network)
    check_activations(network)
    atomic.write(target, (piece.encode("ascii") for piece in _pieces(network, name)))


def checked_name(path: str, name: str | None) -> str:
    """The name, or one from the path, if names in C can begin with it."""
    stem = os.path.splitext(os.path.basename(path))[0]
    found = stem if name is None else name
    if not isinstance(found, str):
        raise TypeError(f"name is {name!r}, expected a str")
    if not NAME.fullmatch(found):
        what = f"the file's name {found!r} cannot begin a name in C; pass a name of"
        if name is not None:
            what = f"name is {name!r}, expected"
        raise ValueError(
            f"{what} ASCII letters, digits and single underscores in between, a letter first"
        )
    return found


def check_finite(network: Engine) -> None:
    """Raise ValueError for the first parameter that C has no number for."""
    for what, arrays in zip(("weights", "biases"), memory.arrays(network), strict=True):
        for layer, array in enumerate(arrays):
            wrong = np.argwhere(~np.isfinite(array))
            if len(wrong):
                at = tuple(wrong[0].tolist())
                raise ValueError(
                    f"{what}[{layer}] has {array[at]} at {list(at)}, expected finite numbers"
                )


def check_activations(network: Engine) -> None:
    """Raise ValueError for the first activation that has no function in C."""
    known = c_code.functions(memory.settings_of(network).dtype.name)
    for name in memory.settings_of(network).activation_names:
        if name != IDENTITY and name not in known:
            raise ValueError(
                f"activation {name!r} cannot be exported until cyprop/{c_code.ACTIVATIONS} has a"
                f" function NAMED({name})"
            )


def _pieces(network: Engine, name: str) -> Iterator[str]:
    """The header, one function or array after the other."""
    words = _words(network, name)
    yield re.sub("|".join(words), lambda found: words[found[0]], HEAD) + "\n"
    real = words["REAL"]
    known = c_code.functions(memory.settings_of(network).dtype.name)
    for text in c_code.needed(known, _calls(network)):
        yield c_code.written_for(text, name, real) + "\n"
    for layer, (W, b) in enumerate(zip(*memory.arrays(network), strict=True), start=1):
        yield f"static const {real} {name}_W{layer}[{W.size}] = {{\n"
        for row in W:
            yield _numbers(row)
        yield f"}};\n\nstatic const {real} {name}_b{layer}[{b.size}] = {{\n"
        yield _numbers(b)
        yield "};\n\n"
    yield from ends_in_c.arrays(network, name, real, _numbers)
    yield _predict(network, name, known)
    yield _classify(network, words)
    yield "\n#endif\n"


def _calls(network: Engine) -> set[str]:
    """What the network's own function calls."""
    return {
        *(_dense(network, n_out) for n_out in memory.settings_of(network).sizes[1:]),
        *(name for name in memory.settings_of(network).activation_names if name != IDENTITY),
    }


def _words(network: Engine, name: str) -> dict[str, str]:
    """What stands for the words in capitals."""
    sizes, dtype, itemsize = (
        memory.settings_of(network).sizes,
        memory.settings_of(network).dtype.name,
        memory.settings_of(network).dtype.itemsize,
    )
    has_input_map = maps_of(network).inputs is not None
    scratch = sum(sizes if has_input_map else sizes[1:]) * itemsize
    if any(_is_narrow(network, n_out) for n_out in sizes[1:]):
        scratch += NARROW_SCRATCH
    names = ", ".join(memory.settings_of(network).activation_names)
    return {
        "NAME": name,
        "REAL": REAL[dtype],
        "LAYERS": f"{'-'.join(map(str, sizes))} units, {names}, {dtype}",
        "VERSION": __version__,
        "N_IN": str(sizes[0]),
        "N_OUT": str(sizes[-1]),
        "SCRATCH": str(scratch),
    }


def _is_narrow(network: Engine, n_out: int) -> bool:
    """Whether the kernels sum a layer of that many outputs in four parts."""
    return n_out * memory.settings_of(network).dtype.itemsize <= NARROW_BYTES


def _dense(network: Engine, n_out: int) -> str:
    """The function for a layer of that many outputs."""
    return "dense_narrow" if _is_narrow(network, n_out) else "dense"


def _numbers(row: npt.NDArray[Any]) -> str:
    """The elements of a vector, each with a comma behind it."""
    dtype = row.dtype.name
    form, n = NUMBER[dtype], A_LINE[dtype]
    numbers = [form % x for x in row.tolist()]
    lines = [", ".join(numbers[i : i + n]) for i in range(0, len(numbers), n)]
    return "".join(f"    {line},\n" for line in lines)


def _predict(network: Engine, name: str, known: dict[str, str]) -> str:
    """The function that predicts."""
    real = REAL[memory.settings_of(network).dtype.name]
    vectors = [f"A{layer}" for layer in range(1, len(memory.settings_of(network).sizes))]
    lines = [f"static inline void {name}_predict(const {real} *x, {real} *out)", "{"]
    for A, size in zip(vectors, memory.settings_of(network).sizes[1:], strict=True):
        lines.append(f"    {real} {A}[{size}];")
    found = maps_of(network)
    if found.inputs is not None:
        vectors.insert(0, "A0")
        lines.append(f"    {real} A0[{memory.settings_of(network).sizes[0]}];")
    lines.append("")
    if found.inputs is not None:
        lines += _mapped(name, "input", "A0", "x")
    for layer, (n_in, n_out) in enumerate(pairwise(memory.settings_of(network).sizes), start=1):
        A_prev, A = [*([] if found.inputs is not None else ["x"]), *vectors][layer - 1 : layer + 1]
        arguments = f"{n_in}, {n_out}, {A_prev}, {name}_W{layer}, {name}_b{layer}, {A}"
        lines.append(f"    {name}_{_dense(network, n_out)}({arguments});")
        lines += _activation(network, layer, name, known)
    if found.outputs is None:
        lines.append(f"    memcpy(out, {vectors[-1]}, sizeof {vectors[-1]});")
    else:
        lines += _mapped(name, "output", "out", vectors[-1])
    return "\n".join([*lines, "}", ""])


def _mapped(name: str, which: str, target: str, source: str) -> list[str]:
    """The lines that take one vector through a map into another."""
    own = f"{name}_{which}"
    return [
        f"    for (int j = 0; j < {name}_n_{which.removesuffix('put')}; j++)",
        f"        {target}[j] = ({source}[j] - {own}_offset[j]) * {own}_scale[j];",
    ]


def _classify(network: Engine, words: dict[str, str]) -> str:
    """The function that classifies, where outputs tell classes apart."""
    settings = memory.settings_of(network)
    try:
        n = n_classes(settings, "classify")
    except ValueError:
        return ""
    one = settings.sizes[-1] < n
    choice = "1 where the output is above 0.5" if one else "that of the largest output"
    text = CLASSIFY.replace("CHOICE", choice).replace("BODY", OF_ONE if one else OF_THE_LARGEST)
    return re.sub("NAME|REAL", lambda found: words[found[0]], text)


def _activation(network: Engine, layer: int, name: str, known: dict[str, str]) -> list[str]:
    """The lines that apply a layer's activation to what it has summed."""
    rule, n_out, A = (
        memory.settings_of(network).activation_names[layer - 1],
        memory.settings_of(network).sizes[layer],
        f"A{layer}",
    )
    if rule == IDENTITY:
        return []
    further = "".join(f", {number}" for number in _hyperparameters(network, layer))
    if c_code.takes_a_row(known[rule]):
        return [f"    {name}_{rule}({n_out}, {A}, {A}{further});"]
    return [
        f"    for (int j = 0; j < {n_out}; j++)",
        f"        {A}[j] = {name}_{rule}({A}[j]{further});",
    ]


def _hyperparameters(network: Engine, layer: int) -> list[str]:
    """The numbers of a layer's activation, rounded to the dtype as the kernels round them."""
    dtype = memory.settings_of(network).dtype
    values = memory.settings_of(network).activations[layer - 1].values
    return [f"{dtype.type(value)!s}{SUFFIX[dtype.name]}" for value in values]
