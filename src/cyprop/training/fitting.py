"""Learning from data, as a person asks for it: the methods that Network inherits.

The loop over epochs, and all that it looks at, is in training/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Never

from cyprop.checks.arguments import check_no_others
from cyprop.engine import memory
from cyprop.engine.engine import Engine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cyprop.rules import Optimizer, OptimizerName
    from cyprop.training.history import History
    from cyprop.training.lbfgs import LBFGS
    from cyprop.training.rates import AnySchedule
    from cyprop.training.stopping import EarlyStopping

# What people write, and what there is.
OF_A_TRAINING = {
    **dict.fromkeys(("lr", "learning_rate"), "set net.learning_rate"),
    "momentum": "call net.set_hyperparameters(momentum=…)",
    "loss": "give it to Network",
    "n_epochs": "it is called epochs",
    "verbose": "it is called progress",
    "patience": "give early_stopping=cyprop.EarlyStopping(patience=…)",
    "validation_fraction": "it is called validation_split",
    **dict.fromkeys(("dropout", "l1", "l2"), "give it to Network"),
}


class Fitting(Engine):
    """The part of a network that learns from data; make a Network instead."""

    @property
    def optimizer(self) -> Optimizer:
        """How the parameters follow their gradient. Setting it starts its state afresh.

        Thread-safety: any number of threads may get or set it; setting it waits its turn.
        """
        return memory.settings_of(self).optimizer

    @optimizer.setter
    def optimizer(self, value: Optimizer | OptimizerName) -> None:
        memory.set_optimizer(self, memory.settings_of(self).with_optimizer(value).optimizer)

    @property
    def learning_rate(self) -> float:
        """The optimizer's. Setting it keeps momentum and moments.

        Thread-safety: any number of threads may get or set it; setting it waits its turn.
        """
        return memory.settings_of(self).optimizer.hyperparameters["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.set_hyperparameters(learning_rate=value)

    @property
    def frozen(self) -> tuple[int, ...]:
        """The layers that learning leaves alone, in ascending order; () by default.

        Layer 0 is the first hidden layer, ``weights[0]`` and ``biases[0]``. Any sequence of layers
        may be set. No update changes a bit of a frozen layer or of what the optimizer keeps for it,
        also where there is weight decay, momentum or a penalty, and `clip_norm` measures the
        derivatives of the others alone. `gradients` and `vjp` derive by all layers as ever, and the
        penalty in a loss is that of all weights. Where all layers are frozen, updates change
        nothing but their count, by which dropout draws and Adam scales. Copies and pickles keep it;
        it does not count in comparisons.

        Thread-safety: any number of threads may get or set it; setting it waits its turn, so that
        an update finds all of it or nothing.
        """
        return memory.frozen_of(self)

    @frozen.setter
    def frozen(self, value: Sequence[int] | npt.NDArray[np.integer[Any]]) -> None:
        memory.set_frozen(self, value)

    @property
    def history(self) -> History | None:
        """What the latest `fit` saw, up to where it ended, be it by Ctrl-C or an error.

        None before the first. It may be set, until the next `fit` does. Copies, pickles and files
        are without, and it does not count in comparisons.

        Thread-safety: any number of threads at once; while `fit` runs, its lists grow.
        """
        return vars(self).get("history")

    @history.setter
    def history(self, value: Any) -> None:
        vars(self)["history"] = value

    def set_hyperparameters(self, **hyperparameters: float) -> None:
        """Change hyperparameters of the optimizer, which keeps its state.

        Parameters
        ----------
        **hyperparameters : float
            Those that change, such as ``momentum=0.9``.

        Raises
        ------
        TypeError
            If the optimizer has no such hyperparameter, or it is not a number.
        ValueError
            If it is out of its range, or the network's dtype cannot hold it.

        Notes
        -----
        Setting ``net.optimizer`` starts with momentum and moments of zero instead. Updates of an
        SGD or RMSprop without momentum leave its v or u as it was; and the beta1^t and beta2^t of
        an Adam are the products of the betas that its updates have had.
        Thread-safety: any number of threads at once; it waits its turn.

        Examples
        --------
        >>> import cyprop
        >>> net = cyprop.Network([2, 3, 1], optimizer=cyprop.SGD(0.1, momentum=0.5))
        >>> net.set_hyperparameters(momentum=0.9)
        >>> net.learning_rate = 0.01
        >>> net.optimizer
        SGD(learning_rate=0.01, momentum=0.9)
        """
        memory.set_hyperparameters(self, hyperparameters)

    def fit(
        self,
        X: npt.ArrayLike | Iterable[Any],
        Y: npt.ArrayLike | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        shuffle: bool = True,
        validation_data: (
            tuple[npt.ArrayLike, npt.ArrayLike]
            | tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]
            | None
        ) = None,
        progress: bool = False,
        n_threads: int = 1,
        sample_weight: npt.ArrayLike | None = None,
        schedule: AnySchedule = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        validation_split: float | None = None,
        class_weight: str | dict[int, float] | None = None,
        metrics: (str | Callable[..., float] | Sequence[str | Callable[..., float]] | None) = None,
        early_stopping: EarlyStopping | None = None,
        callbacks: Any = None,
        checkpoint: Any = None,
        steps_per_epoch: int | None = None,
        optimizer: LBFGS | None = None,
        **others: Never,  # to be refused in a sentence that says what to write
    ) -> History:
        """Train on the rows of X and Y, batch after batch.

        Parameters
        ----------
        X : array_like, (n, n_in), or iterable of batches
            A C-contiguous array of the network's dtype is never copied, nor is a `numpy.memmap` of
            any: its rows are read, and looked at for NaN, when their batch comes. A CSR matrix of
            scipy.sparse is made dense a batch at a time. An iterable of batches (X, Y) or (X, Y,
            weights) is gone through once an epoch, in its own order; then Y is not given.
        Y : array_like, (n, n_targets), or labels (n,)
            There are n_out targets a row, and half as many for gaussian_nll. With cross_entropy, n
            whole numbers from 0 to n_out - 1 are the classes of the rows; else a row of Y has a one
            for its class and zeros, or probabilities. Targets are what the loss can mean: from 0 to
            1 for binary_cross_entropy, at least 0 for cross_entropy and poisson.
        epochs : int, default 10
            Passes over the rows.
        batch_size : int, default 32
            Rows an update; the last batch of an epoch may be smaller.
        shuffle : bool, default True
            Whether each epoch takes the rows in a new random order.
        validation_data : pair (X, Y) or triple (X, Y, sample_weight), optional
            Evaluated after each epoch.
        progress : bool, default False
            Whether to show each epoch on standard error (with tqdm where it is installed).
        n_threads : int, default 1
            How many threads share each batch, from 1 to 256; fewer where batches are small. All
            have ended when `fit` returns, and bits do not depend on how many there were.
        sample_weight : array_like, (n,), optional
            How much each row counts, wᵢ, at least 0: a batch learns from Σ wᵢ·Cᵢ / Σ wᵢ, and the
            loss of an epoch is that mean over all its rows. A batch whose weights are all 0 is
            passed over.
        schedule : Schedule, ReduceOnPlateau, name, or callable, optional
            The learning rate of each update, in place of the optimizer's, from which a schedule
            starts: such as `OneCycle` or `Cosine`, or a function of the update's number, counted
            from 0 in this call. Rates are found before the first update; only `ReduceOnPlateau`
            waits for each epoch. The optimizer has its own rate again when `fit` ends.
        clip_norm, clip_value : float, optional
            Clip the gradient of each update: every number of it to ±clip_value, and then all of it
            to at most the Euclidean norm clip_norm.
        validation_split : float, optional
            The share of the rows, above 0 and below 1, that is held out and evaluated after each
            epoch, in place of validation_data. The rows are chosen at random by the network's seed,
            the same in every call; of classes the same share each. (Keras takes the last rows.)
        class_weight : "balanced", or dict of label to float, optional
            How much each class counts: the weights of its rows are multiplied by it. "balanced" is
            n / (number of classes · rows of the class); classes that a dict does not name count 1.
            Validation and metrics are without.
        metrics : str, callable, or a sequence of these, optional
            Measured after each epoch, on the rows learned from (where they are arrays in memory)
            and on those held out: "accuracy", "balanced_accuracy", "top_3" (or another number),
            "auc", "f1", "precision", "recall", "log_loss", "mae", "mse", "rmse", "r2"; or a
            function of Y (n, n_targets) and the outputs A (n, n_out) that gives a number.
        early_stopping : EarlyStopping, optional
            When to end before the last epoch, and whether to keep the best weights.
        callbacks : object or sequence of objects, optional
            With methods of `Callback`, which are called between epochs.
        checkpoint : path or Checkpoint, optional
            A file that has, after each epoch, all that is needed to go on. The same call with the
            same network, data and options goes on from there, in the same bits as if it had never
            ended; where the training is complete, it returns at once. What callbacks keep is theirs
            to save.
        steps_per_epoch : int, optional
            How many batches the iterable has, where a schedule needs to know that; or how many to
            take an epoch of a generator, which goes on where it was.
        optimizer : LBFGS, optional
            Learn from all rows at once by L-BFGS, in place of the network's optimizer and epochs.

        Returns
        -------
        History
            Its lists have one entry an epoch. However the training ends, it is at ``net.history``
            too.

        Raises
        ------
        TypeError, ValueError
            If the data does not fit, is empty, or holds NaN, infinity, a target that the loss
            cannot mean or a label outside the classes (the message names the first and its place),
            a weight is not finite, an option is not one of the above, or the checkpoint is one of
            another network, other data or options; the network is unchanged. What is wrong with
            rows of a file or with batches is found when they come; the weights are then those of
            the last complete update.
        RuntimeError
            From what an iterable of batches raised.
        OSError
            If the checkpoint cannot be written; that is known before the first epoch.
        DivergenceError
            If a loss became non-finite; the weights are those of the last finite epoch, or of
            before, and the optimizer's state starts afresh. Its ``history`` has the epochs before.
        KeyboardInterrupt
            On Ctrl-C, within some milliseconds: between two updates, or in the midst of a large
            one, whose weights are then part old and part new, and all finite.

        Warns
        -----
        UserWarning
            Once, if a target is out of reach for the output activation, as 2 is for a sigmoid.

        Notes
        -----
        Thread-safety: any thread. Others that use this network meanwhile get their turn within some
        milliseconds, between two updates; one that trains it too adds its updates among these.
        """
        from cyprop.training import fit  # here and below: what not every program needs

        check_no_others(others, "fit", Fitting.fit, OF_A_TRAINING)
        if optimizer is not None:
            from cyprop.training.lbfgs import check_options

            check_options(
                optimizer,
                epochs=epochs,
                batch_size=batch_size,
                shuffle=shuffle,
                schedule=schedule,
                clip_norm=clip_norm,
                clip_value=clip_value,
                checkpoint=checkpoint,
                steps_per_epoch=steps_per_epoch,
            )
        keeper = None if checkpoint is None else self._keeper(checkpoint)
        plan = fit.plan(
            self,
            X,
            Y,
            batch_size=batch_size,
            shuffle=shuffle,
            validation_data=validation_data,
            validation_split=validation_split,
            n_threads=n_threads,
            sample_weight=sample_weight,
            class_weight=class_weight,
            schedule=schedule,
            clip_norm=clip_norm,
            clip_value=clip_value,
            metrics=metrics,
            early_stopping=early_stopping,
            callbacks=callbacks,
            keeper=keeper,
            steps_per_epoch=steps_per_epoch,
        )
        if optimizer is not None:
            from cyprop.training import lbfgs

            return lbfgs.fit(self, plan, optimizer, progress=progress)
        return fit.fit(self, plan, epochs, progress=progress)

    def _keeper(self, checkpoint: Any) -> Any:
        """What keeps a training in a file; Network has it, since files know nothing of training."""
        raise NotImplementedError

    def _measured(
        self, X: Any, Y: Any, n_threads: int, sample_weight: Any, metrics: Any
    ) -> dict[str, float]:
        from cyprop.training.measuring import measured

        return measured(self, X, Y, n_threads, sample_weight, metrics)
