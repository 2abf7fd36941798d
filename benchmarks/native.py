"""Compile C, or Cython that uses cyprop's declarations, while a benchmark runs."""

import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks import machines

FLAGS = ["-O3", "-ffast-math", "-fPIC"]
NATIVE = "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"

LIBXSMM = ("-lxsmm", "-lxsmmnoblas", "-ldl", "-lpthread")  # what its loop is linked with
BUILT = Path(__file__).parent / "built"  # what `python -m benchmarks build` has left, if anything

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


def compile_library(
    source: str,
    target: Path,
    language: str = "c",
    flags: Sequence[str] = (),
    libraries: Sequence[str] = (),
    processor: str = NATIVE,
) -> None:
    """Compile a source into a library, with flags of its own, linked with other libraries.

    It is linked without -ffast-math, which would switch off denormals for the whole process.

    Raises
    ------
    UnavailableError
    """
    file = Path(tempfile.mkdtemp(dir=_folder.name)) / f"compiled{COMPILERS[language][3]}"
    file.write_text(source)
    objects = str(file.with_suffix(".o"))
    run_compiler(*FLAGS, processor, *flags, "-c", str(file), "-o", objects, language=language)
    run_compiler("-shared", objects, "-o", str(target), *libraries, "-lm", language=language)


def library(source: str, language: str = "c", flags: Sequence[str] = ()) -> ctypes.CDLL:
    """The source as a loaded library.

    Raises
    ------
    UnavailableError
    """
    target = Path(tempfile.mkdtemp(dir=_folder.name)) / "compiled.so"
    compile_library(source, target, language, flags)
    return ctypes.CDLL(str(target))


def extension(
    path: Path, flags: Sequence[str] = ("-O3",), include: Sequence[str] = ()
) -> ModuleType:
    """A Cython module built against the installed cyprop, and with files of other folders.

    Where none can be built, the one of `built` is taken, if it is there.

    Raises
    ------
    UnavailableError
    """
    try:
        return loaded(path.stem, compile_extension(path, flags, include))
    except UnavailableError:
        built = BUILT / f"{path.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
        if not built.is_file():
            raise
        return loaded(path.stem, built)


def compile_extension(path: Path, flags: Sequence[str], include: Sequence[str]) -> Path:
    """The file of the module.

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
    return Path(command.get_ext_fullpath(path.stem))


def loaded(name: str, path: Path) -> ModuleType:
    """The compiled module in that file."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnavailableError(f"{name} was not built")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise UnavailableError(str(error)) from None
    return module


def source(name: str) -> Path:
    """A file of compiled/."""
    return Path(__file__).parent / "compiled" / name


def prepared(name: str, libraries: Sequence[str] = ()) -> ctypes.CDLL:
    """A C file of compiled/ as a loaded library; where none can be built, the one of `built`.

    Raises
    ------
    UnavailableError
    """
    stem = Path(name).stem
    target = Path(tempfile.mkdtemp(dir=_folder.name)) / f"{stem}.so"
    try:
        compile_library(source(name).read_text(), target, libraries=libraries)
    except UnavailableError:
        built = (BUILT / f"{stem}-{machines.level()}.so", BUILT / f"{stem}.so")
        found = [path for path in built if path.is_file()]
        if not found:
            raise
        target = found[0]
    return ctypes.CDLL(str(target))
