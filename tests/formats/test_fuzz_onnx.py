"""The program that tries damaged ONNX files: a short run of it, and that it finds what is wrong."""

import fuzz_onnx
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_short_run_finds_nothing(folder, capsys):
    assert fuzz_onnx.main(["--seconds", "60", "--cases", "200", "--seed", "1"]) == 0
    found = capsys.readouterr().out.split("\n")[-2].replace(",", "").split()
    assert found[0] == "200"
    assert int(found[6]) > 25  # that were computed a second time
    assert list(folder.iterdir()) == []


def test_a_case_depends_on_its_number_alone(folder):
    known = fuzz_onnx.make_files(folder)
    cases = [
        [
            fuzz_onnx.damaged(np.random.Generator(np.random.PCG64([7, case])), known)
            for case in order
        ]
        for order in (range(50), reversed(range(50)))
    ]
    assert cases[0] == cases[1][::-1]
    assert len(set(cases[0])) > 45


def other_weights(chain):
    W, b, rule = chain.layers[0]
    return chain._replace(layers=(type(chain.layers[0])(W * 1.001, b, rule), *chain.layers[1:]))


def too_much_memory(chain):
    np.ones(2**21, np.uint8)
    return chain


def raises_something_else(chain):
    raise KeyError("W1")


MISTAKES = {
    "it predicts": other_weights,
    "it takes 2": too_much_memory,
    "KeyError": raises_something_else,
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_are_found(folder, monkeypatch, capsys, message):
    right = fuzz_onnx.read
    files = fuzz_onnx.make_files(folder)[:1]
    (folder / "net").unlink()
    calls = iter([lambda chain: chain])  # before memory is compared
    monkeypatch.setattr(fuzz_onnx, "make_files", lambda folder: files)
    monkeypatch.setattr(fuzz_onnx, "read", lambda path: next(calls, MISTAKES[message])(right(path)))
    assert fuzz_onnx.main(["--seed", "1"]) == 1
    assert message in capsys.readouterr().err
    [kept] = folder.iterdir()
    assert kept.suffix == ".onnx"
