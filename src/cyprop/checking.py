"""Gradients beside differences of the loss: what a person asks who has written a derivative.

The slope of C by one number θ is measured from C at θ ± h, θ ± h/2 and θ ± h/4, by Romberg's
scheme: the errors of the three central differences go with h², so from two of them one of order h⁴
follows, and from two of these one of order h⁶. How far the last two are apart says how far the
slope can be trusted. Where that is not far enough the steps are made smaller; at a kink, such as
relu's at 0, no step is small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop import copying
from cyprop._restore import restore
from cyprop.checks.arrays import matrix
from cyprop.checks.numbers import whole_number
from cyprop.deriving import Deriving
from cyprop.engine import maps, memory

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # as shares of θ, or of 1 where that is larger
EPSILON = 2.0**-52
RESOLVED = 1e-6  # the relative difference that an error of a measured slope may look like
AT_KINKS = 1e-6  # the error, beside the largest derivative of an array, from which a slope is none


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradients` found.

    Attributes
    ----------
    component : str
        The worst, such as "weights[1][3, 2]", "biases[0][4]" or "inputs[7, 0]".
    analytic : float
        Its derivative as `Network.gradients` gives it.
    numerical : float
        Its slope as differences of the loss give it.
    difference : float
        analytic − numerical.
    relative : float
        |difference| over the larger of the two; or over a million times the error of the numerical
        value where that is larger still, so that numbers near zero are not judged by noise.
    n_checked, n_components : int
        How many components were looked at, and how many there are.
    kinks : tuple of str
        Those that were looked at and have no slope, since a kink is too near; they count for
        nothing above.

    Notes
    -----
    Thread-safety: it never changes.
    """

    component: str
    analytic: float
    numerical: float
    difference: float
    relative: float
    n_checked: int
    n_components: int
    kinks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if not self.component:
            found = "no component has a slope"
        else:
            found = (
                f"worst {self.component}: analytic {self.analytic:.10g},"
                f" numerical {self.numerical:.10g}, difference {self.difference:+.2g}"
                f" (relative {self.relative:.2g})"
            )
        of = "all" if self.n_checked == self.n_components else f"{self.n_checked:,} of"
        kinks = f", {len(self.kinks):,} at kinks left out" if self.kinks else ""
        return f"GradientCheck({found}; {of} {self.n_components:,} components{kinks})"

    def __reduce__(self) -> tuple[Any, ...]:
        own = self.component, self.analytic, self.numerical, self.difference, self.relative
        return restore, ("gradient_check", *own, self.n_checked, self.n_components, self.kinks)


def check_gradients(
    net: Deriving, X: npt.ArrayLike, Y: npt.ArrayLike, n_components: int = 1000, seed: int = 0
) -> GradientCheck:
    """Compare ``net.gradients(X, Y)`` with differences of the loss; the network is unchanged.

    Both are computed by a copy of the network in float64, of the same class, so a subclass may have
    a `gradients` or an `evaluate` of its own.

    Parameters
    ----------
    net : Network
    X : array_like, (n, n_in)
    Y : array_like, (n, n_targets), or labels (n,)
        As in `Network.fit`. A few rows are enough, and fast.
    n_components : int, default 1000
        How many derivatives are compared at most, each of which takes some 6 to 24 evaluations of
        the loss. If there are more, they are drawn at random, as many of each array of weights and
        of biases and of the inputs as there are, or as its share.
    seed : int, default 0
        Of that draw.

    Returns
    -------
    GradientCheck
        Its ``relative`` is at most about 1e-6 if all is well; 1 or more means a wrong sign or
        something missing.

    Raises
    ------
    TypeError, ValueError
        If X or Y does not fit, the loss is not finite, or n_components or seed is out of range.

    Notes
    -----
    A derivative at a kink is a matter of convention and no slope: where units of relu are exactly
    at 0, or a weight under an l1 penalty. Such components are named in ``kinks``. If they are many,
    other rows, or other weights, say more.
    Thread-safety: any number of threads at once; it sees the weights of one complete update.

    Examples
    --------
    >>> import numpy as np, cyprop
    >>> net = cyprop.Network([2, 3, 1], "tanh")
    >>> found = cyprop.check_gradients(net, np.ones((4, 2)), np.zeros((4, 1)))
    >>> found.relative < 1e-6, found.n_checked, found.kinks
    (True, 21, ())
    """
    n_components = whole_number(n_components, "n_components")
    rng = np.random.Generator(np.random.PCG64(whole_number(seed, "seed", low=0)))
    twin = in_float64(net)
    # A copy, which is changed by one number at a time.
    X = np.array(matrix(X, "X", memory.settings_of(net).sizes[0], np.float64))
    Y = np.asarray(Y)
    gradients = twin.gradients(X, Y)
    if not np.isfinite(gradients.loss):
        raise ValueError(f"the loss is {gradients.loss}, which has no slope to compare with")
    compared = [
        *_by_parameters(twin, gradients, X, Y),
        _by_inputs(twin, gradients, X, Y),
    ]
    shares = _shares([part.values.size for part in compared], n_components)
    found = [
        entry
        for part, share in zip(compared, shares, strict=True)
        for entry in part.entries(share, rng)
    ]
    return _verdict(found, sum(part.values.size for part in compared))


def in_float64(net: Deriving) -> Any:
    """A network of the same class and settings but for the dtype, with the same weights."""
    twin: Any = memory.make(type(net), memory.settings_of(net).with_dtype("float64"))
    kept = memory.empty_like_parameters(net)
    found_maps, _ = maps.with_maps(net, lambda net: memory.read_parameters(net, kept))
    for mine, theirs in zip(memory.arrays(twin), memory.views(net, kept), strict=True):
        for array, other in zip(mine, theirs, strict=True):
            array[...] = other
    copying.take_maps_and_names(
        twin, copying.set_of(found_maps), copying.set_of(maps.names_of(net))
    )
    for key, value in copying.attributes_of(net).items():
        setattr(twin, key, value)
    return twin


class Entry(NamedTuple):
    """One component: its derivative by `gradients`, its slope, and how far that can be trusted."""

    name: str
    analytic: float
    slope: float
    error: float
    at_kink: bool


class Slope(NamedTuple):
    """A measured slope, how far it can be trusted, and what of that is rounding."""

    value: float
    error: float
    noise: float


@dataclass(frozen=True)
class Compared:
    """One array that C depends on, and its derivatives."""

    name: str
    values: Array
    derivatives: Array
    costs: Callable[[tuple[int, ...]], Callable[[], float]]  # of a place: C, or what C has of it
    penalty: Callable[[float], float]  # of one number

    def entries(self, share: int, rng: np.random.Generator) -> Iterator[Entry]:
        """As many components as are to be compared, in the order of their places."""
        size = self.values.size
        chosen = np.arange(size) if share >= size else np.sort(rng.choice(size, share, False))
        places = [
            tuple(int(i) for i in np.unravel_index(k, self.values.shape)) for k in chosen.tolist()
        ]
        largest = float(np.fmax.reduce(np.abs(self.derivatives), axis=None))
        for place in places:
            slope = slope_at(self.values, place, self.costs(place), self.penalty)
            unsure = max(AT_KINKS * abs(slope.value), AT_KINKS * largest, 4 * slope.noise)
            yield Entry(
                f"{self.name}{list(place)}",
                float(self.derivatives[place]),
                slope.value,
                slope.error,
                at_kink=slope.error > unsure,
            )


def _by_parameters(twin: Any, gradients: Any, X: Array, Y: Array) -> Iterator[Compared]:
    settings = memory.settings_of(twin)
    l1, l2 = settings.l1, settings.l2

    def cost() -> float:
        return float(twin.evaluate(X, Y))

    def of_weight(w: float) -> float:
        return float(l1 * abs(w) + l2 / 2 * w * w)

    weights, biases = memory.arrays(twin)
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        yield Compared(
            f"weights[{layer}]", W, gradients.weights[layer], lambda place: cost, of_weight
        )
        yield Compared(
            f"biases[{layer}]", b, gradients.biases[layer], lambda place: cost, lambda b: 0.0
        )


def _by_inputs(twin: Any, gradients: Any, X: Array, Y: Array) -> Compared:
    def of_row(place: tuple[int, ...]) -> Callable[[], float]:
        rows = slice(place[0], place[0] + 1)
        return lambda: float(twin.evaluate(X[rows], Y[rows])) / len(X)

    return Compared("inputs", X, gradients.inputs, of_row, lambda x: 0.0)


def slope_at(
    values: Array,
    place: tuple[int, ...],
    cost: Callable[[], float],
    penalty: Callable[[float], float],
) -> Slope:
    """The slope of cost() + penalty(θ) by θ, which is values[place], and the slope's error."""
    before = float(values[place])
    size = max(abs(before), 1.0)
    best = Slope(float("nan"), float("inf"), 0.0)
    middle = cost()

    def costs_beside(h: float) -> tuple[float, float]:
        found: list[float] = []
        for theta in (before - h, before + h):
            values[place] = theta
            # The difference of the penalties, since beside their sum over all it would be lost.
            found.append(cost() + (penalty(theta) - penalty(before)))
        values[place] = before
        return found[0], found[1]

    for step in STEPS:
        h = 2.0 ** round(np.log2(step * size))  # so that θ ± h is hardly rounded
        slope = romberg(costs_beside, middle, h)
        if slope.error < best.error:  # which a NaN is not
            best = slope
        if best.error <= max(1e-9 * abs(best.value), 2 * best.noise):
            break
    return best


def romberg(costs_beside: Callable[[float], tuple[float, float]], middle: float, h: float) -> Slope:
    """The slope from three central differences."""
    central: list[float] = []
    jumps: list[float] = []
    largest = abs(middle)
    for width in (h, h / 2, h / 4):
        below, above = costs_beside(width)
        central.append((above - below) / (2 * width))
        # The slope to the right less that to the left, which falls with h unless there is a kink.
        jumps.append(((above - middle) - (middle - below)) / width)
        largest = max(largest, abs(below), abs(above))
    first = (4 * central[1] - central[0]) / 3
    second = (4 * central[2] - central[1]) / 3
    jump = abs(2 * jumps[2] - jumps[1])
    noise = 16 * EPSILON * largest / h
    return Slope((16 * second - first) / 15, abs(second - first) + jump + noise, noise)


def _shares(sizes: list[int], n: int) -> list[int]:
    """How many of each array: all of the small ones, and as many of each larger one."""
    shares = [0] * len(sizes)
    for turn, k in enumerate(sorted(range(len(sizes)), key=lambda k: sizes[k])):
        shares[k] = min(sizes[k], n // (len(sizes) - turn))
        n -= shares[k]
    return shares


def _verdict(entries: list[Entry], n_components: int) -> GradientCheck:
    kinks = tuple(entry.name for entry in entries if entry.at_kink)
    worst, relative = Entry("", 0.0, 0.0, 0.0, False), -1.0
    for entry in entries:
        if entry.at_kink:
            continue
        scale = max(abs(entry.analytic), abs(entry.slope), entry.error / RESOLVED)
        difference = abs(entry.analytic - entry.slope)
        own = 0.0 if scale == 0 else difference / scale
        if not own <= relative:  # a NaN is the worst of all
            worst, relative = entry, own
            if own != own:
                break
    return GradientCheck(
        worst.name,
        worst.analytic,
        worst.slope,
        worst.analytic - worst.slope,
        max(relative, 0.0) if relative == relative else relative,
        len(entries),
        n_components,
        kinks,
    )
