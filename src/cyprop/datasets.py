"""Data that comes with the package, and the setting aside of rows to test on."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from cyprop.checks.numbers import real_number, whole_number

Array = npt.NDArray[Any]

SPLIT_STREAM = 1  # keeps the draws of a split apart from those of weights with the same seed


def digits() -> tuple[Array, Array]:
    """The UCI handwritten digits: 1,797 images of 8 by 8 pixels.

    Returns
    -------
    pixels : ndarray of uint8, (1797, 64)
        Grey levels from 0 (paper) to 16 (ink), row by row.
    digits : ndarray of uint8, (1797,)
        What each image shows, 0 to 9.

    Notes
    -----
    Alpaydin and Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0;
    see ``data/digits.txt`` in the package.
    Thread-safety: any number of threads at once; each gets arrays of its own.
    """
    file = resources.files("cyprop") / "data" / "digits.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return archive["pixels"], archive["digits"]


def held_out(
    n_rows: int, fraction: float, seed: int = 0, labels: npt.ArrayLike | None = None
) -> Array:
    """Choose rows to test on, at random.

    Parameters
    ----------
    n_rows : int
    fraction : float
        Of the rows, at least 0 and below 1.
    seed : int, default 0
        Of ``numpy.random.Generator(PCG64([seed, 1]))``, which does the choosing.
    labels : array_like, (n_rows,), optional
        With labels the choice is stratified: the fraction is taken of the rows of each label.
        Every share is rounded, and leaves at least one row to learn from.

    Returns
    -------
    ndarray of bool, (n_rows,)
        True for the rows to test on.

    Raises
    ------
    TypeError, ValueError
        If a number is not one of the above, or there are not n_rows labels.

    Notes
    -----
    Thread-safety: any number of threads at once.
    """
    whole_number(n_rows, "n_rows", low=0)
    real_number(fraction, "fraction", 0.0, 1.0, low_allowed=True)
    seed = whole_number(seed, "seed", low=0)
    rng = np.random.Generator(np.random.PCG64([seed, SPLIT_STREAM]))
    if labels is None:
        groups = [np.arange(n_rows)]
    else:
        kinds, codes = np.unique(np.asarray(labels), return_inverse=True)
        if codes.shape != (n_rows,):
            raise ValueError(f"labels has shape {codes.shape}, expected ({n_rows},)")
        groups = [np.flatnonzero(codes == code) for code in range(len(kinds))]
    chosen = np.zeros(n_rows, bool)
    for rows in groups:
        share = min(round(fraction * len(rows)), max(len(rows) - 1, 0))
        chosen[rng.permutation(rows)[:share]] = True
    return chosen
