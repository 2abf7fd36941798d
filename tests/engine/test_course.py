"""A course on some of the rows: training and evaluating by an order that names them."""

import copy

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.engine import memory
from cyprop.engine.course import Course

N = 83


def made(dtype="float32", **options):
    return cyprop.Network([6, 11, 4], "tanh", optimizer="adam", dtype=dtype, **options)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def data(rng, dtype):
    X = rng.normal(size=(N, 6)).astype(dtype)
    X[rng.random(X.shape) < 0.3] = 0
    return X, rng.random((N, 4)).astype(dtype), rng.random(N) * (rng.random(N) > 0.2)


def epoch(course, order, rates, n):
    total, row = 0.0, 0
    while row < n:
        total, row = course.train(order, rates, row, total)
        assert np.isfinite(total)  # or it would not go on
    return total


@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_an_order_of_some_rows_is_those_rows_alone(rng, data, dtype, n_parts, clip_norm):
    X, Y, weights = data
    options = {"dropout": 0.2, "l2": 0.01}
    for n, batch_size in ((1, 5), (N - 1, 9), (40, 64), (N, 7)):
        order = rng.permutation(N)[:n]
        rates = rng.uniform(1e-4, 1e-2, -(-n // batch_size))
        for given in (None, weights):
            if given is not None and not given[order].any():
                continue
            mine, theirs = made(dtype, **options), made(dtype, **options)
            of_order = None if given is None else given[order]
            course = Course(mine, X, Y, given, batch_size, n_parts, clip_norm=clip_norm)
            alone = Course(theirs, X[order], Y[order], of_order, batch_size, 1, clip_norm=clip_norm)
            total = epoch(course, order, rates, n)
            assert total == epoch(alone, None, rates, n)
            assert same_bits(mine.parameters, theirs.parameters)
            assert memory.state(mine)[3] == memory.state(theirs)[3]


def test_it_goes_on_from_any_batch(rng, data):
    X, Y, weights = data
    order = rng.permutation(N)[:50]
    whole, half = made(X.dtype), made(X.dtype)
    expected = epoch(Course(whole, X, Y, weights, 8, 1), order, None, 50)
    course = Course(half, X, Y, weights, 8, 1)
    total, row = course.train(order[:24].copy(), None, 0, 0.0)
    assert row == 24
    total, row = course.train(order, None, row, total)
    assert (total, row) == (expected, 50)
    assert same_bits(half.parameters, whole.parameters)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_evaluating_some_rows_has_the_bits_of_their_copies(rng, data, dtype, n_threads):
    X, Y, weights = data
    net = made(dtype, dropout=0.5, l1=1.0)
    course = Course(net, X, Y, weights, 8, 1)
    bare = Course(net, X, Y, None, 8, 1)
    before = copy.deepcopy(memory.state(net))
    for n in (2, 64, 65, N):
        order = rng.permutation(N)[:n]
        weighted = net.evaluate(X[order], Y[order], n_threads, weights[order])
        assert course.evaluate(order, n_threads) == weighted
        plain = net.evaluate(X[order], Y[order], n_threads)
        assert bare.evaluate(order, n_threads) == plain
        assert course.evaluate(order, n_threads, False) == plain
        assert weighted != plain
        E = net.predict(X[order]).astype("f8") - Y[order]
        expected = np.average((E**2).mean(axis=1), weights=weights[order])
        np.testing.assert_allclose(weighted, expected, rtol=1e-6 if dtype == "float32" else 1e-13)
    assert course.evaluate(None, n_threads) == net.evaluate(X, Y, n_threads, weights)
    assert bare.evaluate(None, n_threads) == net.evaluate(X, Y, n_threads)
    for mine, theirs in zip(before[2], memory.state(net)[2], strict=True):
        assert same_bits(mine, theirs)
    assert same_bits(before[1], memory.state(net)[1])


def test_parts_evaluate_in_the_same_bits(rng):
    """Rows enough that threads share them."""
    net = cyprop.Network([150, 200, 3], "relu")
    X, Y = rng.normal(size=(400, 150)).astype("f4"), rng.random((400, 3)).astype("f4")
    order = rng.permutation(400)[:333]
    course = Course(net, X, Y, rng.random(400), 8, 1)
    expected = course.evaluate(order, 1)
    assert all(course.evaluate(order, n_threads) == expected for n_threads in (2, 3))


def test_what_it_refuses(data):
    X, Y, weights = data
    course = Course(made(X.dtype), X, Y, np.where(np.arange(N) < 3, 0.0, 1.0), 8, 1)
    for order in (
        np.arange(N + 1),
        np.arange(0),
        np.arange(4).reshape(2, 2),
        np.arange(4, dtype=np.int32),
        np.arange(8)[::2],
        [0, 1],
        np.array(1),
    ):
        with pytest.raises(
            ValueError, match="order is not such as an array of the numbers of rows"
        ):
            course.train(order, None, 0, 0.0)
        with pytest.raises(
            ValueError, match="order is not such as an array of the numbers of rows"
        ):
            course.evaluate(order, 1)
    with pytest.raises(ValueError, match="start is 5, expected a row from 0 to 4"):
        course.train(np.arange(4), None, 5, 0.0)
    with pytest.raises(ValueError, match="rates are not one number for each batch"):
        course.train(np.arange(9), np.ones(11), 0, 0.0)
    with pytest.raises(ValueError, match="the weights of these rows are all 0"):
        course.evaluate(np.arange(3), 1)
    assert course.evaluate(np.arange(3), 1, False) > 0
    with pytest.raises(ValueError, match="n_threads is 0"):
        course.evaluate(None, 0)


@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("counts", [1.0, 2.5])
def test_a_penalty_that_the_rows_of_a_batch_share(rng, data, dtype, n_parts, weighted, counts):
    """Each batch by a network of that l2, and the loss by what `evaluate` says."""
    X, Y, weights = data
    weights = weights if weighted else None
    shared, batch_size, n = 0.3, 9, 40
    order = rng.permutation(N)[:n]
    mine = made(dtype, l2=1e-3)
    course = Course(
        mine, X, Y, weights, batch_size, n_parts, shared_l2=shared, penalty_counts=counts
    )
    before = copy.copy(mine)
    total = epoch(course, order, None, n)
    assert mine.settings == before.settings

    expected = 0.0
    state = memory.state(before)[1:]
    for start in range(0, n, batch_size):
        rows = order[start : start + batch_size]
        own = None if weights is None else weights[rows]
        l2 = shared / (len(rows) if own is None else own.sum())
        alone = made(dtype, l2=l2)
        memory.set_state(alone, *state)
        squares = sum(float((W.astype("float64") ** 2).sum()) for W in alone.weights)
        loss = alone.evaluate(X[rows], Y[rows], sample_weight=own)
        expected += len(rows) * (loss + counts * l2 / 2 * squares)
        alone.train_on_batch(X[rows], Y[rows], sample_weight=own)
        state = memory.state(alone)[1:]
    assert total == pytest.approx(expected, rel=1e-6 if dtype == "float32" else 1e-13)
    assert same_bits(mine.parameters, state[0])


def test_a_shared_penalty_ends_with_its_course(data, dtype):
    X, Y, _ = data
    mine, other = made(dtype, l2=0.01), made(dtype, l2=0.01)
    epoch(Course(mine, X, Y, None, 8, 1, shared_l2=0.5), None, None, N)
    memory.set_state(other, *memory.state(mine)[1:])
    assert mine.train_on_batch(X, Y) == other.train_on_batch(X, Y)
    assert same_bits(mine.parameters, other.parameters)
