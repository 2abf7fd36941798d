"""The boxes of docs/coming-from.md that need another library run as written."""

import os
import re
from pathlib import Path

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
TEXT = (Path(__file__).parents[1] / "docs/coming-from.md").read_text(encoding="utf-8")
KINDS = ("torch", "keras", "sklearn")


def box(kind):
    return re.search(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)[1]


def test_no_other_box_needs_a_library():
    assert re.findall(r"^```python (.+)$", TEXT, re.M) == list(KINDS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_boxes_run_as_written(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(box("python"), names)
    exec(box(f"python {kind}"), names)
    assert names["net"].history.loss  # it has gone on to learn
