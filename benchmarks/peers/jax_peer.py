"""JAX: predict compiled with its weights, a whole epoch compiled as one scan over the batches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.networks import Problem
from benchmarks.peers import Differentiator, Learner, Predictor, Trainer

NAME = "JAX"

jax.config.update("jax_enable_x64", True)

ACTIVATIONS = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda Z: Z,
}


def predict(problem: Problem, parameters: Any, A: Any) -> Any:
    for (W, b), activation in zip(parameters, problem.activations, strict=True):
        A = ACTIVATIONS[activation](A @ W + b)
    return A


def start(problem: Problem) -> Any:
    # Copied: on a CPU an array of JAX may share NumPy's memory, and a step gives it away.
    return [
        (jnp.array(W, copy=True), jnp.array(b, copy=True))
        for W, b in zip(problem.weights, problem.biases, strict=True)
    ]


def derive(problem: Problem, parameters: Any, X: Any, Y: Any) -> Any:
    """The loss and its gradient."""

    def cost(theta: Any) -> Any:
        return jnp.mean((predict(problem, theta, X) - Y) ** 2)

    return jax.value_and_grad(cost)(parameters)


def step(problem: Problem, learning_rate: float, parameters: Any, X: Any, Y: Any) -> Any:
    """Parameters after one update, and the loss before."""
    loss, gradient = derive(problem, parameters, X, Y)
    rate = problem.dtype.type(learning_rate)
    return jax.tree.map(lambda theta, d: theta - rate * d, parameters, gradient), loss


def as_numpy(parameters: Any) -> tuple[Any, Any]:
    weights, biases = zip(*parameters, strict=True)
    return [np.asarray(W) for W in weights], [np.asarray(b) for b in biases]


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    parameters = start(problem)
    compiled = jax.jit(lambda x: predict(problem, parameters, x))
    return [
        Predictor(
            NAME,
            lambda x: compiled(x).block_until_ready(),
            lambda x: (jnp.array(x, copy=True),),
        )
    ]


class State:
    """Parameters that a compiled step takes in and gives back."""

    def __init__(self, problem: Problem) -> None:
        self.parameters = start(problem)

    def as_numpy(self) -> tuple[Any, Any]:
        return as_numpy(self.parameters)


def learners(problem: Problem, learning_rate: float) -> list[Learner]:
    state = State(problem)
    one = jax.jit(lambda theta, x, y: step(problem, learning_rate, theta, x, y), donate_argnums=0)

    def learn(x: Any, y: Any) -> None:
        state.parameters, loss = one(state.parameters, x, y)
        loss.block_until_ready()

    return [Learner(NAME, learn, state.as_numpy, lambda x, y: (jnp.array(x), jnp.array(y)))]


def trainers(
    problem: Problem, X: Any, Y: Any, batch_size: int, learning_rate: float, shuffle: bool
) -> list[Trainer]:
    state = State(problem)
    n = len(X)
    n_whole = n // batch_size * batch_size
    rng = np.random.default_rng(0)
    X, Y = jnp.asarray(X), jnp.asarray(Y)

    def epoch(theta: Any, X: Any, Y: Any, order: Any) -> Any:
        def one_batch(theta: Any, rows: Any) -> Any:
            return step(problem, learning_rate, theta, X[rows], Y[rows])

        theta, losses = jax.lax.scan(one_batch, theta, order[:n_whole].reshape(-1, batch_size))
        total = losses.sum() * batch_size
        if n_whole < n:
            theta, rest = one_batch(theta, order[n_whole:])
            total += rest * (n - n_whole)
        return theta, total / n

    compiled = jax.jit(epoch, donate_argnums=0)

    def run() -> float:
        order = rng.permutation(n) if shuffle else np.arange(n)
        state.parameters, loss = compiled(state.parameters, X, Y, order.astype(np.int32))
        return float(loss)

    return [Trainer("JAX, whole epoch compiled", run, state.as_numpy, problem)]


def gradients(problem: Problem, X: Any, Y: Any) -> list[Differentiator]:
    parameters = start(problem)
    X, Y = jnp.asarray(X), jnp.asarray(Y)
    compiled = jax.jit(lambda theta, X, Y: derive(problem, theta, X, Y))

    def call() -> Any:
        return jax.block_until_ready(compiled(parameters, X, Y))

    return [Differentiator(NAME, call, lambda found: as_numpy(found[1]))]
