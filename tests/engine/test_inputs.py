"""Whatever a caller brings is read as NumPy would read it: the same bits, shapes, errors, warnings.

Small arrays of any kind, lists and tuples are converted by the engine itself. A subclass of ndarray
or of list is not, so the same numbers in one of those say what NumPy's conversion makes of them.
"""

import itertools
import warnings

import numpy as np
import pytest
from arrays_for_tests import misaligned, read_only, same_bits, wide

import cyprop


class OtherArray(np.ndarray):
    pass


class OtherList(list):
    pass


KINDS = [
    *("?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d", "g"),
    *(">h", ">H", ">i", ">I", ">q", ">Q", ">e", ">f", ">d"),
]
# Either side of the numbers that fit the room, of the rows that fit the small scratch (64 or 128 of
# these), and of a call that lets go of the GIL.
EDGES = [
    *itertools.product([[4, 8, 3]], (1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257, 513)),
    *itertools.product([[1023, 2], [1024, 2], [1025, 2], [2048, 1], [2049, 1]], (1, 2, 3)),
    *itertools.product([[1, 5, 2], [1, 1]], (1, 2, 9, 128, 129, 1024, 1025)),
    *itertools.product([[16, 64, 64, 4]], (1, 2, 8, 16, 17, 32, 33)),
    *itertools.product([[3, 600, 2]], (1, 2, 3, 5, 9)),
    *itertools.product([[250, 300, 2]], (1, 2)),  # which lets go of the GIL
]


def network(sizes, dtype, **arguments):
    net = cyprop.Network(sizes, "tanh", "sigmoid", seed=3, dtype=dtype, **arguments)
    for b in net.biases:
        b[...] = np.linspace(-1, 1, b.size)
    return net


def numbers(rng, kind, shape):
    """Some that the kind can hold, and its extremes."""
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        made = rng.integers(-3 if dtype.kind == "i" else 0, 4, shape).astype(dtype)
        made.flat[:: max(1, made.size // 3)] = [info.min, info.max, info.max // 3][: made.size][0]
        made.flat[-1] = info.max
        return made
    made = rng.normal(size=shape).astype(dtype)
    made.flat[-1] = np.finfo(np.float16).smallest_subnormal
    return made


def layouts(array):
    """The same numbers in every way that they may lie in memory."""
    yield "as it is", array
    yield "read-only", read_only(array)
    yield "Fortran order", np.asfortranarray(array)
    if array.dtype.itemsize > 1:
        yield "misaligned", misaligned(array)
    yield "backwards", np.ascontiguousarray(np.flip(array))[(slice(None, None, -1),) * array.ndim]
    doubled = np.repeat(array, 2, axis=-1)
    doubled[..., 1::2] = 1
    yield "every second", doubled[..., ::2]
    if array.ndim == 2:
        yield "rows far apart", wide(array, 1000) if array.dtype.kind != "b" else array
        yield "rows backwards", np.ascontiguousarray(array[::-1])[::-1]
        yield "a column of a block", np.stack([array, array], axis=1)[:, 1]


def outcome(call, *arguments):
    """What a call answers or raises, and which warnings come with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = call(*arguments)
        except Exception as error:  # whatever it is, the other way has to raise it too
            answer = type(error), str(error)
    if isinstance(answer, np.ndarray):
        answer = answer.dtype, answer.shape, answer.tobytes()
    elif isinstance(answer, float):
        answer = answer.hex()
    return answer, [(w.category, str(w.message)) for w in caught]


def slowly(value):
    """The same in a form that NumPy converts."""
    return value.view(OtherArray) if isinstance(value, np.ndarray) else OtherList(value)


def assert_same_predictions(net, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted = np.asarray(value).astype(net.dtype)
    got = outcome(net.predict, value)
    assert got == outcome(net.predict, slowly(value))
    assert got[0] == outcome(net.predict, np.ascontiguousarray(converted))[0]


def assert_same_learning(sizes, dtype, name, x, y):
    """One call each of two equal networks, of which one is given what NumPy converts."""
    fast, slow = network(sizes, dtype), network(sizes, dtype)
    got = outcome(getattr(fast, name), x, y)
    assert got == outcome(getattr(slow, name), slowly(x), slowly(y))
    assert same_bits(fast.parameters, slow.parameters)
    return got[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[4, 8, 3], [1, 5, 2], [3, 1]], ids=str)
def test_every_kind_of_array_is_read_as_numpy_reads_it(rng, dtype, sizes, kind):
    net = network(sizes, dtype)
    for shape in [(sizes[0],), (1, sizes[0]), (8, sizes[0]), (130, sizes[0]), (7,)]:
        for _, X in layouts(numbers(rng, kind, shape)):
            assert_same_predictions(net, X)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_is_learned_as_numpy_reads_it(rng, dtype, kind):
    sizes = [4, 8, 3]
    for (_, x), (_, y) in zip(
        layouts(numbers(rng, kind, 4)), layouts(numbers(rng, kind, 3)), strict=True
    ):
        assert_same_learning(sizes, dtype, "learn_one", x, y)
    for n in (1, 2, 8, 300):
        X, Y = numbers(rng, kind, (n, 4)), numbers(rng, kind, (n, 3))
        for (_, X_laid), (_, Y_laid) in zip(layouts(X), layouts(Y), strict=True):
            assert_same_learning(sizes, dtype, "train_on_batch", X_laid, Y_laid)


def test_arrays_of_no_real_numbers_are_refused_in_the_same_words(dtype):
    net = network([4, 8, 3], dtype)
    for value in (
        np.zeros(4, complex), np.zeros(4, "U3"), np.zeros(4, object), np.zeros(4, "M8[s]"),
        np.array([1, None, 2, 3]), np.zeros(4, "i4,i4"),
    ):  # fmt: skip
        answer = outcome(net.predict, value)
        assert answer == outcome(net.predict, value.view(OtherArray))
    with pytest.raises(TypeError, match=r"give X\.real"):
        net.predict(np.zeros(4, complex))
    with pytest.raises(TypeError, match=r"give x\.real"):
        net.learn_one(np.zeros(4, complex), np.zeros(3))


LISTS = [
    [0.5, -1.25, 3.0, 0.1], [1, 2, -3, 0], [True, False, True, True], [True, 2, 0.3, 1e-3],
    [np.float64(0.1), np.float32(0.1), np.int8(3), np.True_], [2**53, 2**53 + 1, 1, -(2**53) - 1],
    [2**53 + 1, 0.5, 1, 2], [2**53 - 1, 2**31, -(2**63), 2**63 - 1], [2**63, 1, 2, 3],
    [2**64, 1, 2, 3], [10**400, 1, 2, 3], [float("nan"), 1, 2, 3], [float("inf"), 1.0, -1, 0],
    [-float("inf"), 1.0, -1, 0], [1e39, 1.0, 2, 3], [3.4028235677973366e38, 1.0, 2, 3],
    [3.4028235e38, 1e-46, 1e-40, 5e-324], [0.1, "1", 2, 3], [0.1, None, 2, 3], [1j, 1, 2, 3],
    [0.1, [1], 2, 3], [1, 2, 3], [], [1, 2, 3, 4, 5], [16777217, 16777219, 33554435, 3],
    [[1, 2, 3, 4]], [[1, 2, 3, 4], [5, 6, 7, 8]], [(1, 2, 3, 4), [0.5, 6, 7, 8]],
    [[1, 2, 3, 4], [5]],
]  # fmt: skip


@pytest.mark.parametrize("value", LISTS, ids=lambda value: str(value)[:40])
def test_lists_and_tuples_are_read_as_numpy_reads_them(dtype, value):
    net = network([4, 8, 3], dtype)
    expected = outcome(net.predict, OtherList(value))
    assert outcome(net.predict, value) == expected
    assert outcome(net.predict, tuple(value)) == expected
    assert_same_learning([4, 8, 3], dtype, "learn_one", value, [0.1, 1, 0])
    assert_same_learning([3, 8, 4], dtype, "learn_one", [0.1, 1, 0], value)
    assert_same_learning([4, 8, 3], dtype, "train_on_batch", value, [0.1, 1, 0])
    assert_same_learning([4, 8, 3], dtype, "train_on_batch", [value], [[0.1, 1, 0]])


def test_random_lists_are_read_as_numpy_reads_them(rng, dtype):
    net = network([4, 8, 3], dtype)
    for _ in range(300):
        value = [
            [
                float(rng.normal() * 10.0 ** rng.uniform(-50, 40)),
                int(rng.integers(-(2**63), 2**63 - 1)) >> int(rng.integers(0, 64)),
                bool(rng.random() < 0.5),
                np.float64(rng.normal()),
            ][int(rng.integers(0, 4))]
            for _ in range(4)
        ]
        assert outcome(net.predict, value) == outcome(net.predict, OtherList(value)), value


def test_random_bits_are_read_as_numpy_reads_them(rng, dtype):
    """Every half there is, and floats of any exponent, NaN and infinity among them."""
    net = network([4, 8, 3], dtype)
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(-1, 4)
    for i in range(0, len(halves), 64):
        X = halves[i : i + 64]
        assert_same_predictions(net, X)
        assert_same_predictions(net, X.astype(">f2"))
    for kind, width in itertools.product(("f4", "f8", ">f4", ">f8"), (1, 5)):
        for _ in range(100):
            X = np.frombuffer(rng.bytes(width * 4 * int(kind[-1])), kind).reshape(width, 4)
            assert_same_predictions(net, X)


@pytest.mark.parametrize(("sizes", "n"), EDGES, ids=str)
def test_sizes_on_either_side_of_what_fits(rng, dtype, sizes, n):
    net = network(sizes, dtype)
    X, Y = rng.normal(size=(n, sizes[0])), rng.random((n, sizes[-1]))
    for kind in ("f4", "f8", "f2", "i4", ">f8", "?"):
        assert_same_predictions(net, X.astype(kind))
        assert_same_learning(sizes, dtype, "train_on_batch", X.astype(kind), Y.astype(kind))
    assert_same_predictions(net, X[:, ::-1])
    assert_same_predictions(net, np.asfortranarray(X.astype(dtype)))
    assert_same_predictions(net, X[0].tolist())
    assert_same_learning(sizes, dtype, "learn_one", X[0].tolist(), Y[0].tolist())


def test_no_rows_and_other_shapes_answer_as_ever(dtype):
    net = network([4, 8, 3], dtype)
    for kind in ("f4", "f8", "i2"):
        assert net.predict(np.zeros((0, 4), kind)).shape == (0, 3)
        for shape in [(), (3,), (5,), (4, 1), (2, 5), (1, 1, 4), (0,), (0, 3)]:
            value = np.zeros(shape, kind)
            answer = outcome(net.predict, value)
            assert answer == outcome(net.predict, value.view(OtherArray))
            assert answer[0][0] is ValueError
        for X, Y in [((0, 4), (0, 3)), ((2, 4), (1, 3)), ((4,), (3,)), ((1, 4), (3,))]:
            answer = assert_same_learning(
                [4, 8, 3], dtype, "train_on_batch", np.zeros(X, kind), np.zeros(Y, kind)
            )
            assert answer[0] is ValueError


def test_one_input_takes_a_vector_for_rows_and_no_single_number(rng, dtype):
    net = network([1, 5, 2], dtype)
    for kind in ("f4", "f8", "i4", "f2", ">f4"):
        x = rng.normal(size=9).astype(kind)
        assert same_bits(net.predict(x), net.predict(x.reshape(-1, 1)))
        assert net.predict(x[:1]).shape == (2,)
        assert net.predict(x[:1].reshape(1, 1)).shape == (1, 2)
    for number in (0.5, 1, True, np.float32(0.5), np.array(0.5)):
        with pytest.raises(ValueError, match=r"X has shape \(\)"):
            net.predict(number)
        with pytest.raises(ValueError, match=r"X has shape \(\)"):
            net.train_on_batch(number, [[0.5, 0.5]])


def test_a_single_number_stands_for_a_vector_of_one_to_learn(dtype):
    nets = [network([1, 5, 1], dtype) for _ in range(5)]
    pairs = [(0.5, 1.0), ([0.5], [1]), (np.float32(0.5), 1), (np.array([0.5]), True), (0.5, (1.0,))]
    losses = {net.learn_one(*pair) for net, pair in zip(nets, pairs, strict=True)}
    assert len(losses) == 1
    assert all(same_bits(net.parameters, nets[0].parameters) for net in nets)


def test_what_becomes_infinite_in_float32_comes_with_numpy_s_warning():
    net = network([4, 8, 3], np.float32)
    with pytest.warns(RuntimeWarning, match="overflow"):
        answer = net.predict(np.array([1e39, 0, 0, 0]))
    assert same_bits(answer, net.predict(np.array([np.inf, 0, 0, 0], np.float32)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.predict(np.array([np.inf, 0, 0, 0]))
        net.predict([np.inf, 0.0, 0, 0])
        network([4, 8, 3], np.float64).predict(np.array([1e300, 0, 0, 0]))


@pytest.mark.parametrize("n", [None, 1, 8, 300])
def test_out_of_either_shape_is_written_and_returned(rng, dtype, n):
    net = network([4, 8, 3], dtype)
    shape, out_shape = ((4,), (3,)) if n is None else ((n, 4), (n, 3))
    for kind in ("f4", "f8", "i2", ">f4"):
        for _, X in layouts(numbers(rng, kind, shape)):
            out = np.full(out_shape, 7, dtype)
            assert net.predict(X, out) is out
            assert same_bits(out, net.predict(X))
            assert net.predict(X, out=out) is out


@pytest.mark.parametrize("n", [None, 1, 8])
def test_an_out_that_does_not_fit_is_refused_in_the_same_words(rng, dtype, n):
    net = network([4, 8, 3], dtype)
    shape, out_shape = ((4,), (3,)) if n is None else ((n, 4), (n, 3))
    other = np.float64 if dtype == np.float32 else np.float32
    outs = [
        np.zeros(out_shape, other), np.zeros((*out_shape, 1), dtype), np.zeros((2, 3), dtype),
        np.zeros((3,) if n else (1, 3), dtype), np.zeros((*out_shape[:-1], 6), dtype)[..., ::2],
        read_only(np.zeros(out_shape, dtype)), misaligned(np.zeros(out_shape, dtype)),
        np.zeros(out_shape, dtype.newbyteorder()), [0, 0, 0],
    ]  # fmt: skip
    for kind, out in itertools.product(("f4", "f8", "i2"), outs):
        X = numbers(rng, kind, shape)
        answer = outcome(net.predict, X, out)
        assert answer == outcome(net.predict, X.view(OtherArray), out)
        assert answer[0][0] in (TypeError, ValueError)


def test_an_out_that_overlaps_X_is_refused(dtype):
    net = network([4, 8, 3], dtype)
    memory = np.zeros(64, dtype)
    other = memory.view(np.float64 if dtype == np.float32 else np.float32)
    for X, out in [
        (memory[:4], memory[3:6]), (memory[:4].reshape(1, 4), memory[3:6].reshape(1, 3)),
        (memory[:16].reshape(4, 4), memory[15:27].reshape(4, 3)), (memory[7:3:-1], memory[2:5]),
        (memory[:40:10], memory[5:8]), (other[:4], memory[0:3]),
        (memory.view("i2")[4:8], memory[1:4]),
        (memory[30::-10], memory[8:11]), (memory.view(">i4")[:4], memory[1:4]),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="out overlaps X"):
            net.predict(X, out)
    apart = memory[10:13]
    assert net.predict(memory[:4], apart) is apart
    assert net.predict(memory[13:17].reshape(1, 4), apart.reshape(1, 3)).base is memory


def test_subclasses_go_the_way_of_numpy(dtype):
    """They may say what they like of themselves, and their own methods are heeded."""

    class Lying(np.ndarray):
        @property
        def shape(self):
            return (4,)

    class Counting(list):
        def __iter__(self):
            return iter([1.0, 2.0, 3.0, 4.0])

    net = network([4, 8, 3], dtype)
    with pytest.raises(ValueError, match=r"\(2,\)|shape"):
        net.predict(np.zeros(2).view(Lying))
    with pytest.raises(TypeError, match="masked"):
        net.predict(np.ma.masked_array(np.zeros(4), mask=[1, 0, 0, 0]))
    assert net.predict(Counting([1.0, 2.0, 3.0, 4.0])).shape == (3,)
    out = np.zeros(3, dtype).view(OtherArray)
    assert net.predict(np.zeros(4), out) is out
    assert same_bits(np.asarray(out), net.predict(np.zeros(4)))


@pytest.mark.parametrize("name", ["predict", "learn_one", "train_on_batch"])
def test_a_network_without_layers_says_so(name):
    net = cyprop.Network.__new__(cyprop.Network)
    for value in (np.zeros(0, bool), np.zeros((1, 0), bool), np.zeros(4), [], [0.5], 0.5):
        arguments = (value,) if name == "predict" else (value, value)
        with pytest.raises(RuntimeError, match="not been initialised"):
            getattr(net, name)(*arguments)
