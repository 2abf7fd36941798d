"""What training pays for what can be asked of it: clipping, dropout, and a step beside PyTorch's.

Each option's epoch of 784-300-10 is timed beside the plain one, whose gradient never exists as a
whole; `× plain` is the ratio of their medians. A step of AdamW, from a gradient that is there, is
timed beside that of PyTorch's fused AdamW on parameters of the same shapes.
"""

import argparse
from typing import Any

import numpy as np

import cyprop
from benchmarks import budget, common, data, report
from benchmarks.timing import Candidate, compare

SIZES = (784, 300, 10)
BATCHES = (32, 128)
STEPS = ((784, 300, 10), (784, 512, 512, 10))
SAMPLES = 6400
LEARNING_RATE = 0.05

# What is asked of the network, and of the training.
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "clip_norm, which clips": ({}, {"clip_norm": 0.1}),
    "clip_norm, which need not": ({}, {"clip_norm": 1e3}),
    "clip_value": ({}, {"clip_value": 1e-3}),
    "dropout 0.3": ({"dropout": 0.3}, {}),
    "l2": ({"l2": 1e-4}, {}),
    "sample_weight": ({}, {"sample_weight": np.ones(SAMPLES)}),
    "schedule": ({}, {"schedule": "cosine"}),
}


def epoch(label: str, batch_size: int) -> Candidate:
    of_network, of_training = OPTIONS[label]
    X, Y = data.dense(SAMPLES, SIZES[0], SIZES[-1], "float32")
    Y = data.one_hot(Y.argmax(axis=1), "float32")
    optimizer = cyprop.SGD(LEARNING_RATE)
    net = cyprop.Network(
        SIZES, "relu", loss="cross_entropy", optimizer=optimizer, seed=1, **of_network
    )

    def train() -> None:
        net.fit(X, Y, epochs=1, batch_size=batch_size, **of_training)

    return Candidate(label, train, per_call=-(-SAMPLES // batch_size), kind="ours")


def step(sizes: tuple[int, ...]) -> list[Candidate]:
    """One update by a gradient that is there; PyTorch's weights and biases are tensors each."""
    import torch

    torch.set_num_threads(1)
    net = cyprop.Network(sizes, "relu", optimizer=cyprop.AdamW(), seed=1)
    rng = np.random.default_rng(1)
    gradient = np.zeros_like(net.parameters)
    gradient[...] = rng.normal(scale=1e-3, size=gradient.shape)
    weights = [torch.nn.Parameter(torch.tensor(W)) for W in net.weights]
    biases = [torch.nn.Parameter(torch.tensor(b)) for b in net.biases]
    for parameter in (*weights, *biases):
        parameter.grad = torch.tensor(rng.normal(scale=1e-3, size=parameter.shape).astype("f4"))
    groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.01, fused=True)
    return [
        Candidate("cyprop", net.step, [(gradient,)], kind="ours"),
        Candidate("PyTorch, fused", theirs.step),
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks options", description=__doc__)
    common.add_repeats(parser, repeats=21)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    cases, missing = [], list[str]()
    for batch_size in budget.each(BATCHES):
        entrants = [epoch(label, batch_size) for label in OPTIONS]
        results = report.entries(entrants, compare(entrants, options.repeats))
        plain = results[0]["median"]
        print(f"784-300-10, batch {batch_size}: an update")
        for row in results:
            row["times_plain"] = row["median"] / plain
            print(
                f"  {row['label']:28}{report.seconds(row['median']):>10}  {row['times_plain']:.3f}"
            )
        cases.append({"case": f"784-300-10, batch {batch_size}", "results": results})
    for sizes in budget.each(STEPS):
        try:
            entrants = step(sizes)
        except ImportError as error:
            missing = [f"torch ({error})"]
            continue
        results = report.entries(entrants, compare(entrants, options.repeats))
        name = "-".join(map(str, sizes))
        ratio = results[0]["median"] / results[1]["median"]
        print(f"{name}: a step of AdamW")
        for row in results:
            print(f"  {row['label']:28}{report.seconds(row['median']):>10}")
        print(f"  ours ÷ theirs {ratio:.3f}")
        cases.append({"case": f"step of AdamW, {name}", "ratio": ratio, "results": results})
    report.save("options", {"missing": missing, "cases": cases}, options.output)
