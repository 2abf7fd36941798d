"""The program that tries damaged files: a short run of it, and that it finds what is wrong."""

import fuzz_load
import numpy as np
import pytest

import cyprop


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_short_run_finds_nothing(folder, capsys):
    assert fuzz_load.main(["--seconds", "60", "--cases", "300", "--seed", "1"]) == 0
    assert "300 files" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def test_a_case_depends_on_its_number_alone(folder):
    files = fuzz_load.save_networks(folder)
    cases = [
        [
            fuzz_load.damaged(np.random.Generator(np.random.PCG64([7, case])), files)
            for case in order
        ]
        for order in (range(50), reversed(range(50)))
    ]
    assert cases[0] == cases[1][::-1]
    assert len(set(cases[0])) == 50


def other_weights(net, X, Y):
    net.weights[0][0, 0] += 1
    return net, X, Y


def too_much_memory(net, X, Y):
    np.ones(2**21, np.uint8)
    return net, X, Y


def raises_something_else(net, X, Y):
    raise KeyError("0.weight")


MISTAKES = {
    "its parameters become others": other_weights,
    "it predicts": lambda net, X, Y: (net, X, Y * net.dtype.type(1 + 1e-3)),
    "NaN is no answer": lambda net, X, Y: (net, X, Y * np.nan),
    "it takes 2": too_much_memory,
    "KeyError": raises_something_else,
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_are_found(folder, monkeypatch, capsys, message):
    right = fuzz_load.load_and_predict
    monkeypatch.setattr(fuzz_load, "save_networks", lambda folder: [saved(folder)])
    monkeypatch.setattr(fuzz_load, "load_and_predict", lambda path: mistaken(right(path)))
    calls = iter([lambda *right: right])  # before memory is traced

    def mistaken(answer):
        return next(calls, MISTAKES[message])(*answer)

    assert fuzz_load.main(["--seed", "1"]) == 1
    error = capsys.readouterr().err
    assert ("it predicts" if "NaN" in message else message) in error
    [kept] = folder.iterdir()
    assert kept.name in error
    assert cyprop.Network.load(kept).sizes == (4, 8, 3)


def saved(folder):
    cyprop.Network([4, 8, 3]).save(folder / "net")
    return (folder / "net").read_bytes()
