"""Clusters for tests, networks and partitions to learn from, and what a training must end in."""

import copy
import hashlib
from contextlib import contextmanager

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import cyprop

SIZES = (37, 50, 13, 41, 29)  # rows of the partitions: nothing divides them


@contextmanager
def threads(n_workers, **options):
    """A client with so many workers of one thread each, in this process."""
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=False,
            dashboard_address=":0",
            silence_logs=50,
            **options,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def network(dtype="float32", seed=3, **options):
    chosen = {"optimizer": "adam", "loss": "cross_entropy", **options}
    return cyprop.Network([6, 9, 3], "tanh", dtype=dtype, seed=seed, **chosen)


def rows(dtype="float64", seed=1):
    """X (n, 6) and labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(sum(SIZES), 6)).astype(dtype)
    return X, np.argmax(X[:, :3] + 0.1 * rng.normal(size=(len(X), 3)), axis=1)


def parted(*arrays):
    """The arrays as dask arrays with partitions of SIZES."""
    return [da.from_array(array, chunks=(SIZES, *array.shape[1:])) for array in arrays]


def slices():
    ends = np.cumsum(SIZES)
    return [slice(end - n, end) for n, end in zip(SIZES, ends)]


def bits(net):
    """All that learning has changed."""
    state = net.__getstate__()
    arrays = [*net.weights, *net.biases, *state["optimizer_states"]]
    numbers = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(numbers + repr(state["optimizer_tally"]).encode()).hexdigest()


def mean_of(arrays, weights):
    """Summed in float64, in order."""
    total = np.zeros(arrays[0].shape)
    for array, weight in zip(arrays, weights):
        total += weight / sum(weights) * array.astype(np.float64)
    return total


def with_state(net, parameters, states, tally):
    """The network with these numbers."""
    other = copy.deepcopy(net)
    state = other.__getstate__()
    changed = {"parameters": parameters, "optimizer_states": states, "optimizer_tally": tally}
    blank = type(net).__new__(type(net))
    blank.__setstate__({**state, **changed})
    return blank


def local_rounds(net, X, labels, n_rounds, local_epochs, batch_size, weights=None):
    """Local SGD written out, in one process and in order; the network, and the rounds' losses."""
    losses = []
    for _ in range(n_rounds):
        states, found, total = [], [], []
        for part in slices():
            twin = copy.deepcopy(net)
            own = {} if weights is None else {"sample_weight": weights[part]}
            history = twin.fit(
                *(X[part], labels[part], local_epochs, batch_size), shuffle=False, **own
            )
            states.append(twin.__getstate__())
            found.append(history.loss[-1])
            total.append(len(X[part]) if weights is None else weights[part].sum())
        dtype = net.dtype
        tally = [
            float(mean_of([np.array(number) for number in numbers], total))
            for numbers in zip(*(state["optimizer_tally"] for state in states))
        ]
        tally[-1] = max(state["optimizer_tally"][-1] for state in states)
        net = with_state(
            net,
            mean_of([state["parameters"] for state in states], total).astype(dtype),
            [
                mean_of(list(vectors), total).astype(dtype)
                for vectors in zip(*(state["optimizer_states"] for state in states))
            ],
            tally,
        )
        losses.append(float(mean_of([np.array(loss) for loss in found], total)))
    return net, losses


def gradient_rounds(net, X, labels, n_rounds, local_epochs, batch_size, seeds=None, weights=None):
    """One step from the mean of the partitions' gradients after another, as documented.

    `seeds` are those of the rounds; None: rows in their order.
    """
    for number in range(n_rounds):
        for passed in range(local_epochs):
            orders = [
                np.arange(n)
                if seeds is None
                else np.random.Generator(np.random.PCG64([seeds[number] + passed, i])).permutation(
                    n
                )
                for i, n in enumerate(SIZES)
            ]
            for batch in range(-(-max(SIZES) // batch_size)):
                vectors, total = [], []
                for part, order in zip(slices(), orders):
                    chosen = order[batch * batch_size : (batch + 1) * batch_size]
                    if not len(chosen):
                        continue
                    own = {} if weights is None else {"sample_weight": weights[part][chosen]}
                    found = net.gradients(
                        *(X[part][chosen], labels[part][chosen], False), training=True, **own
                    )
                    vectors.append(found.parameters)
                    total.append(len(chosen) if weights is None else weights[part][chosen].sum())
                net.step(mean_of(vectors, total).astype(net.dtype))
    return net


def seeds_of_rounds(net, n):
    """What the network's generator draws for so many rounds."""
    rng = copy.deepcopy(net.__getstate__()["rng"])
    return [int(rng.integers(1 << 62)) for _ in range(n)]
