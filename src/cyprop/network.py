"""The network as a person uses it. The hot methods are the compiled Engine's, unwrapped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self

import numpy as np

from cyprop import copying
from cyprop._restore import restore
from cyprop.checks.arguments import check_no_others
from cyprop.checks.numbers import whole_number
from cyprop.deriving import Deriving
from cyprop.engine import memory
from cyprop.formats.exporting import Exporting
from cyprop.mapping import Mapping, shown_extras
from cyprop.settings import Settings, check_that_it_can_learn
from cyprop.training.fitting import Fitting
from cyprop.training.initialisation import Beginning

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.arrays import Array
    from cyprop.engine.bound import BoundPrediction
    from cyprop.formats.checkpoints import Keeper
    from cyprop.interface import Handle
    from cyprop.rules import (
        Activation,
        ActivationName,
        Loss,
        LossName,
        Optimizer,
        OptimizerName,
    )
    from cyprop.training.initialisation import Given, InitializerName

# What people write, and what there is.
OF_THE_OPTIMIZER = {
    **dict.fromkeys(("lr", "learning_rate"), "give optimizer=cyprop.SGD(learning_rate=…)"),
    "momentum": "give optimizer=cyprop.SGD(momentum=…)",
    "weight_decay": "give optimizer=cyprop.AdamW(weight_decay=…), or l2=",
    "random_state": "it is called seed",
    **dict.fromkeys(("activations", "hidden_activation"), "it is called activation"),
    **dict.fromkeys(
        ("epochs", "batch_size", "clip_norm", "clip_value", "schedule", "sample_weight"),
        "give it to fit",
    ),
}


class Network(Fitting, Deriving, Mapping, Exporting):
    """A multilayer perceptron: Z = A_prev · W + b, A = f(Z), layer upon layer.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, inputs first: at least two numbers, each at least 1.
    activation : str, Activation, or a sequence of these, default "sigmoid"
        Of all hidden layers, or one for each: "sigmoid", "tanh", "relu", "leaky_relu", "elu",
        "selu", "celu", "gelu", "gelu_tanh", "silu", "softplus", "mish", "softsign", "relu6",
        "hard_sigmoid", "hard_swish", "hard_tanh", "log_sigmoid", "exponential" or "identity".
        `LeakyReLU`, `ELU` and `CELU` have a hyperparameter.
    output_activation : str or Activation, optional
        Of the last layer; also "softmax" or "log_softmax", for two outputs or more. By default the
        one that the loss belongs to: softmax for cross_entropy, sigmoid for binary_cross_entropy,
        exponential for poisson; else identity, so the outputs are any number, as a regression
        needs. But with "mse" it is sigmoid if all hidden layers are, and with neither hidden layers
        nor an `activation`, so the outputs are from 0 to 1.
    loss : str or Loss, default "mse"
        Of one row a mean over outputs: of the squared error, "mse"; of its size, "mae"; of what
        lies between the two, "huber" and "log_cosh"; "quantile"; "binary_cross_entropy", which
        needs sigmoid; "poisson", which needs exponential or softplus. "gaussian_nll" needs
        identity and two outputs a target, the means first and then the logarithms of the variances.
        "cross_entropy" is a sum over classes and needs softmax or log_softmax. C is the mean over
        the batch. `Huber`, `Quantile` and `CrossEntropy` have a hyperparameter.
    optimizer : Optimizer or str, default SGD(learning_rate=0.1)
        `SGD`, `Adam`, `AdamW`, `RMSprop`, `AdaGrad`, or the name of one with its defaults.
    dtype : "float32" or "float64", default "float32"
    seed : int, default 0
        Of the initial weights and of shuffling, drawn from
        ``numpy.random.Generator(PCG64(seed))``; also of which units are silent by dropout.
    l1, l2 : float, default 0.0
        What is learned gets the penalty l1·Σ|w| + l2/2·Σw² over all weights, and no biases. It is
        in the loss of `fit`, `train_on_batch`, `learn_one` and `gradients`, not of `evaluate`.
    dropout : float, or a sequence of floats, default 0.0
        The probability that a unit is silent in an update, of all hidden layers or one for each, at
        least 0 and below 1; the others count 1/(1 − dropout) times as much. `predict` and
        `evaluate` are without. Which units are silent depends on the seed, the number of the
        update, the layer, the place of the row in the update and the unit, and on nothing else
        (Philox4x32-10, Salmon et al. 2011).
    initializer : str, or sequence of array_like, optional
        How the weights of all layers are drawn: "glorot_uniform", "glorot_normal", "he_uniform",
        "he_normal", "lecun_uniform", "lecun_normal", "orthogonal" or "zeros". Or, for each layer,
        its weights, (n_in, n_out), or a pair of weights and biases, which are copied. By default
        He-normal in front of relu and its like, LeCun-normal in front of selu, else Glorot-uniform.
        Biases are zero unless they are given.

    Attributes
    ----------
    settings : Settings
        All of the above but the seed and the initial weights.
    weights, biases : tuple of ndarray
        Writable views of shape (n_in, n_out) and (n_out,) for each layer.
    parameters : ndarray
        All of them as one 64-byte aligned vector: of each layer the rows of W, then b, each padded
        to whole cache lines, and rows of less than half a line to a power of two. The padding takes
        no part in anything, whatever stands in it, and learning leaves it as it is.
    input_map, output_map : Map or None
        An offset and a scale for each column, which all inputs and outputs go through; None by
        default. `scale_inputs` sets the first from data, `fold_scaling` makes both part of the
        weights.
    input_names, output_names, labels : tuple or None
        What columns and classes are called; `classify` answers with labels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of the above. The message says what was given and expected.

    Notes
    -----
    Thread-safety: any number of threads may use one network. Predictions run at once, and take no
    lock unless an update is under way or waits. Updates follow one another, and a prediction sees
    the weights as some complete update left them. A caller that has to wait is served in the order
    of arrival. Assigning to the views is no update: let no other thread use the network meanwhile.
    A signal handler that uses a network in the midst of a call of the same one gets a
    RuntimeError.

    A row has the same bits alone and in any batch, on any number of threads, while all weights and
    biases are finite. An input of zero may be passed over: where its weight is infinite or NaN, it
    adds 0 or NaN, by the size of the batch and how many inputs are zero. Learning never makes a
    finite number of the network infinite or NaN; an update that would is not made, and the call
    returns NaN.

    Examples
    --------
    >>> import numpy as np, cyprop
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
    >>> Y = np.array([[0], [1], [1], [0]], dtype="float32")
    >>> net = cyprop.Network([2, 4, 1], activation="tanh", output_activation="sigmoid",
    ...                      optimizer=cyprop.Adam(learning_rate=0.05))
    >>> history = net.fit(X, Y, epochs=500, batch_size=4)
    >>> net.predict(X).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: (
            ActivationName | Activation | Sequence[ActivationName | Activation]
        ) = "sigmoid",
        output_activation: ActivationName | Activation | None = None,
        loss: LossName | Loss = "mse",
        optimizer: OptimizerName | Optimizer | None = None,
        dtype: npt.DTypeLike = "float32",
        seed: int = 0,
        l1: float = 0.0,
        l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        initializer: InitializerName | Sequence[Given] | None = None,
        **others: Never,  # to be refused in a sentence that says what to write
    ) -> None:
        check_no_others(others, "Network", Network.__init__, OF_THE_OPTIMIZER)
        settings = Settings(
            *(sizes, activation, output_activation, loss, optimizer, dtype),
            l1=l1,
            l2=l2,
            dropout=dropout,
        )
        check_that_it_can_learn(settings)
        beginning = Beginning(initializer, settings)
        seed = whole_number(seed, "seed", low=0)
        rng = np.random.Generator(np.random.PCG64(seed))
        memory.lay_out(self, settings)
        memory.set_rng(self, rng)
        memory.set_seed(self, seed)
        beginning.fill(*memory.arrays(self), rng)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, inputs first. Thread-safety: it never changes."""
        return memory.settings_of(self).sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """The name of each layer's activation, the output layer's last.

        Thread-safety: it never changes.
        """
        return memory.settings_of(self).activation_names

    @property
    def loss(self) -> str:
        """The name of the loss. Thread-safety: it never changes."""
        return memory.settings_of(self).loss.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters and of all results. Thread-safety: it never changes."""
        return memory.settings_of(self).dtype

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are, padding not counted.

        Thread-safety: it never changes.
        """
        return memory.settings_of(self).n_parameters

    def bind(self, x: Array, out: Array) -> BoundPrediction:
        """Make a prediction ready that reads x and writes out, the same arrays each time.

        Parameters
        ----------
        x : ndarray, (n_in,) or (n, n_in)
        out : ndarray, (n_out,) or (n, n_out)
            Both of the network's dtype, C-contiguous and aligned, not overlapping; nothing is
            converted. They must not be resized in place afterwards.

        Returns
        -------
        BoundPrediction
            Called without arguments, it predicts from what x then holds with the weights of that
            moment, writes into out and returns it. It checks and allocates nothing, and keeps the
            network and both arrays alive.

        Raises
        ------
        TypeError
            If x or out is not an array of the network's dtype.
        ValueError
            If a shape does not fit, out is read-only, one is not contiguous, or they overlap.

        Notes
        -----
        Thread-safety: any number of threads at once. Calls of one bound prediction follow one
        another; several, and `predict`, run at once.

        Examples
        --------
        >>> import numpy as np, cyprop
        >>> net = cyprop.Network([2, 3, 1])
        >>> x, y = np.zeros(2, "float32"), np.empty(1, "float32")
        >>> step = net.bind(x, y)
        >>> x[:] = 0.25, 0.5
        >>> step() is y
        True
        """
        from cyprop.engine.bound import BoundPrediction

        return BoundPrediction(self, x, out)

    def handle(self) -> Handle:
        """The network for compiled code: Cython, C, Numba; docs/embedding.md shows how.

        Returns
        -------
        Handle
            It keeps the network alive. Its parameters stay where they are as long as it lives, so
            the handle sees all that happens to them; `load` makes another network.

        Notes
        -----
        Thread-safety: compiled code that predicts takes no lock. While another thread updates the
        network, it may read some weights from before the update and some from after it; and so may
        a prediction from Python, under way while compiled code learns.
        """
        from cyprop.interface import Handle

        return Handle(self)

    def save(
        self,
        path: str | os.PathLike[str],
        metadata: dict[str, str] | None = None,
        training: bool = False,
    ) -> None:
        """Write the network to a safetensors file, which PyTorch can read too.

        Parameters
        ----------
        path : path
            Replaced whole, or not at all, keeping its mode, and owner and group where it may; a
            symbolic link stays, other hard links keep what they had. A FIFO or character device is
            written through.
        metadata : dict of str to str, optional
            Notes of your own, kept in the file; ``cyprop.storage.read_metadata`` gives them back.
        training : bool, default False
            Whether to keep what learning needs to go on in the same bits: the optimizer's state,
            the random generator, the count of updates, the seed, and which layers are frozen.
            PyTorch's ``load_state_dict`` then needs ``strict=False``.

        Raises
        ------
        TypeError
            If path is not a path of str, metadata not a dict of str to str, or training not a
            bool.
        ValueError
            If no file can be called so, metadata is too long or not Unicode text, or the random
            generator is not NumPy's PCG64.
        OSError
            If it cannot be written.

        Notes
        -----
        Thread-safety: any number of threads at once; each sees the weights of a complete update.
        """
        from cyprop.formats import safetensors

        safetensors.save(self, path, metadata, training)

    def _keeper(self, checkpoint: Any) -> Keeper:
        from cyprop.formats.checkpoints import Keeper

        return Keeper(self, checkpoint)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` has written, or a checkpoint of `fit`.

        A file that is replaced meanwhile, as `save` does it, is read as it was or as it became.

        Raises
        ------
        FormatError
            If the file is anything else; one sentence says what is wrong.
        TypeError, ValueError
            If path is not a path of str, or no file can be called so.
        OSError
            If it cannot be read.

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
        from cyprop.formats import safetensors

        return safetensors.load(cls, path)

    def __getstate__(self) -> dict[str, Any]:
        return copying.state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        copying.take_state(self, state)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = () if type(self) is Network else (type(self),)
        return restore, ("network", *kind), self.__getstate__()

    def __copy__(self) -> Self:
        return copying.shallow(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copying.deep(self, memo)

    def __eq__(self, other: object) -> bool:
        """Same settings, parameters, maps, names and labels; the optimizer's state does not count.

        Thread-safety: no other thread may train either of them meanwhile.
        """
        if not isinstance(other, Network):
            return NotImplemented
        return (
            memory.settings_of(self) == memory.settings_of(other)
            and copying.same_maps_and_names(self, other)
            and all(
                np.array_equal(mine, theirs)
                for mine, theirs in zip(
                    chain(*memory.arrays(self)), chain(*memory.arrays(other)), strict=True
                )
            )
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Network({memory.settings_of(self).shown()}{shown_extras(self)})"

    def __dir__(self) -> Iterable[str]:
        """What a person may use; names with one underscore are not among it."""
        return [name for name in super().__dir__() if name[:1] != "_" or name[:2] == "__"]


def blank(kind: type[Network] = Network) -> Network:
    """A network of that class without settings, for unpickling to fill."""
    return kind.__new__(kind)
