"""cyprop train digits, and predicting with what it writes."""

import re
import shlex
import subprocess
import time

import numpy as np
import pandas
import pytest

import cyprop
from cyprop import datasets
from cyprop.cli import lesson
from cyprop.engine import memory
from cyprop.formats import safetensors as storage


def held_out_accuracy(printed):
    return float(re.search(r"^held out +accuracy ([\d.]+)%", printed, re.M)[1]) / 100


@pytest.mark.parametrize("seed", range(5))
def test_digits_are_learned(run, seed):
    started = time.perf_counter()
    printed = run("train", "digits", "--seed", seed)
    assert time.perf_counter() - started < 5
    pixels, digits = datasets.digits()
    held = datasets.held_out(len(digits), 0.2, seed, digits)
    assert [held[digits == digit].sum() for digit in range(10)] == [
        round(0.2 * count) for count in np.bincount(digits)
    ]
    network = cyprop.Network.load("digits.safetensors")
    accuracy = np.mean(network.predict(pixels[held]).argmax(axis=1) == digits[held])
    assert accuracy >= 0.96
    assert held_out_accuracy(printed) == pytest.approx(accuracy, abs=0.0006)


def test_digits_print_a_line_an_epoch_and_how_to_go_on(run):
    printed = run("train")
    epochs = re.findall(r"^ *(\d+)/25 +(\d+\.\d+) +(\d+\.\d+) +(\d+\.\d)%$", printed, re.M)
    assert [int(line[0]) for line in epochs] == list(range(1, 26))
    assert float(epochs[-1][1]) < float(epochs[0][1])
    assert re.search(r"^time .*s of training, [\d,]+ samples a second$", printed, re.M)
    assert re.search(r"^written +digits\.safetensors, [\d,]+ bytes$", printed, re.M)
    assert max(map(len, printed.splitlines()[:-1])) <= 96

    command = re.search(r"^Use it:  (.*)$", printed, re.M)[1]
    used = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=60)
    assert (used.returncode, used.stderr) == (0, "")
    assert "bit for bit as in training" in used.stdout
    accuracy = re.search(r"^held out +(accuracy [^,]*), bit", used.stdout, re.M)[1]
    assert accuracy in printed
    assert len(pandas.read_csv("predictions.csv")) == 1797


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_have_the_bits_of_the_trained_network(run, monkeypatch, dtype):
    pixels, _ = datasets.digits()
    trained = []
    save = cyprop.Network.save

    def recording(network, *arguments, **options):
        trained.append(network.predict(pixels))
        save(network, *arguments, **options)

    monkeypatch.setattr(cyprop.Network, "save", recording)
    run("train", "digits", "--dtype", dtype, "--epochs", 3, "-o", "m.safetensors")
    (outputs,) = trained
    run("predict", "m.safetensors", "digits", "-o", "p.npz")
    written = np.load("p.npz")
    assert written["outputs"].dtype == dtype
    assert written["outputs"].tobytes() == outputs.tobytes()
    assert written["prediction"].tolist() == outputs.argmax(axis=1).tolist()
    assert written["classes"].tolist() == [list(range(10))]

    run("predict", "m.safetensors", "digits", "-o", "p.csv")
    table = np.loadtxt("p.csv", delimiter=",", skiprows=1)
    assert table[:, 0].tolist() == list(range(1797))
    assert table[:, 1].tolist() == outputs.argmax(axis=1).tolist()
    assert table[:, 2].astype(dtype).tobytes() == outputs.max(axis=1).tobytes()


def test_other_bits_are_not_called_the_same(run):
    run("train", "digits", "--epochs", 2)
    network = cyprop.Network.load("digits.safetensors")
    network.biases[-1][3] += 1e-3
    network.save("other.safetensors", storage.read_metadata("digits.safetensors"))
    printed = run("predict", "other.safetensors", "digits", "-o", "p.csv")
    assert "all rows" in printed
    assert "bit for bit" not in printed


def test_the_same_seed_gives_the_same_file(run, folder):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("train", "digits", "--epochs", 2, "--seed", seed, "-o", f"{name}.safetensors")
    a, b, c = (cyprop.Network.load(f"{name}.safetensors") for name in "abc")
    assert a == b
    assert a != c


def test_without_held_out_rows_all_are_learned(run):
    printed = run("train", "digits", "--epochs", 2, "--validation", 0)
    assert "0 held out" in printed
    assert not re.search("^held out", printed, re.M)
    assert "bit for bit" not in run("predict", "digits.safetensors", "digits", "-o", "p.csv")


def test_the_last_fifth_of_the_epochs_is_slower(run, folder, monkeypatch):
    rates = []
    epochs = lesson.fit.epochs

    def recording(network, plan, n_epochs):
        for history in epochs(network, plan, n_epochs):
            rates.append(network.learning_rate)
            yield history

    monkeypatch.setattr(lesson.fit, "epochs", recording)
    run("train", "digits", "--epochs", 10, "--learning-rate", 0.5, "--optimizer", "sgd")
    assert rates == [0.5] * 8 + [0.05] * 2
    assert cyprop.Network.load(folder / "digits.safetensors").learning_rate == 0.5
    run("train", "digits", "--epochs", 4)
    assert rates[10:] == [0.002] * 4


def test_the_optimizer_keeps_its_moments_when_the_epochs_get_slower(run, monkeypatch):
    tallies = []
    epochs = lesson.fit.epochs

    def recording(network, plan, n_epochs):
        for history in epochs(network, plan, n_epochs):
            tallies.append(memory.state(network)[3][1])
            yield history

    monkeypatch.setattr(lesson.fit, "epochs", recording)
    run("train", "digits", "--epochs", 5)
    assert tallies == sorted(set(tallies))  # 1 − beta2^t grows, and never starts again
