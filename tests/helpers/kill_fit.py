"""A training with everything in it, killed at random moments, that must end in the same bits.

python tests/helpers/kill_fit.py [--kills 50] [--seed 0]

Each process goes on from the checkpoint of the one before, and is killed in turn (SIGKILL), until
as many were as asked for; the last may end. A kill in the midst of a write leaves a temporary file,
by which it is told. There are two trainings, with SGD's momentum and with Adam, on one and three
threads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIMIZERS = {"momentum": "cyprop.SGD(0.05, momentum=0.9)", "adam": "cyprop.Adam(0.003)"}

CHILD = """
import hashlib, json, sys
import numpy as np
import cyprop
from cyprop.engine import threads

threads.LEAST_OF_A_CALL = threads.LEAST_OF_A_BATCH = 1  # so that all threads have a part
threads.processors = lambda: threads.MOST
path, optimizer, n_threads = sys.argv[1:]
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(400, 60)), rng.integers(0, 4, 400)
net = cyprop.Network(
    [60, 200, 100, 4], "relu", loss="cross_entropy", optimizer=eval(optimizer), dropout=0.3, seed=9
)
history = net.fit(
    X, Y, 30, 20, checkpoint=cyprop.Checkpoint(path, 0.001) if path else None,
    schedule="one_cycle", validation_split=0.2, metrics="accuracy",
    early_stopping=cyprop.EarlyStopping("validation_accuracy", patience=20),
    n_threads=int(n_threads),
)
columns = history.columns()
del columns["seconds"]
arrays = b"".join(array.tobytes() for array in (*net.weights, *net.biases))
print(json.dumps([hashlib.sha256(arrays).hexdigest(), columns]))
"""


def run(path: str, optimizer: str, n_threads: int, delay: float | None = None) -> object:
    """What a process ended with, or None if it was killed, so long after its first write."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, path, optimizer, str(n_threads)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if delay is not None:
        before = time_of(path)
        while time_of(path) == before and child.poll() is None:
            time.sleep(0.0005)
        time.sleep(delay)
        child.kill()
    printed, _ = child.communicate(timeout=300)
    return json.loads(printed) if child.returncode == 0 else None


def time_of(path: str) -> int:
    """When the file was written, or 0."""
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    kills = in_writes = 0
    for name, optimizer in OPTIMIZERS.items():
        undisturbed = run("", optimizer, 1)
        assert undisturbed == run("", optimizer, 3) is not None
        goal = arguments.kills * (1 if name == "momentum" else 2) // 2
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.safetensors")
            while True:
                delay = draw.uniform(0, 0.03) if kills < goal else None
                found = run(path, optimizer, draw.choice((1, 3)), delay)
                if found is not None:
                    assert found == undisturbed, f"{name}: other bits after {kills} kills"
                    if kills >= goal:
                        break
                    os.remove(path)  # it was faster; begin again
                    continue
                kills += 1
                in_writes += any(entry.endswith(".tmp") for entry in os.listdir(folder))
            assert os.listdir(folder) == [Path(path).name], "a temporary file was left"
    print(f"{kills} kills, {in_writes} in the midst of a write: the same bits each time")


if __name__ == "__main__":
    main()
