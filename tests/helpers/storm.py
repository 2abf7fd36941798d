"""Thirteen threads that do everything with three networks, and timers that interrupt the main one.

    python tests/helpers/storm.py [--seconds 20] [--seed SEED] [--python-only]

Every update of a network is the same one, whoever makes it, or it changes no weight; and now and
then all weights go back to where they began. So the complete states are a sequence that a second
network can walk through alone, and whatever was predicted, copied or saved must be found there.
Compiled code learns with one of the networks, of which copies and files alone are promised whole.

Prints what was done; exits with 1 if something was wrong, and with a traceback if it hangs.
"""

import argparse
import collections
import copy
import faulthandler
import hashlib
import itertools
import pickle
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from compiled_calls import BUSY, OK, Calls

import cyprop
from cyprop.engine import memory

SIZES = {"short": [4, 8, 3], "long": [200, 330, 4], "compiled": [200, 330, 4]}
RATE = 5e-4
STILL = 1e-40  # a learning rate that changes no weight
MOST_UPDATES = 200  # about so many before the weights go back to where they began
MOST_STATES = 20_000  # that are looked through
TIMER = 0.004  # seconds, at most, from one interruption to the next


class ThunderError(Exception):
    """What a signal handler raises."""


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Target:
    """A network, what it learns, and what was seen of it."""

    def __init__(self, name, dtype):
        self.name, sizes = name, SIZES[name]
        rng = np.random.default_rng(7)
        self.net = cyprop.Network(
            sizes, "tanh", "identity", dtype=dtype, optimizer=cyprop.SGD(RATE)
        )
        for b in self.net.biases:
            b[:] = rng.random(b.size) + 0.5  # to which what a still optimizer adds is nothing
        # Every number is one of float32, so that it is the same however it is passed.
        self.x = rng.random(sizes[0], dtype="f4").astype(dtype)
        self.y = rng.random(sizes[-1], dtype="f4").astype(dtype)
        self.X = np.stack([self.x, *rng.random((39, sizes[0]), dtype="f4").astype(dtype)])
        self.Y = np.zeros((40, sizes[-1]), dtype)
        self.out = np.empty(sizes[-1], dtype)
        self.shared = self.net.bind(self.x, self.out)
        self.alone = copy.deepcopy(self.net)
        self.start = self.net.parameters.copy()
        self.n_updates = 0
        self.seen = collections.defaultdict(set)
        self.whole = name != "compiled"

    def updated(self):
        self.n_updates += 1
        if self.n_updates > MOST_UPDATES:
            self.n_updates = 0
            memory.go_back(self.net, self.start)

    def see(self, kind, *parts):
        """Remember what was seen; where compiled code learns, only what is promised."""
        if self.whole or kind == "weights":
            self.seen[kind].add(digest(*parts))

    def weights(self, net):
        return [np.ascontiguousarray(a).tobytes() for a in (*net.weights, *net.biases)]

    def saw_what_never_was(self):
        """The kinds of what was seen in no complete state, with how many there were of each."""
        left = {kind: set(seen) for kind, seen in self.seen.items()}
        net = self.alone
        for _ in range(MOST_STATES):
            left["row"] = left.get("row", set()) - {digest(net.predict(self.x).tobytes())}
            left["weights"] = left.get("weights", set()) - {digest(*self.weights(net))}
            if left.get("rows"):
                left["rows"].discard(digest(net.predict(self.X).tobytes()))
            if left.get("loss"):
                left["loss"].discard(digest(np.float64(net.evaluate(self.X, self.Y)).tobytes()))
            if left.get("gradient"):
                gradient = net.gradients(self.X, self.Y).parameters
                left["gradient"].discard(digest(gradient.tobytes()))
            if not any(left.values()):
                break
            net.learn_one(self.x, self.y)
        return {kind: len(wrong) for kind, wrong in left.items() if wrong}


def learn_one(target, rng):
    target.net.learn_one(target.x, target.y)
    target.updated()


def learn_float64(target, rng):
    target.net.learn_one(target.x.astype("f8"), target.y.tolist())
    target.updated()


def learn_a_batch(target, rng):
    target.net.train_on_batch(target.x[None], target.y[None], n_threads=rng.choice((1, 2)))
    target.updated()


def fit(target, rng):
    target.net.fit(target.x[None], target.y[None], epochs=1, n_threads=rng.choice((1, 2)))
    target.updated()


def step(target, rng):
    """By nothing, so that the weights stay those of the sequence."""
    target.net.step(np.zeros_like(target.start))


def set_something(target, rng):
    optimizers = cyprop.SGD(RATE), cyprop.Adam(STILL), cyprop.SGD(RATE, momentum=0.0)
    target.net.optimizer = rng.choice(optimizers)
    if rng.random() < 0.3:
        target.net.set_hyperparameters(learning_rate=STILL)


def compiled(target, rng):
    """Compiled code learns one network, and only predicts with the others, unchecked."""
    calls = Calls(target.net)
    for _ in range(10):
        code, _ = calls.predict(target.x) if target.whole else calls.learn_one(target.x, target.y)
        if code not in (OK, BUSY):
            raise AssertionError(f"the compiled function answered with {code}")
        if code == OK and not target.whole:
            target.updated()


def row(target, rng):
    x = target.x
    for given in (x, x[None], x.astype("f8"), x.astype("f8")[None], x.tolist()):
        target.see("row", target.net.predict(given).tobytes())
    target.see("row", target.net.predict(x, np.empty_like(target.y)).tobytes())


def rows(target, rng):
    X = target.X
    target.see("rows", target.net.predict(X, n_threads=rng.choice((1, 2))).tobytes())
    target.see("rows", target.net.predict(X.astype("f8"), np.empty_like(target.Y)).tobytes())
    target.see("row", target.net.predict(X[:8])[0].tobytes())


def bound(target, rng):
    """One of its own, which is checked, and one that all threads share, and so its output."""
    own = target.net.bind(target.x, np.empty_like(target.y))
    many = target.net.bind(target.X, np.empty_like(target.Y))
    for _ in range(5):
        target.see("row", own().tobytes())
        target.see("rows", many().tobytes())
        target.shared()


def evaluate(target, rng):
    loss = target.net.evaluate(target.X, target.Y, rng.choice((1, 2)))
    target.see("loss", np.float64(loss).tobytes())


def gradients(target, rng):
    found = target.net.gradients(target.X, target.Y, n_threads=rng.choice((1, 2)))
    target.see("gradient", found.parameters.tobytes())
    target.net.jacobian(target.X[:2])
    target.net.vjp(target.X[:2], target.Y[:2])


def copies(target, rng):
    path = Path(target.folder) / f"{target.name}-{threading.get_ident()}"
    target.net.save(path)
    for net in (
        copy.copy(target.net),
        copy.deepcopy(target.net),
        pickle.loads(pickle.dumps(target.net)),
        cyprop.Network.load(path),
    ):
        target.see("weights", *target.weights(net))
        state = net.__getstate__()
        if len(state["optimizer_states"]) != {"sgd": 1, "adam": 2}[net.optimizer.name]:
            raise AssertionError("the optimizer's vectors are those of another optimizer")


ACTIONS = {
    "learn one": learn_one,
    "learn float64": learn_float64,
    "learn a batch": learn_a_batch,
    "fit": fit,
    "step": step,
    "set": set_something,
    "compiled": compiled,
    "row": row,
    "rows": rows,
    "bound": bound,
    "evaluate": evaluate,
    "gradients": gradients,
    "copies": copies,
}


class Storm:
    """Threads that each do one thing, and the main one, which does all and is interrupted."""

    def __init__(self, seconds, seed):
        self.end = time.monotonic() + seconds
        self.seed = seed
        self.targets = [Target(name, dtype) for name, dtype in zip(SIZES, ("f4", "f8", "f4"))]
        self.counts = collections.Counter()
        self.wrong = []
        self.is_over = False  # what comes now raises nothing
        self.rng = random.Random(seed + 1)  # of the handlers

    def work(self, name):
        rng = random.Random(f"{self.seed} {name}")
        done = 0
        try:
            while time.monotonic() < self.end and not self.wrong:
                ACTIONS[name](rng.choice(self.targets), rng)
                done += 1
                time.sleep(rng.random() * 3e-4)
        except BaseException as error:
            self.wrong.append(f"{name}: {error!r}")
        self.counts[name] = done

    def handler(self, *_):
        """Use a network, which may be refused in the midst of a call of it, or raise, or both."""
        if self.is_over:
            return
        rng = self.rng
        try:
            rng.choice((learn_one, row, rows, evaluate, set_something))(
                rng.choice(self.targets), rng
            )
            self.counts["handlers that used a network"] += 1
        except RuntimeError as error:
            if "a signal handler interrupted a call of this network" not in str(error):
                self.wrong.append(f"handler: {error!r}")
            self.counts["handlers that were refused"] += 1
        except BaseException as error:
            self.wrong.append(f"handler: {error!r}")
        signal.setitimer(signal.ITIMER_REAL, rng.random() * TIMER + 1e-5)
        if rng.random() < 0.5:
            self.counts["handlers that raised"] += 1
            raise ThunderError

    def interrupted(self):
        """What is interrupted ends in the exception of the handler, or goes on."""
        rng = random.Random(self.seed)
        signal.signal(signal.SIGALRM, self.handler)
        signal.setitimer(signal.ITIMER_REAL, TIMER)
        while time.monotonic() < self.end and not self.wrong:
            name = rng.choice(sorted(ACTIONS))
            try:
                ACTIONS[name](rng.choice(self.targets), rng)
                self.counts["in the main thread"] += 1
            except ThunderError:
                self.counts["in the main thread, interrupted"] += 1
            except BaseException as error:
                self.wrong.append(f"{name} in the main thread: {error!r}")

    def run(self):
        sys.unraisablehook = lambda _: None  # a handler that raises in a finaliser
        threads = [threading.Thread(target=self.work, args=(name,)) for name in ACTIONS]
        with tempfile.TemporaryDirectory() as folder:
            for target in self.targets:
                target.folder = folder
            # A handler that imports what it has interrupted the import of is too much for Python.
            for action, target in itertools.product(ACTIONS.values(), self.targets):
                action(target, random.Random(self.seed))
            for thread in threads:
                thread.start()
            try:
                self.interrupted()
            except ThunderError:  # between two of its lines
                self.is_over = True
            self.is_over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            for thread in threads:
                thread.join()
        self.wrong += self.what_is_left()

    def what_is_left(self):
        """What was seen that never was, and whether the networks can still be used."""
        for target in self.targets:
            for kind, n in target.saw_what_never_was().items():
                yield f"{target.name}: {n} of kind {kind!r} are of no complete update"
            for action in (learn_one, row, rows, evaluate):
                action(target, self.rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--python-only", action="store_true", help="without compiled code, which races by design"
    )
    options = parser.parse_args()
    if options.python_only:
        del ACTIONS["compiled"]
    seed = random.randrange(1 << 30) if options.seed is None else options.seed
    faulthandler.dump_traceback_later(10 * options.seconds + 120, exit=True)
    sys.setswitchinterval(1e-4)
    storm = Storm(options.seconds, seed)
    storm.run()
    for name, count in storm.counts.items():
        print(f"{count:9,}  {name}")
    for target in storm.targets:
        seen = ", ".join(f"{len(of_a_kind):,} {kind}" for kind, of_a_kind in target.seen.items())
        print(f"{target.name}: different {seen}")
    for sentence in storm.wrong:
        print("wrong:", sentence)
    print(f"seed {seed}: " + ("something was wrong" if storm.wrong else "all was right"))
    return 1 if storm.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
