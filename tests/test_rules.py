"""Rules: what they are made of, that they do not change, and that no subclass gets round that."""

import copy
import inspect
import pickle
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

import cyprop
from cyprop import rules
from cyprop.kernels import activation as activations
from cyprop.kernels import loss as losses
from cyprop.kernels import update
from cyprop.rule import Rule
from cyprop.rules import activation_of, loss_of, optimizer_of

KERNELS = {
    cyprop.Activation: activations,
    cyprop.Loss: losses,
    cyprop.Optimizer: update,
}
EVERY_RULE = [
    *[(kind, name) for kind, kernels in KERNELS.items() for name in kernels.names()],
]
OPTIMIZERS = [cyprop.SGD, cyprop.Adam, cyprop.AdamW, cyprop.RMSprop, cyprop.AdaGrad]
EXAMPLES = [
    cyprop.Activation("relu"),
    cyprop.Loss("mse"),
    cyprop.SGD(0.5, momentum=0.25),
    cyprop.Adam(beta1=0.5),
    cyprop.Optimizer("adam", learning_rate=1e-4),
    cyprop.SGD(0.5, momentum=0.25, nesterov=True),
    cyprop.AdamW(weight_decay=0.25),
    cyprop.RMSprop(rho=0.5, momentum=0.25),
    cyprop.AdaGrad(0.5),
]


@pytest.mark.parametrize(
    ("names", "kernels"),
    [
        (rules.ActivationName, activations),
        (rules.LossName, losses),
        (rules.OptimizerName, update),
    ],
)
def test_literals_are_the_names_of_the_kernels(names, kernels):
    assert get_args(names) == kernels.names()


@pytest.mark.parametrize(("kind", "name"), EVERY_RULE)
def test_hyperparameters_and_defaults_are_those_of_the_kernels(kind, name):
    rule = kind(name)
    known = KERNELS[kind].hyperparameters(name)
    assert rule.name == name
    assert rule.hyperparameters == {key: bounds[0] for key, bounds in known.items()}
    assert rule.values == tuple(bounds[0] for bounds in known.values())
    assert all(type(value) is float for value in rule.values)
    for key, value in rule.hyperparameters.items():
        assert type(value) is type(getattr(rule, key)) is type(known[key][0])
    for key, (default, *_) in known.items():
        assert getattr(rule, key) == default


@pytest.mark.parametrize(("kind", "name"), EVERY_RULE)
def test_no_hyperparameter_hides_an_attribute(kind, name):
    for key in KERNELS[kind].hyperparameters(name):
        assert not hasattr(Rule, key)
        assert key not in ("name", "self")


def test_named_optimizers_have_the_defaults_of_their_kernels():
    # scikit-learn's Adam goes by its name alone, since it is for cyprop.sklearn.
    assert {own().name for own in OPTIMIZERS} == set(update.names()) - {"adam_of_sklearn"}
    for own in OPTIMIZERS:
        assert own() == cyprop.Optimizer(own().name)
        assert type(rules.named(own().name)) is own
        assert list(inspect.signature(own).parameters) == [*own().hyperparameters, "others"]


def test_the_hyperparameters_are_a_copy():
    rule = cyprop.SGD()
    rule.hyperparameters["momentum"] = 7.0
    assert rule.momentum == 0.0


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (cyprop.Activation("relu"), "Activation('relu')"),
        (cyprop.Loss("mse"), "Loss('mse')"),
        (cyprop.SGD(), "SGD(learning_rate=0.1, momentum=0.0)"),
        (cyprop.Adam(), "Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08)"),
        (cyprop.Optimizer("sgd"), "Optimizer('sgd', learning_rate=0.1, momentum=0.0)"),
        (cyprop.SGD(0.5, 0.25, True), "SGD(learning_rate=0.5, momentum=0.25, nesterov=True)"),
        (
            cyprop.AdamW(),
            "AdamW(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)",
        ),
        (
            cyprop.RMSprop(),
            "RMSprop(learning_rate=0.01, rho=0.99, epsilon=1e-08, momentum=0.0)",
        ),
        (cyprop.AdaGrad(), "AdaGrad(learning_rate=0.01, epsilon=1e-10)"),
    ],
)
def test_repr(rule, text):
    assert repr(rule) == text
    assert eval(text, vars(cyprop)) == rule


def test_equal_are_those_of_one_kind_name_and_hyperparameters():
    assert cyprop.Activation("relu") == cyprop.Activation("relu")
    assert cyprop.Activation("relu") != cyprop.Activation("tanh")
    assert cyprop.SGD(0.5) != cyprop.SGD(0.25)
    assert cyprop.SGD(0.5) != cyprop.Adam(0.5)
    assert cyprop.Activation("relu") != "relu"
    assert len({hash(rule) for rule in EXAMPLES}) == len(EXAMPLES)
    assert hash(cyprop.SGD()) == hash(cyprop.Optimizer("sgd"))


@pytest.mark.parametrize("rule", EXAMPLES, ids=repr)
def test_copies_and_pickles(rule):
    assert copy.copy(rule) is rule
    assert copy.deepcopy(rule) is rule
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(rule, protocol)
        assert b"cyprop._restore" in data
        assert b"cyprop.rule" not in data
        again = pickle.loads(data)
        assert again == rule
        assert again.hyperparameters == rule.hyperparameters


# What does not change


@pytest.mark.parametrize("key", ["momentum", "name", "values", "__class__", "anything"])
@pytest.mark.parametrize("change", [lambda rule, key: setattr(rule, key, 0.5), delattr])
@pytest.mark.parametrize("rule", EXAMPLES, ids=repr)
def test_attributes_cannot_be_set_or_deleted(rule, change, key):
    before = repr(rule)
    with pytest.raises(AttributeError, match="^an? [A-Za-z]+ does not change; [a-z]"):
        change(rule, key)
    assert repr(rule) == before


def test_an_optimizer_says_what_to_do_instead():
    said = "set net.learning_rate, call net.set_hyperparameters({}=…), or give the network another"
    for rule, key, example in [
        (cyprop.SGD(), "learning_rate", "momentum"),
        (cyprop.SGD(), "momentum", "momentum"),
        (cyprop.Adam(), "epsilon", "epsilon"),
        (cyprop.Adam(), "rate", "beta1"),
    ]:
        with pytest.raises(AttributeError) as caught:
            setattr(rule, key, 0.5)
        name = type(rule).__name__
        assert str(caught.value) == f"an {name} does not change; {said.format(example)} optimizer"


def test_a_rule_is_initialised_once():
    rule = cyprop.SGD(0.5)
    with pytest.raises(AttributeError, match="an SGD does not change"):
        rule.__init__(0.25)
    assert rule.learning_rate == 0.5


def test_with_hyperparameters_makes_another():
    rule = cyprop.SGD(0.5, momentum=0.9)
    assert rule.with_hyperparameters(learning_rate=0.1) == cyprop.SGD(0.1, momentum=0.9)
    assert rule == cyprop.SGD(0.5, momentum=0.9)
    assert type(cyprop.Optimizer("adam").with_hyperparameters(beta1=0)) is cyprop.Adam
    with pytest.raises(TypeError, match="sgd has no hyperparameter 'beta1'; it has learning_rate"):
        rule.with_hyperparameters(beta1=0.5)
    with pytest.raises(ValueError, match="momentum is 1, expected"):
        rule.with_hyperparameters(momentum=1)


def test_a_switch_is_a_bool_and_a_number_for_the_kernels():
    rule = cyprop.SGD(0.5, momentum=0.25, nesterov=True)
    assert rule.nesterov is rule.hyperparameters["nesterov"] is True
    assert rule.values == (0.5, 0.25, 1.0)
    assert rule.with_hyperparameters(nesterov=False).nesterov is False
    assert rule == cyprop.SGD(0.5, momentum=0.25).with_hyperparameters(nesterov=True)
    assert rule != cyprop.SGD(0.5, momentum=0.25)
    assert rule == cyprop.Optimizer("sgd", learning_rate=0.5, momentum=0.25, nesterov=True)


# What is refused


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Rule("sgd"), TypeError, "is an Activation, a Loss or an Optimizer; make one"),
        (lambda: cyprop.Activation("swish"), ValueError, "activation 'swish' is unknown; it"),
        (lambda: cyprop.Activation("mse"), ValueError, "activation 'mse' is unknown"),
        (lambda: cyprop.Loss("relu"), ValueError, "loss 'relu' is unknown; known are mse"),
        (lambda: cyprop.Loss(None), TypeError, "the name of the loss is None, expected one of mse"),
        (lambda: cyprop.Loss("\ud800"), ValueError, "is unknown; known are mse"),
        (lambda: cyprop.Loss("mse\0"), ValueError, "is unknown; known are mse"),
        (lambda: cyprop.Activation("relu", slope=1), TypeError, "'slope'; it has none"),
        (lambda: cyprop.SGD(lr=0.1), TypeError, "'lr'; it is called learning_rate"),
        (lambda: cyprop.Adam(lr=0.1), TypeError, "'lr'; it is called learning_rate"),
        (lambda: cyprop.Optimizer("sgd", lr=1), TypeError, "'lr'; it is called learning_rate"),
        (lambda: cyprop.AdamW(betas=(0.9, 0.99)), TypeError, "'betas'; they are called beta1 and"),
        (lambda: cyprop.Adam(eps=1e-8), TypeError, "'eps'; it is called epsilon; known are learn"),
        (lambda: cyprop.RMSprop(alpha=0.9), TypeError, "'alpha'; it is called rho; known are lea"),
        (lambda: cyprop.Adam(weight_decay=0.1), TypeError, "'weight_decay'; use AdamW, or l2="),
        (lambda: cyprop.Optimizer("adam", weight_decay=0), TypeError, "use AdamW, or l2="),
        (lambda: cyprop.SGD(weight_decay=0.1), TypeError, "'weight_decay'; use l2= of Network"),
        (lambda: cyprop.RMSprop(weight_decay=0), TypeError, "'weight_decay'; use l2= of Network"),
        (lambda: cyprop.AdaGrad(lr_decay=0.1), TypeError, "'lr_decay'; let net.learning_rate, or"),
        (lambda: cyprop.AdamW(weight_decay=-1), ValueError, "weight_decay is -1, expected a fini"),
        (lambda: cyprop.RMSprop(rho=1), ValueError, "rho is 1, expected a finite number at least"),
        (lambda: cyprop.RMSprop(momentum=1), ValueError, "momentum is 1, expected a finite numbe"),
        (lambda: cyprop.AdaGrad(epsilon=0), ValueError, "epsilon is 0, expected a finite number "),
        (lambda: cyprop.SGD(nesterov=True), ValueError, "nesterov is True and momentum 0, expecte"),
        (lambda: cyprop.Optimizer("sgd", nesterov=True), ValueError, "nesterov is True and moment"),
        (lambda: cyprop.SGD(0.1, 0.9, 1), TypeError, "nesterov is 1, expected True or False"),
        (lambda: cyprop.SGD(0.1, 0.9, nesterov=None), TypeError, "nesterov is None, expected True"),
        (lambda: cyprop.SGD(True), TypeError, "learning_rate is True, expected a number"),
        (lambda: cyprop.SGD(np.bool_(True)), TypeError, "learning_rate is .*True.*, expected a n"),
        (lambda: cyprop.SGD(np.float32("nan")), ValueError, "nan.*, expected a finite number abo"),
        (lambda: cyprop.SGD(10**400), ValueError, "is 10.*…, expected a number that a float can"),
        (lambda: cyprop.SGD(10**9999), ValueError, "is a number of thousands of digits, expected"),
        (lambda: cyprop.SGD(Fraction(10**400)), ValueError, "expected a number that a float can"),
        (lambda: cyprop.SGD("0.1" * 9999), TypeError, "learning_rate is '0.10.*…, expected a num"),
        (lambda: cyprop.SGD(momentum=np.nan), ValueError, "momentum is nan, expected a finite"),
    ],
)
def test_what_makes_no_rule(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_numbers_of_numpy_become_floats():
    rule = cyprop.SGD(np.float32(0.5), momentum=np.int8(0))
    assert [type(value) for value in rule.values] == [float, float, float]
    assert cyprop.Activation(np.str_("relu")) == cyprop.Activation("relu")
    assert type(cyprop.Activation(np.str_("relu")).name) is str


@pytest.mark.parametrize(
    ("of", "kind", "name"),
    [
        (activation_of, cyprop.Activation, "tanh"),
        (loss_of, cyprop.Loss, "mse"),
        (optimizer_of, cyprop.Optimizer, "adam"),
    ],
)
def test_a_name_or_a_rule_stands_for_a_rule(of, kind, name):
    rule = kind(name)
    assert of(rule) is rule
    assert of(name) == rule
    for other in (None, 3, b"mse", kind, *[r for r in EXAMPLES if not isinstance(r, kind)]):
        with pytest.raises(TypeError, match=", expected (one of|one made of it|an Optimizer)"):
            of(other)
    with pytest.raises(ValueError, match="'none' is unknown; known are"):
        of("none")


# Subclasses


class Liar(cyprop.SGD):
    """Says other things than were checked."""

    name = "adam"
    hyperparameters = {"learning_rate": np.nan, "beta1": 3.0}
    values = ()
    _values = _hyperparameters = ()

    def __getattr__(self, key):
        return np.nan

    def _checked(self):
        return "optimizer", "adam", {}


class Longer(cyprop.Optimizer):
    def __init__(self):
        super().__init__("sgd", learning_rate=0.25)
        self.extra = 3


class Forgetful(cyprop.SGD):
    def __init__(self):
        pass


@pytest.mark.parametrize("when", ["made", "set"])
def test_what_counts_is_what_was_checked(when):
    if when == "made":
        net = cyprop.Network([2, 1], optimizer=Liar(0.25))
    else:
        net = cyprop.Network([2, 1], optimizer="adam")
        net.optimizer = Liar(0.25)
    assert net.optimizer == cyprop.SGD(0.25)
    assert type(net.optimizer) is cyprop.SGD
    expected = cyprop.Network([2, 1], optimizer=cyprop.SGD(0.25))
    X = np.ones((4, 2), np.float32)
    for one in (net, expected):
        one.train_on_batch(X, X[:, :1])
    assert net.parameters.tobytes() == expected.parameters.tobytes()


def test_a_subclass_cannot_add_fields():
    with pytest.raises(AttributeError, match="an Optimizer does not change"):
        Longer()


def test_a_rule_that_was_not_initialised_says_so():
    for rule in (Forgetful(), cyprop.SGD.__new__(cyprop.SGD)):
        for use in (repr, hash, lambda rule: rule.momentum, pickle.dumps):
            with pytest.raises(AttributeError, match="an SGD was not initialised; call its __init"):
                use(rule)
        with pytest.raises(AttributeError, match="an SGD was not initialised; call its __init__"):
            cyprop.Network([2, 1], optimizer=rule)
