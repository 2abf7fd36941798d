"""How a command ends: pictures, failures, mistyped commands, Ctrl-C."""

import os
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import cyprop
from cyprop.cli import commands, plots
from cyprop.cli import parser as cli
from cyprop.kernels import activation
from cyprop.training.history import History


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, **options
    )


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


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train none.csv --target x", "none.csv: No such file or directory"),
        ("train t.txt --target x", "t.txt does not end in .csv, .parquet or .npz"),
        ("train t.csv --target z", "t.csv has no column 'z'; it has 'x', 'y'"),
        ("train t.csv --target y -o t.csv", "t.csv would be overwritten while it is read"),
        ("train t.csv --target y -o none/m", "none is not a directory to write m into"),
        ("train t.csv --target y -o .", ". is a directory, expected a file to write"),
        ("train digits --hidden 99999999999999999", "too many parameters"),
        (
            "train digits --learning-rate 1e38",
            "a parameter would have become non-finite in epoch",
        ),
        ("predict none.safetensors digits", "none.safetensors: No such file or directory"),
        ("predict t.csv digits", "cannot load 't.csv'"),
        ("predict m.safetensors t.csv", "t.csv has no column 'pixel_0_0', 'pixel_0_1'"),
        ("predict m.safetensors digits -o p.txt", "p.txt does not end in .csv"),
        ("predict m.safetensors digits -o m.safetensors", "m.safetensors would be overwritten"),
        ("info t.csv", "cannot load 't.csv'"),
        ("export t.csv m.h", "cannot load 't.csv'"),
        ("export m.safetensors m.safetensors", "m.safetensors would be overwritten"),
        ("export m.safetensors 2m.h", "the file's name '2m' cannot begin a name in C"),
        ("export m.safetensors m.h --name m-1", "name is 'm-1', expected ASCII letters"),
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
        ("train digits --activation softmax", "invalid choice: 'softmax'"),
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
    names = printed.rpartition("--activation NAME")[2].partition("(default")[0]
    hidden = [name for name in activation.names() if not activation.couples_units(name)]
    assert names.split()[4:] == [f"{name}," for name in hidden[:-1]] + hidden[-1:]


def test_both_ways_to_run_it():
    script = Path(sys.executable).with_name("cyprop")
    for arguments in (["--version"], [], ["info", "none"]):
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


def test_a_fifo_and_standard_output_are_written_through(run, tmp_path):
    cyprop.Network([2, 3, 1]).save("m.safetensors")
    run("export", "m.safetensors", "m.h")
    os.mkfifo("fifo")
    reader = threading.Thread(target=lambda: Path("copied").write_bytes(Path("fifo").read_bytes()))
    reader.start()
    assert run("export", "m.safetensors", "fifo", "--name", "m").split() == ["written", "fifo"]
    reader.join(10)
    assert stat.S_ISFIFO(os.lstat("fifo").st_mode)
    assert Path("copied").read_bytes() == Path("m.h").read_bytes()
    command = ["-m", "cyprop", "export", "m.safetensors", "/dev/stdout", "--name", "m"]
    done = python(*command, cwd=tmp_path)
    assert done.stdout == Path("m.h").read_text() + "written  /dev/stdout\n"


def test_a_plot_is_written_through_to_a_fifo():
    os.mkfifo("loss.png")
    found = []
    reader = threading.Thread(target=lambda: found.append(Path("loss.png").read_bytes()))
    reader.start()
    plots.loss_curves(History([1.0, 0.5]), "loss.png", "")
    reader.join(10)
    assert found[0].startswith(b"\x89PNG\r\n")
    assert stat.S_ISFIFO(os.lstat("loss.png").st_mode)
