"""cyprop.show_config: what was built, what was chosen, and what chooses."""

import platform
import re
import sys

import numpy as np
import pytest

import cyprop
from cyprop.kernels import dispatch


def test_it_says_what_is_so():
    config = cyprop.show_config("dicts")
    assert config["Versions"] == {
        "cyprop": cyprop.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    assert config["Instruction Sets"] == {
        "chosen": dispatch.level(),
        "built": list(dispatch.built()),
        "supported": list(dispatch.supported()),
    }
    build = config["Build"]
    assert build["compiler"] in ("gcc", "clang", "msvc")
    for version in (build["compiler version"], build["cython"], build["numpy"]):
        assert re.match(r"\d+\.?\d*", version)
    assert list(config["Flags of a Level"]) == list(dispatch.built())


def test_the_flags_allow_no_fast_arithmetic():
    config = cyprop.show_config("dicts")
    flags = config["Build"]["flags"]
    strict = "/fp:precise" if sys.platform == "win32" else "-fno-fast-math"
    loose = [i for i, flag in enumerate(flags) if flag in ("-ffast-math", "-Ofast", "/fp:fast")]
    assert flags.index(strict) > max(loose, default=-1)
    levels = config["Flags of a Level"]
    assert not any(flag.startswith("-m") for flag in levels["baseline"])
    if "avx2" in levels and sys.platform != "win32":
        assert {"-mavx2", "-mfma"} <= set(levels["avx2"])
        assert "-mavx512f" not in levels["avx2"]


def test_it_follows_the_level_in_use():
    before = dispatch.level()
    try:
        for level in dispatch.supported():
            dispatch.use(level)
            assert cyprop.show_config("dicts")["Instruction Sets"]["chosen"] == level
    finally:
        dispatch.use(before)


def test_it_prints_the_same(capsys):
    assert cyprop.show_config() is None
    printed = capsys.readouterr().out
    for title, entries in cyprop.show_config("dicts").items():
        assert f"{title}:\n" in printed
        for name, value in entries.items():
            text = value if isinstance(value, str) else " ".join(value)
            assert f"  {name}: {text}\n" in printed


@pytest.mark.parametrize("mode", ["json", None, 3])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match=f"mode is {mode!r}, expected 'stdout' or 'dicts'"):
        cyprop.show_config(mode)


def test_a_caller_may_change_what_it_was_given():
    cyprop.show_config("dicts")["Build"].clear()
    assert cyprop.show_config("dicts")["Build"]
