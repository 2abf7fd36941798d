"""The tests of the examples run against a wheel: `pytest examples --wheel dist/cyprop-….whl`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ["cython>=3", "setuptools>=77"]  # for building; the index has to have them
UNWANTED = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CYPROP_ISA"}


def pytest_addoption(parser):
    text = "the wheel of cyprop to build the examples against"
    parser.addoption("--wheel", type=Path, required=True, metavar="FILE", help=text)


class Environment:
    """A virtual environment that has the wheel and knows nothing of the checkout."""

    def __init__(self, folder, wheel, *tools):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.variables = {k: v for k, v in os.environ.items() if k not in UNWANTED}
        self.variables["PATH"] = f"{scripts}{os.pathsep}{self.variables['PATH']}"
        self.variables["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        self.run(folder, "pip", "install", wheel, *tools)

    def run(self, folder, *command, **variables):
        """What a command that succeeds prints; one that fails fails the test."""
        done = self.attempt(folder, *command, **variables)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(self, folder, *command, **variables):
        program = shutil.which(command[0], path=self.variables["PATH"])
        return subprocess.run(
            [program, *map(str, command[1:])],
            cwd=folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="session")
def wheel(request):
    return request.config.getoption("--wheel").resolve(strict=True)


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """With what builds extensions, shared by the tests."""
    return Environment(tmp_path_factory.mktemp("environment"), wheel, *TOOLS)


@pytest.fixture
def stock(wheel, tmp_path_factory):
    """As Python makes it, with cyprop: what a stranger has, who must be told all the rest."""
    return Environment(tmp_path_factory.mktemp("stock"), wheel)
