"""Choosing an instruction set."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cyprop
from cyprop.kernels import activation, dispatch


@pytest.fixture(autouse=True)
def restore_level():
    before = dispatch.level()
    yield
    dispatch.use(before)


def test_the_level_is_the_best_that_is_supported_and_built():
    usable = [level for level in dispatch.supported() if level in dispatch.built()]
    forced = os.environ.get("CYPROP_ISA")
    assert dispatch.level() == (forced or usable[-1])
    assert "baseline" in usable


def test_every_supported_level_can_be_used():
    for level in dispatch.supported():
        dispatch.use(level)
        assert dispatch.level() == level
        Z = np.zeros((1, 3))
        activation.forward("sigmoid", Z, Z)
        assert (Z == 0.5).all()


def test_every_level_has_the_same_names():
    found = set()
    for level in dispatch.supported():
        dispatch.use(level)
        found.add(activation.names())
    assert len(found) == 1


def test_a_network_keeps_the_level_it_was_made_with(rng):
    X, Y = rng.normal(size=(9, 5)), rng.normal(size=(9, 2))
    for level in dispatch.supported():
        dispatch.use(level)
        kept, moved = (cyprop.Network([5, 17, 2], dtype="float64") for _ in range(2))
        kept.train_on_batch(X, Y)
        for other in dispatch.supported():
            dispatch.use(other)
            again = cyprop.Network([5, 17, 2], dtype="float64")
            del again
        moved.optimizer = cyprop.SGD()
        moved.train_on_batch(X, Y)
        assert kept.parameters.tobytes() == moved.parameters.tobytes()


def test_an_unknown_level_is_refused():
    before = dispatch.level()
    with pytest.raises(ValueError, match="'sse9' is unknown; known are baseline, avx2, avx512"):
        dispatch.use("sse9")
    with pytest.raises(TypeError, match="name"):
        dispatch.use(None)
    assert dispatch.level() == before


def test_a_level_that_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(dispatch, "supported", lambda: ("baseline",))
    with pytest.raises(RuntimeError, match="'avx2' is not supported by this processor"):
        dispatch.use("avx2")


def test_the_environment_cannot_choose_what_the_processor_lacks(monkeypatch):
    before = dispatch.level()
    monkeypatch.setattr(dispatch, "supported", lambda: ("baseline", "avx2"))
    monkeypatch.setenv("CYPROP_ISA", "avx512")
    with pytest.raises(ImportError) as caught:
        dispatch._choose()
    assert str(caught.value) == (
        "CYPROP_ISA: instruction set 'avx512' is not supported by this processor,"
        " which has baseline, avx2"
    )
    assert dispatch.level() == before


def import_with(level):
    return subprocess.run(
        [sys.executable, "-c", "from cyprop.kernels import dispatch; print(dispatch.level())"],
        env={**os.environ, "CYPROP_ISA": level}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("level", dispatch.supported())
def test_the_environment_chooses(level):
    assert import_with(level).stdout.strip() == level


def test_an_unknown_level_in_the_environment_is_named():
    done = import_with("sse9")
    assert done.returncode == 1
    assert "ImportError: CYPROP_ISA: instruction set 'sse9' is unknown" in done.stderr
