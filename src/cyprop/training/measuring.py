"""The loss and metrics of given rows: `evaluate` with metrics."""

from __future__ import annotations

from typing import Any

from cyprop.checks.weights import weights_of_rows
from cyprop.engine import memory
from cyprop.training.data import checked_data
from cyprop.training.metrics import check_targets, checked_metrics, measure


def measured(
    network: Any, X: Any, Y: Any, n_threads: int, sample_weight: Any, metrics: Any
) -> dict[str, float]:
    """The mean loss as "loss", and each metric by its name.

    Raises
    ------
    TypeError, ValueError
        As `Network.evaluate`, and where a metric does not suit the network or the targets.
    """
    chosen = checked_metrics(metrics, memory.settings_of(network))
    X, Y, _ = checked_data(network, X, Y)
    for metric in chosen:
        check_targets(metric, Y, "Y")
    weights = None if sample_weight is None else weights_of_rows(sample_weight, len(X))
    loss = network.evaluate(X, Y, n_threads, *(() if weights is None else (weights,)))
    A = network.predict(X, None, n_threads)
    return {"loss": loss, **measure(chosen, Y, A, weights)}
