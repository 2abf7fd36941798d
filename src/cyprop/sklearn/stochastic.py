"""Learning in batches, with scikit-learn's rules of when to end and how fast to go."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cyprop.engine import memory
from cyprop.sklearn.borrowed import ConvergenceWarning
from cyprop.sklearn.form import Form, constants_of, rate_scale
from cyprop.sklearn.rows import Batches, Data
from cyprop.training.callbacks import call, checked_callbacks
from cyprop.training.history import History
from cyprop.training.pace import Pace, checked_schedule
from cyprop.training.stopping import StopTraining

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array
    from cyprop.network import Network

SMALLEST_RATE = 1e-6  # at which an adaptive one ends instead of becoming smaller
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need"
    " to be preprocessed."
)


class Rate:
    """The learning rate from epoch to epoch, as scikit-learn's optimizers have it.

    Attributes
    ----------
    learning_rate : float
        That of the next epoch.
    """

    learning_rate_init: float
    learning_rate: float
    kind: str
    power_t: float

    def __init__(self, estimator: Any) -> None:
        rate = estimator.learning_rate_init
        if not isinstance(estimator.solver, str):
            rate = estimator.solver.hyperparameters["learning_rate"]
        self.learning_rate_init = self.learning_rate = float(rate)
        own = estimator.solver == "sgd"  # the other optimizers keep theirs
        self.kind = estimator.learning_rate if own else "constant"
        self.power_t = estimator.power_t

    def after_epoch(self, t: int) -> None:
        """See that t rows have been learned from since the weights were drawn."""
        if self.kind == "invscaling":
            self.learning_rate = self.learning_rate_init / (t + 1) ** self.power_t

    def ends(self, message: str, verbose: Any) -> bool:
        """Whether learning ends, now that it no longer gets better; or go on with a lower rate."""
        if self.kind == "adaptive" and self.learning_rate > SMALLEST_RATE:
            self.learning_rate /= 5.0
            if verbose:
                print(f"{message} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            small = " Learning rate too small." if self.kind == "adaptive" else ""
            print(f"{message}{small} Stopping.")
        return True


def checked_batch_size(batch_size: Any, n: int) -> int:
    """How many rows an update learns from; a warning if it was to be more than there are."""
    if isinstance(batch_size, str):
        return min(200, n)
    if batch_size > n:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=7,
        )
    return int(min(batch_size, n))


class Learning:
    """One call of `fit` or `partial_fit`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Whose attributes say how it went.
    network : Network
    form : Form
    data : Data
    score : function without arguments, or None
        The score on rows held out; None where there are none.
    incremental : bool
        Whether it is one epoch of many that the caller goes through.
    """

    estimator: Any
    network: Network
    form: Form
    data: Data
    score: Callable[[], float] | None
    incremental: bool
    batch_size: int
    batches: Batches
    callbacks: tuple[Any, ...]
    history: History
    order: Array
    constants: Any
    pace: Pace | None
    rate: float
    seconds: float
    diverged: bool

    def __init__(
        self,
        estimator: Any,
        network: Network,
        form: Form,
        data: Data,
        score: Callable[[], float] | None,
        incremental: bool,
    ) -> None:
        self.estimator, self.network, self.form, self.data = estimator, network, form, data
        self.score, self.incremental = score, incremental
        self.batch_size = checked_batch_size(estimator.batch_size, data.n)
        clip_norm = estimator.clip_norm
        scale = form.gradient_scale
        self.batches = Batches(
            *(network, data, self.batch_size, estimator.n_threads),
            None if clip_norm is None else clip_norm / scale,
            estimator.alpha / scale,
            scale / form.loss_scale,
        )
        self.callbacks = checked_callbacks(estimator.callbacks)
        self.history = History()
        self.order = np.arange(data.n)
        self.constants = constants_of(data.Y) if form.constant else None
        self.pace = self._pace()
        self.diverged = False

    def _pace(self) -> Pace | None:
        """What a schedule says of each update."""
        estimator = self.estimator
        if estimator.schedule is None:
            return None
        if self.incremental:
            raise ValueError(
                "schedule needs to know how many updates there will be, which partial_fit does not"
            )
        if estimator.learning_rate != "constant":
            raise ValueError(
                f"schedule and learning_rate={estimator.learning_rate!r} are both given, expected"
                " one"
            )
        settings = memory.settings_of(self.network)
        return Pace(
            checked_schedule(estimator.schedule, validates=False),
            *(estimator.max_iter, self.batches.n_batches),
            *(settings.optimizer.hyperparameters["learning_rate"], settings.dtype.name),
        )

    def run(self) -> None:
        """Learn epoch after epoch, until one rule or another says that it is enough."""
        estimator = self.estimator
        try:
            call(self.callbacks, "on_train_begin")
            estimator.n_iter_ = 0
            for epoch in range(estimator.max_iter):
                call(self.callbacks, "on_epoch_begin", epoch, {})
                self._one_epoch()
                logs = self._look()
                over = self._is_over()
                call(self.callbacks, "on_epoch_end", epoch, logs)
                if over or self.incremental:
                    break
                if estimator.n_iter_ == estimator.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached"
                        " and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=6,
                    )
            call(self.callbacks, "on_train_end")
        except StopTraining:
            call(self.callbacks, "on_train_end")
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=6)
        if estimator.early_stopping:
            memory.go_back(self.network, estimator._best_parameters)
        elif self.diverged:
            raise ValueError(NOT_FINITE)

    def _one_epoch(self) -> None:
        """Go through all rows once, and put the loss down."""
        estimator, n = self.estimator, self.data.n
        order = None
        if estimator.shuffle:
            # scikit-learn shuffles numbers of rows, and takes the order so far by these.
            numbers: Array = np.arange(n)
            estimator._random_state.shuffle(numbers)
            self.order = order = self.order[numbers]
        loss = math.nan
        if not self.diverged:
            rates = None if self.pace is None else self.pace.rates(estimator.n_iter_)
            started = time.perf_counter()
            total = self.batches.epoch(order, rates)
            self.seconds = time.perf_counter() - started
            self.rate = estimator._optimizer.learning_rate
            if rates is not None:
                self.rate = float(rates[-1]) / rate_scale(self._optimizer, self.form)
            loss = total / n * self.form.loss_scale + self._constant(order)
            self.diverged = not math.isfinite(total)
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += n
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    @property
    def _optimizer(self) -> Any:
        return memory.settings_of(self.network).optimizer

    def _constant(self, order: Array | None) -> float:
        """The mean over batches, times their rows, of what the network's loss leaves out."""
        if self.constants is None:
            return 0.0
        weights = self.data.weights
        if weights is None:
            return float(self.constants.mean())
        rows = self.order if order is None else order
        starts = np.arange(0, len(rows), self.batch_size)
        sums = np.add.reduceat((weights * self.constants)[rows], starts)
        total = np.add.reduceat(weights[rows], starts)
        sizes: Array = np.diff(np.append(starts, len(rows)))
        counted = total > 0
        return float((sums[counted] / total[counted] * sizes[counted]).sum() / len(rows))

    def _look(self) -> dict[str, float]:
        """See whether it got better, by the score on rows held out or else by the loss."""
        estimator = self.estimator
        logs = {"loss": estimator.loss_, "learning_rate": self.rate, "seconds": self.seconds}
        if self.score is not None:
            found = math.nan if self.diverged else self.score()
            estimator.validation_scores_.append(found)
            logs["validation_score"] = found
            if estimator.verbose:
                print(f"Validation score: {found:f}")
        if estimator.early_stopping:
            self._look_at_score(estimator.validation_scores_[-1])
        else:
            worse = estimator.loss_ > estimator.best_loss_ - estimator.tol
            estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
            if estimator.loss_ < estimator.best_loss_:
                estimator.best_loss_ = estimator.loss_
            if self.score is not None and (
                estimator.validation_scores_[-1] > estimator.best_validation_score_
            ):
                estimator.best_validation_score_ = estimator.validation_scores_[-1]
        self.history.add(logs)
        if self.pace is not None:
            self.pace.after_epoch(self.history)
        return logs

    def _look_at_score(self, score: float) -> None:
        estimator = self.estimator
        worse = score < estimator.best_validation_score_ + estimator.tol
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            memory.read_parameters(self.network, estimator._best_parameters)

    def _is_over(self) -> bool:
        """Whether to end; if not, the network may have another rate from now on."""
        estimator = self.estimator
        rate = estimator._optimizer
        before = rate.learning_rate
        rate.after_epoch(estimator.t_)
        over = False
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            what = "Training loss did not improve"
            if estimator.early_stopping:
                what = "Validation score did not improve"
            over = rate.ends(
                f"{what} more than tol={estimator.tol:f} for {estimator.n_iter_no_change}"
                " consecutive epochs.",
                estimator.verbose,
            )
            if not over:
                estimator._no_improvement_count = 0
        if rate.learning_rate != before:
            set_rate(self.network, rate.learning_rate, before, self.form)
        return over


def set_rate(network: Network, rate: float, before: float, form: Form) -> None:
    """Let the updates be made with another rate.

    Momentum keeps the steps of before, as long as they were, where cyprop's would take the
    gradients of before at the new rate: what it gathered is made larger by as much.
    """
    settings, parameters, states, tally = memory.state(network)
    numbers = settings.optimizer.hyperparameters
    if numbers.get("momentum"):
        with np.errstate(over="ignore"):
            states[0] *= before / rate
        memory.set_state(network, parameters, states, tally)
    scale = rate_scale(settings.optimizer, form)
    memory.set_hyperparameters(network, {"learning_rate": rate * scale})
