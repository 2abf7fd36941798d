"""Calls that allocate nothing at all, neither from Python nor from C, not even for a moment."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ALLOCATE = ("predict(x)", "predict(X, Y)")  # which shows that the counter counts


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """For each call of calls_that_are_counted.py, its allocations and how often it was called."""
    here, shim = Path(__file__).parent, tmp_path_factory.mktemp("shim") / "counting_malloc.so"
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    command = [*compiler.split(), "-O2", "-fPIC", "-shared", str(here / "counting_malloc.c")]
    subprocess.run([*command, "-o", str(shim)], check=True)
    done = subprocess.run(
        [sys.executable, str(here / "calls_that_are_counted.py"), str(shim)],
        env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if platform.libc_ver()[0] == "glibc":

    def test_the_counter_counts(counts):
        shown = {call: count for call, count in counts.items() if call.startswith(ALLOCATE)}
        assert len(shown) == 8
        for call, (n_allocations, n_calls) in shown.items():
            assert n_allocations >= n_calls, call

    def test_nothing_is_allocated(counts):
        shown = {call: count for call, count in counts.items() if not call.startswith(ALLOCATE)}
        assert len(shown) == 20
        for call, (n_allocations, _) in shown.items():
            assert n_allocations == 0, call
