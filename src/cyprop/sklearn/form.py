"""The network that an estimator asks for, and how scikit-learn's loss is that of the network.

scikit-learn descends along the gradient of a sum over outputs, where a loss of cyprop's is a mean
over them: theirs is a multiple of ours. A multiple of the gradient is one of SGD's rate, and to the
optimizers that divide by the gradient's size it is the inverse of it of their epsilon.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.kernels import loss as losses
from cyprop.rules import (
    Activation,
    Loss,
    Optimizer,
    activation_of,
    loss_of,
    named,
    optimizer_of,
)
from cyprop.settings import Settings

if TYPE_CHECKING:
    from cyprop.checks.arrays import Array

OURS = {"logistic": "sigmoid", "exp": "exponential"}
THEIRS = {ours: theirs for theirs, ours in OURS.items()}


class Form(NamedTuple):
    """What a network is made of but its optimizer and penalty.

    Attributes
    ----------
    sizes : tuple of int
    activations : tuple of Activation
        Of all layers.
    loss : Loss
    gradient_scale : float
        scikit-learn's gradient is this times the network's.
    loss_scale : float
        Its loss is this times the network's, and `constant`.
    constant : bool
        Whether the loss has besides what no weight changes: ln of the counts in Poisson's.
    dropout : float, or a sequence of floats
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    gradient_scale: float
    loss_scale: float
    constant: bool
    dropout: Any

    def settings(self, optimizer: Optimizer, dtype: Any, l2: float) -> Settings:
        """What the network is laid out by."""
        *hidden, output = self.activations
        return Settings(
            *(self.sizes, hidden, output, self.loss, optimizer, dtype),
            l2=l2,
            dropout=self.dropout,
        )


def hidden_sizes(given: Any) -> list[int]:
    """The units of each hidden layer.

    Raises
    ------
    ValueError
        If one is not positive.
    """
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def form_of_classifier(estimator: Any, n_features: int, n_outputs: int, several: bool) -> Form:
    """That of one output for each class, or one for two; `several` may be true at once."""
    exclusive = n_outputs > 1 and not several
    output = "softmax" if exclusive else "sigmoid"
    if estimator.loss == "log_loss":
        loss = "cross_entropy" if exclusive else "binary_cross_entropy"
        scale = 1.0 if exclusive else float(n_outputs)
    else:
        loss, scale = estimator.loss, 1.0
    return _form(estimator, n_features, n_outputs, loss, output, scale, scale)


def form_of_regressor(estimator: Any, n_features: int, n_outputs: int) -> Form:
    """That of one output for each target, or as many as the loss asks for."""
    if estimator.loss == "squared_error":
        scale = n_outputs / 2
        return _form(estimator, n_features, n_outputs, "mse", "identity", scale, 0.5)
    if estimator.loss == "poisson":
        k = float(n_outputs)
        return _form(
            estimator, n_features, n_outputs, "poisson", "exponential", k, k, constant=True
        )
    loss = loss_of(estimator.loss)
    output = None if loss.name == "binary_cross_entropy" else "identity"
    units = n_outputs * losses.outputs_per_target(loss.name)
    return _form(estimator, n_features, units, loss, output, 1.0, 1.0)


def _form(
    estimator: Any,
    n_features: int,
    units: int,
    loss: Any,
    output: Any,
    gradient_scale: float,
    loss_scale: float,
    constant: bool = False,
) -> Form:
    sizes = [n_features, *hidden_sizes(estimator.hidden_layer_sizes), units]
    hidden: Any = estimator.activation
    several = isinstance(hidden, list | tuple)
    hidden = (
        [_activation(entry) for entry in estimator.activation]
        if several
        else (_activation(estimator.activation))
    )
    checked = Settings(sizes, hidden, output, loss, dropout=estimator.dropout)
    scales = gradient_scale, loss_scale
    return Form(
        checked.sizes, checked.activations, checked.loss, *scales, constant, checked.dropout
    )


def _activation(value: Any) -> Activation:
    return activation_of(OURS.get(value, value) if isinstance(value, str) else value)


def name_of_output(form: Form) -> str:
    """The output activation as scikit-learn calls it."""
    name = form.activations[-1].name
    return THEIRS.get(name, name)


def optimizer_for(estimator: Any, form: Form, dtype: Any) -> Optimizer:
    """The optimizer that `solver` and its numbers mean, for the gradient that the network has."""
    rate = float(estimator.learning_rate_init)
    solver = estimator.solver
    if solver in ("sgd", "lbfgs"):  # the second has no use for any
        # A momentum of 1 is one that theirs may have; ours is the number below, a rounding away.
        largest = float(np.nextafter(np.dtype(dtype).type(1), np.dtype(dtype).type(0)))
        momentum = min(float(estimator.momentum), largest)
        nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
        found = named("sgd", {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov})
    elif solver == "adam":
        found = named(
            "adam_of_sklearn",
            {
                "learning_rate": rate,
                "beta1": float(estimator.beta_1),
                "beta2": float(estimator.beta_2),
                "epsilon": float(estimator.epsilon),
            },
        )
    elif isinstance(solver, str):
        found = named(solver, {"learning_rate": rate})
    else:
        found = optimizer_of(solver)
    return scaled(found, form.gradient_scale)


def scaled(optimizer: Optimizer, gradient_scale: float) -> Optimizer:
    """One that makes of a gradient the steps of this one from gradient_scale times the gradient."""
    numbers = optimizer.hyperparameters
    if gradient_scale == 1:
        return optimizer
    if "epsilon" in numbers:
        return optimizer.with_hyperparameters(epsilon=numbers["epsilon"] / gradient_scale)
    return optimizer.with_hyperparameters(learning_rate=numbers["learning_rate"] * gradient_scale)


def rate_scale(optimizer: Optimizer, form: Form) -> float:
    """What the network's rate is a multiple of: the estimator's."""
    return 1.0 if "epsilon" in optimizer.hyperparameters else form.gradient_scale


def initial_weights(
    estimator: Any, form: Form, random_state: Any, dtype: Any
) -> tuple[list[Array], list[Array]]:
    """W and b of each layer, drawn in the order in which scikit-learn draws them, to the same bits.

    Glorot and Bengio (2010), with biases within the same bounds; those of the sigmoid are narrower.
    """
    coefs: list[Array] = []
    intercepts: list[Array] = []
    given = estimator.activation
    names = [activation.name for activation in form.activations[:-1]]
    if isinstance(given, str) or not names:  # those of the hidden layers, be there none
        names = [OURS.get(given, given)]
    for layer, (n_in, n_out) in enumerate(pairwise(form.sizes)):
        narrow = names[min(layer, len(names) - 1)] == "sigmoid"
        bound = np.sqrt((2.0 if narrow else 6.0) / (n_in + n_out))
        W = random_state.uniform(-bound, bound, (n_in, n_out))
        b = random_state.uniform(-bound, bound, n_out)
        coefs.append(W.astype(dtype, copy=False))
        intercepts.append(b.astype(dtype, copy=False))
    return coefs, intercepts


def constants_of(Y: Array) -> Array:
    """Of each row what Poisson's loss has beside the network's: Σ_j Y_j·ln Y_j − Y_j."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(Y > 0, Y * np.log(Y), 0.0) - Y
    total: Array = found.sum(axis=1, dtype=np.float64)
    return total
