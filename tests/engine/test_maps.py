"""Networks with maps beside X and Y that NumPy has scaled for a network without, bit for bit."""

import threading

import numpy as np
import pytest
from arrays_for_tests import same_bits

import cyprop
from cyprop.engine import maps

DTYPES = ("float32", "float64")
SHAPES = [(3, 1), (5, 7, 3), (17, 33, 9, 2), (64, 31, 1), (7, 300, 300, 5)]
KINDS = ("inputs", "outputs", "both")


class Pair:
    """A network with maps, a network without, and the same data for each of them."""

    def __init__(self, sizes, dtype, kind="both", n=131, **options):
        rng = np.random.Generator(np.random.PCG64(sum(sizes)))
        options = {"activation": "tanh", "output_activation": "identity", "seed": 4, **options}
        self.mapped, self.plain = (cyprop.Network(sizes, dtype=dtype, **options) for _ in range(2))
        n_in, n_out = sizes[0], sizes[-1]
        offset, self.scale = rng.normal(size=(2, n_in)).astype(dtype)
        self.offset_of_A, self.scale_of_A = rng.uniform(0.5, 3, size=(2, n_out)).astype(dtype)
        self.scale_of_A[::2] *= -1
        self.X = rng.normal(size=(n, n_in)).astype(dtype)
        self.X[:, 0] = offset[0]  # which becomes zeros
        self.Y = rng.normal(size=(n, n_out)).astype(dtype)
        if kind == "outputs":
            offset, self.scale = np.zeros(n_in, dtype), np.ones(n_in, dtype)
        else:
            self.mapped.input_map = offset, self.scale
        if kind == "inputs":
            self.offset_of_A, self.scale_of_A = np.zeros(n_out, dtype), np.ones(n_out, dtype)
        else:
            self.mapped.output_map = self.offset_of_A, self.scale_of_A
        self.X_by_hand = (self.X - offset) * self.scale
        self.Y_by_hand = self.Y / self.scale_of_A + self.offset_of_A

    def predicted(self, X_by_hand, **options):
        """What the network with maps should predict."""
        A = self.plain.predict(X_by_hand, **options)
        return (A - self.offset_of_A) * self.scale_of_A

    def assert_same_parameters(self):
        assert same_bits(self.mapped.parameters, self.plain.parameters)


@pytest.fixture(params=[(s, d, k) for s in SHAPES for d in DTYPES for k in KINDS], ids=str)
def pair(request):
    return Pair(*request.param)


def test_every_door_predicts_the_same(pair):
    net, X, expected = pair.mapped, pair.X, pair.predicted(pair.X_by_hand)
    n, n_out = expected.shape
    for n_threads in (1, 3):
        assert same_bits(net.predict(X, n_threads=n_threads), expected)
    assert same_bits(net.predict(X.astype(float)), expected)
    assert same_bits(net.predict(X[:8]), expected[:8])
    out = np.empty((n, n_out), net.dtype)
    assert net.predict(X, out) is out
    assert same_bits(out, expected)
    assert same_bits(net.bind(X, np.empty_like(out))(), expected)
    for i in (0, n - 1):
        x, row, y = X[i], expected[i], np.empty(n_out, net.dtype)
        assert same_bits(net.predict(x), row)
        assert net.predict(x, y) is y
        assert same_bits(y, row)
        assert same_bits(net.predict(x[np.newaxis]), expected[i : i + 1])
        assert same_bits(net.predict(x.tolist()), row)
        assert same_bits(net.predict(np.repeat(x, 2)[::2]), row)
        assert same_bits(net.bind(x, y)(), row)


def test_layers_below_are_without_the_output_map(pair):
    last = len(pair.plain.sizes) - 2
    for layer in range(last):
        for n_threads in (1, 3):
            found = pair.mapped.predict(pair.X, layer=layer, n_threads=n_threads)
            assert same_bits(found, pair.plain.predict(pair.X_by_hand, layer=layer))
    assert same_bits(pair.mapped.predict(pair.X, layer=last), pair.predicted(pair.X_by_hand))


def test_losses_and_derivatives(pair):
    net, plain = pair.mapped, pair.plain
    weights = np.linspace(0, 2, len(pair.X))
    for n_threads in (1, 3):
        options = {"n_threads": n_threads, "sample_weight": weights}
        assert net.evaluate(pair.X, pair.Y, **options) == plain.evaluate(
            pair.X_by_hand, pair.Y_by_hand, **options
        )
        found = net.gradients(pair.X, pair.Y, **options)
        expected = plain.gradients(pair.X_by_hand, pair.Y_by_hand, **options)
        assert found.loss == expected.loss
        assert same_bits(found.parameters, expected.parameters)
        assert same_bits(found.inputs, expected.inputs * pair.scale)
        found = net.vjp(pair.X, pair.Y, n_threads=n_threads)
        expected = plain.vjp(pair.X_by_hand, pair.Y * pair.scale_of_A)
        assert same_bits(found.parameters, expected.parameters)
        assert same_bits(found.inputs, expected.inputs * pair.scale)
        assert net.vjp(pair.X, pair.Y, inputs=False, n_threads=n_threads).inputs is None
        J = net.jacobian(pair.X, n_threads=n_threads)
        for j, scale in enumerate(pair.scale_of_A):
            dA = np.zeros_like(pair.Y)
            dA[:, j] = scale
            assert same_bits(J[:, j], plain.vjp(pair.X_by_hand, dA).inputs * pair.scale)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_learning(optimizer, n_threads):
    for dtype in DTYPES:
        for kind in KINDS:
            pair = Pair((17, 33, 9, 2), dtype, kind, optimizer=optimizer, dropout=0.1)
            net, plain = pair.mapped, pair.plain
            for i in range(4):
                rows = (pair.X[i], pair.Y[i]), (pair.X_by_hand[i], pair.Y_by_hand[i])
                assert net.learn_one(*rows[0]) == plain.learn_one(*rows[1])
                assert net.learn_one(*rows[0], weight=2.5) == plain.learn_one(*rows[1], weight=2.5)
            pair.assert_same_parameters()
            for n in (1, 9, 131):
                loss = net.train_on_batch(pair.X[:n], pair.Y[:n], n_threads)
                assert loss == plain.train_on_batch(pair.X_by_hand[:n], pair.Y_by_hand[:n])
            pair.assert_same_parameters()
            weights = np.arange(len(pair.X)) % 4
            for options in (
                {"batch_size": 10},
                {"batch_size": 32, "shuffle": False, "clip_norm": 0.5},
                {"batch_size": 131, "validation_split": 0.25},
                {"batch_size": 3, "sample_weight": weights},
            ):
                found = net.fit(pair.X, pair.Y, epochs=2, n_threads=n_threads, **options)
                expected = plain.fit(pair.X_by_hand, pair.Y_by_hand, epochs=2, **options)
                assert found.loss == expected.loss
                pair.assert_same_parameters()


def test_large_networks_learn_and_predict_without_the_gil():
    pair = Pair((300, 256, 3), "float32")
    assert same_bits(pair.mapped.predict(pair.X[0]), pair.predicted(pair.X_by_hand[0]))
    y = np.empty(3, "float32")
    assert same_bits(pair.mapped.bind(pair.X[0], y)(), pair.predicted(pair.X_by_hand[0]))
    pair.mapped.learn_one(pair.X[0], pair.Y[0])
    pair.plain.learn_one(pair.X_by_hand[0], pair.Y_by_hand[0])
    pair.assert_same_parameters()


def test_rows_of_iterables_and_of_files(tmp_path):
    pair = Pair((5, 7, 3), "float32")
    np.save(tmp_path / "X.npy", pair.X)
    pair.mapped.fit(np.load(tmp_path / "X.npy", mmap_mode="r"), pair.Y, epochs=2)
    pair.plain.fit(pair.X_by_hand, pair.Y_by_hand, epochs=2)
    pair.assert_same_parameters()
    pair.mapped.fit([(pair.X[:50], pair.Y[:50]), (pair.X[50:], pair.Y[50:])], epochs=2)
    X, Y = pair.X_by_hand, pair.Y_by_hand
    pair.plain.fit([(X[:50], Y[:50]), (X[50:], Y[50:])], epochs=2)
    pair.assert_same_parameters()


@pytest.mark.parametrize("loss", ["mse", "gaussian_nll", "huber"])
def test_derivatives_are_slopes(loss):
    net = cyprop.Network([4, 6, 2], "tanh", "identity", loss=loss, dtype="float64", l2=0.01, seed=2)
    net.input_map = [1, -2, 0.5, 3], [0.3, -2, 4, 0]
    net.output_map = [0.5, 0.25], [-20, 0.5]
    rng = np.random.Generator(np.random.PCG64(1))
    X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, net.settings.n_targets))
    found = cyprop.check_gradients(net, X, Y)
    assert found.relative < 1e-6
    assert found.n_checked == found.n_components
    assert not net.gradients(X, Y).inputs[:, 3].any()
    h = 1e-6
    J = net.jacobian(X[0])
    for k in range(4):
        step = np.zeros(4)
        step[k] = h
        slope = (net.predict(X[0] + step) - net.predict(X[0] - step)) / (2 * h)
        np.testing.assert_allclose(J[:, k], slope, rtol=1e-6, atol=1e-8)


def test_a_bound_prediction_follows_the_maps():
    pair = Pair((5, 7, 3), "float32")
    for x in (pair.X[0].copy(), pair.X[:70].copy()):
        net = cyprop.Network([5, 7, 3], "tanh", "identity", seed=4)
        step = net.bind(x, np.empty((*x.shape[:-1], 3), "float32"))
        before = step().copy()
        net.input_map = pair.mapped.input_map
        assert same_bits(step(), net.predict(x))
        assert not same_bits(step(), before)
        net.output_map = pair.mapped.output_map
        assert same_bits(step(), pair.mapped.predict(x))
        net.input_map = net.output_map = None
        assert same_bits(step(), before)


def test_threads_find_all_of_a_fold_or_nothing():
    net = cyprop.Network([40, 900, 900, 3], "relu", "identity", seed=1)
    x = np.linspace(-1, 1, 40, dtype="float32")
    net.input_map = 0.25, 3
    net.output_map = -1, 50
    expected = net.predict(x)
    stop, wrong = threading.Event(), []

    def look():
        while not stop.is_set():
            for found in (net.predict(x), net.predict(np.tile(x, (40, 1)), n_threads=2)[-1]):
                if np.abs(found - expected).max() > 1e-3 * np.abs(expected).max():
                    wrong.append(found)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    net.fold_scaling()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_numbers_too_large_for_a_map_are_not_learned():
    net = cyprop.Network([2, 3, 1], "tanh", "identity")
    net.input_map = 0, 1e30
    before = net.parameters.copy()
    x = np.array([1e30, 1], "float32")
    assert not np.isfinite(net.learn_one(x * np.float32(np.nan), [1]))
    net.learn_one(x, [1])
    assert np.isfinite(net.parameters).all()
    net = cyprop.Network([2, 3, 1], "relu", "identity")
    net.input_map = 0, 1e30
    before = net.parameters.copy()
    assert not np.isfinite(net.learn_one(x, [1]))
    assert same_bits(net.parameters, before)


def test_folding_needs_the_maps_it_was_made_for():
    net = cyprop.Network([2, 1])
    net.input_map = 1, 2
    before = net.parameters.copy()
    assert not maps.fold(net, maps.NO_MAPS, np.ones((2, 2)), None, maps.NO_MAPS)
    assert same_bits(net.parameters, before)
    with pytest.raises(ValueError, match=r"expected \(2, 2\)"):
        maps.fold(net, maps.maps_of(net), np.ones((2, 3)), None, maps.NO_MAPS)


@pytest.mark.parametrize("sizes", [(6, 8, 3), (300, 256, 3)], ids=str)
def test_threads_find_one_map_or_another(sizes):
    """While maps change, every door answers as with one of them, and nothing is torn."""
    net = cyprop.Network(sizes, "tanh", "identity", seed=1)
    X = np.random.Generator(np.random.PCG64(1)).normal(size=(70, sizes[0])).astype("float32")
    y = np.empty(3, "float32")
    bound = net.bind(X[0].copy(), y)
    choices = [(None, None), ((0.5, 2), None), (None, (1, -3)), ((0.25, -1), (2, 5))]
    expected = []
    for net.input_map, net.output_map in choices:
        expected.append((net.predict(X), net.jacobian(X[0])))
    found, stop = {"row": [], "rows": [], "bound": [], "jacobian": []}, threading.Event()

    def look():
        while not stop.is_set():
            found["row"].append(net.predict(X[0])[np.newaxis])
            found["rows"].append(net.predict(X, n_threads=2))
            found["jacobian"].append(net.jacobian(X[0]))

    def look_through_it():
        while not stop.is_set():
            found["bound"].append(bound()[np.newaxis].copy())

    threads = [threading.Thread(target=target) for target in (look, look, look_through_it)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        for inputs, outputs in choices:
            maps.set_maps(net, inputs, outputs)
    stop.set()
    for thread in threads:
        thread.join()
    for key, several in found.items():
        assert several
        place = 1 if key == "jacobian" else 0
        for one in several:
            assert any(same_bits(one, of[place][: len(one)]) for of in expected), key
