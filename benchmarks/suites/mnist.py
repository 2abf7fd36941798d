"""MNIST by three recipes: accuracy, and the time of an epoch beside PyTorch's.

`classic` is the network that introductions to the field begin with, on the first 50,000 images. The
others learn all 60,000 and are scored once, at the end, on the 10,000 of the test.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import cyprop
from benchmarks import data, report

Images = tuple[Any, Any, Any, Any]


@dataclass(frozen=True)
class Recipe:
    """How one network is made and trained."""

    name: str
    sizes: tuple[int, ...]
    setting: str
    make: Callable[[int], cyprop.Network]  # of a seed
    epochs: int
    batch_size: int
    n_images: int
    schedule: Any = None
    in_pytorch: dict[str, float] | None = None  # of a recipe that PyTorch is given too


def classic() -> Recipe:
    # C is the mean over 10 outputs, so the rate is 3.0 for half the summed squared error.
    optimizer = cyprop.SGD(learning_rate=15.0)
    return Recipe(
        "classic",
        (784, 30, 10),
        "sigmoid, mean squared error, SGD, learning rate 15",
        lambda seed: cyprop.Network((784, 30, 10), optimizer=optimizer, seed=seed),
        epochs=30,
        batch_size=10,
        n_images=50_000,
    )


def modern(
    name: str, sizes: tuple[int, ...], dropout: float, label_smoothing: float, epochs: int
) -> Recipe:
    """Hidden layers of relu with dropout, AdamW at 4e-3 with weight decay 0.01, one cycle."""

    def make(seed: int) -> cyprop.Network:
        return cyprop.Network(
            sizes,
            "relu",
            loss=cyprop.CrossEntropy(label_smoothing=label_smoothing),
            optimizer=cyprop.AdamW(4e-3, weight_decay=0.01),
            dropout=dropout,
            seed=seed,
        )

    smoothed = f", label smoothing {label_smoothing:g}" if label_smoothing else ""
    return Recipe(
        name,
        sizes,
        f"relu, dropout {dropout:g}, cross entropy{smoothed}, AdamW, learning rate 0.004,"
        " weight decay 0.01, one cycle",
        make,
        epochs=epochs,
        batch_size=128,
        n_images=60_000,
        schedule=cyprop.OneCycle(),
        in_pytorch={
            "learning_rate": 4e-3,
            "weight_decay": 0.01,
            "dropout": dropout,
            "label_smoothing": label_smoothing,
        },
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        classic(),
        modern("wide", (784, 512, 512, 10), dropout=0.3, label_smoothing=0.0, epochs=30),
        modern("small", (784, 300, 10), dropout=0.4, label_smoothing=0.1, epochs=30),
    )
}


def train(recipe: Recipe, seed: int, images: Images) -> tuple[float, list[float]]:
    """Test accuracy in per cent, and the seconds of each epoch."""
    X, Y, X_test, labels = images
    net = recipe.make(seed)
    more = {} if recipe.schedule is None else {"schedule": recipe.schedule}
    history = net.fit(X, Y, epochs=recipe.epochs, batch_size=recipe.batch_size, **more)
    accuracy = 100 * np.mean(net.predict(X_test).argmax(axis=1) == labels)
    return float(accuracy), history.seconds


def train_in_pytorch(recipe: Recipe, seed: int, images: Images) -> tuple[float, list[float]]:
    """The same by PyTorch."""
    from benchmarks.peers import torch_recipe

    assert recipe.in_pytorch is not None
    return torch_recipe.train(
        recipe.sizes,
        images,
        **recipe.in_pytorch,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
    )


def measured(
    label: str,
    train: Callable[[Recipe, int, Images], tuple[float, list[float]]],
    recipe: Recipe,
    seeds: list[int],
    images: Images,
) -> dict[str, Any]:
    """The runs of all seeds, and their means, said while they are made."""
    runs = []
    for seed in seeds:
        accuracy, seconds = train(recipe, seed, images)
        median = statistics.median(seconds)
        runs.append({"seed": seed, "accuracy": accuracy, "seconds_an_epoch": median})
        print(f"{label}, seed {seed}: {accuracy:.2f} % of the test images right,", end="")
        print(f" {median:.3f} s an epoch", flush=True)
    mean = statistics.mean(run["accuracy"] for run in runs)
    seconds_an_epoch = statistics.median(run["seconds_an_epoch"] for run in runs)
    print(f"{label}: mean {mean:.2f} %, {seconds_an_epoch:.3f} s an epoch", flush=True)
    return {"label": label, "accuracy": mean, "seconds_an_epoch": seconds_an_epoch, "runs": runs}


def results_of(recipe: Recipe, options: argparse.Namespace, missing: list[str]) -> dict[str, Any]:
    """One recipe by cyprop, and by PyTorch where it has it."""
    network = "-".join(map(str, recipe.sizes))
    print(f"\n{recipe.name}: {network}, {recipe.setting}")
    images = data.mnist(options.path, n_images=recipe.n_images)
    found = [measured("cyprop", train, recipe, options.seeds, images)]
    if recipe.in_pytorch is not None and options.peer_seeds:
        try:
            found.append(measured("PyTorch", train_in_pytorch, recipe, options.peer_seeds, images))
        except ImportError as error:
            missing.append(f"PyTorch ({error})")
            print(f"not installed: {missing[-1]}")
    return {
        "recipe": recipe.name,
        "network": network,
        "setting": recipe.setting,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "images": recipe.n_images,
        "results": found,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks mnist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", help="an .npz file with x_train, y_train, x_test, y_test")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--epochs", type=int, help="in place of each recipe's own number")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--peer-seeds", type=int, nargs="*", default=[0], help="of PyTorch's trainings; default 0"
    )
    report.add_output(parser)
    options = parser.parse_args(arguments)
    missing: list[str] = []
    recipes = []
    for name in options.recipes:
        recipe = RECIPES[name]
        if options.epochs is not None:
            recipe = replace(recipe, epochs=options.epochs)
        recipes.append(results_of(recipe, options, missing))
    report.save("mnist", {"recipes": recipes, "missing": missing}, options.output)
