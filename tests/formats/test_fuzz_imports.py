"""The program that tries damaged files of other libraries: a short run, and what it finds."""

import fuzz_imports
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*more):
    return fuzz_imports.main(["--kinds", "pt,safetensors,sb3", "--seed", "1", *more])


def test_a_short_run_finds_nothing(folder, capsys):
    assert run("--cases", "150", "--seconds", "60") == 0
    assert "150 files" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def test_a_case_depends_on_its_number_alone():
    known = [fuzz_imports.made(np.random.Generator(np.random.PCG64(7)), "safetensors")] * 2

    def case(number, kind):
        return fuzz_imports.damaged(np.random.Generator(np.random.PCG64([7, number])), kind, known)

    # A zip holds the time it was made at.
    one, two = ([case(number, "safetensors") for number in order]
                for order in (range(30), reversed(range(30))))  # fmt: skip
    assert one == two[::-1]
    assert len(set(one)) > 25


def other_weights(chain):
    W = chain.layers[0].W.copy()
    W[0, 0] += 1
    return chain._replace(layers=(chain.layers[0]._replace(W=W), *chain.layers[1:]))


def too_much_memory(chain):
    np.ones(2**21, np.uint8)
    return chain


def raises_something_else(chain):
    raise KeyError("0.weight")


def fewer_layers(chain):
    return chain._replace(layers=chain.layers * 2)


MISTAKES = {
    "its weights become others": other_weights,
    "it takes 2": too_much_memory,
    "KeyError": raises_something_else,
    "it becomes": fewer_layers,
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_are_found(folder, monkeypatch, capsys, message):
    right = fuzz_imports.READERS["pt"]
    calls = iter([lambda chain: chain])  # before memory is traced
    monkeypatch.setitem(
        fuzz_imports.READERS, "pt", lambda file: next(calls, MISTAKES[message])(right(file))
    )
    assert fuzz_imports.main(["--kinds", "pt", "--seed", "1", "--seconds", "60"]) == 1
    assert message in capsys.readouterr().err
    [kept] = folder.iterdir()
    assert kept.suffix == ".pt"
