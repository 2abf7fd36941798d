"""Exported headers, compiled with the machine's C compiler and called through ctypes."""

import ctypes
import os
import platform
import shlex
import subprocess
import sysconfig

import numpy as np

COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")

# Included twice, as headers are in large programs.
CALLER = """\
#include "{name}.h"
#include "{name}.h"
void rows_of_{name}(long n, const {real} *X, {real} *out);
void rows_of_{name}(long n, const {real} *X, {real} *out)
{{
    for (long i = 0; i < n; i++)
        {name}_predict(X + i * {name}_n_in, out + i * {name}_n_out);
}}
long scratch_of_{name}(void);
long scratch_of_{name}(void) {{ return {name}_scratch_bytes; }}
"""


def run(*command):
    """What a compiler says, which succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def export(folder, networks):
    """A header for each network, by name, and one source file that includes them all."""
    callers = []
    for name, net in networks.items():
        net.to_c(folder / f"{name}.h")
        real = {"float32": "float", "float64": "double"}[net.dtype.name]
        callers.append(CALLER.format(name=name, real=real))
    source = folder / "networks.c"
    source.write_text("".join(callers), encoding="ascii")
    return source


def library(source, *flags):
    """The source as C99 without a warning, compiled with the flags."""
    target = source.with_name(f"networks{''.join(flags)}.so")
    options = ("-std=c99", *STRICT, *flags, "-shared", "-fPIC")
    assert run(*COMPILER, *options, str(source), "-o", str(target), "-lm") == ""
    return ctypes.CDLL(str(target))


def predict(compiled, name, net, X, out=None):
    """The rows of X through the exported network."""
    assert X.dtype == net.dtype
    assert X.flags.c_contiguous
    out = np.full((len(X), net.sizes[-1]), 12345, net.dtype) if out is None else out
    call = compiled[f"rows_of_{name}"]
    call.restype = None
    call.argtypes = (ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    call(len(X), X.ctypes.data, out.ctypes.data)
    return out


def rounds_twice(level):
    """Whether kernels of that level round a product before it is added."""
    return platform.machine() in ("x86_64", "AMD64") and level == "baseline"
