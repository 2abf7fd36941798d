"""The digits that come with the package, and the rows set aside."""

from importlib import resources

import numpy as np
import pytest

from cyprop import datasets


def test_digits_are_the_ones_of_the_source():
    pixels, digits = datasets.digits()
    assert (pixels.shape, pixels.dtype) == ((1797, 64), np.uint8)
    assert (digits.shape, digits.dtype) == ((1797,), np.uint8)
    assert pixels.min() == 0
    assert pixels.max() == 16
    assert np.bincount(digits).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert pixels[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    assert int(pixels.sum()) == 561718


def test_digits_name_source_and_licence():
    folder = resources.files("cyprop") / "data"
    text = (folder / "digits.txt").read_text()
    for words in ("Alpaydin", "Optical Recognition of Handwritten Digits", "CC BY 4.0"):
        assert words in text
    with resources.as_file(folder / "digits.npz") as path:
        assert path.stat().st_size < 50_000


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 0.9])
def test_each_class_gives_its_share(fraction):
    labels = np.repeat([7, 3, 5, 9], [100, 50, 10, 1])
    held = datasets.held_out(161, fraction, seed=4, labels=labels)
    for label, count in ((7, 100), (3, 50), (5, 10)):
        assert held[labels == label].sum() == round(fraction * count)
    assert not held[labels == 9].any()  # the only row of its class is learned from


def test_the_seed_decides_which_rows():
    first = datasets.held_out(200, 0.25, seed=1)
    assert first.sum() == 50
    assert np.array_equal(first, datasets.held_out(200, 0.25, seed=1))
    assert not np.array_equal(first, datasets.held_out(200, 0.25, seed=2))


@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_last_row_is_never_held_out(n_rows):
    assert not datasets.held_out(n_rows, 0.9).any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((10, 1.0), ValueError, "fraction is 1.0, expected a finite number at least 0"),
        ((10, -0.1), ValueError, "fraction is -0.1"),
        ((10, "half"), TypeError, "fraction is 'half', expected a number"),
        ((10, 0.5, -1), ValueError, "seed is -1, expected at least 0"),
        ((-1, 0.5), ValueError, "n_rows is -1"),
        ((3, 0.5, 0, [1, 2]), ValueError, r"labels has shape \(2,\), expected \(3,\)"),
    ],
)
def test_bad_splits_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.held_out(*arguments)


def test_an_array_in_place_of_a_number_is_shown_on_one_line():
    with pytest.raises(TypeError, match="n_rows is array.*, expected a whole number") as caught:
        datasets.held_out(np.zeros((3, 2)), 0.5)
    assert "\n" not in str(caught.value)
