"""Arguments of learning: weights of rows, penalties, dropout, clipping, schedules."""

import numpy as np
import pytest
from compiled_calls import BAD_WEIGHT, OK, Calls

import cyprop

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        *(
            ({name: value}, error, f"{name} is {shown}, expected a {expected}")
            for name in ("l1", "l2")
            for value, error, shown, expected in (
                (None, TypeError, "None", "number"),
                ("0.1", TypeError, "'0.1'", "number"),
                (True, TypeError, "True", "number"),
                ([0.1], TypeError, r"\[0.1\]", "number"),
                (-0.1, ValueError, "-0.1", "finite number at least 0"),
                (NAN, ValueError, "nan", "finite number at least 0"),
                (INF, ValueError, "inf", "finite number at least 0"),
            )
        ),
        ({"l1": 1e300}, ValueError, r"l1 is 1e\+300, expected a number that float32 can hold"),
        ({"l2": 1e-300}, ValueError, "l2 is 1e-300, expected a number that float32 can hold"),
        ({"dropout": None}, TypeError, "dropout is None, expected a number"),
        ({"dropout": "0.5"}, TypeError, "dropout is '0.5', expected a number"),
        ({"dropout": True}, TypeError, "dropout is True, expected a number"),
        ({"dropout": 1.0}, ValueError, "dropout is 1.0, .* at least 0 and below 1"),
        ({"dropout": -0.1}, ValueError, "dropout is -0.1, .* at least 0 and below 1"),
        ({"dropout": NAN}, ValueError, "dropout is nan, .* at least 0 and below 1"),
        ({"dropout": INF}, ValueError, "dropout is inf, .* at least 0 and below 1"),
        ({"dropout": [0.5]}, ValueError, "dropout has 1 entry, expected 2, one for each hidden"),
        ({"dropout": [0.5] * 3}, ValueError, "dropout has 3 entries, expected 2"),
        ({"dropout": [0.5, 1]}, ValueError, r"dropout\[1\] is 1, .* below 1"),
        ({"dropout": [0.5, None]}, TypeError, r"dropout\[1\] is None, expected a number"),
        ({"dropout": [False, 0.1]}, TypeError, r"dropout\[0\] is False, expected a number"),
        ({"sizes": [3, 2], "dropout": 0.5}, ValueError, "there is no hidden layer for it"),
    ],
)
def test_arguments_of_a_network(arguments, error, said):
    with pytest.raises(error, match=said):
        cyprop.Network(**{"sizes": [3, 5, 4, 2], **arguments})


def test_what_is_off_may_be_said():
    net = cyprop.Network([3, 2], l1=0, l2=0.0, dropout=0)
    assert net == cyprop.Network([3, 2])
    assert net.settings.dropout == ()
    assert "dropout" not in repr(net)


WEIGHTS = [
    ("x", TypeError, "sample_weight"),
    (["x"] * 6, TypeError, "sample_weight"),
    ([None] * 6, (TypeError, ValueError), "sample_weight"),
    (1.0, ValueError, r"sample_weight has shape \(\), expected \(6,\), one for each row"),
    ([1.0] * 5, ValueError, r"sample_weight has shape \(5,\), expected \(6,\)"),
    ([[1.0]] * 6, ValueError, r"sample_weight has shape \(6, 1\), expected \(6,\)"),
    ([], ValueError, r"sample_weight has shape \(0,\), expected \(6,\)"),
    ([1, 1, -0.5, 1, 1, 1], ValueError, "sample_weight holds -0.5 at row 2, .* at least 0"),
    ([1, 1, 1, NAN, 1, 1], ValueError, "sample_weight holds nan at row 3"),
    ([1, 1, 1, 1, 1, INF], ValueError, "sample_weight holds inf at row 5"),
    ([0.0] * 6, ValueError, "sample_weight adds up to 0.0, expected a positive"),
    ([1e308] * 6, ValueError, "sample_weight adds up to inf, expected a positive, finite sum"),
    (np.ones(6) * 1j, TypeError, "sample_weight"),
]


@pytest.fixture
def net(dtype):
    return cyprop.Network([3, 5, 2], dtype=dtype, dropout=0.5, l2=0.1)


@pytest.fixture
def data(rng, dtype):
    return rng.random((6, 3)).astype(dtype), rng.random((6, 2)).astype(dtype)


@pytest.mark.parametrize("method", ["fit", "train_on_batch", "evaluate", "gradients"])
@pytest.mark.parametrize(("weights", "error", "said"), WEIGHTS)
def test_weights_of_rows(net, data, method, weights, error, said):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        getattr(net, method)(*data, sample_weight=weights)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize(
    ("weight", "error", "said"),
    [
        (None, TypeError, "weight is None, expected a number"),
        ("1", TypeError, "weight is '1', expected a number"),
        (True, TypeError, "weight is True, expected a number"),
        ([1.0], TypeError, r"weight is \[1.0\], expected a number"),
        (-1.0, ValueError, "weight is -1.0, expected a finite number at least 0"),
        (NAN, ValueError, "weight is nan, expected a finite number at least 0"),
        (INF, ValueError, "weight is inf, expected a finite number at least 0"),
    ],
)
def test_the_weight_of_a_sample(net, data, weight, error, said):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        net.learn_one(data[0][0], data[1][0], weight)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("weight", [-1.0, -1e-300, NAN, INF, -INF])
def test_the_weight_of_a_compiled_sample(net, data, weight):
    before = net.parameters.tobytes()
    code, loss = Calls(net).learn_weighted(data[0][0], data[1][0], weight)
    assert (code, loss) == (BAD_WEIGHT, 12345.0)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 7.0])
def test_compiled_samples_have_the_bits_of_learn_one(dtype, data, weight):
    one, other = (cyprop.Network([3, 5, 2], dtype=dtype, dropout=0.5, l2=0.1) for _ in range(2))
    calls = Calls(other)
    for x, y in zip(*data, strict=True):
        assert (OK, one.learn_one(x, y, weight)) == calls.learn_weighted(x, y, weight)
    assert one == other


@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        ("1", TypeError, "is '1', expected a number"),
        (True, TypeError, "is True, expected a number"),
        ([1.0], TypeError, r"is \[1.0\], expected a number"),
        (0, ValueError, "is 0, expected a finite number above 0"),
        (-1.0, ValueError, "is -1.0, expected a finite number above 0"),
        (NAN, ValueError, "is nan, expected a finite number above 0"),
        (INF, ValueError, "is inf, expected a finite number above 0"),
    ],
)
def test_bounds_of_gradients(net, data, name, value, error, said):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=f"^{name} {said}"):
        net.fit(*data, **{name: value})
    assert net.parameters.tobytes() == before
    assert net.history is None


@pytest.mark.parametrize(
    ("schedule", "error", "said"),
    [
        ("cosinus", ValueError, "schedule 'cosinus' is unknown; known are constant, cosine"),
        (0.1, TypeError, "schedule is 0.1, expected a Schedule, a name, or a function"),
        (True, TypeError, "schedule is True, expected a Schedule"),
        ([0.1], TypeError, r"schedule is \[0.1\], expected a Schedule"),
        (cyprop.Cosine, TypeError, "schedule is the class Cosine"),
        (lambda update: NAN, ValueError, "nan"),
        (lambda update: -1.0, ValueError, "-1"),
        (lambda update: "x", TypeError, "'x'"),
        (lambda update: None, TypeError, "None"),
    ],
)
def test_schedules(net, data, schedule, error, said):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        net.fit(*data, schedule=schedule)
    assert net.parameters.tobytes() == before


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda X, Y: X, TypeError, r"must be a pair \(X, Y\) or a triple"),
        (lambda X, Y: (X,), TypeError, r"must be a pair \(X, Y\) or a triple"),
        (lambda X, Y: (X, Y, np.ones(6), 1), TypeError, r"must be a pair \(X, Y\) or a triple"),
        (lambda X, Y: (X, Y, None), TypeError, "validation sample_weight is None"),
        (lambda X, Y: (X, Y, np.ones(5)), ValueError, r"validation sample_weight has shape \(5,\)"),
        (
            lambda X, Y: (X, Y, -np.ones(6)),
            ValueError,
            "validation sample_weight holds -1.0 at row",
        ),
        (lambda X, Y: (X, Y, np.zeros(6)), ValueError, "validation sample_weight adds up to 0.0"),
    ],
)
def test_validation_data(net, data, change, error, said):
    before = net.parameters.tobytes()
    with pytest.raises(error, match=said):
        net.fit(*data, validation_data=change(*data))
    assert net.parameters.tobytes() == before


def test_booleans_are_weights_of_zero_and_one(net, data):
    chosen = np.array([True, False, True, True, False, True])
    assert net.evaluate(*data, sample_weight=chosen) == net.evaluate(
        *data, sample_weight=chosen.astype(float)
    )


def test_files_keep_penalties_and_dropout(tmp_path, dtype):
    plain = cyprop.Network([3, 5, 4, 2], dtype=dtype)
    net = cyprop.Network([3, 5, 4, 2], dtype=dtype, l1=0.25, l2=1e-3, dropout=(0.0, 0.5))
    for each in (plain, net):
        each.save(tmp_path / "net")
        again = cyprop.Network.load(tmp_path / "net")
        assert again == each
        assert again.settings == each.settings
        text = (tmp_path / "net").read_bytes()
        for name in (b"l1", b"l2", b"dropout"):
            assert (rb"\"%s\":" % name in text) == (each is net)
