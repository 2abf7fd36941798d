"""Initial weights: drawn as suits the activations, as a name says, or given.

Which draw suits an activation is said where the activation is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from cyprop.checks.arrays import is_array, real_array
from cyprop.checks.numbers import counted, is_sequence, shown
from cyprop.kernels import activation as activations

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.settings import Settings

    Array = npt.NDArray[Any]
    Matrix: TypeAlias = Array | Sequence[Sequence[float]]
    Given: TypeAlias = Matrix | tuple[Matrix, Array | Sequence[float]]

InitializerName = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "zeros",
]
Draw = Callable[[int, int, "np.random.Generator"], "Array"]


def glorot_uniform(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Uniform in ±√(6 / (n_in + n_out)); Glorot and Bengio (2010), equation 16."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def glorot_normal(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / (n_in + n_out); Glorot and Bengio (2010), equation 12."""
    return rng.normal(0.0, np.sqrt(2.0 / (n_in + n_out)), (n_in, n_out))


def he_uniform(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Uniform in ±√(6 / n_in), whose variance is that of `he_normal`."""
    limit = np.sqrt(6.0 / n_in)
    return rng.uniform(-limit, limit, (n_in, n_out))


def he_normal(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Normal with variance 2 / n_in; He, Zhang, Ren and Sun (2015), equation 10."""
    return rng.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))


def lecun_uniform(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Uniform in ±√(3 / n_in), whose variance is that of `lecun_normal`."""
    limit = np.sqrt(3.0 / n_in)
    return rng.uniform(-limit, limit, (n_in, n_out))


def lecun_normal(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Normal with variance 1 / n_in; LeCun, Bottou, Orr and Müller (1998), equation 16.

    Klambauer, Unterthiner, Mayr and Hochreiter (2017) ask for it in front of selu.
    """
    return rng.normal(0.0, np.sqrt(1.0 / n_in), (n_in, n_out))


def orthogonal(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """Rows or columns, whichever are fewer, of length 1 and at right angles to each other.

    They are the Q of normal numbers whose R has a positive diagonal, so every Q is as likely as any
    other. Saxe, McClelland and Ganguli (2014).
    """
    n_short, n_long = sorted((n_in, n_out))
    Q = rng.normal(size=(n_short, n_long))
    # Gram and Schmidt, twice, since the first pass leaves what rounding makes of nearly parallel
    # rows. LAPACK is faster by far; its bits are not the same on every processor.
    for _ in range(2):
        for k, row in enumerate(Q):
            row /= np.sqrt((row * row).sum())
            below = Q[k + 1 :]
            below -= (below * row).sum(axis=1, keepdims=True) * row
    return Q if n_in <= n_out else Q.T


def zeros(n_in: int, n_out: int, rng: np.random.Generator) -> Array:
    """All zero. Units of a hidden layer then stay alike, so it is for networks without one."""
    return np.zeros((n_in, n_out))


DRAWS: dict[str, Draw] = {
    draw.__name__: draw
    for draw in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        zeros,
    )
}
# What the kernels' table says of an activation.
SUITS: dict[str, Draw] = {"glorot": glorot_uniform, "he": he_normal, "lecun": lecun_normal}


def draw_weights(weights: Sequence[Array], names: Sequence[str], rng: np.random.Generator) -> None:
    """Fill each layer's weights, in order, as suits the activation behind them."""
    for W, name in zip(weights, names, strict=True):
        n_in, n_out = W.shape
        W[...] = SUITS[activations.initialisation(name)](n_in, n_out, rng)


class Beginning:
    """What an argument `initializer` stands for, checked; the settings say for which network.

    Raises
    ------
    TypeError
        If it is neither a name, nor arrays of real numbers, nor None.
    ValueError
        If the name is unknown, there are not as many arrays as layers, a shape does not fit, or a
        number is not finite in the network's dtype.
    """

    def __init__(self, initializer: Any, settings: Settings) -> None:
        self._names = settings.activation_names
        self._draw: Draw | None = None
        self._given: list[tuple[Array, Array | None]] | None = None
        if initializer is None:
            return
        if isinstance(initializer, str):
            if initializer not in DRAWS:
                raise ValueError(
                    f"initializer {shown(initializer)} is unknown; known are {', '.join(DRAWS)}"
                )
            self._draw = DRAWS[initializer]
        elif is_sequence(initializer):
            self._given = checked_arrays(initializer, settings)
        else:
            what = (
                f"an array of shape {initializer.shape}"
                if is_array(initializer)
                else shown(initializer)
            )
            raise TypeError(
                f"initializer is {what}, expected one of {', '.join(DRAWS)},"
                " or a sequence of arrays, one for each layer"
            )

    def fill(
        self, weights: Sequence[Array], biases: Sequence[Array], rng: np.random.Generator
    ) -> None:
        """Put the first numbers into weights and biases, which hold zeros."""
        if self._given is not None:
            for W, b, (first_W, first_b) in zip(weights, biases, self._given, strict=True):
                W[...] = first_W
                b[...] = 0 if first_b is None else first_b
        elif self._draw is not None:
            for W in weights:
                n_in, n_out = W.shape
                W[...] = self._draw(n_in, n_out, rng)
        else:
            draw_weights(weights, self._names, rng)


def checked_arrays(entries: Sequence[Any], settings: Settings) -> list[tuple[Array, Array | None]]:
    """The weights of each layer, and its biases where they are given."""
    sizes = settings.sizes
    if len(entries) != len(sizes) - 1:
        raise ValueError(
            f"initializer has {counted(len(entries))}, expected {len(sizes) - 1},"
            " one for each layer"
        )
    found: list[tuple[Array, Array | None]] = []
    for layer, entry in enumerate(entries):
        name, shape = f"initializer[{layer}]", (sizes[layer], sizes[layer + 1])
        if _is_pair(entry):
            W, b = cast("tuple[Any, Any]", entry)
            found.append(
                (
                    _checked(W, f"{name}[0]", shape, settings.dtype),
                    _checked(b, f"{name}[1]", shape[1:], settings.dtype),
                )
            )
        else:
            found.append((_checked(entry, name, shape, settings.dtype), None))
    return found


def _is_pair(entry: Any) -> bool:
    """Whether it is (W, b), and not the two rows of a W: then the first of it has no rows."""
    if not is_sequence(entry) or len(entry) != 2:
        return False
    W: Any = entry[0]
    if is_sequence(W):
        return any(is_sequence(row) or getattr(row, "ndim", 0) for row in W)
    return getattr(W, "ndim", 1) != 1


def _checked(value: Any, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """`value` as an array of that shape and dtype, whose numbers are finite."""
    with np.errstate(over="ignore"):
        array = real_array(value, name, dtype, f"an array of shape {shape}")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(
            f"{name} holds {array[place]} at {list(place)},"
            f" expected finite numbers that fit {dtype}"
        )
    return array
