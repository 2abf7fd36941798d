"""net.bind(x, out): a prediction made ready once."""

import copy
import gc
import pickle
import threading
import weakref
from time import sleep

import numpy as np
import pytest
from arrays_for_tests import misaligned, read_only, same_bits

import cyprop
from cyprop.engine.bound import BoundPrediction

# The last is so large that a call lets go of the GIL.
SIZES = ([1, 1], [4, 8, 3], [17, 33, 16, 5], [300, 250, 7])


def made(sizes, dtype, n=None):
    """A network, and x and out for one sample or for n."""
    net = cyprop.Network(sizes, "tanh", "tanh", dtype=dtype)
    rows = () if n is None else (n,)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(*rows, sizes[0])).astype(dtype)
    return net, x, np.full((*rows, sizes[-1]), np.nan, dtype)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("n", [None, 1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_predicts_what_predict_does(dtype, sizes, n):
    net, x, out = made(sizes, dtype, n)
    step = net.bind(x, out)
    assert np.isnan(out).all()
    assert step() is out
    assert same_bits(out, net.predict(x))


@pytest.mark.parametrize("n", [None, 3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_sees_new_inputs_and_new_weights(dtype, sizes, n):
    net, x, out = made(sizes, dtype, n)
    step = net.bind(x, out)
    before = step().copy()
    x *= -0.5
    moved = step().copy()
    assert same_bits(moved, net.predict(x))
    assert (moved != before).any()
    net.train_on_batch(x.reshape(-1, sizes[0]), np.ones_like(out).reshape(-1, sizes[-1]))
    trained = step().copy()
    assert same_bits(trained, net.predict(x))
    assert (trained != moved).any()
    net.optimizer = cyprop.Adam()
    net.weights[0][...] = 0
    assert same_bits(step(), net.predict(x))


def test_a_batch_without_rows_is_a_batch(dtype):
    net, x, out = made([4, 3], dtype, 0)
    assert net.bind(x, out)() is out


def test_x_may_be_read_only_or_mapped_from_a_file(dtype, tmp_path):
    net, x, out = made([4, 8, 3], dtype)
    assert same_bits(net.bind(read_only(x), out)(), net.predict(x))
    x.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", dtype, "r")
    assert same_bits(net.bind(mapped, out)(), net.predict(x))


def test_x_and_out_may_be_neighbours(dtype):
    net, x, _ = made([4, 3], dtype)
    memory = np.zeros(7, dtype)
    memory[:4] = x
    assert same_bits(net.bind(memory[:4], memory[4:])(), net.predict(x))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (list, TypeError, "x is list, expected an array of {dtype}"),
        (lambda x: None, TypeError, "x is NoneType, expected an array of {dtype}"),
        (lambda x: x.astype(int), TypeError, "x is of int64, expected an array of {dtype}"),
        (
            lambda x: x.astype(x.dtype.newbyteorder()),
            TypeError,
            "x is of >f{itemsize}, expected an array of {dtype}",
        ),
        (np.ma.masked_array, TypeError, "x is MaskedArray, expected an array of {dtype}"),
        (lambda x: x[:3], ValueError, "x has shape (3,), expected (4,) or (n, 4)"),
        (lambda x: x[None, None], ValueError, "x has shape (1, 1, 4), expected (4,) or (n, 4)"),
        (lambda x: x[0], TypeError, "x is {dtype}, expected an array of {dtype}"),
        (lambda x: np.repeat(x, 2)[::2], ValueError, "x must be C-contiguous and aligned"),
        (misaligned, ValueError, "x must be C-contiguous and aligned"),
    ],
)
def test_an_x_that_would_have_to_be_converted_is_refused(dtype, change, error, message):
    net, x, out = made([4, 3], dtype)
    expected = message.format(dtype=dtype, itemsize=dtype.itemsize)
    with pytest.raises(error) as caught:
        net.bind(change(x), out)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (list, TypeError, "out is list, expected an array of {dtype}"),
        (lambda out: None, TypeError, "out is NoneType, expected an array of {dtype}"),
        (lambda out: out.astype("f2"), TypeError, "out is dtype float16, expected an array"),
        (lambda out: out[:2], ValueError, "out has shape (2,), expected (3,)"),
        (lambda out: out[None], ValueError, "out has shape (1, 3), expected (3,)"),
        (read_only, ValueError, "out must be writable, C-contiguous and aligned"),
        (misaligned, ValueError, "out must be writable, C-contiguous and aligned"),
        (lambda out: np.repeat(out, 2)[::2], ValueError, "out must be writable, C-contiguous"),
    ],
)
def test_an_out_that_cannot_be_written_is_refused(dtype, change, error, message):
    net, x, out = made([4, 3], dtype)
    with pytest.raises(error) as caught:
        net.bind(x, change(out))
    assert str(caught.value).startswith(message.format(dtype=dtype))


def test_out_that_overlaps_x_is_refused(dtype):
    net, _, _ = made([4, 3], dtype)
    memory = np.zeros(7, dtype)
    for start in (0, 1, 3):
        with pytest.raises(ValueError, match="out overlaps X; expected memory of its own"):
            net.bind(memory[:4], memory[start : start + 3])


def test_out_has_as_many_rows_as_x(dtype):
    net, x, out = made([4, 3], dtype, 5)
    with pytest.raises(ValueError, match=r"out has shape \(4, 3\), expected \(5, 3\)"):
        net.bind(x, out[:4])
    with pytest.raises(ValueError, match=r"out has shape \(5, 3\), expected \(3,\)"):
        net.bind(x[0], out)


def test_a_network_that_was_never_initialised_is_refused():
    with pytest.raises(RuntimeError, match="the network has not been initialised"):
        cyprop.Network.__new__(cyprop.Network).bind(np.zeros(1, "f4"), np.zeros(1, "f4"))
    for wrong in (None, 3):
        with pytest.raises(TypeError, match="network"):
            BoundPrediction(wrong, np.zeros(1, "f4"), np.zeros(1, "f4"))


def test_it_takes_no_arguments(dtype):
    net, x, out = made([4, 3], dtype)
    with pytest.raises(TypeError, match="positional argument"):
        net.bind(x, out)(x)


def test_it_keeps_network_and_arrays_alive(dtype):
    net, x, out = made([4, 3], dtype)
    expected = net.predict(x)
    step = net.bind(x, out)
    alive = [weakref.ref(thing) for thing in (net, x, out)]
    del net, x, out
    gc.collect()
    assert [thing() for thing in alive] == [step.network, step.x, step.out]
    assert same_bits(step(), expected)
    del step
    gc.collect()
    assert [thing() for thing in alive] == [None] * 3


def test_a_network_that_holds_its_own_bound_prediction_goes_away(dtype):
    net, x, out = made([4, 3], dtype)
    net.step = net.bind(x, out)
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None


def test_its_arrays_cannot_be_resized_by_accident(dtype):
    net, x, out = made([4, 3], dtype)
    step = net.bind(x, out)
    for array in (x, out):
        with pytest.raises(ValueError, match="cannot resize an array that"):
            array.resize(100)
    assert same_bits(step(), net.predict(x))


def test_it_cannot_be_copied_or_pickled(dtype):
    net, x, out = made([4, 3], dtype)
    step = net.bind(x, out)
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a bound prediction cannot be copied or pickled"):
            call(step)


def test_threads_may_share_one(dtype):
    net, x, out = made([300, 250, 7], dtype, 40)
    step = net.bind(x, out)
    expected = net.predict(x)
    wrong = []

    def call():
        for _ in range(30):
            if not same_bits(step().copy(), expected):
                wrong.append(threading.get_ident())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_it_sees_the_weights_between_updates_only(dtype):
    # The rows are equal, and so is what a complete update leaves of them.
    _, x, out = made([60, 900, 2], dtype, 640)
    net = cyprop.Network([60, 900, 2], "tanh", "identity", optimizer=cyprop.SGD(0.001), dtype=dtype)
    x[...] = x[0]
    step = net.bind(x, out)
    targets = np.ones_like(out), -np.ones_like(out)
    done, seen = threading.Event(), set()

    def train():
        while not done.is_set():
            for Y in targets:
                net.train_on_batch(x, Y)
                sleep(0.0005)  # each lets the other have a turn

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        while len(seen) < 60 and trainer.is_alive():
            step()
            seen.add(out[0].tobytes())
            assert (out == out[0]).all()
            sleep(0.0005)
    finally:
        done.set()
        trainer.join()
    assert len(seen) == 60
