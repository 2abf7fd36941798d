"""The programs of docs/scikit-learn.md: one line apart, and they print the same."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scikit-learn.md"
OURS, THEIRS = (
    f"from {module} import MLPClassifier" for module in ("cyprop.sklearn", "sklearn.neural_network")
)


def test_the_programs_print_what_stands_below_them(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    before, after = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [expected] = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert before.count(THEIRS) == 1
    assert before.replace(THEIRS, OURS) == after
    for program in (before, after):
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert (done.stdout, done.stderr) == (expected, "")
