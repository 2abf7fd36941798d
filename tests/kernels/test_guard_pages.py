"""No call reads or writes outside its arrays, at any size, in the build that people use."""

import subprocess
import sys
from pathlib import Path

import pytest

from cyprop.kernels import dispatch

PROGRAM = Path(__file__).parents[1] / "helpers" / "guarded_calls.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("level", dispatch.supported())
def test_no_call_leaves_its_arrays(level, dtype, tmp_path):
    done = run(level, dtype, tmp_path / "call")
    call = (tmp_path / "call").read_bytes().decode().rstrip()
    assert done.stdout == "no call left its arrays\n", (call, done.returncode, done.stderr)


@pytest.mark.parametrize("side", ["end", "start"])
def test_a_byte_outside_would_end_the_program(side, tmp_path):
    done = run("baseline", "float32", tmp_path / f"{side} overrun")
    assert done.returncode < 0
    assert (tmp_path / f"{side} overrun").read_bytes().startswith(b"guarded [(3,)]")
