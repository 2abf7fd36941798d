"""Compile what a machine without a compiler is to be taken, into `benchmarks/built`.

Then copy the folder `benchmarks` there: a suite looks into `built` where it cannot compile. The
modules fit the Python that runs this, and the version of cyprop that it has.
"""

import argparse
import shutil
from pathlib import Path

from benchmarks import native, report

LEVELS = ("x86-64-v3", "x86-64-v4")
EXTENSIONS = ("kernel_loop", "nogil_loop", "cimport_loop")


def libraries(folder: Path) -> None:
    """The floors for each level, the loop over a BLAS, and LIBXSMM with its own."""
    for level in LEVELS:
        native.compile_library(
            native.source("floors.c").read_text(),
            folder / f"floors-{level}.so",
            processor=f"-march={level}",
        )
    for name, linked in (("gemm_loop", ()), ("xsmm_loop", native.LIBXSMM)):
        try:
            native.compile_library(
                native.source(f"{name}.c").read_text(),
                folder / f"{name}.so",
                libraries=linked,
                processor="-march=x86-64-v2",
            )
        except native.UnavailableError as error:
            print(f"not built: {name} ({error})")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks build", description=__doc__)
    report.add_output(parser)
    parser.set_defaults(output=native.BUILT)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    libraries(options.output)
    for name in EXTENSIONS:
        file = native.compile_extension(native.source(f"{name}.pyx"), ["-O3"], [])
        shutil.copy(file, options.output)
    for path in sorted(options.output.glob("*.so")):
        print(f"built: {path}")
