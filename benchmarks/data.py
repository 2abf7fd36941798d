"""Data to predict and learn from: dense noise, images, and MNIST where its file is at hand."""

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.networks import Problem

Array = npt.NDArray[Any]


def dense(n: int, n_in: int, n_out: int, dtype: str, seed: int = 1) -> tuple[Array, Array]:
    """X uniform in [0, 1) without a zero, and targets in (0, 1)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X = rng.random((n, n_in), np.float32).astype(dtype)
    np.maximum(X, np.finfo(np.float32).tiny, out=X)
    Y = 0.1 + 0.8 * rng.random((n, n_out), np.float32)
    return X, Y.astype(dtype)


def images(n: int, n_in: int, n_out: int, dtype: str, seed: int = 1) -> tuple[Array, Array]:
    """Like scanned digits: 81 % of the inputs are zero, the others lie together in short runs."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, Y = dense(n, n_in, n_out, dtype, seed)
    run = 7
    n_runs = -(-n_in // run)
    ink = rng.random((n, n_runs)) < 0.19
    X *= np.repeat(ink, run, axis=1)[:, :n_in]
    return X, Y


def one_hot(labels: Array, dtype: str) -> Array:
    return np.eye(10, dtype=dtype)[labels]


def mnist(
    path: str, dtype: str = "float32", n_images: int = 50_000
) -> tuple[Array, Array, Array, Array]:
    """X, Y of the first training images, then X and labels of the 10,000 test images."""
    with np.load(path) as file:
        x_train, y_train, x_test, y_test = (
            file[name] for name in ("x_train", "y_train", "x_test", "y_test")
        )
    X = (x_train[:n_images].reshape(n_images, -1) / 255).astype(dtype)
    return (
        X,
        one_hot(y_train[:n_images], dtype),
        (x_test.reshape(len(x_test), -1) / 255).astype(dtype),
        y_test,
    )


def samples(kind: str, n: int, problem: Problem, path: str | None) -> tuple[Array, Array]:
    """Rows of "dense" data or of "images", real ones where there is a path and they fit."""
    shape = problem.sizes[0], problem.sizes[-1], problem.dtype.name
    if kind == "dense":
        return dense(n, *shape)
    if path and shape[:2] == (784, 10):
        X, Y, _, _ = mnist(path, problem.dtype.name)
        return X[:n], Y[:n]
    return images(n, *shape)
