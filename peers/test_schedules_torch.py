"""Schedules beside PyTorch's schedulers, update for update."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import cyprop

ETA = 0.3
LENGTHS = (2, 7, 10, 100, 1000)


def rates_of(make, n):
    """The rate at each of n updates under the scheduler that make(optimizer) gives."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=ETA)
    scheduler = make(optimizer)
    found = []
    for t in range(n):
        if t > 0:
            optimizer.step()
            scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    return np.array(found)


def warm_cosine(optimizer, warmup, low, n):
    w = math.floor(warmup * n)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, n - w, eta_min=low)
    if w == 0:
        return cosine
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (w + 1), total_iters=w)
    return lr_scheduler.SequentialLR(optimizer, [rise, cosine], milestones=[w])


PAIRS = [
    (cyprop.Constant(), lambda o, n: lr_scheduler.ConstantLR(o, factor=1)),
    (cyprop.Step(3), lambda o, n: lr_scheduler.StepLR(o, 3)),
    (cyprop.Step(10, factor=0.8), lambda o, n: lr_scheduler.StepLR(o, 10, gamma=0.8)),
    (cyprop.Exponential(0.99), lambda o, n: lr_scheduler.ExponentialLR(o, 0.99)),
    (cyprop.Cosine(), lambda o, n: lr_scheduler.CosineAnnealingLR(o, n)),
    (cyprop.Cosine(low=0.01), lambda o, n: lr_scheduler.CosineAnnealingLR(o, n, eta_min=0.01)),
    (cyprop.Cosine(warmup=0.1), lambda o, n: warm_cosine(o, 0.1, 0.0, n)),
    (cyprop.Cosine(warmup=0.5, low=0.1), lambda o, n: warm_cosine(o, 0.5, 0.1, n)),
    (
        cyprop.OneCycle(),
        lambda o, n: lr_scheduler.OneCycleLR(o, ETA, total_steps=n, cycle_momentum=False),
    ),
    (
        cyprop.OneCycle(warmup=0.6, start_factor=0.1, end_factor=0.002),
        lambda o, n: lr_scheduler.OneCycleLR(
            o,
            ETA,
            total_steps=n,
            pct_start=0.6,
            div_factor=10,
            final_div_factor=50,
            cycle_momentum=False,
        ),
    ),
    (
        cyprop.InverseScaling(0.7),
        lambda o, n: lr_scheduler.LambdaLR(o, lambda t: (t + 1) ** -0.7),
    ),
    (cyprop.Polynomial(), lambda o, n: lr_scheduler.PolynomialLR(o, n)),
    (cyprop.Polynomial(power=2.5), lambda o, n: lr_scheduler.PolynomialLR(o, n, power=2.5)),
]


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize(("mine", "theirs"), PAIRS, ids=[repr(mine) for mine, _ in PAIRS])
def test_rates_meet_those_of_the_scheduler(mine, theirs, n):
    found = mine.rates(n, ETA)
    expected = rates_of(lambda optimizer: theirs(optimizer, n), n)
    # Some of PyTorch's go from one rate to the next, and gather a rounding with each.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=n * 1e-16 * ETA)


@pytest.mark.parametrize("patience", [0, 1, 4])
@pytest.mark.parametrize("min_delta", [0.0, 1e-4, 0.05])
@pytest.mark.parametrize("low", [0.0, 0.004])
def test_reduce_on_plateau_meets_reduce_lr_on_plateau(rng, patience, min_delta, low):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=ETA)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, threshold=min_delta, min_lr=low, eps=0
    )
    schedule = cyprop.ReduceOnPlateau(0.5, patience=patience, min_delta=min_delta, low=low)
    mine = schedule.begin(ETA)
    losses = 2 * np.exp(-np.arange(200) / 30) + 0.3 * rng.random(200)
    falls = 0
    for loss in losses:
        before = mine.rate
        theirs.step(loss)
        rate = mine.after_epoch(loss)
        assert rate == optimizer.param_groups[0]["lr"]
        falls += rate < before
    assert falls > 3
