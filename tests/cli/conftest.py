"""Running the command inside the test's process, in an empty folder."""

import pytest

from cyprop.cli import parser as cli


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run one command that must succeed, and return what it prints to standard output."""

    def command(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert (code, printed.err) == (0, "")
        return printed.out

    return command


@pytest.fixture
def failure(capsys):
    """Run one command that must fail with code 1, and return its one sentence."""

    def command(*arguments):
        assert cli.main([str(argument) for argument in arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("cyprop: ")
        assert error.count("\n") == 1
        return error

    return command
