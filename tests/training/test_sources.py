"""What fit learns from besides arrays: mapped files, sparse matrices, iterables, frames."""

import copy
import tracemalloc

import numpy as np
import pandas
import pytest
import scipy.sparse

import cyprop

N, N_IN, K = 203, 7, 3


def network(dtype="float32", **options):
    return cyprop.Network(
        [N_IN, 12, K], "tanh", loss="cross_entropy", dropout=0.2, seed=3, dtype=dtype,
        optimizer=cyprop.SGD(0.1, momentum=0.9), **options,
    )  # fmt: skip


@pytest.fixture
def X(rng):
    return np.where(rng.random((N, N_IN)) < 0.4, rng.normal(size=(N, N_IN)), 0)


@pytest.fixture
def labels(rng):
    return rng.integers(0, K, N)


def mapped(path, array, mode="r"):
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def bits(net):
    return net.parameters.tobytes()


OPTIONS = {
    "plain": {},
    "in order": {"shuffle": False},
    "weighted": {"sample_weight": np.arange(N) % 4},
    "classes": {"class_weight": {0: 2.0, 2: 0.5}},
    "clipped, scheduled": {"clip_norm": 0.5, "schedule": "one_cycle"},
    "split": {"validation_split": 0.25},
    "split and weights": {"validation_split": 0.3, "sample_weight": 1 + np.arange(N) % 3},
    "one batch": {"batch_size": 500},
}


def kinds(tmp_path, X, labels):
    yield "memmap", mapped(tmp_path / "X.npy", X), labels
    yield "memmap of float32", mapped(tmp_path / "X4.npy", X.astype("f4")), labels
    yield "copy on write", mapped(tmp_path / "Xc.npy", X, "c"), labels
    yield "view", mapped(tmp_path / "X2.npy", np.hstack([X, X]))[:, :N_IN], labels
    yield "both", mapped(tmp_path / "X.npy", X), mapped(tmp_path / "y.npy", labels.astype("u1"))
    yield "only Y", X, mapped(tmp_path / "Y.npy", np.eye(K)[labels])
    yield "csr matrix", scipy.sparse.csr_matrix(X), labels
    yield "csr array", scipy.sparse.csr_array(X.astype("f4")), labels
    yield "frame", pandas.DataFrame(X), pandas.Series(labels)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_kind_gives_the_bits_of_arrays(tmp_path, X, labels, dtype, name):
    options = {"batch_size": 16, **OPTIONS[name]}
    expected = network(dtype)
    history = expected.fit(X.astype(dtype), labels, 4, **options)
    for kind, X_given, Y_given in kinds(tmp_path, X, labels):
        if dtype == "float64" and (kind.endswith("float32") or kind == "csr array"):
            continue
        for n_threads in (1, 3):
            net = network(dtype)
            found = net.fit(X_given, Y_given, 4, n_threads=n_threads, **options)
            assert bits(net) == bits(expected), kind
            assert found.loss == history.loss, kind
            np.testing.assert_allclose(found.validation_loss, history.validation_loss, rtol=1e-12)


def test_bools_and_integers(X, rng):
    for array in (X > 0, (9 * X).astype(np.int8), (9 * X).astype(np.uint64)):
        expected, net = network(), network()
        Y = rng.dirichlet(np.ones(K), N)
        expected.fit(array.astype("f4"), Y, 2)
        net.fit(array, Y, 2)
        assert bits(net) == bits(expected)


def test_validation_data_of_any_kind(tmp_path, X, labels):
    expected = network().fit(X, labels, 3, validation_data=(X, labels), metrics=["accuracy", "auc"])
    for kind, X_given, Y_given in kinds(tmp_path, X, labels):
        held = (X_given, Y_given, np.ones(N))
        for validation in (held, held[:2]):
            found = network().fit(
                X, labels, 3, validation_data=validation, metrics=["accuracy", "auc"]
            )
            np.testing.assert_allclose(found.validation_loss, expected.validation_loss, rtol=1e-6)
            assert found.metrics.keys() == expected.metrics.keys(), kind
            for name in found.metrics:
                np.testing.assert_allclose(found.metrics[name], expected.metrics[name], rtol=1e-6)


def test_a_mapped_file_is_not_read_as_a_whole(tmp_path):
    X = mapped(tmp_path / "X.npy", np.ones((40_000, N_IN), "f4"))
    net = network()
    labels = np.zeros(len(X), np.uint8)
    Y = mapped(tmp_path / "y.npy", labels)
    net.fit(X[:100], Y[:100], 1)
    tracemalloc.start()
    net.fit(X, Y, 1, batch_size=100, shuffle=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 10


@pytest.mark.parametrize("shuffle", [True, False])
def test_nan_in_a_file_is_found_when_it_comes(tmp_path, X, labels, shuffle):
    bad = X.copy()
    bad[150, 4] = np.nan
    net, expected = network(), network()
    with pytest.raises(ValueError, match=r"^X holds nan at row 150, column 4, expected finite"):
        net.fit(mapped(tmp_path / "X.npy", bad), labels, 3, 16, shuffle=shuffle)
    order = np.arange(N)
    if shuffle:
        order = expected.__getstate__()["rng"].permutation(N)
    place = int(np.flatnonzero(order == 150)[0])
    whole = order[: place // 16 * 16]  # the batches before that
    if len(whole):
        expected.fit(X[whole], labels[whole], 1, 16, shuffle=False)
    assert bits(net) == bits(expected)
    assert len(net.history) == 0


REFUSED = [
    (lambda X, y: (X[:, :5], y), ValueError, r"X has shape \(203, 5\), expected \(n, 7\)"),
    (lambda X, y: (X, y[:200]), ValueError, "X has 203 rows and Y has 200, expected the same"),
    (lambda X, y: (X[:0], y[:0]), ValueError, "X has no rows, expected at least one"),
    (lambda X, y: (X, y + 1), ValueError, "Y holds the label 3 at row .*expected labels from 0"),
    (lambda X, y: (X, y.astype("U")), TypeError, "Y has dtype <U21, expected"),
    (lambda X, y: (X[..., None], y), ValueError, r"X has shape \(203, 7, 1\), expected \(n, 7\)"),
]


@pytest.mark.parametrize(("change", "error", "said"), REFUSED)
def test_files_that_do_not_fit_are_refused(tmp_path, X, labels, change, error, said):
    net = network()
    before = bits(net)
    given = change(mapped(tmp_path / "X.npy", X), labels)
    with pytest.raises(error, match=said):
        net.fit(*given)
    assert bits(net) == before


def broken(change):
    matrix = scipy.sparse.csr_matrix(np.eye(N, N_IN))
    change(matrix)
    return matrix


SPARSE = [
    (lambda: scipy.sparse.csc_matrix(np.eye(N, N_IN)), TypeError, "csc_matrix .* give X.tocsr()"),
    (lambda: scipy.sparse.csr_matrix(np.eye(N, 5)), ValueError, r"X has shape \(203, 5\), expe"),
    (lambda: 1j * scipy.sparse.csr_matrix(np.eye(N, N_IN)), TypeError, "X has dtype complex128"),
    (lambda: broken(lambda m: m.indices.__setitem__(3, 400)), ValueError, "that is inconsistent"),
    (lambda: broken(lambda m: m.indices.__setitem__(3, -4)), ValueError, "that is inconsistent"),
    (lambda: broken(lambda m: m.indptr.__setitem__(3, 9000)), ValueError, "that is inconsistent"),
    (lambda: broken(lambda m: m.data.__setitem__(3, np.inf)), ValueError,
     "X holds inf at row 3, column 3, expected finite numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "said"), SPARSE)
def test_sparse_matrices_that_do_not_fit_are_refused(labels, make, error, said):
    net = network()
    before = bits(net)
    with pytest.raises(error, match=said):
        net.fit(make(), labels)
    assert bits(net) == before


# batches


class Repeatable:
    """Batches of rows, as often as it is asked."""

    def __init__(self, *arrays, size=16):
        self.arrays, self.size = arrays, size

    def __iter__(self):
        for start in range(0, N, self.size):
            yield [array[start : start + self.size] for array in self.arrays]


@pytest.mark.parametrize("kind", [list, tuple, lambda batches: batches])
def test_an_iterable_of_batches_has_the_bits_of_arrays(X, labels, dtype, kind):
    weights = 1.0 + np.arange(N) % 3
    for arrays, options in (((X, labels), {}), ((X, labels, weights), {"sample_weight": weights})):
        expected, net = network(dtype), network(dtype)
        history = expected.fit(X, labels, 3, 16, shuffle=False, **options)
        found = net.fit(kind(Repeatable(*arrays)), epochs=3)
        assert bits(net) == bits(expected)
        np.testing.assert_allclose(found.loss, history.loss, rtol=1e-14)


def test_a_generator_goes_on_where_it_was(X, labels):
    def endless():
        while True:
            yield from Repeatable(X, labels)

    expected, net = network(), network()
    expected.fit(X, labels, 3, 16, shuffle=False, schedule="one_cycle", clip_value=0.01)
    n_batches = -(-N // 16)
    net.fit(endless(), epochs=3, steps_per_epoch=n_batches, schedule="one_cycle", clip_value=0.01)
    assert bits(net) == bits(expected)
    net.fit(endless(), epochs=6, steps_per_epoch=5)
    assert len(net.history) == 6


def test_schedules_of_batches(X, labels):
    batches = list(Repeatable(X, labels))
    net = network()
    with pytest.raises(ValueError, match="how many batches an epoch has: give steps_per_epoch"):
        net.fit(batches, schedule="cosine")
    history = net.fit(batches, epochs=4, schedule=cyprop.ReduceOnPlateau(0.5, 0, 0.99))
    assert history.learning_rate == [0.1, 0.1, 0.05, 0.025]


def test_what_an_iterable_raises_is_the_cause(X, labels):
    class Failing(Repeatable):
        def __iter__(self):
            for number, batch in enumerate(super().__iter__()):
                if number == 4:
                    raise OSError("the disk is gone")
                yield batch

    net, expected = network(), network()
    said = r"raised OSError at batch 4 of epoch 0 \(counted from 0\): 'the disk is gone'"
    with pytest.raises(RuntimeError, match=said) as caught:
        net.fit(Failing(X, labels))
    assert isinstance(caught.value.__cause__, OSError)
    expected.fit(X[:64], labels[:64], 1, 16, shuffle=False)
    assert bits(net) == bits(expected)


def test_an_iterable_may_stop_the_training(X, labels):
    class Enough(Repeatable):
        def __iter__(self):
            yield next(super().__iter__())
            raise cyprop.StopTraining

    assert len(network().fit(Enough(X, labels), epochs=5)) == 0


def take(n, batches):
    return list(batches)[:n]


WRONG = [
    (lambda b: 3, {}, TypeError, "X is a int and Y is missing, expected X and Y, or an iterable"),
    (lambda b: iter(b), {}, TypeError, "X is a generator, which can be gone through once: give"),
    (lambda b: [], {}, ValueError, "the batches ended after 0 in epoch 0 .*ed at least one"),
    (lambda b: take(3, b), {"steps_per_epoch": 4}, ValueError, "after 3 in epoch 0 .*cted 4"),
    (lambda b: iter(take(5, b)), {"steps_per_epoch": 3}, ValueError, "ended after 2 in epoch 1"),
    (lambda b: take(5, b), {"steps_per_epoch": 4}, ValueError, "more batches in .*epoch=4"),
    (lambda b: [(1, 2, 3, 4)], {}, TypeError, "epoch 0 is a tuple of 4, expected a pair"),
    (lambda b: [5], {}, TypeError, "batch 0 of epoch 0 is a int, expected a pair"),
    (lambda b: [np.zeros((2, 2))], {}, TypeError, "batch 0 of epoch 0 is a ndarray, expected"),
    (lambda b: [*take(1, b), ([[1, 2]], [0])], {}, ValueError,
     r"^batch 1 of epoch 0: X has shape \(1, 2\), expected \(n, 7\)"),
    (lambda b: [([[0, 0, 0, np.nan, 0, 0, 0]], [0])], {}, ValueError,
     "^batch 0 of epoch 0: X holds nan at row 0, column 3"),
    (lambda b: [(np.zeros((1, 7)), [5])], {}, ValueError, "epoch 0: Y holds the label 5"),
    (lambda b: [(np.zeros((1, 7)), [0], [-1])], {}, ValueError, "epoch 0: weights holds -1.0"),
    (lambda b: b, {"sample_weight": [1]}, ValueError, "sample_weight is for X and Y; an iterable"),
    (lambda b: b, {"batch_size": 5}, ValueError, "batch_size is for X and Y; an iterable of batc"),
    (lambda b: b, {"validation_split": 0.1}, ValueError, "validation_split is for X and Y"),
    (lambda b: b, {"steps_per_epoch": 0}, ValueError, "steps_per_epoch is 0, expected at least 1"),
    (lambda b: b, {"metrics": "accuracy"}, ValueError, "metrics need validation_data or"),
    (lambda b: b, {"n_threads": 0}, ValueError, "n_threads is 0, expected at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "options", "error", "said"), WRONG)
def test_batches_that_do_not_fit_are_refused(X, labels, make, options, error, said):
    net = network()
    with pytest.raises(error, match=said):
        net.fit(make(Repeatable(X, labels)), epochs=3, **options)


def test_steps_are_of_batches_alone(X, labels):
    with pytest.raises(ValueError, match="steps_per_epoch is for an iterable of batches"):
        network().fit(X, labels, steps_per_epoch=3)


# rows held out


def test_a_split_is_the_networks_own_in_every_call(X, labels):
    net = network()
    first = net.fit(X, labels, 1, validation_split=0.2)
    again = copy.copy(net)
    again.fit(X, labels, 0, validation_split=0.2)
    held = cyprop.datasets.held_out(N, 0.2, 3, labels)
    assert first.validation_loss == [net.evaluate(X[held], labels[held])]
    expected = network()
    expected.fit(X[~held], labels[~held], 1)
    assert bits(expected) == bits(net)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"validation_split": 0}, "validation_split is 0, expected"),
        ({"validation_split": 1.0}, "validation_split is 1.0, expected"),
        ({"validation_split": 1e-9}, "validation_split is 1e-09"),
        ({"validation_split": 0.5, "validation_data": (1, 2)}, "both given, expected one"),
    ],
)
def test_splits_that_are_refused(X, labels, options, said):
    net = network()
    before = bits(net)
    with pytest.raises(ValueError, match=said):
        net.fit(X, labels, **options)
    assert bits(net) == before


def test_evaluate_with_metrics(X, labels):
    net = network()
    found = net.evaluate(X, labels, metrics=["accuracy", "top_2"])
    right = net.predict(X).argmax(axis=1) == labels
    assert list(found) == ["loss", "accuracy", "top_2"]
    assert found["loss"] == net.evaluate(X, labels)
    assert found["accuracy"] == right.mean()
    weights = 1.0 + np.arange(N) % 3
    found = net.evaluate(X, labels, sample_weight=weights, metrics="accuracy")
    assert found["accuracy"] == pytest.approx(np.average(right, weights=weights), rel=1e-14)
    assert found["loss"] == net.evaluate(X, labels, 1, weights)
