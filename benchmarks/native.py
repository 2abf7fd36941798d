"""Compile C, or Cython that uses cyprop's declarations, while a benchmark runs."""

import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

FLAGS = ["-O3", "-ffast-math", "-fPIC"]
NATIVE = "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"

_folder = tempfile.TemporaryDirectory(prefix="cyprop-benchmarks-")


class UnavailableError(Exception):
    """What could not be compiled here, and why."""


# The variable that names it, how it is called, how its language is, and the suffix of a source.
COMPILERS = {"c": ("CC", ("cc", "gcc"), "C", ".c"), "c++": ("CXX", ("c++", "g++"), "C++", ".cpp")}


def run_compiler(*arguments: str, language: str = "c") -> None:
    variable, names, called, _ = COMPILERS[language]
    found = [path for name in names if (path := shutil.which(name))]
    compiler = os.environ.get(variable) or (found[0] if found else None)
    if compiler is None:
        raise UnavailableError(f"no {called} compiler")
    done = subprocess.run([*compiler.split(), *arguments], capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.partition("error: ")[2].partition("\n")[0]
        raise UnavailableError(f"the {called} compiler failed: {reason or 'no reason given'}")


def library(
    source: str, language: str = "c", flags: Sequence[str] = (), libraries: Sequence[str] = ()
) -> ctypes.CDLL:
    """The source as a loaded library, with flags of its own, linked with the libraries.

    It is linked without -ffast-math, which would switch off denormals for the whole process.

    Raises
    ------
    UnavailableError
    """
    file = Path(tempfile.mkdtemp(dir=_folder.name)) / f"compiled{COMPILERS[language][3]}"
    file.write_text(source)
    objects, target = str(file.with_suffix(".o")), str(file.with_suffix(".so"))
    run_compiler(*FLAGS, NATIVE, *flags, "-c", str(file), "-o", objects, language=language)
    run_compiler("-shared", objects, "-o", target, *libraries, "-lm", language=language)
    return ctypes.CDLL(target)


def extension(
    path: Path, flags: Sequence[str] = ("-O3",), include: Sequence[str] = ()
) -> ModuleType:
    """A Cython module built against the installed cyprop, and with files of other folders.

    Raises
    ------
    UnavailableError
    """
    try:
        import numpy
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension

        import cyprop
    except ImportError as error:
        raise UnavailableError(str(error)) from None
    folder = Path(tempfile.mkdtemp(dir=_folder.name))
    source = Path(shutil.copy(path, folder))
    module = Extension(
        path.stem,
        [str(source)],
        include_dirs=[numpy.get_include(), *include],
        extra_compile_args=[*flags],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )
    try:
        modules = cythonize(
            [module],
            include_path=[str(Path(cyprop.__file__).parents[1]), *include],
            compiler_directives={"language_level": 3},
            quiet=True,
        )
        command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = str(folder)
        command.ensure_finalized()
        command.run()
    except Exception as error:  # Cython and setuptools raise errors of many kinds
        raise UnavailableError(f"{path.name} does not compile: {type(error).__name__}") from None
    spec = importlib.util.spec_from_file_location(path.stem, command.get_ext_fullpath(path.stem))
    if spec is None or spec.loader is None:
        raise UnavailableError(f"{path.name} was not built")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def source(name: str) -> Path:
    """A file of compiled/."""
    return Path(__file__).parent / "compiled" / name


def prepared(name: str) -> ctypes.CDLL:
    """A C file of compiled/ as a loaded library.

    Raises
    ------
    UnavailableError
    """
    return library(source(name).read_text())
