"""Prove that an activation or a loss is registered in one place: python tools/one_more.py FOLDER

Copies the checkout to FOLDER, which must not exist, and gives the copy one activation and one loss
more, each with a hyperparameter, by text at the ends of the files where one belongs (ADDITIONS).
Then it shows that

- tests which know nothing of the two go over them, and the checks of one_more_checks.py find them
  everywhere: in files, pickles, texts, the C header, gradients;
- without the formulas in the tests' twin a test fails, and names the place that lacks them;
- a rule that does not fit into the table of kernels is refused with a sentence.

Needs what compiles cyprop, and pytest, in the environment of the Python that runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOOPS = "src/cyprop/kernels/loops"
TABLE = "src/cyprop/kernels/table.pxd"
TWIN = "tests/helpers/numpy_twin.py"
LEFT_BEHIND = ("*.so", ".git", "*.egg-info", "__pycache__", ".venv", "dist", ".*_cache")

FORMULA = """
/* A = Z * sigmoid(beta * Z) */
INLINE REAL NAMED(gated)(REAL z, REAL beta)
{
    return z * NAMED(sigmoid)(beta * z);
}

/* dZ = dA * (s + beta * A * (1 - s)), where s = sigmoid(beta * Z) */
INLINE REAL NAMED(gated_backward)(REAL z, REAL a, REAL dA, REAL beta)
{
    REAL s = NAMED(sigmoid)(beta * z);
    return dA * NAMED(fma)(beta * a, 1 - s, s);
}
ELEMENTWISE(gated, NAMED(gated)(z, h), NAMED(gated_backward)(z, a, dA, h))
"""

ACTIVATION = """
cdef extern from "arithmetic.h" nogil:
    const Elementwise gated_kernels "cyprop_gated"

entry = new_elementwise(b"gated", b"glorot", &gated_kernels)
entry.keeps_Z = True
hyperparameter(&entry.rule, b"beta", 1, 0, False, INFINITY)
"""

LOSS = """

cdef void half_square_forward(
    Py_ssize_t n, Py_ssize_t n_out, const floating *Z, const floating *A, Py_ssize_t A_stride,
    const floating *Y, Py_ssize_t Y_stride, double *C, const double *hyperparameters,
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double total, error
    for i in range(n):
        total = 0
        for j in range(n_out):
            error = <double> A[i * A_stride + j] - <double> Y[i * Y_stride + j]
            total = fma64(error, error, total)
        C[i] = hyperparameters[0] * total / 2


cdef void half_square_backward(
    Py_ssize_t n, Py_ssize_t n_out, Py_ssize_t n_batch,
    const floating *A, Py_ssize_t A_stride, const floating *Y, Py_ssize_t Y_stride,
    floating *dA, Py_ssize_t dA_stride, const double *hyperparameters,
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef floating scale = <floating> (hyperparameters[0] / <double> n_batch)
    for i in range(n):
        for j in range(n_out):
            dA[i * dA_stride + j] = scale * (A[i * A_stride + j] - Y[i * Y_stride + j])

loss = new_loss(b"half_square", NULL)
hyperparameter(&loss.rule, b"weight", 1, 0, False, INFINITY)
loss.forward[0] = <LossForward> half_square_forward[float]
loss.forward[1] = <LossForward> half_square_forward[double]
loss.backward[0] = <LossBackward> half_square_backward[float]
loss.backward[1] = <LossBackward> half_square_backward[double]
"""

FORMULAS_OF_THE_TWIN = """

def _gated_derivative(Z, A, dA, beta=1):
    s = _sigmoid(beta * Z)
    return dA * (s + beta * A * (1 - s))


_ACTIVATIONS["gated"] = lambda Z, beta=1: Z * _sigmoid(beta * Z)
_ACTIVATION_DERIVATIVES["gated"] = _gated_derivative
_LOSSES["half_square"] = [
    (
        None,
        "dA",
        lambda Z, A, Y, weight=1: weight * ((A - Y) ** 2).sum(axis=1) / 2,
        lambda A, Y, weight=1: weight * (A - Y) / len(A),
    )
]
"""

ADDITIONS = {
    f"{LOOPS}/activations.h": FORMULA,
    f"{LOOPS}/elementwise.pxi": ACTIVATION,
    f"{LOOPS}/loss.pxi": LOSS,
    TWIN: FORMULAS_OF_THE_TWIN,
}

# Those go over all names that are registered; the last knows the two by name.
TESTS = (
    "tests/kernels/test_activation.py",
    "tests/kernels/test_loss.py",
    "tests/engine/test_derivatives.py",
    "tests/formats/test_c99.py",
    "tools/one_more_checks.py",
)
OF_THE_TWIN = {"gated": TESTS[0], "half_square": TESTS[1]}

# What the table may hold too few of, how few, and what it then says. Activations are counted below.
REFUSALS = (
    ("MAX_ENTRIES", None, "does not fit into the table of kernels"),
    ("MAX_HYPERPARAMETERS", 1, "has more hyperparameters than fit"),
    ("MAX_STATES", 1, "keeps 2 states"),
)

# One level alone, built without optimisation and imported: {folder} gets it.
ONE_LEVEL = """
import importlib.util, sys
from Cython.Build import cythonize
from setuptools import Distribution, Extension

name, folder, loops = "cyprop.kernels.loops.baseline", {folder!r}, {loops!r}
level = Extension(name, [f"{{loops}}/baseline.pyx"], include_dirs=[loops, "src/cyprop"])
level.extra_compile_args = ["-O0", "-g0", "-w"]
modules = cythonize([level], include_path=[loops, "src"], build_dir=folder, quiet=True,
                    compiler_directives={{"language_level": 3}})
command = Distribution({{"ext_modules": modules}}).get_command_obj("build_ext")
command.build_lib = command.build_temp = folder
command.ensure_finalized()
command.run()
spec = importlib.util.spec_from_file_location(name, command.get_ext_fullpath(name))
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


class ProofError(Exception):
    """What did not go as it should."""


def run(copy: Path, *command: str, **variables: str) -> tuple[int, str]:
    """The exit code, and what was printed, of a command in the copy."""
    environment = {key: value for key, value in os.environ.items() if key != "CYPROP_WERROR"}
    done = subprocess.run(
        command,
        cwd=copy,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def tested(copy: Path, installed: Path, *tests: str) -> tuple[int, str]:
    return run(
        copy, sys.executable, "-m", "pytest", "-n", "0", "-x", *tests, PYTHONPATH=str(installed)
    )


def add(copy: Path) -> None:
    for name, text in ADDITIONS.items():
        path = copy / name
        if not path.is_file():
            raise ProofError(
                f"{name} is not there to be added to; see ADDITIONS in tools/one_more.py"
            )
        with path.open("a", encoding="utf-8") as file:
            file.write(text)


def install(copy: Path, installed: Path) -> None:
    options = ("--no-build-isolation", "--no-deps", "--target", str(installed))
    code, said = run(copy, sys.executable, "-m", "pip", "install", "--quiet", *options, ".")
    if code:
        raise ProofError(f"the copy does not build:\n{said[-4000:]}")
    print(f"built with additions to {', '.join(Path(name).name for name in ADDITIONS)}")


def show_that_all_works(copy: Path, installed: Path) -> None:
    code, said = tested(copy, installed, *TESTS)
    if code:
        raise ProofError(f"one more activation and one more loss do not work:\n{said[-6000:]}")
    print(f"with one more of each: {said.strip().splitlines()[-1]}")


def show_that_the_twin_is_asked(copy: Path, installed: Path) -> None:
    """Take the formulas out of the twin; a test of each kernel must say where they belong."""
    path = copy / TWIN
    with_them = path.read_text(encoding="utf-8")
    path.write_text(with_them.removesuffix(FORMULAS_OF_THE_TWIN), encoding="utf-8")
    for name, test in OF_THE_TWIN.items():
        code, said = tested(copy, installed, test)
        sentence = re.search(f"LookupError: ('{name}' .* in {TWIN})", said)
        if code != 1 or sentence is None:
            raise ProofError(f"{test} does not say that {TWIN} lacks a formula:\n{said[-4000:]}")
        print(f"without its formula: {sentence[1]}")
    path.write_text(with_them, encoding="utf-8")


def show_that_the_table_refuses(copy: Path) -> None:
    """Make the table smaller than what is registered, and import one level of kernels."""
    path = copy / TABLE
    before = path.read_text(encoding="utf-8")
    files = ("activation.pxi", "elementwise.pxi")
    activations = "".join((ROOT / LOOPS / name).read_text(encoding="utf-8") for name in files)
    for constant, few, words in REFUSALS:
        registered = len(re.findall(r"^entry = new_\w+\(", activations, re.MULTILINE))
        limit = registered if few is None else few
        text, found = re.subn(rf"\b{constant} = \d+", f"{constant} = {limit}", before)
        if not found:
            raise ProofError(f"{TABLE} has no {constant}; see REFUSALS in tools/one_more.py")
        path.write_text(text, encoding="utf-8")
        program = ONE_LEVEL.format(folder=str(copy / "build" / constant), loops=LOOPS)
        _, said = run(copy, sys.executable, "-c", program)
        sentence = re.search(rf"ImportError: (.*{words}: raise {constant} \({limit}\).*)", said)
        if sentence is None:
            raise ProofError(f"a table with {constant} = {limit} refuses nothing:\n{said[-4000:]}")
        print(f"with {constant} = {limit}: {sentence[1]}")
    path.write_text(before, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="for the copy; must not exist")
    copy = parser.parse_args().folder.absolute()
    installed = copy / "installed"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    try:
        add(copy)
        install(copy, installed)
        show_that_all_works(copy, installed)
        show_that_the_twin_is_asked(copy, installed)
        show_that_the_table_refuses(copy)
    except ProofError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
