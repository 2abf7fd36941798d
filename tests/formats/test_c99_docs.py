"""docs/export.md, followed as written in an empty folder."""

import re
import shlex
import subprocess
from pathlib import Path

from compiled_headers import COMPILER

TEXT = (Path(__file__).parents[2] / "docs/export.md").read_text(encoding="utf-8")


def test_the_example_runs_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [python] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    [c] = re.findall(r"```c\n(.*?)```", TEXT, re.DOTALL)
    [command] = re.findall(r"^    cc (.*) && \./main$", TEXT, re.MULTILINE)
    names = {}
    exec(python, names)
    Path("main.c").write_text(c, encoding="ascii")
    subprocess.run([*COMPILER, *shlex.split(command)], check=True)
    said = subprocess.run(["./main"], check=True, capture_output=True, text=True).stdout
    expected = names["net"].predict([0.1, -0.2, 0.3, 0.4])
    assert said == " ".join(f"{value:g}" for value in expected) + "\n"
