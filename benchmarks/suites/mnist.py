"""The classic network on MNIST: accuracy after 30 epochs, and the time of an epoch."""

import argparse
import statistics
from typing import Any

import numpy as np

import cyprop
from benchmarks import data, report

SIZES = (784, 30, 10)
LEARNING_RATE = 15.0  # C is the mean over 10 outputs: 3.0 for half the summed squared error


def train(seed: int, epochs: int, images: tuple[Any, Any, Any, Any]) -> tuple[float, list[float]]:
    """Test accuracy in per cent, and the seconds of each epoch."""
    X, Y, X_test, labels = images
    net = cyprop.Network(SIZES, optimizer=cyprop.SGD(learning_rate=LEARNING_RATE), seed=seed)
    history = net.fit(X, Y, epochs=epochs, batch_size=10)
    accuracy = 100 * np.mean(net.predict(X_test).argmax(axis=1) == labels)
    return float(accuracy), history.seconds


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks mnist", description=__doc__)
    parser.add_argument("path", help="an .npz file with x_train, y_train, x_test, y_test")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    report.add_output(parser)
    options = parser.parse_args(arguments)
    images = data.mnist(options.path)
    runs = []
    for seed in options.seeds:
        accuracy, seconds = train(seed, options.epochs, images)
        runs.append(
            {"seed": seed, "accuracy": accuracy, "seconds_an_epoch": statistics.median(seconds)}
        )
        print(
            f"seed {seed}: {accuracy:.2f} % of the test images right,"
            f" {statistics.median(seconds):.3f} s an epoch"
        )
    mean = statistics.mean(run["accuracy"] for run in runs)
    seconds_an_epoch = statistics.median(run["seconds_an_epoch"] for run in runs)
    print(f"mean {mean:.2f} %, {seconds_an_epoch:.3f} s an epoch")
    content = {
        "network": "-".join(map(str, SIZES)),
        "setting": "sigmoid, mean squared error, SGD, batch 10, learning rate 15, 50,000 images",
        "epochs": options.epochs,
        "accuracy": mean,
        "seconds_an_epoch": seconds_an_epoch,
        "runs": runs,
    }
    report.save("mnist", content, options.output)
