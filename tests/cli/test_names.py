"""Files of networks that have names and labels of their own, and not those of `cyprop train`."""

import numpy as np

import cyprop


def rows(tmp_path):
    X = np.random.Generator(np.random.PCG64(2)).normal(size=(40, 3))
    lines = ["b,c,extra,a", *(f"{b!r},{c!r},9,{a!r}" for a, b, c in X.tolist())]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return X


def written(tmp_path, run, net):
    """The column of predictions that the command writes."""
    net.save(tmp_path / "net")
    run("predict", "net", "rows.csv", "--output", "out.csv")
    header, *lines = (tmp_path / "out.csv").read_text(encoding="utf-8").split()
    return [line.split(",")[header.split(",").index("prediction")] for line in lines]


def test_predict_writes_labels(run, tmp_path):
    X = rows(tmp_path)
    for options, labels in (
        ({"loss": "cross_entropy"}, ["red", "green"]),
        ({"loss": "binary_cross_entropy"}, ["no", "yes"]),
    ):
        net = cyprop.Network([3, 1 if "b" in options["loss"][0] else 2], "tanh", **options)
        net.input_names, net.labels = ["a", "b", "c"], labels
        net.input_map = 0.1, 2
        expected = net.classify(X).tolist()
        assert len(set(expected)) == 2
        assert written(tmp_path, run, net) == expected


def test_predict_writes_numbers(run, tmp_path):
    X = rows(tmp_path)
    net = cyprop.Network([3, 1], "tanh", "identity", dtype="float64")
    net.input_names = ["a", "b", "c"]
    net.output_map = 0, 100
    found = np.array(written(tmp_path, run, net), float)
    np.testing.assert_allclose(found, net.predict(X)[:, 0], rtol=1e-6)


def test_info_says_what_there_is(run, tmp_path, failure):
    net = cyprop.Network([3, 2], loss="cross_entropy")
    net.save(tmp_path / "net")
    assert "input" not in run("info", "net")
    rows(tmp_path)
    assert "has no column names" in failure("predict", "net", "rows.csv")
    several = cyprop.Network([3, 2], loss="binary_cross_entropy")
    several.input_names, several.labels = list("abc"), [1, 2]
    several.save(tmp_path / "several")
    assert "has no column names" in failure("predict", "several", "rows.csv")
    net.input_names, net.output_names, net.labels = list("abc"), list("xy"), [1, 2]
    net.input_map = 0, 2
    net.save(tmp_path / "net")
    said = [line.split(None, 1) for line in run("info", "net").splitlines()]
    assert ["inputs", "a, b, c"] in said
    assert ["outputs", "x, y"] in said
    assert ["labels", "1, 2"] in said
    assert any(line[1].endswith("(x - offset) * scale of each input") for line in said)
