"""Compile the Cython modules. What the compiler is told, and why, is in docs/design.md.

CYPROP_CHECKED=1 builds with bounds and initialisation checks, CYPROP_SANITIZE=address (undefined,
thread) with a sanitizer, and CYPROP_WERROR=1 makes every warning an error, as CI does.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy
from Cython import __version__ as cython_version
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

CHECKED = os.environ.get("CYPROP_CHECKED") == "1"
SANITIZE = os.environ.get("CYPROP_SANITIZE")
WERROR = os.environ.get("CYPROP_WERROR") == "1"
X86 = sysconfig.get_platform().endswith(("x86_64", "amd64"))  # what is built for, not on


def compiler_is_gcc() -> bool:
    """Whether what setuptools will call, by any name, is GCC."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    try:
        answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
    except OSError:
        return False
    return "Free Software Foundation" in answer.stdout


GCC = sys.platform != "win32" and compiler_is_gcc()

if sys.platform == "win32":
    COMPILE, LINK, CALLS, FACES = ["/O2", "/fp:precise", "/std:c11"], [], [], []
    LOOPS = ["/DCYTHON_INLINE=__forceinline"]
    LEVELS = {"baseline": "", "avx2": "/arch:AVX2", "avx512": "/arch:AVX512"}
else:
    # The last word on an option counts: whatever CFLAGS and LDFLAGS say, no fast-math reaches a
    # kernel, and the linker adds no start-up code that switches denormals off.
    STRICT = ["-O3", "-fno-fast-math"]
    STRICT += ["-fno-unsafe-math-optimizations"] if GCC else []  # in clang a part of the former
    COMPILE = [*STRICT, "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
    COMPILE += ["-fvisibility=hidden", "-g0", "-pthread"]
    LINK = [*STRICT, "-pthread"]
    CALLS = ["-O2"]  # for modules that mostly handle Python objects
    FACES = ["-Os"]  # for those that only begin what others do: a wheel has its bound
    LOOPS = ["-DCYTHON_INLINE=inline __attribute__((always_inline, unused))"]
    if GCC:
        # GCC unrolls loops of up to 16 passes before it vectorises, and then no longer can; at 7 it
        # leaves the loops over lanes alone and still unrolls those over the rows of a tile. What
        # else is forbidden would take apart loops whose sums then no longer stay in registers, or
        # lengthen the code for nothing.
        LOOPS += ["--param=max-completely-peel-times=7", "-fno-loop-unroll-and-jam"]
        LOOPS += ["-fno-tree-loop-distribution", "-fno-tree-loop-distribute-patterns"]
        LOOPS += ["-fno-inline-functions-called-once", "-fno-ipa-cp-clone"]
    AVX512 = "-mavx512f -mavx512vl -mavx512bw -mavx512dq -mprefer-vector-width=512"
    LEVELS = {"baseline": "", "avx2": "-mavx2 -mfma", "avx512": f"-mavx2 -mfma {AVX512}"}
    if GCC:
        # no loops for what is left of a row, since rows are padded
        SPARE = "--param=vect-epilogues-nomask=0"
        LEVELS = {level: f"{flags} {SPARE}" for level, flags in LEVELS.items()}
        # Tuned for any processor, GCC keeps pointers in vector registers, whose moves take the
        # place of additions.
        LEVELS["avx2"] += " -mtune=haswell"
        LEVELS["avx512"] += " -mtune=skylake-avx512"
    if sys.platform == "linux":
        COMPILE += ["-fno-plt"]
    if WERROR:
        COMPILE += ["-Wall", "-Wextra", "-Werror"]
    if SANITIZE:
        COMPILE += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g"]
        LINK = [*STRICT, f"-fsanitize={SANITIZE}"]


def description() -> str:
    """README.md for the page of a package index, where neither its files nor its picture are."""
    text = Path("README.md").read_text(encoding="utf-8")
    text = re.sub(r"^!\[.*\]\(docs/.*\)\n\n.*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"`\1`", text)


FOLDER = "src/cyprop/kernels/loops"
SHARED = "cyprop._shared"  # what Cython would otherwise put into every module


def extension(name: str, *flags: str, suffix: str = "pyx") -> Extension:
    return Extension(
        name,
        [f"src/{name.replace('.', '/')}.{suffix}"],
        extra_compile_args=[*COMPILE, *flags],
        extra_link_args=LINK,
        include_dirs=[numpy.get_include(), "src/cyprop", "src/cyprop/engine", FOLDER],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


modules = [extension(f"cyprop.engine.{name}") for name in ("chain", "finite", "inputs", "trial")]
modules += [
    extension(f"cyprop.engine.{name}", *CALLS)
    for name in ("batches", "bound", "engine", "learning", "together")
]
modules += [
    extension(f"cyprop.{name}", *FACES)
    for name in (
        *(f"engine.{name}" for name in ("course", "derivatives", "maps", "memory", "parts")),
        *("engine.team", "engine.turns", "interface"),
        *(f"kernels.{name}" for name in ("activation", "dense", "dropout", "gradient", "loss")),
        *(f"kernels.{name}" for name in ("registry", "shapes", "update")),
    )
]
modules += [extension(SHARED, *FACES, suffix="c")]
loops = [
    extension(f"cyprop.kernels.loops.{level}", *LOOPS, *flags.split())
    for level, flags in LEVELS.items()
    if X86 or level == "baseline"
]
if X86:  # where it is for processors of before 2013
    loops[0].extra_compile_args += ["-O2"]

# For show_config; a string in JSON is also one in C.
build = {
    "cython": cython_version,
    "numpy": numpy.__version__,
    "flags": [*os.environ.get("CFLAGS", "").split(), *COMPILE],
    "levels": {level: [*LOOPS, *flags.split()] for level, flags in LEVELS.items()},
}
dispatch = extension("cyprop.kernels.dispatch", *FACES)
dispatch.define_macros.append(("CYPROP_BUILD", json.dumps(json.dumps(build))))

Options.warning_errors = WERROR

# Objects and libraries are made afresh each time, so none is ever stale; only the C files are kept,
# which Cython remakes whenever a source, or Cython, has changed.
with tempfile.TemporaryDirectory() as fresh:
    setup(
        long_description=description(),
        long_description_content_type="text/markdown",
        ext_modules=cythonize(
            [*modules, *loops, dispatch],
            include_path=[FOLDER],
            build_dir="build/checked" if CHECKED else "build/release",
            force=WERROR,
            nthreads=os.cpu_count() or 1,
            shared_utility_qualified_name=SHARED,
            compiler_directives={
                "language_level": 3,
                "auto_pickle": False,
                "boundscheck": CHECKED,
                "wraparound": False,
                "cdivision": not CHECKED,
                "initializedcheck": CHECKED,
                "nonecheck": CHECKED,
                "show_performance_hints": not CHECKED,
            },
        ),
        options={
            "build": {"build_lib": str(Path(fresh, "lib")), "build_temp": str(Path(fresh, "temp"))},
            "build_ext": {"parallel": os.cpu_count() or 1},
        },
    )
