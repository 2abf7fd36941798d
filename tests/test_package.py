"""The package as installed: what it carries, what it says of itself, and what importing it does."""

import os
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import cyprop

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints for the code; an error in it fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_version_is_the_distributions():
    assert cyprop.__version__ == metadata.version("cyprop")
    assert re.fullmatch(r"\d+\.\d+\.\d+", cyprop.__version__)


def test_every_public_name_is_there():
    assert sorted(cyprop.__all__) == [
        "Activation",
        "AdaGrad",
        "Adam",
        "AdamW",
        "CELU",
        "Callback",
        "Checkpoint",
        "Constant",
        "Cosine",
        "CrossEntropy",
        "DivergenceError",
        "ELU",
        "EarlyStopping",
        "Exponential",
        "FormatError",
        "GradientCheck",
        "Gradients",
        "History",
        "Huber",
        "InverseScaling",
        "LBFGS",
        "LeakyReLU",
        "Loss",
        "Network",
        "OneCycle",
        "Optimizer",
        "Polynomial",
        "Quantile",
        "RMSprop",
        "ReduceOnPlateau",
        "SGD",
        "Schedule",
        "Settings",
        "Step",
        "StopTraining",
        "__version__",
        "check_gradients",
        "fit_many",
        "from_keras",
        "from_sklearn",
        "from_torch",
        "get_include",
        "load",
        "show_config",
    ]
    assert all(hasattr(cyprop, name) for name in cyprop.__all__)
    assert run("import cyprop; print(set(cyprop.__all__) <= set(dir(cyprop)))") == "True"


def test_dir_has_what_is_meant_for_users():
    shown = run("import cyprop; print(*(name for name in dir(cyprop) if name[:2] != '__'))")
    public = {name for name in cyprop.__all__ if name != "__version__"}
    assert set(shown.split()) == public | {"datasets", "interface", "storage"}
    assert {"__doc__", "__version__"} <= set(dir(cyprop))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'cyprop' has no attribute 'Netwrok'"):
        _ = cyprop.Netwrok


def public_things():
    """What a user may call, and every public method and property of it."""
    from cyprop import datasets, interface
    from cyprop.engine import bound
    from cyprop.formats import safetensors as storage

    things = [getattr(cyprop, name) for name in cyprop.__all__ if name != "__version__"]
    things += [getattr(storage, name) for name in storage.__all__]
    things += [datasets.digits, datasets.held_out, bound.BoundPrediction, interface.Handle]
    for thing in things:
        if isinstance(thing, type) and issubclass(thing, BaseException):
            continue
        yield thing.__qualname__, thing
        if thing in (cyprop.Network, bound.BoundPrediction, interface.Handle):
            for name in dir(thing):
                if not name.startswith("_"):
                    yield f"{thing.__name__}.{name}", getattr(thing, name)


@pytest.mark.parametrize(("name", "thing"), dict(public_things()).items())
def test_every_docstring_tells_its_thread_safety(name, thing):
    assert "Thread-safety: " in thing.__doc__, name


@pytest.mark.parametrize(
    "file",
    [
        "py.typed",
        "__init__.pxd",
        "engine/chain.pxd",
        "engine/engine.pxd",
        "engine/engine.pyi",
        "engine/bound.pyi",
        "engine/flag.h",
        "engine/team.h",
        "interface.pxd",
        "interface.pyi",
        "include/cyprop.h",
        "kernels/table.pxd",
        "kernels/dense.pyi",
        "kernels/loops/activations.h",
        "kernels/loops/elementary.h",
        "formats/dense.h",
        "data/digits.npz",
        "data/digits.txt",
    ],
)
def test_the_package_carries(file):
    assert resources.files("cyprop").joinpath(file).is_file()


def test_the_package_carries_every_header_that_its_declarations_name():
    package = Path(cyprop.__file__).parent
    named = {
        (file, header)
        for file in package.rglob("*.pxd")
        for header in re.findall(r'cdef extern from "([^"]+)"', file.read_text(encoding="utf-8"))
        if header not in ("Python.h", "numpy/arrayobject.h")
    }
    assert {header for _, header in named} >= {"flag.h", "meeting.h"}
    assert [header for file, header in named if not (file.parent / header).is_file()] == []


def test_only_numpy_and_safetensors_are_needed():
    needed = {
        re.match(r"[\w-]+", line)[0] for line in metadata.requires("cyprop") if "extra" not in line
    }
    assert needed == {"numpy", "safetensors"}


def test_importing_loads_nothing_optional():
    optional = ["pandas", "pyarrow", "matplotlib", "tqdm", "importlib.metadata"]
    optional += ["cyprop.cli", "cyprop.training.fit", "cyprop.training.history"]
    optional += ["cyprop.training.schedules", "cyprop.checking"]
    optional += ["cyprop.storage", "cyprop.formats.atomic", "cyprop.formats.load", "cyprop.tables"]
    optional += ["cyprop.sklearn", "sklearn", "cyprop.dask", "dask"]
    optional += ["dataclasses", "inspect", "copy", "json", "numpy.typing", "numpy.random"]
    loaded = run(
        "import numpy, sys; before = set(sys.modules); import cyprop;"
        f" print([m for m in {optional} if m in set(sys.modules) - before])"
    )
    assert loaded == "[]"


def test_estimators_without_scikit_learn_say_what_to_install():
    code = "import sys; sys.modules['sklearn'] = None\ntry:\n    import cyprop.sklearn\n"
    assert run(code + "except ImportError as error:\n    print(error)") == (
        "cyprop.sklearn needs scikit-learn of version 1.6 or newer: pip install 'cyprop[sklearn]'"
    )


def test_importing_leaves_denormals_alone():
    halved = run(
        "import numpy, cyprop\n"
        "from cyprop.kernels import dispatch\n"
        "for level in dispatch.built():\n"
        "    if level in dispatch.supported(): dispatch.use(level)\n"
        "print(all((numpy.full(64, 1e-39, dtype='float32') / 2) > 0), numpy.full(1, 5e-324)[0] > 0)"
    )
    assert halved == "True True"


def test_an_instruction_set_is_chosen_by_name():
    code = "from cyprop.kernels import dispatch; print(dispatch.level())"
    assert run(code, CYPROP_ISA="baseline") == "baseline"


def test_an_unknown_instruction_set_is_one_sentence():
    code = "try:\n    import cyprop\nexcept ImportError as error:\n    print(error)"
    assert run(code, CYPROP_ISA="mmx") == (
        "CYPROP_ISA: instruction set 'mmx' is unknown; known are baseline, avx2, avx512"
    )


def test_the_licences_are_those_of_the_code_and_of_the_digits():
    said = metadata.metadata("cyprop")
    assert said["License-Expression"] == "MIT AND CC-BY-4.0"
    assert said.get_all("License-File") == ["LICENSE", "src/cyprop/data/digits.txt"]
    digits = resources.files("cyprop").joinpath("data/digits.txt").read_text(encoding="utf-8")
    assert "Creative Commons Attribution 4.0 International (CC BY 4.0)" in digits


@pytest.mark.parametrize("file", ["README.md", "docs/design.md"])
def test_what_chooses_an_instruction_set_is_written_down(file):
    assert "CYPROP_ISA" in (ROOT / file).read_text(encoding="utf-8")


def test_the_readme_names_kernels_and_tests_that_exist():
    rows = re.findall(
        r"^\| (\d) \| .* \| `([\w/]+\.pxi)`: `(\w+)` \| `(test_equation_\d_)\*` \|$", README, re.M
    )
    assert [row[0] for row in rows] == list("23456789")
    tests = (ROOT / "tests/engine/test_derivatives.py").read_text(encoding="utf-8")
    for _, file, kernel, test in rows:
        source = (ROOT / "src/cyprop/kernels/loops" / file).read_text(encoding="utf-8")
        assert f"cdef void {kernel}(" in source
        assert f"def {test}" in tests
