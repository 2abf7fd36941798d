"""Bits that are promised: what networks learn and predict, on each level of this processor."""

import importlib.util
from pathlib import Path

import pytest

from cyprop.kernels import dispatch

TOOL = Path(__file__).parents[1] / "tools" / "fingerprint.py"


def loaded():
    spec = importlib.util.spec_from_file_location("fingerprint", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = loaded()


def test_every_part_is_promised():
    assert {family: list(parts) for family, parts in tool.PROMISED.items()} == {
        family: list(tool.PARTS) for family in ("with FMA", "without FMA")
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", tool.PARTS)
def test_bits_are_as_promised(level, part, dtype):
    promised = tool.PROMISED[tool.family(level)][part]
    assert tool.fingerprint(part, dtype) == promised[dtype == "float64"]
    assert dispatch.level() == level
