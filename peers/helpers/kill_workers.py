"""Trainings on a cluster, a worker of which is killed at a random moment of each: the same bits.

python peers/helpers/kill_workers.py [--runs 20] [--seed 0]

Each run counts only if it is proven that the worker died with a task of a round under way: the
worker itself named the task as executing before the kill (SIGKILL), and the scheduler names it
among those that were not done when it saw the worker go. The workers are processes of one machine,
each under a nanny that starts another in its place.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import threading
import time
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import cyprop
import cyprop.dask

N_PARTITIONS = 8


class Ended(NamedTuple):
    """How a training ended."""

    bits: str
    seconds: float
    history: cyprop.History


class Training:
    """The training that is done again and again.

    Parameters
    ----------
    client : Client
    rounds, n : int
        How many, and the rows of a partition.
    options : more of cyprop.dask.fit
    """

    def __init__(self, client: Client, rounds: int = 6, n: int = 20_000, **options: Any) -> None:
        self.client, self.rounds, self.options = client, rounds, options
        rng = da.random.default_rng(3)
        X = rng.normal(size=(N_PARTITIONS * n, 40), chunks=(n, 40)).astype("float32")
        labels = (X[:, :5] + X[:, 5:10] * X[:, 10:15]).argmax(axis=1)
        self.X, self.Y = client.persist([X, labels])

    def run(self) -> Ended:
        net = cyprop.Network(
            [40, 64, 64, 5], "relu", loss="cross_entropy", optimizer="adam", dropout=0.2, seed=7
        )
        started = time.perf_counter()
        history = cyprop.dask.fit(
            *(net, self.X, self.Y),
            rounds=self.rounds,
            outer=cyprop.SGD(0.7, momentum=0.9, nesterov=True),
            client=self.client,
            progress=False,
            **self.options,
        )
        seconds = time.perf_counter() - started
        numbers = [array.tobytes() for array in (*net.weights, *net.biases)]
        numbers.append(np.array(history.loss).tobytes())
        return Ended(hashlib.sha256(b"".join(numbers)).hexdigest(), seconds, history)

    def run_and_kill(self, draw: random.Random, undisturbed: float) -> tuple[Ended, str]:
        """Train, and kill a worker meanwhile; and the task that died with it, or "" if none did."""
        done: list[Any] = []

        def train() -> None:
            try:
                done.append(self.run())
            except BaseException as error:  # to be raised in the thread that waits
                done.append(error)

        thread = threading.Thread(target=train)
        thread.start()
        time.sleep(draw.uniform(0.05, 0.8) * undisturbed)
        patience = 20 * undisturbed + 60
        address, key = self._kill_one(draw, thread, time.monotonic() + patience)
        thread.join(timeout=patience)
        assert not thread.is_alive(), "it hangs"
        [ended] = done
        if isinstance(ended, BaseException):
            raise ended
        return ended, key if self._died_with(address, key) else ""

    def _kill_one(
        self, draw: random.Random, thread: threading.Thread, end: float
    ) -> tuple[str, str]:
        """Kill a worker that says it executes a task of a round; its address, and the task."""

        def executing(dask_worker: Any) -> tuple[int, list[str]]:
            return os.getpid(), [task.key for task in dask_worker.state.executing]

        while thread.is_alive() and time.monotonic() < end:
            found = self.client.run(executing, on_error="ignore")
            busy = [
                (address, pid, key)
                for address, (pid, keys) in sorted(found.items())
                for key in keys
                if key.startswith("cyprop-round-")
            ]
            if busy:
                address, pid, key = draw.choice(busy)
                os.kill(pid, signal.SIGKILL)
                return address, key
        return "", ""

    def _died_with(self, address: str, key: str) -> bool:
        """Whether the scheduler saw the worker go with that task not done."""
        for _, event in self.client.get_events("all"):
            if event.get("action") == "remove-worker" and event.get("worker") == address:
                return key in event["processing-tasks"]
        return False


def proven(
    training: Training, runs: int, seed: int, say: Any = lambda text: None
) -> tuple[Ended, list[Ended]]:
    """An undisturbed run, and as many in each of which a worker died with a task of a round."""
    training.run()  # in which the workers import what they need
    undisturbed = training.run()
    say(f"undisturbed: {undisturbed.seconds:.2f} s, {undisturbed.bits[:12]}")
    draw = random.Random(seed)
    found: list[Ended] = []
    for _ in range(4 * runs):
        see_that_there_are_four(training.client)
        ended, key = training.run_and_kill(draw, undisturbed.seconds)
        say(f"{len(found) + 1:3} {ended.seconds:.2f} s, {ended.bits[:12]}: {key or 'no proof'}")
        if key:
            found.append(ended)
        if len(found) == runs:
            return undisturbed, found
    raise AssertionError(f"only {len(found)} of {4 * runs} kills are proven")


def see_that_there_are_four(client: Client) -> None:
    """A nanny whose worker was killed while it began may have given up: then there is one more."""
    try:
        client.wait_for_workers(4, timeout=15)
    except TimeoutError:
        client.cluster.scale(len(client.cluster.workers) + 1)
        client.wait_for_workers(4, timeout=60)


def cluster() -> LocalCluster:
    """Four workers, each a process with one thread."""
    return LocalCluster(
        n_workers=4, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with cluster() as workers, Client(workers) as client:
        undisturbed, ended = proven(Training(client), arguments.runs, arguments.seed, print)
    assert {run.bits for run in ended} == {undisturbed.bits}, "other bits"
    slowest = max(run.seconds for run in ended) / undisturbed.seconds
    print(f"{len(ended)} runs with a worker killed: the same bits, the slowest {slowest:.2f} times")


if __name__ == "__main__":
    main()
