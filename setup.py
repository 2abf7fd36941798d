"""Compile the Cython modules. What the compiler is told, and why, is in docs/design.md.

CYPROP_CHECKED=1 builds with bounds and initialisation checks; CYPROP_SANITIZE=address (or thread,
undefined) adds a sanitizer; CYPROP_WERROR=1 makes every warning an error, as CI does.
"""

import os
import platform
import sys

import numpy
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

CHECKED = os.environ.get("CYPROP_CHECKED") == "1"
SANITIZE = os.environ.get("CYPROP_SANITIZE")
WERROR = os.environ.get("CYPROP_WERROR") == "1"
MSVC = sys.platform == "win32"
X86 = platform.machine().lower() in ("x86_64", "amd64")

if MSVC:
    COMPILE, LINK, LOOP, INLINE = ["/O2", "/fp:precise", "/std:c11"], [], [], "__forceinline"
    LEVELS = {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
else:
    # The last word on an option counts: whatever CFLAGS says, no fast-math reaches a kernel, and the
    # linker adds no start-up code that switches denormals off.
    STRICT = ["-O3", "-fno-fast-math", "-fno-unsafe-math-optimizations"]
    COMPILE = [
        *STRICT, "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fvisibility=hidden",
        "-g0", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-sign-compare",
        "-Wno-unused-function", "-Wno-cast-function-type", "-Wno-missing-field-initializers",
    ]
    LINK = [*STRICT, "-s"]
    # GCC unrolls loops of up to 16 passes before it vectorises, and then no longer can; at 7 it
    # leaves the loops over lanes alone and still unrolls those over the rows of a tile.
    LOOP = ["--param=max-completely-peel-times=7"]
    INLINE = "inline __attribute__((always_inline))"
    LEVELS = {
        "baseline": [],
        "avx2": ["-mavx2", "-mfma"],
        "avx512": [
            "-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq",
            "-mprefer-vector-width=512",
        ],
    }
    if WERROR:
        COMPILE.append("-Werror")
    if SANITIZE:
        COMPILE += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g"]
        LINK = [*STRICT, f"-fsanitize={SANITIZE}"]

MODULES = ["chain", "batches", "engine", "kernels.dispatch", "kernels.shapes"] + [
    f"kernels.{name}" for name in ("dense", "activation", "loss", "update")
]


def extension(name, flags=(), macros=()):
    path = f"src/cyprop/{name.replace('.', '/')}.pyx"
    return Extension(
        f"cyprop.{name}",
        [path],
        depends=[] if not flags and "loops" not in name else LOOPS,
        extra_compile_args=[*COMPILE, *flags],
        extra_link_args=LINK,
        include_dirs=[numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), *macros],
    )


LOOPS_FOLDER = "src/cyprop/kernels/loops"
LOOPS = [
    f"{LOOPS_FOLDER}/{file}" for file in sorted(os.listdir(LOOPS_FOLDER)) if file.endswith(".pxi")
]

Options.warning_errors = WERROR

setup(
    ext_modules=cythonize(
        [extension(name) for name in MODULES]
        + [
            extension(f"kernels.loops.{level}", [*LOOP, *flags], [("CYTHON_INLINE", INLINE)])
            for level, flags in LEVELS.items()
            if X86 or level == "baseline"
        ],
        include_path=[LOOPS_FOLDER],
        compiler_directives={
            "language_level": 3,
            "boundscheck": CHECKED,
            "wraparound": False,
            "cdivision": not CHECKED,
            "initializedcheck": CHECKED,
            "nonecheck": CHECKED,
            "overflowcheck": False,
            "embedsignature": False,
        },
        show_all_warnings=False,
    ),
)
