"""Schedules against their equations, in the C library's own cosines and powers."""

import copy
import hashlib
import math
import pickle

import numpy as np
import pytest

import cyprop
from cyprop._restore import restore
from cyprop.training import rates
from cyprop.training.rates import rates_of, schedule_of

ETA = 0.3
NAMES = {name: getattr(cyprop, name) for name in cyprop.__all__}
LENGTHS = (1, 2, 3, 10, 97, 1000)

EXAMPLES = [
    cyprop.Constant(),
    cyprop.Step(7),
    cyprop.Step(1, factor=0.5),
    cyprop.Exponential(0.97),
    cyprop.Exponential(1.01),
    cyprop.Cosine(),
    cyprop.Cosine(warmup=0.1, low=0.01),
    cyprop.Cosine(warmup=0.95),
    cyprop.OneCycle(),
    cyprop.OneCycle(warmup=0.0, start_factor=0.5, end_factor=1.0),
    cyprop.OneCycle(warmup=0.9, end_factor=0.1),
    cyprop.InverseScaling(),
    cyprop.InverseScaling(power=1),
    cyprop.InverseScaling(power=0.7),
    cyprop.Polynomial(),
    cyprop.Polynomial(power=2.5, low=0.02),
    cyprop.Polynomial(power=0.9),
]
ALL = [*EXAMPLES, cyprop.ReduceOnPlateau(), cyprop.ReduceOnPlateau(0.5, 2, 0.0, 1e-3, "loss")]


def wave(first, last, share):
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def by_its_equation(schedule, t, n):
    """The rate of update t of n, as the class's docstring has it."""
    match schedule:
        case cyprop.Constant():
            return ETA
        case cyprop.Step(every=every, factor=factor):
            return ETA * factor ** (t // every)
        case cyprop.Exponential(factor=factor):
            return ETA * factor**t
        case cyprop.Cosine(warmup=warmup, low=low):
            w = math.floor(warmup * n)
            return ETA * (t + 1) / (w + 1) if t < w else wave(ETA, low, (t - w) / (n - w))
        case cyprop.OneCycle(warmup=warmup, start_factor=start, end_factor=end):
            top = warmup * n - 1
            if 0 < t <= top or (t == 0 < top):
                return wave(ETA * start, ETA, t / top)
            return wave(ETA, ETA * end, (t - top) / (n - 1 - top))
        case cyprop.InverseScaling(power=power):
            return ETA / (t + 1) ** power
        case cyprop.Polynomial(power=power, low=low):
            return low + (ETA - low) * (1 - t / n) ** power


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_rates_are_those_of_the_equation(schedule, n):
    found = schedule.rates(n, ETA)
    assert found.dtype == np.float64
    assert found.shape == (n,)
    expected = [by_its_equation(schedule, t, n) for t in range(n)]
    # 1 + cos, as written, has no more than the digits of 1.
    cancelled = 1e-16 * ETA if isinstance(schedule, cyprop.Cosine | cyprop.OneCycle) else 0
    np.testing.assert_allclose(found, expected, rtol=1e-13 + n * 1e-15, atol=cancelled)
    assert (rates_of(schedule, n, ETA) == found).all()


def test_no_updates_have_no_rates():
    for schedule in EXAMPLES:
        assert rates_of(schedule, 0, ETA).shape == (0,)


def test_the_corners():
    """By hand, where formulas are easily one update off."""
    assert cyprop.Step(2, 0.5).rates(5, 1.0).tolist() == [1, 1, 0.5, 0.5, 0.25]
    assert cyprop.Exponential(0.5).rates(4, 1.0).tolist() == [1, 0.5, 0.25, 0.125]
    warm = cyprop.Cosine(warmup=0.3).rates(10, 1.0)
    assert warm[:4].tolist() == [0.25, 0.5, 0.75, 1]
    assert 0 < warm[-1] < 0.1
    cycle = cyprop.OneCycle().rates(100, 1.0)
    assert cycle.argmax() == 29
    assert cycle[[0, 29, 99]].tolist() == [1 / 25, 1, 1 / 25 / 1e4]
    assert cyprop.Polynomial().rates(4, 1.0).tolist() == [1, 0.75, 0.5, 0.25]
    assert cyprop.InverseScaling().rates(9, 1.0)[[0, 3, 8]].tolist() == [1, 0.5, 1 / 3]


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_rates_are_multiples_of_the_learning_rate_but_for_low(schedule):
    if not getattr(schedule, "low", 0):
        at_one, at_two = schedule.rates(50, 1.0), schedule.rates(50, 2.0)
        assert (at_two == 2 * at_one).all()


def test_bits_are_the_same_on_every_processor():
    """Those of NumPy's own cos and power are not, so a hash may stand here for what they were."""
    kinds = [
        cyprop.Step(3),
        cyprop.Exponential(0.999),
        cyprop.Cosine(warmup=0.1),
        cyprop.OneCycle(),
        cyprop.InverseScaling(),
        cyprop.Polynomial(power=2.5),
    ]
    found = b"".join(schedule.rates(999, ETA).tobytes() for schedule in kinds)
    assert hashlib.sha256(found).hexdigest()[:16] == "f7821f14b56431c0"


# functions, names, and schedules of one's own


def test_a_function_is_asked_for_every_update_in_order():
    asked = []

    def rate(t):
        asked.append(t)
        return 1 / (t + 1)

    assert rates_of(rate, 4, ETA).tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
    assert asked == [0, 1, 2, 3]
    assert all(type(t) is int for t in asked)


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.array(0.5), 1, 0, np.int64(3), 0.0], ids=repr
)
def test_what_a_function_may_give(value):
    found = rates_of(lambda t: value, 3, ETA)
    assert found.dtype == np.float64
    assert found.tolist() == [float(value)] * 3


def test_errors_of_a_function_are_its_own():
    with pytest.raises(ZeroDivisionError):
        rates_of(lambda t: 1 / t, 3, ETA)


class Mine(cyprop.Schedule):
    def __init__(self, given):
        self.given = given

    def rates(self, n_updates, learning_rate):
        return self.given


def test_a_schedule_of_ones_own():
    own = np.array([3.0, 2.0, 1.0])
    found = rates_of(Mine(own), 3, ETA)
    assert found.tolist() == [3, 2, 1]
    assert not np.shares_memory(found, own)
    assert rates_of(Mine([3, 2, 1]), 3, ETA).dtype == np.float64
    assert pickle.loads(pickle.dumps(Mine(1))).given == 1


def test_names():
    assert schedule_of(None) == cyprop.Constant()
    assert schedule_of("one_cycle") == cyprop.OneCycle()
    for name, kind in rates.BY_NAME.items():
        assert type(schedule_of(name)) is kind
        assert name.replace("_", "") == kind.__name__.lower()
    assert {*rates.BY_NAME, *rates.NEEDS_NUMBERS} == {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:] for name in rates.NAMED
    }


@pytest.mark.parametrize(
    ("schedule", "error", "words"),
    [
        ("cosin", ValueError, "schedule 'cosin' is unknown; known are constant, cosine, one_cycle"),
        ("poly", ValueError, r"_plateau, and with numbers .*Step\(every.* and .*Exponential\(fac"),
        ("step", ValueError, r"schedule 'step' needs numbers: give cyprop.Step\(every, factor\)"),
        (3, TypeError, "schedule is 3, expected a Schedule, a name, or a function of the update's"),
        ([0.1, 0.2], TypeError, "expected a Schedule, a name, or a function"),
        (cyprop.OneCycle, TypeError, "schedule is the class OneCycle, expected one made of it"),
        (cyprop.ReduceOnPlateau(), TypeError, "which follows the loss: no rate is known ahead"),
        (lambda t: 0.3 - t / 10, ValueError, r"gave -0.1\d* at update 4, .* of at least 0$"),
        (lambda t: math.nan, ValueError, "schedule gave nan at update 0, expected a finite number"),
        (lambda t: math.inf if t else 1, ValueError, "schedule gave inf at update 1, expected"),
        (lambda t: 10**400, ValueError, "schedule gave inf at update 0"),
        (lambda t: 1e39, ValueError, "gave 1e\\+39 at update 0, .* 0 that float32 can hold"),
        (lambda t: None, TypeError, "schedule gave None at update 0, expected a number"),
        (lambda t: "0.1" if t else 1, TypeError, "schedule gave '0.1' at update 1, expected a num"),
        (lambda t: True, TypeError, "schedule gave True at update 0"),
        (lambda t: [0.1], TypeError, r"schedule gave \[0.1\] at update 0"),
        (lambda t: 1j, TypeError, "schedule gave 1j at update 0"),
        (Mine(np.ones(4)), ValueError, r"gave an array of shape \(4,\), expected \(6,\)"),
        (Mine(1.0), ValueError, r"schedule gave an array of shape \(\), expected \(6,\)"),
        (Mine(None), TypeError, "what the schedule gave is None, expected an array"),
        (Mine(["a"] * 6), TypeError, "what the schedule gave has dtype <U1, expected an array"),
        (Mine([1, 2, -3, 4, -5, 6]), ValueError, "schedule gave -3.0 at update 2, expected"),
        (cyprop.Cosine(low=0.4), ValueError, "low is 0.4, expected at most .* rate, 0.3"),
        (cyprop.Polynomial(low=0.4), ValueError, "low is 0.4, expected at most .* rate, 0.3"),
        (cyprop.Exponential(1e9), ValueError, r"gave 3\S*e\+44 at update 5, .* float32 can hold"),
    ],
)
def test_what_is_refused(schedule, error, words):
    with pytest.raises(error, match=words):
        rates_of(schedule, 6, ETA, "float32")


def test_a_rate_of_zero_is_let_pass():
    assert rates_of(cyprop.Exponential(0.5), 3000, ETA)[-1] == 0
    assert rates_of(lambda t: 0, 3, ETA).tolist() == [0, 0, 0]


# objects

WRONG = [
    (cyprop.Step, {"every": 0}, ValueError, "every is 0, expected at least 1"),
    (cyprop.Step, {"every": 2.5}, TypeError, "every is 2.5, expected a whole number"),
    (cyprop.Step, {"every": 2, "factor": 0}, ValueError, "factor is 0, expected a finite number"),
    (cyprop.Exponential, {"factor": -0.9}, ValueError, "factor is -0.9"),
    (cyprop.Exponential, {"factor": "0.9"}, TypeError, "factor is '0.9', expected a number"),
    (cyprop.Cosine, {"warmup": 1}, ValueError, "warmup is 1, expected .* at least 0 and below 1"),
    (cyprop.Cosine, {"low": -1}, ValueError, "low is -1, expected a finite number at least 0"),
    (cyprop.OneCycle, {"warmup": 1.0}, ValueError, "warmup is 1.0"),
    (cyprop.OneCycle, {"start_factor": 25}, ValueError, "start_factor is 25.* peak, up to 1"),
    (cyprop.OneCycle, {"end_factor": 0}, ValueError, "end_factor is 0, expected"),
    (cyprop.InverseScaling, {"power": 0}, ValueError, "power is 0, expected"),
    (cyprop.Polynomial, {"power": math.nan}, ValueError, "power is nan, expected"),
    (cyprop.Polynomial, {"low": math.inf}, ValueError, "low is inf, expected"),
    (cyprop.ReduceOnPlateau, {"factor": 1}, ValueError, "factor is 1, .* above 0 and below 1"),
    (cyprop.ReduceOnPlateau, {"patience": -1}, ValueError, "patience is -1, expected at least 0"),
    (cyprop.ReduceOnPlateau, {"min_delta": 1}, ValueError, "min_delta is 1, expected"),
    (cyprop.ReduceOnPlateau, {"low": -1}, ValueError, "low is -1, expected"),
    (cyprop.Step, {"every": 2, "gamma": 0.5}, TypeError, "argument 'gamma': it is called factor$"),
    (cyprop.Cosine, {"warmpu": 0.1}, TypeError, "no argument 'warmpu': it has warmup, low$"),
    (
        cyprop.OneCycle,
        {"max_lr": 0.1},
        TypeError,
        "OneCycle has .* 'max_lr': it is the optimizer's",
    ),
    (cyprop.Constant, {"low": 0.1}, TypeError, "Constant has no argument 'low': it has none"),
    (cyprop.ReduceOnPlateau, {"threshold": 0}, TypeError, "'threshold': it is called min_delta"),
    (cyprop.ReduceOnPlateau, {"monitor": "val"}, ValueError, "'val' is unknown; known are loss, v"),
]


@pytest.mark.parametrize(("kind", "numbers", "error", "words"), WRONG)
def test_numbers_out_of_range_are_refused(kind, numbers, error, words):
    with pytest.raises(error, match=words):
        kind(**numbers)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_copies_pickles_and_texts(schedule):
    assert eval(repr(schedule), NAMES) == schedule
    assert copy.deepcopy(schedule) == schedule
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(schedule, protocol)
        assert b"cyprop._restore" in data
        assert b"cyprop.training" not in data
        again = pickle.loads(data)
        assert again == schedule
        assert hash(again) == hash(schedule)
        assert type(again) is type(schedule)


def test_a_pickle_of_a_newer_version_is_refused():
    with pytest.raises(ValueError, match="holds a schedule 'Saw', expected one of Constant, Step"):
        restore("schedule", "Saw", 3)
    with pytest.raises(ValueError, match="factor is -1"):
        restore("schedule", "Step", 3, -1)


def test_equality():
    for schedule in ALL:
        assert [other for other in ALL if other == schedule] == [schedule]
    assert cyprop.Step(3) == cyprop.Step(np.int64(3), 0.1)
    assert repr(cyprop.Step(np.int64(3))) == "Step(every=3, factor=0.1)"


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_they_do_not_change(schedule):
    before = repr(schedule)
    for key in ("factor", "low", "every", "anything"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(schedule, key, 0.5)
    assert repr(schedule) == before


# reduce on plateau


def rates_after(schedule, values, rate=1.0):
    state = schedule.begin(rate)
    return [state.after_epoch(value) for value in values]


def test_the_rate_falls_after_patience_and_one_more():
    schedule = cyprop.ReduceOnPlateau(0.5, patience=2, min_delta=0.0)
    assert rates_after(schedule, [5, 4, 4, 4, 4, 4, 4, 3, 3, 3]) == [
        1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5
    ]  # fmt: skip
    assert rates_after(cyprop.ReduceOnPlateau(0.5, 0, 0.0), [5, 5, 5, 4, 5]) == [
        1, 0.5, 0.25, 0.25, 0.125
    ]  # fmt: skip


def test_a_best_value_is_better_by_a_share():
    schedule = cyprop.ReduceOnPlateau(0.5, patience=0, min_delta=0.1)
    assert rates_after(schedule, [10, 9.1, 8.9]) == [1, 0.5, 0.5]
    assert rates_after(schedule, [-10, -10.9, -11.1]) == [1, 0.5, 0.5]
    assert rates_after(schedule, [0, 0, -1e-9]) == [1, 0.5, 0.5]


def test_the_rate_stays_above_low():
    schedule = cyprop.ReduceOnPlateau(0.1, 0, 0.0, low=0.03)
    assert rates_after(schedule, [1, 1, 1, 1]) == [1, 0.1, 0.03, 0.03]
    with pytest.raises(ValueError, match="low is 0.03, expected at most .* learning rate, 0.01"):
        schedule.begin(0.01)


@pytest.mark.parametrize(
    ("rate", "error"),
    [(-1.0, ValueError), (float("nan"), ValueError), (None, TypeError), ("0.1", TypeError)],
)
def test_a_subclass_that_gives_no_rate_is_refused(rng, rate, error):
    class Wrong(cyprop.ReduceOnPlateau):
        def begin(self, first):
            plateau = super().begin(first)
            plateau.rate = rate
            return plateau

    net = cyprop.Network([3, 4, 2])
    before = net.parameters.tobytes()
    with pytest.raises(error, match="rate is"):
        net.fit(rng.random((6, 3)), rng.random((6, 2)), 2, schedule=Wrong())
    assert net.parameters.tobytes() == before


def test_two_trainings_share_nothing():
    schedule = cyprop.ReduceOnPlateau(0.5, 0)
    first, second = schedule.begin(1.0), schedule.begin(8.0)
    first.after_epoch(1.0)
    first.after_epoch(1.0)
    assert (first.rate, second.rate, second.after_epoch(2.0)) == (0.5, 8.0, 8.0)


def test_what_is_looked_at():
    history = cyprop.History([3.0, 2.0], [5.0, 4.0], [0.1, 0.1])
    assert cyprop.ReduceOnPlateau().value_in(history) == 2.0
    validation = cyprop.ReduceOnPlateau(monitor="validation_loss")
    assert validation.value_in(history) == 4.0
    with pytest.raises(ValueError, match="needs validation_data, or monitor='loss'"):
        validation.value_in(cyprop.History([3.0], [], [0.1]))
