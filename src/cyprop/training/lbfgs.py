"""L-BFGS, which learns from all rows at once: scipy's, on the vector of all weights and biases."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop._restore import restore
from cyprop.checks.numbers import real_number, shown, whole_number
from cyprop.engine import derivatives, memory
from cyprop.engine.finite import place_of_nonfinite
from cyprop.engine.threads import kept_threads
from cyprop.errors import DivergenceError
from cyprop.training.callbacks import call
from cyprop.training.loop import Plan, Training
from cyprop.training.progress import showing
from cyprop.training.sources import Arrays
from cyprop.training.stopping import StopTraining

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.arrays import Array
    from cyprop.engine.engine import Engine
    from cyprop.training.history import History

DEFAULTS = {"epochs": 10, "batch_size": 32, "shuffle": True}  # of `Network.fit`
LEAST_GAIN = 2.2e-4  # so that with the default tolerance the ends are scipy's own
INSTEAD = {"epochs": "LBFGS(max_iterations=…) says how many iterations there are"}


@dataclass(frozen=True, slots=True)
class LBFGS:
    """Limited-memory BFGS on all rows at once, for ``fit(..., optimizer=cyprop.LBFGS())``.

    It suits small data and networks, where it ends in fewer passes than any way in batches. Each
    iteration is an epoch of the History, of callbacks and of early stopping.

    Parameters
    ----------
    max_iterations : int, default 200
    tolerance : float, default 1e-5
        The training ends where no derivative is larger; positive.
    history_size : int, default 10
        How many pairs of steps and gradients make up the curvature.

    Raises
    ------
    TypeError, ValueError
        If a number is outside its range.

    Notes
    -----
    The method is that of Liu and Nocedal (1989), the code scipy's L-BFGS-B (Byrd, Lu, Nocedal and
    Zhu 1995): ``pip install 'cyprop[lbfgs]'``. It computes in float64; the weights of a float32
    network are rounded for each look at the loss, so that it ends some digits earlier. It ends too
    where an iteration lowers the loss by less than 2.2e-4 · tolerance of itself. The network's own
    optimizer takes no part, and its state starts afresh.
    Thread-safety: it never changes; any number of trainings may share it.

    Examples
    --------
    >>> import numpy as np, cyprop
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> net = cyprop.Network([1, 10, 1], "tanh", dtype="float64")
    >>> history = net.fit(X, np.sin(3 * X), optimizer=cyprop.LBFGS(max_iterations=300))
    >>> bool(net.evaluate(X, np.sin(3 * X)) < 1e-4)
    True
    """

    max_iterations: int = 200
    tolerance: float = 1e-5
    history_size: int = 10

    def __post_init__(self) -> None:
        checked = {
            "max_iterations": whole_number(self.max_iterations, "max_iterations"),
            "tolerance": real_number(self.tolerance, "tolerance", 0, math.inf),
            "history_size": whole_number(self.history_size, "history_size"),
        }
        for key, value in checked.items():
            object.__setattr__(self, key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, ("lbfgs", self.max_iterations, self.tolerance, self.history_size)


def check_options(rule: Any, **options: Any) -> None:
    """Raise TypeError for what is no LBFGS, ValueError for an option that it has no use for."""
    if isinstance(rule, type):
        raise TypeError(f"optimizer is the class {rule.__name__}, expected one made of it")
    if not isinstance(rule, LBFGS):
        raise TypeError(
            f"optimizer is {shown(rule)}, expected a cyprop.LBFGS; for others set net.optimizer"
        )
    for name, value in options.items():
        default = DEFAULTS.get(name)
        if type(value) is not type(default) or value != default:
            because = INSTEAD.get(name, "it learns from all rows at once, in arrays")
            raise ValueError(f"{name} is {shown(value)}, which LBFGS has no use for: {because}")


def fit(network: Engine, plan: Plan, rule: LBFGS, progress: bool) -> History:
    """Train by L-BFGS.

    Raises
    ------
    ImportError
        If scipy is not installed.
    ValueError
        If the rows are not arrays in memory, or the network has dropout.
    DivergenceError
        If the loss or a derivative was not finite; the weights are those of the iteration before.
    """
    try:
        optimize: Any = import_module("scipy.optimize")
    except ImportError:
        raise ImportError("LBFGS needs scipy: pip install 'cyprop[lbfgs]'") from None
    if not isinstance(plan.source, Arrays):
        raise ValueError("LBFGS learns from all rows at once: X and Y must be arrays in memory")
    if any(memory.settings_of(network).dropout):
        raise ValueError("LBFGS needs the same loss every time: the network has dropout")
    training = Training(network, plan, rule.max_iterations)
    training.begin()
    descent = Descent(training, rule)
    with kept_threads(plan.n_threads), showing(rule.max_iterations, progress) as show:
        descent.run(optimize.minimize, show)
    return training.history


class Descent:
    """One training: what scipy asks, and what it says of each iteration."""

    def __init__(self, training: Training, rule: LBFGS) -> None:
        self._training, self._rule = training, rule
        source, network = training.plan.source, training.network
        assert isinstance(source, Arrays)
        rows, weights = source.rows, source.weights
        if rows is None:
            self._data = source.X, source.Y, weights
        else:
            weights = None if weights is None else weights[rows]
            self._data = source.X[rows], source.Y[rows], weights
        self._parameters: Array = memory.empty_like_parameters(network)  # of the latest iteration
        memory.read_parameters(network, self._parameters)
        self._learns = learning_parameters(network)
        self._started = 0.0

    def run(self, minimize: Any, show: Callable[[History], None]) -> None:
        """Let scipy go down, and end well; or be as after the latest iteration."""
        training, rule = self._training, self._rule
        callbacks = training.plan.callbacks

        def after_iteration(intermediate_result: Any) -> None:
            self._take(intermediate_result.x, intermediate_result.fun)
            show(training.history)
            if training.is_over or training.epoch == rule.max_iterations:
                raise StopIteration
            call(callbacks, "on_epoch_begin", training.epoch, {})

        options = {
            "maxiter": rule.max_iterations,
            "maxfun": 100 * rule.max_iterations,
            "gtol": rule.tolerance,
            "ftol": LEAST_GAIN * rule.tolerance,
            "maxcor": rule.history_size,
        }
        start = self._parameters[self._learns].astype(np.float64)
        try:
            call(callbacks, "on_train_begin")
            call(callbacks, "on_epoch_begin", 0, {})
            self._started = time.perf_counter()
            minimize(
                *(self._loss_and_gradient, start),
                method="L-BFGS-B",
                jac=True,
                callback=after_iteration,
                options=options,
            )
        except StopTraining:
            pass
        finally:
            memory.go_back(training.network, self._parameters)
        training.end()

    def _place(self, x: Array) -> Array:
        """All parameters, with those that learn as scipy has them."""
        found = self._parameters.copy()
        if found.dtype == x.dtype:
            found[self._learns] = x
        else:
            with np.errstate(over="ignore"):
                found[self._learns] = x
        return found

    def _loss_and_gradient(self, x: Array) -> tuple[float, Array]:
        training = self._training
        memory.go_back(training.network, self._place(x))
        X, Y, weights = self._data
        loss, found, _ = derivatives.derive(
            training.network, X, Y, None, False, training.plan.n_threads, weights
        )
        gradient: Array = found[self._learns].astype(np.float64, copy=False)
        if not math.isfinite(loss) or place_of_nonfinite(gradient) is not None:
            raise DivergenceError(training.epoch, 0, "the loss", training.history)
        return loss, gradient

    def _take(self, x: Array, loss: float) -> None:
        """An iteration has ended there."""
        self._parameters = self._place(x)
        memory.go_back(self._training.network, self._parameters)
        seconds = time.perf_counter() - self._started
        self._training.record({"loss": float(loss)}, seconds)
        self._started = time.perf_counter()


def learning_parameters(network: Engine) -> npt.NDArray[np.bool_]:
    """Of the vector of parameters: which are of layers that learn, and no padding."""
    marks = memory.empty_like_parameters(network)
    marks[...] = 0
    frozen = memory.frozen_of(network)
    for arrays in memory.views(network, marks):
        for layer, array in enumerate(arrays):
            array[...] = layer not in frozen
    learns: npt.NDArray[np.bool_] = marks != 0
    return learns
