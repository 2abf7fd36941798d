"""The command, as typed: what it prints, what it writes, and how it ends."""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas
import pytest

import cyprop
from cyprop import cli, commands, datasets, storage
from cyprop.kernels import activation


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run one command that must succeed, and return what it prints to standard output."""

    def command(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert (code, printed.err) == (0, "")
        return printed.out

    return command


@pytest.fixture
def failure(capsys):
    """Run one command that must fail with code 1, and return its one sentence."""

    def command(*arguments):
        assert cli.main([str(argument) for argument in arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("cyprop: ")
        assert error.count("\n") == 1
        return error

    return command


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, **options
    )


def fruits(n=300, seed=0):
    """A table whose price is a sum over its columns and whose kind follows from two of them."""
    rng = np.random.default_rng(seed)
    frame = pandas.DataFrame(
        {
            "weight": rng.uniform(100, 200, n),
            "ripe": rng.random(n) < 0.5,
            "colour": rng.choice(["red", "green", "blue"], n),
            "label": 7,
        }
    )
    frame["price"] = 0.05 * frame.weight + 2 * frame.ripe + 3 * (frame.colour == "red") + 1
    frame["kind"] = np.where(frame.weight > 150, "melon", np.where(frame.ripe, "plum", "pear"))
    return frame


def held_out_accuracy(printed):
    return float(re.search(r"^held out +accuracy ([\d.]+)%", printed, re.M)[1]) / 100


# Digits


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


def test_the_last_fifth_of_the_epochs_is_slower(run, monkeypatch):
    rates = []
    epochs = commands.training.epochs

    def recording(network, *arguments, **options):
        rates.append((options["n_epochs"], network.optimizer.learning_rate))
        return epochs(network, *arguments, **options)

    monkeypatch.setattr(commands.training, "epochs", recording)
    run("train", "digits", "--epochs", 10, "--learning-rate", 0.5, "--optimizer", "sgd")
    assert rates == [(8, 0.5), (2, 0.05)]
    run("train", "digits", "--epochs", 4)
    assert rates[2:] == [(4, 0.002)]


# Tables


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_regression_finds_the_sum(run, suffix):
    frame = fruits()
    path = Path(f"fruits{suffix}")
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    printed = run(
        *("train", path, "--target", "price", "--drop", "kind", "--hidden", "none"),
        *("--epochs", 60, "--learning-rate", 0.02, "--dtype", "float64"),
    )
    assert "regression: 'price' holds 300 different numbers" in printed
    assert "6-1, identity: 7 parameters, float64" in printed
    network = cyprop.Network.load("fruits.safetensors")
    assert network.sizes == (6, 1)
    # weight, ripe, blue, green, red, label: the raw columns' own coefficients
    W = network.weights[0][:, 0]
    assert W[0] == pytest.approx(0.05, rel=1e-3)
    assert W[1] == pytest.approx(2, rel=1e-3)
    assert W[4] - W[3] == pytest.approx(3, rel=1e-3)
    assert W[3] - W[2] == pytest.approx(0, abs=1e-3)
    assert W[5] == 0
    run("predict", "fruits.safetensors", path, "-o", "p.parquet")
    predicted = pandas.read_parquet("p.parquet")
    assert list(predicted.columns) == ["row", "prediction"]
    np.testing.assert_allclose(predicted.prediction, frame.price, rtol=0, atol=5e-3)


def test_classification_names_its_classes(run):
    frame = fruits(600)
    frame.to_csv("fruits.csv", index=False)
    printed = run("train", "fruits.csv", "--target", "kind", "--drop", "price", "--epochs", 60)
    assert "classification, 3 classes: 'kind' holds 3 different texts" in printed
    assert held_out_accuracy(printed) > 0.9
    run("predict", "fruits.safetensors", "fruits.csv", "-o", "p.csv")
    predicted = pandas.read_csv("p.csv")
    assert list(predicted.columns) == ["row", "prediction", "probability"]
    assert np.mean(predicted.prediction == frame.kind) > 0.9
    assert predicted.probability.between(1 / 3, 1).all()


def test_columns_are_found_by_name_and_others_ignored(run, capsys):
    frame = fruits()
    frame.to_csv("fruits.csv", index=False)
    run("train", "fruits.csv", "--target", "kind", "--epochs", 2)
    run("predict", "fruits.safetensors", "fruits.csv", "-o", "a.csv")
    other = frame[reversed(frame.columns)].drop(columns="kind").assign(more="?")
    other.to_csv("other.csv", index=False)
    assert run("predict", "fruits.safetensors", "other.csv") == Path("a.csv").read_text()


def test_npz_tables(run):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2, 2))
    np.savez("waves.npz", X=X, y=(X.sum(axis=(1, 2)) > 0))
    printed = run("train", "waves.npz", "--target", "y", "--epochs", 20)
    assert "'y' holds 2 different truth values" in printed
    assert held_out_accuracy(printed) > 0.9
    run("predict", "waves.safetensors", "waves.npz", "-o", "p.npz")
    assert np.load("p.npz")["prediction"].dtype == bool


def test_rows_with_gaps_are_refused_or_skipped(run, failure):
    frame = fruits()
    frame.loc[[4, 9], "weight"] = np.nan
    frame.loc[9, "kind"] = None
    frame.loc[11, "price"] = None
    frame.to_csv("fruits.csv", index=False)
    command = ["train", "fruits.csv", "--target", "kind", "--drop", "price", "--epochs", 2]
    assert "'kind' of fruits.csv holds no value in row 9, counted from 0" in failure(*command)
    assert "298 rows, 2 skipped for missing values" in run(*command, "--skip-missing")
    command = ["predict", "fruits.safetensors", "fruits.csv", "-o", "p.csv"]
    assert "'weight' of fruits.csv holds no value in row 4" in failure(*command)
    run(*command, "--skip-missing")
    assert pandas.read_csv("p.csv").row.tolist() == [i for i in range(300) if i not in (4, 9)]


def test_columns_that_need_float64_get_it(run, capsys):
    frame = fruits(100)
    frame["moment"] = 1.7e9 + np.arange(100)
    frame.to_csv("fruits.csv", index=False)
    command = ["train", "fruits.csv", "--target", "price", "--epochs", "2"]
    printed = " ".join(run(*command).split())
    assert "float64, since float32 cannot tell the values of 'moment' apart" in printed
    assert cyprop.Network.load("fruits.safetensors").dtype == np.float64
    assert cli.main([*command, "--dtype", "float32"]) == 0
    assert "cannot tell the values of 'moment' apart; float64 can" in capsys.readouterr().err


def test_options_reach_the_network(run):
    fruits().to_csv("fruits.csv", index=False)
    run(
        *("train", "fruits.csv", "--target", "price", "--hidden", "7,5", "--activation", "sigmoid"),
        *("--optimizer", "sgd", "--learning-rate", 0.25, "--epochs", 1, "--dtype", "float64"),
        *("--batch-size", 10, "--task", "regression", "-o", "out.safetensors"),
    )
    network = cyprop.Network.load("out.safetensors")
    assert network.sizes == (9, 7, 5, 1)
    assert network.activations == ("sigmoid", "sigmoid", "identity")
    assert (network.loss, network.dtype.name) == ("mse", "float64")
    assert network.optimizer == cyprop.SGD(learning_rate=0.25)


def test_the_task_can_be_said(run):
    pandas.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 5}).to_csv("t.csv", index=False)
    assert "classification, 5" in run("train", "t.csv", "--target", "y", "--epochs", 1)
    said = ["--task", "regression"]
    assert "regression: 'y'" in run("train", "t.csv", "--target", "y", "--epochs", 1, *said)


def test_info_says_what_is_in_a_file(run):
    fruits().to_csv("fruits.csv", index=False)
    run("train", "fruits.csv", "--target", "kind", "--hidden", "6", "--epochs", 1)
    lines = dict(re.findall(r"^ *(\w+)  +(.*)$", run("info", "fruits.safetensors"), re.M))
    assert lines["layers"] == "7-6-3"
    assert lines["activations"] == "relu, softmax"
    assert lines["loss"] == "cross_entropy"
    assert lines["parameters"] == "69"
    assert lines["optimizer"].startswith("Adam(learning_rate=0.002,")
    assert lines["target"] == "kind: classification, 3 classes"
    assert lines["classes"] == "melon, pear, plum"
    assert lines["columns"] == "weight, ripe, colour, label, price"
    assert lines["colour"] == "blue, green, red"


def test_info_and_predict_on_a_network_without_names(run, failure):
    cyprop.Network([3, 2]).save("plain.safetensors")
    printed = run("info", "plain.safetensors")
    assert "3-2" in printed
    assert "columns" not in printed
    assert "plain.safetensors has no column names" in failure(
        "predict", "plain.safetensors", "digits"
    )


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"inputs": [{"name": "a"}], "target": "y", "classes": null}', "other columns than its"),
    ],
)
def test_spoilt_notes_are_refused(failure, notes, message):
    cyprop.Network([3, 2]).save("m.safetensors", {commands.NOTES: notes})
    assert message in failure("predict", "m.safetensors", "digits")
    assert message in failure("info", "m.safetensors")


# Pictures


def test_plot_draws_the_losses(run):
    printed = run("train", "digits", "--epochs", 3, "--plot", "loss.png")
    assert re.search(r"^plot +loss\.png$", printed, re.M)
    assert Path("loss.png").read_bytes().startswith(b"\x89PNG\r\n")
    run("train", "digits", "--epochs", 3, "--validation", 0, "--plot", "loss.svg")
    drawn = Path("loss.svg").read_text()
    assert "training" in drawn
    assert "held out" not in drawn


def test_plots_need_matplotlib_and_say_so_before_training(failure, monkeypatch):
    assert "does not end in a format" in failure("train", "digits", "--plot", "loss.xyz")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'cyprop[plot]'" in failure("train", "digits", "--plot", "loss.png")
    assert not Path("digits.safetensors").exists()


# How it ends


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train none.csv --target x", "none.csv: No such file or directory"),
        ("train t.txt --target x", "t.txt does not end in .csv, .parquet or .npz"),
        ("train t.csv --target z", "t.csv has no column 'z'; it has 'x', 'y'"),
        ("train t.csv --target y -o t.csv", "t.csv would be overwritten while it is read"),
        ("train t.csv --target y -o none/m", "none is not a directory to write m into"),
        ("train t.csv --target y -o .", ". is a directory, expected a file to write"),
        ("train digits --activation softmax", "'softmax' is for the output layer"),
        ("train digits --hidden 99999999999999999", "too many parameters"),
        ("train digits --learning-rate 1e38", "the loss became non-finite in epoch 0"),
        ("predict none.safetensors digits", "none.safetensors: No such file or directory"),
        ("predict t.csv digits", "cannot load 't.csv'"),
        ("predict m.safetensors t.csv", "t.csv has no column 'pixel_0_0', 'pixel_0_1'"),
        ("predict m.safetensors digits -o p.txt", "p.txt does not end in .csv"),
        ("predict m.safetensors digits -o m.safetensors", "m.safetensors would be overwritten"),
        ("info t.csv", "cannot load 't.csv'"),
    ],
)
def test_failures_are_one_sentence(run, failure, command, message):
    Path("t.csv").write_text("x,y\n1,2\n2,1\n3,2\n")
    if "m.safetensors" in command:
        run("train", "digits", "--epochs", 1, "-o", "m.safetensors")
    assert message in failure(*command.split())
    assert Path("t.csv").read_text() == "x,y\n1,2\n2,1\n3,2\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "cyprop: not enough memory\n"),
        (MemoryError("for\n 8 bytes"), "cyprop: not enough memory: for 8 bytes\n"),
        (OSError(28, "No space left on device"), "cyprop: No space left on device\n"),
        (ValueError("two\nlines"), "cyprop: two lines\n"),
        (ValueError(), "cyprop: ValueError\n"),
    ],
)
def test_every_failure_is_one_line(failure, monkeypatch, error, sentence):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(commands.tables, "digits", fail)
    assert failure("train", "digits") == sentence


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("learn", "invalid choice: 'learn'"),
        ("train t.csv", "--target COLUMN"),
        ("train digits --target x", "--target does not go with the digits"),
        ("train digits --skip-missing", "--skip-missing does not go with the digits"),
        ("train digits --epochs 0", "'0' is not a whole number of at least 1"),
        ("train digits --batch-size 1.5", "'1.5' is not a whole number of at least 1"),
        ("train digits --hidden 8,", "'' is not a whole number of at least 1"),
        ("train digits --hidden -3", "'-3' is not a whole number of at least 1"),
        ("train digits --learning-rate inf", "'inf' is not a positive number"),
        ("train digits --learning-rate nan", "'nan' is not a positive number"),
        ("train digits --validation 1", "'1' is not a number of at least 0 and below 1"),
        ("train digits --seed -1", "'-1' is not a whole number of at least 0"),
        ("train digits --dtype float16", "invalid choice: 'float16'"),
        ("train digits --activation step", "invalid choice: 'step'"),
        ("train digits --optimizer lion", "invalid choice: 'lion'"),
        ("predict m.safetensors", "the following arguments are required: TABLE"),
        ("info", "the following arguments are required: MODEL"),
    ],
)
def test_mistyped_commands_end_with_2(capsys, command, message):
    with pytest.raises(SystemExit) as ended:
        cli.main(command.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_help_names_every_activation(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in activation.names())


def test_both_ways_to_run_it():
    script = Path(sys.executable).with_name("cyprop")
    for arguments in (["--version"], ["--help"], [], ["train", "--help"], ["info", "none"]):
        module = python("-m", "cyprop", *arguments)
        command = subprocess.run([script, *arguments], capture_output=True, text=True, timeout=60)
        assert (module.returncode, module.stdout, module.stderr) == (
            command.returncode,
            command.stdout,
            command.stderr,
        )
    assert python("-m", "cyprop", "--version").stdout == f"cyprop {cyprop.__version__}\n"
    assert python("-m", "cyprop").stdout.startswith("usage: cyprop ")


def test_a_reader_that_leaves_is_no_error(run):
    run("train", "digits", "--epochs", 1)
    command = [sys.executable, "-m", "cyprop", "predict", "digits.safetensors", "digits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_ctrl_c_ends_with_130():
    command = [sys.executable, "-m", "cyprop", "train", "digits", "--epochs", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for line in process.stdout:
            if b"/1000000" in line:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr.read() == b"cyprop: interrupted\n"
        assert process.wait(60) == 130
    assert not Path("digits.safetensors").exists()
