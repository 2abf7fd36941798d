"""cyprop train TABLE, predict and info: columns, classes, options."""

import re
from pathlib import Path

import numpy as np
import pandas
import pytest

import cyprop
from cyprop import datasets
from cyprop.cli import commands
from cyprop.cli import parser as cli


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


def test_held_out_rows_are_not_learned_from(run):
    frame = fruits()
    held = datasets.held_out(len(frame), 0.2, seed=0)
    command = ["train", "fruits.csv", "--target", "price", "--epochs", 2, "-o"]
    frame.to_csv("fruits.csv", index=False)
    run(*command, "a.safetensors")
    frame.loc[held, ["weight", "price"]] *= -3.0
    frame.to_csv("fruits.csv", index=False)
    run(*command, "b.safetensors")
    frame.loc[~held, "weight"] *= 1.01
    frame.to_csv("fruits.csv", index=False)
    run(*command, "c.safetensors")
    a, b, c = (cyprop.Network.load(f"{name}.safetensors") for name in "abc")
    assert a == b
    assert a != c


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
