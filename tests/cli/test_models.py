"""cyprop info, import, export and compare, on files of cyprop and of other libraries."""

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import sb3_files as policies
import torch_files as files

import cyprop

SIZES = [4, 7, 5, 3]


def lines(printed):
    return dict(re.findall(r"^ *(\w[\w ]*?)  +(.*)$", printed, re.M))


def put(rng, kind, path):
    arrays = files.arrays(rng, SIZES)
    if kind == "pt":
        Path(path).write_bytes(files.saved(arrays))
    elif kind == "sb3":
        Path(path).write_bytes(policies.saved(policies.actor_critic(rng)))
    else:
        Path(path).write_bytes(safetensors.numpy.save(arrays))


@pytest.fixture
def rng():
    return np.random.Generator(np.random.PCG64(7))


def test_info_on_a_policy_says_what_is_in_it(run, rng):
    put(rng, "sb3", "policy.zip")
    said = lines(run("info", "policy.zip"))
    assert re.fullmatch(r"policy\.zip, [\d,]+ bytes: a policy of stable-baselines3", said["file"])
    assert said["layers"] == "4-8-6-2"
    assert said["activations"] == "tanh, tanh, identity"
    assert said["loss"] == "mse, by the outputs"
    assert said["parameters"] == "108"
    assert re.fullmatch(r"[\d.]+ (ns|µs|ms) here, the median", said["one row"])
    assert "optimizer" not in said
    assert lines(run("info", "policy.zip", "--output", "value"))["layers"] == "4-7-5-1"


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_info_on_a_state_dict_does_without_the_activation(run, rng, kind):
    put(rng, kind, "net")
    said = lines(run("info", "net"))
    assert said["layers"] == "4-7-5-3"
    assert said["activations"] == "not in the file, and --activation NAME says them"
    assert "loss" not in said
    assert "one row" not in said
    said = lines(run("info", "net", "--activation", "relu,tanh", "--output-activation", "softmax"))
    assert said["activations"] == "relu, tanh, softmax"
    assert said["loss"] == "cross_entropy, by the outputs"


def test_info_says_hyperparameters(run):
    cyprop.Network([2, 3, 1], cyprop.LeakyReLU(0.25)).save("net")
    assert lines(run("info", "net"))["activations"] == "LeakyReLU(negative_slope=0.25), identity"


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_import_writes_what_load_reads(run, rng, kind):
    put(rng, kind, "net")
    options = ("--activation", "relu,tanh", "--output-activation", "sigmoid")
    printed = run("import", "net", "-o", "mine", *options, "--dtype", "float64", "--loss", "huber")
    chosen = {"activation": ["relu", "tanh"], "output_activation": "sigmoid"}
    expected = cyprop.load("net", **chosen, dtype="float64", loss="huber")
    assert cyprop.Network.load("mine") == expected
    said = lines(printed)
    assert said["network"] == (
        f"4-7-5-3, relu and tanh and sigmoid: {expected.n_parameters} parameters, float64"
    )
    assert said["loss"] == "huber"
    run("import", "net", "--activation", "relu", "--layers", "0,2")
    assert cyprop.Network.load("net.safetensors") == cyprop.load(
        "net", activation="relu", layers=["0", "2"]
    )


def test_import_takes_the_output_that_is_asked_for(run, rng):
    put(rng, "sb3", "policy.zip")
    run("import", "policy.zip", "--output", "value")
    assert cyprop.Network.load("policy.safetensors") == cyprop.load("policy.zip", output="value")


def test_import_keeps_the_notes_of_a_file_of_cyprop(run):
    run("train", "digits", "--epochs", 1, "-o", "digits")
    run("import", "digits", "-o", "other")
    assert Path("other").read_bytes() == Path("digits").read_bytes()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("import net -o net", "net would be overwritten"),
        ("import net -o none/net", "none is not a directory"),
        ("import net -o mine", "activation is not given, and the file, of a network 4-7-5-3,"),
        ("import net -o mine --activation reluu", "activation 'reluu' is unknown"),
        ("import net -o mine --activation relu --output y", "output is 'y', and a state_dict"),
        ("import net -o mine --activation relu --loss x", "loss 'x' is unknown"),
        (
            "import net -o mine --activation relu --layers 1",
            "layers has '1', which is not in",
        ),
        ("import text -o mine", "cannot load 'text': it is of no known kind, expected saf"),
        ("info text", "cannot load 'text': it is of no known kind, expected saf"),
        ("export net net.onnx", "activation is not given"),
        ("export own own.pt", "own.pt does not end in .h, .onnx or .safetensors"),
        ("export own own.onnx --name own", "--name is for names in C, and own.onnx has none"),
        ("compare own other", "own takes 2 inputs and gives 1 outputs, and other takes 3 inputs"),
        ("compare own own --data t.csv", "t.csv has 3 columns, and the networks take 2"),
        ("compare other other --data t.csv", "column 'c' of t.csv holds text, expected numbers"),
        ("compare own own --data g.csv", "column 'b' of g.csv has missing values"),
        ("compare own own --data none.csv", "none.csv: No such file"),
        ("compare own none", "none: No such file"),
    ],
)
def test_failures_are_one_sentence(failure, rng, command, message):
    put(rng, "pt", "net")
    Path("text").write_text("# a text\n")
    Path("t.csv").write_text("a,b,c\n1,2,x\n")
    Path("g.csv").write_text("a,b\n1,2\n1,\n")
    cyprop.Network([2, 1]).save("own")
    cyprop.Network([3, 1]).save("other")
    assert message in failure(*command.split())
    assert not Path("mine").exists()


def test_exports_by_suffix_are_those_of_the_methods(run):
    run("train", "digits", "--epochs", 1)
    net = cyprop.Network.load("digits.safetensors")
    net.to_onnx("expected.onnx")
    run("export", "digits.safetensors", "digits.ONNX")
    assert Path("digits.ONNX").read_bytes() == Path("expected.onnx").read_bytes()
    run("export", "digits.safetensors", "again.safetensors")
    assert Path("again.safetensors").read_bytes() == Path("digits.safetensors").read_bytes()
    net.to_c("expected.h", "digits")
    run("export", "digits.ONNX", "digits.h")
    assert Path("digits.h").read_bytes() == Path("expected.h").read_bytes()


# Comparing


def linear(path, W, b=0.0, dtype="float64"):
    W = np.array(W, float)
    net = cyprop.Network(W.shape, output_activation="identity", dtype=dtype)
    net.weights[0][:] = W
    net.biases[0][:] = b
    net.save(path)
    return net


def test_compare_finds_the_largest_difference(run):
    linear("A", [[1, 1], [1, 1]])
    linear("B", [[1, 1], [2, 1]])
    Path("t.csv").write_text("x,y\n1,0\n2,1\n1,-5\n0,3\n")
    said = lines(run("compare", "A", "B", "--data", "t.csv"))
    assert said == {
        "rows": "4, of t.csv",
        "largest difference": "5, in row 2, output 0",
        "there": "-4 and -9",
        "of the largest output": "1.25 × 4",
    }
    assert "none: all outputs are equal" in run("compare", "A", "A", "--data", "t.csv")


def test_compare_knows_what_is_not_finite(run):
    linear("A", [[1.0]], np.nan)
    linear("B", [[1.0]], 0.5)
    linear("C", [[1.0]], np.inf)
    for name in "AC":
        assert "none: all outputs are equal" in run("compare", name, name)
        assert lines(run("compare", name, "B"))["largest difference"] == "inf, in row 0, output 0"
    assert "nan and" in run("compare", "A", "B")


def test_compare_draws_the_same_rows_for_both(run):
    nets = linear("A", [[0.5, 1, 2]]), linear("B", [[0.5, 1, 2.25]], dtype="float32")
    X = np.random.default_rng(3).normal(size=(50, 1)).astype("float32")
    off = abs(nets[0].predict(X) - nets[1].predict(X))
    row, output = np.unravel_index(off.argmax(), off.shape)
    said = lines(run("compare", "A", "B", "--rows", 50, "--seed", 3))
    assert said["rows"] == "50, random, of seed 3"
    assert said["largest difference"] == f"{off.max():.3g}, in row {row}, output {output}"


def test_compare_finds_columns_by_the_notes_of_either_file(run):
    run("train", "digits", "--epochs", 1)
    run("export", "digits.safetensors", "digits.onnx")
    assert "none: all outputs are equal" in run(
        "compare", "digits.onnx", "digits.safetensors", "--data", "digits"
    )


def test_compare_finds_columns_by_the_names_of_inputs(run, failure):
    net = linear("A", [[1], [10]])
    net.input_names = ["b", "a"]
    net.save("A")
    linear("B", [[1], [11]])
    Path("t.csv").write_text("a,c,b\n3,7,1\n4,8,1\n")
    said = lines(run("compare", "B", "A", "--data", "t.csv"))
    assert said["largest difference"] == "4, in row 1, output 0"
    assert said["there"] == "45 and 41"
    Path("u.csv").write_text("a,c\n3,7\n")
    assert "u.csv has no column 'b'; it has 'a', 'c'" in failure("compare", "A", "B", "--data",
                                                                 "u.csv")  # fmt: skip


def test_info_on_onnx_has_maps_names_and_labels(run):
    net = cyprop.Network([3, 2], loss="cross_entropy")
    net.input_map, net.input_names, net.labels = (0, 2), list("abc"), ["no", "yes"]
    net.to_onnx("net.onnx")
    said = lines(run("info", "net.onnx"))
    assert said["input map"] == "(x - offset) * scale of each input"
    assert (said["inputs"], said["labels"]) == ("a, b, c", "no, yes")
    assert said["loss"] == "cross_entropy, by the outputs"


def test_every_subcommand_has_help(capsys):
    from cyprop.cli import parser

    for command in ("train", "predict", "info", "import", "export", "compare"):
        with pytest.raises(SystemExit) as ended:
            parser.main([command, "--help"])
        assert ended.value.code == 0
        assert f"usage: cyprop {command}" in capsys.readouterr().out
