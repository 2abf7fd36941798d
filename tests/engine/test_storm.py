"""Everything at once, in threads, with signal handlers in between: some seconds of the storm."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

STORM = Path(__file__).parents[1] / "helpers" / "storm.py"

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")


def test_every_prediction_in_a_storm_is_of_a_complete_update():
    done = subprocess.run(
        [sys.executable, STORM, "--seconds", "4", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all was right" in done.stdout
    for what in ("copies", "bound", "handlers that raised", "handlers that used a network"):
        assert any(line.endswith(f"  {what}") for line in done.stdout.splitlines())
