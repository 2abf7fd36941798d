"""Whole numbers that name classes, where the loss is cross_entropy: the bits of one-hot rows."""

import itertools

import numpy as np
import pandas
import pytest
from arrays_for_tests import same_bits

import cyprop

N, K = 12, 3
LABELS = np.resize([0, 2, 1, 1], N)
KINDS = {
    **{name: LABELS.astype(name) for name in ("int64", "int8", "uint8", "uint64", ">i4")},
    "strided": np.repeat(LABELS, 2)[::2],
    "list": LABELS.tolist(),
    "tuple": tuple(LABELS.tolist()),
    "list of NumPy's": list(LABELS),
    "series": pandas.Series(LABELS),
    "nullable series": pandas.Series(LABELS, dtype="Int64"),
}


@pytest.fixture
def net(dtype):
    return cyprop.Network([2, 4, K], "tanh", loss="cross_entropy", dtype=dtype)


@pytest.fixture
def X(rng, dtype):
    return rng.normal(size=(N, 2)).astype(dtype)


def one_hot(labels, dtype, k=K):
    return np.eye(k, dtype=dtype)[np.asarray(labels, int)]


def results(net, X, Y, y, n_threads):
    """What all that takes targets gives, one after the other."""
    yield net.evaluate(X, Y, n_threads=n_threads)
    yield net.gradients(X, Y, n_threads=n_threads).parameters
    yield net.train_on_batch(X, Y, n_threads=n_threads)
    history = net.fit(X, Y, epochs=2, batch_size=5, validation_data=(X, Y), n_threads=n_threads)
    yield from (*history.loss, *history.validation_loss)
    yield net.learn_one(X[0], y)
    yield net.parameters.copy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_labels_are_one_hot_rows_everywhere(net, X, kind, n_threads):
    other = cyprop.Network([2, 4, K], "tanh", loss="cross_entropy", dtype=net.dtype)
    rows = one_hot(LABELS, net.dtype)
    label = list(KINDS[kind])[1]
    for found, expected in itertools.zip_longest(
        results(net, X, KINDS[kind], label, n_threads), results(other, X, rows, rows[1], n_threads)
    ):
        assert same_bits(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("output", ["softmax", "log_softmax"])
def test_truth_is_a_label_too(X, dtype, output):
    truth = LABELS > 0
    nets = [cyprop.Network([2, 2], output_activation=output, loss="cross_entropy", dtype=dtype)
            for _ in range(2)]  # fmt: skip
    rows = one_hot(truth, dtype, 2)
    assert nets[0].evaluate(X, truth) == nets[0].evaluate(X, truth.tolist())
    assert nets[0].evaluate(X, truth) == nets[1].evaluate(X, rows)
    for y in (True, np.True_, 1, np.uint8(1), np.array(1)):
        assert nets[0].learn_one(X[0], y) == nets[1].learn_one(X[0], rows[1])
    assert same_bits(nets[0].parameters, nets[1].parameters)


def test_rows_of_probabilities_and_of_whole_numbers_stay_what_they_are(net, X):
    rows = one_hot(LABELS, net.dtype)
    expected = net.evaluate(X, rows)
    for same in (rows.astype(int), rows.astype(int).tolist(), rows.astype(bool)):
        assert net.evaluate(X, same) == expected
    assert net.evaluate(X, 0.5 * rows) != expected
    other = cyprop.Network([2, 4, K], "tanh", loss="cross_entropy", dtype=net.dtype)
    assert net.learn_one(X[0], [0, 1, 0]) == other.learn_one(X[0], 1)


def calls(net, X, labels):
    yield "Y", lambda: net.fit(X, labels)
    yield "Y", lambda: net.evaluate(X, labels)
    yield "Y", lambda: net.train_on_batch(X, labels)
    yield "Y", lambda: net.gradients(X, labels)
    yield "validation Y", lambda: net.fit(X, LABELS, validation_data=(X, labels))


@pytest.mark.parametrize(
    ("change", "bad", "row"),
    [([(5, 3)], 3, 5), ([(0, -1), (7, 9)], -1, 0), ([(11, 2**40)], 2**40, 11)],
)
@pytest.mark.parametrize("kind", [np.array, list])
def test_a_label_outside_the_classes_is_named_with_its_row(net, X, kind, change, bad, row):
    before, labels = net.parameters.tobytes(), LABELS.copy()
    for place, label in change:
        labels[place] = label
    for name, call in calls(net, X, kind(labels)):
        with pytest.raises(ValueError, match="expected labels") as caught:
            call()
        assert str(caught.value) == (
            f"{name} holds the label {bad} at row {row}, expected labels from 0 to 2,"
            " one for each output"
        )
    with pytest.raises(ValueError, match=f"^y is the label {bad}, expected labels from 0 to 2"):
        net.learn_one(X[0], bad)
    assert net.parameters.tobytes() == before
    assert net.history is None


def test_labels_from_1_are_told_what_to_do(net, X):
    for name, call in calls(net, X, LABELS + 1):
        said = rf"^{name} holds the label 3 at row 1, .*output; labels from 1\? give Y - 1$"
        with pytest.raises(ValueError, match=said):
            call()
    net.evaluate(X, LABELS + 1 - 1)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (LABELS.astype(float), "Y.astype(int)"),
        (LABELS.astype("float32") + 1, "Y.astype(int) - 1"),
        (LABELS.astype(float).tolist(), "np.asarray(Y, int)"),
        (LABELS[:, None], "np.ravel(Y)"),
        (LABELS[:, None].astype(float), "np.ravel(Y.astype(int))"),
        (LABELS + 0.5, None),
    ],
)
def test_other_vectors_are_refused_with_what_to_do(net, X, labels, advice):
    before = net.parameters.tobytes()
    hint = "" if advice is None else f": for class labels give {advice}"
    for name, call in calls(net, X, labels):
        with pytest.raises(ValueError, match="has shape") as caught:
            call()
        shape = np.shape(labels)
        assert str(caught.value) == f"{name} has shape {shape}, expected (n, 3){hint}"
    assert net.parameters.tobytes() == before
    if advice is not None:
        assert np.array_equal(eval(advice, {"np": np, "Y": labels}), LABELS)


def test_one_label_that_is_no_whole_number_is_told_which_would_be(net, X):
    for y in (2.0, [2], np.array([2.0])):
        with pytest.raises(ValueError, match="for a class label give 2, a whole number$"):
            net.learn_one(X[0], y)


def test_as_many_labels_as_rows(net, X):
    for labels in (LABELS[:3], [0, 1, 2], LABELS[:1]):
        with pytest.raises(ValueError, match=f"X has 12 rows and Y has {len(labels)}"):
            net.train_on_batch(X, labels)
    with pytest.raises(ValueError, match="Y has no rows"):
        net.evaluate(X, LABELS[:0])


@pytest.mark.parametrize("loss", ["mse", "mae", "binary_cross_entropy"])
def test_no_other_loss_takes_labels(loss, X):
    net = cyprop.Network([2, K], loss=loss)
    with pytest.raises(ValueError, match=r"expected \(n, 3\): for class labels give np.eye"):
        net.fit(X, LABELS)
    with pytest.raises(ValueError, match=r"y has shape \(\), expected \(3,\)"):
        net.learn_one(X[0], 1)
