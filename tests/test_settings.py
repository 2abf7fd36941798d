"""Settings: what they are made of, how they are shown, and that they do not change."""

import copy
import pickle
from typing import get_args

import numpy as np
import pytest

import cyprop
from cyprop.kernels import activation as activations
from cyprop.settings import DTYPES, DtypeName

EXAMPLES = [
    cyprop.Settings([3, 2]),
    cyprop.Settings([3, 4, 2], "tanh", "identity", optimizer="adam", dtype="float64"),
    cyprop.Settings([3, 4, 4, 2], ["relu", "tanh"], loss="cross_entropy"),
    cyprop.Settings([3, 4, 4, 2], "relu", loss="binary_cross_entropy"),
]


def test_literals_are_the_dtypes():
    assert get_args(DtypeName) == DTYPES == ("float32", "float64")
    for name in DTYPES:
        assert cyprop.Settings([1, 1], dtype=name).dtype == np.dtype(name)


def test_what_they_hold():
    settings = cyprop.Settings(
        np.array([3, 5, 4, 2], "u1"),
        ["tanh", cyprop.Activation("relu")],
        loss="cross_entropy",
        optimizer="adam",
        dtype=np.float64,
    )
    assert settings.sizes == (3, 5, 4, 2)
    assert all(type(size) is int for size in settings.sizes)
    names = ("tanh", "relu", "softmax")
    assert settings.activations == tuple(cyprop.Activation(name) for name in names)
    assert settings.activation_names == names
    assert settings.loss == cyprop.Loss("cross_entropy")
    assert settings.optimizer == cyprop.Adam()
    assert settings.dtype == np.dtype("float64")
    assert settings.n_parameters == 4 * 5 + 6 * 4 + 5 * 2


def test_a_network_has_them():
    net = cyprop.Network([3, 4, 2], cyprop.Activation("relu"), loss=cyprop.Loss("cross_entropy"))
    assert net.settings == cyprop.Settings([3, 4, 2], "relu", loss="cross_entropy")
    net.optimizer = "adam"
    assert net.settings.optimizer == net.optimizer == cyprop.Adam()
    assert (net.loss, net.activations) == ("cross_entropy", ("relu", "softmax"))


def test_rules_may_be_objects_everywhere():
    named = cyprop.Settings([3, 4, 2], "relu", "tanh", "mse", "sgd")
    activation, output = cyprop.Activation("relu"), cyprop.Activation("tanh")
    for hidden in (activation, [activation], ["relu"]):
        made = cyprop.Settings([3, 4, 2], hidden, output, cyprop.Loss("mse"), cyprop.SGD())
        assert made == named
    assert cyprop.Settings([3, 2], [], activation).activation_names == ("relu",)


@pytest.mark.parametrize("settings", EXAMPLES, ids=repr)
def test_shown_is_what_a_network_shows(settings):
    *hidden, output = settings.activations
    net = cyprop.Network(
        settings.sizes, hidden, output, settings.loss, settings.optimizer, settings.dtype
    )
    assert repr(net) == f"Network({settings.shown()})"
    assert settings.shown().endswith(f": {settings.n_parameters} parameters")
    assert eval(repr(settings), vars(cyprop)) == settings


def test_a_rule_is_shown_by_its_name_alone_where_that_says_all():
    assert repr(EXAMPLES[2]) == (
        "Settings([3, 4, 4, 2], activation=['relu', 'tanh'], output_activation='softmax',"
        " loss='cross_entropy', optimizer=SGD(learning_rate=0.1, momentum=0.0), dtype='float32')"
    )


def test_equality_and_hash():
    assert len({hash(settings) for settings in EXAMPLES}) == len(EXAMPLES)
    for settings in EXAMPLES:
        others = [other for other in EXAMPLES if other == settings]
        assert others == [settings]
    assert cyprop.Settings([3, 2]) == cyprop.Settings((3, 2), dtype=np.float32)
    assert cyprop.Settings([3, 2]) != cyprop.Settings([3, 2], dtype="float64")
    assert cyprop.Settings([3, 2]) != "Settings([3, 2])"


@pytest.mark.parametrize("settings", EXAMPLES, ids=repr)
def test_copies_and_pickles(settings):
    assert copy.copy(settings) is settings
    assert copy.deepcopy(settings) is settings
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(settings, protocol)
        assert b"cyprop._restore" in data
        assert b"cyprop.settings" not in data
        assert pickle.loads(data) == settings


def test_with_optimizer():
    settings = cyprop.Settings([3, 2])
    other = settings.with_optimizer("adam")
    assert other == cyprop.Settings([3, 2], optimizer=cyprop.Adam())
    assert settings.optimizer == cyprop.SGD()
    with pytest.raises(TypeError, match="optimizer is 3, expected an Optimizer such as SGD"):
        settings.with_optimizer(3)
    with pytest.raises(
        ValueError, match="learning_rate is 1e\\+300, expected a number that float32"
    ):
        settings.with_optimizer(cyprop.SGD(1e300))
    assert cyprop.Settings([3, 2], dtype="float64").with_optimizer(cyprop.SGD(1e300))


def test_they_do_not_change():
    settings = cyprop.Settings([3, 2])
    for key in ("sizes", "optimizer", "anything"):
        for change in (lambda: setattr(settings, key, None), lambda: delattr(settings, key)):  # noqa: B023
            with pytest.raises(AttributeError, match="do not change; make others, or call with_o"):
                change()
    with pytest.raises(AttributeError, match="cannot be initialised twice"):
        settings.__init__([4, 4])
    assert settings == cyprop.Settings([3, 2])


@pytest.mark.parametrize("name", activations.names())
def test_activations_that_couple_units_are_for_the_output_alone(name):
    assert cyprop.Settings([3, 2], output_activation=name).activation_names == (name,)
    if activations.couples_units(name):
        with pytest.raises(ValueError, match=f"'{name}' is for the output layer, not a hidden one"):
            cyprop.Settings([3, 4, 2], name)
    else:
        assert cyprop.Settings([3, 4, 2], name, name).activation_names == (name, name)
    assert activations.couples_units(name) == (name in ("softmax", "log_softmax"))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"sizes": [3, -(10**9999)]}, ValueError, "is a number of thousands of digits, expected"),
        ({"sizes": {3: 2}}, TypeError, r"sizes is \{3: 2\}, expected a sequence"),
        (
            {"activation": cyprop.Loss("mse")},
            TypeError,
            r"activation is Loss\('mse'\), expected a n",
        ),
        ({"activation": [cyprop.SGD()]}, TypeError, r"activation is SGD\(.*, expected one of sig"),
        ({"loss": cyprop.Activation("relu")}, TypeError, r"loss is Activation\('relu'\), expected"),
        (
            {"optimizer": cyprop.Loss("mse")},
            TypeError,
            r"optimizer is Loss\('mse'\), expected an O",
        ),
        ({"dtype": "f4,("}, ValueError, r"dtype is 'f4,\(', expected 'float32' or 'float64'"),
        ({"dtype": "f" * 5000}, ValueError, "dtype is 'fff.*…, expected 'float32' or 'float64'"),
    ],
)
def test_what_makes_no_settings(arguments, error, match):
    """Beside what tests/checks/test_bad_arguments.py has of Network, which makes these."""
    with pytest.raises(error, match=match) as caught:
        cyprop.Settings(**{"sizes": [3, 4, 2], **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [[0.1, 0.2], (0.1, 0.2), np.array([0.1, 0.2])])
def test_dropout_may_be_a_number_for_each_hidden_layer(given):
    assert cyprop.Settings([2, 3, 4, 1], dropout=given).dropout == (0.1, 0.2)
    assert cyprop.Settings([2, 3, 4, 1], dropout=0.25).dropout == (0.25, 0.25)
